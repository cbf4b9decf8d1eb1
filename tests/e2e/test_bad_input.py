"""Bad input, everywhere: a clear error with a stable reason that names the field, nothing changed, and the rest of a
batch goes on. Reasons are listed by the README of each service."""

import datetime

import grpc
import pytest

from harness import errors, ids
from harness.calendar import HOUR, MINUTE

INVALID = grpc.StatusCode.INVALID_ARGUMENT
NOT_FOUND = grpc.StatusCode.NOT_FOUND
REUSED = grpc.StatusCode.FAILED_PRECONDITION, "REQUEST_ID_REUSED"

SOMEBODY = ids.derive("person", "somebody")
NOBODY = ids.derive("person", "nobody")  # well-formed, and nobody's
MISTYPED = ids.mistyped(SOMEBODY)
PLACE = ids.derive("setting", "place")
HOUSEHOLD = ids.derive("household", "home")


def now():
    return datetime.datetime.now(datetime.timezone.utc)


# What is wrong, the call, the bad request as changes of a good one, the answer's code, reason and field.
REFUSED = [
    # --- identity
    ("check digit", "RegisterPerson", {"registration.document.number": "11010519491231002" + "1"},
     INVALID, "DOCUMENT_CHECK_DIGIT", "registration.document.number"),
    ("short number", "RegisterPerson", {"registration.document.number": "11010519491231"},
     INVALID, "DOCUMENT_LENGTH", "registration.document.number"),
    ("letters in the number", "RegisterPerson", {"registration.document.number": "1101051949123100OX"},
     INVALID, "DOCUMENT_CHARACTER", "registration.document.number"),
    ("no such day", "RegisterPerson", {"registration.document.number": ids.with_check_digit("11010519490230002")},
     INVALID, "DOCUMENT_BIRTH_DATE", "registration.document.number"),
    ("no such division", "RegisterPerson", {"registration.document.number": ids.with_check_digit("99010519491231002")},
     INVALID, "DOCUMENT_DIVISION", "registration.document.number"),
    ("no number", "RegisterPerson", {"registration.document.number": " - "},
     INVALID, "DOCUMENT_MISSING", "registration.document.number"),
    ("no type", "RegisterPerson", {"registration.document.type": 0},
     INVALID, "DOCUMENT_TYPE_UNKNOWN", "registration.document.type"),
    ("a type of the future", "RegisterPerson", {"registration.document.type": 99},
     INVALID, "DOCUMENT_TYPE_UNKNOWN", "registration.document.type"),
    ("passport of no state", "RegisterPerson",
     {"registration.document": {"type": 2, "number": "L898902C3", "issuer": "QQQ"}},
     INVALID, "DOCUMENT_ISSUER", "registration.document.issuer"),
    ("passport's check digit", "RegisterPerson",
     {"registration.document": {"type": 2, "number": "L898902C37", "issuer": "UTO"}},
     INVALID, "DOCUMENT_CHECK_DIGIT", "registration.document.number"),
    ("no name", "RegisterPerson", {"registration.name": ""}, INVALID, "NAME_MISSING", "registration.name"),
    ("blank name", "RegisterPerson", {"registration.name": "  "}, INVALID, "NAME_MISSING", "registration.name"),
    ("long name", "RegisterPerson", {"registration.name": "名" * 129}, INVALID, "TEXT_TOO_LONG", "registration.name"),
    ("control character", "RegisterPerson", {"registration.name": "a\nb"}, INVALID, "TEXT_MALFORMED", "registration.name"),
    ("language", "RegisterPerson", {"registration.language": "fr"},
     INVALID, "LANGUAGE_UNKNOWN", "registration.language"),
    ("six contact points", "RegisterPerson",
     {"registration.contact_points": [{"endpoint": "phones", "address": str(n)} for n in range(6)]},
     INVALID, "CONTACT_POINTS_TOO_MANY", "registration.contact_points"),
    ("endpoint", "RegisterPerson", {"registration.contact_points": [{"endpoint": "My Phone", "address": "1"}]},
     INVALID, "CONTACT_ENDPOINT_MALFORMED", "registration.contact_points[0].endpoint"),
    ("address", "RegisterPerson", {"registration.contact_points": [{"endpoint": "phones"}]},
     INVALID, "CONTACT_ADDRESS_MISSING", "registration.contact_points[0].address"),
    ("request id", "RegisterPerson", {"request_id": "r" * 65}, INVALID, "REQUEST_ID_MALFORMED", "request_id"),
    ("empty batch", "BatchRegisterPersons", {"registrations": []}, INVALID, "BATCH_EMPTY", "registrations"),
    ("large batch", "BatchRegisterPersons", {"registrations": [{}] * 1001}, INVALID, "BATCH_TOO_LARGE", "registrations"),
    ("mistyped id", "GetPerson", {"person_id": MISTYPED}, INVALID, "ID_MALFORMED", "person_id"),
    ("no id", "GetPerson", {"person_id": ""}, INVALID, "ID_MALFORMED", "person_id"),
    ("another kind of id", "GetPerson", {"person_id": PLACE}, INVALID, "ID_MALFORMED", "person_id"),
    ("unknown person", "GetPerson", {"person_id": NOBODY}, NOT_FOUND, "PERSON_UNKNOWN", None),
    ("nothing to change", "UpdatePerson", {"language": ""}, INVALID, "UPDATE_EMPTY", "request"),
    ("own guardian", "UpdatePerson", {"guardian_person_id": SOMEBODY},
     INVALID, "GUARDIAN_IS_SELF", "guardian_person_id"),
    ("change of an unknown person", "UpdatePerson", {"person_id": NOBODY}, NOT_FOUND, "PERSON_UNKNOWN", "person_id"),
    ("region", "UpdateHousehold", {"region_code": "4401x"}, INVALID, "REGION_CODE_MALFORMED", "region_code"),
    ("household id", "UpdateHousehold", {"household_id": ids.mistyped(HOUSEHOLD)},
     INVALID, "ID_MALFORMED", "household_id"),
    ("large batch", "BatchUpdateMemberships", {"memberships": [{}] * 1001}, INVALID, "BATCH_TOO_LARGE", "memberships"),
    ("unknown household", "GetHousehold", {}, NOT_FOUND, "HOUSEHOLD_UNKNOWN", None),
    ("no purpose", "ResolveContactPoints", {"purpose": 0}, INVALID, "PURPOSE_MISSING", "purpose"),
    ("revision", "GetPerson", {"revision": "not one"}, INVALID, "REVISION_MALFORMED", "revision"),
    # --- contact_tracing
    ("no category", "UpdateSetting", {"setting.category": 0}, INVALID, "CATEGORY_MISSING", "setting.category"),
    ("a market as a household", "UpdateSetting", {"setting.category": 1},
     INVALID, "CATEGORY_MISMATCH", "setting.category"),
    ("latitude", "UpdateSetting", {"setting.location": {"latitude": 90.5}},
     INVALID, "LOCATION_OUT_OF_RANGE", "setting.location"),
    ("region", "UpdateSetting", {"setting.region_code": "4"}, INVALID, "REGION_CODE_MALFORMED", "setting.region_code"),
    ("usual stay", "UpdateSetting", {"setting.usual_stay": datetime.timedelta(minutes=9)},
     INVALID, "USUAL_STAY_OUT_OF_RANGE", "setting.usual_stay"),
    ("setting id", "UpdateSetting", {"setting.setting_id": ids.mistyped(PLACE)},
     INVALID, "ID_MALFORMED", "setting.setting_id"),
    ("large batch", "BatchUpdateSettings", {"settings": [{}] * 1001}, INVALID, "BATCH_TOO_LARGE", "settings"),
    ("unknown setting", "GetSetting", {}, NOT_FOUND, "SETTING_UNKNOWN", None),
    ("person id", "RecordPresence", {"observation.person_id": MISTYPED}, INVALID, "ID_MALFORMED", "person_id"),
    ("setting id", "RecordPresence", {"observation.check_in.setting_id": ids.mistyped(PLACE)},
     INVALID, "ID_MALFORMED", "check_in.setting_id"),
    ("source", "RecordPresence", {"observation.source": "Venue Scan"}, INVALID, "SOURCE_MALFORMED", "source"),
    ("source id", "RecordPresence", {"observation.source_id": "a/b"}, INVALID, "SOURCE_ID_MALFORMED", "source_id"),
    ("nothing observed", "RecordPresence", {"observation.check_in": None}, INVALID, "PRESENCE_MISSING", "observation"),
    ("no time", "RecordPresence", {"observation.check_in.start_time": None},
     INVALID, "TIME_MISSING", "check_in.start_time"),
    ("future", "RecordPresence", {"observation.check_in.start_time": lambda: now() + 6 * MINUTE},
     INVALID, "TIME_IN_FUTURE", "check_in.start_time"),
    ("past retention", "RecordPresence", {"observation.check_in.start_time": lambda: now() - 16 * 24 * HOUR},
     INVALID, "TIME_BEYOND_RETENTION", "check_in.start_time"),
    ("end of time", "RecordPresence", {"observation.check_in.start_time": {"seconds": 1 << 60}},
     INVALID, "TIMESTAMP_OUT_OF_RANGE", "check_in.start_time"),
    ("check-out before check-in", "RecordPresence", {
        "observation.check_in.start_time": lambda: now() - HOUR, "observation.check_in.end_time": lambda: now() - 2 * HOUR},
     INVALID, "END_BEFORE_START", "check_in.end_time"),
    ("a long stay", "RecordPresence", {
        "observation.check_in.start_time": lambda: now() - 26 * HOUR, "observation.check_in.end_time": lambda: now() - HOUR},
     INVALID, "STAY_TOO_LONG", "check_in.end_time"),
    ("revision of a check-out", "RecordPresence", {
        "observation.check_in": None, "observation.check_out": {}, "observation.check_out.end_time": now},
     INVALID, "REVISION_TOO_LOW", "revision"),
    ("position", "RecordPresence", {"observation.check_in.position": "x" * 33},
     INVALID, "TEXT_TOO_LONG", "check_in.position"),
    ("empty batch", "BatchRecordPresences", {"observations": []}, INVALID, "BATCH_EMPTY", "observations"),
    ("large batch", "BatchRecordPresences", {"observations": [{}] * 5001}, INVALID, "BATCH_TOO_LARGE", "observations"),
    ("no time", "ReportCase", {"sampled_time": None}, INVALID, "CASE_TIME_MISSING", "sampled_time"),
    ("future", "ReportCase", {"sampled_time": lambda: now() + HOUR}, INVALID, "TIME_IN_FUTURE", "sampled_time"),
    ("null as a time", "ReportCase", {"onset_time": {}}, INVALID, "TIME_TOO_OLD", "onset_time"),
    ("state", "ReportCase", {"state": 4}, INVALID, "CASE_STATE_INVALID", "state"),
    ("person id", "ReportCase", {"person_id": MISTYPED}, INVALID, "ID_MALFORMED", "person_id"),
    ("no action", "UpdateCase", {"state": None}, INVALID, "ACTION_MISSING", "action"),
    ("null as a time", "UpdateCase", {"onset_time": {}}, INVALID, "TIME_TOO_OLD", "onset_time"),
    ("state", "UpdateCase", {"state": 1}, INVALID, "CASE_STATE_INVALID", "state"),
    ("case id", "UpdateCase", {"case_id": "case_17"}, INVALID, "ID_MALFORMED", "case_id"),
    ("unknown case", "GetCase", {}, NOT_FOUND, "CASE_UNKNOWN", None),
    ("unknown case", "ListContacts", {}, NOT_FOUND, "CASE_UNKNOWN", None),
    ("page size", "ListContacts", {"page_size": 1001}, INVALID, "PAGE_SIZE_OUT_OF_RANGE", "page_size"),
    ("page size", "ListExposures", {"page_size": -1}, INVALID, "PAGE_SIZE_OUT_OF_RANGE", "page_size"),
    ("page token", "ListContacts", {"page_token": "next"}, INVALID, "PAGE_TOKEN_INVALID", "page_token"),
    ("page token", "ListPresences", {"page_token": "AAAA"}, INVALID, "PAGE_TOKEN_INVALID", "page_token"),
    # --- health_code
    ("person id", "RecordEvidence", {"evidence.person_id": MISTYPED}, INVALID, "ID_MALFORMED", "person_id"),
    ("nothing told", "RecordEvidence", {"evidence.test": None}, INVALID, "EVIDENCE_MISSING", "evidence"),
    ("source", "RecordEvidence", {"evidence.source": ""}, INVALID, "SOURCE_MALFORMED", "source"),
    ("sampling", "RecordEvidence", {"evidence.test.sampling_id": ""},
     INVALID, "SAMPLING_ID_MALFORMED", "test.sampling_id"),
    ("method", "RecordEvidence", {"evidence.test.method": 0}, INVALID, "TEST_METHOD_MISSING", "test.method"),
    ("outcome", "RecordEvidence", {"evidence.test.outcome": 99}, INVALID, "TEST_OUTCOME_MISSING", "test.outcome"),
    ("future", "RecordEvidence", {"evidence.test.sampled_time": lambda: now() + HOUR},
     INVALID, "TIME_IN_FUTURE", "test.sampled_time"),
    ("null", "RecordEvidence", {"evidence.test.sampled_time": {"seconds": 0}},
     INVALID, "TIME_TOO_OLD", "test.sampled_time"),
    ("reported before it was sampled", "RecordEvidence", {"evidence.test.reported_time": lambda: now() - 30 * HOUR},
     INVALID, "REPORTED_BEFORE_SAMPLED", "test.reported_time"),
    ("cycle threshold", "RecordEvidence", {"evidence.test.cycle_threshold": float("nan")},
     INVALID, "CYCLE_THRESHOLD_OUT_OF_RANGE", "test.cycle_threshold"),
    ("a withdrawal with content", "RecordEvidence", {"evidence.withdrawn": True, "evidence.revision": 2},
     INVALID, "WITHDRAWAL_WITH_CONTENT", "withdrawn"),
    ("an order without a basis", "RecordEvidence", {
        "evidence.isolation_order": {"measure": 4}, "evidence.isolation_order.start_time": now},
     INVALID, "BASIS_MISSING", "isolation_order.basis"),
    ("an order to do nothing", "RecordEvidence", {
        "evidence.isolation_order": {"measure": 1, "basis": {"sampling_id": "s"}},
        "evidence.isolation_order.start_time": now},
     INVALID, "ISOLATION_MEASURE_INVALID", "isolation_order.measure"),
    ("large batch", "BatchRecordEvidence", {"evidence": [{}] * 1001}, INVALID, "BATCH_TOO_LARGE", "evidence"),
    ("person id", "GetCode", {"person_id": MISTYPED}, INVALID, "ID_MALFORMED", "person_id"),
    ("large batch", "BatchGetCodes", {"person_ids": [SOMEBODY] * 1001}, INVALID, "BATCH_TOO_LARGE", "person_ids"),
    ("page token", "ListEvidence", {"page_token": "x"}, INVALID, "PAGE_TOKEN_INVALID", "page_token"),
    # --- notification
    ("unknown message", "GetMessage", {}, NOT_FOUND, "MESSAGE_UNKNOWN", None),
    ("message id", "GetMessage", {"message_id": "message_1"}, INVALID, "ID_MALFORMED", "message_id"),
    ("page token", "ListMessages", {"page_token": "x"}, INVALID, "PAGE_TOKEN_INVALID", "page_token"),
    # --- operations
    ("no service", "RebuildViews", {"service": ""}, INVALID, "SERVICE_MISSING", "service"),
    ("no such service", "RebuildViews", {"service": "weather"}, NOT_FOUND, "SERVICE_NOT_HERE", "service"),
    ("no such shard", "RebuildViews", {"shards": [64]}, INVALID, "SHARD_OUT_OF_RANGE", "shard"),
    ("no such time", "AwaitQuiet", {"due_until_time.seconds": 2**60},
     INVALID, "TIMESTAMP_OUT_OF_RANGE", "due_until_time"),
]


