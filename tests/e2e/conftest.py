"""Fixtures of the end-to-end tests; see README.md."""

import contextlib
import pathlib
import shutil
import tempfile

import pytest

from harness import stubs
from harness.epigrid import running
from harness.logs import KafkaLogs, RedisLogs
from harness.webhooks import WebhookReceiver


@pytest.fixture(scope="session", autouse=True)
def generated_stubs(tmp_path_factory):
    """Makes epigrid.*.v1 importable."""
    stubs.generate(tmp_path_factory.mktemp("stubs"))


@contextlib.contextmanager
def _directory_of(node):
    path = pathlib.Path(tempfile.mkdtemp(prefix="epigrid-e2e-"))
    yield path
    if getattr(node, "failed", False):
        print(f"\nwhat the processes said: {path}")
    else:
        shutil.rmtree(path)


@contextlib.contextmanager
def _honest_receiver():
    with WebhookReceiver() as webhooks:
        yield webhooks
        assert webhooks.refused == []


@pytest.fixture
def directory(request):
    """A directory of the test's own. It is kept, and named, when the test fails."""
    with _directory_of(request.node) as path:
        yield path


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    for node in (item, item.getparent(pytest.Module)):
        node.failed = getattr(node, "failed", False) or report.failed
    return report


@pytest.fixture
def receiver():
    """A webhook receiver to which nothing wrongly signed may come."""
    with _honest_receiver() as webhooks:
        yield webhooks


@pytest.fixture(scope="module")
def logs(request):
    """What makes the logs of a file's tests: Redis, or what ON_BOTH_LOGS (harness/logs.py) says."""
    if getattr(request, "param", "redis") == "redis":
        yield RedisLogs()
        return
    with _directory_of(request.node) as path, KafkaLogs(path / "kafka") as kafka:
        yield kafka


@pytest.fixture
def epigrid(directory, receiver, logs):
    """epigrid-dev with a log and a view of its own, ready to serve; its messages go to the receiver."""
    with running(directory, logs, receiver=receiver) as process:
        yield process


@pytest.fixture(scope="module")
def shared_epigrid(request, logs):
    """epigrid-dev for all tests of one file that have people and places of their own."""
    with _directory_of(request.node) as path, _honest_receiver() as webhooks, \
            running(path, logs, receiver=webhooks) as process:
        yield process


@pytest.fixture
def city(shared_epigrid, request):
    """The city's partners (harness/city.py), on the file's epigrid-dev, with names of the test's own."""
    from harness.city import City  # needs the generated stubs

    return City(shared_epigrid, scope=request.node.name)
