"""SIGKILL at random moments under load, and what must hold afterwards.

    report = kill_and_check(directory, times=5, seed=1)
    assert not report.problems
"""

import dataclasses
import random
import time

from harness.city import City
from harness.epigrid import running
from harness.load import Load
from harness.load_check import check, summary
from harness.webhooks import WebhookReceiver

# Short, so that a send whose sender died is taken up again soon; at least twice the time of a POST.
SETTINGS = {"notification-attempt-timeout": "6s", "notification-webhook-timeout": "2s",
            "notification-backoff-initial": "200ms"}


@dataclasses.dataclass
class Report:
    seed: int
    kills: int
    problems: list
    summary: str
    seconds: float


def _fold_anew(epigrid, city):
    """Loses every view: what is folded anew from the log must be what stood there, and send nothing again."""
    kept, sent = city.digests(), list(epigrid.receiver.requests)
    assert epigrid.view.call("FLUSHALL") == "OK"
    city.quiet()
    anew = city.digests()
    problems = [f"{service} shard {shard}: the log gives another view than the one that was left"
                for (service, shard), digest in kept.items() if anew[service, shard] != digest]
    again = len(epigrid.receiver.requests) - len(sent)
    return problems + ([f"{again} messages were sent again"] if again else [])


def kill_and_check(directory, times, seed, say=lambda text: None):
    """Starts everything in `directory`, loads it, kills epigrid-dev `times` times, and compares with the model."""
    began = time.monotonic()
    rng = random.Random(seed)
    with WebhookReceiver() as receiver, running(directory, receiver=receiver, settings=SETTINGS) as epigrid:
        load = Load(City(epigrid, scope="load"), seed, families=12 + 2 * times)
        load.start()
        try:
            for kill in range(1, times + 1):
                # Mostly under load; now and then while it is still starting, with the log not yet read.
                ready = rng.random() < 0.8
                if ready:
                    epigrid.await_ready()
                moment = rng.uniform(0.05, 1.5)
                time.sleep(moment)
                epigrid.kill()
                say(f"kill {kill} of {times}: {moment:.2f} s {'of load' if ready else 'into the start'}")
                epigrid.launch()
            epigrid.await_ready()
        finally:
            load.stop()
        load.settle()
        problems = check(load)
        problems += [f"wrongly signed: {why}" for why in receiver.refused]
        problems += _fold_anew(epigrid, load.city)
        return Report(seed, times, problems, summary(load), time.monotonic() - began)
