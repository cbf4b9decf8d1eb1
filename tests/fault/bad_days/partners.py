"""The partners of harness/city.py where a service may be a process of its own: operators ask each of them."""

import json
import subprocess
import time

from epigrid.operations.v1 import operations_pb2 as operations
from epigrid.operations.v1 import operations_pb2_grpc
from harness.city import QUIET_DEADLINE_S, City


class Partners(City):
    def __init__(self, under_test, scope, rest_max_s):
        self._rest_max_s = rest_max_s
        super().__init__(under_test, scope)

    def connect(self):
        super().connect()
        self._services = {
            service: operations_pb2_grpc.OperationsServiceStub(self.epigrid.operations_channel(service))
            for service in ("identity", "contact_tracing", "health_code", "notification")}
        self.operations = self

    # The calls of OperationsService that load_check.py makes.

    def GetStatus(self, request):  # pylint: disable=invalid-name
        return self._services[request.service].GetStatus(request, timeout=QUIET_DEADLINE_S)

    def ReadLog(self, request):  # pylint: disable=invalid-name
        return self._services[request.topic.split(".")[0]].ReadLog(request, timeout=QUIET_DEADLINE_S)

    def quiet(self, wait_for_retries=True, patience_s=None):
        """By epigridctl, as an operator would wait for it; with wait_for_retries for messages in back-off, too."""
        deadline = time.monotonic() + (patience_s or self._rest_max_s)
        while True:
            try:
                answer = json.loads(self.epigrid.ctl("--json", "quiesce", "--timeout", "60s"))
                if not (wait_for_retries and answer.get("backed_off_count")):
                    return
                why = f"messages are in back-off: {answer}"
            except (AssertionError, subprocess.TimeoutExpired) as error:
                why = error
            if time.monotonic() > deadline:
                raise AssertionError(f"no rest in time: {why}")
            time.sleep(0.2)

    def digests(self):
        found = {}
        for service, stub in self._services.items():
            answer = stub.GetDigests(operations.GetDigestsRequest(service=service), timeout=QUIET_DEADLINE_S)
            wrong = [digest for digest in answer.digests if digest.digest != digest.expected_digest]
            assert not wrong, wrong
            found |= {(service, digest.shard): digest.digest for digest in answer.digests}
        return found

    def parked(self):
        return [record for service, stub in self._services.items() for record in stub.ListParkedRecords(
            operations.ListParkedRecordsRequest(service=service), timeout=QUIET_DEADLINE_S).records]
