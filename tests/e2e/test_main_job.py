"""The main job, as partners see it: a laboratory reports a positive test; everyone who met that person has a code with
a reason, and a message; when the case is excluded, all of it is taken back. And what must not happen.

What is expected is said by the README of each service. Nothing here waits for a time: after quiet(), what has not
happened does not happen.
"""

import concurrent.futures
import datetime

import pytest

from harness.calendar import HOUR, MINUTE
from harness.waiting import wait_until

# What a code says of a place, in the two languages.
CHINESE = {"RED": "现为红码", "YELLOW": "现为黄码", "GREEN": "现为绿码"}
ENGLISH = {"RED": "is now red", "YELLOW": "is now yellow", "GREEN": "is now green"}


@pytest.fixture(autouse=True)
def _names():
    """What the tests say by its own name; the stubs are not there before the first fixture."""
    from epigrid.contact_tracing.v1 import contact_tracing_pb2
    from epigrid.notification.v1 import notification_pb2
    from harness import city

    globals().update(
        tracing=contact_tracing_pb2, notification=notification_pb2, POSITIVE=city.POSITIVE, NEGATIVE=city.NEGATIVE,
        Reason=city.Reason, time_of=city.time_of)


def green(code):
    return (code.colour, code.measure, code.reasons) == ("GREEN", "NONE", [])


def told(city, person):
    """The colours that reached the person, each message verified, in the person's language, and only once."""
    messages = {message.message_id: message for message in city.messages(person)}
    colours = []
    for delivery in city.deliveries(person.phone):
        data = delivery.body["data"]
        message = messages.pop(delivery.webhook_id, None)
        assert message is not None, "a message that nobody knows, or one that came twice"
        assert message.state == notification.MESSAGE_STATE_DELIVERED
        assert data["message_id"] == delivery.webhook_id
        assert delivery.body["type"] == f"epigrid.{message.template_name}"
        assert data["language"] == person.language
        if message.template_name == "code_changed":
            assert (CHINESE if person.language == "zh" else ENGLISH)[data["colour"]] in data["text"]
        colours.append(data["colour"])
    undelivered = [message for message in messages.values() if message.state != notification.MESSAGE_STATE_SUPERSEDED]
    assert not undelivered, undelivered
    return colours


def minutes_of(contacts, person, setting_id):
    """What a case and the person share in a setting: (class, minutes by day)."""
    (shared,) = [shared for shared in contacts[person.person_id].settings if shared.setting_id == setting_id]
    return (tracing.ExposureClass.Name(shared.exposure_class).removeprefix("EXPOSURE_CLASS_"),
            {day.date: day.minutes for day in shared.days})


