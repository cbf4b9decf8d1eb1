"""Brute force agrees: on seeded cities and on real check-ins, imported by epigridctl, the contacts and exposures that the
services tell equal those of a naive all-pairs program (harness/model.py) that reads the same files: pair for pair, minute
for minute, day for day."""

import collections
import os
import pathlib

import pytest

from harness.calendar import DAY, HOUR, MINUTE
from harness.citysim import CheckInFiles, CitysimFiles, import_files
from harness.epigrid import running
from harness.model import Case, Stay, Test, is_household

SEEDS = (11, 12, 13)
PEOPLE = 300
ILL = 12
DELETED = 40

CHECK_INS = pathlib.Path(os.environ.get(
    "SHARED_DATA_DIR", pathlib.Path(__file__).parents[3] / "shared/data")) / "gowalla-nyc/checkins.tsv.gz"
IMPORT_PATIENCE_S = 300


class Outbreak:
    """People of the city fall ill, one after the other each in another way; every call is noted in the world."""

    def __init__(self, city, files):
        self.city, self.files, self.world, self.random = city, files, files.world, files.random
        self.confirmed, self.reported, self.visits = set(), set(), []
        known = files.positives()
        # Who lives with others, so that some of them are contacts at home, until one is brought away or for good.
        shared_homes = [members for members in self.world.memberships.values() if len(members) > 1]
        self.ill = self.random.sample(sorted(set().union(*shared_homes) - known), ILL)
        for person_id in known:
            self.world.cases[person_id] = Case()

    def happen(self):
        by_test = self.ill[::2]
        for person_id in by_test:
            self.test_positive(person_id, self.some_time())
        for person_id in self.ill[1::2]:
            self.report(person_id, self.some_time())
        self.city.quiet()
        self.note_case_ids()
        for number, person_id in enumerate(self.ill):
            self.keep_apart(person_id, number % 6)
        self.city.quiet()
        for person_id in by_test[::2]:
            self.city.update_case(self.world.cases[person_id].case_id, state=self.state("CONFIRMED"))
            self.confirmed.add(person_id)
        for person_id in self.ill[1::4]:
            case = self.world.cases[person_id]
            case.onset = self.anchor(person_id) - self.random.randrange(1, 60) * HOUR
            self.city.update_case(case.case_id, onset_time=case.onset)

    def visit_homes(self):
        """Guests at the homes of the ill, and the ill as guests at the homes of others; some live there anyway."""
        from epigrid.contact_tracing.v1 import contact_tracing_pb2 as tracing

        homes = {person_id: household_id for household_id, members in self.world.memberships.items() for person_id in members}
        everybody = sorted(homes)
        visits = []
        for person_id in self.ill:
            visits += [(self.random.choice(everybody), homes[person_id]) for _ in range(3)]
            visits += [(person_id, homes[self.random.choice(everybody)]), (person_id, homes[person_id])]
        observations = []
        for person_id, household_id in visits:
            source_id, start = f"guest-{len(self.visits)}", self.some_time()
            end = start + self.random.randrange(5, 20 * 60) * MINUTE if self.random.random() < 0.6 else None
            end = end if end is None or end < self.city.midnight(0) else None
            self.visits.append(source_id)
            observations.append(tracing.PresenceObservation(
                source="door-scan", source_id=source_id, person_id=person_id,
                check_in=tracing.CheckIn(setting_id=household_id, start_time=start, end_time=end)))
            self.world.presences[person_id][f"door-scan/{source_id}"] = Stay(household_id, start, end)
        self.city.record(*observations)

    def exclude_some(self):
        for person_id in self.ill[::5]:
            self.city.exclude(self.world.cases[person_id].case_id)
            self.world.cases[person_id].excluded = True

    def delete_some_presence(self):
        from epigrid.contact_tracing.v1 import contact_tracing_pb2 as tracing

        rows = self.random.sample(self.files.presences, DELETED)
        self.city.record(*(tracing.PresenceObservation(
            source="citysim", source_id=row["source_id"], revision=9, deletion=tracing.Deletion(),
            person_id=self.files.person_ids[row["person"]]) for row in rows))
        for row in rows:
            self.world.presences[self.files.person_ids[row["person"]]].pop(f"citysim/{row['source_id']}", None)

    # --- one fact ---------------------------------------------------------------------------------------------------

    def some_time(self):
        return self.city.midnight(0) - self.random.randrange(1, 9 * 24 * 60) * MINUTE

    def test_positive(self, person_id, sampled):
        from epigrid.health_code.v1 import health_code_pb2 as health

        self.city.tell(health.Evidence(
            source="lab", source_id=f"positive-{person_id}", person_id=person_id, test=health.TestResult(
                sampling_id=person_id, method=health.TEST_METHOD_NUCLEIC_ACID, outcome=health.TEST_OUTCOME_POSITIVE,
                sampled_time=sampled, reported_time=sampled + HOUR)))
        self.world.tests[person_id][f"lab/positive-{person_id}"] = Test(True, sampled, sampled + HOUR)
        self.world.cases[person_id] = Case()

    def report(self, person_id, when):
        from epigrid.contact_tracing.v1 import contact_tracing_pb2 as tracing

        field = self.random.choice(("onset", "sampled"))
        case = self.city.tracing.ReportCase(tracing.ReportCaseRequest(
            person_id=person_id, **{f"{field}_time": when})).case
        self.world.cases[person_id] = Case(case.case_id, **{field: when})
        self.reported.add(person_id)

    def anchor(self, person_id):
        case = self.world.cases[person_id]
        return min([test.sampled for test in self.world.tests[person_id].values() if test.positive]
                   + [time for time in (case.onset, case.sampled) if time])

    def keep_apart(self, person_id, way):
        from epigrid.health_code.v1 import health_code_pb2 as health

        anchor, world = self.anchor(person_id), self.world
        case_id = world.cases[person_id].case_id

        def tell(what, **fact):
            self.city.tell(health.Evidence(source="authority", source_id=f"{what}-{person_id}", person_id=person_id, **fact))

        def to_hospital(when):
            tell("transfer", transfer=health.Transfer(transfer_time=when, facility="hospital-1"))
            world.separated[person_id] = when

        def stay_at_home(start, end):
            tell("order", isolation_order=health.IsolationOrder(
                start_time=start, end_time=end, measure=health.MEASURE_HOME, basis=health.Basis(case_id=case_id)))
            world.kept_home[person_id] = start, end

        if way == 0:  # soon after
            to_hospital(anchor + self.random.randrange(1, 20 * 60) * MINUTE)
        elif way == 1:  # before the window begins, until today
            to_hospital(anchor - 100 * HOUR)
        elif way == 2:  # for another reason, and out again before the anchor
            to_hospital(anchor - 80 * HOUR)
            world.discharged[person_id] = anchor - 30 * HOUR - 7 * MINUTE
            tell("discharge", discharge=health.Discharge(discharge_time=world.discharged[person_id]))
        elif way == 3:  # the household goes on
            stay_at_home(anchor - self.random.randrange(1, 40 * 60) * MINUTE, anchor + 200 * HOUR)
        elif way == 4:  # first at home, then brought away
            stay_at_home(anchor - 20 * HOUR, anchor + 200 * HOUR)
            to_hospital(anchor + 3 * HOUR)

    def note_case_ids(self):
        for person_id, case in self.world.cases.items():
            found = self.city.cases_of(person_id)
            assert len(found) == 1, found
            case.case_id = found[0].case_id

    # --- what must stand in the end ---------------------------------------------------------------------------------

    @staticmethod
    def state(name):
        from epigrid.contact_tracing.v1 import contact_tracing_pb2 as tracing

        return tracing.CaseState.Value(f"CASE_STATE_{name}")

    def state_of(self, person_id):
        if self.world.cases[person_id].excluded:
            return self.state("EXCLUDED")
        if person_id in self.confirmed:
            return self.state("CONFIRMED")
        return self.state("REPORTED" if person_id in self.reported else "PROVISIONAL")


