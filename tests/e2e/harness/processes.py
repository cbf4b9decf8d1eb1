"""The processes under test: two Redis servers and epigrid-dev, each with a directory of its own.

    with Process("view", ["redis-server", ...], directory) as view:
        view.wait_ready(lambda: ping(view), "Redis to answer")

Every process writes to output.log in its directory; a failure to start shows the end of it. Leaving the `with` block
stops the process (SIGTERM, then SIGKILL after 20 s) and waits for it. Variables EPIGRID_*, which are settings, reach a
process only if the test gives them.
"""

import os
import pathlib
import signal
import socket
import subprocess

from harness.waiting import wait_until

REPOSITORY = pathlib.Path(__file__).resolve().parents[3]


def binary(name):
    """The path of a built binary: in EPIGRID_BIN_DIR, default build/sanitize/bin."""
    return _built(pathlib.Path(os.environ.get("EPIGRID_BIN_DIR", REPOSITORY / "build/sanitize/bin")) / name)


def library(name):
    """The path of a built library that a process may be given: in lib beside the directory of the binaries."""
    return _built(binary("epigrid-dev").parent.parent / "lib" / name)


def _built(path):
    if not path.exists():
        raise FileNotFoundError(f"{path} is not there: run deploy/dev/build sanitize {path.name}")
    return path


def free_port():
    """A TCP port that was free a moment ago, outside the range that the kernel gives to clients."""
    with open("/proc/sys/net/ipv4/ip_local_port_range", encoding="ascii") as file:
        client_ports_from = int(file.read().split()[0])
    while True:
        port = 10_000 + int.from_bytes(os.urandom(4), "big") % (client_ports_from - 10_000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def plain_environment():
    """This process's environment without EPIGRID_*, which are settings."""
    return {name: value for name, value in os.environ.items() if not name.startswith("EPIGRID_")}


class Process:
    """One process, from start to stop."""

    def __init__(self, name, command, directory, environment=None):
        self.name = name
        self.directory = pathlib.Path(directory)
        self._command = [str(part) for part in command]
        self._environment = {**plain_environment(), **(environment or {})}
        self._process = None

    @property
    def output_path(self):
        return self.directory / "output.log"

    @property
    def pid(self):
        return self._process.pid

    @property
    def running(self):
        return self._process is not None and self._process.poll() is None

    def start(self):
        assert not self.running, f"{self.name} runs already"
        self.directory.mkdir(parents=True, exist_ok=True)
        with open(self.output_path, "ab") as output:
            self._process = subprocess.Popen(
                self._command, cwd=self.directory, env=self._environment, stdin=subprocess.DEVNULL,
                stdout=output, stderr=subprocess.STDOUT)

    def wait_ready(self, ready, what, timeout_s=60.0):
        """Waits until ready() is true; fails at once, with the end of the output, if the process ends before."""
        def ready_or_dead():
            if not self.running:
                raise AssertionError(
                    f"{self.name} ended with status {self._process.returncode} before {what}:\n{self.output_end()}")
            return ready()
        try:
            wait_until(ready_or_dead, f"{what} ({self.name})", timeout_s)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.output_end()}") from None

    def output_end(self, lines=40):
        text = self.output_path.read_text(encoding="utf-8", errors="replace") if self.output_path.exists() else ""
        return "\n".join(text.splitlines()[-lines:])

    def pause(self):
        """SIGSTOP: it is there, and does nothing."""
        self._process.send_signal(signal.SIGSTOP)

    def resume(self):
        self._process.send_signal(signal.SIGCONT)

    def kill(self):
        """SIGKILL: what a crash of the machine's process looks like to the others."""
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def stop(self, timeout_s=20.0):
        """SIGTERM and wait; returns the exit status. Killed, and an AssertionError, if it takes longer."""
        if self._process is None:
            return None
        if self.running:
            self._process.send_signal(signal.SIGTERM)
            self._process.send_signal(signal.SIGCONT)  # should it have been paused
            try:
                self._process.wait(timeout_s)
            except subprocess.TimeoutExpired:
                self.kill()
                raise AssertionError(f"{self.name} did not stop within {timeout_s:g} s:\n{self.output_end()}") from None
        return self._process.returncode

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_):
        self.stop()


class Redis(Process):
    """A redis-server on a port of its own; `durable` as the log needs it, else as the view does."""

    def __init__(self, name, directory, durable):
        self.port = free_port()
        self._what = "log" if durable else "view"
        super().__init__(name, [
            "redis-server", "--port", self.port, "--bind", "127.0.0.1", "--dir", directory, "--save", "",
            "--maxmemory-policy", "noeviction", "--appendonly", "yes" if durable else "no",
            "--appendfsync", "always" if durable else "no",
        ], directory)

    def start(self):
        super().start()
        self.wait_ready(lambda: self.call("PING") == "PONG", "an answer to PING")

    def settings(self):
        """The flags by which services reach it."""
        return {f"{self._what}-redis-address": f"127.0.0.1:{self.port}"}

    def call(self, *words):
        """One command by the Redis protocol; returns a simple answer, or "" if there is no connection yet."""
        request = b"*%d\r\n" % len(words)
        for word in words:
            data = word if isinstance(word, bytes) else str(word).encode()
            request += b"$%d\r\n%s\r\n" % (len(data), data)
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=10) as connection:
                connection.sendall(request)
                line = connection.makefile("rb").readline()
        except OSError:
            return ""
        return line[1:].decode().strip()
