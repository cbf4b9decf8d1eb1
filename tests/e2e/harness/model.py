"""What must come of the facts: contacts and codes, worked out the simple way, all pairs and all minutes.

It follows the READMEs of contact_tracing and health_code, not their code. One simplification: a person is infected at
most once, lives in a household at most once, and is separated (brought to a hospital) and kept at home at most once each.

    world = World(calendar)
    world.memberships[household_id][person_id] = since
    world.presences[person_id]["venue-scan/1"] = Stay(cafe, start, end)
    world.tests[person_id]["city-lab/1"] = Test(POSITIVE, sampled, reported)
    world.contacts(person_id)     # of the person's case: {person_id: {setting_id: Shared}}
    world.code(person_id, now)    # colour, measure, reasons
"""

import collections
import dataclasses
import datetime
import itertools

from harness.calendar import DAY, HOUR, MINUTE

WINDOW_DAYS = 2
USUAL_STAY = 2 * HOUR
STAY_MIN = 10 * MINUTE
NEXT_CHECK_IN_MAX = 12 * HOUR
CLOSE_RED_DAYS, CLOSE_YELLOW_DAYS = 7, 10
NEGATIVES_GAP = 24 * HOUR
BEGIN = datetime.datetime.min.replace(tzinfo=datetime.timezone.utc)
OPEN = datetime.datetime.max.replace(tzinfo=datetime.timezone.utc)


@dataclasses.dataclass(frozen=True)
class Stay:
    setting_id: str
    start: datetime.datetime
    end: datetime.datetime | None = None  # None: nobody said


@dataclasses.dataclass(frozen=True)
class Test:
    __test__ = False  # for pytest
    positive: bool
    sampled: datetime.datetime
    reported: datetime.datetime


@dataclasses.dataclass
class Case:
    case_id: str = ""
    excluded: bool = False
    onset: datetime.datetime | None = None
    sampled: datetime.datetime | None = None  # as reported by an agency


@dataclasses.dataclass(frozen=True)
class Shared:
    """What two people share in one setting."""
    close: bool
    days: tuple  # (YYYY-MM-DD, minutes)
    first: datetime.datetime
    last: datetime.datetime | None  # None: it goes on


