#!/usr/bin/env python3
"""Writes the first inputs of every target but the codec ones: write_corpus.py FOLDER.

Captured bytes come from tests/golden; everything else is made here. Inputs that once broke something are added by hand under
names that begin with "broke-", and are left alone.
"""
import gzip
import pathlib
import struct
import sys

GOLDEN = pathlib.Path(__file__).resolve().parent.parent / "golden"


def golden(name):
    lines = (GOLDEN / f"{name}.hex").read_text().splitlines()
    return bytes.fromhex("".join(line for line in lines if not line.startswith("#")))


def piece(content):
    return struct.pack(">H", len(content)) + content


def text(content):
    data = content.encode()
    return struct.pack(">i", len(data)) + data


def choose(index, content=b""):
    return bytes([ord("a") + index]) + (content.encode() if isinstance(content, str) else content)


def numbered(choice, contents):
    return {f"{choice}-{number:02}": choose(choice, content) for number, content in enumerate(contents)}


def kafka_records():
    seeds = {}
    for codec, name in enumerate(["gzip", "snappy", "lz4", "zstd"], 1):
        batch = golden(f"kafka/java_batch_{name}")
        seeds[f"codec-{name}"] = choose(0, choose(codec, batch[61:]))
        seeds[f"batch-{name}"] = choose(1, batch)
    seeds["codec-none"] = choose(0, choose(0, "plain"))
    seeds["codec-gzip-bomb"] = choose(0, choose(1, gzip.compress(bytes(300_000), mtime=0)))
    seeds["codec-gzip-two"] = choose(0, choose(1, gzip.compress(b"one", mtime=0) + gzip.compress(b"two", mtime=0)))
    seeds["codec-snappy-raw"] = choose(0, choose(2, b"\x05\x10hello"))
    seeds["batch-headers"] = choose(1, golden("kafka/kcat_batch_headers"))
    transaction = golden("kafka/java_transaction_log")
    seeds["batch-transaction"] = choose(1, transaction)
    first = 12 + struct.unpack(">i", transaction[8:12])[0]
    seeds["marker"] = choose(2, transaction[first:])
    return seeds


def kafka_frames():
    seeds = {}
    for path in sorted((GOLDEN / "kafka").glob("*_request.hex")):
        seeds[path.stem] = choose(0, golden(f"kafka/{path.stem}")[4:])
    for stem, key, version in [("java_fetch_v17_response", 1, 17), ("java_produce_v11_response", 0, 11),
                               ("java_api_versions_v3_response", 18, 3), ("java_leader_and_isr_v7_response", 4, 7)]:
        seeds[stem] = choose(1, bytes([key, version]) + golden(f"kafka/{stem}")[4:])
    seeds.update(numbered(2, ["AAAAAAAAAAAAAAAAAAAAAA", "vJmAEcvUQKe3i1C8lpUnCg", "_-", ""]))
    seeds.update(numbered(3, ["orders", "__consumer_offsets", "a.b_c-d", "..", "a/b", "x" * 250, "caf\u00e9"]))
    return seeds


def kafka_client():
    versions = golden("kafka/java_api_versions_v3_response")[8:]

    def frame(number, body):
        return choose(1, bytes([number]) + piece(body))

    metadata = golden("kafka/java_metadata_v4_response")[8:]
    return {"versions": frame(0, versions) + frame(1, metadata), "versions-1": frame(1, versions) + frame(2, metadata),
            "wrong-id": frame(0, versions) + frame(9, metadata), "hang-up": frame(0, versions) + choose(2),
            "silence": frame(0, versions) + choose(3, b"\xff"), "huge": choose(0, piece(struct.pack(">i", 0x7fffffff))),
            "cut": choose(0, piece(struct.pack(">ii", len(versions) + 4, 0) + versions[:50])),
            "unsupported": frame(0, struct.pack(">hi", 35, 1) + struct.pack(">hhh", 18, 0, 0))}


