# SPDX-License-Identifier: Apache-2.0
"""What the tests of disks share: making images, and having them judged by other people's readers."""
import hashlib
import json
import os
import random
import shutil
import subprocess
import sys

import disk_rules
import harness
from harness import run

MIB = 1 << 20
GIB = 1 << 30
TIB = 1 << 40

# mkfs, losetup and mount are not in every user's PATH.
SYSTEM = {"PATH": os.environ["PATH"] + ":/usr/sbin:/sbin"}

OUTPUTS = {  # format -> what qemu-img calls it
    "vhd": "vpc", "vhd-fixed": "vpc", "vmdk": "vmdk", "vmdk-sparse": "vmdk", "vmdk-flat": "vmdk", "vmdk-2gb": "vmdk",
    "raw": "raw"}
FLAT = ("vhd-fixed", "vmdk-flat", "raw")  # as long as the disk: hashing them takes as long as the disk is
ENDINGS = {"vpc": "vhd", "vmdk": "vmdk", "raw": "raw"}

SOURCES = {  # what qemu-img makes -> (its ending, how)
    "qcow2-v3": ("qcow2", ["-O", "qcow2"]),
    "qcow2-v2": ("qcow2", ["-O", "qcow2", "-o", "compat=0.10"]),
    "qcow2-zlib": ("qcow2", ["-O", "qcow2", "-c"]),
    "qcow2-zstd": ("qcow2", ["-O", "qcow2", "-c", "-o", "compression_type=zstd"]),
    "qcow2-extended-l2": ("qcow2", ["-O", "qcow2", "-o", "extended_l2=on"]),
    "vhd-dynamic": ("vhd", ["-O", "vpc", "-o", "subformat=dynamic,force_size=on"]),
    "vhd-fixed": ("vhd", ["-O", "vpc", "-o", "subformat=fixed,force_size=on"]),
    "vhdx-dynamic": ("vhdx", ["-O", "vhdx", "-o", "subformat=dynamic"]),
    "vhdx-fixed": ("vhdx", ["-O", "vhdx", "-o", "subformat=fixed"]),
    **{f"vmdk-{name}": ("vmdk", ["-O", "vmdk", "-o", f"subformat={name}"]) for name in
       ("monolithicSparse", "monolithicFlat", "twoGbMaxExtentSparse", "streamOptimized")},
}

# Reads images through libyal, whose bindings belong to Debian's own Python: a list of [kind, path, ranges] comes in,
# the SHA-256 of each goes out. No ranges: all of it.
LIBYAL = """
import hashlib, json, sys
digests = []
for kind, path, ranges in json.load(sys.stdin):
    if kind == "vpc":
        import pyvhdi; image = pyvhdi.file(); image.open(path)
    elif kind == "qcow2":
        import pyqcow; image = pyqcow.file(); image.open(path)
    else:
        import pyvmdk; image = pyvmdk.handle(); image.open(path); image.open_extent_data_files()
    digest = hashlib.sha256(str(image.get_media_size()).encode())
    for offset, left in ranges or [[0, image.get_media_size()]]:
        image.seek_offset(offset, 0)
        while left:
            part = image.read_buffer(min(left, 1 << 20))
            digest.update(part); left -= len(part)
    digests.append(digest.hexdigest())
print(json.dumps(digests))
"""


def noise(size, seed):
    return random.Random(seed).randbytes(size)


def write_sparse(path, size, pieces):
    with open(path, "wb") as file:
        file.truncate(size)
        for offset, data in pieces:
            file.seek(offset)
            file.write(data)
    return path


def convert(raw, source, directory):
    """What qemu-img makes of a raw file, as one of SOURCES."""
    ending, how = SOURCES[source]
    image = directory / f"{raw.stem}-{source}.{ending}"
    run("qemu-img", "convert", "-f", "raw", *how, raw, image)
    return image


def debian_system():
    """A root file system with a kernel and two servers, made once: 8 GiB, of which some 0.8 GB are not zeros."""
    raw = harness.SCRATCH / "debian-system/debian.raw"
    if not raw.exists():
        shutil.rmtree(raw.parent, ignore_errors=True)
        raw.parent.mkdir(parents=True)
        tree = raw.parent / "tree"
        run("mmdebstrap", "--variant=important", "--include=linux-image-amd64,openssh-server,nginx-light", "bookworm", tree,
            env=SYSTEM, timeout=1800)
        unfinished = write_sparse(raw.with_suffix(".unfinished"), 8 * GIB, [])
        run("mkfs.ext4", "-q", "-F", "-d", tree, unfinished, env=SYSTEM)
        shutil.rmtree(tree)
        unfinished.rename(raw)
    return raw


