"""A city's partners: what agencies tell epigrid and ask of it, in a test's words, each call with its agency's token.

    city = City(epigrid)
    anna, ben = city.register("anna", "ben:en")
    city.move_in(home, anna, ben, since=city.at(100, "00:00"))
    cafe = city.venue("cafe")
    city.visit(anna, cafe, city.at(1, "12:00"), city.at(1, "13:30"))
    city.test(anna, POSITIVE, sampled=city.at(0, "08:00"))
    city.quiet()
    assert city.code(ben).colour == "RED"

Names are of one test: they go into documents, ids and phones, so give each test names of its own (`City(epigrid, scope)`)
where tests share a process. Every method returns what the call answered, or raises its grpc.RpcError.
"""

import dataclasses
import datetime
import itertools
import time

import grpc

from epigrid.contact_tracing.v1 import contact_tracing_pb2 as tracing
from epigrid.contact_tracing.v1 import contact_tracing_pb2_grpc
from epigrid.health_code.v1 import health_code_pb2 as health
from epigrid.health_code.v1 import health_code_pb2_grpc
from epigrid.identity.v1 import identity_pb2 as identity
from epigrid.identity.v1 import identity_pb2_grpc
from epigrid.notification.v1 import notification_pb2 as notification
from epigrid.notification.v1 import notification_pb2_grpc
from epigrid.operations.v1 import operations_pb2 as operations
from epigrid.operations.v1 import operations_pb2_grpc
from harness import errors, ids
from harness.epigrid import ENDPOINT
from harness.model import Shared
from harness.waiting import wait_until

NEGATIVE = health.TEST_OUTCOME_NEGATIVE
POSITIVE = health.TEST_OUTCOME_POSITIVE
# Under sanitizers, on a machine that does other things too.
DEADLINE_S = 20
QUIET_DEADLINE_S = 90
# Less than the first pause of a message to somebody whom nothing reaches.
RETRIES_AWAITED = datetime.timedelta(minutes=5)

_numbers = itertools.count(1)


@dataclasses.dataclass(frozen=True)
class Person:
    name: str
    person_id: str
    phone: str  # address at the endpoint; empty: none
    language: str


@dataclasses.dataclass(frozen=True)
class Reason:
    rule: str
    evidence: tuple
    since: datetime.datetime
    until: datetime.datetime | None
    cleared_by: str
    cleared_from: datetime.datetime | None


@dataclasses.dataclass(frozen=True)
class Code:
    colour: str
    measure: str
    reasons: list
    timeline: list  # (from, colour, measure)
    last_negative: datetime.datetime | None
    version: int


def document(number=None):
    """A resident ID that no other call has given."""
    return identity.Document(type=identity.DOCUMENT_TYPE_RESIDENT_ID,
                             number=ids.resident_id(next(_numbers) if number is None else number))


def time_of(message, field):
    """A timestamp as datetime; None if it is not set."""
    return getattr(message, field).ToDatetime(datetime.timezone.utc) if message.HasField(field) else None


