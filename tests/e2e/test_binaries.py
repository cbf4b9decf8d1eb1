"""Each service by a binary of its own, on one log and one view: epigridctl asks them all."""

import contextlib
import json
import subprocess
import urllib.error
import urllib.request

from harness.epigrid import SERVICES, make_master_keys
from harness.processes import Process, Redis, binary, free_port, plain_environment



class ServiceBinary(Process):
    """epigrid-<service>, whose callers are everyone on this machine."""

    def __init__(self, service, directory, log, view, settings):
        self.port = free_port()
        name = "epigrid-" + service.replace("_", "-")
        flags = {
            "server-listen": f"127.0.0.1:{self.port}", "server-drain-delay": "0s", "admin-listen": "",
            **log.settings(), **view.settings(), **settings}
        super().__init__(name, [binary(name), *(f"--{flag}={value}" for flag, value in flags.items())], directory / name)

    def start(self):
        super().start()
        self.wait_ready(lambda: '"process.listening"' in self.output_end(), "to listen")


@contextlib.contextmanager
def four(directory):
    keys = make_master_keys(directory / "keys" / "master.keys")
    with contextlib.ExitStack() as stack:
        log = stack.enter_context(Redis("redis-log", directory / "log", durable=True))
        view = stack.enter_context(Redis("redis-view", directory / "view", durable=False))
        binaries = {}
        for service in SERVICES:
            settings = {}
            if service == "identity":
                settings["identity-master-keys"] = keys
            if service == "notification":
                settings["notification-identity-address"] = f"127.0.0.1:{binaries['identity'].port}"
            binaries[service] = stack.enter_context(ServiceBinary(service, directory, log, view, settings))
        yield binaries


def test_operators_see_the_services_wherever_they_run(directory):
    with four(directory) as binaries:
        def ctl(*arguments):
            servers = [f"--server={service}=127.0.0.1:{one.port}" for service, one in binaries.items()]
            done = subprocess.run([binary("epigridctl"), *servers, *arguments], env=plain_environment(),
                                  capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stdout + done.stderr
            return done.stdout

        ctl("quiesce", "--timeout", "60s")
        told = json.loads(ctl("--json", "status"))
        assert {service["service"]: {shard["owner"] != "" for shard in service["shards"]}
                for service in told["services"]} == {service: {True} for service in SERVICES}
        ctl("rebuild", "health_code")
        ctl("log", "tail", "health_code.inbox", "0")
        ctl("parked", "list")


def readiness(admin_port):
    """Status and text of /healthz/ready; (0, "") while nobody listens."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{admin_port}/healthz/ready", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError:
        return 0, ""


def test_a_service_waits_for_its_log_and_may_be_stopped_meanwhile(directory):
    log = Redis("redis-log", directory / "log", durable=True)
    view = Redis("redis-view", directory / "view", durable=False)
    admin_port = free_port()
    service = ServiceBinary("health_code", directory, log, view, {"admin-listen": f"127.0.0.1:{admin_port}"})

    def start_and_wait():
        Process.start(service)
        service.wait_ready(lambda: "LOG_UNAVAILABLE" in readiness(admin_port)[1], "what it waits for")
        assert readiness(admin_port)[0] == 503

    with contextlib.ExitStack() as stack:
        stack.callback(service.stop)
        start_and_wait()
        assert service.stop() == 0
        start_and_wait()
        for store in (log, view):
            stack.callback(store.stop)
            store.start()
        service.wait_ready(lambda: readiness(admin_port)[0] == 200, "readiness")
        service.stop()
