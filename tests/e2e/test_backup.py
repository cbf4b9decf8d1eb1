"""A backup taken while all serves, brought to an empty machine, by one command each."""

import contextlib
import shutil
import subprocess

import grpc

from harness import errors
from harness.epigrid import EpigridDev, running
from harness.logs import ON_BOTH_LOGS
from harness.processes import REPOSITORY, Redis
from harness.views import populate
from harness.waiting import wait_until
from harness.workers import Workers

pytestmark = ON_BOTH_LOGS


def back_up(epigrid, directory):
    # The master key file is the operator's, and goes another way.
    epigrid.log.back_up(directory, "--configuration", epigrid.directory / "callers.yaml",
                        "--configuration", epigrid.directory / "endpoints.yaml")
    return directory


@contextlib.contextmanager
def restored(logs, backup, directory, old):
    """epigrid-dev on what was restored from the backup, on a machine that has the old one's master key file besides."""
    shutil.move(old.directory / "master.keys", directory / "master.keys")
    zones = {f"{service}-time-zone": old.calendar.zone_name for service in (
        "identity", "health-code", "contact-tracing")}
    with logs.restored(backup, directory / "log") as log, \
            Redis("restored-view", directory / "view", durable=False) as view:
        for name in ("callers.yaml", "endpoints.yaml"):
            assert (directory / "log" / "configuration" / name).read_bytes() == (old.directory / name).read_bytes()
        with EpigridDev(directory / "epigrid", log, view, receiver=old.receiver, name="restored",
                        master_keys=directory / "master.keys", settings=zones) as epigrid:
            epigrid.calendar = old.calendar
            yield epigrid


def test_a_city_comes_back_as_it_was(directory, receiver, logs):
    from harness.city import City

    # With audits, so that a part of the log is gone and snapshots stand for it.
    settings = {"audit-interval": "1s", "log-retention": "0s"}
    with running(directory / "old", logs, receiver=receiver, settings=settings) as old:
        city = City(old, scope="backup")
        people = populate(city)
        city.quiet()
        digests, codes, requests = city.digests(), city.codes(people), list(receiver.requests)
        metric = 'epigrid_contact_tracing_audits_total{result="OK"}'
        wait_until(lambda: metric in old.metrics(), "an audit")
        backup = back_up(old, directory / "backup")
        lost = city.register("lost")[0]
        old.kill()
        with restored(logs, backup, directory, old) as epigrid:
            city = City(epigrid, scope="backup")
            city.quiet()
            assert city.digests() == digests
            assert city.codes(people) == codes
            assert receiver.requests == requests, "a message was sent again"
            assert city.parked() == []
            # It goes on, and takes nothing new for old.
            assert city.register("lost")[0].person_id != lost.person_id
            guest = city.register("guest-after")[0]
            place = city.venue("place-after")
            for person in (guest, people[0]):
                city.visit(person, place, city.at(1, "15:00"), city.at(1, "16:00"))
            city.quiet()
            assert city.code(guest).colour != "GREEN"


class Registrations(Workers):
    """Registers people, one after the other, and notes who was acknowledged."""

    def __init__(self, city):
        super().__init__(self._run)
        self.people = []
        self._city = city

    def _run(self):
        while not self._stopping.is_set():
            self.people += self._city.register(f"person-{len(self.people)}")


def test_what_was_acknowledged_before_a_backup_is_in_it_whatever_goes_on(directory, receiver, logs):
    from epigrid.identity.v1 import identity_pb2 as identity
    from harness.city import City

    with running(directory / "old", logs, receiver=receiver) as old:
        city = City(old, scope="load")
        city.quiet()
        with Registrations(city) as registrations:
            wait_until(lambda: len(registrations.people) > 50, "registrations")
            before = list(registrations.people)
            backup = back_up(old, directory / "backup")
            after = len(registrations.people)
            wait_until(lambda: len(registrations.people) > after + 5, "registrations after the backup")
        old.kill()
        with restored(logs, backup, directory, old) as epigrid:
            city = City(epigrid, scope="load")
            city.quiet()
            assert city.parked() == []
            for person in before:
                found = city.identity.GetPerson(identity.GetPersonRequest(person_id=person.person_id)).person
                assert found.name == person.name
            # Of whom was registered later, all of it is there or nothing.
            for person in registrations.people[len(before):]:
                try:
                    found = city.identity.GetPerson(identity.GetPersonRequest(person_id=person.person_id)).person
                    assert found.name == person.name
                except grpc.RpcError as refusal:
                    assert errors.of(refusal).reason == "PERSON_UNKNOWN"


def test_a_backup_that_is_not_whole_is_refused(directory, receiver, logs):
    with running(directory / "old", logs, receiver=receiver) as old:
        backup = back_up(old, directory / "backup")
    files = [file for file in backup.rglob("*") if file.is_file()]
    records = max(files, key=lambda file: file.stat().st_size)
    destination = ["--kafka", old.log.brokers] if logs.kind == "kafka" else []
    for spoil in (lambda: records.write_bytes(records.read_bytes() + b"x"), (backup / "SHA256SUMS").unlink):
        spoil()
        refused = subprocess.run([REPOSITORY / "deploy/restore", *destination, backup, directory / "log"], text=True,
                                 capture_output=True, check=False)
        assert refused.returncode == 1
        assert "restore: " in refused.stderr
        assert list((directory / "log").glob("*")) == []
