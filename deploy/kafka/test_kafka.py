"""deploy/kafka/kafka itself, by the tools that come with Kafka."""

import contextlib
import pathlib
import subprocess

SCRIPT = pathlib.Path(__file__).resolve().parent / "kafka"


class Kafka:
    """What `kafka start` started in a directory."""

    def __init__(self, directory):
        self.directory = directory

    def do(self, *words, text="", status=0):
        """One command of the script; what it said."""
        done = subprocess.run([SCRIPT, *words[:2], "--directory", self.directory, *words[2:]], input=text,
                              capture_output=True, text=True, timeout=120, check=False)
        assert (done.returncode == 0) == (status == 0), done.stdout + done.stderr
        return done.stdout

    def read(self, name):
        return (self.directory / name).read_text(encoding="utf-8").strip()

    def produce(self, topic, *values):
        self.do("tool", "console-producer", "--topic", topic, text="\n".join(values) + "\n")

    def consume(self, topic, count):
        return self.do("tool", "console-consumer", "--topic", topic, "--from-beginning", "--max-messages", str(count),
                       "--timeout-ms", "60000").split()


@contextlib.contextmanager
def started(directory, *options):
    kafka = Kafka(directory / "kafka")
    subprocess.run([SCRIPT, "start", "--directory", kafka.directory, *options], check=True, timeout=240)
    try:
        yield kafka
    finally:
        subprocess.run([SCRIPT, "stop", "--directory", kafka.directory], check=True, timeout=60)


def test_one_broker_with_tls_and_sasl_keeps_what_it_acknowledged(tmp_path):
    with started(tmp_path, "--tls", "--sasl") as kafka:
        kafka.do("tool", "topics", "--create", "--topic", "facts", "--partitions", "2")
        kafka.produce("facts", "one", "two")
        kafka.do("kill", "1")
        kafka.do("start-broker", "1")
        kafka.produce("facts", "three")
        assert sorted(kafka.consume("facts", 3)) == ["one", "three", "two"]

        described = kafka.do("tool", "configs", "--entity-type", "topics", "--entity-name", "facts", "--describe", "--all")
        for setting in ("min.insync.replicas=1", "unclean.leader.election.enable=false", "retention.ms=-1",
                        "message.timestamp.type=LogAppendTime"):
            assert f" {setting} " in described

        bootstrap = kafka.read("bootstrap")
        subprocess.run([SCRIPT, "stop", "--directory", kafka.directory], check=True, timeout=60)
        subprocess.run([SCRIPT, "start", "--directory", kafka.directory], check=True, timeout=240)
        assert kafka.read("bootstrap") == bootstrap
        assert sorted(kafka.consume("facts", 3)) == ["one", "three", "two"]

        properties = kafka.directory / "client.properties"
        properties.write_text(properties.read_text(encoding="utf-8").replace(kafka.read("password"), "guessed"),
                              encoding="utf-8")
        kafka.do("tool", "topics", "--list", status=1)


def test_three_brokers_serve_without_one_of_them(tmp_path):
    with started(tmp_path, "--brokers", "3") as kafka:
        assert len(set(kafka.read("bootstrap").split(","))) == 3
        kafka.do("tool", "topics", "--create", "--topic", "facts", "--partitions", "3")
        kafka.produce("facts", "one")
        kafka.do("kill", "2")
        kafka.produce("facts", "two")
        assert sorted(kafka.consume("facts", 2)) == ["one", "two"]
        kafka.do("start-broker", "2")
        kafka.do("pause", "3")
        kafka.produce("facts", "three")
        kafka.do("resume", "3")
        assert sorted(kafka.consume("facts", 3)) == ["one", "three", "two"]


def test_clients_are_told_the_address_of_a_gate(tmp_path):
    with started(tmp_path, "--advertised", "localhost:9") as kafka:
        assert kafka.read("bootstrap") == "localhost:9"
        assert kafka.read("listeners") in kafka.read("broker-1/properties")
        assert "advertised.listeners=CLIENT://localhost:9," in kafka.read("broker-1/properties")
