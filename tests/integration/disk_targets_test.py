# SPDX-License-Identifier: Apache-2.0
"""Where disks are pushed, beside images: what cannot work is said before the first byte, and no failure ends with 0."""
import json
import os
import unittest

import disk_images
import harness
from disk_images import MIB, noise, write_sparse
from harness import IMPORT, run

TAG = "20231114T221320Z"


class DiskTargets(harness.TestCase):
    def setUp(self):
        super().setUp()
        self.disks = {name: write_sparse(self.dir / f"{name}.raw", size, [(0, noise(size // 2, name))])
                      for name, size in (("aa", 2 * MIB), ("bb", MIB))}
        self.bundle = self.make("b.bag")

    def make(self, name, image="team/app:1", disks=("aa", "bb")):
        layout = harness.Layout(self.dir / f"{name}.layout")
        layout.name(image, layout.manifest([layout.layer(b"layer" * 100)]))
        return self.export(name, f"oci:{layout.path}", *(f"disk:{self.disks[disk]}" for disk in disks),
                           env={"SOURCE_DATE_EPOCH": "1700000000"})

    def refused(self, target, *options, expect, said, bundle=None):
        """A push that ends before it sends or writes anything; what it said."""
        before = self.files()
        done = self.push(bundle or self.bundle, target, *options, expect=expect)
        for words in [said] if isinstance(said, str) else said:
            self.assertIn(words, done.stdout + done.stderr)
        self.assertEqual(self.files(), before)
        return done

    def files(self):
        return sorted((str(path), path.stat().st_size) for path in self.dir.rglob("*")
                      if path.is_file() and path.suffix != ".json")

    # What fails.

    def test_a_place_that_cannot_be_is_no_success(self):
        done = self.push(self.bundle, "dir:/proc/seabag", expect=2)
        self.assertIn("/proc/seabag", done.stderr)
        self.push(self.bundle, "oci:/proc/seabag", expect=2)
        done = self.push(self.bundle, "dir:/proc/seabag", "--only", "disks/**", expect=2)
        self.assertEqual(done.stdout.count("failed  disk"), 2)

    def test_a_place_for_the_account_is_looked_at_before_the_work(self):
        for place in (self.dir / "none/r.json", self.dir / "aa.raw/r.json"):
            self.refused(f"oci:{self.dir}/layout", "--receipt", place, expect=2, said=str(place))
            done = run(IMPORT, "verify", self.bundle, "--damage", place, expect=2)
            self.assertIn(str(place), done.stderr)
            self.assertEqual(done.stdout, "")
            run(IMPORT, "index", self.bundle, "--rebuild", "--output", place, expect=2)
        self.refused(f"oci:{self.dir}/layout", "--receipt", self.dir, expect=2, said="is a directory")


if __name__ == "__main__":
    unittest.main()