def good(method):
    """The stub's attribute in City and a request of the method that is well-formed."""
    from epigrid.contact_tracing.v1 import contact_tracing_pb2 as tracing
    from epigrid.health_code.v1 import health_code_pb2 as health
    from epigrid.identity.v1 import identity_pb2 as identity
    from epigrid.notification.v1 import notification_pb2 as notification
    from epigrid.operations.v1 import operations_pb2 as operations

    check_in = tracing.PresenceObservation(
        source="venue-scan", source_id="1", person_id=SOMEBODY,
        check_in=tracing.CheckIn(setting_id=PLACE, start_time=now() - HOUR))
    evidence = health.Evidence(
        source="lab", source_id="1", person_id=SOMEBODY,
        test=health.TestResult(sampling_id="1", method=1, outcome=1, sampled_time=now() - 24 * HOUR))
    case_id = ids.derive("case", "unknown")
    requests = {
        "identity": [
            identity.RegisterPersonRequest(registration=identity.Registration(
                document=identity.Document(type=1, number=ids.resident_id(0)), name="name")),
            identity.BatchRegisterPersonsRequest(), identity.GetPersonRequest(person_id=SOMEBODY),
            identity.UpdatePersonRequest(person_id=SOMEBODY, language="en"),
            identity.UpdateHouseholdRequest(household_id=HOUSEHOLD), identity.BatchUpdateMembershipsRequest(),
            identity.GetHouseholdRequest(household_id=HOUSEHOLD),
            identity.ResolveContactPointsRequest(person_ids=[SOMEBODY], purpose=1)],
        "tracing": [
            tracing.UpdateSettingRequest(setting=tracing.Setting(setting_id=PLACE, category=5)),
            tracing.BatchUpdateSettingsRequest(), tracing.GetSettingRequest(setting_id=PLACE),
            tracing.RecordPresenceRequest(observation=check_in), tracing.BatchRecordPresencesRequest(),
            tracing.ReportCaseRequest(person_id=SOMEBODY, sampled_time=now() - HOUR),
            tracing.UpdateCaseRequest(case_id=case_id, state=4), tracing.GetCaseRequest(case_id=case_id),
            tracing.ListContactsRequest(case_id=case_id), tracing.ListExposuresRequest(person_id=SOMEBODY),
            tracing.ListPresencesRequest(person_id=SOMEBODY)],
        "health": [
            health.RecordEvidenceRequest(evidence=evidence), health.BatchRecordEvidenceRequest(),
            health.GetCodeRequest(person_id=SOMEBODY), health.BatchGetCodesRequest(),
            health.ListEvidenceRequest(person_id=SOMEBODY)],
        "notification": [
            notification.GetMessageRequest(person_id=SOMEBODY, message_id=ids.derive("message", "unknown")),
            notification.ListMessagesRequest(person_id=SOMEBODY)],
        "operations": [operations.RebuildViewsRequest(service="identity"), operations.AwaitQuietRequest()],
    }
    for service, candidates in requests.items():
        for request in candidates:
            if type(request).__name__ == f"{method}Request":
                return service, request
    raise KeyError(method)


