"""What a city under test keeps its facts and views in: the log and the view, each with what can befall it.

A log or a view has `settings()`, the flags by which instances reach it; start(), stop(), and the faults that rows.py
injects. Both may stand behind a gate.
"""

import contextlib
import os
import pathlib
import subprocess
import time

from bad_days.gates import Gate
from harness.processes import Redis
from harness.waiting import wait_until


class SmallDisk:
    """A file system of its own on a directory, to be filled; needs root."""

    def __init__(self, directory, mebibytes):
        self.directory = pathlib.Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={mebibytes}m", "epigrid-fault", self.directory], check=True)

    @staticmethod
    def possible():
        return os.geteuid() == 0

    def fill(self):
        """Leaves nothing."""
        with contextlib.suppress(OSError), open(self.directory / "filler", "wb") as filler:
            while True:
                filler.write(b"x" * 4096)
                filler.flush()

    def free(self):
        (self.directory / "filler").unlink()

    def unmount(self):
        subprocess.run(["umount", "--lazy", self.directory], check=True)


class RedisStore:
    """One Redis process, durable as the log needs it or as the view is."""

    def __init__(self, what, directory, durable, gated):
        self.what = what
        self.redis = Redis(f"redis-{what}", directory / what, durable)
        self.gate = Gate(upstream_port=self.redis.port) if gated else None
        self.gates = [self.gate] if gated else []

    def settings(self):
        return {f"{self.what}-redis-address": self.gate.address if self.gate else f"127.0.0.1:{self.redis.port}"}

    def start(self):
        self.redis.start()
        if self.gate:
            self.gate.start()

    def stop(self):
        if self.gate:
            self.gate.stop()
        self.redis.stop()

    def kill(self):
        self.redis.kill()

    def start_again(self):
        self.redis.start()

    def pause(self):
        self.redis.pause()

    def resume(self):
        self.redis.resume()

    def limit_memory(self):
        """maxmemory as good as reached: whatever needs more is refused."""
        assert self.redis.call("CONFIG", "SET", "maxmemory", "1mb") == "OK"

    def unlimit_memory(self):
        assert self.redis.call("CONFIG", "SET", "maxmemory", "0") == "OK"


class RedisLog(RedisStore):
    kind = "redis"
    session_s = 3.0  # after which silence is taken for death, unless set otherwise

    def __init__(self, directory, gated=False, disk_mebibytes=None):
        self.disk = SmallDisk(directory / "log", disk_mebibytes) if disk_mebibytes else None
        super().__init__("log", directory, durable=True, gated=gated)

    def stop(self):
        super().stop()
        if self.disk:
            self.disk.unmount()

    def endure_full_disk(self, seconds):
        """The disk is full for so long. A Redis that must sync and cannot ends; a supervisor starts it again and again."""
        self.disk.fill()
        began, ends = time.monotonic(), 0
        while time.monotonic() < began + seconds:
            if not self.redis.running:
                ends += 1
                with contextlib.suppress(AssertionError):
                    self.redis.start()
            time.sleep(0.2)
        self.disk.free()
        if not self.redis.running:
            self.redis.start()
        assert ends, "the full disk was not noticed"

    def append_rubbish(self, topic, shard, key):
        """A record that no version of the program wrote, about the entity `key`."""
        from epigrid.internal.v1 import log_entry_pb2  # needs the generated stubs

        entry = log_entry_pb2.LogEntry(records=[log_entry_pb2.LoggedRecord(key=key.encode(), value=b"\xff rubbish")])
        assert self.redis.call("XADD", f"epigrid:stream:{topic}/{shard}", "0-*", "r", entry.SerializeToString(), "t",
                               int(time.time() * 1000))


class SingleView(RedisStore):
    kind = "single"

    def __init__(self, directory, gated=False):
        super().__init__("view", directory, durable=False, gated=gated)

    @property
    def address(self):
        return f"127.0.0.1:{self.redis.port}"

    def lose_everything(self):
        """Killed, and started with nothing."""
        self.kill()
        for kept in self.redis.directory.glob("*.rdb"):
            kept.unlink()
        self.start_again()

    def empty(self):
        """As an operator would by mistake."""
        assert self.redis.call("FLUSHALL") == "OK"

    def keep(self):
        """What stands now is what is left after lose_tail()."""
        assert self.redis.call("SAVE") == "OK"

    def lose_tail(self):
        """Killed, and started with what keep() kept."""
        assert (self.redis.directory / "dump.rdb").exists()
        self.kill()
        self.start_again()
        wait_until(lambda: self.redis.call("PING") == "PONG", "the view to be loaded")