def check_cases(city, world, state_of):
    """Every case with its contacts, page by page; what each person is exposed to by them."""
    from epigrid.contact_tracing.v1 import contact_tracing_pb2 as tracing
    from harness.city import read_shared

    exposures = collections.defaultdict(dict)
    for person_id, told in world.cases.items():
        (case,) = city.cases_of(person_id)
        expected = world.contacts(person_id)
        found = {contact.person_id: {shared.setting_id: read_shared(shared) for shared in contact.settings}
                 for contact in city.contacts(case.case_id, page_size=17).values()}
        assert found.keys() == expected.keys(), f"the contacts of {case}"
        for contact_id, settings in expected.items():
            assert found[contact_id] == settings, f"{contact_id} with {case}"
            exposures[contact_id][told.case_id] = settings
        assert (case.contact_count, case.state) == (len(expected), state_of(person_id))
        assert case.search_state == tracing.SEARCH_STATE_COMPLETE
    return exposures


def check_exposures(city, people, expected):
    from harness.city import read_shared

    for person_id in people:
        found = {exposure.case_id: {shared.setting_id: read_shared(shared) for shared in exposure.settings}
                 for exposure in city.exposures_of(person_id)}
        assert found == expected.get(person_id, {}), f"the exposures of {person_id}"


@pytest.mark.parametrize("seed", SEEDS)
def test_what_is_found_equals_all_pairs(directory, seed):
    from harness.city import City

    with running(directory) as epigrid:
        city = City(epigrid)
        files = CitysimFiles(directory, city.calendar, seed, PEOPLE)
        import_files(epigrid, directory, *files.early)
        files.learn_ids(city)
        outbreak = Outbreak(city, files)
        outbreak.visit_homes()
        outbreak.happen()
        outbreak.visit_homes()
        import_files(epigrid, directory, *files.late)
        city.quiet()
        outbreak.exclude_some()
        outbreak.delete_some_presence()
        city.quiet()

        exposures = check_cases(city, outbreak.world, outbreak.state_of)
        check_exposures(city, files.person_ids.values(), exposures)
        assert not city.parked()

    shared = [one for of_person in exposures.values() for settings in of_person.values() for one in settings.values()]
    minutes = sum(minutes for one in shared for _, minutes in one.days)
    print(f"seed {seed}: {len(outbreak.world.cases)} cases, {len(shared)} pairs in a setting, {minutes} minutes, "
          f"{sum(one.close for one in shared)} at home")
    # The city's days end today, so that figures vary with the date: over a fortnight of dates, from 1,400 pairs and
    # 94,000 minutes to twice as many pairs and five times the minutes.
    assert len(shared) > 300 and minutes > 10_000
    at_homes = [one for of_person in exposures.values() for settings in of_person.values()
                for setting_id, one in settings.items() if is_household(setting_id)]
    assert all(one.close for one in at_homes)
    assert sum(any(minutes for _, minutes in one.days) for one in at_homes) > 10
    assert any(one.close and one.last is None for one in shared) and any(one.close and one.last for one in shared)