def test_a_positive_test_reaches_everyone_and_an_exclusion_takes_it_back(city):
    anna, ben, dan, eva, finn, gus, hana, ivan = city.register(
        "anna", "ben:en", "dan", "eva:en", "finn", "gus", "hana", "ivan")
    (cleo,) = city.register("cleo:zh:none")  # a child, reached at Ben's phone
    city.guard(cleo, ben)
    home = city.household(anna, ben, cleo)
    cafe = city.venue("cafe")
    office = city.venue("office", tracing.SETTING_CATEGORY_WORKPLACE)
    at = city.at
    city.record(
        city.check_in(anna, cafe, at(1, "12:00"), at(1, "13:30")),
        city.check_in(dan, cafe, at(1, "12:30"), at(1, "14:00")),  # meets Anna for an hour
        city.check_in(finn, cafe, at(1, "09:00"), at(1, "12:00")),  # leaves when Anna comes
        city.check_in(gus, office, at(1, "12:00"), at(1, "13:30")),  # is elsewhere
        city.check_in(hana, cafe, at(1, "12:50"), at(1, "12:59")),  # a stay under ten minutes does not count
        city.check_in(ivan, cafe, at(3, "12:00"), at(3, "13:30")),  # at another time
        city.check_in(anna, cafe, at(3, "12:00"), at(3, "13:00")))  # before the window: two days before the sampling
    city.quiet()
    strangers = [finn, gus, hana, ivan]
    assert all(green(code) for code in city.codes([anna, ben, cleo, dan, eva] + strangers).values())

    city.test(anna, POSITIVE, sampled=at(0, "08:00"), reported=at(0, "09:00"))
    city.quiet()
    case = city.case(anna)
    assert case.state == tracing.CASE_STATE_PROVISIONAL
    assert time_of(case, "window_from_time") == city.midnight(2)
    assert not case.HasField("window_until_time")
    assert case.search_state == tracing.SEARCH_STATE_COMPLETE
    assert (case.contact_count, case.searched_setting_count) == (3, case.setting_count)
    contacts = city.contacts(case.case_id)
    assert set(contacts) == {person.person_id for person in (ben, cleo, dan)}
    assert minutes_of(contacts, dan, cafe) == ("PLACE", {city.calendar.date(1): 60})
    assert minutes_of(contacts, ben, home) == ("CLOSE", {city.calendar.date(2): 0})
    assert contacts[ben.person_id].settings[0].ongoing
    (exposure,) = city.exposures(dan)
    assert (exposure.case_id, exposure.degree) == (case.case_id, 1)
    assert (time_of(exposure, "first_time"), time_of(exposure, "last_time")) == (at(1, "12:30"), at(1, "13:30"))
    assert list(exposure.settings) == list(contacts[dan.person_id].settings)
    assert all(city.exposures(person) == [] for person in (anna, finn, gus, hana, ivan))

    code = city.code(anna)
    assert (code.colour, code.measure) == ("RED", "CENTRAL")
    assert code.reasons == [Reason("CASE", (case.case_id,), at(0, "08:00"), None, "AUTHORITY", None)]
    for person in (ben, cleo):
        code = city.code(person)
        assert (code.colour, code.measure) == ("RED", "CENTRAL")
        assert code.reasons == [Reason("CLOSE_CONTACT", (case.case_id,), city.midnight(2), None, "SEPARATION", None)]
    code = city.code(dan)
    assert (code.colour, code.measure) == ("YELLOW", "HEALTH_MONITORING")
    assert code.reasons == [Reason(
        "PLACE_EXPOSURE", (case.case_id,), at(1, "12:30"), None, "TWO_NEGATIVES_24H_APART", at(1, "13:30"))]
    assert all(green(code) for code in city.codes([eva] + strangers).values())

    # Cleo's message is at Ben's phone, in Ben's language, and says that it is not about Ben.
    by_person = {person: city.messages(person) for person in (anna, ben, cleo, dan)}
    assert [len(messages) for messages in by_person.values()] == [1, 1, 1, 1]
    assert told(city, anna) == ["RED"] and told(city, dan) == ["YELLOW"]
    at_bens = {delivery.webhook_id: delivery for delivery in city.deliveries(ben.phone)}
    assert set(at_bens) == {by_person[ben][0].message_id, by_person[cleo][0].message_id}
    assert len(city.deliveries(ben.phone)) == 2
    for person, about, begins in ((ben, "addressee", "Your health code"),
                                  (cleo, "dependant", "The health code of a person you answer for")):
        data = at_bens[by_person[person][0].message_id].body["data"]
        assert (data["language"], data["about"]) == ("en", about)
        assert data["text"].startswith(f"{begins} {ENGLISH['RED']}.")
        assert ("Your code" in data["text"]) == (person is ben)
    assert all(city.messages(person) == [] for person in [eva] + strangers)
    assert all(city.deliveries(person.phone) == [] for person in [eva] + strangers)

    # Presence that is told after the case finds its contacts too, and nobody else hears of it.
    before = len(city.epigrid.receiver.deliveries)
    city.visit(eva, cafe, at(1, "13:00"), at(1, "13:20"))
    city.quiet()
    assert minutes_of(city.contacts(case.case_id), eva, cafe) == ("PLACE", {city.calendar.date(1): 20})
    assert city.code(eva).colour == "YELLOW"
    assert told(city, eva) == ["YELLOW"]
    assert len(city.epigrid.receiver.deliveries) == before + 1

    # Isolation ends the window: reasons change, no colour, so nobody is told.
    city.transfer(anna, at(0, "10:00"))
    city.update_case(case.case_id, state=tracing.CASE_STATE_CONFIRMED)
    city.quiet()
    case = city.case(anna)
    assert case.state == tracing.CASE_STATE_CONFIRMED
    assert time_of(case, "window_until_time") == at(0, "10:00")
    assert [reason.until for reason in city.code(ben).reasons] == [city.midnight(-8)]
    assert city.code(ben).timeline == [
        (city.midnight(2), "RED", "CENTRAL"), (city.midnight(-8), "YELLOW", "HOME")]
    assert len(city.epigrid.receiver.deliveries) == before + 1

    # Excluded: all of it is taken back.
    city.exclude(case.case_id)
    city.quiet()
    everybody = [anna, ben, cleo, dan, eva] + strangers
    assert all(green(code) for code in city.codes(everybody).values())
    assert city.contacts(case.case_id) == {} and city.exposures(dan) == []
    assert city.case(anna).state == tracing.CASE_STATE_EXCLUDED
    assert [told(city, person) for person in (anna, dan, eva)] == [["RED", "GREEN"], ["YELLOW", "GREEN"], ["YELLOW", "GREEN"]]
    assert [message.colour for message in city.messages(cleo)] == [message.colour for message in city.messages(ben)]
    assert len(city.messages(ben)) == 2 and len(city.deliveries(ben.phone)) == 4
    assert all(city.messages(person) == [] for person in strangers)
    assert len(city.epigrid.receiver.deliveries) == before + 1 + 5
    assert city.parked() == []