def content_digest(path):
    """By the program of the specification."""
    return run(sys.executable, harness.TOP / "format-spec/vectors/disk_digest.py", path, timeout=900).stdout.strip()


def sha256_of(path, ranges=None, start=b""):
    digest = hashlib.sha256(start)
    with open(path, "rb") as file:
        for offset, left in ranges or [[0, os.path.getsize(path)]]:
            file.seek(offset)
            while left:
                part = file.read(min(left, MIB))
                digest.update(part)
                left -= len(part)
    return digest.hexdigest()


def attach(test, path):
    """A loop device with the file behind it, until the test is over. Skips the test where there can be none."""
    if os.geteuid() != 0:
        test.skipTest("only root can attach loop devices")
    if not os.path.exists("/dev/loop-control"):
        test.skipTest("this kernel has no loop devices")
    device = run("losetup", "--find", "--show", path, env=SYSTEM).stdout.strip()
    test.addCleanup(subprocess.run, ["losetup", "--detach", device], check=False, env={**os.environ, **SYSTEM})
    return device


class Judged:
    """An image, and the raw file whose content it must have. `ranges`: what libyal reads of it; all if None."""

    def __init__(self, image, output, raw, ranges=None):
        self.image, self.output, self.raw, self.ranges = image, output, raw, ranges
        self.kind = OUTPUTS.get(output, output)
        self.size = os.path.getsize(raw)

    def __repr__(self):
        return str(self.image)


def judge(*all_judged):
    """Whether foreign readers see the content of `raw` in each image, and each keeps the rules of its format."""
    for judged in all_judged:
        run("qemu-img", "compare", "-q", "-f", "raw", "-F", judged.kind, judged.raw, judged.image, timeout=900)
        info = json.loads(run("qemu-img", "info", "-f", judged.kind, "--output=json", judged.image).stdout)
        disk_rules.require(info["virtual-size"] == judged.size, f"{judged}: {info['virtual-size']} bytes for qemu-img")
        if judged.kind == "vmdk" and judged.output != "vmdk-flat":
            run("qemu-img", "check", "-q", "-f", "vmdk", judged.image, timeout=900)
        check_rules(judged)
    contained = [judged for judged in all_judged if judged.kind != "raw"]
    ask_7zip(contained)
    ask_libyal(contained)


def check_rules(judged):
    if judged.kind == "vpc":
        disk_rules.check_vhd(judged.image, judged.size, fixed=judged.output == "vhd-fixed")
    elif judged.output == "vmdk":
        disk_rules.check_stream_vmdk(judged.image, judged.size)
    elif judged.output == "vmdk-sparse":
        disk_rules.check_sparse_vmdk(judged.image, judged.size)
    elif judged.output in ("vmdk-2gb", "vmdk-flat"):
        disk_rules.check_split_vmdk(judged.image, judged.size)


def ask_7zip(all_judged):
    for kind in ("vpc", "vmdk"):
        images = [judged for judged in all_judged if judged.kind == kind]
        if images:
            done = run("7zz", "t", f"-t{ENDINGS[kind]}", "-an", *(f"-ai!{judged.image}" for judged in images), timeout=1800)
            if len(images) > 1:
                disk_rules.require(f"OK archives: {len(images)}\n" in done.stdout, done.stdout)


def ask_libyal(all_judged):
    asked = [[judged.kind, str(judged.image), judged.ranges] for judged in all_judged]
    digests = json.loads(run("/usr/bin/python3", "-c", LIBYAL, stdin=json.dumps(asked), timeout=1800).stdout)
    disk_rules.require(len(digests) == len(asked), f"libyal read {len(digests)} of {len(asked)} images")
    expected = {}
    for judged, digest in zip(all_judged, digests):
        key = (str(judged.raw), str(judged.ranges))
        if key not in expected:
            expected[key] = sha256_of(judged.raw, judged.ranges, start=str(judged.size).encode())
        disk_rules.require(digest == expected[key], f"{judged}: libyal reads something else than is in {judged.raw}")
