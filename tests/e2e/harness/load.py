"""A load with bookkeeping: what partners sent, what they were answered, and what must therefore hold.

Every call ends in one of three ways: acknowledged (it counts, once), refused (it changed nothing), unknown (0 or 1
effect: the process died, or the deadline passed). An unknown call is sent again with the same request_id or natural
keys, at once or at the end; some observations are never sent again, and then it is looked up whether they counted, which
must be as a whole or not at all.

    load = Load(city, seed=7, families=20)
    load.start(); ...; load.stop()
    load.settle()                        # sends again what was put off, and looks up what was given up
    problems = check(load)               # harness/load_check.py
"""

import collections
import dataclasses
import functools
import random
import threading
import time
import traceback

import grpc

from epigrid.contact_tracing.v1 import contact_tracing_pb2 as tracing
from epigrid.health_code.v1 import health_code_pb2 as health
from epigrid.identity.v1 import identity_pb2 as identity
from harness import errors, ids
from harness.calendar import HOUR, MINUTE
from harness.city import NEGATIVE, POSITIVE, Person
from harness.model import Case, Stay, Test, World
from harness.workers import Workers

WORKERS = 4
CALL_DEADLINE_S = 10
POLL_S = 0.03
_UNKNOWN = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.CANCELLED)
# Where the server says that nothing was taken in: to be sent again, too.
_LATER = (grpc.StatusCode.RESOURCE_EXHAUSTED,)


@dataclasses.dataclass
class Call:
    send: object  # () -> answer
    counts: object  # () -> None: notes in the world what it says
    happened: object = None  # () -> bool, for observations: whether it counted