def change(request, path, value):
    """Sets a field, by its path; None clears it."""
    *parents, field = path.split(".")
    for parent in parents:
        request = getattr(request, parent)
    request.ClearField(field)
    if callable(value):
        value = value()
    if isinstance(value, datetime.datetime):
        getattr(request, field).FromDatetime(value)
    elif isinstance(value, datetime.timedelta):
        getattr(request, field).FromTimedelta(value)
    elif value is not None:
        request.MergeFrom(type(request)(**{field: value}))
        if isinstance(value, dict) and not value:
            getattr(request, field).SetInParent()


@pytest.fixture(scope="module")
def undisturbed(shared_epigrid):
    """The digests of every shard before any of these calls."""
    from harness.city import City

    city = City(shared_epigrid, "before")
    city.register("bystander")
    city.quiet()
    return city.digests()


@pytest.mark.parametrize(
    "method, changes, code, reason, field", [row[1:] for row in REFUSED],
    ids=[f"{method}: {what}" for what, method, *_ in REFUSED])
def test_is_refused(city, undisturbed, method, changes, code, reason, field):
    from harness.city import refused

    service, request = good(method)
    for path, value in changes.items():
        change(request, path, value)
    error = refused(lambda: getattr(getattr(city, service), method)(request))
    assert (error.code, error.reason, error.metadata.get("field")) == (code, reason, field)
    assert len(error.message) > 10
    for told in ("registration.name", "registration.document.number", "observation.source"):
        if isinstance(changes.get(told), str) and len(changes[told]) > 3:
            assert changes[told] not in error.message, "a message holds no personal data"


