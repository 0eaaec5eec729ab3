#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Plants breaches in a small tree and expects check_spec_ids.py to find exactly them."""

import tempfile
import unittest
from pathlib import Path

import check_spec_ids


class CheckSpecIds(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name)
        self.write("format-spec/tarball.md", "- **[TAR-1]** A writer MUST. **[TAR-2]** And.\n")
        self.write("src/tar/plan_test.cc", "// [TAR-1]\n")
        self.write("tests/integration/tar_test.py", "# [TAR-2]\n")

    def write(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def found(self):
        return check_spec_ids.check_tree(self.root)

    def test_passes_a_tree_where_every_rule_has_a_test(self):
        self.assertEqual(self.found(), [])

    def test_finds_a_rule_without_a_test(self):
        self.write("tests/integration/tar_test.py", "")
        self.assertEqual(self.found(), ["format-spec/tarball.md:1: [TAR-2] is cited by no test"])

    def test_does_not_take_a_citation_in_the_code_for_a_test(self):
        self.write("tests/integration/tar_test.py", "")
        self.write("src/tar/plan.cc", "// [TAR-2]\n")
        self.assertEqual(len(self.found()), 1)

    def test_finds_a_test_of_a_rule_that_does_not_exist(self):
        self.write("src/tar/plan_test.cc", "// [TAR-1]\n// [TAR-20]\n")
        self.assertEqual(
            self.found(), ["src/tar/plan_test.cc:2: [TAR-20] is defined nowhere in format-spec/"]
        )

    def test_finds_a_page_that_cites_a_rule_that_does_not_exist(self):
        self.write("format-spec/bag.md", "As [TAR-1] and [TAR-9] say.\n")
        self.assertEqual(
            self.found(), ["format-spec/bag.md:1: [TAR-9] is defined nowhere in format-spec/"]
        )

    def test_finds_a_rule_that_is_defined_twice(self):
        self.write("format-spec/trailer.md", "**[TAR-1]** Again.\n")
        self.assertEqual(
            self.found(),
            ["format-spec/trailer.md:1: [TAR-1] is defined already at line 1 of format-spec/tarball.md"],
        )

    def test_reads_no_code_blocks(self):
        self.write("format-spec/bag.md", "```\n**[BAG-1]** [TAR-9]\n```\n")
        self.assertEqual(self.found(), [])

    def test_takes_other_brackets_for_what_they_are(self):
        self.write("src/tar/plan_test.cc", "// [TAR-1] a[0] [UTF-8x] [tar-9] [TAR-0] [TAR]\n")
        self.assertEqual(self.found(), [])


if __name__ == "__main__":
    unittest.main()