def test_the_order_in_which_facts_come_does_not_matter(city):
    at = city.at

    def tell(cast, backwards):
        """The same facts about two casts of people and places."""
        ill, mate, guest, late = city.register(*(f"{name}-{cast}" for name in ("ill", "mate", "guest", "late")))
        home = f"home-{cast}"
        bar = city.venue_id(f"bar-{cast}")
        first, second = f"first-{cast}", f"second-{cast}"
        steps = [
            lambda: city.venue(f"bar-{cast}", usual_stay=90 * MINUTE),
            lambda: homes.setdefault(home, city.household(ill, mate)),
            lambda: city.record(city.check_in(ill, bar, at(1, "20:00"), source_id=first)),  # no end: the usual stay
            lambda: city.record(city.check_in(guest, bar, at(1, "20:10"), source_id=second)),
            lambda: city.record(city.check_out(guest, second, at(1, "21:00"))),
            lambda: city.visit(late, bar, at(1, "21:15"), at(1, "23:00")),
            lambda: city.test(ill, POSITIVE, sampled=at(0, "07:00")),
            lambda: city.transfer(ill, at(0, "09:00")),
            lambda: city.update_case(city.case(ill).case_id, state=tracing.CASE_STATE_CONFIRMED),
        ]
        # The confirmation needs a case; all else may come in any order.
        for step in (list(reversed(steps[:-1])) if backwards else steps[:-1]):
            step()
        city.quiet()
        steps[-1]()
        city.quiet()
        contacts = city.contacts(city.case(ill).case_id)
        found = {
            name: sorted((shared.exposure_class, [(day.date, day.minutes) for day in shared.days],
                          time_of(shared, "first_time"), time_of(shared, "last_time"), shared.estimated)
                         for shared in contacts[person.person_id].settings)
            for name, person in (("mate", mate), ("guest", guest), ("late", late))}
        codes = [(code.colour, code.measure, [(r.rule, r.since, r.until, r.cleared_from) for r in code.reasons],
                  code.timeline) for code in map(city.code, (ill, mate, guest, late))]
        last_told = [told(city, person)[-1] for person in (ill, mate, guest, late)]
        assert len(contacts) == 3
        return found, codes, last_told

    homes = {}
    forwards = tell("forwards", backwards=False)
    assert forwards == tell("backwards", backwards=True)
    found, codes, last_told = forwards
    day = city.calendar.date(1)
    assert [days for _, days, *_ in found["guest"]] == [[(day, 50)]]
    assert [days for _, days, *_ in found["late"]] == [[(day, 15)]]  # until half past nine, the usual stay of who is ill
    assert [colour for colour, *_ in codes] == ["RED", "RED", "YELLOW", "YELLOW"] == last_told


