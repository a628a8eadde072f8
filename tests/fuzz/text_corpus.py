"""Inputs of targets that read texts an editor can write, and of a ZooKeeper client's session."""
import json
import struct


def choose(index, content):
    return bytes([ord("a") + index]) + (content.encode() if isinstance(content, str) else content)


def pairs(choice, contents):
    return {f"{choice:02}-{number:02}": choose(choice, content) for number, content in enumerate(contents)}


POD = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "labels": {"a": "b"}, "finalizers": ["x.dev/y"]},
       "spec": {"containers": [{"name": "c", "image": "i", "ports": [{"containerPort": 80}], "env": [{"name": "A", "value": "1"}]}],
                "volumes": [{"name": "v", "emptyDir": {}}]},
       "status": {"phase": "Running", "podIP": "127.0.0.2", "conditions": [{"type": "Ready", "status": "True"}]}}
CLUSTER = {"apiVersion": "millrace.dev/v1alpha1", "kind": "KafkaCluster", "metadata": {"name": "demo", "generation": 2},
           "spec": {"ensembleRef": {"name": "zoo"}, "config": {"num.partitions": "3"}, "rollout": {"strategy": "Auto"}},
           "status": {"observedGeneration": 1, "usedIds": [1, 2], "conditions": [{"type": "Ready", "status": "True"}]}}
MANAGED = {"metadata": {"name": "p", "managedFields": [
    {"manager": "fuzz", "operation": "Apply", "apiVersion": "v1", "fieldsType": "FieldsV1", "time": "2026-01-01T00:00:00Z",
     "fieldsV1": {"f:spec": {"f:a": {}, "f:ports": {'k:{"port":1,"protocol":"TCP"}': {".": {}, "f:port": {}}}}}},
    {"manager": "other", "operation": "Update", "apiVersion": "v1", "fieldsV1": {"f:spec": {"f:b": {}}}}]},
    "spec": {"a": 1, "b": 2, "ports": [{"port": 1}, {"port": 2}]}}


def varint(number):
    out = b""
    while number > 127:
        out += bytes([number & 127 | 128])
        number >>= 7
    return out + bytes([number])


def field(number, content):
    data = content.encode() if isinstance(content, str) else content
    return varint(number << 3 | 2) + varint(len(data)) + data


def envelope(kind, raw):
    return b"k8s\0" + field(1, field(1, "v1") + field(2, kind)) + field(2, raw)


