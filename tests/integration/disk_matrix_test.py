# SPDX-License-Identifier: Apache-2.0
"""Every source, in every output, over sizes that go wrong.

A file of ours depends on what the guest sees alone. So foreign readers judge what one thread made of the raw disks, and
what any number of threads makes of every other source must be the same files, byte for byte. One export carries all disks
in all formats.

With SEABAG_LONG (tests/run.sh --long), foreign readers read the large disks in full too, and there is a Debian system
(mmdebstrap, 8 GiB with some 0.8 GB in it, downloaded once) and a disk of 4 TiB among them.
"""
import concurrent.futures
import json
import os
import pathlib
import shutil
import tempfile
import unittest

import disk_images
import harness
from disk_images import FLAT, GIB, MIB, OUTPUTS, SOURCES, TIB, Judged, noise, write_sparse
from harness import EXPORT, IMPORT, run

LONG = bool(os.environ.get("SEABAG_LONG"))
SECTOR = 512
GRAIN = 64 << 10
BLOCK = 2 * MIB
CYLINDER = 16 * 63 * SECTOR
EXTENT = 2047 * MIB  # of a VMDK in pieces

SMALL = {  # name -> (size, what is where)
    "empty": (3 * MIB, []),
    "one-sector": (SECTOR, [(0, noise(SECTOR, 1))]),
    "a-sector-less-than-1-mib": (MIB - SECTOR, [(0, noise(MIB - SECTOR, 2))]),
    "no-whole-grains": (3 * GRAIN + SECTOR, [(GRAIN - SECTOR, noise(2 * SECTOR, 3)), (3 * GRAIN, noise(SECTOR, 4))]),
    "no-whole-blocks": (3 * BLOCK + 3 * SECTOR, [(BLOCK - SECTOR, noise(2 * SECTOR, 5)), (3 * BLOCK, noise(1536, 6))]),
    "no-whole-cylinders": (21 * CYLINDER + SECTOR,
                           [(0, noise(70000, 7)), (5 * CYLINDER - SECTOR, noise(CYLINDER, 8)),
                            (21 * CYLINDER, noise(SECTOR, 9))]),
}
LARGE = {
    "2-gib": (2 * GIB + SECTOR, [(0, noise(4096, 10)), (EXTENT - SECTOR, noise(2 * SECTOR, 11)),
                                 (2 * GIB - SECTOR, noise(2 * SECTOR, 12))]),
    "4-gib": (4 * GIB + SECTOR, [(2 * GIB - SECTOR, noise(2 * SECTOR, 13)), (4 * GIB - SECTOR, noise(2 * SECTOR, 14))]),
}
COMPACT = [output for output in OUTPUTS if output not in FLAT]


def file_system(directory):
    """ext4 with files of many lengths, and what deleted ones left."""
    tree = directory / "tree"
    shutil.copytree(harness.TOP / "src", tree / "src")
    for number in range(40):
        (tree / f"file{number}").write_bytes(noise(40000 * (number % 5), number) + b"text " * 5000)
    raw = write_sparse(directory / "ext4.raw", 48 * MIB + 3 * SECTOR, [(48 * MIB, noise(3 * SECTOR, 15))])
    run("mkfs.ext4", "-q", "-F", "-d", tree, raw, "48M", env=disk_images.SYSTEM)
    return raw


def manifest_of(bundle):
    """{path of a disk's file: its SHA-256}"""
    lines = (bundle / "manifest-sha256.txt").read_text().splitlines()
    return {path: digest for digest, path in (line.split(maxsplit=1) for line in lines) if path.startswith("data/disks/")}


