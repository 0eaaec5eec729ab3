# SPDX-License-Identifier: Apache-2.0
"""Disk artifacts that a stranger wrote: refused, and nothing is left in the directory."""
import hashlib
import json
import os
import unittest

import harness
from harness import run

OFFSET = "vnd.seabag.chunk.offset"
TITLE = "org.opencontainers.image.title"
FILE = "application/vnd.seabag.disk.file.v1"


class HostileDiskArtifacts(harness.TestCase):
    DATA = b"disk " * 1000

    def artifact(self, layers, **config):
        """A bundle with one artifact; layers: (name, bytes, offset or None, media type)."""
        layout = harness.Layout(self.dir / f"layout{len(os.listdir(self.dir))}")
        described = [{**layout.put(data, media_type), "annotations": {TITLE: name, **({OFFSET: offset} if offset else {})}}
                     for name, data, offset, media_type in layers]
        document = {"name": "web01", "content": "disk-v1:" + "0" * 64,
                    "files": [{"name": "web01.raw", "size": len(self.DATA), "sha256": hashlib.sha256(self.DATA).hexdigest()}],
                    **config}
        manifest = {"schemaVersion": 2, "mediaType": layout.OCI + "manifest.v1+json",
                    "artifactType": "application/vnd.seabag.disk.v1",
                    "config": layout.put(json.dumps(document).encode(), "application/vnd.seabag.disk.config.v1+json"),
                    "layers": described}
        layout.name("disks/web01:1", layout.put(json.dumps(manifest).encode(), layout.OCI + "manifest.v1+json"))
        return self.export(f"bag{len(os.listdir(self.dir))}.bag", f"oci:{layout.path}")

    def refused(self, said, layers, expect=22, **config):
        bundle, out = self.artifact(layers, **config), self.dir / f"out{len(os.listdir(self.dir))}"
        done = self.push(bundle, f"dir:{out}", expect=expect)
        self.assertIn(said, done.stdout + done.stderr)
        self.assertEqual([str(path) for path in out.rglob("*") if path.is_file()], [])

    def test_a_sound_one_becomes_its_files_in_any_order_of_its_layers(self):
        half = len(self.DATA) // 2
        bundle = self.artifact([("web01.raw", self.DATA[half:], str(half), FILE), ("web01.raw", self.DATA[:half], "0", FILE),
                                ("web01.json", b"{}", None, "application/json")])
        self.push(bundle, f"dir:{self.dir}/out")
        self.assertEqual((self.dir / "out/disks/web01.raw").read_bytes(), self.DATA)
        self.assertEqual((self.dir / "out/disks/web01.json").read_bytes(), b"{}")

    def test_layers_that_do_not_follow_one_another(self):  # [DSK-9]
        half = len(self.DATA) // 2
        for said, offset in (("begins at 9223372036854775807", "9223372036854775807"), (f"begins at {half + 1}", str(half + 1)),
                             (f"begins at {half - 1}", str(half - 1)), ("expected a number", "-1"),
                             ("expected a number", "18446744073709551616"), ("begins at 0", "0")):
            with self.subTest(offset=offset):
                self.refused(said, [("web01.raw", self.DATA[:half], "0", FILE), ("web01.raw", self.DATA[half:], offset, FILE)])

    def test_layers_that_are_not_the_file(self):  # [DSK-9]
        self.refused("expected 5000 bytes, its layers have 4999", [("web01.raw", self.DATA[:-1], None, FILE)])
        self.refused("does not name", [("other.raw", self.DATA, None, FILE)])
        self.refused("expected 5000 bytes with SHA-256", [("web01.raw", self.DATA[::-1], None, FILE)], expect=20)

    def test_layers_that_the_config_does_not_name(self):
        self.refused("does not name", [("web01.raw", self.DATA, None, FILE), ("more.raw", b"x", None, FILE)])
        self.refused("begins at 7", [("web01.raw", self.DATA, None, FILE), ("web01.json", b"{}", "7", "application/json")])

    def test_names_that_lead_elsewhere(self):  # [DSK-9]
        for name in ("../web01.raw", "/etc/web01.raw", "a/b.raw", ".hidden", "", "x" * 100):
            with self.subTest(name=name):
                self.refused("is no name", [(name, self.DATA, None, FILE)],
                             files=[{"name": name, "size": len(self.DATA), "sha256": hashlib.sha256(self.DATA).hexdigest()}])
        self.refused("is no name of a disk", [("web01.raw", self.DATA, None, FILE)], name="../../\u001b[31mweb01")


if __name__ == "__main__":
    unittest.main()
