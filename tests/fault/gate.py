"""A TCP gate: stands before a port and does to its connections what networks do. One command a line on standard input.

    gate.py LISTEN_PORT HOST:PORT        both ends on the loopback interface, mostly

    pass              everything goes through, as it comes
    refuse            nobody is let in, and whoever was in is thrown out (reset)
    stall             nothing goes through, in either direction, and nothing is lost; new connections are taken in
    mute              requests go through, and the answers wait
    cut [N]           the next answer of each connection ends, with the connection, after half of it, or N bytes
    slice [N]         segments of N bytes (default 3)
    delay SECONDS     everything comes so much later, in its order

Each is answered by "ok" when it holds for all connections, those that are open too. It ends with its input. Its driver is
bad_days/gates.py.
"""

import asyncio
import dataclasses
import socket
import struct
import sys

CHUNK = 1 << 16
IN_FLIGHT_MAX = 64  # chunks of one direction; then the sender waits, as with a full socket


@dataclasses.dataclass(frozen=True)
class Mode:
    name: str = "pass"
    amount: float = 0


def parse_mode(line):
    """The Mode that a command asks for; ValueError if there is none such."""
    name, *amounts = line.split()
    defaults = {"pass": None, "refuse": None, "stall": None, "mute": None, "cut": 0, "slice": 3, "delay": None}
    if name not in defaults or len(amounts) > 1 or (amounts and name not in ("cut", "slice", "delay")):
        raise ValueError(f"no such command: {line!r}")
    if name == "delay" and not amounts:
        raise ValueError("delay needs SECONDS")
    amount = float(amounts[0]) if amounts else defaults[name] or 0
    if amount < 0 or (name == "slice" and amount < 1):
        raise ValueError(f"out of range: {line!r}")
    return Mode(name, amount)


class Connection:
    """A client's connection and the one made for it to what stands behind the gate."""

    def __init__(self, gate, client, server):
        self._gate = gate
        self._client, self._server = client, server  # (reader, writer)
        self._ending = False

    async def run(self):
        requests = asyncio.create_task(self._carry(self._client[0], self._server[1], answers=False))
        answers = asyncio.create_task(self._carry(self._server[0], self._client[1], answers=True))
        try:
            await asyncio.gather(requests, answers)
        except OSError:
            pass
        finally:
            for task in (requests, answers):
                task.cancel()
            self.reset()

    def reset(self):
        """Ends both sides at once; what is in flight is lost."""
        self._ending = True
        for _, writer in (self._client, self._server):
            sock = writer.get_extra_info("socket")
            if sock is not None and sock.fileno() >= 0:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()

    async def _carry(self, reader, writer, answers):
        """What is read goes into a queue with the time it came, so that a delay costs time and no throughput."""
        queue = asyncio.Queue(IN_FLIGHT_MAX)
        delivering = asyncio.create_task(self._deliver(queue, writer, answers))
        try:
            while True:
                data = await reader.read(CHUNK)
                await queue.put((asyncio.get_running_loop().time(), data))
                if not data:
                    break
            await delivering
        finally:
            delivering.cancel()

    async def _deliver(self, queue, writer, answers):
        while True:
            came, data = await queue.get()
            mode = await self._gate.opened(answers)
            if mode.name == "delay":
                await asyncio.sleep(came + mode.amount - asyncio.get_running_loop().time())
            if not data:
                writer.write_eof()
                return
            if mode.name == "cut" and answers:
                writer.write(data[:int(mode.amount) or len(data) // 2])
                await writer.drain()
                # In order, not by a reset: what was written before the end has to arrive.
                writer.close()
                raise ConnectionResetError("cut")
            step = int(mode.amount) if mode.name == "slice" else len(data)
            for begin in range(0, len(data), step):
                writer.write(data[begin:begin + step])
                await writer.drain()
                if step < len(data):
                    await asyncio.sleep(0)


class Gate:
    def __init__(self, port, upstream):
        self._port, self._upstream = port, upstream
        self._mode = Mode()
        self._changed = asyncio.Condition()
        self._connections = set()
        self._listener = None

    async def set_mode(self, mode):
        async with self._changed:
            self._mode = mode
            self._changed.notify_all()
        if mode.name == "refuse":
            await self._close()
        else:
            await self.open()

    async def opened(self, answers):
        """The mode, once it lets this direction through."""
        async with self._changed:
            await self._changed.wait_for(
                lambda: self._mode.name != "stall" and not (answers and self._mode.name == "mute"))
            return self._mode

    async def open(self):
        if self._listener is None:
            self._listener = await asyncio.start_server(self._enter, "127.0.0.1", self._port, reuse_address=True)

    async def _close(self):
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        for connection in list(self._connections):
            connection.reset()

    async def _enter(self, reader, writer):
        try:
            server = await asyncio.open_connection(*self._upstream)
        except OSError:
            writer.transport.abort()
            return
        for one in (writer, server[1]):
            one.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection = Connection(self, (reader, writer), server)
        self._connections.add(connection)
        try:
            if self._mode.name != "refuse":
                await connection.run()
            else:
                connection.reset()
        finally:
            self._connections.discard(connection)


async def main():
    host, port = sys.argv[2].rsplit(":", 1)
    gate = Gate(int(sys.argv[1]), (host, int(port)))
    await gate.open()
    print("ok", flush=True)
    commands = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
    while line := (await commands.readline()).decode():
        try:
            await gate.set_mode(parse_mode(line))
        except ValueError as error:
            print(error, flush=True)
        else:
            print("ok", flush=True)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    asyncio.run(main())