def test_nothing_that_was_refused_has_changed_anything(city, undisturbed):
    """Runs after the table above; by itself it shows only that nothing changes by itself."""
    city.quiet()
    assert city.digests() == undisturbed


def test_a_call_without_a_token_or_with_a_wrong_one_is_refused(city):
    from epigrid.health_code.v1 import health_code_pb2, health_code_pb2_grpc
    from epigrid.operations.v1 import operations_pb2, operations_pb2_grpc
    from harness.city import refused

    bare = health_code_pb2_grpc.HealthCodeServiceStub(city.epigrid.bare_channel())
    request = health_code_pb2.GetCodeRequest(person_id=SOMEBODY)

    def reason(*metadata):
        error = refused(lambda: bare.GetCode(request, timeout=20, metadata=metadata))
        return error.code, error.reason

    assert reason() == (grpc.StatusCode.UNAUTHENTICATED, "TOKEN_MISSING")
    assert reason(("authorization", "Basic dXNlcg==")) == (grpc.StatusCode.UNAUTHENTICATED, "AUTHORIZATION_MALFORMED")
    assert reason(("authorization", "Bearer nobodys")) == (grpc.StatusCode.UNAUTHENTICATED, "TOKEN_UNKNOWN")

    error = refused(lambda: city.gate.BatchGetCodes(health_code_pb2.BatchGetCodesRequest(person_ids=[SOMEBODY])))
    assert (error.code, error.reason) == (grpc.StatusCode.PERMISSION_DENIED, "METHOD_NOT_ALLOWED")
    assert error.metadata["caller"] == "gate"
    assert error.metadata["method"] == "epigrid.health_code.v1.HealthCodeService/BatchGetCodes"
    for caller in ("lab", "gate", "registry"):
        operations = operations_pb2_grpc.OperationsServiceStub(city.epigrid.channel(caller))
        error = refused(lambda: operations.RebuildViews(operations_pb2.RebuildViewsRequest(service="identity")))
        assert error.reason == "METHOD_NOT_ALLOWED"


