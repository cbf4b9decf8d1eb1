"""One bad day: a city under load, what befalls it, and what must hold afterwards.

    report = BadDay(row, options, directory).run()
    assert not report.problems

A day goes so: the city starts and its witnesses are registered; load and probes start; the row's `befalls(day)` does the
damage and mends it; the day waits until reports go through again as before; load ends, what is unknown is told again,
everything comes to rest, and all of it is compared with what partners were answered. At last the views are lost and
folded anew: they must be what they were, and nobody is told again.
"""

import collections
import dataclasses
import random
import time

from bad_days.city_under_test import CityUnderTest
from harness.load import Load
from harness.load_check import check, summary
from harness.waiting import wait_until
from harness.webhooks import WebhookReceiver

# A report that takes longer is taken for one that had to wait.
SLOW_S = 2.0
RECOVERY_MAX_S = 120.0
FAMILIES_BEFORE, REPORTS_BEFORE = 6, 10
# They last for a minute or so; then the load says again what it said.
FAMILIES, PLACES, PACE_S = 300, 30, 0.4
KINDS = ("lost", "doubled", "out of order", "wrong", "not told by anybody")


@dataclasses.dataclass
class Report:
    row: str
    problems: list
    summary: str
    seconds: float
    checks_failed: int  # gate checks that failed twice
    checks: int
    longest_without_check_s: float
    recovered_s: float  # from the end of what befell the city to reports that go through again
    results: list  # what the row itself has measured

    def line(self):
        counts = collections.Counter(next((kind for kind in KINDS if problem.startswith(kind)), "other")
                                     for problem in self.problems)
        told = ", ".join(f"{kind} {counts[kind]}" for kind in KINDS if kind != "not told by anybody" or counts[kind])
        other = f", other {counts['other']}" if counts["other"] else ""
        return (f"{self.row}: {told}{other}; gate checks failed {self.checks_failed} of {self.checks}, longest without one "
                f"{self.longest_without_check_s:.1f} s; recovered after {self.recovered_s:.1f} s"
                + "".join(f"; {result}" for result in self.results))


class BadDay:
    """What a row's `befalls` is given: the city under test, its parts, and a seeded choice."""

    def __init__(self, row, options, directory):
        self.row, self.options = row, options
        self.rng = random.Random(f"{options.seed}/{row.name}")
        self._directory = directory
        self.under_test = self.log = self.view = self.city = self.load = self.probes = None
        self.parked_expected = 0
        self.problems, self.notes, self.results = [], [], []
        self.checks = []  # () -> problems; of what the row itself has told, at quiet
        self._mended_at = None

    @property
    def instances(self):
        return self.under_test.instances

    def seconds(self, whole, slice_):
        """How long something lasts: in the whole suite, and in the short slice."""
        return slice_ if self.options.slice else whole

    def await_gates(self):
        """Until every instance that is there for gates has answered a check from now on."""
        before = {one: one.gate_checks() for one in self.under_test.serving("health_code")}
        wait_until(lambda: all(one.gate_checks() > count for one, count in before.items()), "gates to find all instances",
                   RECOVERY_MAX_S)

    def mended(self):
        """The damage ends now; by default when `befalls` returns."""
        self._mended_at = time.monotonic()

    def run(self):
        began = time.monotonic()
        self.log, self.view = self.options.stores(self._directory, self.row)
        with WebhookReceiver(tolerance_s=self.row.webhook_tolerance_s) as receiver, CityUnderTest(
                self._directory, self.log, self.view, receiver, layout=self.row.layout or self.options.layout, roles=self.row.roles,
                environments=self.row.environments(self._directory),
                bin_dir=self.options.previous if self.row.starts_previous else None) as self.under_test:
            from bad_days.probes import Probes  # needs the generated stubs

            self.city = self.under_test.partners("load", self.row.rest_max_s)
            self.load = Load(self.city, self.options.seed, families=FAMILIES, places=PLACES, pace_s=PACE_S)
            self.load.refused_for_now.update(self.row.refused_for_now)
            self.probes = Probes(self.load, self.row.retry_at_once)
            self.probes.prepare()
            befell, recovered = self._under_load()
            self.load.settle()
            self.problems += check(self.load, self.parked_expected)
            self.problems += self.probes.problems
            self.problems += [problem for one in self.checks for problem in one()]
            self.problems += [f"wrong: wrongly signed: {why}" for why in receiver.refused]
            self.problems += self._fold_anew(receiver)
            return self._report(began, befell, recovered)

    def _under_load(self):
        """When the day went bad, and when reports went through again."""
        self.probes.start()
        self.load.start()
        try:
            wait_until(lambda: len(self.load.people) > 3 * FAMILIES_BEFORE and len(self.probes.reports) > REPORTS_BEFORE,
                       "the load to begin", 60)
            befell = time.monotonic()
            self.row.befalls(self)
            if self._mended_at is None:
                self.mended()
            wait_until(self._recovered_at, "reports to go through again", RECOVERY_MAX_S, poll_s=0.1)
            return befell, self._recovered_at()
        finally:
            self.probes.stop()
            self.load.stop()

    def _recovered_at(self):
        """When the last report had come through that was slow or began before the end; None while that may go on."""
        reports = sorted(self.probes.reports[:], key=lambda sample: sample.ended)
        bad = [one.ended for one in reports
               if one.ended > self._mended_at and (not one.good or one.seconds > SLOW_S)]
        last_bad = max(bad, default=self._mended_at)
        after = [one for one in reports if one.began > last_bad]
        return last_bad if len(after) >= REPORTS_BEFORE and all(one.good for one in after) else None

    def _fold_anew(self, receiver):
        kept, sent = self.city.digests(), len(receiver.requests)
        self.view.empty()
        self.city.quiet()
        anew = self.city.digests()
        problems = [f"wrong: {service} shard {shard}: the log gives another view than the one that was left"
                    for (service, shard), digest in kept.items() if anew[service, shard] != digest]
        again = len(receiver.requests) - sent
        return problems + ([f"doubled: {again} messages were sent again for views that were folded anew"] if again else [])

    def _report(self, began, befell, recovered):
        checks = sorted((one for one in self.probes.checks if one.ended >= befell), key=lambda sample: sample.ended)
        failed = [one for one in checks if not one.good]
        good = [befell] + [one.ended for one in checks if one.good]
        longest = max((after - before for before, after in zip(good, good[1:])), default=0.0)
        if failed and not self.row.reads_may_fail:
            whys = collections.Counter(one.why for one in failed)
            self.problems.append(f"wrong: {len(failed)} gate checks failed that could be served: {dict(whys)}")
        p99 = self.probes.checks_p99_s(befell)
        text = (f"{summary(self.load)}\nprobes: {len(checks)} gate checks, {sum(one.tries > 1 for one in checks)} tried "
                f"twice, p99 {p99 * 1000:.0f} ms; {len(self.probes.reports)} reports")
        text = "\n".join([text, *self.notes])
        return Report(self.row.name, self.problems, text, time.monotonic() - began, len(failed), len(checks), longest,
                      max(0.0, recovered - self._mended_at), self.results)
