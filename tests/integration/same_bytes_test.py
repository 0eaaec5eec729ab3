# SPDX-License-Identifier: Apache-2.0
"""The same content gives the same bytes."""
import hashlib
import unittest

import harness


def digest_of(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class SameBytes(harness.FilledRegistryTestCase):
    def test_any_number_of_jobs_gives_the_same_payload(self):
        one = self.export("one.bag", f"docker://{self.source.host}", "--jobs", "1", registry=self.source)
        many = self.export("many.bag", f"docker://{self.source.host}", "--jobs", "16", registry=self.source)
        self.assertEqual(digest_of(one / "data/images/images.tar"), digest_of(many / "data/images/images.tar"))

    def test_with_a_fixed_time_the_whole_bundle_is_the_same(self):
        epoch = {"SOURCE_DATE_EPOCH": "1700000000"}
        one = self.export("one.bag", f"docker://{self.source.host}/library/busybox", "--jobs", "1",
                          registry=self.source, env=epoch)
        many = self.export("many.bag", f"docker://{self.source.host}/library/busybox", "--jobs", "7",
                           registry=self.source, env=epoch)
        names = sorted(p.relative_to(one) for p in one.rglob("*"))
        self.assertEqual(names, sorted(p.relative_to(many) for p in many.rglob("*")))
        for name in names:
            if (one / name).is_file():
                self.assertEqual(digest_of(one / name), digest_of(many / name), name)


if __name__ == "__main__":
    unittest.main()
