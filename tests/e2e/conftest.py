"""Fixtures of the end-to-end tests; see README.md."""

import pathlib
import shutil
import tempfile

import pytest

from harness import stubs
from harness.epigrid import running
from harness.webhooks import WebhookReceiver


@pytest.fixture(scope="session", autouse=True)
def generated_stubs(tmp_path_factory):
    """Makes epigrid.*.v1 importable."""
    stubs.generate(tmp_path_factory.mktemp("stubs"))


@pytest.fixture
def directory(request):
    """A directory of the test's own. It is kept, and named, when the test fails."""
    path = pathlib.Path(tempfile.mkdtemp(prefix="epigrid-e2e-"))
    yield path
    if getattr(request.node, "failed", False):
        print(f"\nwhat the processes said: {path}")
    else:
        shutil.rmtree(path)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    item.failed = getattr(item, "failed", False) or report.failed
    return report


@pytest.fixture
def receiver():
    """A webhook receiver to which nothing wrongly signed may come."""
    with WebhookReceiver() as webhooks:
        yield webhooks
        assert webhooks.refused == []


@pytest.fixture
def epigrid(directory):
    """epigrid-dev with two Redis servers of its own, ready to serve."""
    with running(directory) as process:
        yield process
