"""The log is cut behind snapshots, and the view is lost: it comes back as it was, from a snapshot and what follows on it."""

import pytest

from harness.epigrid import running
from harness.views import Readers, assert_as_before, generations, populate
from harness.waiting import wait_until

SERVICES = ("identity", "contact_tracing", "health_code", "notification")


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
def cut(directory, receiver):
    """A quiet city whose inboxes were all cut behind snapshots that hold everything that was done in it."""
    from harness.city import City  # needs the generated stubs

    settings = {"audit-interval": "1s", "log-retention": "0s"}
    with running(directory, receiver=receiver, settings=settings) as epigrid:
        city = City(epigrid, scope="cut")
        people = populate(city)
        city.quiet()
        ends = {(service, shard): log_end(city, service, shard) for service, shard in generations(city)}

        def all_cut():
            return all(read_log(city, f"{service}.inbox", shard).log_start >= end - 1
                       for (service, shard), end in ends.items())

        wait_until(all_cut, "every inbox to be cut", timeout_s=240, poll_s=1)
        yield city, people, city.digests(), list(receiver.requests)
        for service in SERVICES:
            assert metric(city, f'epigrid_{service}_audits_total{{result="OK"}}') > 0
            assert metric(city, f'epigrid_{service}_projector_alerts_total{{alert="AUDIT_DIFFERS"}}') == 0


def test_a_view_that_is_lost_after_the_log_was_cut_comes_back(cut):
    city, people, digests, requests = cut
    with Readers(city, people) as readers:
        wait_until(lambda: readers.answered > 20, "reads")
        assert city.epigrid.view.call("FLUSHALL") == "OK"
        wait_until(lambda: readers.rebuilding > 0, "a read that is told to wait")
        city.quiet()
        answered = readers.answered
        wait_until(lambda: readers.answered > answered + 20, "reads from the new view")
    assert_as_before(city, people, digests, requests, readers)

    # The whole machine: no view, and no process that remembers anything.
    city.epigrid.kill()
    assert city.epigrid.view.call("FLUSHALL") == "OK"
    city.epigrid.start()
    city.quiet()
    with Readers(city, people) as readers:
        wait_until(lambda: readers.answered > 20, "reads")
    assert_as_before(city, people, digests, requests, readers)


def test_a_view_is_rebuilt_from_a_snapshot_when_the_facts_are_gone(cut):
    from epigrid.operations.v1 import operations_pb2 as operations

    city, people, _, requests = cut
    before = generations(city)
    with Readers(city, people) as readers:
        for service in SERVICES:
            city.operations.RebuildViews(operations.RebuildViewsRequest(service=service))

        def rebuilt():
            now = generations(city)
            return all(now[shard][0] > before[shard][0] and now[shard][1] == 0 for shard in before)

        wait_until(rebuilt, "every shard to have a new generation", timeout_s=120, poll_s=0.2)
        assert readers.rebuilding == 0, "reads go on throughout"
    assert_as_before(city, people, None, requests, readers)
