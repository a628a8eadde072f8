#!/usr/bin/env python3
"""What our servers tell Prometheus: promtool finds nothing to complain about, and a Prometheus that scrapes them has the series
that common dashboards ask for.

Usage: metrics.py COORDINATOR BROKER [OPERATOR].
"""
import contextlib
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import urllib.parse
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from kafka_servers import Broker, Checks, eventually, require  # noqa: E402
from zk_servers import Server, free_port  # noqa: E402

SCRAPED_SECONDS = 30

# The series of ZooKeeper's own Grafana dashboard and of its documented alerts.
ZOOKEEPER_SERIES = """
znode_count watch_count ephemerals_count approximate_data_size num_alive_connections outstanding_requests packets_received
packets_sent avg_latency min_latency max_latency open_file_descriptor_count global_sessions uptime connection_request_count
connection_drop_count commit_count snap_count stale_sessions_expired bytes_received_count response_bytes
readlatency readlatency_count readlatency_sum updatelatency updatelatency_count updatelatency_sum fsynctime_count fsynctime_sum
looking_count unrecoverable_error_count max_file_descriptor_count snapshottime_sum dbinittime_sum election_time_count
node_created_watch_count_sum node_deleted_watch_count_sum node_changed_watch_count_sum node_children_watch_count_sum
""".split()
# The series of the usual Kafka dashboards, with the names that the JMX exporter's rules give them.
KAFKA_SERIES = """
kafka_server_replicamanager_leadercount kafka_server_replicamanager_partitioncount
kafka_server_replicamanager_underreplicatedpartitions kafka_controller_kafkacontroller_activecontrollercount
kafka_controller_kafkacontroller_offlinepartitionscount kafka_controller_kafkacontroller_globaltopiccount
kafka_controller_kafkacontroller_globalpartitioncount kafka_server_brokertopicmetrics_bytesin_total
kafka_server_brokertopicmetrics_bytesout_total kafka_server_brokertopicmetrics_messagesin_total
kafka_server_kafkaserver_brokerstate kafka_log_log_size kafka_network_requestmetrics_requests_total
kafka_log_logmanager_offlinelogdirectorycount
""".split()
PROCESS_SERIES = "process_resident_memory_bytes process_cpu_seconds_total process_open_fds process_start_time_seconds".split()


def get(port, path, **query):
    text = urllib.parse.urlencode(query)
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}?{text}", timeout=5) as answer:
        return answer.read().decode()


def check_text(name, port, checks):
    page = get(port, "/metrics")
    told = subprocess.run(["promtool", "check", "metrics"], input=page, capture_output=True, text=True)
    checks.check(f"promtool finds nothing in the metrics of {name}", told.returncode == 0 and told.stderr == "",
                 f"{told.returncode} {told.stdout} {told.stderr}")


class Prometheus:
    def __init__(self, folder, targets):
        """targets are {job: port}."""
        self.port = free_port()
        self.folder = folder
        folder.mkdir()
        jobs = [{"job_name": job, "static_configs": [{"targets": [f"127.0.0.1:{port}"]}]} for job, port in targets.items()]
        # YAML reads JSON.
        (folder / "prometheus.yml").write_text(json.dumps({"global": {"scrape_interval": "1s"}, "scrape_configs": jobs}))
        with open(folder / "log", "wb") as log:
            self.process = subprocess.Popen(
                ["prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data",
                 f"--web.listen-address=127.0.0.1:{self.port}"], stdout=log, stderr=log, cwd=folder)

    def stop(self):
        self.process.kill()
        self.process.wait()

    def values(self, query):
        """The numbers of an instant query; none while Prometheus is not there yet."""
        with contextlib.suppress(OSError):
            found = json.loads(get(self.port, "/api/v1/query", query=query))
            return [float(series["value"][1]) for series in found["data"]["result"]]
        return []

    def names(self, job):
        with contextlib.suppress(OSError):
            return set(json.loads(get(self.port, "/api/v1/label/__name__/values", **{"match[]": f'{{job="{job}"}}'}))["data"])
        return set()

    def log_text(self):
        return (self.folder / "log").read_text()[-2000:]


