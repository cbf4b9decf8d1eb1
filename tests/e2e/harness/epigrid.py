"""epigrid-dev as the tests start it: the only place that knows its flags and its configuration."""

import contextlib
import hashlib
import json
import secrets
import subprocess
import urllib.error
import urllib.request

import grpc

from harness.calendar import Calendar
from harness.logs import RedisLogs
from harness.processes import Process, Redis, binary, free_port


# Who may call in these tests.
CALLERS = [
    {"name": "operator", "agency": "city", "class": "OPERATOR", "methods": ["epigrid.*"]},
    {"name": "registry", "agency": "civil-affairs", "class": "AGENCY", "methods": [
        "epigrid.identity.v1.IdentityService/*"]},
    {"name": "lab", "agency": "city-lab", "class": "AGENCY", "methods": [
        "epigrid.health_code.v1.HealthCodeService/*", "epigrid.contact_tracing.v1.ContactTracingService/*"]},
    {"name": "gate", "agency": "metro", "class": "GATE", "methods": [
        "epigrid.health_code.v1.HealthCodeService/GetCode"]},
    {"name": "flood", "agency": "city", "class": "BULK", "methods": [
        "epigrid.contact_tracing.v1.ContactTracingService/*"]},
    {"name": "sender", "agency": "city", "class": "AGENCY", "methods": [
        "epigrid.identity.v1.IdentityService/ResolveContactPoints"]},
]
# A channel finds a process that was started again at once. The "min" is how long an attempt to connect may take at least,
# which is long on a busy machine.
CHANNEL_OPTIONS = [
    ("grpc.initial_reconnect_backoff_ms", 20), ("grpc.min_reconnect_backoff_ms", 5000),
    ("grpc.max_reconnect_backoff_ms", 200), ("grpc.use_local_subchannel_pool", 1)]
SERVICES = ("identity", "contact_tracing", "health_code", "notification")
# The endpoint of the webhook receiver, as contact points name it.
ENDPOINT = "phones"


def new_tokens():
    """A token for each of CALLERS, by name."""
    return {caller["name"]: secrets.token_urlsafe() for caller in CALLERS}


def write_callers(path, tokens):
    """The callers' file (JSON is YAML too): tokens stand in it only as their hashes."""
    callers = [
        {**caller, "credentials": [{"token_sha256": hashlib.sha256(tokens[caller["name"]].encode()).hexdigest()}]}
        for caller in CALLERS]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"version": 1, "callers": callers}, indent=2), encoding="utf-8")
    return path


def write_endpoints(path, receiver):
    endpoints = [] if receiver is None else [
        {"name": ENDPOINT, "channel": "webhook", "url": receiver.url, "secret": receiver.secret}]
    write_secret(path, json.dumps({"version": 1, "endpoints": endpoints}, indent=2))
    return path


def write_secret(path, text):
    path.touch(mode=0o600)
    path.write_text(text, encoding="utf-8")
    return path


def make_master_keys(path):
    """The file without which nothing personal can be read; several processes on one log share it."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run([binary("epigrid-master-key"), "generate", path], check=True, stdout=subprocess.DEVNULL)
    return path


class EpigridDev(Process):
    """All services in one process on one port, with its own directory; the log and the view are given.

    Messages go to the receiver, if there is one. `settings` are further flags, by name without the dashes. Callers: see
    token(); processes that one channel leads to share `tokens`. Days are those of `calendar`. Killed and started again it
    comes back under its name, port and tokens.
    """

    def __init__(self, directory, log, view, receiver=None, name="epigrid-dev", master_keys=None, tokens=None,
                 settings=None):
        self.port = free_port()
        self.admin_port = free_port()
        self.log, self.view, self.receiver = log, view, receiver
        self.calendar = Calendar()
        self._tokens = tokens or new_tokens()
        directory.mkdir(parents=True, exist_ok=True)
        flags = {
            "instance-name": name,
            **{f"{service}-time-zone": self.calendar.zone_name for service in (
                "identity", "health-code", "contact-tracing")},
            "identity-master-keys": master_keys or make_master_keys(directory / "master.keys"),
            "notification-endpoints": write_endpoints(directory / "endpoints.yaml", receiver),
            "notification-identity-token-file": write_secret(directory / "sender.token", self.token("sender")),
            "server-listen": f"127.0.0.1:{self.port}",
            "server-callers": write_callers(directory / "callers.yaml", self._tokens),
            "server-drain-delay": "0s",
            "admin-listen": f"127.0.0.1:{self.admin_port}",
            **log.settings(),
            **view.settings(),
            **(settings or {}),
        }
        super().__init__(
            name, [binary("epigrid-dev"), *(f"--{flag}={value}" for flag, value in flags.items())], directory)

    def token(self, caller):
        """The token of one of CALLERS, by name."""
        return self._tokens[caller]

    def start(self):
        self.launch()
        self.await_ready()

    def launch(self):
        """Starts it and does not wait."""
        super().start()

    def await_ready(self):
        self.wait_ready(self.ready, "/healthz/ready to answer 200")

    def ready(self):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.admin_port}/healthz/ready", timeout=5) as answer:
                return answer.status == 200
        except (urllib.error.URLError, OSError):
            return False

    def metrics(self):
        """What Prometheus would scrape."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.admin_port}/metrics", timeout=5) as answer:
            return answer.read().decode()

    def channel(self, caller):
        """A gRPC channel whose calls carry that caller's token. What errors say is read by harness.errors."""
        return grpc.intercept_channel(self.bare_channel(), Token(self.token(caller)))

    def bare_channel(self):
        """A gRPC channel without a token."""
        return grpc.insecure_channel(f"127.0.0.1:{self.port}", options=CHANNEL_OPTIONS)


class Token(grpc.UnaryUnaryClientInterceptor):
    """Adds a token to each call."""

    def __init__(self, token):
        self._metadata = ("authorization", f"Bearer {token}")

    def intercept_unary_unary(self, continuation, details, request):
        return continuation(details._replace(metadata=[*(details.metadata or ()), self._metadata]), request)


@contextlib.contextmanager
def running(directory, logs=RedisLogs(), **keywords):
    """The log, the view and epigrid-dev, started and stopped together; keywords as EpigridDev has them."""
    with logs.new(directory) as log, \
            Redis("redis-view", directory / "view", durable=False) as view, \
            EpigridDev(directory / "epigrid", log, view, **keywords) as epigrid:
        yield epigrid
