"""A view that is lost or rebuilt is the view that was: digests are equal, no answer is wrong meanwhile, and nobody is
told anything again."""

import pytest

from harness.views import Readers, assert_as_before, generations, populate
from harness.waiting import wait_until


@pytest.fixture
def populated(city):
    """The city with people in it, quiet; what the view holds, and what has been sent."""
    people = populate(city)
    city.quiet()
    return city, people, city.digests(), list(city.epigrid.receiver.requests)


def test_a_view_that_is_lost_while_serving_comes_back_by_itself(populated):
    city, people, digests, requests = populated
    with Readers(city, people) as readers:
        wait_until(lambda: readers.answered > 20, "reads")
        assert city.epigrid.view.call("FLUSHALL") == "OK"
        wait_until(lambda: readers.rebuilding > 0, "a read that is told to wait")
        city.quiet()
        answered = readers.answered
        wait_until(lambda: readers.answered > answered + 20, "reads after the rebuild")
    assert_as_before(city, people, digests, requests, readers)


def test_a_view_whose_process_was_killed_comes_back_by_itself(populated):
    city, people, digests, requests = populated
    city.epigrid.view.kill()
    city.epigrid.view.start()
    city.quiet()
    with Readers(city, people) as readers:
        wait_until(lambda: readers.answered > 20, "reads")
    assert_as_before(city, people, digests, requests, readers)


def test_a_rebuild_goes_on_beside_the_live_view(populated):
    from epigrid.operations.v1 import operations_pb2 as operations

    city, people, _, requests = populated
    before = generations(city)
    with Readers(city, people) as readers:
        for service in ("identity", "contact_tracing", "health_code", "notification"):
            city.operations.RebuildViews(operations.RebuildViewsRequest(service=service))

        def rebuilt():
            now = generations(city)
            return all(now[shard][0] > before[shard][0] and now[shard][1] == 0 for shard in before)

        wait_until(rebuilt, "every shard to have a new generation", timeout_s=120, poll_s=0.2)
        assert readers.rebuilding == 0, "reads go on throughout"
    ignored = city.operations.ListIgnoredEvents(operations.ListIgnoredEventsRequest()).events
    assert [event for event in ignored if event.kind == "rebuild_requested"] == []
    # A new generation is read only if its digest is that of the old one (common/projector/rebuild.h).
    assert_as_before(city, people, None, requests, readers)