def test_fields_of_a_later_version_do_no_harm(city):
    """What this version does not know is passed over, in calls that read and in calls that write."""
    from epigrid.health_code.v1 import health_code_pb2 as health

    later = b"\xc2\x3e\x05later"  # field 1000, a text
    (somebody,) = city.register("somebody")
    evidence = city.test_evidence(somebody, 1, city.at(1, "08:00"))
    channel = city.epigrid.channel("lab")
    for method, request in (("RecordEvidence", health.RecordEvidenceRequest(evidence=evidence)),
                            ("GetCode", health.GetCodeRequest(person_id=somebody.person_id))):
        call = channel.unary_unary(f"/epigrid.health_code.v1.HealthCodeService/{method}")
        call(request.SerializeToString() + later, timeout=20)
    city.quiet()
    assert city.code(somebody).last_negative == city.at(1, "08:00")


def test_what_is_no_call_of_a_method_is_refused(city):
    from harness.city import refused

    def refusal(method, data):
        call = city.epigrid.channel("lab").unary_unary(f"/epigrid.health_code.v1.HealthCodeService/{method}")
        error = refused(lambda: call(data, timeout=20))
        return error.code, error.reason

    assert refusal("GetCod", b"") == (grpc.StatusCode.UNIMPLEMENTED, "METHOD_UNKNOWN")
    assert refusal("GetCode", b"\x0a\xff\xff\xff\xff\x0f") == (INVALID, "REQUEST_MALFORMED")
    assert refusal("GetCode", b"\x0a\x80\x80\x80\x03" + b"x" * (6 << 20)) == (INVALID, "REQUEST_TOO_LARGE")
    # Twice as large as the largest: gRPC's own answer.
    code, _ = refusal("GetCode", b"\x0a\x80\x80\x80\x05" + b"x" * (10 << 20))
    assert code == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert city.epigrid.ready()