def operator_texts():
    dump = json.dumps
    two = "\n===\n"
    meta = field(1, field(1, "m") + field(3, "default") + field(11, field(1, "k") + field(2, "v")) + field(14, "x.dev/y"))
    patches = [(POD, {"spec": {"containers": [{"name": "c", "image": "j"}, {"name": "d", "$patch": "delete"}]}}),
               (POD, {"metadata": {"finalizers": ["z.dev/q"], "$deleteFromPrimitiveList/finalizers": ["x.dev/y"]}}),
               (POD, {"spec": {"$setElementOrder/volumes": [{"name": "w"}, {"name": "v"}], "volumes": [{"name": "w"}]}}),
               (POD, {"spec": {"$patch": "replace", "x": 1}, "status": None}), (POD, {"spec": {"$retainKeys": ["volumes"]}}),
               ({"a": [1, {"b": 2}]}, [{"op": "replace", "path": "/a/1/b", "value": 3}, {"op": "copy", "from": "/a", "path": "/c"}])]
    seeds = {}
    seeds |= pairs(0, [dump(POD), "[" * 20 + "]" * 20, '{"a":1e400}', '{"a":-0.0,"b":18446744073709551615}', '"\\ud83d\\ude00"', "{"])
    seeds |= pairs(1, ["a: 1\nb:\n- x\n- {c: d}\n---\n# none\n---\nkind: Pod\n", "a: &x [1, 2]\nb: *x\n", "t: |\n  one\n  two\n",
                       "a: 'yes'\nb: ~\nc: 1.5\nd: 0x10\n", "&a [*a]", "? [x]\n: y\n", "a: b: c"])
    seeds |= pairs(2, [envelope("ConfigMap", meta + field(2, field(1, "k") + field(2, "v"))),
                       envelope("Secret", meta + field(2, field(1, "k") + field(2, "v")) + varint(5 << 3) + b"\1"),
                       envelope("Namespace", meta), envelope("Pod", b""), b"k8s\0" + varint(1 << 3) + b"\5"])
    seeds |= pairs(3, [dump(CLUSTER), dump(POD), dump({"kind": "KafkaTopic", "metadata": {"name": "t"}, "spec":
                       {"clusterRef": {"name": "c"}, "partitions": 3, "config": {"retention.ms": "1"}}})])
    seeds |= pairs(4, ["2026-01-31T12:34:56Z", "2026-01-31T12:34:56.789+01:00", "9999-99-99T99:99:99Z", "one\ntwo\nthree\n"])
    seeds |= pairs(5, [dump(live) + two + dump(patch) for live, patch in patches])
    seeds |= pairs(6, [dump(MANAGED) + two + dump({"metadata": {"name": "p"}, "spec": {"ports": [{"port": 1}], "b": 3}}),
                        "null" + two + dump(POD)])
    seeds |= pairs(7, [dump({"type": "ADDED", "object": POD}) + two + dump({"type": "BOOKMARK", "object": {"metadata":
                        {"resourceVersion": "9"}}}), dump({"type": "ERROR", "object": {"kind": "Status", "code": 410}})])
    return seeds



def operator_rules():
    dump = json.dumps
    two = "\n===\n"
    rules = ["self.replicas % 2 == 1", "has(self.a) && self.a.matches('^[a-z]+$')", "self.list.all(x, x > 0) || size(self.list) == 0",
             "self.list.map(x, x * 2).sum() < 10", "quantity(self.q).isGreaterThan(quantity('1Gi'))",
             "duration('1h30m') > duration('5s')", "self == oldSelf ? true : self.m['k'] in ['a', 'b']",
             "self.s.split(',').join('-').replace('a', 'b').substring(0, 1) == string(int('7') + 1)", "-1.5e3 < double('2')"]
    scope = dump({"replicas": 3, "a": "abc", "list": [1, 2, 3], "q": "2Gi", "m": {"k": "a"}, "s": "a,b"})
    seeds = {}
    seeds |= pairs(0, [rule + two + scope for rule in rules])
    seeds |= pairs(1, [text + two + dump({"a": "b", "metadata": {"name": "x"}}) for text in
                       ["a=b,c!=d,e in (f,g),!h", "metadata.name=x,status.phase!=Running", "/apis/g/v1/namespaces/n/pods/p/log",
                        "application/json;as=Table;v=v1;g=meta.k8s.io,*/*", "x in ()"]])
    seeds |= pairs(2, [path + two + dump(POD) for path in
                       [".spec.containers[0].name", '.status.conditions[?(@.type=="Ready")].status', "{.metadata.labels['a']}",
                        ".spec.containers[*].ports", ".spec.replicas", ".a\\.b[-1]"]])
    seeds |= pairs(3, [one + two + other for one, other in
                       [("10Gi", "500m"), ("1e3", "-1.5"), ("85070591730234615865843651857942052864n", "1"), ("0.0000000001", "9E")]])
    return seeds


