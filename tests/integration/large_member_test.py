# SPDX-License-Identifier: Apache-2.0
"""A blob over 8 GiB: more than the eleven octal digits of a ustar size, and than 32 bits, can say."""
import os
import shutil
import unittest

import harness
from harness import IMPORT, Layout, run

SIZE = (8 << 30) + 1
# head -c 8589934593 /dev/zero | sha256sum
DIGEST = "sha256:b47800cd5a0c0bd2a7d6c2ac9402cc117bbe89363299bdc51f8a72aef8543693"


@unittest.skipUnless(os.environ.get("SEABAG_LONG"), "writes 8 GiB; tests/run.sh --long has this test")
class LargeMember(harness.TestCase):
    def test_a_layer_of_8_gib_and_a_byte_is_carried_and_others_can_read_the_tarball(self):
        free = shutil.disk_usage(harness.SCRATCH).free
        self.assertGreater(free, SIZE + (1 << 30), f"{harness.SCRATCH} has too little space for this test")
        layout = Layout(self.dir / "layout")
        layer = layout.put_zeros(DIGEST, SIZE, Layout.OCI + "layer.v1.tar")
        layout.name("big/model:1", layout.manifest([layer, layout.layer(b"behind the large one")]))
        bundle = self.export("b.bag", f"oci:{layout.path}", timeout=500)
        tarball = bundle / "data/images/images.tar"
        sizes = {}
        for tool, column in (("tar", 2), ("bsdtar", 4)):
            lines = [line.split() for line in run(tool, "-tvf", tarball).stdout.splitlines()]
            sizes[tool] = {line[-1]: int(line[column]) for line in lines}
        self.assertEqual(sizes["tar"]["blobs/sha256/" + DIGEST[7:]], SIZE)
        self.assertEqual(sizes["bsdtar"], sizes["tar"])
        expected = {"blobs/sha256/" + path.name: path.stat().st_size for path in layout.blobs.iterdir()}
        self.assertLessEqual(expected.items(), sizes["tar"].items(), "also what lies behind it")
        run(IMPORT, "verify", bundle, timeout=500)


if __name__ == "__main__":
    unittest.main()
