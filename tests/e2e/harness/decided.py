"""Decided commands, for what a request_id that is used again must tell apart: each as a request and as another one for the
same document, person, household, place or case.

    for command in decided_commands(city):
        answer = command.send(city, command.first)
        refused(lambda: command.send(city, command.other))          # REQUEST_ID_REUSED
        assert command.send(city, command.first) == answer
"""

import dataclasses

from epigrid.contact_tracing.v1 import contact_tracing_pb2 as tracing
from epigrid.identity.v1 import identity_pb2 as identity
from harness import ids


@dataclasses.dataclass(frozen=True)
class Decided:
    what: str
    service: str  # of City
    first: object
    other: object

    def send(self, city, request):
        """What was decided; the rest of an answer says how things stand by now."""
        method = type(request).__name__.removesuffix("Request")
        answer = getattr(getattr(city, self.service), method)(request)
        if method == "RegisterPerson":
            return answer.person_id, answer.created
        if method == "UpdateHousehold":
            return answer.household_id
        if method == "UpdateSetting":
            return answer.setting.setting_id
        return answer.case.case_id if method == "ReportCase" else None


def decided_commands(city):
    """All of them, on people and cases that are made for them. In this order none is refused for another reason."""
    anna, ben, cleo, ill, confirmed, excluded, dated = city.register(
        "anna", "ben", "cleo", "ill", "confirmed", "excluded", "dated")
    commands = []

    def add(what, service, request, **other):
        """`other`: the fields of the other request that differ; None clears one."""
        request_id = city.next_id("request")
        changed = type(request)()
        changed.CopyFrom(request)
        for field, value in other.items():
            changed.ClearField(field)
            if value is not None:
                changed.MergeFrom(type(request)(**{field: value}))
        request.request_id = changed.request_id = request_id
        commands.append(Decided(what, service, request, changed))

    def add_registration(what, **other):
        document = city.registration("new").document
        add(f"registration, {what}", "identity", identity.RegisterPersonRequest(registration=identity.Registration(
            document=document, name="new", language="en")), registration=identity.Registration(
                **{"document": document, "name": "new", "language": "en", **other}))

    def add_update(what, other, **first):
        add(f"person, {what}", "identity", identity.UpdatePersonRequest(person_id=anna.person_id, **first), **other)

    def add_case_update(what, person, other, **first):
        case_id = city.report_case(person, sampled_time=city.at(1, "08:00")).case.case_id
        add(f"case, {what}", "tracing", tracing.UpdateCaseRequest(case_id=case_id, **first), **other)

    point = identity.ContactPoint(endpoint="phones", address="1")
    add_registration("name", name="other")
    add_registration("language", language="zh")
    add_registration("contact points", contact_points=[point])
    add_update("language", {"language": "zh"}, language="en")
    add_update("contact points", {"contact_points": None}, replace_contact_points=True, contact_points=[point])
    add_update("guardian", {"guardian_person_id": cleo.person_id}, guardian_person_id=ben.person_id)
    add_update("no guardian", {"remove_guardian": None, "language": "zh"}, remove_guardian=True)
    add("household, region", "identity", identity.UpdateHouseholdRequest(
        household_id=ids.derive("household", city.scope, "decided"), region_code="440106"), region_code="440103")
    add("household that is made, region", "identity", identity.UpdateHouseholdRequest(region_code="440106"),
        region_code="440103")
    shop = tracing.Setting(category=tracing.SETTING_CATEGORY_SHOP, capacity=10)
    other_shop = tracing.Setting(category=tracing.SETTING_CATEGORY_SHOP, capacity=11)
    add("setting that is made, capacity", "tracing", tracing.UpdateSettingRequest(setting=shop), setting=other_shop)
    shop.setting_id = other_shop.setting_id = city.venue_id("decided")
    add("setting, capacity", "tracing", tracing.UpdateSettingRequest(setting=shop), setting=other_shop)
    add("report, time", "tracing", tracing.ReportCaseRequest(person_id=ill.person_id, sampled_time=city.at(1, "08:00")),
        sampled_time=city.at(1, "09:00"))
    add("report, state", "tracing", tracing.ReportCaseRequest(person_id=ill.person_id, onset_time=city.at(1, "08:00")),
        state=tracing.CASE_STATE_CONFIRMED)
    states = {"CONFIRMED": tracing.CASE_STATE_CONFIRMED, "EXCLUDED": tracing.CASE_STATE_EXCLUDED}
    add_case_update("confirmation", confirmed, {"state": states["EXCLUDED"]}, state=states["CONFIRMED"])
    add_case_update("exclusion", excluded, {"state": states["CONFIRMED"]}, state=states["EXCLUDED"])
    add_case_update("onset", dated, {"onset_time": city.at(3, "08:00")}, onset_time=city.at(2, "08:00"))
    return commands
