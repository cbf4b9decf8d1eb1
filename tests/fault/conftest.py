"""Options and fixtures of the suite of faults; see README.md."""

import dataclasses
import pathlib
import random
import shutil
import tempfile

import pytest

from bad_days.kafka_log import KafkaLog
from bad_days.redis_cluster import ClusterView
from bad_days.rows import ROWS
from bad_days.stores import RedisLog, SingleView, SmallDisk
from harness import stubs

LOGS = {"redis": RedisLog, "kafka": KafkaLog}
VIEWS = {"single": SingleView, "cluster": ClusterView}

_lines = []


@dataclasses.dataclass(frozen=True)
class Options:
    log: str
    view: str
    layout: str
    slice: bool
    seed: int
    previous: pathlib.Path | None

    def stores(self, directory, row):
        return (LOGS[self.log](directory, gated="log" in row.gated, disk_mebibytes=row.log_disk_mebibytes),
                VIEWS[self.view](directory, gated="view" in row.gated))

    def cannot(self, row):
        """Why this row cannot be run, or None."""
        for what, kind in row.needs.items():
            if getattr(self, what) != kind:
                return f"it is about --{what} {kind}"
        if row.log_disk_mebibytes and not SmallDisk.possible():
            return "it needs root to mount a small disk"
        if row.starts_previous and self.previous is None:
            return "it needs --previous"
        return None


def pytest_addoption(parser):
    group = parser.getgroup("bad days")
    group.addoption("--row", action="append", choices=list(ROWS), help="only this row; may be given often")
    group.addoption("--log", choices=list(LOGS), default="redis")
    group.addoption("--view", choices=list(VIEWS), default="single")
    group.addoption("--layout", choices=("together", "apart"), default="together",
                    help="epigrid-dev twice, or each service's own binary twice")
    group.addoption("--slice", action="store_true", help="the short slice that CI runs")
    group.addoption("--previous", type=pathlib.Path, help="directory of the binaries of the version before")
    group.addoption("--seed", type=int, default=random.SystemRandom().randrange(1 << 31))


@pytest.fixture(scope="session")
def options(request):
    config = request.config
    return Options(*(config.getoption(name) for name in ("--log", "--view", "--layout", "--slice", "--seed", "--previous")))


def pytest_generate_tests(metafunc):
    if "row" in metafunc.fixturenames:
        config = metafunc.config
        names = config.getoption("--row") or [
            name for name, row in ROWS.items() if row.in_slice or not config.getoption("--slice")]
        metafunc.parametrize("row", [ROWS[name] for name in names], ids=names)


@pytest.fixture(scope="session", autouse=True)
def generated_stubs(tmp_path_factory):
    """Makes epigrid.*.v1 importable."""
    stubs.generate(tmp_path_factory.mktemp("stubs"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    item.failed = getattr(item, "failed", False) or report.failed
    return report


@pytest.fixture
def directory(request):
    """A directory of the row's own. It is kept, and named, when the row fails."""
    path = pathlib.Path(tempfile.mkdtemp(prefix="epigrid-fault-"))
    yield path
    if getattr(request.node, "failed", False):
        print(f"\nwhat the processes said: {path}")
    else:
        shutil.rmtree(path)


@pytest.fixture
def note():
    """Adds a line to the summary at the end."""
    return _lines.append


def pytest_terminal_summary(terminalreporter, config):
    if _lines:
        terminalreporter.section(f"bad days, seed {config.getoption('--seed')}")
        for line in _lines:
            terminalreporter.write_line(line)
