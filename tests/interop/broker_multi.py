#!/usr/bin/env python3
"""Three brokers on one coordinator: where partitions go, who controls after a kill, how a broker leaves.

Usage: broker_multi.py BROKER COORDINATOR. Prints one line per check. Exit 77 (skipped) without kcat or kazoo.
"""
import json
import pathlib
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from kafka_servers import SKIPPED, Broker, Checks, Server, eventually, require  # noqa: E402

try:
    from kazoo.client import KazooClient
except ImportError:
    print("skipped: python3-kazoo is not installed")
    sys.exit(SKIPPED)

BROKERS = 3
PARTITIONS = 6
TERM_SECONDS_MAX = 3
SETTINGS = [f"num.partitions={PARTITIONS}", "zookeeper.session.timeout.ms=2000"]


class Cluster:
    def __init__(self, broker, coordinator, folder, checks):
        self.checks = checks
        self.zookeeper = Server([coordinator], folder / "coordinator", folder / "coordinator/data", ["tickTime=500"])
        self.zookeeper.start()
        self.brokers = [Broker([broker], folder / f"broker-{number}", self.zookeeper.address, number, SETTINGS)
                        for number in range(BROKERS)]
        for each in self.brokers:
            each.spawn()
        for each in self.brokers:
            each.wait_ready()
        self.client = KazooClient(self.zookeeper.address)
        self.client.start()

    @property
    def live(self):
        return [broker for broker in self.brokers if broker.process is not None]

    @property
    def addresses(self):
        return ",".join(broker.address for broker in self.live)

    def kcat(self, *arguments, stdin=""):
        return subprocess.run(["kcat", "-b", self.addresses, *arguments], input=stdin, capture_output=True, text=True,
                              timeout=30)

    def metadata(self, broker, topic=None):
        arguments = ["-t", topic] if topic else []
        shown = subprocess.run(["kcat", "-b", broker.address, "-L", "-J", "-m", "2", *arguments], capture_output=True,
                               text=True)
        return json.loads(shown.stdout) if shown.returncode == 0 else {"brokers": [], "topics": [], "controllerid": -1}

    def leaders(self, broker, topic):
        """The leader of each partition by its number; -1 where there is none."""
        topics = self.metadata(broker, topic)["topics"]
        return {p["partition"]: p["leader"] for t in topics if t["topic"] == topic for p in t["partitions"]}

    def controller(self):
        return json.loads(self.client.get("/controller")[0])["brokerid"]

    def produce(self, topic, lines, *arguments):
        done = self.kcat("-P", "-t", topic, *arguments, stdin="".join(line + "\n" for line in lines))
        return done.returncode == 0 and "%" not in done.stderr

    def consume(self, topic):
        return self.kcat("-C", "-t", topic, "-e", "-q", "-X", "fetch.wait.max.ms=20").stdout.splitlines()

    def close(self):
        self.client.stop()
        self.client.close()
        for broker in self.brokers:
            broker.kill()
        self.zookeeper.kill()


def check_start(cluster):
    check = cluster.checks
    check.check("each broker knows all three", eventually(
        lambda: all(len(cluster.metadata(broker)["brokers"]) == BROKERS for broker in cluster.brokers)))
    controllers = {cluster.metadata(broker)["controllerid"] for broker in cluster.brokers}
    check.equal("all agree on the controller", controllers, {cluster.controller()})
    lines = [f"record {number}" for number in range(600)]
    check.check("a topic is made by a producer", cluster.produce("spread", lines))
    leaders = cluster.leaders(cluster.brokers[0], "spread")
    check.equal("its partitions are spread evenly", sorted(leaders.values()), [0, 0, 1, 1, 2, 2])
    check.check("all brokers tell the same", eventually(
        lambda: all(cluster.leaders(broker, "spread") == leaders for broker in cluster.brokers)))
    check.equal("everything is read", sorted(cluster.consume("spread")), sorted(lines))
    return leaders, lines


def check_znode_topic(cluster):
    """An old tool writes a topic without ids, and only the controller's watch tells of it."""
    record = {"version": 1, "partitions": {"0": [0], "1": [1], "2": [2]}}
    cluster.client.create("/brokers/topics/written", json.dumps(record).encode())
    wanted = {0: 0, 1: 1, 2: 2}
    cluster.checks.check("a topic that is written as a znode is led", eventually(
        lambda: all(cluster.leaders(broker, "written") == wanted for broker in cluster.brokers)),
        str([cluster.leaders(broker, "written") for broker in cluster.brokers]))
    stored = json.loads(cluster.client.get("/brokers/topics/written")[0])
    cluster.checks.check("it has been given an id", len(stored.get("topic_id", "")) == 22, str(stored))
    cluster.checks.check("it takes records", cluster.produce("written", ["one"], "-p", "1"))


def check_controller_killed(cluster, leaders, lines):
    check = cluster.checks
    killed = cluster.controller()
    began = time.monotonic()
    cluster.brokers[killed].kill()
    check.check("another broker becomes the controller", eventually(
        lambda: cluster.client.exists("/controller") is not None and cluster.controller() != killed))
    print(f"fail-over in {time.monotonic() - began:.1f} s")
    wanted = {p: -1 if leader == killed else leader for p, leader in leaders.items()}
    check.check("partitions of the killed broker have no leader, the others keep theirs", eventually(
        lambda: all(cluster.leaders(broker, "spread") == wanted for broker in cluster.live)),
        str([cluster.leaders(broker, "spread") for broker in cluster.live]))
    check.check("a topic can be made meanwhile", cluster.produce("meanwhile", ["m"]))
    check.check("it lies on live brokers", killed not in cluster.leaders(cluster.live[0], "meanwhile").values())
    cluster.brokers[killed].start()
    check.check("the killed broker leads its partitions again", eventually(
        lambda: all(cluster.leaders(broker, "spread") == leaders for broker in cluster.brokers)))
    check.equal("nothing is lost", sorted(cluster.consume("spread")), sorted(lines))


