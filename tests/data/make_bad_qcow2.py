#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes tests/data/bad/qcow2: one image for each defect, and expected.tsv.

    tests/data/make_bad_qcow2.py

expected.tsv has a line for each: file, error code, a fragment of the message. The images are tiny
and the same each time.
"""

import shutil
import struct
import zlib
from pathlib import Path

FOLDER = Path(__file__).resolve().parent / "bad" / "qcow2"

COMPRESSED = 1 << 62
ZERO = 1
DATA_FILE_NAME = 0x44415441
LUKS_HEADER = 0x0537BE77
FEATURE_NAMES = 0x6803F857


class Image:
    """Cluster 0 is the header, 1 the L1 table, 2 its L2 table, 3 the refcount table, 4 data."""

    def __init__(self, version=3, cluster_bits=9, clusters=6, disk_size=4096):
        self.cluster = 1 << cluster_bits
        self.bytes = bytearray(clusters * self.cluster)
        self.bytes[4 * self.cluster :] = b"\x5a" * ((clusters - 4) * self.cluster)
        self.u32(0, 0x514649FB)
        self.u32(4, version)
        self.u32(20, cluster_bits)
        self.u64(24, disk_size)
        self.u32(36, self.cluster // 8)  # entries of the L1 table
        self.u64(40, self.cluster)
        self.u64(48, 3 * self.cluster)
        self.u32(56, 1)
        if version == 3:
            self.u32(96, 4)
            self.u32(100, 112)
        self.l1(0, 2 * self.cluster)
        self.l2(0, 4 * self.cluster)

    def u32(self, offset, value):
        struct.pack_into(">I", self.bytes, offset, value)
        return self

    def u64(self, offset, value):
        struct.pack_into(">Q", self.bytes, offset, value)
        return self

    def l1(self, entry, value):
        return self.u64(self.cluster + 8 * entry, value)

    def l2(self, entry, value):
        return self.u64(2 * self.cluster + 8 * entry, value)

    def features(self, bits):
        return self.u64(72, bits)

    def compression(self, kind):
        self.bytes[104] = kind
        return self

    def extension(self, kind, data, length=None):
        self.u32(112, kind).u32(116, len(data) if length is None else length)
        self.bytes[120 : 120 + len(data)] = data
        return self

    def cut(self, size):
        del self.bytes[size:]
        return self

    def compressed(self, data, offset=None, more_sectors=None):
        """Cluster 0 of the disk, compressed, at the end of the file."""
        at = len(self.bytes) - self.cluster if offset is None else offset
        shift = 70 - (self.cluster.bit_length() - 1)
        if more_sectors is None:
            more_sectors = (at % 512 + max(len(data), 1) - 1) // 512
        if data:
            self.bytes[at : at + len(data)] = data
        return self.l2(0, COMPRESSED | more_sectors << shift | at)


def deflated(data):
    deflater = zlib.compressobj(9, zlib.DEFLATED, -12)
    return deflater.compress(data) + deflater.flush()


def zstd_frame(size):
    """RFC 8878: a frame of one segment with a run-length block of `size` bytes, 256 to 65791."""
    block = 1 | 1 << 1 | size << 3
    return struct.pack("<IBH", 0xFD2FB528, 0x60, size - 256) + struct.pack("<I", block)[:3] + b"z"


def zstd_image():
    return Image().features(8).compression(1)


def extended_image():
    return Image(cluster_bits=14, clusters=5, disk_size=1 << 20).features(16)


def feature_name(bit, name):
    return bytes([0, bit]) + name.ljust(46, b"\0")


def foreign_images():
    """What is sound, perhaps, but not ours to read."""
    yield "backing-file", Image().u64(8, 200).u32(16, 11), "unsupported", "has a backing file"
    yield "encrypted-aes", Image().u32(32, 1), "unsupported", "method 1 (AES)"
    yield "encrypted-luks", Image().u32(32, 2), "unsupported", "method 2 (LUKS)"
    yield "encryption-header", Image().extension(LUKS_HEADER, bytes(16)), "unsupported", \
        "encrypted: LUKS header extension at 112"
    yield "data-file", Image().features(4), "unsupported", "another file (incompatible feature bit 2)"
    yield "data-file-name", Image().extension(DATA_FILE_NAME, b"/etc/passwd"), "unsupported", \
        "another file (header extension at 112)"
    yield "unknown-feature", Image().features(1 << 40), "unsupported", "does not know: bit 40"
    yield "unknown-named-feature", \
        Image().features(1 << 9).extension(FEATURE_NAMES, feature_name(9, b"shingled")), \
        "unsupported", 'does not know: bit 9 ("shingled")'
    yield "unknown-compression", Image().features(8).compression(2), "unsupported", \
        "compression type 2"
    yield "version-1", Image(version=1), "unsupported", "qcow2 version 1"
    yield "version-4", Image(version=4), "unsupported", "qcow2 version 4"
    yield "disk-too-large", Image().u64(24, 1 << 60), "unsupported", "a disk of 1152921504606846976"


def bad_headers():
    yield "no-mark", Image().u32(0, 0x514649FC), "malformed", "does not begin with the mark"
    yield "empty-file", Image().cut(0), "malformed", "does not begin with the mark"
    yield "header-cut-off", Image().cut(100), "malformed", "104 bytes, the file only 100"
    yield "version-2-header-cut-off", Image(version=2).cut(71), "malformed", \
        "72 bytes, the file only 71"
    yield "corrupt", Image().features(2), "malformed", "marked as corrupt"
    yield "compression-bit-alone", Image().features(8), "malformed", \
        "compression type 0 with incompatible feature bit 3 set"
    yield "compression-type-alone", Image().compression(1), "malformed", \
        "compression type 1 with incompatible feature bit 3 clear"
    yield "compression-bit-in-short-header", Image().features(8).u32(100, 104).compression(1), \
        "malformed", "compression type 0 with incompatible feature bit 3 set"
    yield "clusters-too-small", Image().u32(20, 8), "malformed", "clusters of 2^8 bytes"
    yield "clusters-too-large", Image().u32(20, 22), "malformed", "clusters of 2^22 bytes"
    yield "cluster-bits-huge", Image().u32(20, 0xFFFFFFFF), "malformed", "clusters of 2^4294967295"
    yield "extended-entries-in-small-clusters", Image(cluster_bits=13).features(16), "malformed", \
        "extended L2 entries with clusters of 8192 bytes"
    yield "header-length-too-small", Image().u32(100, 96), "malformed", "header length 96"
    yield "header-length-odd", Image().u32(100, 106), "malformed", "header length 106"
    yield "header-longer-than-cluster", Image().u32(100, 520), "malformed", "header length 520"
    yield "header-longer-than-file", Image(cluster_bits=12).u32(100, 4096).cut(4000), "malformed", \
        "4096 bytes, the file only 4000"
    yield "extension-too-long", Image().extension(0xE2792ACA, b"", 393), "malformed", \
        "0xE2792ACA at 112 has 393 bytes, 392 are left"


def bad_places_of_tables():
    yield "l1-too-large", Image().u32(36, (4 << 20) + 1), "malformed", \
        "an L1 table of 4194305 entries"
    yield "l1-too-small", Image().u32(36, 2).u64(24, 65537), "malformed", \
        "the L1 table has 2 entries, 3 are needed for 66048 bytes"
    yield "l1-beyond-file", Image().u64(40, 6 * 512), "malformed", \
        "the L1 table has 512 bytes at 3072"
    yield "l1-offset-huge", Image().u64(40, (1 << 64) - 512), "malformed", \
        "512 bytes at 18446744073709551104"
    yield "l1-unaligned", Image().u64(40, 520), "malformed", "L1 table: offset 520 is no multiple"
    yield "l1-in-header", Image().u64(40, 0).u64(0x40, 0), "malformed", \
        "L1 table: the 512 bytes at 0 overlap"
    yield "refcount-table-too-large", Image().u32(56, (8 << 20) // 512 + 1), "malformed", \
        "a refcount table of 8389120 bytes"
    yield "refcount-table-beyond-file", Image().u64(48, 6 * 512), "malformed", \
        "refcount table: points to 512 bytes at 3072"
    yield "refcount-table-unaligned", Image().u64(48, 1544), "malformed", \
        "refcount table: offset 1544"
    yield "refcount-table-on-l1", Image().u64(48, 512), "malformed", \
        "refcount table: the 512 bytes at 512 overlap"
    yield "l1-reserved-low-bit", Image().l1(0, 1024 | 1), "malformed", \
        "L1 entry 0 (0x0000000000000401): reserved bits"
    yield "l1-reserved-high-bit", Image().l1(0, 1024 | 1 << 56), "malformed", \
        "L1 entry 0 (0x0100000000000400): reserved bits"
    yield "l2-unaligned", Image(cluster_bits=10).l1(0, 2048 + 512), "malformed", \
        "the L2 table does not begin at a multiple of 1024"
    yield "l2-beyond-file", Image().l1(0, 6 * 512), "malformed", \
        "L1 entry 0 (0x0000000000000C00): the L2 table ends beyond"
    yield "l2-offset-huge", Image().l1(0, 0x00FFFFFFFFFFFE00), "malformed", \
        "L1 entry 0 (0x00FFFFFFFFFFFE00): the L2 table ends beyond"
    yield "l2-cut-off", Image().l1(0, 5 * 512).cut(5 * 512 + 511), "malformed", \
        "L1 entry 0 (0x0000000000000A00): the L2 table ends beyond"
    yield "l2-used-twice", Image(disk_size=40960).l1(1, 1024).l2(0, 0), "malformed", \
        "L2 table for 32768: the 512 bytes at 1024 overlap"
    yield "l2-is-l1", Image().l1(0, 512), "malformed", "L2 table for 0: the 512 bytes at 512 overlap"
    yield "l2-is-refcount-table", Image().l1(0, 1536), "malformed", \
        "L2 table for 0: the 512 bytes at 1536 overlap"


def bad_clusters():
    yield "cluster-reserved-low-bit", Image().l2(0, 2048 | 4), "malformed", \
        "(0x0000000000000804): reserved bits"
    yield "cluster-reserved-high-bit", Image().l2(1, 1 << 57), "malformed", \
        "L2 entry 1 of the table at 1024 (0x0200000000000000): reserved bits"
    yield "zero-bit-in-version-2", Image(version=2).l2(0, ZERO), "malformed", \
        "(0x0000000000000001): reserved bits"
    yield "zero-bit-in-extended-entry", extended_image().l2(0, ZERO), "malformed", \
        "(0x0000000000000001): reserved bits"
    yield "cluster-unaligned", Image(cluster_bits=10).l2(0, 4096 + 512), "malformed", \
        "the cluster does not begin at a multiple of 1024"
    yield "cluster-beyond-file", Image().l2(0, 6 * 512), "malformed", \
        "(0x0000000000000C00): the cluster lies beyond the file's 3072 bytes"
    yield "zero-cluster-beyond-file", Image().l2(0, 6 * 512 | ZERO), "malformed", \
        "(0x0000000000000C01): the cluster lies beyond the file's 3072 bytes"
    yield "cluster-used-twice", Image().l2(7, 2048), "malformed", \
        "L2 entry 7 of the table at 1024: \""
    yield "zero-cluster-used-twice", Image().l2(6, 2048 | ZERO), "malformed", \
        "L2 entry 6 of the table at 1024: \""
    yield "cluster-is-l1", Image().l2(0, 512), "malformed", \
        "data cluster: the 512 bytes at 512 overlap"
    yield "cluster-is-l2", Image().l2(0, 1024), "malformed", \
        "data cluster: the 512 bytes at 1024 overlap"
    yield "cluster-is-refcount-table", Image().l2(0, 1536), "malformed", \
        "data cluster: the 512 bytes at 1536 overlap"
    yield "part-stored-and-zero", extended_image().l2(0, 4 << 14).l2(1, 1 << 35 | 1 << 3), \
        "malformed", "bitmap 0x0000000800000008: a part is both stored and zero"
    yield "part-stored-nowhere", extended_image().l2(0, 0).l2(1, 1 << 31), "malformed", \
        "bitmap 0x0000000080000000: parts are stored, but nowhere"


def bad_compressed_clusters():
    noise = bytes((i * i + i // 7) % 251 for i in range(512))
    yield "compressed-beyond-file", Image().compressed(b"", 6 * 512), "malformed", \
        "compressed data at 3072, expected 512 to 3072"
    yield "compressed-in-header", Image().compressed(b"", 120), "malformed", \
        "compressed data at 120, expected"
    yield "compressed-offset-zero", Image().l2(0, COMPRESSED), "malformed", \
        "compressed data at 0, expected"
    yield "compressed-reserved-bits", Image().compressed(b"", 1 << 56 | 2560), "malformed", \
        "(0x4100000000000A00): reserved bits"
    yield "deflate-damaged", Image().compressed(b"\xff" * 40), "malformed", \
        "the deflate data are damaged"
    yield "deflate-too-short", Image().compressed(deflated(bytes(511))), "malformed", \
        "the deflate data end before 512 bytes"
    yield "deflate-bomb", Image().compressed(deflated(bytes(100000))), "malformed", \
        "the deflate data do not end with 512 bytes"
    yield "deflate-cut-off", \
        Image(cluster_bits=10).compressed(deflated(noise * 2), 5 * 1024 + 500, 0).cut(5 * 1024 + 512), \
        "malformed", "compressed cluster for 0, 12 bytes at 5620: the deflate data are damaged"
    yield "zstd-damaged", zstd_image().compressed(b"\xff" * 40), "malformed", "no whole zstd frame"
    yield "zstd-too-short", zstd_image().compressed(zstd_frame(511)).cut(5 * 512 + 11), \
        "malformed", "the zstd frames end before 512 bytes"
    yield "zstd-bomb", zstd_image().compressed(zstd_frame(60000)), "malformed", \
        "the zstd frame does not give the 512 bytes left"
    yield "zstd-cut-off", zstd_image().compressed(zstd_frame(512)).cut(5 * 512 + 10), "malformed", \
        "no whole zstd frame"


def main():
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    lines = []
    for images in (
        foreign_images(),
        bad_headers(),
        bad_places_of_tables(),
        bad_clusters(),
        bad_compressed_clusters(),
    ):
        for defect, image, code, fragment in images:
            (FOLDER / f"{defect}.qcow2").write_bytes(image.bytes)
            lines.append(f"{defect}.qcow2\t{code}\t{fragment}\n")
    (FOLDER / "expected.tsv").write_text("".join(sorted(lines)))


if __name__ == "__main__":
    main()
