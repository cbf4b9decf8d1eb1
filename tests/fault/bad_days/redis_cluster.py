"""The view on a Redis Cluster of six nodes, by deploy/dev/redis-cluster."""

import subprocess
import time

from harness.script import Script
from harness.processes import REPOSITORY
from harness.waiting import wait_until


class ClusterView:
    kind = "cluster"

    def __init__(self, directory, gated=False):
        assert not gated, "nodes tell clients where others are: no gate stands before them"
        directory.mkdir(parents=True, exist_ok=True)
        self._script = Script(REPOSITORY / "deploy/dev/redis-cluster", directory / "view")
        self._held = None  # (primary, replica) whose copying is held up

    def settings(self):
        return {"view-redis-cluster": self._script.read("seeds")}

    @property
    def address(self):
        """A node's; each is told what is published at any."""
        return self.settings()["view-redis-cluster"].split(",")[0]

    def start(self):
        self._script.start()

    def stop(self):
        self._script("stop")

    def _cli(self, node, *words):
        return self._script("cli", str(node), *words)

    # --- who is who -------------------------------------------------------------------------------------------------

    def _nodes(self):
        return range(1, 1 + len(self._script.read("ports").split()))

    def _lines(self, node=None):
        """What a node that answers says of all: (number, id, flags, id of its primary)."""
        ports = self._script.read("ports").split()
        for asked in [node] if node else self._nodes():
            try:
                told = self._cli(asked, "cluster", "nodes")
            except AssertionError:
                continue
            lines = [line.split() for line in told.splitlines()]
            return [(1 + ports.index(line[1].split("@")[0].rsplit(":", 1)[1]), line[0], line[2], line[3])
                    for line in lines]
        raise AssertionError("no node answers")

    def primaries(self):
        return [number for number, _, flags, _ in self._lines() if "master" in flags and "fail" not in flags]

    def _replica_of(self, primary):
        ids = {number: node_id for number, node_id, _, _ in self._lines()}
        return next(number for number, _, flags, of in self._lines() if "slave" in flags and of == ids[primary])

    def _await_in_order(self):
        def in_order():
            lines = self._lines()
            return len(lines) == len(self._nodes()) and not any("fail" in flags for _, _, flags, _ in lines) and all(
                "cluster_state:ok" in self._cli(node, "cluster", "info") for node in self._nodes())
        wait_until(in_order, "the cluster to be in order", 60, poll_s=0.2)

    # --- what befalls it --------------------------------------------------------------------------------------------

    def lose_everything(self):
        """Every node is killed, and comes back with nothing but its place in the cluster."""
        for node in self._nodes():
            self._script("kill", str(node))
            (self._script.directory / f"node-{node}" / "dump.rdb").unlink(missing_ok=True)
        for node in self._nodes():
            self._script("start-node", str(node))
        self._await_in_order()

    def empty(self):
        for node in self.primaries():
            assert self._cli(node, "flushall") == "OK"

    def pause(self):
        """One primary stands still; its replica takes its place."""
        self._held = (self.primaries()[0], None)
        self._script("pause", str(self._held[0]))

    def resume(self):
        self._script("resume", str(self._held[0]))

    def keep(self):
        """From here on a primary's replica gets nothing any more."""
        primary = self.primaries()[0]
        replica = self._replica_of(primary)
        self._held = (primary, replica)
        self._script("pause", str(replica))
        self._cli(primary, "client", "kill", "type", "replica")

    def lose_tail(self):
        """The primary is killed, and the replica takes its place with what it had."""
        primary, replica = self._held
        self._script("kill", str(primary))
        self._script("resume", str(replica))
        wait_until(lambda: replica in self.primaries(), "the replica to take over", 60, poll_s=0.1)
        self._script("start-node", str(primary))
        self._await_in_order()

    def kill_primary(self, seconds):
        """Killed, and back after so long, when its replica has its place."""
        primary = self.primaries()[0]
        self._script("kill", str(primary))
        time.sleep(seconds)
        self._script("start-node", str(primary))
        self._await_in_order()

    def fail_over(self):
        """Each primary gives its place to its replica, as for a maintenance."""
        for primary in self.primaries():
            replica = self._replica_of(primary)
            assert self._cli(replica, "cluster", "failover") == "OK"
            wait_until(lambda replica=replica: replica in self.primaries(), "the failover", 60, poll_s=0.1)

    def move_slots(self, count, seconds):
        """So many slots move from primary to primary, again and again."""
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            ids = {number: node_id for number, node_id, _, _ in self._lines()}
            primaries = self.primaries()
            for source, target in zip(primaries, primaries[1:] + primaries[:1]):
                node = self.settings()["view-redis-cluster"].split(",")[source - 1]
                # Nodes hear of the move before from each other.
                wait_until(lambda node=node: self._manage("check", node).returncode == 0, "the nodes to agree", 30)
                done = self._manage("reshard", node, "--cluster-from", ids[source], "--cluster-to", ids[target],
                                    "--cluster-slots", str(count), "--cluster-yes", "--cluster-pipeline", "10")
                assert done.returncode == 0, (done.stdout + done.stderr)[-2000:]

    @staticmethod
    def _manage(verb, node, *options):
        return subprocess.run(["redis-cli", "--cluster", verb, node, *options], capture_output=True, text=True,
                              timeout=120, check=False)

    def limit_memory(self):
        for node in self._nodes():
            assert self._cli(node, "config", "set", "maxmemory", "1mb") == "OK"

    def unlimit_memory(self):
        for node in self._nodes():
            assert self._cli(node, "config", "set", "maxmemory", "0") == "OK"