def test_a_close_contact_passes_every_phase(city):
    """Isolation is backdated, so that today is each of the days that matter. Day 0 is the day of the last exposure."""
    days = {"day3": 3, "day7": 7, "day8": 8, "day10": 10, "day11": 11, "early": 11, "late": 11, "tested10": 10}
    names = [f"{who}-{name}" for name in days for who in ("ill", "mate")]
    people = dict(zip(names, city.register(*names)))
    for name, day in days.items():
        ill, mate = people[f"ill-{name}"], people[f"mate-{name}"]
        city.household(ill, mate)
        city.test(ill, POSITIVE, sampled=city.at(day + 1, "08:00"))
        city.transfer(ill, city.at(day, "10:00"))
    at = city.at
    city.test(people["mate-early"], NEGATIVE, sampled=at(2, "09:00"))  # on day 9: too early to clear
    city.test(people["mate-late"], NEGATIVE, sampled=at(1, "09:00"))  # on day 10
    city.test(people["mate-tested10"], NEGATIVE, sampled=at(0, "09:00"))
    city.quiet()

    red, yellow = ("RED", "CENTRAL"), ("YELLOW", "HOME")

    def phase(name):
        code = city.code(people[f"mate-{name}"])
        return (code.colour, code.measure), [(r.until, r.cleared_by, r.cleared_from) for r in code.reasons]

    midnight = city.midnight
    assert phase("day3") == (red, [(midnight(3 - 8), "TIME", None)])
    assert phase("day7") == (red, [(midnight(7 - 8), "TIME", None)])
    assert phase("day8") == (yellow, [(None, "NEGATIVE_ON_OR_AFTER", midnight(8 - 10))])
    assert phase("day10") == (yellow, [(None, "NEGATIVE_ON_OR_AFTER", midnight(0))])
    assert phase("day11") == (yellow, [(None, "NEGATIVE_ON_OR_AFTER", midnight(1))])
    assert phase("early") == (yellow, [(None, "NEGATIVE_ON_OR_AFTER", midnight(1))])
    assert phase("tested10") == (yellow, [(midnight(-1), "NEGATIVE_ON_OR_AFTER", midnight(0))])
    assert phase("late") == (("GREEN", "NONE"), [])
    assert city.code(people["mate-day3"]).timeline[1:] == [(midnight(3 - 8), *yellow)]
    assert city.code(people["mate-tested10"]).timeline[1:] == [(midnight(-1), "GREEN", "NONE")]
    for name in days:
        mate = people[f"mate-{name}"]
        shown = city.code(mate).colour
        # Who is green by now was told nothing, or that it is over.
        assert (told(city, mate) or ["GREEN"])[-1] == shown, name
        assert city.code(people[f"ill-{name}"]).colour == "RED"


def test_two_negatives_a_day_apart_clear_a_place_exposure(city):
    ill, guest, hasty = city.register("ill", "guest", "hasty")
    cinema = city.venue("cinema", tracing.SETTING_CATEGORY_LEISURE)
    at = city.at
    for person in (ill, guest, hasty):
        city.visit(person, cinema, at(4, "18:00"), at(4, "20:00"))
    city.test(ill, POSITIVE, sampled=at(4, "21:00"))
    city.test(guest, NEGATIVE, sampled=at(5, "08:00"))  # before the exposure
    city.quiet()
    assert [city.code(person).colour for person in (guest, hasty)] == ["YELLOW", "YELLOW"]
    assert city.code(guest).last_negative == at(5, "08:00")

    for person, second in ((guest, at(2, "08:00")), (hasty, at(2, "07:59"))):
        city.test(person, NEGATIVE, sampled=at(3, "08:00"))
        city.quiet()
        assert city.code(person).colour == "YELLOW"
        city.test(person, NEGATIVE, sampled=second)
    city.quiet()
    assert green(city.code(guest))
    assert city.code(guest).last_negative == at(2, "08:00")
    assert city.code(hasty).colour == "YELLOW"  # a minute short of a day
    assert told(city, guest) == ["YELLOW", "GREEN"] and told(city, hasty) == ["YELLOW"]
    city.test(hasty, NEGATIVE, sampled=at(1, "08:00"))
    city.quiet()
    assert green(city.code(hasty))
    assert told(city, hasty) == ["YELLOW", "GREEN"]


