#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Holds tests/catalogue.md against the list of its rows and against the tests.

    tools/check_catalogue.py [--strict] [ROOT]

A row of the catalogue is a line `| A1 | what happens | what holds it |`. The last cell names, in backquotes, tests

    `Suite.Name`, `Suite.Name/Parameter`     a googletest in src/**/*_test.cc; the parameter's name stands in that file
    `file_test.py::test_name`                a test in a Python file below tests/
    `vhd/differencing.vhd`                   a file in tests/data/bad, which a googletest opens and expects to be refused

or begins with `later: ` or `not applicable: ` and the reason, or is `open`: somebody has yet to look at it.

Prints "file:line: what" for a row that is not there, is there twice or is unknown, for one with neither test nor reason,
and for a test that does not exist, and exits 1 if there is one. Prints how many rows are open; with --strict an
open row is a finding, too.
"""

import re
import sys
from pathlib import Path

GROUPS = {"A": 30, "B": 14, "C": 16, "D": 10, "E": 9, "F": 15, "G": 14, "H": 12, "I": 11, "J": 7, "K": 12}
ROWS = [f"{group}{number}" for group, count in GROUPS.items() for number in range(1, count + 1)]

CATALOGUE = "tests/catalogue.md"
ROW = re.compile(r"\| *([A-Z][0-9]+) *\|")
REASON = re.compile(r"(later|not applicable): \S")
QUOTED = re.compile(r"`([^`]+)`")
GTEST = re.compile(r"^TEST(?:_F|_P)?\((\w+), (\w+)\)", re.MULTILINE)
GTEST_NAME = re.compile(r"(\w+\.\w+)(?:/(\w+))?")
PYTHON_NAME = re.compile(r"(\w+\.py)::(test_\w+)")


class Tests:
    """What tests there are in a tree."""

    def __init__(self, root):
        self.root = root
        self.gtests = {}  # "Suite.Name": texts of the files that have it
        for path in sorted(root.glob("src/**/*_test.cc")):
            text = path.read_text()
            for suite, name in GTEST.findall(text):
                self.gtests.setdefault(f"{suite}.{name}", []).append(text)
        self.python = {}  # "file_test.py": its text
        for path in sorted(root.glob("tests/**/*.py")):
            self.python.setdefault(path.name, path.read_text())

    def have(self, name):
        if match := PYTHON_NAME.fullmatch(name):
            return re.search(rf"\bdef {match[2]}\(", self.python.get(match[1], "")) is not None
        if match := GTEST_NAME.fullmatch(name):
            texts = self.gtests.get(match[1])
            if texts is not None:
                return match[2] is None or any(f'"{match[2]}"' in text for text in texts)
        return (self.root / "tests/data/bad" / name).is_file()


def cells_of(line):
    return [cell.strip() for cell in line.strip().strip("|").split(" | ")]


def check_row(cells, tests):
    """What is wrong with a row."""
    if len(cells) != 3:
        return [f"expected 3 cells, got {len(cells)}"]
    held_by = cells[2]
    names = [name for name in QUOTED.findall(held_by) if not name.startswith("-")]  # no options
    if not names and held_by != "open" and not REASON.match(held_by):
        return ["has neither a test nor a reason"]
    return [f"there is no test {name}" for name in names if not tests.have(name)]


def check_tree(root):
    """Findings, and the rows that are open."""
    tests = Tests(root)
    findings, opened, seen = [], [], {}
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
        cells = cells_of(line)
        findings += [f"{where} {what}" for what in check_row(cells, tests)]
        if cells[-1] == "open":
            opened.append(where)
    findings += [f"{CATALOGUE}: {row} is missing" for row in ROWS if row not in seen]
    return findings, opened


def main():
    arguments = sys.argv[1:]
    strict = "--strict" in arguments
    places = [word for word in arguments if word != "--strict"]
    root = Path(places[0]) if places else Path(__file__).resolve().parent.parent
    findings, opened = check_tree(root)
    if strict:
        findings += [f"{where} is open" for where in opened]
    for finding in findings:
        print(finding)
    if opened:
        print(f"{CATALOGUE}: {len(opened)} of {len(ROWS)} rows are open")
    sys.exit(1 if findings else 0)


if __name__ == "__main__":
    main()
