#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes tests/data/bad/vhd/: VHDs with one defect each, and expected.tsv, which says what the reader makes of them.

    tests/data/make_bad_vhd.py [DIRECTORY]

The disks have four blocks of 4 KiB, of which the first and the third are stored. Field offsets are those of the
Microsoft Virtual Hard Disk Image Format Specification 1.0. Gives the same bytes every time.
"""

import struct
import sys
from pathlib import Path

SECTOR = 512
BLOCK = 4096
SIZE = 4 * BLOCK
NOWHERE = 0xFFFFFFFFFFFFFFFF
ABSENT = 0xFFFFFFFF
TABLE = 1536
FIRST_BLOCK = 2048              # bitmap and data of block 0; block 2 comes behind it
SECOND_BLOCK = FIRST_BLOCK + SECTOR + BLOCK
END = SECOND_BLOCK + SECTOR + BLOCK


def sealed(data, checksum_at):
    """With its checksum: the complement of the sum of all other bytes."""
    data = bytearray(data)
    data[checksum_at:checksum_at + 4] = bytes(4)
    struct.pack_into(">I", data, checksum_at, ~sum(data) & 0xFFFFFFFF)
    return bytes(data)


def footer(type=3, size=SIZE, data_offset=SECTOR, version=0x00010000):
    data = struct.pack(">8sIIQI4sI4sQQHBBI", b"conectix", 2, version, data_offset, 0, b"win ", 0x000A0000, b"Wi2k",
                       size, size, 0, 4, 17, type)
    return sealed(data + bytes(4) + bytes(range(16)) + bytes(428), 64)


def header(table=TABLE, entries=4, block=BLOCK, version=0x00010000, cookie=b"cxsparse", parent=""):
    data = struct.pack(">8sQQIII", cookie, NOWHERE, table, version, entries, block)
    name = parent.encode("utf-16-be")
    return sealed(data + bytes(4 + 16 + 4 + 4) + name + bytes(512 - len(name)) + bytes(448), 36)


def stored_block(value):
    return b"\xff" * SECTOR + bytes([value]) * BLOCK


def dynamic(entries=(FIRST_BLOCK // SECTOR, ABSENT, SECOND_BLOCK // SECTOR, ABSENT), **parts):
    """A dynamic disk, of which `parts` replaces "copy", "header", "tail"."""
    table = struct.pack(">4I", *entries)
    tail = parts.get("tail", footer())
    data = parts.get("copy", tail) + parts.get("header", header()) + table + b"\xff" * (SECTOR - len(table))
    return data + stored_block(1) + stored_block(3) + tail


def entry(number, value):
    entries = [FIRST_BLOCK // SECTOR, ABSENT, SECOND_BLOCK // SECTOR, ABSENT]
    entries[number] = value
    return dynamic(entries)


def damaged(data, offset):
    data = bytearray(data)
    data[offset] ^= 0x01
    return bytes(data)


def fixed(size=SIZE, type=2, **fields):
    return b"\x11" * SIZE + footer(type=type, size=size, data_offset=NOWHERE, **fields)


def with_dynamic_header(data):
    return data[:SECTOR] + header() + data[SECTOR + 1024:]


def defects():
    """(name, bytes, code, fragment of the message)"""
    tail = footer()
    bad_tail = damaged(tail, 100)
    malformed, unsupported = "malformed", "unsupported"

    yield "empty", b"", malformed, "0 bytes, a VHD has a footer of 512 alone"
    yield "too-short", tail[:510], malformed, "510 bytes, a VHD has a footer"
    yield "no-footer", b"\x11" * SIZE, malformed, 'at 15872: no "conectix" at its beginning; at 0: no "conectix"'
    yield "fixed-footer-checksum", damaged(fixed(), SIZE + 100), malformed, "at 16384: checksum 0x"
    yield ("fixed-footer-at-the-beginning-alone", footer(type=2, data_offset=NOWHERE) + b"\x11" * SIZE, malformed,
           "the one at 0 is of a fixed disk")
    yield ("both-footer-checksums", dynamic(tail=bad_tail), malformed,
           "no VHD footer: at 11264: checksum")
    yield "fixed-shorter-than-its-size", fixed(size=SIZE + SECTOR), malformed, "a fixed disk of 16896 bytes, only 16384"
    yield "fixed-511-shorter", fixed(size=SIZE + SECTOR)[:-1], malformed, "16896 bytes, only 16384 come before the footer"
    yield ("fixed-with-a-dynamic-header", with_dynamic_header(footer(type=2, size=SIZE - SECTOR) +
           b"\x11" * (SIZE - SECTOR) + footer(type=2, size=SIZE - SECTOR)), malformed,
           "a fixed disk (type 2), but there is a dynamic header at 512")
    yield "size-0", fixed(size=0), malformed, "a disk of 0 bytes"
    yield "size-no-multiple-of-512", fixed(size=SIZE - 1), malformed, "a disk of 16383 bytes"
    yield ("dynamic-size-over-2040-gib", dynamic(tail=footer(size=(2040 << 30) + SECTOR)), unsupported,
           "a dynamic disk of 2190433321472 bytes")
    yield "size-of-all-ones", dynamic(tail=footer(size=NOWHERE - 511)), unsupported, "a dynamic disk of 18446744073709551104"
    yield "footer-version-2", fixed(version=0x00020000), unsupported, "footer: version 0x00020000"
    for number in (0, 1, 5, 6, 7):
        yield f"type-{number}", fixed(type=number), unsupported, f"disk type {number}, expected"

    yield ("differencing", dynamic(tail=footer(type=4), header=header(parent="..\\secret\x1b[31m.vhd")), unsupported,
           'from its parent "..\\\\secret\\x1b[31m.vhd"')
    yield ("differencing-without-a-header", dynamic(tail=footer(type=4, data_offset=NOWHERE)), unsupported,
           "differencing disk (type 4): it has only what differs from its parent")

    yield ("header-nowhere", dynamic(tail=footer(data_offset=NOWHERE)), malformed,
           "the dynamic header is at 0xffffffffffffffff")
    yield "header-unaligned", dynamic(tail=footer(data_offset=SECTOR + 8)), malformed, "the dynamic header is at 0x208"
    yield "header-beyond-the-end", dynamic(tail=footer(data_offset=1 << 40)), malformed, "the dynamic header is at 0x10000000000"
    yield ("header-in-the-copy", dynamic(copy=header()[:SECTOR], tail=footer(data_offset=0)), malformed,
           "dynamic header at 0: checksum")
    yield "header-cookie", dynamic(header=header(cookie=b"cxSparse")), malformed, 'dynamic header at 512: no "cxsparse"'
    yield "header-checksum", dynamic(header=damaged(header(), 700)), malformed, "dynamic header at 512: checksum"
    yield "header-version", dynamic(header=header(version=0x00010001)), unsupported, "dynamic header: version 0x00010001"
    yield "block-size-0", dynamic(header=header(block=0)), malformed, "blocks of 0 bytes, expected a power of two"
    yield "block-size-no-power-of-two", dynamic(header=header(block=BLOCK + SECTOR)), malformed, "blocks of 4608 bytes"
    yield "block-size-too-small", dynamic(header=header(block=2048)), unsupported, "blocks of 2048 bytes"
    yield "block-size-too-large", dynamic(header=header(block=512 << 20)), unsupported, "blocks of 536870912 bytes"
    yield "block-size-2-gib", dynamic(header=header(block=1 << 31)), unsupported, "blocks of 2147483648 bytes"

    yield "table-unaligned", dynamic(header=header(table=TABLE + 4)), malformed, "BAT: offset 1540 is no multiple"
    yield "table-beyond-the-end", dynamic(header=header(table=1 << 62)), malformed, "BAT: 16 bytes at 4611686018427387904"
    yield "table-in-the-header", dynamic(header=header(table=1024)), malformed, "BAT: 16 bytes at 1024 overlap the dynamic header"
    yield "table-in-the-copy", dynamic(header=header(table=0)), malformed, "BAT: 16 bytes at 0 overlap the copy of the footer"
    yield "table-in-the-footer", dynamic(header=header(table=END)), malformed, f"BAT: 16 bytes at {END}, but the footer"
    yield "table-too-short", dynamic(header=header(entries=3)), malformed, "the BAT has 3 entries, a disk of 16384 bytes has 4"
    yield "table-of-no-entries", dynamic(header=header(entries=0)), malformed, "the BAT has 0 entries"
    yield "table-larger-than-the-file", dynamic(header=header(entries=ABSENT)), malformed, "BAT: 17179869180 bytes at 1536"
    yield ("table-over-the-limit", dynamic(tail=footer(size=2040 << 30), header=header(entries=ABSENT)), unsupported,
           "534773760 blocks of 4096 bytes are more than")
    yield ("small-blocks-over-the-limit", dynamic(tail=footer(size=32769 * BLOCK), header=header(entries=32769)), unsupported,
           ": 32769 blocks of 4096 bytes are more than this build reads (at most 32768 of that size)")

    yield "entry-0", entry(0, 0), malformed, "BAT entry 0: sector 0: the 4608 bytes there overlap the copy of the footer at 0"
    yield "entry-in-the-header", entry(2, 2), malformed, "BAT entry 2: sector 2: the 4608 bytes there overlap the dynamic header"
    yield "entry-in-the-table", entry(2, 3), malformed, "BAT entry 2: sector 3: the 4608 bytes there overlap the BAT"
    yield "entry-in-the-footer", entry(3, END // SECTOR), malformed, f"BAT entry 3: sector {END // SECTOR}: expected 4608"
    yield "entry-that-ends-in-the-footer", entry(2, SECOND_BLOCK // SECTOR + 1), malformed, "BAT entry 2: sector 14: expected"
    yield "entry-beyond-the-end", entry(1, 0xFFFFFFFE), malformed, "BAT entry 1: sector 4294967294: expected 4608 bytes"
    yield "entries-equal", entry(1, FIRST_BLOCK // SECTOR), malformed, "their entries point to sectors 4 and 4,"
    yield "entries-overlap", entry(2, FIRST_BLOCK // SECTOR + 8), malformed, "their entries point to sectors 4 and 12,"
    yield "cut-off", dynamic()[:SECOND_BLOCK + 3000], malformed, "BAT entry 2: sector 13: expected 4608 bytes there"


def main():
    directory = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent / "bad" / "vhd"
    directory.mkdir(parents=True, exist_ok=True)
    for old in directory.iterdir():
        old.unlink()
    rows = []
    for name, data, code, fragment in defects():
        (directory / f"{name}.vhd").write_bytes(data)
        rows.append(f"{name}.vhd\t{code}\t{fragment}\n")
    (directory / "expected.tsv").write_text("".join(sorted(rows)))


if __name__ == "__main__":
    main()