class Load(Workers):
    def __init__(self, city, seed, families, places=None, pace_s=0.0):
        """`families` at most, who meet in `places` (default: one for two families); a worker rests for pace_s after each."""
        super().__init__(*(functools.partial(self._work, number) for number in range(WORKERS)))
        self.city = city
        self.world = World(city.calendar)
        self.people = {}  # Person by id
        self.outcomes = collections.Counter()
        self.problems = []
        self.refused_for_now = set()  # reasons that a second try need not meet with
        self._seed, self._families, self._pace_s = seed, families, pace_s
        self._lock = threading.Lock()  # for all that workers share
        self._put_off, self._given_up, self._done = [], [], []
        self._next_family = 0
        self._places = [ids.derive("setting", "load", str(number)) for number in range(places or max(4, families // 2))]

    def settle(self):
        for family in range(self._next_family, len(self._places)):
            self._know_a_place(random.Random(f"{self._seed}/place/{family}"), family)
        for call in self._put_off:
            self.outcomes["sent again"] += 1
            self._until_known(call)
        self.city.quiet()
        for call in self._given_up:
            happened = call.happened()
            self.outcomes["given up, counted" if happened else "given up, did not count"] += 1
            if happened:
                call.counts()

    # --- calls ------------------------------------------------------------------------------------------------------

    def _once(self, call):
        """"acknowledged" or "unknown"; whatever else comes is a problem."""
        try:
            call.send()
        except grpc.RpcError as error:
            said = errors.of(error)
        except errors.ItemError as error:
            said = error.error
        else:
            return "acknowledged"
        if said.code in _UNKNOWN + _LATER or said.reason in self.refused_for_now:
            return "unknown"
        with self._lock:
            self.problems.append(f"refused without a reason to: {said}")
        return "refused"

    def _until_known(self, call):
        while (outcome := self._once(call)) == "unknown":
            time.sleep(POLL_S)  # the process is being started again
        if outcome == "acknowledged":
            with self._lock:
                self.outcomes["acknowledged"] += 1
                call.counts()
                self._done.append(call)
        return outcome == "acknowledged"

    def tell(self, rng, call, may_wait=False):
        """Sends it; False if it was refused. With may_wait an unknown outcome may stay so for now, or for good."""
        outcome = self._once(call)
        if outcome == "acknowledged":
            with self._lock:
                self.outcomes["acknowledged"] += 1
                call.counts()
                self._done.append(call)
        elif outcome == "unknown":
            with self._lock:
                self.outcomes["unknown"] += 1
                what = rng.random() if may_wait else 1
                if what < 0.25:
                    self._put_off.append(call)
                    return True
                if what < 0.5 and call.happened is not None:
                    self._given_up.append(call)
                    return True
                self.outcomes["sent again"] += 1
            return self._until_known(call)
        return outcome != "refused"

    def _must_refuse(self, send, reason):
        try:
            send()
        except grpc.RpcError as error:
            said = errors.of(error)
            with self._lock:
                if said.reason == reason:
                    self.outcomes["refused"] += 1
                elif said.code not in _UNKNOWN + _LATER:
                    self.problems.append(f"{said} in place of {reason}")
            return
        with self._lock:
            self.problems.append(f"accepted in place of {reason}")

    # --- what a worker does -----------------------------------------------------------------------------------------

    def _work(self, number):
        try:
            self._work_until_stopped(random.Random(f"{self._seed}/{number}"))
        except Exception:  # pylint: disable=broad-exception-caught
            with self._lock:
                self.problems.append(f"a worker died, and loads nothing any more: {traceback.format_exc()}")

    def _work_until_stopped(self, rng):
        while not self._stopping.is_set():
            with self._lock:
                family = self._next_family
                self._next_family += 1
            if family < self._families:
                self._family(rng, family)
                self._stopping.wait(self._pace_s)
            else:
                self._say_again(rng)

    def _say_again(self, rng):
        """What was acknowledged, once more: it must be acknowledged again, and change nothing."""
        with self._lock:
            call = rng.choice(self._done) if self._done else None
        if call is not None and self._once(call) == "acknowledged":
            with self._lock:
                self.outcomes["said twice"] += 1
        self._stopping.wait(0.005)

    def _family(self, rng, family):
        people = self.register(rng, family)
        self._know_a_place(rng, family)
        for person in people:
            self._live(rng, person)
        self._fall_ill(rng, family, people)
        for person in people[1:]:
            self._test_negative(rng, person)
        self._must_refuse(lambda: self.city.tracing.RecordPresence(tracing.RecordPresenceRequest(
            observation=self.city.check_in(people[0], ids.mistyped(self._places[0]), self.city.at(1, "08:00"))),
            timeout=CALL_DEADLINE_S), "ID_MALFORMED")

    def register(self, rng, family):
        city = self.city
        names = [f"{family}-{number}" for number in range(rng.randint(2, 4))]
        request = identity.BatchRegisterPersonsRequest(
            registrations=[city.registration(name, rng.choice(("zh", "en")), phone=name) for name in names],
            request_id=f"register-{family}")
        people = []

        def send():
            answer = city.identity.BatchRegisterPersons(request, timeout=CALL_DEADLINE_S)
            _raise_first(result.status for result in answer.results)
            found = [Person(name, result.person_id, name, told.language) for name, result, told in zip(
                names, answer.results, request.registrations)]
            if people and found != people:
                self.problems.append(f"registered as {people} and then as {found}")
            people[:] = found

        self.tell(rng, Call(send, lambda: self.people.update((person.person_id, person) for person in people)))
        home, since = ids.derive("household", "load", str(family)), city.midnight(60)
        memberships = identity.BatchUpdateMembershipsRequest(request_id=f"move-{family}", memberships=[
            identity.Membership(household_id=home, person_id=person.person_id, from_time=since) for person in people])
        self.tell(rng, Call(
            lambda: _raise_first(city.identity.BatchUpdateMemberships(memberships, timeout=CALL_DEADLINE_S).results),
            lambda: self.world.memberships[home].update((person.person_id, since) for person in people)))
        return people

    def _know_a_place(self, rng, family):
        if family >= len(self._places):
            return
        stay = rng.choice((1, 2, 3))
        request = tracing.UpdateSettingRequest(request_id=f"place-{family}", setting=tracing.Setting(
            setting_id=self._places[family], category=tracing.SETTING_CATEGORY_SHOP))
        request.setting.usual_stay.FromTimedelta(stay * HOUR)
        self.tell(rng, Call(lambda: self.city.tracing.UpdateSetting(request, timeout=CALL_DEADLINE_S),
                             lambda: self.world.usual_stays.update({self._places[family]: stay * HOUR})))

    def _live(self, rng, person):
        """Where the person was: a few days' check-ins in a batch, some of them with a check-out of its own."""
        city = self.city
        for days_ago in rng.sample(range(1, 6), rng.randint(1, 3)):
            observations, facts = [], {}
            for number in range(rng.randint(1, 3)):
                start = city.at(days_ago, "08:00") + rng.randrange(12 * 60) * MINUTE
                end = rng.choice((None, start + rng.randrange(5, 150) * MINUTE))
                place = rng.choice(self._places)
                key = f"{person.name}-{days_ago}-{number}"
                apart = end is not None and rng.random() < 0.4
                observations.append(city.check_in(person, place, start, None if apart else end, source_id=key))
                if apart:
                    observations.insert(rng.randrange(len(observations) + 1), city.check_out(person, key, end))
                facts[f"venue-scan/{key}"] = Stay(place, start, end)
            self.tell(rng, self._presence_call(person, observations, facts), may_wait=True)

    def _presence_call(self, person, observations, facts):
        request = tracing.BatchRecordPresencesRequest(observations=observations)

        def happened():
            known = self.presences(person)
            counted = [known.get(key) == fact for key, fact in facts.items()]
            if any(counted) != all(counted):
                self.problems.append(f"half of a batch counted: {facts}, {known}")
            return all(counted)

        def send():
            answer = self.city.tracing.BatchRecordPresences(request, timeout=CALL_DEADLINE_S)
            _raise_first(item.status for item in answer.rejected)

        return Call(send, lambda: self.world.presences[person.person_id].update(facts), happened)

    def presences(self, person):
        """What is stored of the person's presence."""
        listed = self.city.tracing.ListPresences(tracing.ListPresencesRequest(
            person_id=person.person_id, page_size=1000)).presences
        known = {}
        for one in listed:
            key = f"{one.source}/{one.source_id}"
            if key in known:
                self.problems.append(f"{person.name}: {key} is stored twice")
            start, end = one.start_time.ToDatetime(self.city.calendar.zone), one.end_time.ToDatetime(self.city.calendar.zone)
            known[key] = Stay(one.setting_id, start, end if one.HasField("end_time") else None)
        return known

    # --- tests and cases --------------------------------------------------------------------------------------------

    def _evidence_call(self, person, evidence, counts):
        request = health.RecordEvidenceRequest(evidence=evidence)

        def happened():
            known = self.evidence(person).get(f"{evidence.source}/{evidence.source_id}")
            return known is not None and known.revision == evidence.revision

        return Call(lambda: self.city.health.RecordEvidence(request, timeout=CALL_DEADLINE_S), counts, happened)

    def evidence(self, person):
        """What is stored of evidence about the person."""
        listed = self.city.health.ListEvidence(health.ListEvidenceRequest(
            person_id=person.person_id, page_size=1000)).evidence
        return {f"{one.source}/{one.source_id}": one for one in listed}

    def test_call(self, person, outcome, sampled, key):
        reported = sampled + HOUR
        evidence = self.city.test_evidence(person, outcome, sampled, reported, source_id=key)
        return self._evidence_call(person, evidence, lambda: self.world.tests[person.person_id].update({
            f"city-lab/{key}": Test(outcome == POSITIVE, sampled, reported)}))

    def _test_negative(self, rng, person):
        for number in range(rng.choice((0, 0, 1, 2, 3))):
            sampled = self.city.at(rng.randrange(1, 5), f"{8 + 4 * number:02d}:30")
            self.tell(rng, self.test_call(person, NEGATIVE, sampled, f"{person.name}-negative-{number}"), may_wait=True)

    def _fall_ill(self, rng, family, people):
        ill, city = people[0], self.city
        if rng.random() < 0.4:
            return
        sampled = city.at(rng.randrange(0, 4), "07:00")
        by_test = rng.random() < 0.6
        case = Case()
        if by_test:
            if not self.tell(rng, self.test_call(ill, POSITIVE, sampled, f"{ill.name}-positive")):
                return
            case.case_id = self.await_case(ill)
            with self._lock:
                self.world.cases[ill.person_id] = case
        else:
            self._report(rng, ill, case, sampled)
        if rng.random() < 0.5:
            when = sampled + 2 * HOUR
            evidence = health.Evidence(
                source="ambulance", source_id=f"{ill.name}-transfer", revision=1, person_id=ill.person_id,
                transfer=health.Transfer(transfer_time=when, facility="hospital-1"))
            self.tell(rng, self._evidence_call(
                ill, evidence, lambda: self.world.separated.update({ill.person_id: when})), may_wait=True)
        self._judge(rng, family, case, sampled, by_test, ill)

    def _report(self, rng, ill, case, sampled):
        request = tracing.ReportCaseRequest(
            person_id=ill.person_id, sampled_time=sampled, request_id=f"report-{ill.name}")

        def send():
            answer = self.city.tracing.ReportCase(request, timeout=CALL_DEADLINE_S)
            if case.case_id not in ("", answer.case.case_id):
                self.problems.append(f"{ill.name} has two cases of one report")
            case.case_id = answer.case.case_id

        def counts():
            case.sampled = sampled
            self.world.cases[ill.person_id] = case

        self.tell(rng, Call(send, counts))

    def await_case(self, ill):
        """The id of the case that a test opens."""
        while True:
            try:
                cases = self.city.cases(ill)
            except grpc.RpcError:
                cases = []
            if cases:
                return cases[0].case_id
            time.sleep(POLL_S)

    def _judge(self, rng, family, case, sampled, by_test, ill):
        """What the authority says of the case, in order."""
        if rng.random() < 0.4:
            onset = sampled - rng.randrange(1, 3) * 24 * HOUR
            self._update(rng, case, f"onset-{family}", lambda: setattr(case, "onset", onset), onset_time=onset)
        if rng.random() < 0.3:
            self._update(rng, case, f"confirm-{family}", lambda: None, state=tracing.CASE_STATE_CONFIRMED)
        elif by_test and rng.random() < 0.3:
            withdrawal = health.Evidence(
                source="city-lab", source_id=f"{ill.name}-positive", revision=2, person_id=ill.person_id, withdrawn=True)

            def counts():
                case.excluded = True
                self.world.tests[ill.person_id].pop(f"city-lab/{ill.name}-positive", None)

            self.tell(rng, self._evidence_call(ill, withdrawal, counts))
            return
        if rng.random() < 0.3:
            self._update(rng, case, f"exclude-{family}", lambda: setattr(case, "excluded", True),
                         state=tracing.CASE_STATE_EXCLUDED)

    def _update(self, rng, case, request_id, counts, **action):
        request = tracing.UpdateCaseRequest(case_id=case.case_id, request_id=request_id, **action)
        self.tell(rng, Call(lambda: self.city.tracing.UpdateCase(request, timeout=CALL_DEADLINE_S), counts))


def _raise_first(statuses):
    for status in statuses:
        if status.code != 0:
            raise errors.ItemError(status)