class Matrix(harness.TestCase):
    @classmethod
    def setUpClass(cls):
        harness.SCRATCH.mkdir(parents=True, exist_ok=True)
        cls.shared = pathlib.Path(tempfile.mkdtemp(prefix="matrix-", dir=harness.SCRATCH))
        cls.addClassCleanup(shutil.rmtree, cls.shared, ignore_errors=True)
        cls.disks = {name: write_sparse(cls.shared / f"{name}.raw", *disk) for name, disk in {**SMALL, **LARGE}.items()}
        cls.disks["ext4"] = file_system(cls.shared)
        if LONG:
            cls.disks["debian"] = disk_images.debian_system()
        # The checksum of a file as long as its disk takes as long as the disk is: restoring makes those of the large.
        cls.outputs = {name: COMPACT if cls.is_large(name) else list(OUTPUTS) for name in cls.disks}
        cls.reference = cls.shared / "reference.bag"
        run(EXPORT, cls.reference, "--jobs", "1", *cls.sources(cls.disks), timeout=1800)
        cls.listed = cls.list(cls.reference)

    @classmethod
    def is_large(cls, name):
        return os.path.getsize(cls.disks[name]) > GIB

    @classmethod
    def sources(cls, images, only=None):
        """Each of {name: image} in each of the disk's outputs, as "NAME.FORMAT"."""
        return [f"disk:{image},name={name}.{output},format={output}"
                for name, image in images.items() for output in cls.outputs[name] if not only or only(name, output)]

    @staticmethod
    def list(bundle):
        return {disk["name"]: disk for disk in json.loads(run(IMPORT, "list", bundle, "--json").stdout)["disks"]}

    @staticmethod
    def windows(name):
        """What libyal reads of a large disk: around all that is in it. None: all of it."""
        if LONG or name not in LARGE:
            return None
        return [[max(0, offset - MIB), min(2 * MIB, LARGE[name][0] - max(0, offset - MIB))] for offset, _ in LARGE[name][1]]

    @staticmethod
    def main_file(directory, name, output):
        return directory / f"{name}.{disk_images.ENDINGS[OUTPUTS[output]]}"

    def own(self, name, output):
        return self.main_file(self.reference / "data/disks", f"{name}.{output}", output)

    def require_same_files(self, label, source_format, sources):
        """What is exported of them is what was exported of the raw disks."""
        bundle = self.export(f"{label}.bag", *sources, timeout=1800)
        made = self.list(bundle)
        self.assertEqual(len(made), len(sources))
        files = manifest_of(bundle)
        expected = {path: digest for path, digest in manifest_of(self.reference).items() if path in files}
        self.assertEqual(files, expected, label)
        for name, disk in made.items():
            self.assertEqual(disk["files"], self.listed[name]["files"], f"{label}: {name}")
            self.assertEqual(disk["sourceFormat"], source_format, label)
        shutil.rmtree(bundle)

    def at_once(self, work, items):
        """Some at a time: what an export waits for is mostly the medium."""
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            for done in [pool.submit(work, item) for item in items]:
                done.result()

    def test_foreign_readers_see_every_disk_in_every_output(self):  # [DSK-1] [DSK-6]
        disk_images.judge(*(Judged(self.own(name, output), output, raw, self.windows(name))
                            for name, raw in self.disks.items() for output in self.outputs[name]))

    def test_every_disk_has_the_content_digest_of_the_specification(self):
        for name, raw in self.disks.items():
            digest = disk_images.content_digest(raw) if LONG or not self.is_large(name) else None
            for output in self.outputs[name]:
                disk = self.listed[f"{name}.{output}"]
                self.assertEqual((disk["size"], disk["format"]), (os.path.getsize(raw), output))
                self.assertEqual(disk["content"], digest or self.listed[f"{name}.vhd"]["content"], f"{name}.{output}")
        run(IMPORT, "verify", self.reference, "--deep", timeout=1800)

    def test_every_source_gives_the_same_files_in_every_output(self):
        def one(source):
            images = {name: disk_images.convert(raw, source, self.dir) for name, raw in self.disks.items()}
            if source in ("qcow2-v2", "qcow2-v3"):  # of the sources' formats the one that libyal has not judged as ours
                disk_images.ask_libyal([Judged(image, "qcow2", self.disks[name], self.windows(name))
                                        for name, image in images.items()])
            self.require_same_files(source, SOURCES[source][0], self.sources(images))
            for image in self.dir.glob(f"*-{source}*"):  # extents too
                image.unlink()

        self.at_once(one, SOURCES)

    def test_our_own_files_give_the_same_files_in_every_output(self):
        def one(output):
            images = {name: self.own(name, output) for name in self.disks if output in self.outputs[name]}
            self.require_same_files(f"own-{output}", disk_images.ENDINGS[OUTPUTS[output]], self.sources(images))

        self.at_once(one, OUTPUTS)

    def test_devices_give_the_same_files_in_every_output(self):
        devices = {name: disk_images.attach(self, raw) for name, raw in self.disks.items()}
        # A device has no holes, so the large ones are read in full: in CI for one output.
        self.require_same_files("devices", "raw", self.sources(
            devices, lambda name, output: LONG or not self.is_large(name) or output == "vmdk-2gb"))

    def test_every_disk_comes_back_in_every_format(self):
        bundle = self.export("all.bag", *(f"disk:{raw},name={name}" for name, raw in self.disks.items()), timeout=1800)
        judged = []
        for output in OUTPUTS:
            out = self.dir / f"out-{output}"
            self.push(bundle, f"dir:{out}", "--disk-as", output, timeout=1800)
            self.assertEqual([file.name for file in (out / "disks").iterdir() if file.name.startswith(".")], [])
            self.assertIn("already-there", self.push(bundle, f"dir:{out}", "--disk-as", output, timeout=1800).stdout)
            for name, raw in self.disks.items():
                judged.append(Judged(self.main_file(out / "disks", name, output), output, raw, self.windows(name)))
        # Those that were exported in this format too were judged in full there.
        exported = [one for one in judged if one.output in self.outputs[one.raw.stem]]
        for one in exported:
            run("qemu-img", "compare", "-q", "-f", "raw", "-F", one.kind, one.raw, one.image, timeout=900)
        disk_images.judge(*(one for one in judged if one not in exported and (LONG or one.raw.stem == "2-gib")))


