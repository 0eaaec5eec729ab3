#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Holds tests/catalogue.md against the list of its rows and against the tests.

    tools/check_catalogue.py [ROOT]

A row of the catalogue is a line `| A1 | what happens | what holds it |`. The last cell names, in backquotes, tests

    `Suite.Name`, `Suite.Name/Parameter`     a googletest in src/**/*_test.cc; the parameter's name stands in that file
    `Suite.*`                                all of a suite
    `file_test.py::test_name`                a test in a Python file below tests/
    `file_test.py::Class`                    all of a class, and `file_test.py::Class.test_name` one of it
    `file_test.py`, `file_test.cc`           all of a file
    `vhd/differencing.vhd`                   a file in tests/data/bad, which a googletest opens and expects to be refused

or begins with `later: ` or `not applicable: ` and the reason.

Prints "file:line: what" for a row that is not there, is there twice or is unknown, for one with neither test nor reason,
and for a test that does not exist, there or in docs/reliability.md, and exits 1 if there is one.
"""

import re
import sys
from pathlib import Path

GROUPS = {"A": 30, "B": 14, "C": 16, "D": 10, "E": 9, "F": 15, "G": 14, "H": 12, "I": 11, "J": 7, "K": 12}
ROWS = [f"{group}{number}" for group, count in GROUPS.items() for number in range(1, count + 1)]

CATALOGUE = "tests/catalogue.md"
PROMISES = "docs/reliability.md"
ROW = re.compile(r"\| *([A-Z][0-9]+) *\|")
REASON = re.compile(r"(later|not applicable): \S")
QUOTED = re.compile(r"`([^`]+)`")
GTEST = re.compile(r"^TEST(?:_F|_P)?\((\w+), (\w+)\)", re.MULTILINE)
GTEST_NAME = re.compile(r"(\w+\.\w+)(?:/(\w+))?")
GTEST_SUITE = re.compile(r"(\w+)\.\*")
PYTHON_NAME = re.compile(r"(\w+\.py)::(?:([A-Z]\w+))?\.?(test_\w+)?")


class Tests:
    """What tests there are in a tree."""

    def __init__(self, root):
        self.root = root
        self.gtests = {}  # "Suite.Name": texts of the files that have it
        for path in sorted(root.glob("src/**/*_test.cc")):
            text = path.read_text()
            for suite, name in GTEST.findall(text):
                self.gtests.setdefault(f"{suite}.{name}", []).append(text)
        self.sources = {path.name for path in root.glob("src/**/*_test.cc")}
        self.python = {}  # "file_test.py": its text
        for path in sorted(root.glob("tests/**/*.py")):
            self.python.setdefault(path.name, path.read_text())

    def have(self, name):
        if name in self.sources or name in self.python:
            return name.endswith(("_test.py", "_test.cc"))
        if match := PYTHON_NAME.fullmatch(name):
            text = self.python.get(match[1], "")
            if match[2]:
                text = self.class_in(text, match[2])
            return bool(text) and (not match[3] or re.search(rf"\bdef {match[3]}\(", text) is not None)
        if match := GTEST_SUITE.fullmatch(name):
            return any(test.startswith(match[1] + ".") for test in self.gtests)
        if match := GTEST_NAME.fullmatch(name):
            texts = self.gtests.get(match[1])
            if texts is not None:
                return match[2] is None or any(f'"{match[2]}"' in text for text in texts)
        return (self.root / "tests/data/bad" / name).is_file()

    @staticmethod
    def class_in(text, name):
        """The class with its methods; empty if it has no test of its own or there is none."""
        match = re.search(rf"^class {name}\(.*?(?=^\S|\Z)", text, re.MULTILINE | re.DOTALL)
        return match[0] if match and "def test_" in match[0] else ""


def cells_of(line):
    return [cell.strip() for cell in line.strip().strip("|").split(" | ")]


def check_row(cells, tests):
    """What is wrong with a row."""
    if len(cells) != 3:
        return [f"expected 3 cells, got {len(cells)}"]
    held_by = cells[2]
    names = [name for name in QUOTED.findall(held_by) if not name.startswith("-")]  # no options
    if not names and not REASON.match(held_by):
        return ["has neither a test nor a reason"]
    return [f"there is no test {name}" for name in names if not tests.have(name)]


def check_tree(root):
    """Findings, a line each."""
    tests = Tests(root)
    findings, seen = [], {}
    for number, line in enumerate((root / CATALOGUE).read_text().splitlines(), 1):
        match = ROW.match(line)
        if not match:
            continue
        row = match[1]
        where = f"{CATALOGUE}:{number}: {row}"
        if row not in ROWS:
            findings.append(f"{where} is no row of the catalogue")
        elif row in seen:
            findings.append(f"{where} is there already, at line {seen[row]}")
        seen.setdefault(row, number)
        findings += [f"{where} {what}" for what in check_row(cells_of(line), tests)]
    findings += [f"{CATALOGUE}: {row} is missing" for row in ROWS if row not in seen]
    return findings + check_promises(root, tests)


def check_promises(root, tests):
    """Findings: of what looks like a test there, all that is none."""
    text = (root / PROMISES).read_text()
    return [f"{PROMISES}: there is no test {name}" for name in QUOTED.findall(text)
            if re.fullmatch(r"\w+_test\.(py|cc)(::[\w.]+)?|[A-Z]\w+\.([A-Z]\w+|\*)(/\w+)?", name) and not tests.have(name)]


def main():
    root = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent.parent
    findings = check_tree(root)
    for finding in findings:
        print(finding)
    sys.exit(1 if findings else 0)


if __name__ == "__main__":
    main()
