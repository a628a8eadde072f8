#!/usr/bin/env python3
"""Each rule of tidy.py must fire on a tree that breaks it and stay silent on one that does not."""
import pathlib
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import tidy  # noqa: E402


def faults_of(files):
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["git", "init", "-q", folder], check=True)
        for name, text in files.items():
            path = pathlib.Path(folder) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return [f.split(": ")[1] for f in tidy.Tree(folder).check()]


def module(name, files):
    return {f"{name}/README.md": "# m\n", **{f"{name}/{k}": v for k, v in files.items()}}


class TidyTest(unittest.TestCase):
    def test_a_clean_module_has_no_faults(self):
        self.assertEqual(faults_of(module("lib/base", {"a.h": "#pragma once\nint f();\n"})), [])

    def test_an_edge_upwards_is_a_fault(self):
        self.assertEqual(faults_of(module("lib/base", {"a.cc": '#include "lib/wire/reader.h"\n'})), ["layer"])
        self.assertEqual(faults_of(module("lib/wire", {"a.cc": '#include "lib/base/check.h"\n'})), [])

    def test_binaries_do_not_include_each_other(self):
        self.assertEqual(faults_of(module("broker/api", {"a.cc": '#include "coordinator/tree/node_tree.h"\n'})), ["layer"])

    def test_long_files_lines_and_functions(self):
        self.assertEqual(faults_of(module("lib/base", {"a.cc": "int a;\n" * 601})), ["size"])
        self.assertEqual(faults_of(module("lib/base", {"a.h": "#pragma once\n" + "int a;\n" * 250})), ["size"])
        self.assertEqual(faults_of(module("lib/base", {"a.cc": "int " + "a" * 100 + ";\n"})), ["columns"])
        body = "void f(int a) {\n" + "    a++;\n" * 71 + "}\n"
        self.assertEqual(faults_of(module("lib/base", {"a.cc": body})), ["function"])
        self.assertEqual(faults_of(module("lib/base", {"a.cc": "void f(int a) {\n" + "    a++;\n" * 70 + "}\n"})), [])

    def test_banned_calls(self):
        for line, rule in [("#include <thread>", "threads"), ("auto t = std::chrono::steady_clock::now();", "clock"),
                           ("int r = rand();", "randomness"), ("#include <sys/socket.h>", "sockets"),
                           ("// TO" + "DO later", "promise"), ("std::regex r;", "regex"),
                           ("using namespace std;", "namespace"), ("throw Oops();", "throw")]:
            self.assertEqual(faults_of(module("lib/wire", {"a.cc": line + "\n"})), [rule], line)
        self.assertEqual(faults_of(module("lib/runtime", {"a.cc": "#include <thread>\n"})), [])

    def test_heavy_headers_only_in_sources(self):
        line = "#include <nlohmann/json.hpp>\n"
        self.assertEqual(faults_of(module("operator/api", {"a.h": "#pragma once\n" + line})), ["heavy header"])
        self.assertEqual(faults_of(module("operator/api", {"a.cc": line})), [])

    def test_names_guards_and_readmes(self):
        self.assertEqual(faults_of(module("lib/base", {"string_utils.cc": "int a;\n"})), ["name"])
        self.assertEqual(faults_of(module("lib/base", {"a.h": "int a;\n"})), ["guard"])
        self.assertEqual(faults_of({"lib/base/a.cc": "int a;\n"}), ["readme"])


if __name__ == "__main__":
    unittest.main()
