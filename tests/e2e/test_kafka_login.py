"""Brokers that one reaches by TLS and a password (SCRAM): a service that knows it serves; one that does not says so, and
ends."""

import contextlib

import pytest

from harness.epigrid import EpigridDev, write_secret
from harness.processes import REPOSITORY, Redis
from harness.script import Script


class GuardedLog:
    """A broker that lets in who shows DIR/user and DIR/password, and whose CA is DIR/ca.pem."""

    def __init__(self, directory):
        self._directory = directory
        # Debian 12's librdkafka cannot log in to a newer one: docs/kafka.md.
        self._script = Script(REPOSITORY / "deploy/kafka/kafka", directory)

    def __enter__(self):
        self._script.start("--tls", "--sasl", "--oldest")
        return self

    def __exit__(self, *_):
        self._script("kill", "1")

    def settings(self):
        return {
            "log-kind": "kafka", "log-kafka-brokers": self._script.read("bootstrap"), "log-shard-count": 8,
            "log-kafka-replication": 1, "log-kafka-min-insync-replicas": 1,
            "log-kafka-tls": "true", "log-kafka-tls-ca": self._directory / "ca.pem",
            "log-kafka-user": self._script.read("user"), "log-kafka-password-file": self._directory / "password"}


@pytest.fixture
def stores(directory):
    with GuardedLog(directory / "kafka") as log, Redis("redis-view", directory / "view", durable=False) as view:
        yield log, view


def test_who_knows_the_password_serves_and_who_does_not_is_told(directory, stores, receiver):
    from harness.city import City

    log, view = stores
    with EpigridDev(directory / "epigrid", log, view, receiver=receiver) as epigrid:
        city = City(epigrid)
        anna = city.register("anna")[0]
        city.quiet()
        assert city.code(anna).colour == "GREEN"

    guessed = write_secret(directory / "guessed", "guessed")
    stranger = EpigridDev(directory / "stranger", log, view, settings={"log-kafka-password-file": guessed})
    with contextlib.closing(contextlib.ExitStack()) as stack:
        stack.callback(stranger.stop)
        stranger.launch()
        with pytest.raises(AssertionError, match="ended with status"):
            stranger.await_ready()
    assert "LOG_FORBIDDEN" in stranger.output_end()
    assert "log.kafka_password" in stranger.output_end()
    assert "guessed" not in stranger.output_end().replace(str(guessed), "")
