#!/usr/bin/env python3
"""Checks the rules of the house that no compiler knows: layers, limits, names, banned calls.

Usage: tidy.py [--root DIR]. Prints one line per fault, "file:line: rule: what to do instead", and exits with 1 when there is any.
"""
import argparse
import pathlib
import re
import subprocess
import sys

LINES_MAX = {".cc": 600, ".h": 250}
COLUMNS_MAX = 100
FUNCTION_LINES_MAX = 70
PARAMETERS_MAX = 5
README_LINES_MAX = 60

# A module may include itself and what is named here; "lib/…" stands for the modules of that prefix.
LAYERS = {
    "lib/base": [],
    "lib/wire": ["lib/base"],
    "lib/codegen": ["lib/base"],
    "lib/runtime": ["lib/base"],
    "lib/zk": ["lib/base", "lib/wire", "lib/runtime"],
    "lib/kafka": ["lib/base", "lib/wire", "lib/runtime"],
    "coordinator/tree": ["lib/base", "lib/wire", "lib/zk"],
    "coordinator/storage": ["lib/", "coordinator/tree"],
    "coordinator/server": ["lib/", "coordinator/"],
    "coordinator": ["lib/", "coordinator/"],
    "broker/log": ["lib/"],
    "broker/group": ["lib/base", "lib/wire", "lib/kafka"],
    "broker/controller": ["lib/base", "lib/wire", "lib/kafka", "lib/zk"],
    "broker/replica": ["lib/", "broker/log"],
    "broker/api": ["lib/", "broker/log", "broker/replica", "broker/group", "broker/controller"],
    "broker/server": ["lib/", "broker/"],
    "broker": ["lib/", "broker/"],
    "operator/api": ["lib/base"],
    "operator/resources": ["lib/base", "operator/api"],
    "operator/reconcile": ["lib/base", "operator/api", "operator/resources"],
    "operator/kube": ["lib/"],
    "operator/local": ["lib/", "operator/kube", "operator/api"],
    "operator/server": ["lib/", "operator/"],
    "operator": ["lib/", "operator/"],
    "cli": ["lib/"],
}
BANNED_NAMES = {"util", "utils", "common", "helper", "helpers", "misc", "manager", "impl", "new", "old", "v2"}
HEAVY_HEADERS = re.compile(r"#include <(nlohmann/json\.hpp|httplib\.h|spdlog/|CLI/|yaml-cpp/|prometheus/|boost/asio)")
# (rule, pattern, where it is allowed, what to do instead)
BANNED = [
    ("threads", re.compile(r"#include <(thread|mutex|atomic|condition_variable|future|shared_mutex)>"),
     ("lib/runtime/", "lib/base/log.cc", "tests/"), "reach it through lib/runtime"),
    ("clock", re.compile(r"_clock::now\(\)|\bclock_gettime\(|\bgettimeofday\("), ("lib/runtime/", "tests/"),
     "take the time from the loop"),
    ("randomness", re.compile(r"\b(s?rand)\(|std::random_device"), ("lib/runtime/",), "use the loop's Random"),
    ("sockets", re.compile(r"#include <(sys/socket\.h|netinet/|arpa/|sys/epoll\.h|netdb\.h)"),
     ("lib/runtime/", "tests/"), "reach it through lib/runtime"),
    ("promise", re.compile(r"\b(TODO|FIXME|XXX)\b|not implemented|for now\b|placeholder"), (), "do it, or say what is so"),
    ("sleep", re.compile(r"sleep_for|\busleep\(|\bsleep\("), (), "wait for an event, on a clock that tests control"),
    ("namespace", re.compile(r"^using namespace "), ("tests/",), "name what you use"),
    ("regex", re.compile(r"std::regex"), (), "use RE2"),
    ("throw", re.compile(r"\bthrow\b [A-Za-z:]+[({]"), ("tests/",), "return a Result"),
]


