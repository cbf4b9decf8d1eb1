"""Whether everything that a Load was told holds: nothing lost, nothing doubled, every contact, colour and message right.

    problems = check(load)       # texts; none: all is well
    load.outcomes, summary(load)
"""

import collections
import datetime
import json

from epigrid.identity.v1 import identity_pb2 as identity
from epigrid.notification.v1 import notification_pb2 as notification
from epigrid.operations.v1 import operations_pb2 as operations
from harness import ids
from harness.city import POSITIVE, read_shared, time_of

PAGE = 1000


def check(load, parked_expected=0):
    """Everything that is not as the facts say, at quiet. So many records may be parked: they concern nobody of the load."""
    problems = list(load.problems)
    if not load.people:
        problems.append("wrong: nothing was loaded, so that nothing can be lost")
    load.city.quiet()
    problems += _check_facts(load)
    problems += _check_contacts(load)
    problems += _check_codes(load)
    problems += _check_messages(load)
    if len(parked := load.city.parked()) != parked_expected:
        problems.append(f"parked: {parked}, expected {parked_expected}")
    return problems


def _check_facts(load):
    """What was acknowledged is there, once; what was refused or did not count is not."""
    city, world = load.city, load.world
    for person_id, person in load.people.items():
        found = city.identity.GetPerson(identity.GetPersonRequest(person_id=person_id)).person
        if (found.name, found.language) != (person.name, person.language):
            yield f"lost: {person.name} is known as {found.name}, {found.language}"
        homes = {one.household_id: time_of(one, "from_time") for one in found.memberships}
        told = {home: members[person_id] for home, members in world.memberships.items() if person_id in members}
        if homes != told:
            yield f"lost: {person.name} lives in {homes}, was told {told}"
        yield from _difference(f"presence of {person.name}", world.presences[person_id], load.presences(person))
        evidence = load.evidence(person)
        tests = {key: one.test.outcome == POSITIVE for key, one in evidence.items() if one.HasField("test")}
        told = {key: test.positive for key, test in world.tests[person_id].items()}
        yield from _difference(f"tests of {person.name}", told, tests)
        transfers = [time_of(one.transfer, "transfer_time") for one in evidence.values() if one.HasField("transfer")]
        separated = [world.separated[person_id]] if person_id in world.separated else []
        if transfers != separated:
            yield f"wrong: transfers of {person.name}: {transfers}, was told {separated}"


def _difference(what, told, found):
    for key in sorted(told.keys() | found.keys()):
        if key not in found:
            yield f"lost: {what}: {key} {told[key]}"
        elif key not in told:
            yield f"not told by anybody: {what}: {key} {found[key]}"
        elif told[key] != found[key]:
            yield f"wrong: {what}: {key} is {found[key]}, was told {told[key]}"


def _check_contacts(load):
    city, world = load.city, load.world
    for person_id, person in load.people.items():
        cases = city.cases(person)
        expected = world.cases.get(person_id)
        if [case.case_id for case in cases] != ([expected.case_id] if expected else []):
            yield f"wrong: {person.name} has the cases {[case.case_id for case in cases]}, expected {expected}"
            continue
        if not cases:
            continue
        found = {contact.person_id: {shared.setting_id: read_shared(shared) for shared in contact.settings}
                 for contact in city.contacts(cases[0].case_id).values()}
        yield from _difference(f"contacts of {person.name}", world.contacts(person_id), found)
        if cases[0].contact_count != len(found) or cases[0].searched_setting_count != cases[0].setting_count:
            yield f"wrong: the counts of {person.name}'s case: {cases[0]}"


def _check_codes(load):
    expected = load.world.codes(load.people, datetime.datetime.now(datetime.timezone.utc))
    people = list(load.people.values())
    for begin in range(0, len(people), PAGE):
        for person_id, code in load.city.codes(people[begin:begin + PAGE]).items():
            reasons = {(r.rule, *r.evidence, r.since, r.until, r.cleared_from) for r in code.reasons}
            found = (code.colour, code.measure, reasons)
            if found != expected[person_id] or len(reasons) != len(code.reasons):
                yield f"wrong: the code of {load.people[person_id].name} is {found}, should be {expected[person_id]}"


