"""epigrid-dev as the tests start it: the only place that knows its flags and its configuration."""

import contextlib
import urllib.error
import urllib.request

import grpc

from harness.processes import Process, Redis, binary, free_port


class EpigridDev(Process):
    """All services in one process on one port, with its own directory; the two Redis servers are given."""

    def __init__(self, directory, log, view, name="epigrid-dev", settings=None):
        self.port = free_port()
        self.admin_port = free_port()
        flags = {
            "server-listen": f"127.0.0.1:{self.port}",
            "admin-listen": f"127.0.0.1:{self.admin_port}",
            "log-redis-address": f"127.0.0.1:{log.port}",
            "view-redis-address": f"127.0.0.1:{view.port}",
            "data-directory": directory,
            **(settings or {}),
        }
        super().__init__(
            name, [binary("epigrid-dev"), *(f"--{flag}={value}" for flag, value in flags.items())], directory)

    def start(self):
        super().start()
        self.wait_ready(self.ready, "/healthz/ready to answer 200")

    def ready(self):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.admin_port}/healthz/ready", timeout=5) as answer:
                return answer.status == 200
        except (urllib.error.URLError, OSError):
            return False

    def channel(self, token=None):
        """A gRPC channel; every call carries the caller's token. What errors say is read by harness.errors."""
        channel = grpc.insecure_channel(f"127.0.0.1:{self.port}")
        return grpc.intercept_channel(channel, _Token(token)) if token else channel


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
