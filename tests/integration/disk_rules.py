# SPDX-License-Identifier: Apache-2.0
"""What strict readers ask of VHD and VMDK files, by the formats' specifications and nothing of ours.

XenServer's check of VHDs, which Debian has no package of, refuses what check_vhd() refuses; check_sparse_vmdk(),
check_split_vmdk() and check_stream_vmdk() hold the tables and markers of VMDKs against each other.
"""
import re
import struct
import zlib

SECTOR = 512


def require(condition, what):
    if not condition:
        raise AssertionError(what)


def checksum(data, at):
    return ~sum(data[:at] + data[at + 4:]) & 0xFFFFFFFF


def geometry_sectors(footer):
    cylinders, heads, sectors = struct.unpack_from(">HBB", footer, 56)
    return cylinders * heads * sectors


def check_footer(footer, size, kind):
    require(footer[:8] == b"conectix", "footer: cookie")
    features, version, offset, created = struct.unpack_from(">IIQI", footer, 8)
    require(features == 2, f"footer: features {features:#x}")
    require(version == 0x10000, f"footer: version {version:#x}")
    require(created < 1 << 30, "footer: created in the future")
    original, current = struct.unpack_from(">QQ", footer, 40)
    require(original == current == size, f"footer: sizes {original} and {current}, expected {size}")
    require(struct.unpack_from(">I", footer, 60)[0] == kind, "footer: type")
    require(struct.unpack_from(">I", footer, 64)[0] == checksum(footer, 64), "footer: checksum")
    require(footer[68:84] != bytes(16), "footer: no unique id")
    require(footer[84] == 0 and footer[85:] == bytes(427), "footer: saved state, hidden, or something reserved")
    require(geometry_sectors(footer) * SECTOR <= size, "footer: geometry larger than the disk")
    return offset