DEFINITION = {
    "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": "widgets.example.dev"},
    "spec": {"group": "example.dev", "scope": "Namespaced", "names": {"plural": "widgets", "kind": "Widget", "shortNames": ["w"]},
             "versions": [{"name": "v1", "served": True, "storage": True, "subresources": {"status": {}, "scale": {
                 "specReplicasPath": ".spec.replicas", "statusReplicasPath": ".status.replicas"}},
                 "additionalPrinterColumns": [{"name": "R", "type": "integer", "jsonPath": ".spec.replicas"}],
                 "schema": {"openAPIV3Schema": {"type": "object", "properties": {
                     "spec": {"type": "object", "properties": {
                         "replicas": {"type": "integer", "default": 3, "maximum": 9},
                         "name": {"type": "string", "pattern": "^[a-z]+$"},
                         "ports": {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["port"],
                                   "items": {"type": "object", "required": ["port"], "properties": {"port": {"type": "integer"}}}}},
                         "x-kubernetes-validations": [{"rule": "self.replicas % 2 == 1", "message": "odd"}]},
                     "status": {"type": "object", "properties": {"replicas": {"type": "integer"}}}}}}}]}}
WIDGET = {"apiVersion": "example.dev/v1", "kind": "Widget", "metadata": {"name": "w"}, "spec": {"replicas": 5, "ports": [{"port": 1}]}}
MAP = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "m", "labels": {"a": "b"}}, "data": {"k": "v"}}


def operator_api():
    table = "application/json;as=Table;v=v1;g=meta.k8s.io"

    def call(method, target, body=None, kind="application/json", accept="*/*"):
        content = body if isinstance(body, str) else "" if body is None else json.dumps(body)
        return f"{method} {target} {kind} {accept}\n{content}"

    maps = "/api/v1/namespaces/default/configmaps"
    widgets = "/apis/example.dev/v1/namespaces/default/widgets"
    define = call("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", DEFINITION)
    make = call("POST", maps, MAP)
    patch = "application/{}-patch+json"
    runs = {
        "map": [make, call("GET", f"{maps}/m"), call("PUT", f"{maps}/m", MAP), call("DELETE", f"{maps}/m")],
        "list": [make, call("GET", f"{maps}?labelSelector=a%3Db&fieldSelector=metadata.name%3Dm"),
                 call("GET", maps, accept=table), call("GET", f"{maps}?watch=1&resourceVersion=0"), call("DELETE", maps)],
        "patch": [make, call("PATCH", f"{maps}/m", {"data": {"k": None, "j": "w"}}, patch.format("merge")),
                  call("PATCH", f"{maps}/m", [{"op": "add", "path": "/data/x", "value": "y"}], patch.format("json")),
                  call("PATCH", f"{maps}/m", {"metadata": {"finalizers": ["a.dev/b"]}}, patch.format("strategic-merge"))],
        "apply": [call("PATCH", f"{maps}/m?fieldManager=one", MAP, "application/apply-patch+yaml"),
                  call("PATCH", f"{maps}/m?fieldManager=two&force=true", MAP, "application/apply-patch+yaml"),
                  call("PATCH", f"{maps}/m?fieldManager=one", "apiVersion: v1\nkind: ConfigMap\n", "application/apply-patch+yaml")],
        "custom": [define, call("POST", widgets, WIDGET), call("PATCH", f"{widgets}/w/status", {"status": {"replicas": 1}},
                   patch.format("merge")), call("GET", f"{widgets}/w/scale"), call("GET", widgets, accept=table)],
        "scale": [define, call("POST", widgets, WIDGET),
                  call("PATCH", f"{widgets}/w/scale", {"spec": {"replicas": 7}}, patch.format("merge"))],
        "broken-rule": [define, call("POST", widgets, WIDGET | {"spec": {"replicas": 4}})],
        "pod": [call("POST", "/api/v1/namespaces/default/pods", POD), call("GET", "/api/v1/namespaces/default/pods/p/log?tailLines=3"),
                call("DELETE", "/api/v1/namespaces/default/pods/p?gracePeriodSeconds=0")],
        "namespace": [call("POST", "/api/v1/namespaces", "apiVersion: v1\nkind: Namespace\nmetadata: {name: n}\n", "application/yaml"),
                      call("DELETE", "/api/v1/namespaces/n")],
        "discovery": [call("GET", path) for path in ["/api", "/apis", "/version", "/openapi/v2", "/openapi/v3", "/apis/apps/v1"]],
        "managed": [make, call("PUT", f"{maps}/m", MAP | {"metadata": {"name": "m", "managedFields": MANAGED["metadata"]["managedFields"]}}),
                    call("PATCH", f"{maps}/m?fieldManager=fuzz", MAP, "application/apply-patch+yaml")],
        "dry": [call("POST", f"{maps}?dryRun=All&fieldValidation=Strict", MAP), call("GET", f"{maps}/m")],
        "owner": [make, call("POST", maps, MAP | {"metadata": {"name": "o", "ownerReferences": [
            {"apiVersion": "v1", "kind": "ConfigMap", "name": "m", "uid": "u"}]}})],
        "file": [call("FILE", "/configmaps/default/m.json", MAP | {"metadata": {"name": "m", "namespace": "default", "uid": "u",
                                                                               "resourceVersion": "7"}}),
                 call("FILE", "/reserved-revision", "10000"), call("GET", f"{maps}/m"), call("PUT", f"{maps}/m", MAP)],
        "file-definition": [call("FILE", "/customresourcedefinitions.apiextensions.k8s.io/_cluster/widgets.example.dev.json",
                                 DEFINITION), call("POST", widgets, WIDGET)],
        "file-broken": [call("FILE", "/pods/default/x.json", "{"), call("GET", "/api/v1/pods")],
        "review": [call("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", {"spec": {}})],
        "wrong": [call("POST", maps, "{"), call("PATCH", f"{maps}/m", "[]"), call("GET", "/nowhere"), call("BREW", maps)],
    }
    return {name: "\n===\n".join(calls).encode() for name, calls in runs.items()}