def zk_texts():
    return (numbered(0, ["/", "/a/b", "/a//b", "/a/./b", "/a/..", "/a/", "a", "/caf\u00e9", "/\ue000", "/\U0001f600"])
            | numbered(1, ["world:anyone:cdrwa", "digest:bob:Zm9v:rw,ip:10.0.0.1/8:r", "ip:::1:a", "a:b", ":"])
            | numbered(2, ["localhost:2181", "a,b:1,c:65535/kafka", "[::1]:2181,h/x/y", "h:0/", "/only"]))


def http_request():
    get = "GET /v1/status?a=b%20c&d HTTP/1.1\r\nHost: h\r\n\r\n"
    post = "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\nhello"
    chunks = ("PUT /y HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
              "5;x=y\r\nhello\r\n0\r\nTrailer: t\r\n\r\n")
    requests = [get, post, chunks, get + post + chunks, "\r\n" + get, "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
                "GET / HTTP/2.0\r\n\r\n", "GET /%zz HTTP/1.1\r\nHost: h\r\n\r\n",
                "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
                "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999999\r\n\r\n",
                "GET / HTTP/1.1\r\nHost: h\r\nA: b\r\nA: c\r\nConnection: close, x\r\n\r\n"]
    return ({f"0-{number:02}": choose(0, chr(number * 11) + request) for number, request in enumerate(requests)}
            | numbered(1, ["a%2Fb+c", "%00", "%", "%4", "100%", "\u00fc ?&#"])
            | numbered(2, ["host:9092", "[::1]:2181", ":80", "a:b:c", "h:65536", "[x", "h:"])
            | numbered(3, ["one\ntwo\r\n\nthree", "x" * 70, "\r\n\r\n"]))


def config_files():
    zoo = ("tickTime=2000\ndataDir=/d\nclientPort=2181\ninitLimit=10\n4lw.commands.whitelist=*\nautopurge.purgeInterval=1\n"
           "admin.serverPort=0\n")
    broker = ("broker.id=1\nlisteners=PLAINTEXT://:9092\nzookeeper.connect=localhost:2181/kafka\nlog.dirs=/a,/b\n"
              "log.retention.hours=168\nnum.partitions=3\ncompression.type=zstd\n")
    return (numbered(0, ["a=b\n", "# c\n! d\n k : v \\\n  more\n", "k\\ 1=\\u00e9\\t\n", "x\\u12\n", "a=1\na=2\n",
                         "lonely\n\r\n=nothing\n", "a\\\\\\\n  b\n", "end\\"])
            | numbered(1, [zoo, "dataDir=/d\nserver.1=a:2888:3888\nserver.2=b:2888:3888;2181\n", "clientPort=x\n",
                           zoo + "maxSessionTimeout=1\n", "dataDir=/d\nclientPort=70000\nunknownKey=1\n"])
            | numbered(2, [broker, broker + "log.segment.bytes=1\n", "listeners=A://h:1,B://[::1]:2\n",
                           broker + "offsets.retention.minutes=1\nlog.cleanup.policy=compact,delete\n"]))


def txn_payloads():
    log = golden("zk/log.1")
    at = 16
    found = []
    while at + 12 <= len(log):
        size = struct.unpack(">i", log[at + 8:at + 12])[0]
        if size <= 0:
            break
        found.append(log[at + 12:at + 12 + size])
        at += 13 + size
    return found


def snapshot_inside():
    """What stands between the header and the first seal."""
    snapshot = golden("zk/snapshot.14")
    end = snapshot.find(struct.pack(">i", 1) + b"/", 16)
    while snapshot[end - 8 - 5:end - 8] != struct.pack(">i", 1) + b"/":
        end = snapshot.find(struct.pack(">i", 1) + b"/", end + 1)
    return snapshot[16:end - 8]


