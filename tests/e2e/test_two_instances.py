"""Two epigrid-dev on one pair of Redis servers: one city, whichever of them is asked, and when one of them dies."""

import concurrent.futures

import pytest

from harness.epigrid import EpigridDev, make_master_keys
from harness.processes import Redis


@pytest.fixture
def two(directory, receiver):
    """The same city through either process, and the processes."""
    from harness.city import City

    keys = make_master_keys(directory / "keys" / "master.keys")
    with Redis("redis-log", directory / "log", durable=True) as log, \
            Redis("redis-view", directory / "view", durable=False) as view:
        processes = [
            EpigridDev(directory / name, log, view, receiver=receiver, name=name, master_keys=keys)
            for name in ("first", "second")]
        with processes[0], processes[1]:
            yield [City(process, scope="two") for process in processes]


def test_both_serve_one_city_and_one_goes_on_alone(two):
    from epigrid.identity.v1 import identity_pb2 as identity
    from epigrid.operations.v1 import operations_pb2 as operations
    from harness.city import NEGATIVE, POSITIVE
    from harness.waiting import wait_until

    first, second = two

    def owners():
        status = first.operations.GetStatus(operations.GetStatusRequest())
        return {(service.service, shard.owner) for service in status.services for shard in service.shards}

    services = ("identity", "contact_tracing", "health_code", "notification")
    wait_until(lambda: owners() == {(s, o) for s in services for o in ("first", "second")}, "the shards to be shared")

    # The same documents at once through both.
    registrations = [first.registration(f"twin-{number}") for number in range(20)]
    with concurrent.futures.ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(
            lambda job: (job[0], job[1].identity.RegisterPerson(
                identity.RegisterPersonRequest(registration=registrations[job[0]]))),
            [(number, city) for number in range(20) for city in two]))
    for number in range(20):
        same = [answer for which, answer in answers if which == number]
        assert len({answer.person_id for answer in same}) == 1
        assert sum(answer.created for answer in same) == 1

    anna, ben, dan, eva = first.register("anna", "ben", "dan", "eva")
    first.household(anna, ben)
    cafe = second.venue("cafe")
    first.visit(anna, cafe, first.at(1, "12:00"), first.at(1, "13:00"))
    second.visit(dan, cafe, first.at(1, "12:00"), first.at(1, "13:00"))
    second.test(anna, POSITIVE, sampled=first.at(0, "08:00"))
    # A revision of one is waited for by the other.
    for number in range(20):
        sampled = first.at(2, f"08:{number:02}")
        answer = (first, second)[number % 2].test(eva, NEGATIVE, sampled=sampled)
        assert (second, first)[number % 2].code(eva, revision=answer.revision).last_negative == sampled
    second.quiet()
    for city in two:
        assert [city.code(person).colour for person in (anna, ben, dan)] == ["RED", "RED", "YELLOW"]
    assert sorted(len(first.deliveries(person.phone)) for person in (anna, ben, dan)) == [1, 1, 1]

    second.epigrid.kill()
    first.exclude(first.case(anna).case_id)
    wait_until(lambda: {owner for _, owner in owners()} == {"first"}, "the other to take over")
    first.quiet()
    assert [first.code(person).colour for person in (anna, ben, dan)] == ["GREEN"] * 3
    assert [len(first.deliveries(person.phone)) for person in (anna, ben, dan)] == [2, 2, 2]
    first.digests()


def test_what_was_decided_by_one_is_known_to_the_other_and_after_a_restart(two):
    """Request ids: the same body is answered as before, another one refused, wherever and whenever it is sent again."""
    from harness.city import refused
    from harness.decided import decided_commands

    first, second = two
    commands = decided_commands(first)
    answers = [command.send(first, command.first) for command in commands]
    first.quiet()
    before = first.digests()

    def check(city):
        for command, answer in zip(commands, answers):
            assert refused(lambda: command.send(city, command.other)).reason == "REQUEST_ID_REUSED", command.what
            assert command.send(city, command.first) == answer, command.what

    check(second)
    for city in two:
        city.epigrid.kill()
    for city in two:
        city.epigrid.launch()
    for city in two:
        city.epigrid.await_ready()
        city.quiet()
        check(city)
    first.quiet()
    assert first.digests() == before