class World:
    def __init__(self, calendar):
        self.calendar = calendar
        self.memberships = collections.defaultdict(dict)  # household: person: since
        self.usual_stays = {}  # of the settings that are known
        self.presences = collections.defaultdict(dict)  # person: "source/source id": Stay
        self.tests = collections.defaultdict(dict)  # person: "source/source id": Test
        self.separated = {}  # person: from when
        self.discharged = {}  # person: until when; who is not named stays separated
        self.kept_home = {}  # person: from when until when
        self.cases = {}  # person: Case

    # --- contact tracing --------------------------------------------------------------------------------------------

    def window(self, person_id, at_home=False):
        """From when until when others, or those at home, may be infected; None: the person is no case."""
        case = self.cases.get(person_id)
        if case is None or case.excluded:
            return None
        times = [test.sampled for test in self.tests[person_id].values() if test.positive]
        anchor = min(times + [time for time in (case.onset, case.sampled) if time])
        begin = self.calendar.start_of(self.calendar.day_of(anchor) - WINDOW_DAYS * DAY)
        kept_home = [self.kept_home[person_id]] if person_id in self.kept_home else []
        isolated = [span for span in _unite(self._separations(person_id) + kept_home) if span[1] > anchor]
        if not at_home:
            return begin, max(begin, min((start for start, _ in isolated), default=OPEN))
        separated = [start for start, end in self._separations(person_id) if end > anchor]
        return begin, max(begin, min(separated + [end for _, end in isolated[:1]], default=OPEN))

    def contacts(self, person_id):
        """Of the person's case: by person, by setting."""
        window, window_at_home = self.window(person_id), self.window(person_id, at_home=True)
        if window is None:
            return {}
        found = collections.defaultdict(dict)
        guests = collections.defaultdict(set)  # by setting
        for other, stays in self.presences.items():
            for stay in stays.values():
                guests[stay.setting_id].add(other)
        homes = {household_id for household_id, members in self.memberships.items() if person_id in members}
        for setting_id in homes | {stay.setting_id for stay in self.presences[person_id].values()}:
            spans = [window_at_home if setting_id in homes else window]
            stays = _intersect(self._spans(person_id, setting_id), spans)
            lives = _intersect(self._lives(person_id, setting_id), spans)
            for other in guests[setting_id] | set(self.memberships.get(setting_id, ())) if stays or lives else ():
                if other == person_id:
                    continue
                other_stays, other_lives = self._spans(other, setting_id), self._lives(other, setting_id)
                visits = self._shared_minutes(is_household(setting_id), _unite(
                    _intersect(stays, other_stays) + _intersect(lives, other_stays) + _intersect(stays, other_lives)))
                if shared := _together(visits, self._shared_home(lives, other_lives)):
                    found[other][setting_id] = shared
        return dict(found)

    def _separations(self, person_id):
        if person_id not in self.separated:
            return []
        return [(self.separated[person_id], self.discharged.get(person_id, OPEN))]

    def _spans(self, person_id, setting_id):
        """The person's stays there, closed and united."""
        if setting_id not in self.usual_stays and not is_household(setting_id):
            return []
        stays = self.presences[person_id].values()
        spans = []
        for stay in stays:
            if stay.setting_id != setting_id:
                continue
            end = stay.end
            if end is None:
                later = [other.start for other in stays
                         if stay.start < other.start <= stay.start + NEXT_CHECK_IN_MAX]
                end = min([stay.start + self.usual_stays.get(setting_id, USUAL_STAY)] + later)
            if end - stay.start >= STAY_MIN:
                spans.append((stay.start, end))
        return _unite(spans)

    def _lives(self, person_id, setting_id):
        """When the person lives there."""
        members = self.memberships.get(setting_id, {})
        if person_id not in members:
            return []
        lives = [(members[person_id], OPEN)]
        for start, end in self._separations(person_id):
            lives = _intersect(lives, [(BEGIN, start), (end, OPEN)])
        return lives

    def _shared_minutes(self, close, spans):
        """Of people at least one of whom is a guest; None: no whole minute on any day."""
        lengths = collections.defaultdict(datetime.timedelta)
        parts = collections.defaultdict(list)
        for begin, end in spans:
            while begin < end:
                day = self.calendar.day_of(begin)
                part = min(end, self.calendar.start_of(day + DAY))
                lengths[day] += part - begin
                parts[day].append((begin, part))
                begin = part
        days = {day: length // MINUTE for day, length in lengths.items() if length >= MINUTE}
        if not days:
            return None
        counted = [part for day in days for part in parts[day]]
        return Shared(close, tuple(sorted((day.isoformat(), minutes) for day, minutes in days.items())),
                      min(begin for begin, _ in counted), max(end for _, end in counted))

    def _shared_home(self, own, others):
        """Of people who both live there."""
        spans = _intersect(own, others)
        if not spans:
            return None
        begin, end = spans[0][0], spans[-1][1]
        if end == OPEN:
            return Shared(True, ((self.calendar.day_of(begin).isoformat(), 0),), begin, None)
        days = set()
        for start, until in spans:
            day = self.calendar.day_of(start)
            while self.calendar.start_of(day) < until:
                days.add(day)
                day += DAY
        return Shared(True, tuple((day.isoformat(), 0) for day in sorted(days)), begin, end)

    # --- health code ------------------------------------------------------------------------------------------------

    def codes(self, people, now):
        """By person: (colour, measure, reasons), where a reason is (rule, case, since, until, cleared from)."""
        contacts = {index: self.contacts(index) for index in self.cases}
        return {person_id: self._code(person_id, contacts, now) for person_id in people}

    def _code(self, person_id, contacts, now):
        holds = []
        case = self.cases.get(person_id)
        if case is not None and not case.excluded:
            tests = [test.sampled for test in self.tests[person_id].values() if test.positive]
            sampled = min(tests + [case.sampled] if case.sampled else tests, default=None)
            holds.append(("RED", "CENTRAL", "CASE", case.case_id, sampled or case.onset, OPEN, None))
        for index, found in contacts.items():
            if person_id in found:
                holds += self._holds(person_id, self.cases[index].case_id, found[person_id].values())
        now_in_force = [hold for hold in holds if hold[4] <= now < hold[5]]
        grades = ["GREEN", "YELLOW", "RED"]
        measures = ["NONE", "HEALTH_MONITORING", "HOME", "CENTRAL"]
        return (max((hold[0] for hold in now_in_force), key=grades.index, default="GREEN"),
                max((hold[1] for hold in now_in_force), key=measures.index, default="NONE"),
                {(rule, case_id, since, None if until == OPEN else until, cleared_from)
                 for _, _, rule, case_id, since, until, cleared_from in now_in_force})

    def _holds(self, person_id, case_id, shared):
        negatives = sorted((test.sampled, test.reported) for test in self.tests[person_id].values() if not test.positive)
        for close in (True, False):
            of_class = [one for one in shared if one.close == close]
            if not of_class:
                continue
            first = min(one.first for one in of_class)
            if any(one.last is None for one in of_class):
                yield "RED", "CENTRAL", "CLOSE_CONTACT", case_id, first, OPEN, None
                continue
            last = max(one.last for one in of_class)
            if not close:
                cleared = [max(early[1], late[1]) for early, late in itertools.product(negatives, negatives)
                           if last < early[0] and early[0] + NEGATIVES_GAP <= late[0]]
                yield ("YELLOW", "HEALTH_MONITORING", "PLACE_EXPOSURE", case_id, first, min(cleared, default=OPEN), last)
                continue
            day = self.calendar.day_of(last - datetime.timedelta.resolution)  # `last` is excluded
            red_until = self.calendar.start_of(day + (CLOSE_RED_DAYS + 1) * DAY)
            test_from = self.calendar.start_of(day + CLOSE_YELLOW_DAYS * DAY)
            cleared = min((reported for sampled, reported in negatives if sampled >= test_from), default=OPEN)
            yield "RED", "CENTRAL", "CLOSE_CONTACT", case_id, first, red_until, None
            yield ("YELLOW", "HOME", "CLOSE_CONTACT", case_id, red_until, max(test_from + DAY, cleared), test_from)


def is_household(setting_id):
    return setting_id.startswith("household_")


def _together(visits, home):
    """What two share in one setting as guests and as people who live there; either may be None."""
    if visits is None or home is None:
        return visits or home
    days = dict(home.days) | dict(visits.days)
    last = None if home.last is None else max(home.last, visits.last)
    return Shared(home.close, tuple(sorted(days.items())), min(home.first, visits.first), last)


def _unite(spans):
    united = []
    for begin, end in sorted(spans):
        if united and begin <= united[-1][1]:
            united[-1] = (united[-1][0], max(united[-1][1], end))
        else:
            united.append((begin, end))
    return united


def _intersect(some, others):
    shared = ((max(a[0], b[0]), min(a[1], b[1])) for a, b in itertools.product(some, others))
    return sorted(span for span in shared if span[0] < span[1])
