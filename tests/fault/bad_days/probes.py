"""What partners notice while it happens: gate checks of people whose code is known, and reports that must be seen again.

    probes = Probes(load)
    probes.prepare()                 # registers its people; at quiet afterwards
    probes.start(); ...; probes.stop()
    probes.problems                  # a wrong colour, at any moment
    probes.checks, probes.reports    # list of Sample

A gate check asks for one of the witnesses' codes, twenty times a second and thread, and once more if the first call fails.
A report is a negative test, told and then read by the revision that it was answered: it has gone through log, fold and
view. Both keep to the books of the load.
"""

import dataclasses
import functools
import random
import statistics
import time

import grpc

from epigrid.health_code.v1 import health_code_pb2 as health
from harness.city import NEGATIVE, POSITIVE
from harness.model import Case
from harness.workers import Workers

FAMILIES = 12  # of witnesses, every other with a case; and as many of reporters
CHECK_DEADLINE_S = 1.0
CHECK_PAUSE_S = 0.05
RETRY_AFTER_S = 0.2  # what a server tells whom it refuses for now to wait
REPORT_PAUSE_S = 0.1
CHECKERS, REPORTERS = 2, 2


@dataclasses.dataclass(frozen=True)
class Sample:
    began: float  # time.monotonic()
    ended: float
    good: bool
    tries: int = 1
    why: str = ""

    @property
    def seconds(self):
        return self.ended - self.began


class Probes(Workers):
    def __init__(self, load, retry_at_once=False):
        super().__init__(*(functools.partial(self._check, number) for number in range(CHECKERS)),
                         *(functools.partial(self._report, number) for number in range(REPORTERS)))
        self._load, self._city = load, load.city
        self._retry_after_s = 0 if retry_at_once else RETRY_AFTER_S
        self.problems, self.checks, self.reports = [], [], []
        self._colours = {}  # by person id
        self._reporters = []

    def prepare(self):
        rng, load = random.Random("probes"), self._load
        witnesses = []
        for number in range(FAMILIES):
            people = load.register(rng, f"witness-{number}")
            witnesses += people
            if number % 2 == 0:
                ill = people[0]
                load.tell(rng, load.test_call(ill, POSITIVE, self._city.at(0, "07:00"), f"{ill.name}-positive"))
                load.world.cases[ill.person_id] = Case(case_id=load.await_case(ill))
            self._reporters += load.register(rng, f"reporter-{number}")
        self._city.quiet()
        self._colours = {person_id: code.colour for person_id, code in self._city.codes(witnesses).items()}
        assert {"RED", "GREEN"} <= set(self._colours.values()), self._colours

    def checks_p99_s(self, since):
        """The p99 of the gate checks that were begun since then and went well."""
        latencies = [one.seconds for one in self.checks[:] if one.good and one.began >= since]
        return statistics.quantiles(latencies, n=100)[98] if len(latencies) > 1 else 0.0

    def _check(self, number):
        rng = random.Random(f"check/{number}")
        people = list(self._colours)
        while not self._stopping.wait(CHECK_PAUSE_S):
            person_id = rng.choice(people)
            began, tries, why, colour = time.monotonic(), 0, "", None
            while colour is None and tries < 2:
                tries += 1
                try:
                    answer = self._city.gate.GetCode(health.GetCodeRequest(person_id=person_id), timeout=CHECK_DEADLINE_S)
                    colour = health.Colour.Name(answer.code.colour).removeprefix("COLOUR_")
                except grpc.RpcError as error:
                    why = f"{error.code().name} {error.details()}"
                    self._stopping.wait(self._retry_after_s)
            self.checks.append(Sample(began, time.monotonic(), colour is not None, tries, why))
            if colour not in (None, self._colours[person_id]):
                self.problems.append(f"wrong: a gate was shown {colour} for a person who is {self._colours[person_id]}")

    def _report(self, number):
        rng = random.Random(f"report/{number}")
        told = 0
        while not self._stopping.wait(REPORT_PAUSE_S):
            told += 1
            person = rng.choice(self._reporters)
            sampled = self._city.at(rng.randrange(1, 5), f"{rng.randrange(24):02d}:{rng.randrange(60):02d}")
            call = self._load.test_call(person, NEGATIVE, sampled, f"{person.name}-report-{number}-{told}")
            send, revision = call.send, []
            call.send = lambda send=send, revision=revision: revision.append(send().revision)
            began = time.monotonic()
            self._load.tell(rng, call)
            why = ""
            try:
                self._city.code(person, revision=revision[-1])
            except (grpc.RpcError, IndexError) as error:
                why = str(error)
            self.reports.append(Sample(began, time.monotonic(), not why, why=why))
