"""epigrid-dev as the tests start it: the only place that knows its flags and its configuration."""

import contextlib
import hashlib
import json
import secrets
import urllib.error
import urllib.request

import grpc

from harness.processes import Process, Redis, binary, free_port


# Who may call in these tests.
CALLERS = [
    {"name": "operator", "agency": "city", "class": "OPERATOR", "methods": ["epigrid.*"]},
    {"name": "lab", "agency": "city-lab", "class": "AGENCY", "methods": [
        "epigrid.health_code.v1.HealthCodeService/*", "epigrid.contact_tracing.v1.ContactTracingService/*"]},
    {"name": "gate", "agency": "metro", "class": "GATE", "methods": [
        "epigrid.health_code.v1.HealthCodeService/GetCode"]},
]


def _write_callers(path, tokens):
    """The callers' file (JSON is YAML too): tokens stand in it only as their hashes."""
    callers = [
        {**caller, "credentials": [{"token_sha256": hashlib.sha256(tokens[caller["name"]].encode()).hexdigest()}]}
        for caller in CALLERS]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"version": 1, "callers": callers}, indent=2), encoding="utf-8")
    return path


class EpigridDev(Process):
    """All services in one process on one port, with its own directory; the two Redis servers are given.

    `settings` are further flags, by name without the dashes. Callers: see token().
    """

    def __init__(self, directory, log, view, name="epigrid-dev", settings=None):
        self.port = free_port()
        self.admin_port = free_port()
        self._tokens = {caller["name"]: secrets.token_urlsafe() for caller in CALLERS}
        flags = {
            "server-listen": f"127.0.0.1:{self.port}",
            "server-callers": _write_callers(directory / "callers.yaml", self._tokens),
            "server-drain-delay": "0s",
            "admin-listen": f"127.0.0.1:{self.admin_port}",
            "log-redis-address": f"127.0.0.1:{log.port}",
            "view-redis-address": f"127.0.0.1:{view.port}",
            **(settings or {}),
        }
        super().__init__(
            name, [binary("epigrid-dev"), *(f"--{flag}={value}" for flag, value in flags.items())], directory)

    def token(self, caller):
        """The token of one of CALLERS, by name."""
        return self._tokens[caller]

    def start(self):
        super().start()
        self.wait_ready(self.ready, "/healthz/ready to answer 200")

    def ready(self):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.admin_port}/healthz/ready", timeout=5) as answer:
                return answer.status == 200
        except (urllib.error.URLError, OSError):
            return False

    def channel(self, caller):
        """A gRPC channel whose calls carry that caller's token. What errors say is read by harness.errors."""
        return grpc.intercept_channel(
            grpc.insecure_channel(f"127.0.0.1:{self.port}"), _Token(self.token(caller)))


class _Token(grpc.UnaryUnaryClientInterceptor):
    def __init__(self, token):
        self._metadata = ("authorization", f"Bearer {token}")

    def intercept_unary_unary(self, continuation, details, request):
        return continuation(details._replace(metadata=[*(details.metadata or ()), self._metadata]), request)


@contextlib.contextmanager
def running(directory, **keywords):
    """The two Redis servers and epigrid-dev, started and stopped together."""
    with Redis("redis-log", directory / "log", durable=True) as log, \
            Redis("redis-view", directory / "view", durable=False) as view, \
            EpigridDev(directory / "epigrid", log, view, **keywords) as epigrid:
        yield epigrid
