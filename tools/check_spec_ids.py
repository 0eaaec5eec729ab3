#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Holds the ids of format-spec/ against the tests.

    tools/check_spec_ids.py [ROOT]

A rule is defined where its id stands in bold, `**[TAR-4]**`, in a page of format-spec/. Every other
`[TAR-4]`, there or in a test, cites it. A test is a src/**/*_test.cc or a file under tests/. Code blocks of
the pages are not read.

Prints "file:line: what" for an id that is defined twice, is cited but not defined, or is defined
but cited by no test, and exits 1 if there is one.
"""

import re
import sys
from pathlib import Path
from typing import NamedTuple

ID = re.compile(r"\[([A-Z]{2,8}-[1-9][0-9]*)\]")
DEFINITION = re.compile(r"\*\*\[([A-Z]{2,8}-[1-9][0-9]*)\]\*\*")
FENCE = re.compile(r"\s*(```|~~~)")
TEST_SUFFIXES = {".cc", ".h", ".py", ".sh"}


class Mention(NamedTuple):
    id: str
    path: str
    line: int

    def __str__(self):
        return f"{self.path}:{self.line}: [{self.id}]"


def prose_lines(path):
    in_code = False
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if FENCE.match(line):
            in_code = not in_code
        elif not in_code:
            yield number, line


def mentions_in_specification(root):
    """Definitions and citations of the pages."""
    definitions, citations = [], []
    for path in sorted(root.glob("format-spec/**/*.md")):
        name = path.relative_to(root).as_posix()
        for number, line in prose_lines(path):
            definitions += [Mention(id, name, number) for id in DEFINITION.findall(line)]
            citations += [Mention(id, name, number) for id in ID.findall(DEFINITION.sub("", line))]
    return definitions, citations


def mentions_in_tests(root):
    tests = set(root.glob("src/**/*_test.cc"))
    tests |= {path for path in root.glob("tests/**/*") if path.suffix in TEST_SUFFIXES}
    for path in sorted(tests):
        name = path.relative_to(root).as_posix()
        for number, line in enumerate(path.read_text().splitlines(), 1):
            for id in ID.findall(line):
                yield Mention(id, name, number)


def check_tree(root):
    definitions, citations = mentions_in_specification(root)
    from_tests = list(mentions_in_tests(root))
    tested = {mention.id for mention in from_tests}
    first = {}
    findings = []
    for mention in definitions:
        if mention.id in first:
            findings.append(f"{mention} is defined already at line {first[mention.id].line} of "
                            f"{first[mention.id].path}")
            continue
        first[mention.id] = mention
        if mention.id not in tested:
            findings.append(f"{mention} is cited by no test")
    findings += [f"{mention} is defined nowhere in format-spec/"
                 for mention in citations + from_tests if mention.id not in first]
    return findings


def main():
    root = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent.parent
    if not list(root.glob("format-spec/**/*.md")):
        sys.exit(f"check_spec_ids.py: no pages under {root}/format-spec")
    findings = check_tree(root)
    for finding in findings:
        print(finding)
    sys.exit(1 if findings else 0)


if __name__ == "__main__":
    main()
