"""A rolling restart under load: SIGTERM drops no call that was accepted, and no gate check fails that is tried once more."""

import collections
import functools
import itertools
import threading
import time

import grpc
import pytest

from harness import errors
from harness.epigrid import CHANNEL_OPTIONS, EpigridDev, Token, make_master_keys, new_tokens
from harness.processes import Redis
from harness.waiting import wait_until
from harness.workers import Workers

CALL_DEADLINE_S = 20
CALLERS = 2  # of each kind
ROUNDS = 2  # restarts of each of the two


@pytest.fixture
def two(directory):
    """Two processes on one city."""
    keys = make_master_keys(directory / "keys" / "master.keys")
    tokens = new_tokens()
    with Redis("redis-log", directory / "log", durable=True) as log, \
            Redis("redis-view", directory / "view", durable=False) as view:
        processes = [EpigridDev(directory / name, log, view, name=name, master_keys=keys, tokens=tokens)
                     for name in ("first", "second")]
        with processes[0], processes[1]:
            yield processes


class Load(Workers):
    """Gates that check codes and labs that report tests, each of them without a pause, until the end.

    A gate tries once more, at once: the other process, or whichever its channel to both chooses.
    """

    def __init__(self, processes, people, sampled):
        from epigrid.health_code.v1 import health_code_pb2_grpc

        works = [self._gate, self._balanced_gate, self._lab] * CALLERS
        super().__init__(*(functools.partial(work, number) for number, work in enumerate(works)))
        stub = health_code_pb2_grpc.HealthCodeServiceStub
        self._gates = [stub(process.channel("gate")) for process in processes]
        self._labs = [stub(process.channel("lab")) for process in processes]
        self._balanced = stub(grpc.intercept_channel(
            grpc.insecure_channel("ipv4:" + ",".join(f"127.0.0.1:{process.port}" for process in processes),
                                  options=[*CHANNEL_OPTIONS, ("grpc.lb_policy_name", "round_robin")]),
            Token(processes[0].token("gate"))))
        self._people, self._sampled = people, sampled
        self._numbers = itertools.count()
        self._lock = threading.Lock()
        self.checked = collections.Counter()  # by the process that answered
        self.check_errors = []  # of checks that failed at both
        self.told = {}  # the outcome of each evidence by its source id: "" or code and reason

    def _gate(self, number):
        self._check(number, lambda turn: (turn % 2, (turn + 1) % 2), lambda which: self._gates[which])

    def _balanced_gate(self, number):
        self._check(number, lambda turn: ("either", "either"), lambda which: self._balanced)

    def _check(self, number, tries, stub):
        from epigrid.health_code.v1 import health_code_pb2 as health

        for turn in itertools.count(number):
            if self._stopping.is_set():
                return
            request = health.GetCodeRequest(person_id=self._people[turn % len(self._people)].person_id)
            failures = []
            for which in tries(turn):
                try:
                    stub(which).GetCode(request, timeout=CALL_DEADLINE_S)
                except grpc.RpcError as error:
                    failures.append(errors.of(error))
                else:
                    with self._lock:
                        self.checked[which] += 1
                    break
            # Served to the end, so that DRAINING is for others.
            if len(failures) == 2 or any(failure.code != grpc.StatusCode.UNAVAILABLE or failure.reason == "DRAINING"
                                         for failure in failures):
                self.check_errors.append(failures)

    def _lab(self, number):
        from epigrid.health_code.v1 import health_code_pb2 as health

        for turn in itertools.count(number):
            if self._stopping.is_set():
                return
            source_id = f"sample-{next(self._numbers)}"
            evidence = health.Evidence(
                person_id=self._people[turn % len(self._people)].person_id, source="lab", source_id=source_id,
                revision=1, test=health.TestResult(
                    sampling_id=source_id, method=health.TEST_METHOD_NUCLEIC_ACID,
                    outcome=health.TEST_OUTCOME_NEGATIVE, sampled_time=self._sampled))
            try:
                self._labs[turn % 2].RecordEvidence(
                    health.RecordEvidenceRequest(evidence=evidence), timeout=CALL_DEADLINE_S)
                outcome = ""
            except grpc.RpcError as error:
                told = errors.of(error)
                outcome = f"{told.code.name} {told.reason or told.message}"
            with self._lock:
                self.told[source_id] = outcome

    def answered_by(self, which):
        with self._lock:
            return self.checked[which]


def recorded(city, people):
    """The source ids of all evidence that the city knows of these people."""
    from epigrid.health_code.v1 import health_code_pb2 as health

    found = set()
    for person in people:
        token = ""
        while True:
            page = city.health.ListEvidence(
                health.ListEvidenceRequest(person_id=person.person_id, page_size=1000, page_token=token))
            found.update(evidence.source_id for evidence in page.evidence)
            token = page.next_page_token
            if not token:
                break
    return found


def test_a_rolling_restart_drops_no_accepted_call(two):
    from google.protobuf.timestamp_pb2 import Timestamp
    from harness.city import City

    city = City(two[1], scope="graceful")
    people = city.register(*(f"person-{number}:en:none" for number in range(40)))
    sampled = Timestamp(seconds=int(time.time()) - 3600)
    with Load(two, people, sampled) as load:
        for which in [0, 1] * ROUNDS:
            for each in (0, 1):  # both serve, and clients know it
                before = load.answered_by(each)
                wait_until(lambda each=each, before=before: load.answered_by(each) > before + 50, "both to serve",
                           timeout_s=60)
            two[which].stop()
            two[which].launch()
            two[which].await_ready()
    assert load.check_errors == []
    assert load.answered_by("either") > 500

    # Accepted is what was answered; what was refused, or never reached a server, has done nothing.
    outcomes = collections.Counter(load.told.values())
    print(dict(outcomes))
    assert {outcome.split()[0] for outcome in outcomes if outcome} <= {"UNAVAILABLE"}, outcomes
    city.quiet()
    acknowledged = {source_id for source_id, outcome in load.told.items() if not outcome}
    assert len(acknowledged) > 200
    assert recorded(city, people) == acknowledged
