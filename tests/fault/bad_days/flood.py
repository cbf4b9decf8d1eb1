"""Ten times the load: check-ins in bulk, as fast as they are taken, of people whom nobody has registered yet.

    flood = Flood(city, under_test.channel("flood"))
    flood.start(); ...; flood.stop()
    problems = flood.check()         # at quiet

What is refused for now, or unknown, is sent again.
"""

import functools
import random
import threading
import time

import grpc

from epigrid.contact_tracing.v1 import contact_tracing_pb2 as tracing
from epigrid.contact_tracing.v1 import contact_tracing_pb2_grpc
from harness import errors, ids
from harness.calendar import MINUTE
from harness.city import Person
from harness.workers import Workers

THREADS = 8
PEOPLE_A_BATCH, VISITS = 10, 12
LOOKED_AT = 40  # people, at the end
SENT_AGAIN = (grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)


class Flood(Workers):
    def __init__(self, city, channel):
        super().__init__(*(functools.partial(self._work, number) for number in range(THREADS)))
        self._city = city
        self._stub = contact_tracing_pb2_grpc.ContactTracingServiceStub(channel)
        self._places = [ids.derive("setting", "flood", str(number)) for number in range(200)]
        self._told = {}  # source ids by person id
        self._lock = threading.Lock()
        self.acknowledged = self.refused = self.unknown = 0  # check-ins, counted at each try
        self.problems = []

    def _work(self, number):
        rng = random.Random(f"flood/{number}")
        batch = 0
        while not self._stopping.is_set():
            batch += 1
            observations = []
            for person in range(PEOPLE_A_BATCH):
                name = f"flood-{number}-{batch}-{person}"
                someone = Person(name, ids.derive("person", name), "", "zh")
                for visit in range(VISITS):
                    start = self._city.at(1 + visit % 5, "08:00") + rng.randrange(12 * 60) * MINUTE
                    observations.append(self._city.check_in(
                        someone, rng.choice(self._places), start, start + 30 * MINUTE, source_id=f"{name}-{visit}"))
            self._tell(observations)

    def _tell(self, observations):
        request = tracing.BatchRecordPresencesRequest(observations=observations)
        while True:  # what was begun is brought to its end, as by an importer
            try:
                answer = self._stub.BatchRecordPresences(request, timeout=10)
            except grpc.RpcError as error:
                said = errors.of(error)
                with self._lock:
                    if said.code == grpc.StatusCode.RESOURCE_EXHAUSTED:
                        self.refused += len(observations)
                    elif said.code in SENT_AGAIN:
                        self.unknown += len(observations)
                    else:
                        self.problems.append(f"wrong: the flood was refused: {said}")
                        return
                time.sleep(0.2)
                continue
            with self._lock:
                self.acknowledged += len(observations)
                for one in observations:
                    self._told.setdefault(one.person_id, set()).add(one.source_id)
                self.problems += [f"wrong: the flood was refused: {item.status}" for item in answer.rejected]
            return

    def check(self):
        """What is not as it was told, of some of the people."""
        problems = list(self.problems)
        for person_id in random.Random("looked at").sample(sorted(self._told), min(LOOKED_AT, len(self._told))):
            listed = self._city.tracing.ListPresences(tracing.ListPresencesRequest(person_id=person_id, page_size=1000))
            found = sorted(one.source_id for one in listed.presences)
            told = sorted(self._told[person_id])
            if found != told:
                kind = "doubled" if len(found) > len(set(found)) else "lost"
                problems.append(f"{kind}: of the flood, {person_id}: found {found}, told {told}")
        return problems
