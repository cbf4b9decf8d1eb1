"""See tests/e2e/kill."""

import argparse
import pathlib
import random
import shutil
import sys
import tempfile

from harness import stubs


def main():
    parser = argparse.ArgumentParser(description="SIGKILL of epigrid-dev at random moments under load.")
    parser.add_argument("--times", type=int, default=50, help="how often it is killed (default: 50)")
    parser.add_argument("--seed", type=int, help="of the load and the moments (default: another each time)")
    parser.add_argument("--keep", action="store_true", help="keep the directory of the processes")
    arguments = parser.parse_args()
    seed = random.SystemRandom().randrange(1 << 31) if arguments.seed is None else arguments.seed
    directory = pathlib.Path(tempfile.mkdtemp(prefix="epigrid-kill-"))
    print(f"seed {seed}, directory {directory}", flush=True)
    stubs.generate(directory / "stubs")
    from harness.killing import kill_and_check  # needs the stubs

    report = kill_and_check(directory, arguments.times, seed, say=lambda text: print(text, flush=True))
    for problem in report.problems:
        print(problem)
    kinds = {kind: sum(problem.startswith(kind) for problem in report.problems) for kind in ("lost", "doubled")}
    print(f"{report.summary}\n"
          f"seed {seed}: {report.kills} kills in {report.seconds:.0f} s: lost {kinds['lost']}, doubled "
          f"{kinds['doubled']}, wrong {len(report.problems) - sum(kinds.values())}")
    if report.problems:
        sys.exit(1)
    if not arguments.keep:
        shutil.rmtree(directory)


if __name__ == "__main__":
    main()
