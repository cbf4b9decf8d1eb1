"""What tools/citysim writes, as import files and as what they say (a World): a seeded city, its files cut into those
imported early and late; real check-ins.

    files = CitysimFiles(directory, calendar, seed=7, people=500)
    import_files(epigrid, directory, *files.early)      # by epigridctl
    files.learn_ids(city); ...
    import_files(epigrid, directory, *files.late)
    files.world.contacts(person_id)                     # harness/model.py

    files = CheckInFiles(directory, calendar, "checkins.tsv.gz", whole=True)
    import_files(epigrid, directory, *files.paths)
    files.learn_ids(city); ...

The files are read here by Python's csv module, so that nothing of what is tested decides what they mean.
"""

import csv
import datetime
import gzip
import random
import subprocess

from harness.calendar import DAY, MINUTE
from harness.model import USUAL_STAY, Stay, Test, World
from harness.processes import binary, plain_environment

SOURCE = "citysim"
BATCH = 1000


class Files:
    """Import files in the directory's "all"."""

    def __init__(self, directory, calendar, *arguments):
        self.directory = directory
        self.calendar = calendar
        self.world = World(calendar)
        subprocess.run([binary("citysim"), directory / "all", f"--zone={calendar.zone_name}", *arguments],
                       check=True, stdout=subprocess.DEVNULL)
        self.people = self._read("people.csv")
        self.settings = self._read("settings.csv")
        self.presences = self._read("presence.tsv")
        self.tests = self._read("tests.csv")
        for row in self.people:
            row["contact_endpoint"] = row["contact_address"] = ""  # nobody is told: here it is about who met whom
        self.person_ids = {}  # by key

    def learn_ids(self, city):
        """Asks, by their documents, under which ids the people were registered; then says all that the files say."""
        from epigrid.identity.v1 import identity_pb2 as identity  # generated when tests begin

        for begin in range(0, len(self.people), BATCH):
            rows = self.people[begin:begin + BATCH]
            answer = city.identity.BatchRegisterPersons(identity.BatchRegisterPersonsRequest(registrations=[
                identity.Registration(name=row["name"], document=identity.Document(
                    type=identity.DocumentType.Value(f"DOCUMENT_TYPE_{row['document_type']}"),
                    number=row["document_number"], issuer=row["document_issuer"])) for row in rows]))
            for row, result in zip(rows, answer.results, strict=True):
                assert result.status.code == 0 and not result.created, (row, result)
                self.person_ids[row["person"]] = result.person_id
        assert len(set(self.person_ids.values())) == len(self.people)
        self._tell_the_world()

    def _tell_the_world(self):
        world = self.world
        for row in self.people:
            if row["household"]:
                world.memberships[row["household"]][self.person_ids[row["person"]]] = _time(row["household_from_time"])
        for row in self.settings:
            world.usual_stays[row["setting"]] = (
                int(row["usual_stay_minutes"]) * MINUTE if row["usual_stay_minutes"] else USUAL_STAY)
        for row in self.presences:  # a correction stands behind what it corrects
            world.presences[self.person_ids[row["person"]]][f"{SOURCE}/{row['source_id']}"] = Stay(
                row["setting"], _time(row["check_in_time"]), _time(row["check_out_time"]))
        for row in self.tests:
            world.tests[self.person_ids[row["person"]]][f"{SOURCE}/{row['source_id']}"] = Test(
                row["outcome"] == "POSITIVE", _time(row["sampled_time"]), _time(row["reported_time"]))

    def _read(self, name):
        with open(self.directory / "all" / name, encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file, dialect=_dialect(name)))

    def _write(self, name, rows):
        path = self.directory / name
        with open(path, "w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, rows[0].keys(), dialect=_dialect(name))
            writer.writeheader()
            writer.writerows(rows)
        return path


class CitysimFiles(Files):
    def __init__(self, directory, calendar, seed, people):
        self.random = random.Random(seed)
        super().__init__(directory, calendar, f"--seed={seed}", f"--people={people}")
        self.early, self.late = self._cut()

    def positives(self):
        """Ids of the people whom the files' own tests make a case."""
        return {self.person_ids[row["person"]] for row in self.tests if row["outcome"] == "POSITIVE"}

    def _cut(self):
        """The paths of the early and of the late files. Late are a fifth of the check-ins and of the settings, and
        corrections of every twentieth check-in."""
        correct = self.random.sample(self.presences, len(self.presences) // 20)
        late = self.random.sample(self.presences, len(self.presences) // 5)
        keys = {row["source_id"] for row in late}
        early = [row for row in self.presences if row["source_id"] not in keys]
        corrections = [self._corrected(row) for row in correct]
        self.presences = early + late + corrections
        self.random.shuffle(early)
        late += corrections
        self.random.shuffle(late)
        late_settings = self.random.sample(self.settings, len(self.settings) // 5)
        early_settings = [row for row in self.settings if row not in late_settings]
        return ([self._write("people.csv", self.people), self._write("early_settings.csv", early_settings),
                 self._write("early_presence.tsv", early), self._write("tests.csv", self.tests)],
                [self._write("late_presence.tsv", late), self._write("late_settings.csv", late_settings)])

    def _corrected(self, row):
        """The same check-in, somewhere else, at another time, or with another end."""
        corrected = dict(row, revision="2")
        start, end = _time(row["check_in_time"]), None
        what = self.random.randrange(3)
        if what == 0:
            corrected["setting"] = self.random.choice(self.settings)["setting"]
        elif what == 1:
            start += self.random.randrange(1, 90) * MINUTE
        if what == 2 or self.random.random() < 0.5:
            end = start + self.random.randrange(5, 200) * MINUTE
        now = datetime.datetime.now(datetime.timezone.utc)
        if max(start, end or start) > now:
            return corrected | {"check_out_time": ""}
        return corrected | {"check_in_time": _text(start), "check_out_time": _text(end) if end else ""}


class CheckInFiles(Files):
    """Real check-ins, each moved into the last 14 days by citysim; or `whole`: all of them moved together, by a multiple of
    7 days, so that the last is under 7 days old."""

    def __init__(self, directory, calendar, path, whole):
        super().__init__(directory, calendar, f"--checkins={path}")
        if whole:
            self._move(path)
        self.paths = [self._write(name, rows) for name, rows in (
            ("people.csv", self.people), ("settings.csv", self.settings), ("presence.tsv", self.presences))]

    def _move(self, path):
        with gzip.open(path, "rt", encoding="utf-8") as file:
            times = {str(line): _time(row.split("\t")[1]) for line, row in enumerate(file, start=1)}
        behind = datetime.datetime.now(datetime.timezone.utc) - max(times.values())
        shift = behind // (7 * DAY) * (7 * DAY)
        for row in self.presences:
            row["check_in_time"] = _text(times[row["source_id"]] + shift)


def import_files(epigrid, directory, *paths):
    """Sends the files by epigridctl, which must take every row."""
    token = directory / "operator.token"
    token.touch(mode=0o600)
    token.write_text(epigrid.token("operator"), encoding="utf-8")
    done = subprocess.run([
        binary("epigridctl"), "import", *paths, "--source", SOURCE, "--state", directory / "import-state",
        "--server", f"127.0.0.1:{epigrid.port}", "--token-file", token,
    ], env=plain_environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def _dialect(name):
    return "excel-tab" if name.endswith(".tsv") else "excel"


def _time(text):
    return datetime.datetime.fromisoformat(text) if text else None


def _text(time):
    return time.astimezone(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
