#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes sound disks for the fuzzers, tests/fuzz/seeds/{vhd,vhdx,vmdk,vmdk_descriptor,qcow2}: those that make_bad_*.py
damage, and more, so that every way to store something is in one.

    tests/data/make_disk_seeds.py

Gives the same bytes every time.
"""

import shutil
import struct
import zlib
from pathlib import Path

import make_bad_qcow2 as qcow2
import make_bad_vhd as vhd
import make_bad_vhdx as vhdx
import make_bad_vmdk as vmdk

SEEDS = Path(__file__).resolve().parents[1] / "fuzz" / "seeds"


def vhd_disks():
    yield "dynamic.vhd", vhd.dynamic()
    yield "dynamic-cut-off.vhd", vhd.dynamic()[:-512]
    # Refused, but for nothing else than its parent.
    yield "differencing.vhd", vhd.dynamic(tail=vhd.footer(type=4), header=vhd.header(parent="..\\base \U0001f40b.vhd"))
    yield "fixed.vhd", b"\x11" * 1024 + vhd.footer(type=2, size=1024, data_offset=vhd.NOWHERE)
    yield "fixed-511.vhd", b"\x11" * 1024 + vhd.footer(type=2, size=1024, data_offset=vhd.NOWHERE)[:511]
    some_sectors = bytearray(vhd.dynamic())
    some_sectors[vhd.FIRST_BLOCK] = 0x5A
    yield "dynamic-some-sectors.vhd", bytes(some_sectors)
    # One byte more than sectors: the harness leaves the checksums as they are.
    yield "dynamic-as-it-is.vhd", vhd.dynamic() + b"."


def vhdx_disks():
    yield "two-blocks.vhdx.pieces", vhdx.Disk().change(size=6 * vhdx.MIB).entry(2, 5 * vhdx.MIB | vhdx.STORED)
    yield "all-states.vhdx.pieces", vhdx.Disk().entry(1, 2).entry(2, 3).entry(3, 1)
    yield "sectors-of-4096.vhdx.pieces", vhdx.Disk().item(vhdx.LOGICAL_SECTOR, struct.pack("<I", 4096))
    large = vhdx.Disk().item(vhdx.FILE_PARAMETERS, struct.pack("<II", 32 * vhdx.MIB, 0))
    yield "large-blocks.vhdx.pieces", large.item(vhdx.DISK_SIZE, struct.pack("<Q", 1 << 40)).entry(0, 0)
    yield "log-in-use.vhdx.pieces", vhdx.Disk().change(log_guid=vhdx.guid(vhdx.LOG_GUID))
    entry = bytearray(vhdx.log_entry())
    entry[4] ^= 1
    yield "log-with-rubbish.vhdx.pieces", vhdx.Disk().change(log_guid=vhdx.guid(vhdx.LOG_GUID)).patch(vhdx.LOG, bytes(entry))


def letters(count):
    return bytes(65 + i * i % 23 for i in range(count))


def qcow2_disks():
    image = qcow2.Image
    yield "plain.qcow2", image()
    yield "version-2.qcow2", image(version=2)
    yield "zeros.qcow2", image().l2(0, 4 * 512 | qcow2.ZERO).l2(1, 5 * 512)
    yield "compressed.qcow2", image().compressed(qcow2.deflated(letters(512)))
    yield "compressed-version-2.qcow2", image(version=2).compressed(qcow2.deflated(letters(512)))
    yield "compressed-over-sectors.qcow2", image().compressed(qcow2.deflated(letters(512)), offset=5 * 512 - 40)
    yield "zstd.qcow2", qcow2.zstd_image().compressed(qcow2.zstd_frame(512))
    parts = qcow2.extended_image()
    yield "extended.qcow2", parts.u64(2 * parts.cluster + 8, 0x0000FF00_000F00F1).cut(4 * parts.cluster + 16384)
    yield "feature-names.qcow2", image().extension(qcow2.FEATURE_NAMES, qcow2.feature_name(9, b"shingled"))
    yield "large.qcow2", image(disk_size=512 * 64 * 64)
    yield "odd-size.qcow2", image(disk_size=4000)
    yield "cut-off.qcow2", image(clusters=5).cut(4 * 512 + 100)


def vmdk_disks():
    yield "hosted.vmdk", vmdk.hosted()
    yield "hosted-zeros.vmdk", vmdk.hosted(flags=vmdk.NEWLINES | vmdk.ZERO_GRAINS, entries=(vmdk.FIRST_GRAIN, 1, 0))
    yield "hosted-redundant.vmdk", vmdk.hosted(flags=vmdk.NEWLINES | vmdk.REDUNDANT, redundant=vmdk.HOSTED_DIRECTORY)
    yield "stream.vmdk", vmdk.stream()
    yield "stream-tables-in-front.vmdk", vmdk.head_stream([vmdk.record(0, zlib.compress(letters(vmdk.GRAIN)))], cut=0)
    text = vmdk.embedded(extents=(f'RW {vmdk.CAPACITY - 1} SPARSE "disk.vmdk"',))
    yield "capacity-over-descriptor.vmdk", vmdk.hosted(text=text)


# Behind the first line, which the harness gives.
def vmdk_descriptors():
    for name, lines, create_type in (
        ("flat", ['RW 128 FLAT "disk-flat.vmdk" 0'], "monolithicFlat"),
        ("two-parts", ['RW 8 FLAT "a b.vmdk" 0', 'RDONLY 8 FLAT "a b.vmdk" 8', "RW 16 ZERO"], "twoGbMaxExtentFlat"),
        ("split", ['RW 1024 SPARSE "s001.vmdk"', 'RW 1000 SPARSE "s002.vmdk"'], "twoGbMaxExtentSparse"),
        ("esx", ['RW 64 VMFS "disk-flat.vmdk"', 'NOACCESS 64 VMFS "other.vmdk"'], "vmfs"),
        ("custom", ['RW 64 FLAT "x" 1', 'RW 1024 SPARSE "s"', "RW 4294967296 ZERO"], "custom"),
    ):
        text = vmdk.descriptor(lines + ['ddb.adapterType = "ide"'], create_type)
        yield name, text.partition("\n")[2].encode()
    yield "windows-lines", vmdk.descriptor(['RW 8 ZERO'], "custom").partition("\n")[2].replace("\n", "\r\n").encode()
    yield "sector", vmdk.embedded(['RW 8 ZERO'], create_type="custom").partition(b"\n")[2]


def write(name, disks, bytes_of=bytes):
    folder = SEEDS / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for file, disk in disks:
        (folder / file).write_bytes(bytes_of(disk))


def main():
    write("vhd", vhd_disks())
    write("vhdx", vhdx_disks(), lambda disk: vhdx.pieces(disk.bytes()))
    write("qcow2", qcow2_disks(), lambda image: bytes(image.bytes))
    write("vmdk", vmdk_disks())
    write("vmdk_descriptor", vmdk_descriptors())


if __name__ == "__main__":
    main()
