"""A TCP gate (gate.py) as a test drives it.

    with Gate("127.0.0.1", redis.port) as gate:
        ... connect to 127.0.0.1:gate.port ...
        gate.do("stall")
        gate.do("pass")
"""

import pathlib
import subprocess
import sys

from harness.processes import free_port

PROGRAM = pathlib.Path(__file__).resolve().parents[1] / "gate.py"


class Gate:
    """`port` is chosen when it is made, what stands behind it may be said as late as at start()."""

    def __init__(self, host="127.0.0.1", upstream_port=None):
        self.port = free_port()
        self.host, self.upstream_port = host, upstream_port
        self._process = None

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def start(self):
        self._process = subprocess.Popen(
            [sys.executable, "-B", PROGRAM, str(self.port), f"{self.host}:{self.upstream_port}"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._answer("the start")

    def do(self, command):
        """Returns when it holds. AssertionError for a command that does not exist."""
        self._process.stdin.write(command + "\n")
        self._process.stdin.flush()
        self._answer(command)

    def _answer(self, command):
        answer = self._process.stdout.readline().strip()
        assert answer == "ok", f"the gate says to {command}: {answer}"

    def stop(self):
        if self._process is not None:
            self._process.stdin.close()
            self._process.wait(10)
            self._process.stdout.close()
            self._process = None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()