def coordinator_files():
    payloads = txn_payloads()
    seeds = numbered(0, payloads[::4])
    for first, count in [(0, 1), (0, 8), (0, 15), (2, 4)]:
        chosen = payloads[first:first + count]
        seeds[f"log-{first}-{count}"] = choose(1, bytes([len(chosen)]) + b"".join(map(piece, chosen)) + bytes(64))
    torn = payloads[0]
    seeds["log-torn"] = choose(1, bytes([1]) + piece(torn) + struct.pack(">qi", 77, 40) + b"x" * 10 + bytes(600))
    inside = snapshot_inside()
    for sections in range(3):
        seeds[f"snapshot-{sections}"] = choose(2, choose(sections, inside))
    seeds["snapshot-root"] = choose(2, choose(1, struct.pack(">ii", 0, 0) + text("") + struct.pack(">i", -1) +
                                              struct.pack(">q", -1) + bytes(60) + text("/")))
    seeds["gzip"] = choose(3, gzip.compress(golden("zk/snapshot.14"), mtime=0))
    seeds["gzip-bomb"] = choose(3, gzip.compress(golden("zk/snapshot.14")[:16] + bytes(200_000), mtime=0))
    return seeds | numbered(4, ["1", "255\n", "x", "", "99999999999999999999"])


def zk_request(xid, op, body):
    return struct.pack(">ii", xid, op) + body


ACL = struct.pack(">ii", 1, 31) + text("world") + text("anyone")


def create(xid, path, flags=0, op=1, data=b"x"):
    return zk_request(xid, op, text(path) + struct.pack(">i", len(data)) + data + ACL + struct.pack(">i", flags))


def coordinator_client():
    def step(client, frame):
        return choose(2, choose(client, piece(frame)))

    def run(*frames):
        return choose(0, choose(0)) + b"".join(step(0, frame) for frame in frames)

    multi = b"".join([struct.pack(">ib", 1, 0) + struct.pack(">i", -1) + create(0, "/m")[8:],
                      struct.pack(">ib", 5, 0) + struct.pack(">i", -1) + text("/m") + text("y") + struct.pack(">i", -1),
                      struct.pack(">ib", 13, 0) + struct.pack(">i", -1) + text("/m") + struct.pack(">i", 1),
                      struct.pack(">ib", 2, 0) + struct.pack(">i", -1) + text("/m") + struct.pack(">i", -1),
                      struct.pack(">ib", -1, 1) + struct.pack(">i", -1)])
    reads = [zk_request(2, 4, text("/a") + b"\1"), zk_request(3, 3, text("/b") + b"\1"),
             zk_request(4, 8, text("/") + b"\1"), zk_request(5, 12, text("/") + b"\0"),
             zk_request(6, 6, text("/a")), zk_request(7, 9, text("/a")), zk_request(8, 103, text("/")),
             zk_request(9, 104, text("/"))]
    auth = zk_request(-4, 100, struct.pack(">i", 0) + text("digest") + text("bob:secret"))
    watches = zk_request(-8, 101, struct.pack(">q", 1) + struct.pack(">i", 1) + text("/a") + struct.pack(">ii", 0, 0))
    ttl = zk_request(3, 21, text("/t") + text("x") + ACL + struct.pack(">iq", 5, 60_000))
    return {
        "create": run(create(1, "/a")),
        "kinds": run(create(1, "/e", 1), create(2, "/s", 2), ttl, create(4, "/c", 4, 19), create(5, "/p", 3, 15)),
        "reads": run(create(1, "/a"), *reads),
        "changes": run(create(1, "/a"), zk_request(2, 5, text("/a") + text("new") + struct.pack(">i", 0)),
                       zk_request(3, 7, text("/a") + ACL + struct.pack(">i", -1)),
                       zk_request(4, 2, text("/a") + struct.pack(">i", -1))),
        "multi": run(zk_request(1, 14, multi)),
        "auth": run(auth, create(1, "/a"), zk_request(2, 107, b"")),
        "watches": run(create(1, "/a"), watches, zk_request(2, 106, text("/a") + struct.pack(">i", 1)),
                       zk_request(3, 18, text("/a") + struct.pack(">i", 3))),
        "ping-close": run(zk_request(-2, 11, b""), zk_request(1, -11, b"")),
        "expiry": run(create(1, "/e", 1)) + choose(3, b"\xff") + choose(3, b"\xff"),
        "hang-up": run(create(1, "/e", 1)) + choose(4, choose(0)) + choose(0, choose(1)),
        "two": run(create(1, "/a")) + choose(0, choose(1)) + step(1, zk_request(1, 2, text("/a") + struct.pack(">i", -1))),
        "half": choose(1, choose(0, piece(struct.pack(">i", 44) + b"\0" * 20))) + choose(1, choose(0, piece(b"\0" * 24))),
        "unknown": run(zk_request(1, 77, b"rest"), create(2, "bad")),
        "huge": choose(1, choose(0, piece(struct.pack(">i", 0x7fffffff)))),
    } | {f"word-{word}": choose(1, choose(2, piece(word.encode())))
         for word in ["ruok", "srvr", "mntr", "stat", "cons", "conf", "envi", "wchs", "dump", "isro", "abcd"]}


