"""Views that are lost, rebuilt or begun again from snapshots, under reads: who is in the city, who asks, and what must be
as before."""

import functools

import grpc

from harness import errors
from harness.epigrid import SERVICES
from harness.waiting import wait_until
from harness.workers import Workers


def populate(city):
    """A few cases with contacts of every kind, some of it taken back; returns the people."""
    from harness.city import NEGATIVE, POSITIVE

    families = [city.register(*(f"{name}-{number}" for name in ("ill", "mate", "child"))) for number in range(6)]
    guests = city.register(*(f"guest-{number}" for number in range(12)))
    places = [city.venue(f"place-{number}") for number in range(4)]
    for number, family in enumerate(families):
        city.household(*family)
        place = places[number % len(places)]
        city.visit(family[0], place, city.at(1, "10:00"), city.at(1, "12:00"))
        for guest in guests[number::3]:
            city.visit(guest, place, city.at(1, "11:00"))
        city.test(family[0], POSITIVE, sampled=city.at(0, "08:00"))
    for guest in guests[:4]:
        city.test(guest, NEGATIVE, sampled=city.at(0, "09:00"))
    city.transfer(families[1][0], city.at(0, "09:00"))
    city.quiet()
    city.exclude(city.case(families[2][0]).case_id)
    city.quiet()
    return sum(families, []) + guests


class Readers(Workers):
    """Ask for everybody's code and everybody's cases, over and over, and note what is not right."""

    def __init__(self, city, people):
        super().__init__(*(functools.partial(self._read, read) for read in (
            self._read_code, self._read_codes, self._read_contacts)))
        self._city, self._people = city, people
        self._right = city.codes(people)
        self._contacts = {person.person_id: self._contacts_of(person) for person in people}
        self.wrong, self.rebuilding, self.answered = [], 0, 0

    def _contacts_of(self, person):
        return sorted(contact for case in self._city.cases(person) for contact in self._city.contacts(case.case_id))

    def _read(self, read):
        number = 0
        while not self._stopping.is_set():
            person = self._people[number % len(self._people)]
            number += 1
            try:
                found = read(person)
            except grpc.RpcError as refusal:
                self._note(errors.of(refusal))
                continue
            except errors.ItemError as refusal:
                self._note(refusal.error)
                continue
            self.answered += 1
            if found:
                self.wrong.append(found)
            self._stopping.wait(0.01)  # leaves the processor to those who are asked

    def _note(self, error):
        if (error.code, error.reason) == (grpc.StatusCode.UNAVAILABLE, "VIEW_REBUILDING"):
            self.rebuilding += 1
        else:
            self.wrong.append(error)

    def _read_code(self, person):
        return self._difference(person.person_id, self._city.code(person))

    def _read_codes(self, _):
        codes = self._city.codes(self._people)
        return [wrong for person_id, code in codes.items() if (wrong := self._difference(person_id, code))]

    def _difference(self, person_id, code):
        right = self._right[person_id]
        if (code.colour, code.measure, code.reasons) != (right.colour, right.measure, right.reasons):
            return person_id, code
        return None

    def _read_contacts(self, person):
        found = self._contacts_of(person)
        return None if found == self._contacts[person.person_id] else (person.person_id, found)


def generations(city):
    """By service and shard: the generation that is read, and the one that is being built."""
    from epigrid.operations.v1 import operations_pb2 as operations

    status = city.operations.GetStatus(operations.GetStatusRequest())
    return {(service.service, shard.shard): (shard.generation, shard.building_generation)
            for service in status.services for shard in service.shards}


def lose_views(city, people, digests, requests):
    """All of them at once, under reads: those are told to wait, and then answered as before."""
    with Readers(city, people) as readers:
        wait_until(lambda: readers.answered > 20, "reads")
        assert city.epigrid.view.call("FLUSHALL") == "OK"
        wait_until(lambda: readers.rebuilding > 0, "a read that is told to wait")
        city.quiet()
        answered = readers.answered
        wait_until(lambda: readers.answered > answered + 20, "reads from the new views")
    assert_as_before(city, people, digests, requests, readers)


def rebuild_views(city, people):
    """Every service's, beside those that are read, which go on being; returns the readers."""
    from epigrid.operations.v1 import operations_pb2 as operations

    before = generations(city)
    with Readers(city, people) as readers:
        for service in SERVICES:
            city.operations.RebuildViews(operations.RebuildViewsRequest(service=service))

        def rebuilt():
            now = generations(city)
            return all(now[shard][0] > before[shard][0] and now[shard][1] == 0 for shard in before)

        wait_until(rebuilt, "every shard to have a new generation", timeout_s=120, poll_s=0.2)
        assert readers.rebuilding == 0, "reads go on throughout"
    return readers


def read_again(city, people, digests, requests):
    """After something that nobody read through: all is answered as before."""
    with Readers(city, people) as readers:
        wait_until(lambda: readers.answered > 20, "reads")
    assert_as_before(city, people, digests, requests, readers)


def assert_as_before(city, people, digests, requests, readers):
    """`digests` None: not compared, since what was asked for stands in the state itself."""
    city.quiet()
    assert readers.wrong == []
    now = city.digests()
    assert digests is None or now == digests
    assert city.epigrid.receiver.requests == requests, "a message was sent again"
    assert city.parked() == []
    codes = city.codes(people)
    assert {code.colour for code in codes.values()} == {"GREEN", "YELLOW", "RED"}
