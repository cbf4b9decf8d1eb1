"""The log is cut behind snapshots, and the view is lost: it comes back as it was, from a snapshot and what follows on it."""

import pytest

from harness.epigrid import SERVICES, running
from harness.logs import ON_BOTH_LOGS
from harness.views import assert_as_before, generations, lose_views, populate, read_again, rebuild_views
from harness.waiting import wait_until

pytestmark = ON_BOTH_LOGS


def read_log(city, topic, shard, **keywords):
    from epigrid.operations.v1 import operations_pb2 as operations

    return city.operations.ReadLog(operations.ReadLogRequest(topic=topic, shard=shard, page_size=1, **keywords))


def metric(city, name):
    """The sum of a metric over its labels."""
    lines = city.epigrid.metrics().splitlines()
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(name))


def log_end(city, service, shard):
    return read_log(city, f"{service}.inbox", shard).log_end


@pytest.fixture
def cut(directory, receiver, logs):
    """A quiet city whose inboxes were all cut behind snapshots that hold everything that was done in it."""
    from harness.city import City  # needs the generated stubs

    settings = {"audit-interval": "1s", "log-retention": "0s"}
    with running(directory, logs, receiver=receiver, settings=settings) as epigrid:
        city = City(epigrid, scope="cut")
        people = populate(city)
        city.quiet()
        ends = {(service, shard): log_end(city, service, shard) for service, shard in generations(city)}

        def all_cut():
            return all(read_log(city, f"{service}.inbox", shard).log_start >= end - 1
                       for (service, shard), end in ends.items())

        wait_until(all_cut, "every inbox to be cut", timeout_s=240, poll_s=1)
        yield city, people, city.digests(), list(receiver.requests)

        def all_audited():  # since the process was last started
            return all(metric(city, f'epigrid_{service}_audits_total{{result="OK"}}') > 0 for service in SERVICES)

        wait_until(all_audited, "an audit of every service", timeout_s=120, poll_s=0.5)
        for service in SERVICES:
            assert metric(city, f'epigrid_{service}_projector_alerts_total{{alert="AUDIT_DIFFERS"}}') == 0


def test_a_view_that_is_lost_after_the_log_was_cut_comes_back(cut):
    city, people, digests, requests = cut
    lose_views(city, people, digests, requests)

    # The whole machine: no view, and no process that remembers anything.
    city.epigrid.kill()
    assert city.epigrid.view.call("FLUSHALL") == "OK"
    city.epigrid.start()
    city.quiet()
    read_again(city, people, digests, requests)


def test_a_view_is_rebuilt_from_a_snapshot_when_the_facts_are_gone(cut):
    city, people, _, requests = cut
    assert_as_before(city, people, None, requests, rebuild_views(city, people))