def broker_client():
    def request(key, version, body, client=0):
        return choose(1, choose(client, piece(struct.pack(">hhih", key, version, 1, -1) + body)))

    def of_any(index, version, seed):
        return choose(3, choose(0, bytes([index, version, seed % 256])))

    captured = {path.stem: choose(1, choose(0, piece(golden(f"kafka/{path.stem}")[4:])))
                for path in sorted((GOLDEN / "kafka").glob("*_request.hex"))}
    batch = golden("kafka/kcat_batch_headers")
    topic = struct.pack(">i", 1) + short("orders")
    produce = request(0, 7, struct.pack(">hhi", -1, -1, 1000) + topic + struct.pack(">iii", 1, 0, len(batch)) + batch)
    silent = request(0, 7, struct.pack(">hhi", -1, 0, 1000) + topic + struct.pack(">iii", 1, 0, len(batch)) + batch)
    fetch = request(1, 4, struct.pack(">iiiib", -1, 500, 1, 1 << 20, 0) + topic + struct.pack(">iiqi", 1, 0, 0, 1 << 20))
    old_fetch = request(1, 0, struct.pack(">iii", -1, 500, 1) + topic + struct.pack(">iiqi", 1, 0, 0, 1 << 20))
    offsets = request(2, 1, struct.pack(">i", -1) + topic + struct.pack(">iiq", 1, 0, -1))
    metadata = request(3, 1, struct.pack(">i", -1))
    coordinator = request(10, 0, short("readers"))
    join = request(11, 0, short("readers") + struct.pack(">i", 10_000) + short("") + short("consumer") + struct.pack(">i", 1) +
                   short("range") + struct.pack(">i", 0))
    commit = request(8, 2, short("readers") + struct.pack(">i", -1) + short("") + struct.pack(">q", -1) + topic +
                     struct.pack(">iiq", 1, 0, 5) + short("m"))
    committed = request(9, 1, short("readers") + topic + struct.pack(">ii", 1, 0))
    escape = request(4, 1, struct.pack(">iii", 1, 1, 1) + short("../orders") + struct.pack(">iiii", 0, 1, 1, 0) +
                     struct.pack(">iiiiib", 1, 1, 0, 1, 1, 1) + struct.pack(">i", 0))
    wait = choose(4, b"\x7f")
    return captured | {
        "produce-fetch": produce + fetch + old_fetch + offsets, "long-poll": fetch + produce + wait, "silent": silent + metadata,
        "group": coordinator + join + wait + commit + committed, "expiry": join + wait * 8, "metadata": metadata,
        "versions": request(18, 0, b"") + request(18, 99, b"") + request(18, 3, b"\0\2a\2b\0"), "unserved": request(77, 0, b""),
        "producer": request(22, 0, struct.pack(">hi", -1, 60_000)), "escape": escape, "hang-up": join + choose(5, choose(0)) + wait,
        "two": produce + request(1, 4, struct.pack(">iiiib", -1, 500, 1, 1 << 20, 0) + topic + struct.pack(">iiqi", 1, 0, 0, 1 << 20), 1),
        "huge": choose(0, choose(0, piece(struct.pack(">i", 0x7fffffff)))), "half": choose(0, choose(0, piece(struct.pack(">ih", 44, 3)))),
    } | {f"any-{first:02}": b"".join(of_any(index, version, 7 * index + version) for index in range(first, first + 4)
                                     for version in range(0, 12, 3)) for first in range(0, 48, 4)}


