"""Redis by users who may do what the services need and no more: docs/redis-cluster.md."""

import re
import subprocess

import pytest

from harness.epigrid import EpigridDev, write_secret
from harness.processes import REPOSITORY, Redis

PASSWORD = "right"


def documented_rules():
    """By what the user is for, "log" or "view": its rules."""
    text = (REPOSITORY / "docs/redis-cluster.md").read_text(encoding="utf-8")
    text = text.replace("\\\n", " ")
    rules = dict(re.findall(r"^ACL SETUSER epigrid-(log|view) on '>\.\.\.' (.+)$", text, re.MULTILINE))
    assert rules.keys() == {"log", "view"}
    return {user: rule.replace("'", "").split() for user, rule in rules.items()}


def refused(store):
    """What ACL LOG says."""
    return subprocess.run(["redis-cli", "-p", str(store.port), "ACL", "LOG"], capture_output=True, text=True,
                          check=True).stdout.strip()


@pytest.fixture
def stores(directory):
    with Redis("redis-log", directory / "log", durable=True) as log, \
            Redis("redis-view", directory / "view", durable=False) as view:
        for store, (user, rules) in zip((log, view), documented_rules().items()):
            assert store.call("ACL", "SETUSER", f"epigrid-{user}", "on", f">{PASSWORD}", *rules) == "OK"
        yield log, view


def users(directory):
    settings = {"audit-interval": "1s", "log-retention": "0s"}
    for user in ("log", "view"):
        file = write_secret(directory / f"{user}.password", PASSWORD)
        settings |= {f"{user}-redis-user": f"epigrid-{user}", f"{user}-redis-password-file": file}
    return settings


def test_the_documented_rules_are_enough(directory, stores, receiver):
    from harness.city import City  # needs the generated stubs
    from harness.views import lose_views, populate, rebuild_views

    log, view = stores
    with EpigridDev(directory / "epigrid", log, view, receiver=receiver, settings=users(directory)) as epigrid:
        city = City(epigrid)
        people = populate(city)
        city.quiet()
        lose_views(city, people, city.digests(), list(receiver.requests))
        rebuild_views(city, people)
        for store in (log, view):
            assert refused(store) == ""
