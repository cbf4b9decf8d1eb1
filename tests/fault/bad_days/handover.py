"""How long shards stand still when the instance that folds them goes: from its end until all are live elsewhere, and the
longest time in which nothing of one of them was folded.

    with Handovers(day) as handovers:
        handovers.measure(number, lambda instance: instance.kill(), bound_s=8)
    print(handovers.told())

Of every service: who took over says when in its log (projector.taken_over). Of contact_tracing: a pulse, the same check-ins
over and over, reaches every shard ten times a second, and each commit of a guarded batch is heard on the channel on which
the view publishes it.
"""

import ctypes
import datetime
import json
import socket
import statistics
import time

import grpc

from epigrid.contact_tracing.v1 import contact_tracing_pb2 as tracing
from harness import ids
from harness.city import Person
from harness.epigrid import SERVICES
from harness.waiting import wait_until
from harness.workers import Workers

SHARDS = 64
PULSE_EVERY_S = 0.1
# Until instances that were started have their share of the shards: a new session, on a busy machine.
SHARED_MAX_S = 60.0


def _person_of_each_shard():
    """Ids of people whom nobody has registered yet, one in each shard (common/base/shard.h)."""
    xxh3 = ctypes.CDLL("libxxhash.so.0").XXH3_64bits
    xxh3.restype, xxh3.argtypes = ctypes.c_uint64, (ctypes.c_char_p, ctypes.c_size_t)
    found, number = {}, 0
    while len(found) < SHARDS:
        person_id = ids.derive("person", f"pulse-{number}")
        found.setdefault(xxh3(person_id.encode(), len(person_id)) % SHARDS, person_id)
        number += 1
    return found.values()


class Pulse(Workers):
    def __init__(self, city):
        super().__init__(self._beat)
        self._city = city
        place, start = ids.derive("setting", "pulse"), city.at(1, "12:00")
        self._request = tracing.BatchRecordPresencesRequest(observations=[
            city.check_in(Person("", person_id, "", ""), place, start, start + datetime.timedelta(minutes=10),
                          source_id=f"pulse-{number}")
            for number, person_id in enumerate(_person_of_each_shard())])

    def _beat(self):
        while not self._stopping.wait(PULSE_EVERY_S):
            try:
                self._city.tracing.BatchRecordPresences(self._request, timeout=2)
            except grpc.RpcError:
                pass  # the next one; its calls are not what is measured


class Commits(Workers):
    """Hears of each commit of contact_tracing's shards."""

    def __init__(self, view_address):
        super().__init__(self._listen)
        host, port = view_address.rsplit(":", 1)
        self._connection = socket.create_connection((host, int(port)), timeout=10)
        self._connection.settimeout(None)
        self._connection.sendall(b"SUBSCRIBE epigrid:contact_tracing.applied\r\n")
        self.heard = [(time.time(), shard) for shard in range(SHARDS)]  # (when, shard)

    def _listen(self):
        lines = self._connection.makefile("rb")
        for line in lines:
            if line == b"message\r\n":
                payload = [lines.readline() for _ in range(4)][-1]
                self.heard.append((time.time(), int(payload.split()[0])))

    def stop(self):
        self._connection.shutdown(socket.SHUT_RDWR)
        super().stop()

    def shards_since(self, since):
        return {shard for when, shard in self.heard[:] if when > since}

    def pauses_s(self, since, until):
        """The longest time without a commit of each shard, of those that lie between."""
        last, longest = dict.fromkeys(range(SHARDS), since), dict.fromkeys(range(SHARDS), 0.0)
        for when, shard in self.heard[:]:
            if since <= when <= until:
                longest[shard] = max(longest[shard], when - last[shard])
                last[shard] = when
        return {shard: max(longest[shard], until - last[shard]) for shard in longest}


class Takeovers:
    """What an instance's log says of shards that it has taken over, from now on."""

    def __init__(self, instance):
        self.instance = instance
        self._read = instance.output_path.stat().st_size
        self._found = []  # (when, service, owned)

    def last_s(self, service, owned, since):
        """When it had so many of a service's shards, all of them live; None: not yet."""
        with open(self.instance.output_path, "rb") as file:
            file.seek(self._read)
            for line in file:
                if not line.endswith(b"\n"):
                    break
                self._read += len(line)
                if b'"projector.taken_over"' in line:
                    told = json.loads(line)
                    when = datetime.datetime.fromisoformat(told["time"]).timestamp()
                    self._found.append((when, told["projector"], told["owned"]))
        return max((when for when, of, has in self._found if when > since and (of, has) == (service, owned)), default=None)


class Handovers:
    def __init__(self, day):
        self._day = day
        self._pulse = Pulse(day.city)
        self._commits = Commits(day.view.address)
        self._live_s, self._pauses_s = [], []  # of each handover: until all are live; by shard

    def __enter__(self):
        self._commits.start()
        self._pulse.start()
        return self

    def __exit__(self, *_):
        self._pulse.stop()
        self._commits.stop()

    def measure(self, number, end, bound_s):
        """Ends that copy of every service, and starts it again when all its shards are live elsewhere."""
        gone = [one for one in self._day.instances if one.number == number]
        takers = {service: Takeovers(one) for one in self._day.instances for service in one.services
                  if one.folds and one.number != number}
        ended = {}
        for instance in gone:
            ended.update(dict.fromkeys(instance.services, time.time()))
            end(instance)

        def all_live():
            times = [takers[service].last_s(service, SHARDS, ended[service]) for service in SERVICES]
            return None if None in times else dict(zip(SERVICES, times))

        live = wait_until(all_live, "others to have all shards", bound_s + SHARED_MAX_S)
        took = {service: live[service] - ended[service] for service in SERVICES}
        since, until = ended["contact_tracing"], live["contact_tracing"]
        wait_until(lambda: len(self._commits.shards_since(until)) == SHARDS, "every shard to be folded again", SHARED_MAX_S)
        pauses = self._commits.pauses_s(since, time.time())
        self._live_s.append(max(took.values()))
        self._pauses_s.append(pauses)
        for service, seconds in took.items():
            if seconds > bound_s:
                self._day.problems.append(f"wrong: the shards of {service} were live elsewhere after {seconds:.2f} s only")
        if max(pauses.values()) > bound_s:
            self._day.problems.append(f"wrong: a shard was not folded for {max(pauses.values()):.2f} s")
        self._start_again(gone)

    def _start_again(self, gone):
        shared = {(one, service): Takeovers(one) for one in gone for service in one.services}
        since = time.time()
        for instance in gone:
            instance.start()
        for instance in gone:
            instance.await_ready()
        wait_until(lambda: all(log.last_s(service, SHARDS // 2, since) for (_, service), log in shared.items()),
                   "the shards to be shared again", SHARED_MAX_S)

    def told(self):
        pauses = [seconds for each in self._pauses_s for seconds in each.values()]
        return (f"{len(self._live_s)} handovers: all shards live elsewhere after {min(self._live_s):.2f} to "
                f"{max(self._live_s):.2f} s; a shard was not folded for {statistics.median(pauses):.2f} s (median), "
                f"{max(pauses):.2f} s (longest)")
