# SPDX-License-Identifier: Apache-2.0
"""A device with sectors that cannot be read: a loop device over a file of nbdkit, which fails where its map says so."""
import json
import os
import pathlib
import subprocess
import unittest

import disk_images
import harness
from disk_images import MIB, noise, sha256_of, write_sparse
from harness import EXPORT, IMPORT, run

SIZE = 16 * MIB
UNIT = 4096  # what the kernel reads, and what is given up
BAD = [  # one sector; three pages; both sides of a chunk's end; a chunk and more; among zeros; the last sector
    (2 * MIB + 1024, 512), (3 * MIB + 2 * UNIT, 3 * UNIT), (5 * MIB - 512, 1024), (7 * MIB - UNIT, MIB + 2 * UNIT),
    (12 * MIB + UNIT, UNIT), (SIZE - 512, 512)]
ZEROED = [(offset // UNIT * UNIT, -(-(offset + length) // UNIT) * UNIT - offset // UNIT * UNIT) for offset, length in BAD]


def rescue_map():
    """In GNU ddrescue's format, which nbdkit's filter of that name reads: + was read, - cannot be."""
    lines, at = ["# Mapfile", "0x0 ? 1"], 0
    for offset, length in BAD:
        lines += [f"{at:#x} {offset - at:#x} +", f"{offset:#x} {length:#x} -"]
        at = offset + length
    if at < SIZE:
        lines.append(f"{at:#x} {SIZE - at:#x} +")
    return "\n".join(lines) + "\n"


class UnreadableDisks(harness.TestCase):
    def setUp(self):
        super().setUp()
        self.good = write_sparse(self.dir / "good.raw", SIZE, [(0, noise(11 * MIB, 1)), (SIZE - MIB, noise(MIB, 2))])
        self.device = disk_images.attach(self, self.failing_file())

    def failing_file(self):
        if os.geteuid() != 0 or not os.path.exists("/dev/fuse"):
            self.skipTest("only root can mount, and only a kernel with FUSE: nbdfuse cannot run here")
        (self.dir / "map").write_text(rescue_map())
        mount = self.dir / "mount"
        mount.mkdir()
        log = open(self.dir / "nbd.log", "wb")
        self.addCleanup(log.close)
        # timeout(1): what a killed test leaves behind ends by itself.
        server = subprocess.Popen(
            ["timeout", "300", "nbdfuse", "-r", mount / "disk", "[", "nbdkit", "--exit-with-parent", "--filter=ddrescue",
             "file", self.good, f"ddrescue-mapfile={self.dir / 'map'}", "]"], stdout=log, stderr=log)

        def stop():
            subprocess.run(["umount", mount], check=False, capture_output=True)
            server.terminate()
            server.wait(timeout=30)

        self.addCleanup(stop)
        harness.wait_until(lambda: (mount / "disk").exists() or server.poll() is not None)
        if server.poll() is not None:
            self.fail("nbdfuse ended: " + (self.dir / "nbd.log").read_text())
        return mount / "disk"

    def rows(self, bundle, query):
        return [tuple(map(int, row.split("|"))) for row in
                run("sqlite3", f"file:{bundle}/index.sqlite?immutable=1", query).stdout.split()]

    def test_an_export_stops_and_says_what_cannot_be_read_and_what_to_do(self):
        bundle = self.export("b.bag", f"disk:{self.device},name=web", "--jobs", "1", expect=41)
        self.assertIn(f"Input/output error; of the 1048576 bytes at {2 * MIB} these cannot be read: {UNIT} bytes at {2 * MIB}",
                      self.exported.stderr)
        self.assertIn(self.device, self.exported.stderr)
        self.assertIn("--on-read-error zero", self.exported.stderr)
        self.assertFalse(bundle.exists())
        self.assertEqual(list(pathlib.Path(f"{bundle}.unfinished").rglob("web*")), [])

    def test_one_that_cannot_be_read_is_a_gap_among_those_that_can(self):
        bundle = self.export("b.bag", f"disk:{self.device},name=web", f"disk:{self.good},name=db", expect=3)
        self.assertIn("these cannot be read", self.exported.stderr)
        self.assertIn(self.device, self.exported.stdout)
        listed = json.loads(run(IMPORT, "list", bundle, "--json").stdout)["disks"]
        self.assertEqual([disk["name"] for disk in listed], ["db"])

    def test_zeros_stand_for_what_cannot_be_read_and_every_range_is_recorded(self):
        content = bytearray(self.good.read_bytes())
        for offset, length in ZEROED:
            content[offset:offset + length] = bytes(length)
        expected = self.dir / "expected.raw"
        expected.write_bytes(content)
        for output in ("vmdk", "vhd", "raw"):
            with self.subTest(output=output):
                bundle = self.export(f"{output}.bag", f"disk:{self.device},name=web,format={output}", "--on-read-error", "zero")
                for offset, length in ZEROED:
                    self.assertIn(f"could not be read, zeros instead: {length} bytes at {offset}\n", self.exported.stdout)
                self.assertEqual(self.rows(bundle, "SELECT offset, length FROM disk_zeroed ORDER BY offset"), ZEROED)
                run(IMPORT, "verify", bundle, "--deep")
                self.push(bundle, f"dir:{self.dir}/{output}", "--disk-as", "raw")
                self.assertEqual(sha256_of(self.dir / output / "disks/web.raw"), sha256_of(expected))
        done = run(EXPORT, self.dir / "json.bag", f"disk:{self.device},name=web", "--on-read-error", "zero", "--json")
        for document in (done.stdout, run(IMPORT, "list", self.dir / "json.bag", "--json").stdout):
            disk, = json.loads(document)["disks"]
            self.assertEqual([(part["offset"], part["length"]) for part in disk["zeroed"]], ZEROED)


if __name__ == "__main__":
    unittest.main()