def command_lines():
    seeds = pairs(0, ["--create\n--topic\norders", "-topic=x\n--config\na=b\n--config=c=d", "--\n--not-an-option", "\u2013topic\nx",
                      "--zookeeper\nh", "--conf\na", "--topics\nx", "--create=yes", "--topic"])
    seeds |= pairs(1, ["localhost:9092", "a:1,b:2", "[::1]:9092", "a", ":", "k=v=w"])
    seeds |= pairs(2, ["kind: KafkaTopic\nmetadata:\n  name: demo\n---\nkind: Pod\n", "metadata: {name: x}\nkind: A\n", "---\n---\n"])
    return seeds


def zk_client():
    def piece(content):
        return struct.pack(">H", len(content)) + content

    def frame(content):
        return choose(1, piece(content))

    greeting = struct.pack(">iiq", 0, 10_000, 7) + struct.pack(">i", 16) + bytes(16) + b"\0"
    expired = struct.pack(">iiq", 0, 0, 0) + struct.pack(">i", 16) + bytes(16)
    stat = bytes(68)
    reply = struct.pack(">iqi", 1, 5, 0) + struct.pack(">i", 1) + b"x" + stat
    event = struct.pack(">iqi", -1, -1, 0) + struct.pack(">iii", 3, 3, 2) + b"/a"
    return {
        "greeting": b"\2" + frame(greeting) + frame(reply),
        "event": b"\1" + frame(greeting) + frame(reply) + frame(event),
        "error": b"\1" + frame(greeting) + frame(struct.pack(">iqi", 1, 5, -101)),
        "expired": b"\3" + frame(expired),
        "lost": b"\2" + frame(greeting) + choose(2, b"") + frame(greeting) + frame(reply),
        "silence": b"\1" + frame(greeting) + choose(3, b"\x50") + choose(3, b"\x50"),
        "raw": b"\1" + choose(0, piece(struct.pack(">i", len(greeting)) + greeting[:9])) + choose(0, piece(greeting[9:])),
        "wrong-xid": b"\1" + frame(greeting) + frame(struct.pack(">iqi", 9, 5, 0)),
        "huge": b"\1" + choose(0, piece(struct.pack(">i", 0x7fffffff))),
    }


TEXTS = {maker.__name__: maker() for maker in (operator_texts, operator_rules, operator_api, command_lines, zk_client)}
