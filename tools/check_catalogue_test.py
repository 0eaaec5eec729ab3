#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Plants breaches in a small tree and expects check_catalogue.py to find exactly them."""

import tempfile
import unittest
from pathlib import Path

import check_catalogue


class CheckCatalogue(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name)
        self.write("src/bag/bag_test.cc", 'TEST_F(Bag, IsFull) {\n}\nTEST_P(Bags, Are) {\n}\n {"One", 1},\n')
        self.write("tests/integration/bag_test.py",
                   "class Bag(Case):\n    def test_it(self):\n        pass\n\n\nclass Empty(Case):\n    pass\n")
        self.write("tests/data/bad/vhd/empty.vhd", "")
        self.write("docs/reliability.md", "")
        self.rows = {row: "later: the moon" for row in check_catalogue.ROWS}

    def write(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def found(self):
        lines = [f"| {row} | something happens | {held_by} |" for row, held_by in self.rows.items()]
        self.write("tests/catalogue.md", "\n".join(["# Catalogue", "", "| # | what | held by |", "|---|---|---|", *lines]))
        return check_catalogue.check_tree(self.root)

    def findings(self):
        return [finding.split(": ", 1)[1] for finding in self.found()]

    def test_knows_a_hundred_and_fifty_rows(self):
        self.assertEqual(len(check_catalogue.ROWS), 150)

    def test_passes_tests_of_every_kind_and_reasons(self):
        self.rows["A1"] = "`Bag.IsFull`, `Bags.Are/One`"
        self.rows["A2"] = "`bag_test.py::test_it`; the rest later"
        self.rows["A3"] = "`vhd/empty.vhd`"
        self.rows["A4"] = "not applicable: no such thing"
        self.rows["A5"] = "`Bag.*`, `bag_test.cc`, `bag_test.py`, `bag_test.py::Bag`, `bag_test.py::Bag.test_it`"
        self.assertEqual(self.found(), [])

    def test_finds_a_row_with_neither_test_nor_reason(self):
        self.rows["B2"] = "somehow"
        self.rows["B3"] = ""
        self.rows["B4"] = "later: "
        self.assertEqual(self.findings(), [f"{row} has neither a test nor a reason" for row in ("B2", "B3", "B4")])

    def test_finds_tests_that_do_not_exist(self):
        self.rows["C1"] = "`Bag.IsEmpty`"
        self.rows["C2"] = "`Bags.Are/Two`"
        self.rows["C3"] = "`bag_test.py::test_i`"
        self.rows["C4"] = "`other_test.py::test_it`"
        self.rows["C5"] = "`vhd/full.vhd`"
        self.rows["C6"] = "`Bag.IsFull`, `nothing`"
        self.rows["C7"] = "`Sack.*`, `sack_test.cc`, `bag_test.py::Empty`, `bag_test.py::Empty.test_it`"
        self.assertEqual(self.findings(), [
            "C1 there is no test Bag.IsEmpty", "C2 there is no test Bags.Are/Two",
            "C3 there is no test bag_test.py::test_i", "C4 there is no test other_test.py::test_it",
            "C5 there is no test vhd/full.vhd", "C6 there is no test nothing",
            "C7 there is no test Sack.*", "C7 there is no test sack_test.cc", "C7 there is no test bag_test.py::Empty",
            "C7 there is no test bag_test.py::Empty.test_it"])

    def test_finds_promises_that_nothing_holds(self):
        self.write("docs/reliability.md", "1. `Bag.IsFull`, `bag_test.py`, `tests/run.sh --long`, `Bag.IsEmpty`, `sack_test.py`, `index.sqlite`")
        self.assertEqual(self.findings(), ["there is no test Bag.IsEmpty", "there is no test sack_test.py"])

    def test_finds_rows_that_are_missing_unknown_or_there_twice(self):
        del self.rows["K12"]
        self.rows["K13"] = "later: the moon"
        self.rows[" A1"] = "later: the moon"
        self.assertEqual(self.findings(), [
            "K13 is no row of the catalogue", "A1 is there already, at line 5", "K12 is missing"])


if __name__ == "__main__":
    unittest.main()
