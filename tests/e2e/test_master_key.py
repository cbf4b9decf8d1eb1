"""The master key is rotated while the city is served: nobody notices, and the older key can go."""

import subprocess

import grpc
import pytest

from harness import errors
from harness.epigrid import EpigridDev, make_master_keys
from harness.processes import Redis, binary
from harness.waiting import wait_until
from harness.workers import Workers


@pytest.fixture
def two(directory, receiver):
    """The same city through either of two processes, and the file of master keys that they share."""
    from harness.city import City

    keys = make_master_keys(directory / "keys" / "master.keys")
    # Both are restarted within this time, as the README of identity asks.
    settings = {"identity-key-rewrap-interval": "20s"}
    with Redis("redis-log", directory / "log", durable=True) as log, \
            Redis("redis-view", directory / "view", durable=False) as view:
        processes = [
            EpigridDev(directory / name, log, view, receiver=receiver, name=name, master_keys=keys, settings=settings)
            for name in ("first", "second")]
        with processes[0], processes[1]:
            yield keys, [City(process, scope="rotation") for process in processes]


def name_of(city, person):
    from epigrid.identity.v1 import identity_pb2 as identity

    return city.identity.GetPerson(identity.GetPersonRequest(person_id=person.person_id)).person.name


class Readers(Workers):
    """Read people through whichever process answers, over and over, and note what is not right."""

    def __init__(self, cities, people):
        super().__init__(self._run)
        self._cities, self._people = cities, people
        self.answered, self.wrong = 0, []

    def _read(self, person):
        failures = []
        for city in self._cities:
            try:
                return name_of(city, person)
            except grpc.RpcError as refusal:
                failures.append(errors.of(refusal))
        return failures

    def _run(self):
        while not self._stopping.is_set():
            person = self._people[self.answered % len(self._people)]
            found = self._read(person)
            if found != person.name:
                self.wrong.append((person, found))
            self.answered += 1
            self._stopping.wait(0.02)


def restart_one_after_the_other(cities):
    for city in cities:
        city.epigrid.stop()
        city.epigrid.start()
        city.connect()  # a channel that was refused would wait before it tries again


def all_rewrapped(cities):
    """Whether one of them has said that it wrapped the last key anew, and none knows of another."""
    said = any('"identity.keys_rewrapped"' in line and '"left":0,' in line
               for city in cities for line in open(city.epigrid.output_path, encoding="utf-8"))
    return said and all("\nepigrid_identity_outdated_keys 0\n" in city.epigrid.metrics() for city in cities)


def test_rotated_while_serving(two):
    keys, cities = two
    people = cities[0].register(*(f"person-{number}" for number in range(40)))
    cities[0].quiet()
    with Readers(cities, people) as readers:
        wait_until(lambda: readers.answered > 20, "reads")
        subprocess.run([binary("epigrid-master-key"), "rotate", keys], check=True, stdout=subprocess.DEVNULL)
        restart_one_after_the_other(cities)
        registered = cities[1].register(*(f"during-{number}" for number in range(10)))
        cities[1].quiet()  # else they may be read before they are folded
        people += registered
        wait_until(lambda: all_rewrapped(cities), "all keys to be wrapped anew", timeout_s=120, poll_s=0.5)
        text = keys.read_text(encoding="utf-8").splitlines()
        lines = [number for number, line in enumerate(text) if line.startswith("key ")]
        assert len(lines) == 2
        del text[lines[0]]
        keys.write_text("\n".join(text) + "\n", encoding="utf-8")
        restart_one_after_the_other(cities)
        answered = readers.answered
        wait_until(lambda: readers.answered > answered + 40, "reads without the older key")
    assert readers.wrong == []
    for person in people:
        assert all(name_of(city, person) == person.name for city in cities)
    assert all(cities[0].parked() == [] for _ in cities)