class Huge(harness.TestCase):
    """4 TiB, with data at both ends."""

    PIECES = [(0, noise(MIB, 1)), (4 * TIB - SECTOR, b"e" * SECTOR)]

    def test_a_disk_of_4_tib_costs_what_its_data_costs(self):
        raw = write_sparse(self.dir / "web01.raw", 4 * TIB, self.PIECES)
        bundle = self.export("big.bag", f"disk:{raw}")
        self.assertLess(os.stat(bundle / "data/disks/web01.vmdk").st_size, 4 * MIB)
        for output, limit in (("vhd", "2040 GiB"), ("vmdk-sparse", "monolithicSparse cannot hold")):
            self.export(f"{output}.bag", f"disk:{raw}", "--disk-format", output, expect=2)
            self.assertIn(limit, self.exported.stderr)
        for output in FLAT:
            with self.subTest(output=output):
                self.restored(bundle, raw, output)

    def restored(self, bundle, raw, output):
        out = self.dir / f"out-{output}"
        self.push(bundle, f"dir:{out}", "--disk-as", output)
        image = out / f"disks/web01.{disk_images.ENDINGS[OUTPUTS[output]]}"
        if output == "vhd-fixed":  # qemu-img opens no VHD over 2040 GiB; what is before the footer is the disk
            run("qemu-img", "compare", "-q", "--image-opts", f"driver=raw,file.filename={raw}",
                f"driver=raw,size={4 * TIB},file.filename={image}", timeout=900)
        else:
            run("qemu-img", "compare", "-q", "-f", "raw", "-F", OUTPUTS[output], raw, image, timeout=900)
        self.assertLess(sum(file.stat().st_blocks * 512 for file in image.parent.iterdir()), 32 * MIB)
        disk_images.check_rules(Judged(image, output, raw))
        shutil.rmtree(out)

    @unittest.skipUnless(LONG, "takes minutes; tests/run.sh --long has this test")
    def test_every_source_that_holds_4_tib_gives_the_same_files(self):
        raw = write_sparse(self.dir / "web01.raw", 4 * TIB, self.PIECES)
        outputs = ("vmdk", "vmdk-2gb")
        bundle = self.export("reference.bag", *(f"disk:{raw},name={output},format={output}" for output in outputs), timeout=1800)
        files = manifest_of(bundle)
        windows = [[0, 2 * MIB], [4 * TIB - 2 * MIB, 2 * MIB]]
        images = {f"own-{output}": bundle / f"data/disks/{output}.vmdk" for output in outputs}
        for output in outputs:  # no reader goes through 4 TiB of zeros; the rules find every grain that there is
            judged = Judged(bundle / f"data/disks/{output}.vmdk", output, raw, windows)
            disk_images.check_rules(judged)
            disk_images.ask_libyal([judged])
            for offset, length in windows:
                part = f"driver=raw,offset={offset},size={length},file.driver"
                run("qemu-img", "compare", "-q", "--image-opts", f"{part}=file,file.filename={raw}",
                    f"{part}=vmdk,file.file.filename={judged.image}", timeout=900)
        for source in SOURCES:
            # qemu-img writes no VHD over 2040 GiB, and no sparse extent over 2 TiB.
            if not source.startswith("vhd-") and source not in ("vmdk-monolithicSparse", "vmdk-streamOptimized"):
                images[source] = disk_images.convert(raw, source, self.dir)
        for source, image in images.items():
            with self.subTest(source=source):
                # 2,050 files each: from one source of each kind
                some = outputs if source in ("own-vmdk", "qcow2-v3", "vhdx-dynamic") else outputs[:1]
                made = self.export(f"{source}.bag", *(f"disk:{image},name={output},format={output}" for output in some),
                                   timeout=1800)
                made_files = manifest_of(made)
                self.assertEqual(made_files, {path: digest for path, digest in files.items() if path in made_files})
                self.assertEqual({f"data/disks/{output}.vmdk" for output in some} - set(made_files), set())
                shutil.rmtree(made)


if __name__ == "__main__":
    unittest.main()
