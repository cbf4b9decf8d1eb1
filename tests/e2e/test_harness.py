"""The harness itself: what it says of a program under test is worth no more than this."""

import datetime
import json
import threading
import time
import urllib.error
import urllib.request

import grpc
import pytest

from harness import errors, ids, webhooks
from harness.calendar import Calendar
from harness.processes import Process, Redis
from harness.waiting import wait_until


def post(url, secret, body, webhook_id="msg_1", timestamp=None, timeout=10):
    """Sends a webhook as epigrid would, and returns the status of the answer."""
    data = json.dumps(body).encode()
    timestamp = str(int(time.time()) if timestamp is None else timestamp)
    request = urllib.request.Request(url, data, {
        "content-type": "application/json", "webhook-id": webhook_id, "webhook-timestamp": timestamp,
        "webhook-signature": webhooks.signature(secret, webhook_id, timestamp, data)})
    try:
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


def test_signature_is_that_of_the_standards_example():
    assert webhooks.signature(
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330",
        b'{"test": 2432232314}') == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_receiver_notes_what_is_signed_rightly(receiver):
    assert post(receiver.url, receiver.secret, {"person_id": "a"}) == 204
    (delivery,) = receiver.wait_for(lambda d: d.body["person_id"] == "a")
    assert delivery.webhook_id == "msg_1"
    assert list(receiver.by_id()) == ["msg_1"]


def test_receiver_refuses_a_wrong_secret_and_an_old_timestamp():
    with webhooks.WebhookReceiver() as receiver:
        assert post(receiver.url, webhooks.new_secret(), {}) == 401
        assert post(receiver.url, receiver.secret, {}, timestamp=int(time.time()) - 3600) == 401
        assert receiver.requests == []
        assert len(receiver.refused) == 2


def test_receiver_fails_as_often_as_it_is_told(receiver):
    receiver.fail_next(1, status=503)
    assert [post(receiver.url, receiver.secret, {"n": n}) for n in (1, 2)] == [503, 204]
    assert [d.status for d in receiver.requests] == [503, 204]
    assert [d.body for d in receiver.deliveries] == [{"n": 2}]


def test_receiver_fails_what_it_is_told_to_fail_until_it_is_healed(receiver):
    receiver.fail_while(lambda body: body["n"] == 1, status=500)
    assert [post(receiver.url, receiver.secret, {"n": n}) for n in (1, 2, 1)] == [500, 204, 500]
    receiver.heal()
    assert post(receiver.url, receiver.secret, {"n": 1}) == 204


def test_receiver_stalls_until_it_is_told_to_go_on(receiver):
    receiver.stall()
    answers = []
    sender = threading.Thread(target=lambda: answers.append(post(receiver.url, receiver.secret, {"n": 1})))
    sender.start()
    with pytest.raises(AssertionError):
        receiver.wait_for(lambda d: True, timeout_s=0.2)
    receiver.resume()
    receiver.wait_for(lambda d: True)
    sender.join()
    assert answers == [204]


def test_redis_for_the_log_keeps_what_it_acknowledged_over_a_kill(directory):
    with Redis("log", directory / "log", durable=True) as log:
        assert log.call("SET", "key", "value") == "OK"
        log.kill()
        log.start()
        assert log.call("STRLEN", "key") == "5"


def test_redis_for_the_view_loses_everything_over_a_kill(directory):
    with Redis("view", directory / "view", durable=False) as view:
        assert view.call("SET", "key", "value") == "OK"
        view.kill()
        view.start()
        assert view.call("STRLEN", "key") == "0"


def test_a_process_that_ends_early_says_why(directory):
    process = Process("early", ["sh", "-c", "echo the reason; exit 3"], directory)
    process.start()
    with pytest.raises(AssertionError, match="status 3 before a miracle:\nthe reason"):
        process.wait_ready(lambda: False, "a miracle")


def test_settings_of_whoever_runs_the_tests_do_not_reach_a_process(directory, monkeypatch):
    monkeypatch.setenv("EPIGRID_SERVER_LISTEN", "elsewhere")
    with Process("env", ["sh", "-c", "env; exec sleep 60"], directory, {"EPIGRID_LOG_LEVEL": "debug"}) as process:
        wait_until(lambda: "EPIGRID_LOG_LEVEL=debug" in process.output_end(), "the environment")
        assert "EPIGRID_SERVER_LISTEN" not in process.output_end(1000)


def test_waiting_names_what_it_waited_for():
    with pytest.raises(AssertionError, match="waited 0.05 s for rain"):
        wait_until(lambda: False, "rain", timeout_s=0.05)


def test_stubs_of_every_service_can_be_imported():
    from epigrid.health_code.v1 import health_code_pb2_grpc
    from epigrid.operations.v1 import operations_pb2_grpc

    assert health_code_pb2_grpc.HealthCodeServiceStub
    assert operations_pb2_grpc.OperationsServiceStub


def test_an_error_is_read_with_reason_and_metadata():
    from google.rpc import error_details_pb2, status_pb2

    status = status_pb2.Status(code=3, message="person_id: the check character is wrong")
    status.details.add().Pack(error_details_pb2.BadRequest())
    status.details.add().Pack(
        error_details_pb2.ErrorInfo(reason="ID_MALFORMED", metadata={"field": "person_id"}))

    class Refused:
        def code(self):
            return grpc.StatusCode.INVALID_ARGUMENT

        def details(self):
            return status.message

        def trailing_metadata(self):
            return [("grpc-status-details-bin", status.SerializeToString())]

    error = errors.of(Refused())
    assert error == errors.of_status(status)
    assert (error.code, error.reason, error.metadata) == (
        grpc.StatusCode.INVALID_ARGUMENT, "ID_MALFORMED", {"field": "person_id"})


def test_ids_and_documents_are_made_as_the_services_check_them():
    assert ids.derive("case", "a", "bc") == "case_1znygwybrsmz0h56zb437gk0zq0"
    assert ids.mistyped("case_1znygwybrsmz0h56zb437gk0zq0") != "case_1znygwybrsmz0h56zb437gk0zq0"
    assert ids.with_check_digit("11010519491231002") == "11010519491231002X"  # the example of GB 11643
    assert len({ids.resident_id(number) for number in range(0, 10_000_000, 99_991)}) == 101


def test_no_midnight_passes_during_a_test():
    calendar = Calendar()
    assert calendar.at(0, "12:00") <= datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=1)
    assert calendar.midnight(-1) - datetime.datetime.now(datetime.timezone.utc) > datetime.timedelta(hours=10)
    assert calendar.start_of(calendar.day_of(calendar.at(3, "23:59"))) == calendar.midnight(3)
