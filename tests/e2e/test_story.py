"""The demonstration's story (tools/demo): stopped wherever it is, it goes on at the next start, and tells what it would
have told."""

import re
import subprocess
import types

from harness.citysim import import_files
from harness.epigrid import ENDPOINT, running
from harness.processes import Process, binary, free_port
from harness.webhooks import new_secret

# Where it is stopped, one after the other: in the index case's step, at several places, and in the measured rounds.
STOPS = ("A laboratory reports", "The hospital takes", "The laboratory was wrong", "Measuring: 1 of 3 done")


def run_until(demo, text):
    """Starts the story and answers what this start printed once that text is among it."""
    begin = demo.output_path.stat().st_size if demo.output_path.exists() else 0

    def printed():
        return demo.output_path.read_bytes()[begin:].decode()

    demo.start()
    demo.wait_ready(lambda: text in printed(), f"'{text}'", timeout_s=240)
    return printed()


def test_a_story_that_is_stopped_goes_on(directory):
    phones = types.SimpleNamespace(port=free_port(), secret=new_secret())
    phones.url = f"http://127.0.0.1:{phones.port}/"
    with running(directory, receiver=phones) as epigrid:
        city = directory / "city"
        subprocess.run([
            binary("citysim"), city, "--people=300", "--days=5", "--leave-out-index-test",
            f"--contact-endpoint={ENDPOINT}", f"--zone={epigrid.calendar.zone_name}",
        ], check=True, stdout=subprocess.DEVNULL)
        import_files(epigrid, directory, *(
            city / name for name in ("people.csv", "settings.csv", "presence.tsv", "tests.csv")))
        demo = Process("epigrid-demo", [
            binary("epigrid-demo"), city, f"--server=127.0.0.1:{epigrid.port}", "--rounds=3",
            f"--token-file={directory / 'operator.token'}", f"--webhook-port={phones.port}",
        ], directory / "demo")
        found = []
        try:
            for stop in STOPS:
                found += re.findall(r"(\d+) people were found", run_until(demo, stop))
                demo.kill() if stop == "The hospital takes" else demo.stop()
            printed = run_until(demo, "Three calls to paste")
            story = (city / "story.txt").read_text(encoding="utf-8")
            demo.stop()
            again = run_until(demo, "Three calls to paste")
        finally:
            demo.stop()
    assert "The story was told on this data already" in again and story in again
    assert story in printed.replace("Measuring: 1 of 3 done.\n", "").replace("Measuring: 2 of 3 done.\n", "")
    found += re.findall(r"(\d+) people were found", story)
    assert len(found) >= 4 and len(set(found)) == 1, found
    assert int(found[0]) > 0 and "messages reached a phone" in story, story
    assert "; 0 contacts are left on the case" in story, story
    assert "The same with 3 other residents" in story, story
