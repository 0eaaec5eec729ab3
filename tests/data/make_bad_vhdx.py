#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes tests/data/bad/vhdx: one disk for each defect, and expected.tsv.

    tests/data/make_bad_vhdx.py [FOLDER]

expected.tsv has a line for each: file, error code, a fragment of the message. A VHDX has 4 MiB and
more, nearly all zeros, so the files keep the pieces that are not: size of the disk's file (u64),
then for each piece offset (u64), length (u32) and bytes. With FOLDER, the whole disks are written
there instead, to be shown to other programs.
"""

import shutil
import struct
import sys
import uuid
from pathlib import Path

FOLDER = Path(__file__).resolve().parent / "bad" / "vhdx"

KIB = 1 << 10
MIB = 1 << 20
HEADERS = (64 * KIB, 128 * KIB)
REGION_TABLES = (192 * KIB, 256 * KIB)
BLOCK_TABLE = MIB
METADATA = 2 * MIB
LOG = 3 * MIB
BLOCK = 4 * MIB
PIECE_LINE = 16

BLOCK_TABLE_REGION = "2DC27766-F623-4200-9D64-115E9BFD4A08"
METADATA_REGION = "8B7CA206-4790-4B9A-B8FE-575F050F886E"
FILE_PARAMETERS = "CAA16737-FA36-4D43-B3B6-33F0AA44E76B"
DISK_SIZE = "2FA54224-CD1B-4876-B211-5DBED83BF4B8"
LOGICAL_SECTOR = "8141BF1D-A96F-4709-BA47-F233A8FAAB5F"
PHYSICAL_SECTOR = "CDA348C7-445D-4471-9CC9-E9885251C556"
PAGE_83 = "BECA12AB-B2E6-4523-93EF-C309E000C746"
PARENT_LOCATOR = "A8D35F2D-B30B-454D-ABF7-D3D84834AB0C"
UNKNOWN = "01234567-89AB-CDEF-0123-456789ABCDEF"
LOG_GUID = "5EABA6B0-0000-4000-8000-000000000001"

STORED = 6


def make_crc_table():
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
        yield byte


CRC_TABLE = tuple(make_crc_table())


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ CRC_TABLE[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


def guid(text):
    return uuid.UUID(text).bytes_le


class Disk:
    """4 MiB in blocks of 1 MiB; block 0 is stored at BLOCK. What is here can be changed before
    bytes() makes the file."""

    def __init__(self):
        self.size = 5 * MIB
        self.log = (LOG, MIB)
        self.log_guid = bytes(16)
        self.versions = (0, 1)
        self.sequence = (1, 2)
        self.regions = [
            (BLOCK_TABLE_REGION, BLOCK_TABLE, MIB, 1),
            (METADATA_REGION, METADATA, MIB, 1),
        ]
        self.region_count = None
        self.items = [
            [FILE_PARAMETERS, struct.pack("<II", MIB, 0)],
            [DISK_SIZE, struct.pack("<Q", 4 * MIB)],
            [LOGICAL_SECTOR, struct.pack("<I", 512)],
            [PHYSICAL_SECTOR, struct.pack("<I", 4096)],
            [PAGE_83, bytes(range(16))],
        ]
        self.item_count = None
        self.item_places = {}
        self.entries = {0: BLOCK | STORED}
        self.patches = []

    def change(self, **fields):
        for name, value in fields.items():
            assert hasattr(self, name), name
            setattr(self, name, value)
        return self

    def item(self, name, data):
        self.items = [[n, data if n == name else d] for n, d in self.items]
        return self

    def without(self, name):
        self.items = [item for item in self.items if item[0] != name]
        return self

    def entry(self, number, value):
        self.entries[number] = value
        return self

    def patch(self, offset, data):
        """Bytes that are put in last, after the checksums."""
        self.patches.append((offset, data))
        return self

    def header(self, sequence):
        header = bytearray(4096)
        header[:4] = b"head"
        struct.pack_into("<Q", header, 8, sequence)
        header[48:64] = self.log_guid
        struct.pack_into("<HHIQ", header, 64, *self.versions, self.log[1], self.log[0])
        struct.pack_into("<I", header, 4, crc32c(header))
        return header

    def region_table(self):
        table = bytearray(64 * KIB)
        table[:4] = b"regi"
        count = len(self.regions) if self.region_count is None else self.region_count
        struct.pack_into("<I", table, 8, count)
        for i, (name, offset, length, required) in enumerate(self.regions):
            struct.pack_into("<16sQII", table, 16 + 32 * i, guid(name), offset, length, required)
        struct.pack_into("<I", table, 4, crc32c(table))
        return table

    def metadata(self):
        table = bytearray(64 * KIB + 4 * KIB)
        table[:8] = b"metadata"
        count = len(self.items) if self.item_count is None else self.item_count
        struct.pack_into("<H", table, 10, count)
        for i, (name, data) in enumerate(self.items, 1):
            offset = 64 * KIB + 32 * i
            table[offset : offset + len(data)] = data
            offset, length = self.item_places.get(name, (offset, len(data)))
            struct.pack_into("<16sIII", table, 32 * i, guid(name), offset, length, 4)
        return table

    def bytes(self):
        file = bytearray(self.size)

        def put(offset, data):
            data = data[: max(0, len(file) - offset)]
            file[offset : offset + len(data)] = data

        put(0, b"vhdxfile")
        for offset, sequence in zip(HEADERS, self.sequence):
            put(offset, self.header(sequence))
        table = self.region_table()
        for offset in REGION_TABLES:
            put(offset, table)
        put(METADATA, self.metadata())
        for number, value in self.entries.items():
            put(BLOCK_TABLE + 8 * number, struct.pack("<Q", value))
        put(BLOCK, b"data" * 4)
        for offset, data in self.patches:
            put(offset, data)
        return bytes(file)


def pieces(data):
    """The runs of lines of `data` that are not zeros."""
    out = [struct.pack("<Q", len(data))]
    zero = bytes(PIECE_LINE)
    begin = None
    for at in range(0, len(data) + PIECE_LINE, PIECE_LINE):
        line = data[at : at + PIECE_LINE]
        if line and line != zero[: len(line)]:
            begin = at if begin is None else begin
        elif begin is not None:
            out += [struct.pack("<QI", begin, at - begin), data[begin:at]]
            begin = None
    return b"".join(out)


def log_entry(sequence=1):
    entry = bytearray(8192)
    struct.pack_into("<4sIIIQII16s", entry, 0, b"loge", 0, 8192, 0, sequence, 1, 0, guid(LOG_GUID))
    entry[64:68] = b"desc"
    entry[4096:4100] = b"data"
    struct.pack_into("<I", entry, 4, crc32c(entry))
    return bytes(entry)


def foreign_disks():
    """What is sound, perhaps, but not ours to read."""
    yield "has-parent", Disk().item(FILE_PARAMETERS, struct.pack("<II", MIB, 2)), "unsupported", \
        "has a parent (file parameters)"
    disk = Disk()
    disk.items.append([PARENT_LOCATOR, bytes(20)])
    yield "parent-locator", disk, "unsupported", "has a parent (parent locator)"
    yield "block-in-parent", Disk().entry(1, 7), "unsupported", \
        "block table entry 1 (0x0000000000000007): the block is in part in a parent"
    yield "version-2", Disk().change(versions=(0, 2)), "unsupported", "version 2 with a log of version 0"
    yield "log-version-1", Disk().change(versions=(1, 1)), "unsupported", \
        "version 1 with a log of version 1"
    disk = Disk()
    disk.regions.append((UNKNOWN, BLOCK, MIB, 1))
    yield "unknown-region", disk, "unsupported", "needs the region 01234567-89ab-cdef"
    disk = Disk()
    disk.items.append([UNKNOWN, bytes(4)])
    yield "unknown-item", disk, "unsupported", "needs the metadata item 01234567-89ab-cdef"
    disk = Disk().change(log_guid=guid(LOG_GUID))
    yield "log-to-replay", disk.patch(LOG + 4096, log_entry()), "unsupported", \
        "the log has an entry to replay at 3149824"
    disk = Disk().change(log_guid=guid(LOG_GUID))
    head = struct.pack("<4sIIIQII16s", b"loge", 0, MIB, 0, 1, 1, 0, guid(LOG_GUID))
    for offset in range(LOG, LOG + 5 * 4096, 4096):
        disk.patch(offset, head)
    yield "log-entries-overlap", disk, "unsupported", "what the log at 3145728 holds overlaps"


def bad_header_sections():
    yield "no-mark", Disk().patch(0, b"vhdxfilf"), "malformed", "does not begin with the mark"
    yield "cut-off", Disk().change(size=MIB - 1), "malformed", "has 1048575 bytes, the header section"
    yield "empty-file", Disk().change(size=0), "malformed", "has 0 bytes, the header section"
    disk = Disk().patch(HEADERS[0] + 100, b"x").patch(HEADERS[1] + 100, b"x")
    yield "header-checksums", disk, "malformed", "neither the header at 65536 nor the one at 131072"
    disk = Disk().patch(HEADERS[0], b"x").patch(HEADERS[1], b"x")
    yield "header-signatures", disk, "malformed", "neither the header at 65536 nor the one at 131072"
    disk = Disk().change(sequence=(5, 5))
    twin = Disk().change(log_guid=guid(LOG_GUID)).header(5)
    yield "headers-equal-but-different", disk.patch(HEADERS[1], bytes(twin)), "malformed", \
        "both headers have sequence number 5, but they differ"
    disk = Disk().patch(REGION_TABLES[0] + 60000, b"x").patch(REGION_TABLES[1] + 60000, b"x")
    yield "region-table-checksums", disk, "malformed", \
        "neither the region table at 196608 nor the one at 262144"
    yield "log-offset-unaligned", Disk().change(log=(LOG + 4096, MIB)), "malformed", \
        "log: 1048576 bytes at 3149824"
    yield "log-length-unaligned", Disk().change(log=(LOG, 4096)), "malformed", \
        "log: 4096 bytes at 3145728"
    yield "log-in-header-section", Disk().change(log=(0, MIB)), "malformed", "log: 1048576 bytes at 0"
    yield "log-beyond-file", Disk().change(log=(LOG, 3 * MIB)), "malformed", \
        "log: points to 3145728 bytes at 3145728"
    yield "log-offset-huge", Disk().change(log=((1 << 64) - MIB, MIB)), "malformed", \
        "log: points to 1048576 bytes at 18446744073708503040"


def bad_regions():
    def disk(block_table=(BLOCK_TABLE, MIB), metadata=(METADATA, MIB)):
        return Disk().change(
            regions=[
                (BLOCK_TABLE_REGION, *block_table, 1),
                (METADATA_REGION, *metadata, 1),
            ]
        )

    table = "region 2dc27766-f623-4200-9d64-115e9bfd4a08"
    metadata = "region 8b7ca206-4790-4b9a-b8fe-575f050f886e"
    yield "too-many-regions", Disk().change(region_count=2048), "malformed", \
        "a region table of 2048 entries"
    yield "region-count-huge", Disk().change(region_count=0xFFFFFFFF), "malformed", \
        "a region table of 4294967295 entries"
    yield "no-block-table", Disk().change(regions=disk().regions[1:]), "malformed", \
        "no region of the block table"
    yield "no-metadata", Disk().change(regions=disk().regions[:1]), "malformed", \
        "no region of the metadata"
    twice = disk()
    twice.regions.append((METADATA_REGION, BLOCK, MIB, 1))
    yield "region-twice", twice, "malformed", "has the region 8b7ca206"
    yield "region-unaligned", disk((BLOCK_TABLE + 512, MIB)), "malformed", \
        f"{table}: 1048576 bytes at 1049088"
    yield "region-length-unaligned", disk((BLOCK_TABLE, MIB - 512)), "malformed", \
        f"{table}: 1048064 bytes at 1048576"
    yield "region-empty", disk((BLOCK_TABLE, 0)), "malformed", f"{table}: 0 bytes at 1048576"
    yield "region-in-header-section", disk((0, MIB)), "malformed", f"{table}: 1048576 bytes at 0"
    yield "region-beyond-file", disk(metadata=(5 * MIB, MIB)), "malformed", \
        f"{metadata}: points to 1048576 bytes at 5242880"
    yield "regions-overlap", disk(metadata=(BLOCK_TABLE, MIB)), "malformed", \
        f"{metadata}: the 1048576 bytes at 1048576 overlap"
    yield "region-in-log", disk(metadata=(LOG, MIB)), "malformed", \
        f"{metadata}: the 1048576 bytes at 3145728 overlap"
    other = disk()
    other.regions.append((UNKNOWN, METADATA, MIB, 0))
    yield "other-region-overlaps", other, "malformed", \
        "region 01234567-89ab-cdef-0123-456789abcdef: the 1048576 bytes at 2097152 overlap"


def bad_metadata():
    yield "no-metadata-table", Disk().patch(METADATA, b"metadatb"), "malformed", \
        "no metadata table at 2097152"
    yield "too-many-items", Disk().change(item_count=2048), "malformed", \
        "a metadata table of 2048 entries"
    for name, item in (
        ("no-file-parameters", FILE_PARAMETERS),
        ("no-disk-size", DISK_SIZE),
        ("no-logical-sector", LOGICAL_SECTOR),
    ):
        yield name, Disk().without(item), "malformed", f"lacks the metadata item {item.lower()}"
    disk = Disk()
    disk.items.append([DISK_SIZE, struct.pack("<Q", 8 * MIB)])
    yield "item-twice", disk, "malformed", f"has the metadata item {DISK_SIZE.lower()} twice"
    for name, place in (
        ("item-in-table", (64 * KIB - 8, 8)),
        ("item-beyond-region", (MIB - 4, 8)),
        ("item-offset-huge", (0xFFFFFFFF, 8)),
    ):
        yield name, Disk().change(item_places={DISK_SIZE: place}), "malformed", \
            f"metadata item {DISK_SIZE.lower()}: 8 bytes at {place[0]}"
    yield "item-too-short", Disk().item(DISK_SIZE, bytes(4)), "malformed", \
        f"metadata item {DISK_SIZE.lower()} has 4 bytes, expected 8"
    for name, size in (
        ("block-size-0", 0),
        ("block-size-too-small", MIB // 2),
        ("block-size-too-large", 512 * MIB),
        ("block-size-no-power-of-two", 3 * MIB),
    ):
        yield name, Disk().item(FILE_PARAMETERS, struct.pack("<II", size, 0)), "malformed", \
            f"blocks of {size} bytes"
    for name, size in (("sector-size-0", 0), ("sector-size-1024", 1024)):
        yield name, Disk().item(LOGICAL_SECTOR, struct.pack("<I", size)), "malformed", \
            f"logical sectors of {size} bytes"
    for name, size in (
        ("disk-size-odd", 4 * MIB - 1),
        ("disk-too-large", (64 << 40) + 512),
        ("disk-size-huge", (1 << 64) - 512),
    ):
        yield name, Disk().item(DISK_SIZE, struct.pack("<Q", size)), "malformed", \
            f"a disk of {size} bytes"
    disk = Disk().item(LOGICAL_SECTOR, struct.pack("<I", 4096))
    yield "disk-size-no-whole-4096", disk.item(DISK_SIZE, struct.pack("<Q", 4 * MIB - 512)), \
        "malformed", "a disk of 4193792 bytes, expected whole sectors of 4096"
    yield "block-table-too-small", Disk().item(DISK_SIZE, struct.pack("<Q", 131072 * MIB)), \
        "malformed", "the block table has 131072 entries, 131103 are needed"


def bad_blocks():
    yield "block-reserved-state", Disk().entry(1, 4), "malformed", "state 4 is reserved"
    yield "block-reserved-bits", Disk().entry(1, 8), "malformed", \
        "block table entry 1 (0x0000000000000008): reserved bits"
    yield "block-nowhere", Disk().entry(0, STORED), "malformed", \
        "block table entry 0 (0x0000000000000006): 1048576 bytes at 0, expected"
    yield "block-beyond-file", Disk().entry(0, 5 * MIB | STORED), "malformed", \
        "block table entry 0 (0x0000000000500006): 1048576 bytes at 5242880, expected"
    yield "block-offset-huge", Disk().entry(0, (1 << 64) - MIB | STORED), "malformed", \
        "1048576 bytes at 18446744073708503040, expected"
    yield "block-cut-off", Disk().change(size=5 * MIB - 1), "malformed", \
        "1048576 bytes at 4194304, expected within 1048576 to 5242879"
    yield "block-used-twice", Disk().entry(2, BLOCK | STORED), "malformed", \
        'block table entry 2: "memory": data block: the 1048576 bytes at 4194304 overlap'
    for name, place in (
        ("block-in-block-table", BLOCK_TABLE),
        ("block-in-metadata", METADATA),
        ("block-in-log", LOG),
    ):
        yield name, Disk().entry(3, place | STORED), "malformed", \
            f'block table entry 3: "memory": data block: the 1048576 bytes at {place} overlap'


def main():
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    if folder == FOLDER:
        shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    lines = []
    for disks in (
        foreign_disks(),
        bad_header_sections(),
        bad_regions(),
        bad_metadata(),
        bad_blocks(),
    ):
        for defect, disk, code, fragment in disks:
            if folder == FOLDER:
                name = f"{defect}.vhdx.pieces"
                (folder / name).write_bytes(pieces(disk.bytes()))
                lines.append(f"{name}\t{code}\t{fragment}\n")
            else:
                (folder / f"{defect}.vhdx").write_bytes(disk.bytes())
    if folder == FOLDER:
        (folder / "expected.tsv").write_text("".join(sorted(lines)))


if __name__ == "__main__":
    main()