def broker_files():
    def folder(clean, point, files):
        return choose(0, choose(clean, bytes([point]))) + b"".join(choose(kind, piece(content)) for kind, content in files)

    def of(name):
        return golden(f"broker_log/{name}")

    zero = "00000000000000000000"
    plain = [(0, of(f"plain.{zero}.log")), (2, of(f"plain.{zero}.timeindex")), (6, of("plain.leader-epoch-checkpoint")),
             (7, of("plain.partition.metadata"))]
    indexed = [(0, of(f"idx.{zero}.log")), (1, of(f"idx.{zero}.index")), (2, of(f"idx.{zero}.timeindex")),
               (4, of("idx.00000000000000000010.log")), (5, of("idx.00000000000000000010.snapshot")),
               (9, of("idx.00000000000000000010.index"))]
    transactional = [(0, of(f"tx.{zero}.log")), (3, of(f"tx.{zero}.txnindex"))]
    batch = golden("kafka/kcat_batch_headers")
    transaction = golden("kafka/java_transaction_log")
    first = 12 + struct.unpack(">i", transaction[8:12])[0]
    seeds = {
        "folder-plain": folder(1, 15, plain), "folder-plain-crashed": folder(0, 0, plain),
        "folder-indexed": folder(1, 20, indexed), "folder-indexed-crashed": folder(0, 10, indexed),
        "folder-transactions": folder(0, 0, transactional), "folder-transactions-clean": folder(1, 7, transactional),
        "folder-torn": folder(0, 0, [(0, of(f"plain.{zero}.log")[:-7])]),
        "folder-swap": folder(0, 0, [(0, plain[0][1]), (8, of("idx.00000000000000000010.log"))]),
        "append-leader": choose(1, choose(0, piece(batch))),
        "append-twice": choose(1, choose(0, piece(batch)) + choose(2, piece(of("idx.00000000000000000010.log")))),
        "append-transaction": choose(1, choose(0, piece(transaction[:first])) + choose(1, piece(transaction[first:]))),
        "snapshot-plain": choose(6, of("plain.00000000000000000015.snapshot")),
        "snapshot-tx": choose(6, of("tx.00000000000000000007.snapshot")),
        "metadata": choose(4, of("plain.partition.metadata")),
        "meta": choose(5, of("directory.meta.properties")),
    }
    for codec in ["gzip", "snappy", "lz4", "zstd"]:
        seeds[f"append-{codec}"] = choose(1, choose(0, piece(golden(f"kafka/java_batch_{codec}"))))
    return (seeds | numbered(2, ["0\n2\nt 0 5\nt 1 7\n", "0\n0\n", "", "0\n1\nt 0 x\n", "1\n0\n"])
            | numbered(3, ["0\n2\n0 0\n3 17\n", "0\n1\n-1 5\n", "0\n2\n3 5\n3 5\n"])
            | numbered(5, ["version=0\nbroker.id=1\ncluster.id=abc\n", "version=1\n", "broker.id=x\n"])
            | numbered(7, [zero + ".log", zero + ".index.deleted", "t-3", "a.b-c-12", "t-3.0123456789abcdef0123456789abcdef-delete",
                           "00000000000000000007.snapshot", "99999999999999999999.log", "t--1", "-0"]))


def short(content):
    data = content.encode()
    return struct.pack(">h", len(data)) + data


