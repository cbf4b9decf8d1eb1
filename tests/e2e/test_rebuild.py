"""A view that is lost or rebuilt is the view that was: digests are equal, no answer is wrong meanwhile, and nobody is
told anything again."""

import pytest

from harness.logs import ON_BOTH_LOGS
from harness.views import assert_as_before, lose_views, populate, read_again, rebuild_views

pytestmark = ON_BOTH_LOGS


@pytest.fixture
def populated(city):
    """The city with people in it, quiet; what the view holds, and what has been sent."""
    people = populate(city)
    city.quiet()
    return city, people, city.digests(), list(city.epigrid.receiver.requests)


def test_a_view_that_is_lost_while_serving_comes_back_by_itself(populated):
    lose_views(*populated)


def test_a_view_whose_process_was_killed_comes_back_by_itself(populated):
    city, people, digests, requests = populated
    city.epigrid.view.kill()
    city.epigrid.view.start()
    city.quiet()
    read_again(city, people, digests, requests)


def test_a_rebuild_goes_on_beside_the_live_view(populated):
    from epigrid.operations.v1 import operations_pb2 as operations

    city, people, _, requests = populated
    readers = rebuild_views(city, people)
    ignored = city.operations.ListIgnoredEvents(operations.ListIgnoredEventsRequest()).events
    assert [event for event in ignored if event.kind == "rebuild_requested"] == []
    # A new generation is read only if its digest is that of the old one (common/projector/rebuild.h).
    assert_as_before(city, people, None, requests, readers)