class Tree:
    def __init__(self, root):
        self.root = pathlib.Path(root)
        self.faults = []

    def files(self):
        listed = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=self.root,
                                capture_output=True, text=True, check=True).stdout.split("\n")
        return sorted(p for p in listed if p and (self.root / p).is_file())

    def fault(self, path, line, rule, text):
        self.faults.append(f"{path}:{line}: {rule}: {text}")

    def check(self):
        paths = self.files()
        for path in paths:
            self.check_name(path)
            if path.endswith((".cc", ".h")):
                self.check_source(path, (self.root / path).read_text(encoding="utf-8").split("\n"))
        self.check_modules(paths)
        return self.faults

    def check_name(self, path):
        for part in path.split("/"):
            stem = part.split(".")[0]
            if stem in BANNED_NAMES or set(stem.split("_")) & BANNED_NAMES - {"new", "old"}:
                self.fault(path, 1, "name", f"'{part}' hides a missing noun")

    def check_source(self, path, lines):
        suffix = pathlib.Path(path).suffix
        if len(lines) - 1 > LINES_MAX[suffix]:
            self.fault(path, len(lines), "size", f"{len(lines) - 1} lines, at most {LINES_MAX[suffix]}: two things in one file")
        if suffix == ".h" and "#pragma once" not in lines:
            self.fault(path, 1, "guard", "a header starts with #pragma once")
        for number, line in enumerate(lines, 1):
            self.check_line(path, number, line, suffix)
        self.check_functions(path, lines)

    def check_line(self, path, number, line, suffix):
        if len(line) > COLUMNS_MAX and "//" not in line and '"' not in line:
            self.fault(path, number, "columns", f"{len(line)} columns, at most {COLUMNS_MAX}")
        for rule, pattern, allowed, instead in BANNED:
            if pattern.search(line) and not path.startswith(allowed):
                self.fault(path, number, rule, instead)
        if suffix == ".h" and HEAVY_HEADERS.search(line) and not path.startswith("tests/"):
            self.fault(path, number, "heavy header", "include it in the .cc only")
        include = re.match(r'#include "([a-z_]+(?:/[a-z_0-9]+)*)/[a-z_0-9]+\.h"', line)
        if include and not path.startswith("tests/"):
            self.check_edge(path, number, include.group(1))

    def check_edge(self, path, number, target):
        source, target = module_of(path), module_of(target + "/x")
        if source is None or target is None or source == target:
            return
        allowed = LAYERS[source]
        if not any(target == a or (a.endswith("/") and (target + "/").startswith(a)) for a in allowed):
            self.fault(path, number, "layer", f"{source} may not include {target}")

    def check_functions(self, path, lines):
        """A function body opens on a line that ends with '{' and follows a ')', and closes at the same indent."""
        for start, line in enumerate(lines):
            opening = re.match(r"^( *)(?!namespace|struct|class|enum|union|extern|if|for|while|switch|else|do|\}|return|case)\S.*"
                               r"\)( const| noexcept| override| final| ->.*)* \{$|^( {0,4})\) \{$", line)
            if not opening or path.startswith("tests/"):
                continue
            indent = len(line) - len(line.lstrip(" "))
            if indent > 4:
                continue
            closing = " " * indent + "}"
            end = next((i for i in range(start + 1, len(lines)) if lines[i].startswith(closing)), start)
            if end - start - 1 > FUNCTION_LINES_MAX:
                self.fault(path, start + 1, "function", f"{end - start - 1} lines, at most {FUNCTION_LINES_MAX}")

    def check_modules(self, paths):
        for module in LAYERS:
            sources = [p for p in paths if module_of(p) == module and p.endswith((".cc", ".h"))]
            readme = f"{module}/README.md"
            if not sources:
                continue
            if readme not in paths:
                self.fault(readme, 1, "readme", "every module says what it is, its invariants and what is not in it")
            elif len((self.root / readme).read_text(encoding="utf-8").split("\n")) - 1 > README_LINES_MAX:
                self.fault(readme, README_LINES_MAX, "readme", f"at most {README_LINES_MAX} lines")


def module_of(path):
    """The module that owns a path: the longest entry of LAYERS that is one of its folders."""
    folder = path.rsplit("/", 1)[0] if "/" in path else ""
    while folder:
        if folder in LAYERS:
            return folder
        folder = folder.rsplit("/", 1)[0] if "/" in folder else ""
    return None


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--root", default=pathlib.Path(__file__).resolve().parents[2])
    faults = Tree(arguments.parse_args().root).check()
    print("\n".join(faults) if faults else "tidy: clean")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
