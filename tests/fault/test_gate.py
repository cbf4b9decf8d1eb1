"""The TCP gate itself: before a server that answers every line by the same line in capitals."""

import contextlib
import socket
import socketserver
import threading
import time

import pytest

from bad_days.gates import Gate


class _Capitals(socketserver.StreamRequestHandler):
    def handle(self):
        with contextlib.suppress(ConnectionError):
            for line in self.rfile:
                self.server.lines.append(line.strip().decode())
                self.wfile.write(line.upper())


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True


@pytest.fixture
def server():
    with _Server(("127.0.0.1", 0), _Capitals) as serving:
        serving.lines = []
        thread = threading.Thread(target=serving.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield serving
        serving.shutdown()
        thread.join()


@pytest.fixture
def gate(server):
    with Gate(upstream_port=server.server_address[1]) as standing:
        yield standing


class Client:
    def __init__(self, gate):
        self._socket = socket.create_connection(("127.0.0.1", gate.port), timeout=20)
        self._file = self._socket.makefile("rb")

    def send(self, text):
        self._socket.sendall(text.encode() + b"\n")

    def receive(self):
        return self._file.readline().decode()

    def ask(self, text):
        self.send(text)
        return self.receive()

    def receives_nothing(self, timeout_s=0.2):
        self._socket.settimeout(timeout_s)
        try:
            return self._socket.recv(1) is None
        except TimeoutError:
            return True
        finally:
            self._socket.settimeout(20)


def wait_for(condition):
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_passes(gate):
    one, other = Client(gate), Client(gate)
    assert [one.ask("a"), other.ask("b"), one.ask("c")] == ["A\n", "B\n", "C\n"]
    large = "x" * 1_000_000
    assert one.ask(large) == large.upper() + "\n"


def test_refuses_and_throws_out(gate):
    client = Client(gate)
    assert client.ask("a") == "A\n"
    gate.do("refuse")
    with pytest.raises(ConnectionRefusedError):
        Client(gate)
    with pytest.raises(ConnectionResetError):
        client.receive()
    gate.do("pass")
    assert Client(gate).ask("b") == "B\n"


def test_stalls_and_loses_nothing(gate, server):
    client = Client(gate)
    assert client.ask("a") == "A\n"
    gate.do("stall")
    client.send("b")
    late = Client(gate)
    late.send("c")
    assert client.receives_nothing() and server.lines == ["a"]
    gate.do("pass")
    assert client.receive() == "B\n"
    assert late.receive() == "C\n"


def test_mute_lets_requests_through(gate, server):
    client = Client(gate)
    gate.do("mute")
    client.send("a")
    wait_for(lambda: server.lines == ["a"])
    assert client.receives_nothing()
    gate.do("pass")
    assert client.receive() == "A\n"


def test_cuts_in_the_middle_of_an_answer(gate, server):
    client = Client(gate)
    gate.do("cut")
    assert client.ask("abcdef") == "ABC"
    assert server.lines == ["abcdef"]
    gate.do("cut 1")
    assert Client(gate).ask("abcdef") == "A"
    gate.do("pass")
    assert Client(gate).ask("abcdef") == "ABCDEF\n"


def test_slices(gate):
    client = Client(gate)
    gate.do("slice 1")
    assert client.ask("x" * 5000) == "X" * 5000 + "\n"


def test_delays_without_holding_up(gate):
    client = Client(gate)
    assert client.ask("a") == "A\n"
    gate.do("delay 0.2")
    began = time.monotonic()
    for number in range(50):
        client.send(str(number))
    assert [client.receive() for number in range(50)] == [f"{number}\n" for number in range(50)]
    assert 0.4 <= time.monotonic() - began < 5  # both ways once, not fifty times


def test_says_what_it_does_not_understand(gate):
    for command in ("explode", "delay", "slice 0", "pass 3", "cut -1"):
        with pytest.raises(AssertionError):
            gate.do(command)
    assert Client(gate).ask("a") == "A\n"
