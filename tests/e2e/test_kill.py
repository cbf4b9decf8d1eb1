"""Kill -9 under load, five times; tests/e2e/kill does it more often, and by any seed."""

import os
import random



def test_nothing_is_lost_and_nothing_doubled_when_the_process_is_killed_under_load(directory):
    from harness.killing import kill_and_check

    seed = int(os.environ.get("EPIGRID_KILL_SEED", random.SystemRandom().randrange(1 << 31)))
    print(f"seed {seed}; tests/e2e/kill --times 5 --seed {seed} plays the same load")
    report = kill_and_check(directory, times=5, seed=seed, say=print)
    print(report.summary)
    assert report.problems == []
