#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks the rules about source files that a compiler cannot check.

    tools/check_includes.py [ROOT]

Prints "file:line: rule" for every breach, and exits 1 if there is one.

- A file includes headers of its own module, or of those that DEPS in the module's CMakeLists.txt
  lists; tests also those of TEST_DEPS.
- x_internal.h is included inside its module alone.
- A header that others may include shows no C library: sqlite3, curl, openssl, archive.
- catch (...) stands only where CATCH_ALL allows it.
- Results go through cli/output.h, not through std::cout and its like.
- A file has at most 800 lines.
- Every .cc is in the module's CMakeLists.txt: no test is switched off by being left out.
"""

import re
import sys
from pathlib import Path
from typing import NamedTuple

MAX_LINES = 800

# At the edges that an exception must not cross; how often in each file.
CATCH_ALL = {
    "src/cli/run_program.cc": 2,  # main()
    "src/http/connection.cc": 3,  # libcurl's callbacks
    "src/tar/foreign_archive.cc": 1,  # libarchive's callback
    "src/transfer/threads.cc": 1,  # a thread's entry
}

# include/seabag/ is the installed interface; api implements it.
PUBLIC_INTERFACE = "seabag"
PUBLIC_IMPLEMENTATION = "api"

PROJECT_INCLUDE = re.compile(r'\s*#\s*include\s*"(([^/"]+)/[^"]+)"')
C_LIBRARY_INCLUDE = re.compile(r'\s*#\s*include\s*[<"](sqlite3|curl|openssl|archive)(_entry)?[/.]')
CATCH_ALL_CLAUSE = re.compile(r"\bcatch\s*\(\s*\.\.\.\s*\)")
STREAM_OUTPUT = re.compile(r"\bstd::(cout|cerr|clog)\b")
KEYWORDS = {"LAYER", "SOURCES", "TESTS", "DEPS", "TEST_DEPS", "EXTERNAL", "MAIN", "MODULE"}


class Finding(NamedTuple):
    path: str
    line: int
    rule: str


class Module:
    """A folder of src/ and what its CMakeLists.txt says of it."""

    def __init__(self, folder):
        self.name = folder.name
        self.folder = folder
        self.lists = {keyword: set() for keyword in KEYWORDS}
        text = re.sub(r"#.*", "", (folder / "CMakeLists.txt").read_text())
        for call in re.findall(r"seabag_(?:module|program)\s*\(([^)]*)\)", text):
            keyword = None
            for word in call.split()[1:]:
                if word in KEYWORDS:
                    keyword = word
                elif keyword:
                    self.lists[keyword].add(word)
        self.compiled = self.lists["SOURCES"] | self.lists["TESTS"] | self.lists["MAIN"]

    def files(self):
        return sorted(p for p in self.folder.iterdir() if p.suffix in (".cc", ".h"))

    def test_files(self):
        """The tests, and the headers that nothing but tests includes."""
        includers = {}
        for path in self.files():
            for _, included, owner in project_includes(path):
                if owner == self.name:
                    includers.setdefault(included.split("/", 1)[1], set()).add(path.name)
        tests = {path.name for path in self.files() if path.name.endswith("_test.cc")}
        while True:
            found = {
                header for header, by in includers.items() if header not in tests and by <= tests
            }
            if not found:
                return tests
            tests |= found


def code_lines(path):
    """Lines without comments, and without what looks like one inside a string."""
    for number, line in enumerate(path.read_text().splitlines(), 1):
        yield number, line.split("//", 1)[0]


def project_includes(path):
    for number, line in code_lines(path):
        match = PROJECT_INCLUDE.match(line)
        if match:
            yield number, match.group(1), match.group(2)


def check_project_includes(module, path, is_test):
    allowed = {module.name} | module.lists["DEPS"]
    if is_test:
        allowed |= module.lists["TEST_DEPS"]
    if module.name == PUBLIC_IMPLEMENTATION:
        allowed.add(PUBLIC_INTERFACE)
    for number, included, owner in project_includes(path):
        if owner not in allowed:
            lists = "DEPS or TEST_DEPS" if is_test else "DEPS"
            yield number, f"includes {included}, but {owner} is not in {lists} of {module.name}"
        elif owner != module.name and included.endswith("_internal.h"):
            yield number, f"includes {included}, which is private to {owner}"


def check_c_libraries(path):
    if path.suffix != ".h" or path.name.endswith("_internal.h"):
        return
    for number, line in code_lines(path):
        match = C_LIBRARY_INCLUDE.match(line)
        if match:
            yield number, f"a header shows {match.group(1)}: forward-declare what it needs"


def check_lines(path, name):
    catches = 0
    number = 0
    for number, line in code_lines(path):
        if CATCH_ALL_CLAUSE.search(line):
            catches += 1
            if catches > CATCH_ALL.get(name, 0):
                yield number, "catch (...) where CATCH_ALL in tools/check_includes.py has none"
        if STREAM_OUTPUT.search(line):
            yield number, "writes to a standard stream: use cli/output.h or transfer/progress.h"
    if number > MAX_LINES:
        yield number, f"more than {MAX_LINES} lines: split the file"


def check_module(module, root):
    tests = module.test_files()
    for path in module.files():
        name = path.relative_to(root).as_posix()
        if path.suffix == ".cc" and path.name not in module.compiled:
            yield Finding(name, 1, f"is not in {module.name}'s CMakeLists.txt")
        for check in (
            check_project_includes(module, path, path.name in tests),
            check_c_libraries(path),
            check_lines(path, name),
        ):
            for number, rule in check:
                yield Finding(name, number, rule)


def check_tree(root):
    findings = []
    for build_file in sorted(root.glob("src/*/CMakeLists.txt")):
        findings += check_module(Module(build_file.parent), root)
    for path in sorted(root.glob("include/**/*.h")):
        name = path.relative_to(root).as_posix()
        findings += [Finding(name, number, rule) for number, rule in check_c_libraries(path)]
        findings += [Finding(name, number, rule) for number, rule in check_lines(path, name)]
    return findings


def main():
    root = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent.parent
    if not list(root.glob("src/*/CMakeLists.txt")):
        sys.exit(f"check_includes.py: no modules under {root}/src")
    findings = check_tree(root)
    for finding in findings:
        print(f"{finding.path}:{finding.line}: {finding.rule}")
    sys.exit(1 if findings else 0)


if __name__ == "__main__":
    main()