def first_answer(address):
    """What a client sees that asks for the versions: "refused", "answered" or "cut off"."""
    host, port = address.rsplit(":", 1)
    try:
        with socket.create_connection((host, int(port)), timeout=5) as connection:
            connection.sendall(struct.pack(">ihhih", 10, 18, 0, 1, -1))
            return "answered" if connection.recv(4) else "cut off"
    except ConnectionRefusedError:
        return "refused"
    except OSError:
        return "cut off"


def check_early_clients(cluster):
    """While a broker waits for the end of its earlier session it cannot answer. Clients take a connection that ends without an
    answer for a wrong protocol (franz-go gives up), and a refused one for a broker that comes later, as Kafka's does."""
    broker = cluster.brokers[1]
    broker.kill()
    broker.spawn()
    cluster.checks.check("the process lives", eventually(lambda: broker.admin("/livez") is not None), broker.log_text())
    seen = set()

    def ready():
        seen.add(first_answer(broker.address))
        return broker.ready()
    cluster.checks.check("it is ready when its earlier session has ended", eventually(ready), broker.log_text())
    cluster.checks.check("until then it refuses connections", "refused" in seen and "cut off" not in seen, str(seen))


def check_orderly_end(cluster, leaders):
    check = cluster.checks
    for number in range(BROKERS):
        role = "the controller" if cluster.controller() == number else "a broker"
        began = time.monotonic()
        code = cluster.brokers[number].stop(signal.SIGTERM)
        took = time.monotonic() - began
        check.check(f"TERM ends {role} with 0 in less than {TERM_SECONDS_MAX} s",
                    code == 0 and took < TERM_SECONDS_MAX, f"code {code} after {took:.1f} s")
        gone = cluster.client.exists(f"/brokers/ids/{number}") is None
        check.check("its registration went with it", gone)
        began = time.monotonic()
        cluster.brokers[number].start()
        print(f"started again in {time.monotonic() - began:.2f} s")
        check.check("it leads its partitions again", eventually(
            lambda: all(cluster.leaders(broker, "spread") == leaders for broker in cluster.brokers)))


def check_settings(cluster, leaders):
    """Settings that other tools write for all brokers, with the notices of both versions; one broker is away for the second."""
    check = cluster.checks
    partitions = {leader: partition for partition, leader in leaders.items()}
    large = ["x" * 5000]

    def takers():
        return {broker.id for broker in cluster.brokers
                if cluster.produce("spread", large, "-p", str(partitions[broker.id]))}

    def write(settings, notice):
        record = json.dumps({"version": 1, "config": settings}).encode()
        if cluster.client.exists("/config/brokers/<default>"):
            cluster.client.set("/config/brokers/<default>", record)
        else:
            cluster.client.create("/config/brokers/<default>", record)
        cluster.client.create("/config/changes/config_change_", json.dumps(notice).encode(), sequence=True)

    check.equal("all brokers take a record of 5,000 bytes", takers(), set(range(BROKERS)))
    notice = {"version": 2, "entity_path": "brokers/<default>"}
    write({"max.connections.per.ip": "0"}, notice)
    check.check("a limit on connections counts from now on", eventually(
        lambda: {first_answer(broker.address) for broker in cluster.brokers} == {"cut off"}))
    write({"message.max.bytes": "2000"}, notice)
    check.check("and no longer when it is taken away", eventually(
        lambda: {first_answer(broker.address) for broker in cluster.brokers} == {"answered"}))
    check.check("none takes a large record after a setting for all", eventually(lambda: not takers()), str(takers()))
    away = cluster.brokers[0]
    away.process.send_signal(signal.SIGSTOP)
    check.check("a broker loses its session", eventually(lambda: cluster.client.exists("/brokers/ids/0") is None))
    write({}, {"version": 1, "entity_type": "brokers", "entity_name": "<default>"})
    time.sleep(0.5)
    away.process.send_signal(signal.SIGCONT)
    check.check("and has what was changed meanwhile in its next one", eventually(lambda: takers() == set(range(BROKERS))),
                str(takers()))


def check_groups(cluster):
    check = cluster.checks
    lines = [f"g {number}" for number in range(300)]
    check.check("records for groups", cluster.produce("grouped", lines))
    for group in ("one", "two", "three"):
        found = cluster.kcat("-G", group, "-e", "-q", "-X", "auto.offset.reset=earliest", "grouped").stdout.splitlines()
        check.equal(f"group {group} reads everything, wherever its coordinator is", sorted(found), sorted(lines))


def main():
    require("kcat")
    checks = Checks("broker_multi")
    folder = pathlib.Path(tempfile.mkdtemp(prefix="broker-multi-"))
    cluster = Cluster(sys.argv[1], sys.argv[2], folder, checks)
    try:
        leaders, lines = check_start(cluster)
        check_znode_topic(cluster)
        check_groups(cluster)
        check_controller_killed(cluster, leaders, lines)
        check_settings(cluster, leaders)
        check_early_clients(cluster)
        check_orderly_end(cluster, leaders)
        if checks.failures:
            print("\n".join(broker.log_text(2000) for broker in cluster.brokers))
    finally:
        cluster.close()
        shutil.rmtree(folder)
    return checks.exit_code()


if __name__ == "__main__":
    sys.exit(main())
