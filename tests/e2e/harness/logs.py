"""What the facts are kept in: a Redis process, or Kafka. A test that names the fixture `logs` may be run on both:

    ON_BOTH_LOGS = pytest.mark.parametrize("logs", ["redis", "kafka"], indirect=True, scope="module")

    with logs.new(directory) as log, EpigridDev(directory / "epigrid", log, view):
        ...
        log.back_up(directory / "backup")
    with logs.restored(directory / "backup", directory / "new") as log:
        ...
"""

import contextlib
import itertools
import os
import subprocess

import pytest

from harness.processes import REPOSITORY, Redis, binary, plain_environment
from harness.script import Script

ON_BOTH_LOGS = pytest.mark.parametrize("logs", ["redis", "kafka"], indirect=True, scope="module")


def _deploy(command, *arguments, environment=None):
    """deploy/backup or deploy/restore."""
    path = f"{binary('epigrid-dev').parent}:{os.environ['PATH']}"
    done = subprocess.run([REPOSITORY / "deploy" / command, *arguments], text=True, capture_output=True, check=False,
                          env={**plain_environment(), "PATH": path, **(environment or {})})
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"


class RedisLogs:
    """Each log is a Redis process of its own."""

    kind = "redis"

    def new(self, directory):
        return RedisLog("redis-log", directory / "log", durable=True)

    @contextlib.contextmanager
    def restored(self, backup, directory):
        _deploy("restore", backup, directory)
        with RedisLog("restored-log", directory, durable=True) as log:
            yield log


class RedisLog(Redis):
    def back_up(self, directory, *options):
        _deploy("backup", "--log", f"127.0.0.1:{self.port}", *options, directory)


class KafkaLogs:
    """One broker, on which each log has topics of its own."""

    kind = "kafka"

    def __init__(self, directory):
        self._script = Script(REPOSITORY / "deploy/kafka/kafka", directory)
        self._numbers = itertools.count(1)

    def __enter__(self):
        self._script.start()
        return self

    def __exit__(self, *_):
        self._script("kill", "1")  # nobody needs what it has any more

    def new(self, _directory):
        return KafkaLog(self._script.read("bootstrap"), f"log-{next(self._numbers)}.")

    @contextlib.contextmanager
    def restored(self, backup, directory):
        log = self.new(directory)
        _deploy("restore", "--kafka", log.brokers, backup, directory, environment=log.environment())
        yield log


class KafkaLog:
    """Topics under a prefix; there is nothing to start or to stop."""

    def __init__(self, brokers, prefix):
        self.brokers, self._prefix = brokers, prefix

    def settings(self):
        # Few shards: a broker makes some thirty partitions a second.
        return {"log-kind": "kafka", "log-kafka-brokers": self.brokers, "log-shard-count": 8, **self._of_topics()}

    def environment(self):
        """The settings of the topics, as variables."""
        return {"EPIGRID_" + name.upper().replace("-", "_"): str(value) for name, value in self._of_topics().items()}

    def _of_topics(self):
        return {"log-kafka-topic-prefix": self._prefix, "log-kafka-replication": 1, "log-kafka-min-insync-replicas": 1}

    def back_up(self, directory, *options):
        _deploy("backup", "--kafka", self.brokers, *options, directory, environment=self.environment())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass
