#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes VMDK files with one defect each, and what the reader must say of them.

    tests/data/make_bad_vmdk.py [FOLDER]     (default: bad/vmdk beside this file)

expected.tsv has a line a file: name, error code, part of the message. The code "-" marks a file
that is there only to be named by others.
"""

import struct
import sys
import zlib
from pathlib import Path

SECTOR = 512
GRAIN_SECTORS = 8
GRAIN = GRAIN_SECTORS * SECTOR
CAPACITY = 4 * GRAIN_SECTORS
AT_END = 2**64 - 1

NEWLINES, REDUNDANT, ZERO_GRAINS, COMPRESSED, MARKERS = 1, 2, 4, 1 << 16, 1 << 17
END_OF_STREAM, GRAIN_TABLE, DIRECTORY, FOOTER = 0, 1, 2, 3

# Where the writers below put things, in sectors.
DESCRIPTOR_AT, DESCRIPTOR_SECTORS = 1, 2
HOSTED_DIRECTORY, HOSTED_TABLE, FIRST_GRAIN = 3, 4, 8


def header(**changes):
    fields = dict(
        magic=b"KDMV", version=1, flags=NEWLINES, capacity=CAPACITY, grain=GRAIN_SECTORS,
        descriptor=DESCRIPTOR_AT, descriptor_sectors=DESCRIPTOR_SECTORS, entries_per_table=512, redundant=0,
        directory=HOSTED_DIRECTORY, overhead=FIRST_GRAIN, unclean=0, newlines=b"\n \r\n",
        compression=0,
    )  # fmt: skip
    assert not set(changes) - set(fields)
    fields.update(changes)
    return struct.pack("<4sIIQQQQIQQQB4sH433x", *fields.values())


def descriptor(extents, create_type="monolithicSparse", **changes):
    keys = dict(version="1", CID="12345678", parentCID="ffffffff", createType=f'"{create_type}"')
    keys.update(changes)
    lines = ["# Disk DescriptorFile"]
    lines += [f"{key}={value}" for key, value in keys.items() if value is not None]
    return "\n".join(lines + list(extents)) + "\n"


def embedded(extents=(f'RW {CAPACITY} SPARSE "disk.vmdk"',), **changes):
    return descriptor(extents, **changes).encode().ljust(DESCRIPTOR_SECTORS * SECTOR, b"\0")


def table(entries):
    return struct.pack("<512I", *entries, *[0] * (512 - len(entries)))


def hosted(entries=(FIRST_GRAIN, FIRST_GRAIN + 8), text=None, table_at=HOSTED_TABLE, **head):
    """Two grains of letters, unless `entries` says otherwise."""
    return (
        header(**head)
        + (embedded() if text is None else text)
        + struct.pack("<I508x", table_at)
        + table(entries)
        + b"A" * GRAIN
        + b"B" * GRAIN
    )


def marker(kind, sectors, size=0):
    return struct.pack("<QII496x", sectors, size, kind)


def record(grain, packed, size=None):
    content = struct.pack("<QI", grain * GRAIN_SECTORS, len(packed) if size is None else size) + packed
    return content.ljust(-(-len(content) // SECTOR) * SECTOR, b"\0")


def stream(records=None, entries=None, tail=None, foot=None, cut=0, **head):
    """Grains 0 and 1, with a footer."""
    head = dict(version=3, flags=NEWLINES | COMPRESSED | MARKERS, compression=1, directory=AT_END) | head
    if records is None:
        records = [record(0, zlib.compress(b"A" * GRAIN)), record(1, zlib.compress(b"B" * GRAIN))]
    body = header(**head) + embedded(create_type="streamOptimized")
    body = body.ljust(FIRST_GRAIN * SECTOR, b"\0")
    places = []
    for one in records:
        places.append(len(body) // SECTOR)
        body += one
    body += marker(GRAIN_TABLE, 4)
    table_at = len(body) // SECTOR
    body += table(places if entries is None else entries) + marker(DIRECTORY, 1)
    directory_at = len(body) // SECTOR
    body += struct.pack("<I508x", table_at)
    footer = header(**(head | dict(directory=directory_at) | (foot or {})))
    body += (marker(FOOTER, 1) + footer + marker(END_OF_STREAM, 0)) if tail is None else tail(footer)
    return body[: len(body) - cut]


def head_stream(records, cut):
    """The directory and the table stand before the grains; nothing is behind them."""
    body = header(version=3, flags=NEWLINES | COMPRESSED | MARKERS, compression=1)
    body += embedded(create_type="streamOptimized") + struct.pack("<I508x", HOSTED_TABLE)
    places = [FIRST_GRAIN]
    for one in records[:-1]:
        places.append(places[-1] + len(one) // SECTOR)
    body += table(places) + b"".join(records)
    return body[: len(body) - cut]


def flat(*lines, create_type="monolithicFlat", **changes):
    return descriptor(lines, create_type, **changes).encode()


def changed_adler():
    packed = bytearray(zlib.compress(b"A" * GRAIN))
    packed[-1] ^= 1
    return bytes(packed)


def header_cases():
    yield "text-mode-transfer.vmdk", hosted(newlines=b"\n \n\n"), "malformed", "transfer as text"
    yield "version-4.vmdk", hosted(version=4), "unsupported", "version 4"
    yield "version-0.vmdk", hosted(version=0), "unsupported", "version 0"
    yield "unknown-flag.vmdk", hosted(flags=NEWLINES | 1 << 18), "unsupported", "does not know (0x40000)"
    yield "markers-uncompressed.vmdk", hosted(flags=NEWLINES | MARKERS), "malformed", "markers without compression"
    yield "compressed-without-markers.vmdk", stream(flags=NEWLINES | COMPRESSED), "unsupported", "without markers"
    yield "compression-2.vmdk", stream(compression=2), "unsupported", "compression algorithm 2"
    yield "compression-contradicts.vmdk", hosted(compression=1), "malformed", "contradicts the flags"
    yield "grain-0.vmdk", hosted(grain=0), "malformed", "grains of 0 sectors"
    yield "grain-24.vmdk", hosted(grain=24), "malformed", "grains of 24 sectors"
    yield "grain-32768.vmdk", hosted(grain=32768), "unsupported", "grains of 32768 sectors"
    yield "compressed-grain-4096.vmdk", stream(grain=4096), "unsupported", "grains of 4096 sectors"
    yield "table-entries-0.vmdk", hosted(entries_per_table=0), "malformed", "header: 0 entries"
    yield "table-entries-256.vmdk", hosted(entries_per_table=256), "malformed", "header: 256 entries"
    yield "capacity-0.vmdk", hosted(capacity=0), "malformed", "a capacity of 0 sectors"
    yield "capacity-2-63.vmdk", hosted(capacity=2**63), "unsupported", "a capacity of 9223372036854775808"
    yield "capacity-all-ones.vmdk", hosted(capacity=2**64 - 1), "unsupported", "a capacity of 18446744073709551615"
    yield "too-many-tables.vmdk", hosted(capacity=2**34), "unsupported", "in 2097152 grain tables"
    yield "header-cut.vmdk", hosted()[:400], "malformed", "the file has 0 sectors"
    yield "cowd.vmdk", b"COWD".ljust(2048, b"\0"), "unsupported", "COWD"
    yield "sesparse.vmdk", b"\xbe\xba\xfe\xca".ljust(4096, b"\0"), "unsupported", "seSparse"
    yield "no-vmdk.vmdk", b"raw data".ljust(2048, b"\0"), "malformed", "neither a sparse extent"
    yield "empty.vmdk", b"", "malformed", "neither a sparse extent nor"


def table_cases():
    yield "directory-larger-than-file.vmdk", hosted(capacity=2**31), "malformed", "grain directory: 2097152 bytes"
    yield "directory-outside.vmdk", hosted(directory=1000), "malformed", "grain directory: 4 bytes at sector 1000"
    yield "directory-overflows.vmdk", hosted(directory=2**63), "malformed", "at sector 9223372036854775808"
    yield "directory-in-header.vmdk", hosted(directory=0), "malformed", "grain directory at sector 0 lies in"
    yield "redundant-outside.vmdk", hosted(flags=NEWLINES | REDUNDANT, redundant=900), "malformed", "redundant grain directory: 4 bytes at sector 900"
    yield "redundant-in-descriptor.vmdk", hosted(flags=NEWLINES | REDUNDANT, redundant=1), "malformed", "redundant grain directory at sector 1 lies in"
    yield "table-outside.vmdk", hosted(table_at=5000), "malformed", "grain table 0: 4 sectors at sector 5000"
    yield "table-in-descriptor.vmdk", hosted(table_at=2), "malformed", "grain table 0 at sector 2"
    yield "table-on-directory.vmdk", hosted(table_at=3), "malformed", "grain table 0 at sector 3"
    yield "grain-outside.vmdk", hosted(entries=(FIRST_GRAIN, 1 << 20)), "malformed", "grain 1 at sector 1048576 ends behind"
    yield "grain-cut.vmdk", hosted()[:-SECTOR], "malformed", "grain 1 at sector 16 ends behind"
    yield "grain-in-header.vmdk", hosted(entries=(0, 0, 2)), "malformed", "grain 2 at sector 2 lies in"
    yield "grain-on-directory.vmdk", hosted(entries=(3,)), "malformed", "grain 0 at sector 3 lies in"
    yield "grain-on-table.vmdk", hosted(entries=(7,)), "malformed", "grain 0 at sector 7 lies in"
    yield "grain-twice.vmdk", hosted(entries=(FIRST_GRAIN, FIRST_GRAIN)), "malformed", "grain 1: the 4096 bytes at 4096 overlap"
    yield "grain-unaligned.vmdk", hosted(entries=(FIRST_GRAIN + 1,)), "malformed", "grain 0: offset 4608 is no multiple"
    yield "zero-grain-without-flag.vmdk", hosted(entries=(1,)), "malformed", "grain 0: entry 1 (zeros)"


def footer_cases():
    def tail(first=marker(FOOTER, 1), last=marker(END_OF_STREAM, 0)):
        return lambda footer: first + footer + last

    yield "footer-no-marker.vmdk", stream(tail=tail(first=marker(DIRECTORY, 1))), "malformed", "no footer marker at"
    yield "footer-marker-with-size.vmdk", stream(tail=tail(first=marker(FOOTER, 1, 5))), "malformed", "footer: no footer marker"
    yield "footer-no-end.vmdk", stream(tail=tail(last=marker(GRAIN_TABLE, 0))), "malformed", "no end-of-stream marker at"
    yield "footer-cut-off.vmdk", stream(cut=3 * SECTOR), "malformed", "no footer marker at sector"
    yield "footer-cut-in-sector.vmdk", stream(cut=100), "malformed", "at the end of whole sectors"
    yield "footer-magic.vmdk", stream(foot=dict(magic=b"KDMX")), "malformed", "footer: no sparse extent"
    yield "footer-version.vmdk", stream(foot=dict(version=1)), "malformed", "footer: version 1"
    yield "footer-capacity.vmdk", stream(foot=dict(capacity=CAPACITY + 8)), "malformed", "footer: capacity 40"
    yield "footer-grain.vmdk", stream(foot=dict(grain=16)), "malformed", "footer: grain size 16"
    yield "footer-names-a-footer.vmdk", stream(foot=dict(directory=AT_END)), "malformed", "says itself that the directory is in a footer"
    yield "stream-directory-outside.vmdk", stream(foot=dict(directory=7777)), "malformed", "grain directory: 4 bytes at sector 7777"


def stream_cases():
    good = record(0, zlib.compress(b"A" * GRAIN))
    short = zlib.compress(b"A" * (GRAIN - SECTOR))
    noise = bytes((i * 197 + (i >> 3) * 91 + (i >> 7) * 13) % 251 for i in range(3 * GRAIN))
    yield "marker-wrong-grain.vmdk", stream([record(3, zlib.compress(b"A" * GRAIN))]), "malformed", "its marker is of guest sector 24, expected 0"
    yield "record-twice.vmdk", stream([good], entries=(8, 8)), "malformed", "its marker is of guest sector 0, expected 8"
    yield "record-length-0.vmdk", stream([record(0, b"", 0), good]), "malformed", "its marker says 0 compressed bytes"
    yield "record-too-long.vmdk", stream([record(0, noise)]), "malformed", "its marker says 12288 compressed bytes"
    yield "record-behind-file.vmdk", head_stream([good, record(1, zlib.compress(noise[:GRAIN]))], cut=SECTOR), "malformed", "compressed bytes end behind the file"
    yield "record-outside.vmdk", stream([good], entries=(8, 99999)), "malformed", "grain 1 at sector 99999 ends behind"
    yield "record-in-descriptor.vmdk", stream([good], entries=(1,)), "malformed", "grain 0: entry 1 (zeros)"
    yield "record-on-directory.vmdk", stream([good], entries=(15,)), "malformed", "grain 0 at sector 15 lies in"
    yield "no-zlib.vmdk", stream([record(0, b"\xff" * 100)]), "malformed", "100 bytes are not one intact zlib stream"
    yield "raw-deflate.vmdk", stream([record(0, zlib.compress(b"A" * GRAIN)[2:-4])]), "malformed", "grain 0 at sector 8: "
    yield "adler-changed.vmdk", stream([record(0, changed_adler())]), "malformed", "are not one intact zlib stream of at most 4096"
    yield "stream-cut.vmdk", stream([record(0, zlib.compress(noise[:GRAIN])[:-40])]), "malformed", "not one intact zlib stream"
    yield "bytes-behind-stream.vmdk", stream([record(0, zlib.compress(b"A" * GRAIN) + b"12345")]), "malformed", "intact zlib stream of at most"
    yield "grain-too-short.vmdk", stream([record(0, short)]), "malformed", "decompresses to 3584 bytes, expected 4096"
    yield "bomb.vmdk", stream([record(0, zlib.compress(b"\0" * (1 << 20)))]), "malformed", "zlib stream of at most 4096 bytes"


def embedded_cases():
    yield "descriptor-outside.vmdk", hosted(descriptor=100), "malformed", "descriptor: 2 sectors at sector 100"
    yield "descriptor-overflows.vmdk", hosted(descriptor=2**64 - 1), "malformed", "descriptor: 2 sectors at sector 18446744073709551615"
    yield "no-descriptor.vmdk", hosted(descriptor=0, descriptor_sectors=0), "unsupported", "one extent of a split disk"
    yield "embedded-flat.vmdk", hosted(text=embedded(['RW 32 FLAT "letters.bin" 0'])), "malformed", "expected one SPARSE extent"
    yield "embedded-two-extents.vmdk", hosted(text=embedded(['RW 16 SPARSE "a"', 'RW 16 SPARSE "b"'])), "malformed", "lists 2 extents"
    yield "embedded-larger.vmdk", hosted(text=embedded(['RW 40 SPARSE "disk.vmdk"'])), "malformed", "a capacity of 32 sectors, the descriptor says 40"
    yield "embedded-parent.vmdk", hosted(text=embedded(parentCID="01020304")), "unsupported", "parentCID 01020304"
    yield "embedded-no-extents.vmdk", hosted(text=embedded([])), "malformed", "descriptor: no extents"
    yield "embedded-nothing.vmdk", hosted(text=bytes(2 * SECTOR)), "malformed", 'descriptor: no "version"'


def name_cases():
    names = {
        "name-absolute": "/etc/passwd", "name-folder": "folder/letters.bin", "name-backslash": "folder\\letters.bin",
        "name-drive": "c:letters.bin", "name-dotdot": "..", "name-parent": "../../etc/passwd", "name-url": "nbd:localhost:1",
        "name-json": 'json:{}', "name-empty": "", "name-right-to-left": "a\u202egnp.bin",
    }  # fmt: skip
    shown = {"name-backslash": '\\\\', "name-right-to-left": "\\u{202e}"}
    for name, path in names.items():
        fragment = shown.get(name, f'an extent in "{path}"')
        yield name + ".vmdk", flat(f'RW 8 FLAT "{path}" 0', encoding='"UTF-8"'), "malformed", fragment
    yield "name-control.vmdk", flat('RW 8 FLAT "a\x1b[2Jb" 0'), "malformed", "control characters"
    yield "name-nul.vmdk", flat('RW 8 FLAT "a\0b" 0'), "malformed", "line 6: control characters"
    yield "name-latin1.vmdk", flat('RW 8 FLAT "l\xe4tters.bin" 0').decode().encode("latin-1"), "malformed", "an extent in \"l\\xe4tters.bin\""
    yield "name-not-utf8.vmdk", flat('RW 8 FLAT "l\xe4tters.bin" 0', encoding='"windows-1252"'), "unsupported", "an encoding that is not UTF-8"
    yield "name-missing.vmdk", flat('RW 8 FLAT "nowhere.bin" 0'), "integrity", '"nowhere.bin" is missing'


def descriptor_cases():
    yield "parent-hint.vmdk", flat('RW 8 FLAT "letters.bin" 0', parentFileNameHint='"/etc/passwd"'), "unsupported", "parentFileNameHint"
    yield "parent-cid.vmdk", flat('RW 8 FLAT "letters.bin" 0', parentCID="abcdef01"), "unsupported", "parentCID abcdef01"
    yield "parent-cid-no-number.vmdk", flat('RW 8 FLAT "letters.bin" 0', parentCID="none"), "malformed", "a parentCID that is no number"
    for kind in ("fullDevice", "partitionedDevice", "vmfsRaw", "vmfsRDM", "vmfsSparse", "seSparse"):
        yield f"type-{kind}.vmdk", flat('RW 8 FLAT "letters.bin" 0', create_type=kind), "unsupported", f'createType "{kind}" is not read'
    yield "type-unknown.vmdk", flat('RW 8 FLAT "letters.bin" 0', create_type="tape"), "unsupported", 'createType "tape" is not known'
    yield "type-missing.vmdk", flat('RW 8 FLAT "letters.bin" 0', createType=None), "malformed", 'no "createtype"'
    yield "type-twice.vmdk", flat('CREATETYPE="vmfs"', 'RW 8 FLAT "letters.bin" 0'), "malformed", '"createtype" a second time'
    yield "version-9.vmdk", flat('RW 8 FLAT "letters.bin" 0', version="9"), "unsupported", "version 9, this build"
    yield "version-no-number.vmdk", flat('RW 8 FLAT "letters.bin" 0', version="new"), "malformed", "a version that is no number"
    yield "not-a-line.vmdk", flat("hello", 'RW 8 FLAT "letters.bin" 0'), "malformed", "line 6: neither a key with a value nor an extent"
    yield "extent-rdm.vmdk", flat('RW 8 VMFSRDM "letters.bin"'), "unsupported", 'type "VMFSRDM" are not read'
    yield "extent-vmfssparse.vmdk", flat('RW 8 VMFSSPARSE "letters.bin"'), "unsupported", 'type "VMFSSPARSE" are not read'
    yield "extent-type-unknown.vmdk", flat('RW 8 TAPE "letters.bin"'), "malformed", 'type "TAPE", which is none'
    yield "extent-without-name.vmdk", flat("RW 8 FLAT letters.bin 0"), "malformed", "without the name of its file in quotes"
    yield "extent-quote-open.vmdk", flat('RW 8 FLAT "letters.bin'), "malformed", "name of its file in quotes"
    yield "extent-0-sectors.vmdk", flat('RW 0 FLAT "letters.bin" 0'), "malformed", "an extent without sectors"
    yield "extent-sectors-no-number.vmdk", flat('RW -8 FLAT "letters.bin" 0'), "malformed", "without sectors: \"RW -8"
    yield "extent-offset-no-number.vmdk", flat('RW 8 FLAT "letters.bin" x'), "malformed", "whose offset is no number"
    yield "extent-more-words.vmdk", flat('RW 8 FLAT "letters.bin" 0 partition'), "malformed", "with something behind it"
    yield "extent-too-large.vmdk", flat(f"RW {2**54} ZERO"), "unsupported", "18014398509481984 sectors at 0 pass"
    yield "extent-offset-too-large.vmdk", flat(f'RW 8 FLAT "letters.bin" {2**64 - 1}'), "unsupported", "8 sectors at 18446744073709551615 pass"
    yield "extents-sum-too-large.vmdk", flat(f"RW {2**36} ZERO", f"RW {2**36} ZERO", f"RW {2**36} ZERO"), "unsupported", "extents of 137438953472 and"
    yield "too-many-extents.vmdk", flat(*["RW 1 ZERO"] * 4097), "unsupported", "more than 4096 extents"
    yield "too-many-lines.vmdk", flat(*["#"] * 5000, "RW 1 ZERO"), "unsupported", "more than 5000 lines"
    yield "flat-too-short.vmdk", flat('RW 17 FLAT "letters.bin" 0'), "malformed", "the descriptor says 8704 bytes at 0"
    yield "flat-offset-too-far.vmdk", flat('RW 8 FLAT "letters.bin" 9'), "malformed", "the descriptor says 4096 bytes at 4608"
    yield "flat-overlap.vmdk", flat('RW 8 FLAT "letters.bin" 0', 'RW 8 FLAT "letters.bin" 7'), "malformed", "two extents on the same bytes of"
    yield "flat-twice.vmdk", flat('RW 8 FLAT "letters.bin" 0', 'RW 8 FLAT "letters.bin" 0'), "malformed", 'the same bytes of "letters.bin"'
    yield "sparse-twice.vmdk", flat('RW 32 SPARSE "extent.bin"', 'RW 32 SPARSE "extent.bin"', create_type="twoGbMaxExtentSparse"), "malformed", 'the same bytes of "extent.bin"'
    yield "sparse-is-text.vmdk", flat("#" * SECTOR, 'RW 8 SPARSE "sparse-is-text.vmdk"', create_type="twoGbMaxExtentSparse"), "malformed", 'sparse-is-text.vmdk": no sparse extent: does not begin'
    yield "sparse-is-flat.vmdk", flat('RW 8 SPARSE "letters.bin"', create_type="twoGbMaxExtentSparse"), "malformed", 'letters.bin": no sparse extent'
    yield "sparse-too-small.vmdk", flat('RW 64 SPARSE "extent.bin"', create_type="twoGbMaxExtentSparse"), "malformed", "a capacity of 32 sectors, the descriptor says 64"


def others():
    """What descriptors of cases name."""
    yield "letters.bin", b"L" * 16 * SECTOR
    yield "extent.bin", hosted(descriptor=0, descriptor_sectors=0)


def main():
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent / "bad" / "vmdk"
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    lines = []
    for cases in (header_cases, table_cases, footer_cases, stream_cases, embedded_cases, name_cases, descriptor_cases):
        for name, content, code, fragment in cases():
            assert not (folder / name).exists(), name
            (folder / name).write_bytes(content)
            lines.append(f"{name}\t{code}\t{fragment}\n")
    for name, content in others():
        (folder / name).write_bytes(content)
        lines.append(f"{name}\t-\tnamed by others\n")
    (folder / "expected.tsv").write_text("".join(sorted(lines)))


if __name__ == "__main__":
    main()
