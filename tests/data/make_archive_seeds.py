#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes archives for the fuzzers, tests/fuzz/seeds/{tarball,archive}: sound ones, and some that nobody may take.

    tests/data/make_archive_seeds.py

Gives the same bytes every time.
"""

import gzip
import hashlib
import io
import json
import shutil
import struct
import tarfile
from pathlib import Path

SEEDS = Path(__file__).resolve().parents[1] / "fuzz" / "seeds"
BLOCK = 512


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def ours_header(path, size, kind=b"0"):
    """The one form of header that we write: format-spec/tarball.md."""
    head = struct.pack(
        "100s8s8s8s12s12s8s1s100s6s2s32s32s8s8s155s12x", path, b"0000644", b"0000000", b"0000000", b"%011o" % size,
        b"00000000000", b" " * 8, kind, b"", b"ustar\0", b"00", b"", b"", b"0000000", b"0000000", b"")  # fmt: skip
    checksum = b"%06o\0 " % sum(head)
    return head[:148] + checksum + head[156:]


def ours(members):
    data = b""
    for path, content in members:
        data += ours_header(path.encode(), len(content)) + content + bytes(-len(content) % BLOCK)
    return data + bytes(2 * BLOCK)


def foreign(members, form=tarfile.GNU_FORMAT):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as tar:
        for name, content in members:
            info = tarfile.TarInfo(name)
            if isinstance(content, tuple):
                info.type, info.linkname = content
                tar.addfile(info)
            else:
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
    data = out.getvalue().rstrip(b"\0")
    return data + bytes(-len(data) % BLOCK) + bytes(2 * BLOCK)


def layer():
    return foreign([("etc/motd", b"welcome\n")])


def config(layers):
    return json.dumps({"architecture": "amd64", "os": "linux", "created": "2026-01-02T03:04:05Z",
                       "rootfs": {"type": "layers", "diff_ids": ["sha256:" + sha256(one) for one in layers]}}).encode()  # fmt: skip


def docker_archive(names=("localhost:5000/library/busybox:1.35",), **more):
    one = layer()
    image = config([one, one])
    listing = [{"Config": "config.json", "RepoTags": list(names), "Layers": ["1/layer.tar", "2/layer.tar"]}]
    return foreign([("manifest.json", json.dumps(listing).encode()), ("config.json", image), ("1/layer.tar", one),
                    ("2/layer.tar", (tarfile.SYMTYPE, "../1/layer.tar"))], **more)  # fmt: skip


def layout():
    one = layer()
    blobs = [config([one]), gzip.compress(one, mtime=0)]
    types = ("config.v1+json", "layer.v1.tar+gzip")
    parts = [{"mediaType": f"application/vnd.oci.image.{kind}", "digest": "sha256:" + sha256(blob), "size": len(blob)}
             for kind, blob in zip(types, blobs)]  # fmt: skip
    kind = "application/vnd.oci.image.manifest.v1+json"
    manifest = json.dumps({"schemaVersion": 2, "mediaType": kind, "config": parts[0], "layers": parts[1:]}).encode()
    blobs.append(manifest)
    entry = {"mediaType": kind, "digest": "sha256:" + sha256(manifest), "size": len(manifest),
             "annotations": {"org.opencontainers.image.ref.name": "1.35"}}  # fmt: skip
    files = [("oci-layout", b'{"imageLayoutVersion":"1.0.0"}'),
             ("index.json", json.dumps({"schemaVersion": 2, "manifests": [entry]}).encode())]  # fmt: skip
    return foreign(files + [("blobs/sha256/" + sha256(blob), blob) for blob in blobs])


def archives():
    yield "docker.tar", docker_archive()
    yield "docker-pax.tar", docker_archive(form=tarfile.PAX_FORMAT)
    yield "docker.tar.gz", gzip.compress(docker_archive(names=()), mtime=0)
    yield "layout.tar", layout()
    yield "leads-out.tar", foreign([("../a", b"x"), ("b", (tarfile.SYMTYPE, "/etc/passwd"))])
    yield "links-in-a-ring.tar", foreign([("a", (tarfile.SYMTYPE, "b")), ("b", (tarfile.LNKTYPE, "a")), ("c", b"x")])
    yield "twice.tar", foreign([("a", b"x"), ("./a", b"y")])
    yield "long-name.tar", foreign([("d/" * 90 + "file", b"x")])


def tarballs():
    yield "layout.tar", ours([("oci-layout", b'{"imageLayoutVersion":"1.0.0"}'), ("blobs/sha256/" + "a" * 64, b"x" * 600)])
    yield "empty.tar", ours([])
    yield "empty-members.tar", ours([("a", b""), ("b/c", b"")])
    records = b"150 path=blobs/sha512/" + b"a" * 127 + b"\n"
    body = ours([("a", b"")])
    yield "pax.tar", ours_header(b"PaxHeaders/x", len(records), b"x") + records + bytes(BLOCK - len(records)) + body
    yield "foreign.tar", foreign([("a", b"x")])
    yield "cut.tar", ours([("a", b"x" * 600)])[:1200]


def main():
    for name, files in (("archive", archives()), ("tarball", tarballs())):
        folder = SEEDS / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for file, data in files:
            (folder / file).write_bytes(data)


if __name__ == "__main__":
    main()