def test_a_test_that_is_corrected_or_withdrawn_takes_back_what_rested_on_it(city):
    corrected, withdrawn, confirmed, guest = city.register("corrected", "withdrawn", "confirmed", "guest")
    places = [city.venue(f"place-{n}") for n in range(3)]
    at = city.at
    ill = (corrected, withdrawn, confirmed)
    for hour, (person, place) in enumerate(zip(ill, places), start=10):
        city.visit(person, place, at(1, f"{hour}:00"), at(1, f"{hour}:40"))
        city.visit(guest, place, at(1, f"{hour}:10"), at(1, f"{hour}:40"))
        city.test(person, POSITIVE, sampled=at(0, "08:00"), source_id=f"result-{person.name}")
    city.quiet()
    assert len(city.code(guest).reasons) == 3
    city.update_case(city.case(confirmed).case_id, state=tracing.CASE_STATE_CONFIRMED)

    # The same revision with another content, and a lower one, change nothing.
    city.tell(city.test_evidence(corrected, NEGATIVE, at(0, "08:00"), source_id="result-corrected"))
    city.quiet()
    assert city.code(corrected).colour == "RED"

    def withdrawal(person, revision=2):
        from epigrid.health_code.v1 import health_code_pb2 as health
        return health.Evidence(source="city-lab", source_id=f"result-{person.name}", revision=revision,
                               person_id=person.person_id, withdrawn=True)

    city.tell(city.test_evidence(corrected, NEGATIVE, at(0, "08:00"), source_id="result-corrected", revision=2),
              withdrawal(withdrawn), withdrawal(confirmed))
    city.quiet()
    assert green(city.code(corrected)) and green(city.code(withdrawn))
    assert [city.case(person).state for person in ill] == [
        tracing.CASE_STATE_EXCLUDED, tracing.CASE_STATE_EXCLUDED, tracing.CASE_STATE_CONFIRMED]
    assert city.code(corrected).last_negative == at(0, "08:00")
    # What the authority confirmed stands, and so does what rests on it.
    assert city.code(confirmed).colour == "RED"
    assert [r.evidence for r in city.code(guest).reasons] == [(city.case(confirmed).case_id,)]
    assert told(city, corrected) == told(city, withdrawn) == ["RED", "GREEN"]
    assert [told(city, confirmed), told(city, guest)[:1]] == [["RED"], ["YELLOW"]]

    # It was right after all: the case is back, under its id.
    before = city.case(withdrawn).case_id
    city.test(withdrawn, POSITIVE, sampled=at(0, "08:00"), source_id="result-withdrawn", revision=3)
    city.quiet()
    assert (city.case(withdrawn).case_id, city.case(withdrawn).state) == (before, tracing.CASE_STATE_PROVISIONAL)
    assert city.code(withdrawn).colour == "RED"
    assert told(city, withdrawn) == ["RED", "GREEN", "RED"]
    assert {r.evidence for r in city.code(guest).reasons} == {(before,), (city.case(confirmed).case_id,)}


def test_a_corrected_onset_widens_and_narrows_the_window(city):
    ill, early, late = city.register("ill", "early", "late")
    shop = city.venue("shop", tracing.SETTING_CATEGORY_SHOP)
    at = city.at
    city.record(
        city.check_in(ill, shop, at(5, "10:00"), at(5, "10:30")), city.check_in(early, shop, at(5, "10:00"), at(5, "10:30")),
        city.check_in(ill, shop, at(1, "10:00"), at(1, "10:30")), city.check_in(late, shop, at(1, "10:00"), at(1, "10:30")))
    reported = city.report_case(ill, sampled_time=at(0, "08:00"), state=tracing.CASE_STATE_REPORTED)
    case_id = reported.case.case_id
    city.quiet()
    assert set(city.contacts(case_id)) == {late.person_id}
    assert green(city.code(early))

    city.update_case(case_id, onset_time=at(3, "06:00"))
    city.quiet()
    assert time_of(city.case(ill), "window_from_time") == city.midnight(5)
    assert set(city.contacts(case_id)) == {early.person_id, late.person_id}
    assert city.code(early).colour == "YELLOW"

    # The answer says how many have been found.
    answered = city.update_case(case_id, state=tracing.CASE_STATE_CONFIRMED)
    assert (answered.contact_count, answered.search_state) == (2, tracing.SEARCH_STATE_COMPLETE)

    city.update_case(case_id, onset_time=at(2, "06:00"))
    city.quiet()
    assert time_of(city.case(ill), "window_from_time") == city.midnight(4)
    assert set(city.contacts(case_id)) == {late.person_id}
    assert green(city.code(early))

    city.update_case(case_id, without_symptoms=True)
    city.quiet()
    assert time_of(city.case(ill), "window_from_time") == city.midnight(2)
    assert told(city, early) == ["YELLOW", "GREEN"]
    assert told(city, late) == ["YELLOW"]
    assert told(city, ill) == ["RED"]


