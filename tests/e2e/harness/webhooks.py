"""A real HTTP server that receives webhooks as Standard Webhooks defines them, and notes what came.

    with WebhookReceiver() as receiver:
        ... configure an endpoint with receiver.url and receiver.secret ...
        receiver.fail_next(2, status=503)
        delivery = receiver.wait_for(lambda d: d.body["person_id"] == person)
        assert receiver.refused == []

A request is verified before it is answered: its headers are there, its timestamp is within five minutes of now, and one
of its signatures is right. What does not verify is answered 401 and stands in `refused`, never in `deliveries`. All
methods may be called from any thread.
"""

import base64
import collections
import dataclasses
import hashlib
import hmac
import http.server
import json
import os
import sys
import threading
import time

SECRET_PREFIX = "whsec_"
TOLERANCE_S = 300


def new_secret():
    return SECRET_PREFIX + base64.b64encode(os.urandom(24)).decode()


def signature(secret, webhook_id, timestamp, body):
    """The value of one v1 signature over id.timestamp.body; body is bytes."""
    assert secret.startswith(SECRET_PREFIX), f"a secret begins with {SECRET_PREFIX}"
    key = base64.b64decode(secret[len(SECRET_PREFIX):], validate=True)
    signed = f"{webhook_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def problem(secret, headers, body, now, tolerance_s=TOLERANCE_S):
    """Why a request does not verify, or None. now in seconds since 1970."""
    webhook_id, timestamp = headers.get("webhook-id"), headers.get("webhook-timestamp")
    signatures = headers.get("webhook-signature", "").split()
    if not webhook_id or not timestamp or not signatures:
        return "a header is missing"
    if not timestamp.isdecimal() or abs(now - int(timestamp)) > tolerance_s:
        return f"webhook-timestamp {timestamp!r} is not near {now:.0f}"
    right = signature(secret, webhook_id, timestamp, body)
    if not any(hmac.compare_digest(right, given) for given in signatures):
        return "no signature is right"
    return None


@dataclasses.dataclass(frozen=True)
class Delivery:
    """A request that verified and was answered."""
    webhook_id: str
    path: str
    body: dict
    status: int  # what it was answered
    received_at: float  # seconds since 1970


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        if not isinstance(sys.exc_info()[1], ConnectionError):  # a sender that was killed
            super().handle_error(request, client_address)


class WebhookReceiver:
    """See the head of this file. Listens on a free port of the loopback interface while in its `with` block."""

    def __init__(self, secret=None, tolerance_s=TOLERANCE_S):
        self.secret = secret or new_secret()
        self._tolerance_s = tolerance_s
        self._changed = threading.Condition()
        self._deliveries = []
        self._refused = []
        self._failures = collections.deque()  # statuses that the next requests are answered
        self._failing = None  # (condition, status)
        self._open = threading.Event()
        self._open.set()
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                receiver._receive(self)

            def log_message(self, *_):
                pass

        self._server = _Server(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})

    @property
    def url(self):
        return f"http://127.0.0.1:{self._server.server_port}/webhooks"

    @property
    def requests(self):
        """Everything that verified, in the order of arrival, also what was answered with a failure."""
        with self._changed:
            return list(self._deliveries)

    @property
    def deliveries(self):
        """What was answered with success."""
        return [delivery for delivery in self.requests if delivery.status < 300]

    @property
    def refused(self):
        """Why requests did not verify; a test ends with this empty."""
        with self._changed:
            return list(self._refused)

    def by_id(self):
        """The successful deliveries by webhook-id; more than one for an id means that it was sent again."""
        found = collections.defaultdict(list)
        for delivery in self.deliveries:
            found[delivery.webhook_id].append(delivery)
        return dict(found)

    def fail_next(self, count, status=503):
        """The next requests that verify are answered with this status; 410 means gone for good."""
        with self._changed:
            self._failures.extend([status] * count)

    def fail_while(self, condition, status=503):
        """Requests that verify and for whose body condition(body) holds are answered with this status, until heal()."""
        with self._changed:
            self._failing = (condition, status)

    def heal(self):
        with self._changed:
            self._failing = None

    def stall(self):
        """Requests are read and not answered until resume()."""
        self._open.clear()

    def resume(self):
        self._open.set()

    def wait_for(self, condition, count=1, timeout_s=30.0):
        """The first `count` successful deliveries for which condition(delivery) holds; AssertionError after a while."""
        deadline = time.monotonic() + timeout_s
        with self._changed:
            while True:
                found = [d for d in self._deliveries if d.status < 300 and condition(d)]
                if len(found) >= count:
                    return found[:count]
                left = deadline - time.monotonic()
                if left <= 0:
                    raise AssertionError(
                        f"{len(found)} of {count} deliveries within {timeout_s:g} s; refused: {self._refused}")
                self._changed.wait(left)

    def _receive(self, request):
        body = request.rfile.read(int(request.headers.get("content-length", "0")))
        headers = {name.lower(): value for name, value in request.headers.items()}
        why = problem(self.secret, headers, body, time.time(), self._tolerance_s)
        self._open.wait()
        with self._changed:
            if why:
                status = 401
                self._refused.append(why)
            else:
                told = json.loads(body)
                if self._failing and self._failing[0](told):
                    status = self._failing[1]
                else:
                    status = self._failures.popleft() if self._failures else 204
                self._deliveries.append(Delivery(headers["webhook-id"], request.path, told, status, time.time()))
            self._changed.notify_all()
        request.send_response(status)
        request.send_header("content-length", "0")
        request.end_headers()

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self.resume()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
