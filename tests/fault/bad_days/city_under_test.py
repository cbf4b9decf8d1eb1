"""The city under test: log, view, and instances of each service, one of each in a process or in four.

    with CityUnderTest(directory, log=RedisLog(directory), view=SingleView(directory), layout="together") as under_test:
        city = under_test.partners("load")       # harness/city.py: calls go to whichever instance serves
        under_test.instances[0].kill()

Layouts: `together` is epigrid-dev, once for each role; `apart` is each service's own binary, once for each role.
"""

import contextlib
import json
import subprocess

import grpc

from harness.calendar import Calendar
from harness.epigrid import (CHANNEL_OPTIONS, SERVICES, Token, make_master_keys, new_tokens, write_callers, write_endpoints,
                             write_secret)
from harness.processes import Process, binary, free_port, plain_environment

# The first start on three brokers makes a thousand partitions, which takes a busy machine a minute.
READY_MAX_S = 180.0
# Short, so that a send whose sender died is taken up again soon; at least twice the time of a POST.
NOTIFICATION_SETTINGS = {
    "notification-attempt-timeout": "6s", "notification-webhook-timeout": "2s", "notification-backoff-initial": "200ms",
    "notification-backoff-max": "5s"}


class Instance(Process):
    """One process of the city, with its name, its ports and the services in it."""

    def __init__(self, under_test, number, role, services, bin_dir, environment):
        self.services, self.number, self.role = services, number, role
        self.port, self.admin_port = free_port(), free_port()
        self.bin_dir = bin_dir  # whose binary it runs from its next start on; None: that under test
        self._under_test = under_test
        self._program = "epigrid-dev" if len(services) > 1 else "epigrid-" + services[0].replace("_", "-")
        name = f"{self._program}-{number}"
        super().__init__(name, [], under_test.directory / name, environment)

    @property
    def serves(self):
        return self.role != "projector"

    @property
    def folds(self):
        return self.role != "api"

    def start(self):
        under_test = self._under_test
        flags = {
            "instance-name": self.name, "instance-role": self.role, "server-listen": f"127.0.0.1:{self.port}", "server-drain-delay": "0s",
            "server-callers": under_test.callers, "admin-listen": f"127.0.0.1:{self.admin_port}",
            **under_test.log.settings(), **under_test.view.settings()}
        for service in self.services:
            flags |= under_test.settings_of(service, self)
        program = self.bin_dir / self._program if self.bin_dir else binary(self._program)
        self._command = [str(program), *(f"--{flag}={value}" for flag, value in flags.items())]
        super().start()

    def ready(self):
        return self._asked("/healthz/ready") is not None

    def gate_checks(self):
        """How many it has answered well since it was started."""
        return sum(float(line.rsplit(" ", 1)[1]) for line in (self._asked("/metrics") or "").splitlines()
                   if line.startswith("grpc_server_handled_total{") and 'grpc_method="GetCode"' in line
                   and 'grpc_code="OK"' in line)

    def _asked(self, page):
        """What an admin page says; None if it does not."""
        done = subprocess.run(["curl", "-fsS", "--max-time", "5", f"http://127.0.0.1:{self.admin_port}{page}"],
                              capture_output=True, text=True, check=False)
        return done.stdout if done.returncode == 0 else None

    def await_ready(self):
        self.wait_ready(self.ready, "/healthz/ready to answer 200", READY_MAX_S)


class _ByService:
    """A channel that brings each call to the service it names; operations to the instance that is asked for none."""

    def __init__(self, channels):
        self._channels = channels

    def unary_unary(self, method, *arguments, **keywords):
        service = method.split(".")[1]
        return self._channels[service].unary_unary(method, *arguments, **keywords)


class CityUnderTest:
    def __init__(self, directory, log, view, receiver, layout="together", roles=("all", "all"), environments=None,
                 bin_dir=None):
        self.directory = directory
        self.log, self.view, self.receiver = log, view, receiver
        self.calendar = Calendar()
        self._tokens = new_tokens()
        directory.mkdir(parents=True, exist_ok=True)
        self._keys = make_master_keys(directory / "keys" / "master.keys")
        self.callers = write_callers(directory / "callers.yaml", self._tokens)
        self._endpoints = write_endpoints(directory / "endpoints.yaml", receiver)
        self._sender_token = write_secret(directory / "sender.token", self._tokens["sender"])
        self._operator_token = write_secret(directory / "operator.token", self._tokens["operator"])
        self._stack = contextlib.ExitStack()
        self.instances = []
        for number, role in enumerate(roles, 1):
            environment = (environments or {}).get(number)
            for services in ([SERVICES] if layout == "together" else [(service,) for service in SERVICES]):
                self.instances.append(Instance(self, number, role, services, bin_dir, environment))

    def settings_of(self, service, instance):
        flags = {}
        if service != "notification":
            flags[f"{service.replace('_', '-')}-time-zone"] = self.calendar.zone_name
        if service == "identity":
            flags["identity-master-keys"] = self._keys
        if service == "notification":
            flags |= NOTIFICATION_SETTINGS | {
                "notification-endpoints": self._endpoints, "notification-identity-token-file": self._sender_token}
            if not (instance.serves and "identity" in instance.services):  # else it asks itself
                serving = [one for one in self.instances if one.serves and "identity" in one.services]
                asked = next((one for one in serving if one.number == instance.number), serving[0])
                flags["notification-identity-address"] = f"127.0.0.1:{asked.port}"
        return flags

    # --- life -------------------------------------------------------------------------------------------------------

    def __enter__(self):
        try:
            for store in (self.log, self.view):
                self._stack.callback(store.stop)
                store.start()
            for instance in self.instances:
                self._stack.callback(instance.stop)
                instance.start()
            for instance in self.instances:
                instance.await_ready()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *why):
        self._stack.__exit__(*why)  # told why, so that what fails now does not hide it

    def serving(self, service):
        return [one for one in self.instances if one.serves and service in one.services]

    # --- who calls --------------------------------------------------------------------------------------------------

    def _addresses(self, service):
        return [f"127.0.0.1:{one.port}" for one in self.serving(service)]

    def channel(self, caller):
        """A channel with the caller's token, on which every call goes to one or another instance of its service."""
        def of(service):
            return grpc.intercept_channel(
                grpc.insecure_channel("ipv4:" + ",".join(self._addresses(service)), options=[
                    *CHANNEL_OPTIONS, ("grpc.lb_policy_name", "round_robin")]),
                Token(self._tokens[caller]))
        channels = {service: of(service) for service in SERVICES}
        return _ByService({**channels, "operations": channels["identity"]})

    def partners(self, scope, rest_max_s):
        """The city's partners, whose operators ask every service."""
        from bad_days.partners import Partners  # needs the generated stubs

        return Partners(self, scope, rest_max_s)

    def operations_channel(self, service):
        return grpc.intercept_channel(
            grpc.insecure_channel("ipv4:" + ",".join(self._addresses(service)), options=[
                *CHANNEL_OPTIONS, ("grpc.lb_policy_name", "round_robin")]),
            Token(self._tokens["operator"]))

    def ctl(self, *arguments, timeout_s=300):
        """epigridctl on every service; what it printed."""
        servers = [f"--server={service}={self._addresses(service)[0]}" for service in SERVICES]
        done = subprocess.run(
            [binary("epigridctl"), *servers, "--token-file", self._operator_token, *arguments], env=plain_environment(),
            capture_output=True, text=True, timeout=timeout_s, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def status(self):
        return json.loads(self.ctl("--json", "status"))["services"]