def test_another_body_under_an_old_request_id_is_refused_and_the_same_body_answered_as_before(city):
    from harness.city import refused
    from harness.decided import decided_commands

    commands = decided_commands(city)
    answers = [command.send(city, command.first) for command in commands]
    city.quiet()
    before = city.digests()
    for command, answer in zip(commands, answers):
        error = refused(lambda: command.send(city, command.other))
        assert (error.code, error.reason) == REUSED, command.what
        assert command.send(city, command.first) == answer, command.what
    city.quiet()
    assert city.digests() == before


def test_another_item_under_an_old_request_id_is_refused_and_the_rest_of_the_batch_answered_as_before(city):
    from epigrid.contact_tracing.v1 import contact_tracing_pb2 as tracing
    from epigrid.identity.v1 import identity_pb2 as identity

    one, two, three = city.register("one", "two", "three")
    home = ids.derive("household", city.scope)
    registrations = identity.BatchRegisterPersonsRequest(
        request_id="people", registrations=[city.registration(name) for name in ("four", "five", "six")])
    memberships = identity.BatchUpdateMembershipsRequest(request_id="moves", memberships=[
        identity.Membership(household_id=home, person_id=person.person_id, from_time=city.midnight(10))
        for person in (one, two, three)])
    settings = tracing.BatchUpdateSettingsRequest(request_id="places", settings=[
        tracing.Setting(setting_id=city.venue_id(name), category=tracing.SETTING_CATEGORY_SHOP)
        for name in ("seven", "eight", "nine")])

    def send():
        """Of each batch, of each item: its reason, or what was decided."""
        people = city.identity.BatchRegisterPersons(registrations).results
        moves = city.identity.BatchUpdateMemberships(memberships).results
        places = city.tracing.BatchUpdateSettings(settings).results
        return [errors.of_status(result.status).reason or result.person_id for result in people], \
            [errors.of_status(result).reason for result in moves], \
            [errors.of_status(result.status).reason or result.setting_id for result in places]

    first = send()
    assert first[1] == [""] * 3
    city.quiet()
    before = city.digests()
    registrations.registrations[1].name = "other"
    memberships.memberships[1].from_time.FromDatetime(city.midnight(11))
    settings.settings[1].capacity = 7
    for refused_items, decided in zip(send(), first):
        assert refused_items == [decided[0], "REQUEST_ID_REUSED", decided[2]]
    city.quiet()
    assert city.digests() == before


