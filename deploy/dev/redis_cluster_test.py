"""redis-cluster: what it starts is a cluster that survives the loss of a primary, and goes on with its data."""

import pathlib
import subprocess
import tempfile
import time
import unittest

SCRIPT = pathlib.Path(__file__).with_name("redis-cluster")
KEY = "{health_code-7}live"


class RedisClusterTest(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = pathlib.Path(directory.name)

    def run_script(self, *words):
        subject = 2 if words[0] not in ("start", "stop") else 1
        return subprocess.run([SCRIPT, *words[:subject], "--directory", self.directory, *words[subject:]],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120, check=False)

    def do(self, *words, status=0):
        done = self.run_script(*words)
        self.assertEqual(done.returncode == 0, status == 0, done.stdout)
        return done.stdout.strip()

    # By any node: redis-cli follows to the one that has the key, which may be the one that was killed.
    def await_value(self, node, value):
        deadline = time.monotonic() + 60
        while self.run_script("cli", node, "-c", "get", KEY).stdout.strip() != value:
            self.assertLess(time.monotonic(), deadline)

    def test_keeps_a_key_whichever_node_dies(self):
        self.do("start", "--nodes", "6", "--node-timeout-ms", "500")
        self.addCleanup(self.do, "stop")
        seeds = (self.directory / "seeds").read_text(encoding="utf-8").strip()
        self.assertEqual(len(set(seeds.split(","))), 6)
        self.do("cli", "1", "-c", "set", KEY, "3")
        for setting in ("maxmemory-policy", "cluster-require-full-coverage"):
            self.assertIn(self.do("cli", "4", "config", "get", setting).split()[1], ("noeviction", "no"))
        for node, replica in (("1", "4"), ("2", "5"), ("3", "6")):
            self.do("kill", node)
            self.await_value(replica, "3")
            self.do("start-node", node)
        self.do("stop")
        self.do("start")
        self.assertEqual((self.directory / "seeds").read_text(encoding="utf-8").strip(), seeds)
        self.assertEqual(self.do("cli", "2", "-c", "get", KEY), "3")

    def test_says_what_is_wrong(self):
        self.assertIn("3 or 6", self.do("start", "--nodes", "5", status=1))
        self.assertIn("nothing was started", self.do("kill", "1", status=1))


if __name__ == "__main__":
    unittest.main()