def test_messages_come_of_colours_and_new_cases_never_of_minutes(city):
    first, second, guest = city.register("first", "second", "guest:en")
    hall = city.venue("hall", tracing.SETTING_CATEGORY_LEISURE)
    at = city.at
    city.record(
        city.check_in(first, hall, at(1, "10:00"), at(1, "12:00")), city.check_in(guest, hall, at(1, "10:00"), at(1, "11:00")),
        city.check_in(second, hall, at(1, "10:00"), at(1, "12:00")))
    city.test(first, POSITIVE, sampled=at(0, "08:00"))
    city.quiet()
    first_case = city.case(first).case_id
    assert set(city.contacts(first_case)) == {second.person_id, guest.person_id}
    assert told(city, guest) == ["YELLOW"]

    # More minutes with the same case, and the same again.
    city.visit(guest, hall, at(1, "11:20"), at(1, "11:50"))
    city.quiet()
    assert minutes_of(city.contacts(first_case), guest, hall) == ("PLACE", {city.calendar.date(1): 90})
    assert told(city, guest) == ["YELLOW"]

    # Another case: the colour stays, and the guest is told that a further case concerns them.
    city.test(second, POSITIVE, sampled=at(0, "09:00"))
    city.quiet()
    assert told(city, guest) == ["YELLOW", "YELLOW"]
    assert [message.template_name for message in city.messages(guest)] == ["code_changed", "newly_exposed"]
    assert "A further case concerns you" in city.deliveries(guest.phone)[1].body["data"]["text"]

    # One of two reasons goes: the code stays as it is, and nobody is told.
    city.exclude(first_case)
    city.quiet()
    assert [r.evidence for r in city.code(guest).reasons] == [(city.case(second).case_id,)]
    assert told(city, guest) == ["YELLOW", "YELLOW"]
    city.exclude(city.case(second).case_id)
    city.quiet()
    assert told(city, guest) == ["YELLOW", "YELLOW", "GREEN"]


def test_who_sits_down_beside_a_case_now_is_told_once(city):
    ill, guest = city.register("ill", "guest")
    canteen = city.venue("canteen")
    now = datetime.datetime.now(datetime.timezone.utc)
    city.record(city.check_in(ill, canteen, now - 30 * MINUTE))
    city.test(ill, POSITIVE, sampled=now - HOUR)
    city.quiet()
    city.record(city.check_in(guest, canteen, datetime.datetime.now(datetime.timezone.utc)))
    city.await_message(guest, notification.MESSAGE_STATE_DELIVERED)
    city.quiet()
    assert told(city, guest) == ["YELLOW"]
    assert city.code(guest).colour == "YELLOW"


def test_a_message_that_was_not_sent_is_superseded_by_a_newer_one(city):
    (ill,) = city.register("ill")
    receiver = city.epigrid.receiver
    receiver.fail_while(lambda body: body["data"]["address"] == ill.phone and body["data"]["colour"] == "RED")
    city.test(ill, POSITIVE, sampled=city.at(0, "08:00"))
    wait_until(lambda: any(request.status == 503 for request in receiver.requests), "a first attempt")
    city.exclude(city.case(ill).case_id)
    city.quiet()
    receiver.heal()
    red, green_message = city.messages(ill)
    assert (red.state, green_message.state) == (
        notification.MESSAGE_STATE_SUPERSEDED, notification.MESSAGE_STATE_DELIVERED)
    assert {attempt.reason for attempt in red.attempts} == {"HTTP_503"}
    assert [d.webhook_id for d in city.deliveries(ill.phone)] == [green_message.message_id]
    assert told(city, ill) == ["GREEN"]


def test_a_message_that_is_being_sent_is_not_overtaken(city):
    (ill,) = city.register("ill")
    receiver = city.epigrid.receiver
    city.quiet()
    receiver.stall()
    try:
        city.test(ill, POSITIVE, sampled=city.at(0, "08:00"))
        city.await_message(ill, notification.MESSAGE_STATE_STARTED)
        city.exclude(city.case(ill).case_id)
        city.await_message(ill, notification.MESSAGE_STATE_DUE)
    finally:
        receiver.resume()
    city.quiet()
    assert told(city, ill) == ["RED", "GREEN"]