def check_series(prometheus, job, wanted, checks):
    up = eventually(lambda: prometheus.values(f'up{{job="{job}"}}') == [1], SCRAPED_SECONDS)
    if not checks.check(f"Prometheus scrapes {job}", up, prometheus.log_text()):
        return
    eventually(lambda: set(wanted) <= prometheus.names(job), 5)
    checks.equal(f"{job} has the series of the dashboards", sorted(set(wanted) - prometheus.names(job)), [])
    empty = [name for name in wanted if not prometheus.values(f'{name}{{job="{job}"}}')]
    checks.equal(f"each series of {job} has a value", empty, [])


def check_value(prometheus, query, holds, checks):
    checks.check(f"{query} follows the load", eventually(lambda: any(holds(value) for value in prometheus.values(query)), 10),
                 prometheus.values(query))


def load(broker):
    """A few records in and out."""
    records = b"".join(b"record %d\n" % number for number in range(1000))
    subprocess.run(["kcat", "-b", broker.address, "-P", "-t", "metrics", "-p", "0"], input=records, check=True, timeout=20)
    subprocess.run(["kcat", "-b", broker.address, "-C", "-t", "metrics", "-p", "0", "-o", "beginning", "-e", "-q"],
                   stdout=subprocess.DEVNULL, check=True, timeout=20)


def run(coordinator, broker, operator):
    checks = Checks("metrics")
    folder = pathlib.Path(tempfile.mkdtemp(prefix="metrics-"))
    ports = {"coordinator": free_port(), "provider": free_port(), "operator": free_port()}
    zookeeper = Server([coordinator], folder / "coordinator", folder / "coordinator-data",
                       ["admin.enableServer=true", "admin.serverAddress=127.0.0.1", f"admin.serverPort={ports['coordinator']}",
                        "metricsProvider.className=org.apache.zookeeper.metrics.prometheus.PrometheusMetricsProvider",
                        "metricsProvider.httpHost=127.0.0.1", f"metricsProvider.httpPort={ports['provider']}"])
    server = prometheus = keeper = None
    try:
        zookeeper.start()
        server = Broker([broker], folder / "broker", zookeeper.address)
        server.start()
        load(server)
        targets = {"coordinator": ports["coordinator"], "provider": ports["provider"], "broker": server.admin_port}
        if operator:
            with open(folder / "operator-log", "wb") as log:
                keeper = subprocess.Popen([operator, "--admin", f"127.0.0.1:{ports['operator']}", "--local", folder / "state"],
                                          stdout=log, stderr=log)
            targets["operator"] = ports["operator"]

            def answers():
                with contextlib.suppress(OSError):
                    return get(ports["operator"], "/readyz") == "ok\n"
                return False
            checks.check("the operator gets ready", eventually(answers, 20), (folder / "operator-log").read_text()[-2000:])
        for name, port in targets.items():
            check_text(name, port, checks)
        prometheus = Prometheus(folder / "prometheus", targets)
        for job in ("coordinator", "provider"):
            check_series(prometheus, job, ZOOKEEPER_SERIES + PROCESS_SERIES, checks)
        check_series(prometheus, "broker", KAFKA_SERIES + PROCESS_SERIES, checks)
        if operator:
            check_series(prometheus, "operator", ["millrace_operator_leading", *PROCESS_SERIES], checks)
        check_value(prometheus, 'znode_count{job="coordinator"}', lambda value: value > 10, checks)
        check_value(prometheus, 'num_alive_connections{job="coordinator"}', lambda value: value >= 1, checks)
        check_value(prometheus, "kafka_controller_kafkacontroller_activecontrollercount", lambda value: value == 1, checks)
        check_value(prometheus, "kafka_server_replicamanager_leadercount", lambda value: value >= 1, checks)
        check_value(prometheus, "kafka_server_brokertopicmetrics_bytesin_total", lambda value: value > 10_000, checks)
        check_value(prometheus, "kafka_server_brokertopicmetrics_messagesin_total", lambda value: value >= 1000, checks)
        load(server)
        check_value(prometheus, "rate(kafka_server_brokertopicmetrics_bytesin_total[10s])", lambda value: value > 0, checks)
        return checks.exit_code()
    finally:
        if prometheus is not None:
            prometheus.stop()
        if keeper is not None:
            keeper.terminate()
            keeper.wait(20)
        if server is not None:
            server.kill()
        zookeeper.kill()
        shutil.rmtree(folder)


if __name__ == "__main__":
    require("promtool", "prometheus", "kcat")
    sys.exit(run(sys.argv[1], sys.argv[2], sys.argv[3] if len(sys.argv) > 3 else None))