@pytest.mark.skipif(not CHECK_INS.exists(), reason=f"real check-ins are absent: set SHARED_DATA_DIR ({CHECK_INS})")
@pytest.mark.parametrize("whole, kept_days, cases, pairs_min", [(False, 28, 24, 400), (True, 600, 100, 200)],
                         ids=["within-14-days", "moved-as-a-whole"])
def test_what_is_found_in_real_check_ins_equals_all_pairs(directory, whole, kept_days, cases, pairs_min):
    from epigrid.contact_tracing.v1 import contact_tracing_pb2 as tracing
    from harness.city import City

    with running(directory, settings={"contact-tracing-retention-days": kept_days,
                                      "contact-tracing-retention-ceiling-days": kept_days}) as epigrid:
        city = City(epigrid)
        files = CheckInFiles(directory, city.calendar, CHECK_INS, whole)
        people, settings, presence = files.paths
        import_files(epigrid, directory, people, settings)
        files.learn_ids(city)
        world = files.world
        # The busiest, and others of all kinds, over all of the time.
        by_check_ins = sorted(world.presences, key=lambda person_id: (-len(world.presences[person_id]), person_id))
        ill = by_check_ins[:2] + by_check_ins[2::len(by_check_ins) // (cases - 2)][:cases - 2]
        times = [stay.start for stays in world.presences.values() for stay in stays.values()]
        step = (max(times) - min(times) - DAY) / len(ill)

        def report(number, person_id):
            sampled = (min(times) + DAY + number * step).replace(microsecond=0)
            case = city.tracing.ReportCase(tracing.ReportCaseRequest(person_id=person_id, sampled_time=sampled)).case
            world.cases[person_id] = Case(case.case_id, sampled=sampled)

        for number, person_id in list(enumerate(ill))[::2]:  # known before anybody's check-ins
            report(number, person_id)
        import_files(epigrid, directory, presence)
        city.quiet(patience_s=IMPORT_PATIENCE_S)  # else a case waits behind all that for its number
        for number, person_id in list(enumerate(ill))[1::2]:
            report(number, person_id)
        city.quiet(patience_s=IMPORT_PATIENCE_S)

        exposures = check_cases(city, world, lambda person_id: tracing.CASE_STATE_REPORTED)
        check_exposures(city, exposures, exposures)
        assert not city.parked()

    pairs = sum(len(settings) for of_person in exposures.values() for settings in of_person.values())
    print(f"{len(times)} check-ins: {len(ill)} cases, {len(exposures)} contacts, {pairs} pairs in a setting")
    assert len(times) == 138_957 and pairs > pairs_min