def test_a_failing_endpoint_is_tried_again_under_the_same_message_id(city):
    (ill,) = city.register("ill")
    city.quiet()
    city.epigrid.receiver.fail_next(2, status=503)
    city.test(ill, POSITIVE, sampled=city.at(0, "08:00"))
    city.quiet()
    (message,) = city.messages(ill)
    assert [attempt.reason for attempt in message.attempts] == ["HTTP_503", "HTTP_503", ""]
    requests = [r for r in city.epigrid.receiver.requests if r.body["data"]["address"] == ill.phone]
    assert [(r.webhook_id, r.status) for r in requests] == [(message.message_id, s) for s in (503, 503, 204)]


def test_a_query_with_a_revision_reads_what_was_written(city):
    people = city.register(*(f"reader-{n}" for n in range(10)))
    place = city.venue("place")
    for person in people:
        answer = city.visit(person, place, city.at(1, "10:00"), city.at(1, "11:00"))
        listed = city.tracing.ListPresences(tracing.ListPresencesRequest(
            person_id=person.person_id, revision=answer.revision))
        assert len(listed.presences) == 1
        answer = city.test(person, NEGATIVE, sampled=city.at(0, "08:00"))
        assert city.code(person, revision=answer.revision).last_negative == city.at(0, "08:00")
        answer = city.report_case(person, sampled_time=city.at(0, "09:00"))
        found = city.tracing.GetCase(tracing.GetCaseRequest(case_id=answer.case.case_id, revision=answer.revision)).case
        assert (found.person_id, found.state) == (person.person_id, tracing.CASE_STATE_REPORTED)


def test_contacts_come_in_pages(city):
    ill, *guests = city.register("ill", *(f"guest-{n}:zh:none" for n in range(25)))
    fair = city.venue("fair", tracing.SETTING_CATEGORY_OTHER)
    for person in [ill] + guests:
        city.visit(person, fair, city.at(1, "10:00"), city.at(1, "11:00"))
    case_id = city.report_case(ill, onset_time=city.at(0, "08:00")).case.case_id
    city.quiet()
    pages, token = [], ""
    while not pages or token:
        answer = city.tracing.ListContacts(tracing.ListContactsRequest(case_id=case_id, page_size=7, page_token=token))
        assert (answer.total_count, answer.search_state) == (25, tracing.SEARCH_STATE_COMPLETE)
        pages.append([contact.person_id for contact in answer.contacts])
        token = answer.next_page_token
    assert [len(page) for page in pages] == [7, 7, 7, 4]
    assert sum(pages, []) == sorted(guest.person_id for guest in guests)


def test_a_person_without_a_phone_has_a_code_and_a_message_that_waits_for_one(city):
    (ill,) = city.register("ill:zh:none")
    city.test(ill, POSITIVE, sampled=city.at(0, "08:00"))
    city.quiet()
    (message,) = city.messages(ill)
    assert city.code(ill).colour == "RED"
    assert message.state == notification.MESSAGE_STATE_DUE
    (attempt,) = message.attempts
    assert (attempt.outcome, attempt.reason) == (notification.ATTEMPT_OUTCOME_UNREACHABLE, "NO_CONTACT_POINT")
    assert time_of(message, "due_time") - time_of(attempt, "end_time") > 5 * MINUTE


def test_a_document_is_one_person_however_often_and_by_whomever_it_is_registered(city):
    from epigrid.identity.v1 import identity_pb2 as identity

    registration = city.registration("twin")
    with concurrent.futures.ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: city.identity.RegisterPerson(
            identity.RegisterPersonRequest(registration=registration)), range(16)))
    assert len({answer.person_id for answer in answers}) == 1
    assert sum(answer.created for answer in answers) == 1
    batch = city.identity.BatchRegisterPersons(identity.BatchRegisterPersonsRequest(registrations=[registration] * 3))
    assert {result.person_id for result in batch.results} == {answers[0].person_id}


def test_the_gate_sees_the_code_and_nothing_else(city):
    from epigrid.health_code.v1 import health_code_pb2 as health

    (ill,) = city.register("ill")
    city.test(ill, POSITIVE, sampled=city.at(0, "08:00"))
    city.quiet()
    answer = city.gate.GetCode(health.GetCodeRequest(person_id=ill.person_id))
    assert answer.code.colour == health.COLOUR_RED
    now = datetime.datetime.now(datetime.timezone.utc)
    assert now - HOUR < time_of(answer.code, "as_of_time") <= now + MINUTE
