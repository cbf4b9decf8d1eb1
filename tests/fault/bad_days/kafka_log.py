"""The log on three Kafka brokers, by deploy/kafka/kafka."""

import contextlib
import time

from bad_days.gates import Gate
from harness.script import Script
from bad_days.stores import SmallDisk
from harness.processes import REPOSITORY

BROKERS = (1, 2, 3)
TOPIC_PREFIX = "epigrid."


class KafkaLog:
    kind = "kafka"
    session_s = 6.0  # after which silence is taken for death, unless set otherwise

    def __init__(self, directory, gated=False, disk_mebibytes=None):
        directory.mkdir(parents=True, exist_ok=True)
        self._script = Script(REPOSITORY / "deploy/kafka/kafka", directory / "log")
        self.gates = [Gate() for _ in BROKERS] if gated else []
        self._disks = [SmallDisk(directory / f"log/broker-{number}/data", 5 * disk_mebibytes)
                       for number in BROKERS] if disk_mebibytes else []

    def settings(self):
        return {"log-kind": "kafka", "log-kafka-brokers": self._script.read("bootstrap"),
                "log-kafka-topic-prefix": TOPIC_PREFIX, "log-kafka-replication": 3, "log-kafka-min-insync-replicas": 2}

    def start(self):
        advertised = ["--advertised", ",".join(gate.address for gate in self.gates)] if self.gates else []
        self._script.start("--brokers", str(len(BROKERS)), *advertised)
        for gate, listener in zip(self.gates, self._script.read("listeners").split(",")):
            gate.upstream_port = int(listener.rsplit(":", 1)[1])
            gate.start()

    def stop(self):
        for gate in self.gates:
            gate.stop()
        self._script("stop")
        for disk in self._disks:
            disk.unmount()

    def append_rubbish(self, topic, _, key):
        """A record that no version of the program wrote, about the entity `key`; Kafka's tool chooses the shard by it."""
        self._script("tool", "console-producer", "--topic", TOPIC_PREFIX + topic, "--property", "parse.key=true",
                     "--property", "key.separator=|", text=f"{key}|rubbish\n")

    # --- all brokers ------------------------------------------------------------------------------------------------

    def kill(self):
        for number in BROKERS:
            self._script("kill", str(number))

    def start_again(self):
        self._script.start()

    def pause(self):
        for number in BROKERS:
            self._script("pause", str(number))

    def resume(self):
        for number in BROKERS:
            self._script("resume", str(number))

    def endure_full_disk(self, seconds):
        """The disks are full for so long. A broker that cannot write ends."""
        for disk in self._disks:
            disk.fill()
        time.sleep(seconds)
        for disk in self._disks:
            disk.free()
        for number in BROKERS:  # one that could not write has ended
            with contextlib.suppress(AssertionError):
                self._script("kill", str(number))
        self._script.start()

    # --- one of them ------------------------------------------------------------------------------------------------

    def kill_broker(self, number, seconds):
        """Killed, and back after so long."""
        self._script("kill", str(number))
        time.sleep(seconds)
        self._script("start-broker", str(number))

    def stop_broker(self, number, seconds):
        """It stands still for so long."""
        self._script("pause", str(number))
        time.sleep(seconds)
        self._script("resume", str(number))