def check_vhd(path, size, fixed):
    """The footer, and of a dynamic disk its twin, the header, and that no block meets another or a structure."""
    with open(path, "rb") as file:
        length = file.seek(0, 2)
        require(length % SECTOR == 0, f"length {length} is no whole number of sectors")
        file.seek(length - SECTOR)
        footer = file.read(SECTOR)
        offset = check_footer(footer, size, 2 if fixed else 3)
        if fixed:
            require(offset == (1 << 64) - 1 and length == size + SECTOR, "fixed disk: data offset or length")
            return
        file.seek(0)
        require(file.read(SECTOR) == footer, "the footer and its copy differ")
        require(offset == SECTOR, f"header at {offset}")
        header = file.read(1024)
        require(header[:8] == b"cxsparse", "header: cookie")
        data, table, version, entries, block, check = struct.unpack_from(">QQIIII", header, 8)
        require((data, version, block) == ((1 << 64) - 1, 0x10000, 2 << 20), "header: fields")
        require(check == checksum(header, 36), "header: checksum")
        require(entries == -(-size // block), f"header: {entries} BAT entries")
        file.seek(table)
        bat = struct.unpack(f">{entries}I", file.read(entries * 4))
        taken = [(0, 512), (512, 1536), (table, -(-(table + entries * 4) // SECTOR) * SECTOR), (length - SECTOR, length)]
        for entry in bat:
            if entry == 0xFFFFFFFF:
                continue
            taken.append((entry * SECTOR, entry * SECTOR + SECTOR + block))
            file.seek(entry * SECTOR)
            require(file.read(SECTOR) == b"\xff" * SECTOR, "a bitmap with clear bits")
        taken.sort()
        for (_, end), (begin, _) in zip(taken, taken[1:]):
            require(end <= begin, f"something ends at {end}, and something begins at {begin}")


def read_vmdk_header(file, at=0):
    file.seek(at)
    data = file.read(SECTOR)
    require(data[:4] == b"KDMV", f"no magic at {at}")
    fields = struct.unpack_from("<IIQQQQIQQQ", data, 4)
    names = ("version", "flags", "capacity", "grain", "descriptor", "descriptor_size", "entries", "rgd", "gd", "overhead")
    require(data[72:77] == b"\0\n \r\n", "header: unclean, or changed by a text-mode transfer")
    return {**dict(zip(names, fields)), "compression": struct.unpack_from("<H", data, 77)[0]}


def check_sparse_vmdk(path, size, embedded=True):
    """Directory and redundant directory name different tables of the same content, and no two grains meet."""
    with open(path, "rb") as file:
        length = file.seek(0, 2)
        head = read_vmdk_header(file)
        require((head["version"], head["flags"], head["grain"], head["entries"]) == (1, 3, 128, 512), f"header: {head}")
        require(head["capacity"] * SECTOR == size and head["overhead"] % 128 == 0, "header: capacity or overhead")
        require((head["descriptor"], head["descriptor_size"]) == ((1, 20) if embedded else (0, 0)), "header: descriptor")
        tables = -(-size // (32 << 20))

        def directory(sector):
            file.seek(sector * SECTOR)
            return struct.unpack(f"<{tables}I", file.read(4 * tables))

        first, second = directory(head["gd"]), directory(head["rgd"])
        require(not set(first) & set(second), "both directories name one table")
        seen = set()
        for one, two in zip(first, second):
            file.seek(one * SECTOR)
            table = file.read(2048)
            file.seek(two * SECTOR)
            require(file.read(2048) == table, f"the tables at {one} and {two} differ")
            for grain in filter(None, struct.unpack("<512I", table)):
                require(grain >= head["overhead"] and grain % 128 == 0, f"a grain at sector {grain}")
                require((grain + 128) * SECTOR <= length and grain not in seen, f"grain at sector {grain}: twice or beyond")
                seen.add(grain)


def check_split_vmdk(path, size):
    """A descriptor file whose extents lie beside it and have, together, the size of the disk."""
    text = path.read_text()
    require(text.startswith("# Disk DescriptorFile\nversion=1\n"), "descriptor: first lines")
    kind = re.search(r'^createType="(\w+)"$', text, re.M)[1]
    extents = re.findall(r'^RW (\d+) (FLAT|SPARSE) "([\w.-]+)"( 0)?$', text, re.M)
    require(extents and len(extents) == len(re.findall("^RW", text, re.M)), "descriptor: extents")
    require(sum(int(sectors) for sectors, *_ in extents) * SECTOR == size, "descriptor: sectors")
    require(len({name for _, _, name, _ in extents}) == len(extents), "descriptor: a file twice")
    if kind == "monolithicFlat":
        (_, access, name, offset), = extents
        require((access, name, offset) == ("FLAT", f"{path.stem}-flat.vmdk", " 0"), "descriptor: extent")
        require((path.parent / name).stat().st_size == size, f"{name}: length")
        return
    require(kind == "twoGbMaxExtentSparse", f"descriptor: {kind}")
    for number, (sectors, access, name, offset) in enumerate(extents, 1):
        require((access, name, offset) == ("SPARSE", f"{path.stem}-s{number:03}.vmdk", ""), f"descriptor: extent {number}")
        require(int(sectors) == 2047 << 11 or number == len(extents), f"descriptor: {sectors} sectors")
        check_sparse_vmdk(path.parent / name, int(sectors) * SECTOR, embedded=False)


def check_stream_vmdk(path, size):
    """Reads the stream in its order: every grain in full, with its own LBA, before its table; footer and end last."""
    with open(path, "rb") as file:
        length = file.seek(0, 2)
        head = read_vmdk_header(file)
        require((head["version"], head["flags"], head["compression"], head["gd"]) == (3, 0x30001, 1, (1 << 64) - 1),
                f"header: {head}")
        require(head["capacity"] * SECTOR == size, "header: capacity")
        at, lba, grains, tables, directory = head["overhead"] * SECTOR, -1, {}, [], None
        while True:
            file.seek(at)
            first, length_of, kind = struct.unpack_from("<QII", file.read(SECTOR))
            if length_of:
                require(first > lba and first % 128 == 0, f"grain {first} behind {lba}")
                require(12 + length_of <= 129 * SECTOR, f"grain {first}: a record of {length_of} bytes")
                file.seek(at + 12)
                inflater = zlib.decompressobj()
                data = inflater.decompress(file.read(length_of), 65537)
                require(len(data) == 65536 and inflater.eof and any(data), f"grain {first}: {len(data)} bytes")
                lba, grains[first] = first, at // SECTOR
                at += -(-(12 + length_of) // SECTOR) * SECTOR
            elif kind == 1:
                table = struct.unpack("<512I", file.read(2048))
                tables.append(at // SECTOR + 1)
                base = lba // 65536 * 65536
                require(all(grains.get(base + i * 128, 0) == entry for i, entry in enumerate(table)), f"table at {at}")
                at += SECTOR + 2048
            elif kind == 2:
                count = -(-size // (32 << 20))
                directory = struct.unpack(f"<{count}I", file.read(4 * count))
                require([entry for entry in directory if entry] == tables, "the directory names other tables")
                directory_at = at // SECTOR + 1
                at += SECTOR + first * SECTOR
            else:
                require(kind == 3 and directory is not None, f"marker of kind {kind} at {at}")
                footer = read_vmdk_header(file, at + SECTOR)
                require({**footer, "gd": 0} == {**head, "gd": 0} and footer["gd"] == directory_at, "the footer")
                file.seek(at + 2 * SECTOR)
                require(file.read() == bytes(SECTOR) and length == at + 3 * SECTOR, "the end of the stream")
                return
