"""The rows: what befalls a city, and what that may cost. One for each row of the README's table, and for its variants.

A row is a function of the day (bad_days/day.py): it does the damage, waits as long as it lasts, and mends it. Waiting is
what the fault is, not a guess at when something has happened.
"""

import dataclasses
import struct
import time

from harness.processes import library
from harness.webhooks import TOLERANCE_S


@dataclasses.dataclass(frozen=True)
class Row:
    name: str
    befalls: object  # (day) -> None
    reads_may_fail: bool = False  # else every gate check succeeds at its second try at the latest
    in_slice: bool = False
    gated: tuple = ()  # "log", "view": what stands behind a gate
    log_disk_mebibytes: int | None = None
    needs: dict = dataclasses.field(default_factory=dict)  # for example {"log": "redis"}
    layout: str | None = None
    roles: tuple = ("all", "all")  # of the instances of each service
    retry_at_once: bool = False  # gates need not wait as they are told before they ask once more
    starts_previous: bool = False  # the instances begin with the version before
    webhook_tolerance_s: int = TOLERANCE_S
    rest_max_s: float = 180.0  # how long it may take afterwards until nothing is left to be done
    refused_for_now: tuple = ()  # reasons with which an instance may refuse what another one takes
    environments: object = lambda directory: {}  # (directory) -> {copy number: variables}


ROWS = {}


def row(**keywords):
    """Makes a function the row of its name."""
    def add(befalls):
        ROWS[befalls.__name__] = Row(befalls.__name__, befalls, **keywords)
        return befalls
    return add


@row()
def nothing(day):
    """A good day: what the others are compared with."""
    time.sleep(day.seconds(20, 5))


# --- processes ---------------------------------------------------------------------------------------------------------


@row(in_slice=True)
def services_killed(day):
    """SIGKILL of one instance after the other, and started again after a while."""
    for _ in range(day.seconds(8, 2)):
        instance = day.rng.choice(day.instances)
        instance.kill()
        time.sleep(day.rng.uniform(0.2, 5))
        instance.start()
        instance.await_ready()
        time.sleep(day.rng.uniform(0.2, 1))


@row()
def services_stopped(day):
    """SIGSTOP of an instance for longer than its leases last: when it goes on, others have its shards."""
    for _ in range(day.seconds(4, 1)):
        instance = day.rng.choice(day.instances)
        instance.pause()
        time.sleep(day.rng.uniform(5, 12))
        instance.resume()
        time.sleep(day.rng.uniform(0.2, 2))


@row(retry_at_once=True)
def rolling_restart(day):
    """SIGTERM of every instance in turn, each started again and found by gates before the next one goes."""
    for instance in day.instances:
        day.await_gates()
        instance.stop()
        instance.start()
        instance.await_ready()


# Of each service two instances fold and two are called.
ROLES = ("projector", "api", "all")
HANDOVER_S = 2.0  # what may go by beside the silence that is taken for death


def _handovers(day, end, bound_s):
    from bad_days.handover import Handovers  # needs the generated stubs

    with Handovers(day) as handovers:
        for _ in range(day.seconds(5, 1)):
            for number, role in enumerate(ROLES, 1):
                if role != "api":
                    day.await_gates()
                    handovers.measure(number, end, bound_s)
    day.results.append(handovers.told())


@row(roles=ROLES)
def shards_handed_over(day):
    """SIGTERM of who folds: others have all of its shards within two seconds."""
    _handovers(day, lambda instance: instance.stop(), HANDOVER_S)


@row(roles=ROLES)
def shards_taken_over(day):
    """SIGKILL of who folds: others have all of its shards two seconds after its session has run out."""
    _handovers(day, lambda instance: instance.kill(), day.log.session_s + HANDOVER_S)


# --- the log -----------------------------------------------------------------------------------------------------------


@row(in_slice=True)
def log_lost(day):
    """No log at all: killed, and back only after a minute."""
    day.log.kill()
    time.sleep(day.seconds(60, 5))
    day.log.start_again()


@row()
def log_stopped(day):
    """SIGSTOP of the log for ten seconds."""
    day.log.pause()
    time.sleep(10)
    day.log.resume()


@row(log_disk_mebibytes=48)
def log_disk_full(day):
    """The log's disk is full for a while."""
    day.log.endure_full_disk(day.seconds(15, 5))


@row(needs={"log": "redis"})
def log_memory_full(day):
    """The log's Redis is at maxmemory for a while."""
    day.log.limit_memory()
    time.sleep(day.seconds(10, 3))
    day.log.unlimit_memory()


@row(needs={"log": "kafka"})
def log_brokers_killed(day):
    """One broker after the other is killed, and comes back."""
    for number in (1, 2, 3):
        day.log.kill_broker(number, day.seconds(15, 3))


@row(needs={"log": "kafka"})
def log_broker_stopped(day):
    """One broker stands still for longer than its session lasts."""
    day.log.stop_broker(day.rng.choice((1, 2, 3)), day.seconds(15, 5))


# --- the view ----------------------------------------------------------------------------------------------------------


@row(reads_may_fail=True, in_slice=True)
def view_tail_lost(day):
    """The view's Redis is killed and comes back as it was some time ago; of a cluster, a primary fails over so."""
    for _ in range(day.seconds(3, 1)):
        day.view.keep()
        time.sleep(day.rng.uniform(1, 5))
        day.view.lose_tail()