def broker_records():
    offset_key = struct.pack(">h", 1) + short("g") + short("orders") + struct.pack(">i", 3)
    offset_value = struct.pack(">hqi", 3, 42, 5) + short("note") + struct.pack(">q", 1_700_000_000_000)
    group_key = struct.pack(">h", 2) + short("g")
    subscription = struct.pack(">hi", 1, 1) + short("orders") + struct.pack(">ii", -1, 0)
    member = (short("m-1") + short("static-1") + short("client") + short("/host") + struct.pack(">ii", 300_000, 10_000) +
              struct.pack(">i", len(subscription)) + subscription + struct.pack(">i", 4) + b"assn")
    group_value = (struct.pack(">h", 3) + short("consumer") + struct.pack(">i", 7) + short("range") + short("m-1") +
                   struct.pack(">q", 1_700_000_000_000) + struct.pack(">i", 1) + member)
    empty_group = (struct.pack(">h", 3) + short("consumer") + struct.pack(">i", 1) + struct.pack(">hh", -1, -1) +
                   struct.pack(">q", 5) + struct.pack(">i", 0))

    def record(flags, key, value):
        return bytes([flags]) + piece(key) + piece(value)

    nodes = [
        (0, '{"listener_security_protocol_map":{"PLAINTEXT":"PLAINTEXT"},"endpoints":["PLAINTEXT://h:9092"],"jmx_port":-1,'
            '"features":{},"host":"h","timestamp":"1700000000000","port":9092,"version":5}'),
        (0, '{"host":"h","port":9092,"version":1}'),
        (1, '{"version":2,"brokerid":1,"timestamp":"1","kraftControllerEpoch":-1}'), (2, "17"),
        (3, '{"removing_replicas":{},"partitions":{"0":[1,2],"1":[2]},"topic_id":"vJmAEcvUQKe3i1C8lpUnCg",'
            '"adding_replicas":{"0":[2]},"version":3}'),
        (4, '{"controller_epoch":1,"leader":1,"version":1,"leader_epoch":0,"isr":[1],"leader_recovery_state":1}'),
        (5, '{"version":"1","id":"abc"}'), (6, '{"version":1,"config":{"retention.ms":"1000"}}'), (6, ""),
        (7, '{"version":2,"entity_path":"topics/orders"}'),
        (7, '{"version":1,"entity_type":"topics","entity_name":"orders"}'),
        (8, '{"version":1,"broker":1,"block_start":"0","block_end":"999"}'),
        (9, '{"features":{"a":{"min_version_level":1,"max_version_level":3}},"version":1,"status":1}'),
        (10, '{"version":1,"partitions":[{"topic":"orders","partition":0}]}'),
        (11, '{"version":1,"broker":1,"event":1}'),
    ]
    return ({
        "group": choose(0, record(0, group_key, group_value) + record(0, offset_key, offset_value)),
        "group-gone": choose(0, record(0, group_key, empty_group) + record(0, offset_key, offset_value) +
                             record(2, offset_key, b"") + record(2, group_key, b"")),
        "transaction": choose(0, record(1, offset_key, offset_value) + record(12, offset_key, offset_value)),
        "aborted": choose(0, record(1, offset_key, offset_value) + record(4, group_key, empty_group)),
        "unknown-key": choose(0, record(0, struct.pack(">h", 9) + b"rest", b"x")),
        "subscription": choose(1, subscription),
    } | {f"node-{number:02}": choose(2, choose(kind, json)) for number, (kind, json) in enumerate(nodes)}
        | numbered(3, ["retention.ms=-1", "cleanup.policy=compact,delete", "segment.bytes=13", "min.insync.replicas=x",
                       "compression.type=zstd", "unknown=1", "min.cleanable.dirty.ratio=0.5"])
        | numbered(4, ["orders", "user one*", "%2A", "caf\u00e9/x", "%", "%zz"]))


def main():
    folder = pathlib.Path(sys.argv[1])
    from text_corpus import TEXTS
    makers = [kafka_records, kafka_client, kafka_frames, zk_texts, http_request, config_files, coordinator_files, coordinator_client,
              broker_client, broker_files, broker_records]
    corpora = {maker.__name__: maker() for maker in makers} | TEXTS
    for target, seeds in corpora.items():
        (folder / target).mkdir(parents=True, exist_ok=True)
        for name, content in seeds.items():
            (folder / target / name).write_bytes(content)
        print(f"{target}: {len(seeds)} inputs")


if __name__ == "__main__":
    main()
