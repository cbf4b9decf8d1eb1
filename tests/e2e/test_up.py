"""deploy/dev/up, in one process and as a city runs it: a city comes in, the story is told, and all of it is there at the
next start on the same data."""

import json
import os
import pathlib
import re
import signal
import socket
import subprocess

import pytest

from harness.epigrid import SERVICES
from harness.processes import REPOSITORY, Process, binary, free_port, plain_environment
from harness.waiting import wait_until

TOLD = "Three calls to paste"


def free_ports(count):
    """The first of so many ports in a row that were free a moment ago."""
    def is_free(port):
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) != 0
    while True:
        first = free_port()
        if all(is_free(port) for port in range(first, first + count)):
            return first


def processes_of(directory):
    """Who runs in this directory, or was told of it."""
    found = []
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            if str(directory) in f"{words} {os.readlink(process / 'cwd')}":
                found.append(words)
        except OSError:
            continue  # it has ended
    return found


class Up(Process):
    def __init__(self, directory, *options):
        self.data, self.port = directory / "data", free_ports(9)
        of_service = {service: self.port + 2 * i for i, service in enumerate(SERVICES)}
        self._servers = ([f"--server={service}=127.0.0.1:{port}" for service, port in of_service.items()]
                         if "--kafka" in options else [f"--server=127.0.0.1:{self.port}"])
        super().__init__("up", [
            REPOSITORY / "deploy/dev/up", *options, "--data", self.data, "--port", self.port, "--people", 120,
            "--rounds", 1,
        ], directory / "up", {"EPIGRID_BIN_DIR": str(binary("epigrid-dev").parent)})

    def run_until_told(self):
        """What this start has printed."""
        begin = self.output_path.stat().st_size if self.output_path.exists() else 0

        def printed():
            return self.output_path.read_bytes()[begin:].decode()

        self.start()
        self.wait_ready(lambda: TOLD in printed() and printed().count("grpcurl") == 3, "the story", timeout_s=400)
        return printed()

    def interrupt(self):
        """Ctrl-C; nothing may be left running."""
        os.kill(self.pid, signal.SIGINT)
        wait_until(lambda: not self.running, "the end of up", timeout_s=60)
        assert self.stop() == 0, self.output_end()
        assert processes_of(self.data) == []

    def ctl(self, *arguments, servers=None):
        done = subprocess.run(
            [binary("epigridctl"), *(servers or self._servers), "--token-file", self.data / "token", *arguments],
            env=plain_environment(), capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def paste(self, told):
        """Makes the calls that it printed, each to the server that it names; their answers."""
        calls = re.findall(r"^grpcurl .* -d '(.*)' (\S+) (\S+)$", told, re.MULTILINE)
        return [json.loads(self.ctl("--json", "call", method, request, servers=["--server", server]))
                for request, server, method in calls]

    def digests(self):
        self.ctl("quiesce", "--timeout", "60s")
        return [self.ctl("--json", "digests", service) for service in SERVICES]


@pytest.mark.parametrize("options", [(), ("--kafka",)], ids=["one_process", "kafka"])
def test_a_city_comes_in_and_stays(directory, options):
    up = Up(directory, *options)
    try:
        told = up.run_until_told()
        assert int(re.search(r"(\d+) people were found", told)[1]) > 0
        assert "messages reached a phone" in told and "; 0 contacts are left on the case" in told
        code, case, reported = up.paste(told)
        assert code["code"]["person_id"] in told and code["code"]["colour"] != "COLOUR_UNSPECIFIED"
        assert case["case"]["state"] == "CASE_STATE_EXCLUDED"
        assert reported["case"]["state"] == "CASE_STATE_REPORTED"
        digests = up.digests()
        up.interrupt()

        again = up.run_until_told()
        assert again.count("was imported before") == 4
        story = (up.data / "city/story.txt").read_text(encoding="utf-8")
        assert "The story was told on this data already" in again and story in again
        assert up.digests() == digests
        up.interrupt()
    finally:
        up.stop(timeout_s=60)