def _check_messages(load):
    """One message for each change of a code; each delivered, or superseded by a later one; the last tells the code."""
    city = load.city
    changes = _published_codes(city)
    received = collections.defaultdict(list)
    for delivery in city.epigrid.receiver.deliveries:
        received[delivery.webhook_id].append(delivery)
    listed = set()
    for person_id, person in load.people.items():
        messages = {message.message_id: message for message in city.messages(person)}
        listed |= messages.keys()
        yield from _check_changes(person, changes.get(person_id, []), messages)
        delivered = []
        for message in messages.values():
            if message.state == notification.MESSAGE_STATE_DELIVERED:
                delivered.append(message)
                if message.message_id not in received:
                    yield f"lost: a message to {person.name} counts as delivered and never came"
            elif message.state != notification.MESSAGE_STATE_SUPERSEDED:
                yield f"wrong: at quiet a message to {person.name} is {message}"
            if len(received[message.message_id]) > len(message.attempts):
                yield f"doubled: a message to {person.name} came more often than it was tried"
        code = city.code(person)
        colours = [(notification_colour(message.colour), message.measure) for message in delivered]
        last = colours[-1][0] if colours else "GREEN"
        if last != code.colour:
            yield f"wrong: {person.name} was last told {last}, the code is {code.colour}"
        phone = [delivery.body["data"]["colour"] for delivery in city.deliveries(person.phone)]
        if phone and phone[-1] != code.colour:
            yield f"wrong: the last that came to {person.name} is {phone[-1]}, the code is {code.colour}"
    for unknown in received.keys() - listed:
        if received[unknown]:
            yield f"doubled: a message came that nobody knows: {received[unknown]}"


def notification_colour(colour):
    return ("UNSPECIFIED", "GREEN", "YELLOW", "RED", "UNDER_REVIEW")[colour]


def _published_codes(city):
    """By person, in order: the CodeChanged events, each position once however often it was published."""
    found = collections.defaultdict(dict)
    status = city.operations.GetStatus(operations.GetStatusRequest(service="health_code"))
    for shard in range(len(status.services[0].shards)):
        after = 0
        while True:
            answer = city.operations.ReadLog(operations.ReadLogRequest(
                topic="health_code.code.v1", shard=shard, after_offset=after, page_size=PAGE))
            for entry in answer.entries:
                after = entry.offset
                for event in json.loads(entry.envelope_json).get("events", []):
                    changed = event["code_changed"]
                    found[changed["person_id"]][int(changed["version"])] = changed
            if len(answer.entries) < PAGE:
                break
    return {person_id: [versions[version] for version in sorted(versions)] for person_id, versions in found.items()}


def _check_changes(person, changes, messages):
    """The changes follow on each other, and each has made its message."""
    shown = ("COLOUR_GREEN", "MEASURE_NONE")
    for changed in changes:
        if (changed["previous_colour"], changed["previous_measure"]) != shown:
            yield f"wrong: the code of {person.name} changed from {changed['previous_colour']}, was {shown[0]}"
        now = (changed["colour"], changed["measure"])
        if now == shown and "newly_exposing_case_id" not in changed:
            yield f"doubled: the code of {person.name} changed from {shown[0]} to the same"
        shown = now
    expected = {ids.derive("message", "code", person.person_id, changed["version"]) for changed in changes}
    if missing := expected - messages.keys():
        yield f"lost: {len(missing)} messages to {person.name}"
    if extra := messages.keys() - expected:
        yield f"doubled: {len(extra)} messages to {person.name} that no change made"


def summary(load):
    """A line of what happened."""
    world = load.world
    deliveries = load.city.epigrid.receiver.by_id()
    again = sum(len(copies) - 1 for copies in deliveries.values())
    counts = ", ".join(f"{count} {outcome}" for outcome, count in sorted(load.outcomes.items()))
    return (f"calls: {counts}\n"
            f"{len(load.people)} people, {sum(map(len, world.presences.values()))} presences, {len(world.cases)} cases, "
            f"{sum(len(world.contacts(index)) for index in world.cases)} contacts, {len(deliveries)} messages delivered, "
            f"{again} of them again under their id")