class City:
    def __init__(self, epigrid, scope="city"):
        self.epigrid = epigrid
        self.scope = scope
        self.calendar = epigrid.calendar
        self.at, self.midnight = self.calendar.at, self.calendar.midnight
        self.connect()

    def connect(self):
        registry, lab, operator, gate = (
            self.epigrid.channel(caller) for caller in ("registry", "lab", "operator", "gate"))
        self.identity = _Deadline(identity_pb2_grpc.IdentityServiceStub(registry))
        self.health = _Deadline(health_code_pb2_grpc.HealthCodeServiceStub(lab))
        self.gate = _Deadline(health_code_pb2_grpc.HealthCodeServiceStub(gate))
        self.tracing = _Deadline(contact_tracing_pb2_grpc.ContactTracingServiceStub(lab))
        self.notification = _Deadline(notification_pb2_grpc.NotificationServiceStub(operator))
        self.operations = _Deadline(operations_pb2_grpc.OperationsServiceStub(operator))

    def next_id(self, what):
        return f"{what}-{next(_numbers)}"

    # --- identity ---------------------------------------------------------------------------------------------------

    def registration(self, name, language="", phone=""):
        points = [identity.ContactPoint(endpoint=ENDPOINT, address=phone)] if phone else []
        return identity.Registration(document=document(), name=name, language=language, contact_points=points)

    def register(self, *names):
        """People, in one batch. A name may say the language ("ben:en") and that there is no phone ("cleo:en:none")."""
        people, registrations = [], []
        for text in names:
            name, language, phone = (text.split(":") + ["", ""])[:3]
            address = "" if phone == "none" else f"{self.scope}/{name}"
            people.append((name, address, language or "zh"))
            registrations.append(self.registration(name, language, address))
        answer = self.identity.BatchRegisterPersons(identity.BatchRegisterPersonsRequest(registrations=registrations))
        assert all(result.status.code == 0 and result.created for result in answer.results), answer
        return [Person(name, result.person_id, address, language)
                for (name, address, language), result in zip(people, answer.results)]

    def guard(self, dependant, guardian):
        """Makes one person answer for another."""
        return self.identity.UpdatePerson(identity.UpdatePersonRequest(
            person_id=dependant.person_id, guardian_person_id=guardian.person_id))

    def move_in(self, household_id, *people, since, until=None):
        answer = self.identity.BatchUpdateMemberships(identity.BatchUpdateMembershipsRequest(memberships=[
            identity.Membership(household_id=household_id, person_id=person.person_id, from_time=since, until_time=until)
            for person in people]))
        assert all(result.code == 0 for result in answer.results), answer
        return answer

    def household(self, *people, since=None):
        """A household in which these people have lived since then, by default for 100 days; its id."""
        household_id = ids.derive("household", self.scope, self.next_id("household"))
        self.move_in(household_id, *people, since=since or self.midnight(100))
        return household_id

    # --- contact tracing --------------------------------------------------------------------------------------------

    def venue_id(self, name):
        return ids.derive("setting", self.scope, name)

    def venue(self, name, category=tracing.SETTING_CATEGORY_CATERING, usual_stay=None):
        """Makes a venue known; its id."""
        setting = tracing.Setting(setting_id=self.venue_id(name), category=category)
        if usual_stay is not None:
            setting.usual_stay.FromTimedelta(usual_stay)
        return self.tracing.UpdateSetting(tracing.UpdateSettingRequest(setting=setting)).setting.setting_id

    def check_in(self, person, setting_id, start, end=None, source_id=None, revision=1):
        """A check-in to send."""
        told = tracing.PresenceObservation(
            source="venue-scan", source_id=source_id or self.next_id("presence"), revision=revision,
            person_id=person.person_id, check_in=tracing.CheckIn(setting_id=setting_id, start_time=start))
        if end is not None:
            told.check_in.end_time.FromDatetime(end)
        return told

    def check_out(self, person, source_id, end, revision=2):
        """A check-out to send."""
        return tracing.PresenceObservation(
            source="venue-scan", source_id=source_id, revision=revision, person_id=person.person_id,
            check_out=tracing.CheckOut(end_time=end))

    def record(self, *observations):
        answer = self.tracing.BatchRecordPresences(tracing.BatchRecordPresencesRequest(observations=observations))
        assert not answer.rejected and answer.accepted_count == len(observations), answer
        return answer

    def visit(self, person, setting_id, start, end=None):
        return self.record(self.check_in(person, setting_id, start, end))

    def cases(self, person):
        return self.cases_of(person.person_id)

    def cases_of(self, person_id):
        return list(self.tracing.ListPersonCases(tracing.ListPersonCasesRequest(person_id=person_id)).cases)

    def case(self, person):
        """The person's only case."""
        (case,) = self.cases(person)
        return case

    def report_case(self, person, request_id="", **fields):
        return self.tracing.ReportCase(tracing.ReportCaseRequest(
            person_id=person.person_id, request_id=request_id, **fields))

    def update_case(self, case_id, request_id="", **action):
        return self.tracing.UpdateCase(tracing.UpdateCaseRequest(case_id=case_id, request_id=request_id, **action)).case

    def exclude(self, case_id):
        return self.update_case(case_id, state=tracing.CASE_STATE_EXCLUDED)

    def contacts(self, case_id, page_size=1000):
        """All contacts of a case by person id."""
        found, token = {}, ""
        while True:
            answer = self.tracing.ListContacts(tracing.ListContactsRequest(
                case_id=case_id, page_size=page_size, page_token=token))
            for contact in answer.contacts:
                assert contact.person_id not in found, "a contact stands on two pages"
                found[contact.person_id] = contact
            token = answer.next_page_token
            if not token:
                return found

    def exposures(self, person):
        return self.exposures_of(person.person_id)

    def exposures_of(self, person_id):
        return list(self.tracing.ListExposures(tracing.ListExposuresRequest(
            person_id=person_id, page_size=1000)).exposures)

    # --- health code ------------------------------------------------------------------------------------------------

    def test_evidence(self, person, outcome, sampled, reported=None, source_id=None, revision=1):
        """A test result to send. It was reported an hour after it was sampled, unless said otherwise."""
        source_id = source_id or self.next_id("test")
        return health.Evidence(
            source="city-lab", source_id=source_id, revision=revision, person_id=person.person_id,
            test=health.TestResult(
                sampling_id=source_id, method=health.TEST_METHOD_NUCLEIC_ACID, outcome=outcome, sampled_time=sampled,
                reported_time=reported or sampled + datetime.timedelta(hours=1), laboratory="city-lab"))

    def tell(self, *evidence):
        answer = self.health.BatchRecordEvidence(health.BatchRecordEvidenceRequest(evidence=evidence))
        assert not answer.rejected and answer.accepted_count == len(evidence), answer
        return answer

    def test(self, person, outcome, sampled, **keywords):
        return self.tell(self.test_evidence(person, outcome, sampled, **keywords))

    def transfer(self, person, when):
        """The person is brought to a hospital: apart from everybody from then on."""
        return self.tell(health.Evidence(
            source="ambulance", source_id=self.next_id("transfer"), person_id=person.person_id,
            transfer=health.Transfer(transfer_time=when, facility="hospital-1")))

    def code(self, person, revision=""):
        answer = self.health.GetCode(health.GetCodeRequest(person_id=person.person_id, revision=revision))
        return read_code(answer.code)

    def codes(self, people):
        """By person id. ItemError if one of them is refused."""
        answer = self.health.BatchGetCodes(health.BatchGetCodesRequest(
            person_ids=[person.person_id for person in people]))
        for result in answer.results:
            if result.status.code != 0:
                raise errors.ItemError(result.status)
        return {result.code.person_id: read_code(result.code) for result in answer.results}

    # --- notification -----------------------------------------------------------------------------------------------

    def messages(self, person):
        """What the person is told, oldest first."""
        answer = self.notification.ListMessages(notification.ListMessagesRequest(
            person_id=person.person_id, page_size=1000))
        return list(reversed(answer.messages))

    def await_message(self, person, state):
        """Waits until a message of the person is in that state."""
        wait_until(lambda: any(message.state == state for message in self.messages(person)), "the message's state")

    def deliveries(self, phone):
        """What reached this phone, in order."""
        return [delivery for delivery in self.epigrid.receiver.deliveries if delivery.body["data"]["address"] == phone]

    # --- operations -------------------------------------------------------------------------------------------------

    def quiet(self, wait_for_retries=True, patience_s=QUIET_DEADLINE_S):
        """Waits until nothing is left to be done: what has not happened by now does not happen."""
        request = operations.AwaitQuietRequest()
        if wait_for_retries:
            request.due_until_time.FromDatetime(
                datetime.datetime.now(datetime.timezone.utc) + RETRIES_AWAITED)
        deadline = time.monotonic() + patience_s
        while True:  # a call may wait for as long as the server lets it
            try:
                # A channel finds a process that was started again a moment after it is ready.
                return self.operations.AwaitQuiet(request, timeout=QUIET_DEADLINE_S, wait_for_ready=True)
            except grpc.RpcError as error:
                if errors.of(error).reason != "NOT_QUIET" or time.monotonic() > deadline:
                    raise

    def digests(self):
        """The digest of every shard's view by (service, shard); each is what the projector says it should be."""
        answer = self.operations.GetDigests(operations.GetDigestsRequest(), timeout=QUIET_DEADLINE_S)
        wrong = [digest for digest in answer.digests if digest.digest != digest.expected_digest]
        assert not wrong, wrong
        return {(digest.service, digest.shard): digest.digest for digest in answer.digests}

    def parked(self):
        return list(self.operations.ListParkedRecords(operations.ListParkedRecordsRequest()).records)