def test_items_keep_their_numbers_whatever_stands_before_them(city):
    from epigrid.contact_tracing.v1 import contact_tracing_pb2 as tracing

    request = tracing.BatchUpdateSettingsRequest(request_id="mended", settings=[
        tracing.Setting(category=tracing.SETTING_CATEGORY_SHOP, region_code="4"),  # no region
        tracing.Setting(category=tracing.SETTING_CATEGORY_CATERING)])  # gets its id from the request's and its number
    bad, good = city.tracing.BatchUpdateSettings(request).results
    assert (errors.of_status(bad.status).reason, good.status.code) == ("REGION_CODE_MALFORMED", 0)
    request.settings[0].region_code = "33"
    mended, same = city.tracing.BatchUpdateSettings(request).results
    assert (mended.status.code, same.status.code) == (0, 0), mended
    assert (same.setting_id, mended.setting_id == good.setting_id) == (good.setting_id, False)


def test_a_registration_that_came_too_late_is_answered_as_before_however_late_it_is_sent_again(city):
    """The person whom it proposed in vain is forgotten, and with it the key that the answer could be taken to need."""
    from epigrid.identity.v1 import identity_pb2 as identity
    from harness.waiting import wait_until

    registration = city.registration("known")
    register = lambda request_id: city.identity.RegisterPerson(
        identity.RegisterPersonRequest(registration=registration, request_id=request_id))
    person_id = register("").person_id
    settled = lambda: city.epigrid.output_path.read_text(encoding="utf-8").count('"identity.lost_claims_settled"')
    before = settled()
    assert (register("late").person_id, register("late").created) == (person_id, False)
    wait_until(lambda: settled() > before, "the proposal to be forgotten")
    assert (register("late").person_id, register("late").created) == (person_id, False)


def test_the_rest_of_a_batch_goes_on(city):
    from epigrid.contact_tracing.v1 import contact_tracing_pb2 as tracing
    from epigrid.health_code.v1 import health_code_pb2 as health
    from epigrid.identity.v1 import identity_pb2 as identity

    def reasons(statuses):
        return [errors.of_status(status).reason for status in statuses]

    bad = city.registration("bad")
    bad.document.number = bad.document.number[:-1] + ("1" if bad.document.number[-1] != "1" else "2")
    answer = city.identity.BatchRegisterPersons(identity.BatchRegisterPersonsRequest(
        registrations=[city.registration("one"), bad, city.registration("two")]))
    assert reasons(result.status for result in answer.results) == ["", "DOCUMENT_CHECK_DIGIT", ""]
    assert [bool(result.person_id) for result in answer.results] == [True, False, True]
    assert errors.of_status(answer.results[1].status).metadata["field"] == "registrations[1].document.number"

    one, two = city.register("three", "four")
    home = ids.derive("household", city.scope)
    answer = city.identity.BatchUpdateMemberships(identity.BatchUpdateMembershipsRequest(memberships=[
        identity.Membership(household_id=home, person_id=one.person_id, from_time=city.midnight(10)),
        identity.Membership(household_id=home, person_id=MISTYPED, from_time=city.midnight(10)),
        identity.Membership(household_id=home, person_id=two.person_id, from_time=city.midnight(10),
                            until_time=city.midnight(11))]))
    assert reasons(answer.results) == ["", "ID_MALFORMED", "MEMBERSHIP_INTERVAL_INVALID"]
    found = city.identity.GetHousehold(identity.GetHouseholdRequest(household_id=home, revision=answer.revision))
    assert [member.person_id for member in found.household.members] == [one.person_id]

    answer = city.tracing.BatchUpdateSettings(tracing.BatchUpdateSettingsRequest(settings=[
        tracing.Setting(category=tracing.SETTING_CATEGORY_SHOP), tracing.Setting(),
        tracing.Setting(setting_id=city.venue_id("cafe"), category=tracing.SETTING_CATEGORY_CATERING)]))
    assert reasons(result.status for result in answer.results) == ["", "CATEGORY_MISSING", ""]
    cafe = answer.results[2].setting_id

    start = city.at(1, "10:00")
    answer = city.tracing.BatchRecordPresences(tracing.BatchRecordPresencesRequest(observations=[
        city.check_in(one, cafe, start, source_id="right"),
        city.check_out(one, "right", start - MINUTE),  # before its check-in, which is in the same request
        city.check_in(one, cafe, now() + HOUR, source_id="future"),
        city.check_in(two, cafe, start, source_id="mistyped-place"),
        city.check_out(one, "right", start + HOUR, revision=3)]))
    assert answer.accepted_count == 3
    assert [(item.index, errors.of_status(item.status).reason) for item in answer.rejected] == [
        (1, "END_BEFORE_START"), (2, "TIME_IN_FUTURE")]
    listed = city.tracing.ListPresences(tracing.ListPresencesRequest(
        person_id=one.person_id, revision=answer.revision)).presences
    assert [(p.source_id, p.end_time.ToDatetime(datetime.timezone.utc)) for p in listed] == [("right", start + HOUR)]

    answer = city.health.BatchRecordEvidence(health.BatchRecordEvidenceRequest(evidence=[
        city.test_evidence(one, 1, city.at(1, "08:00")), city.test_evidence(two, 0, city.at(1, "08:00")),
        city.test_evidence(two, 1, city.at(1, "09:00"))]))
    assert answer.accepted_count == 2
    assert [(item.index, errors.of_status(item.status).reason) for item in answer.rejected] == [
        (1, "TEST_OUTCOME_MISSING")]
    answer = city.health.BatchGetCodes(health.BatchGetCodesRequest(
        person_ids=[one.person_id, MISTYPED, two.person_id], revision=answer.revision))
    assert reasons(result.status for result in answer.results) == ["", "ID_MALFORMED", ""]
    assert answer.results[2].code.HasField("last_negative_sampled_time")