@row(reads_may_fail=True)
def view_lost(day):
    """All view Redis is lost, and comes back empty."""
    day.view.lose_everything()


@row(reads_may_fail=True)
def view_emptied(day):
    """FLUSHALL."""
    day.view.empty()


@row(reads_may_fail=True)
def view_stopped(day):
    """SIGSTOP of the view for ten seconds; of a cluster, of one primary."""
    day.view.pause()
    time.sleep(10)
    day.view.resume()


@row()
def view_memory_full(day):
    """The view's Redis is at maxmemory for a while: folding pauses, reads go on."""
    day.view.limit_memory()
    time.sleep(day.seconds(10, 3))
    day.view.unlimit_memory()


@row(needs={"view": "cluster"}, reads_may_fail=True)
def view_primary_killed(day):
    """A primary is killed, its replica takes over, and it comes back as a replica."""
    for _ in range(day.seconds(2, 1)):
        day.view.kill_primary(day.seconds(10, 5))


@row(needs={"view": "cluster"})
def view_failover(day):
    """Every primary hands over to its replica, as for a maintenance."""
    day.view.fail_over()


@row(needs={"view": "cluster"})
def view_slots_move(day):
    """Slots move between the primaries, again and again."""
    day.view.move_slots(300, day.seconds(30, 5))


# --- the network -------------------------------------------------------------------------------------------------------


def _through(gate, day, commands, seconds):
    for command in commands:
        gate.do(command)
        time.sleep(seconds)
        gate.do("pass")
        time.sleep(day.rng.uniform(0.2, 1))


@row(gated=("log",))
def network_to_the_log(day):
    """Everything a network does between the instances and the log."""
    for gate in day.log.gates:
        _through(gate, day, ("refuse", "stall", "mute", "cut", "cut 1", "slice 2", "delay 0.2"), day.seconds(6, 2))


@row(needs={"view": "single"}, gated=("view",), reads_may_fail=True)
def network_to_the_view(day):
    """Everything a network does between the instances and the view."""
    for gate in day.view.gates:
        _through(gate, day, ("refuse", "stall", "mute", "cut", "cut 1", "slice 2", "delay 0.2"), day.seconds(6, 2))


# --- too much, and too new ---------------------------------------------------------------------------------------------


# Below it differences are this machine's, on which flood, load and probes are one process.
P99_FLOOR_S = 0.05


@row()
def load_tenfold(day):
    """Check-ins in bulk, far more than all else together, as fast as they are taken; gate checks hardly notice."""
    from bad_days.flood import Flood  # needs the generated stubs

    flood = Flood(day.city, day.under_test.channel("flood"))

    def p99_s():
        since = time.monotonic()
        time.sleep(day.seconds(40, 15))
        return day.probes.checks_p99_s(since)

    without = p99_s()
    flood.start()
    with_flood = p99_s()
    flood.stop()
    if with_flood > 2 * max(without, P99_FLOOR_S):
        day.problems.append(f"wrong: with the flood the p99 of gate checks was {with_flood:.3f} s, without {without:.3f} s")
    day.notes.append(f"gate checks: p99 {without * 1000:.0f} ms without the flood, {with_flood * 1000:.0f} ms with it")
    day.checks.append(flood.check)
    day.notes.append(f"flood: check-ins acknowledged {flood.acknowledged}, refused for now {flood.refused}, "
                     f"unknown {flood.unknown}")


@row(starts_previous=True)
def upgraded_and_back(day):
    """Every instance of the version before gives way to this one, and later this one to that before, one at a time."""
    for bin_dir in (None, day.options.previous):
        for instance in day.instances:
            instance.stop()
            instance.bin_dir = bin_dir
            instance.start()
            instance.await_ready()
        time.sleep(day.seconds(10, 3))
    for instance in day.instances:  # views are folded anew, and compared, by this version
        instance.stop()
        instance.bin_dir = None
        instance.start()
        instance.await_ready()


# --- what is wrong inside ----------------------------------------------------------------------------------------------


@row(in_slice=True)
def poison(day):
    """A record that nothing can be made of, about a person who is nobody else's concern."""
    (victim,) = day.city.register("victim:en:none")
    shard = day.rng.randrange(64)
    day.log.append_rubbish("health_code.inbox", shard, victim.person_id)
    day.parked_expected = 1


def _shift(clock, days):
    with open(clock, "r+b") as file:
        file.write(struct.pack("=q", days * 24 * 3600))


def _clock_of_the_first(directory):
    """The first instance's clock is shifted by what stands in a file (shifted_clock.cc)."""
    clock = directory / "clock"
    clock.write_bytes(bytes(8))
    return {1: {"LD_PRELOAD": str(library("libepigrid_shifted_clock.so")), "SHIFTED_CLOCK_FILE": str(clock)}}


# Playbook clock-wrong: an instance whose clock is behind takes facts for those of the future. One whose clock is ahead takes
# every attempt to send for one that is too late, and is believed by ten minutes: so late these messages are. The webhooks
# that it signs bear its time.
@row(environments=_clock_of_the_first, refused_for_now=("TIME_IN_FUTURE",), webhook_tolerance_s=30 * 24 * 3600,
     rest_max_s=780.0)
def clock_wrong(day):
    """The clock of one instance jumps by two weeks, forth and back, twice."""
    for days in (14, 0, -14, 0):
        _shift(day.under_test.directory / "clock", days)
        time.sleep(day.seconds(12, 6))