def read_code(code):
    """The code in a form that compares."""
    return Code(
        colour=health.Colour.Name(code.colour).removeprefix("COLOUR_"),
        measure=health.Measure.Name(code.measure).removeprefix("MEASURE_"),
        reasons=[
            Reason(reason.rule, tuple(reason.evidence), time_of(reason, "since_time"), time_of(reason, "until_time"),
                   reason.cleared_by, time_of(reason, "cleared_from_time"))
            for reason in code.reasons],
        timeline=[
            (time_of(entry, "from_time"), health.Colour.Name(entry.colour).removeprefix("COLOUR_"),
             health.Measure.Name(entry.measure).removeprefix("MEASURE_")) for entry in code.timeline],
        last_negative=time_of(code, "last_negative_sampled_time"),
        version=code.version)


def read_shared(shared):
    """A SettingExposure as the model has it."""
    return Shared(shared.exposure_class == tracing.EXPOSURE_CLASS_CLOSE,
                  tuple((day.date, day.minutes) for day in shared.days), time_of(shared, "first_time"),
                  None if shared.ongoing else time_of(shared, "last_time"))


def refused(call):
    """The CallError of a call that must be refused."""
    try:
        answer = call()
    except grpc.RpcError as error:
        return errors.of(error)
    raise AssertionError(f"was not refused: {answer}")


class _Deadline:
    """A stub whose calls have a deadline unless one is given."""

    def __init__(self, stub):
        self._stub = stub

    def __getattr__(self, method):
        call = getattr(self._stub, method)
        return lambda request, timeout=DEADLINE_S, **keywords: call(request, timeout=timeout, **keywords)