def test_a_page_token_or_revision_of_another_query_is_refused(city):
    from epigrid.contact_tracing.v1 import contact_tracing_pb2 as tracing
    from epigrid.health_code.v1 import health_code_pb2 as health
    from harness.city import refused

    one, two = city.register("one", "two")
    place = city.venue("place")
    for hour in (8, 9, 10):
        revision = city.visit(one, place, city.at(1, f"{hour}:00")).revision
    page = city.tracing.ListPresences(tracing.ListPresencesRequest(
        person_id=one.person_id, page_size=2, revision=revision))
    assert len(page.presences) == 2
    for call in (
            lambda: city.tracing.ListPresences(tracing.ListPresencesRequest(
                person_id=two.person_id, page_size=2, page_token=page.next_page_token)),
            lambda: city.health.ListEvidence(health.ListEvidenceRequest(
                person_id=one.person_id, page_size=2, page_token=page.next_page_token))):
        error = refused(call)
        assert (error.reason, error.metadata["field"]) == ("PAGE_TOKEN_INVALID", "page_token")
    rest = city.tracing.ListPresences(tracing.ListPresencesRequest(
        person_id=one.person_id, page_size=1000, page_token=page.next_page_token))
    assert len(rest.presences) == 1 and not rest.next_page_token
    error = refused(lambda: city.code(one, revision=revision))
    assert (error.reason, error.metadata["field"]) == ("REVISION_OF_ANOTHER_SERVICE", "revision")


def test_ids_that_nobody_knows_yet_are_accepted_and_conflicts_change_nothing(city):
    """What only the fold can see is not refused: the first in the log stands."""
    from epigrid.contact_tracing.v1 import contact_tracing_pb2 as tracing
    from harness.city import Person

    stranger = Person("stranger", ids.derive("person", city.scope), "", "zh")
    elsewhere = city.venue_id("elsewhere")
    start = city.at(1, "10:00")
    city.record(city.check_in(stranger, elsewhere, start, source_id="1"))
    city.record(city.check_in(stranger, elsewhere, start + HOUR, source_id="1"))  # the same revision, another content
    answer = city.record(city.check_out(stranger, "1", start - HOUR))  # not after the check-in: counts as none
    listed = city.tracing.ListPresences(tracing.ListPresencesRequest(
        person_id=stranger.person_id, revision=answer.revision)).presences
    assert [(p.start_time.ToDatetime(datetime.timezone.utc), p.HasField("end_time")) for p in listed] == [(start, False)]
    assert city.code(stranger).colour == "GREEN"
