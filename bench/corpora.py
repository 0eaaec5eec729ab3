# SPDX-License-Identifier: Apache-2.0
"""What is measured on: made once and kept in the scratch folder."""
import hashlib
import json
import os
import pathlib
import shutil

import measuring

TOP = pathlib.Path(__file__).resolve().parents[1]
OCI = "application/vnd.oci.image."


def images(scratch, bulk_mib, apps):
    """An image layout with corpus.json: real images out of Debian packages."""
    where = scratch / f"corpus-{apps}-{bulk_mib}"
    if not (where / "corpus.json").exists():
        shutil.rmtree(where, ignore_errors=True)
        measuring.measure([TOP / "samples/make-corpus", where, "--apps", apps, "--bulk-mib", bulk_mib,
                           "--cache", scratch.parent / "debs"], log=scratch / "make-corpus.log")
    return where


def data_bytes(path):
    return os.stat(path).st_blocks * 512


def sparse_disk(scratch, gib, mib):
    """A raw disk of so many GiB with `mib` MiB of data, half of it at the front and half at the end."""
    where = scratch / f"sparse-{gib}-{mib}.raw"
    if not where.exists():
        half = (mib << 20) // 2
        with open(where.with_suffix(".part"), "wb") as out:
            out.truncate(gib << 30)
            for offset, seed in ((0, b"front"), ((gib << 30) - half, b"back")):
                out.seek(offset)
                for number in range(half >> 20):
                    # Half noise, half repetition: what a compressor makes of it lies between text and archives.
                    noise = hashlib.shake_128(seed + number.to_bytes(4, "big")).digest(1 << 19)
                    out.write(noise + noise[:64] * (1 << 13))
        where.with_suffix(".part").rename(where)
    return where


class _Storage:
    """The storage of a docker-registry, written as its file system driver lays it out: pushing 20,000 manifests
    through HTTP would take longer than all that is measured."""

    def __init__(self, root):
        self.root = pathlib.Path(root) / "docker/registry/v2"

    def _link(self, path, digest):
        path = self.root / "repositories" / path
        path.mkdir(parents=True, exist_ok=True)
        (path / "link").write_text(digest)

    def blob(self, repository, data, kind="_layers"):
        hexadecimal = hashlib.sha256(data).hexdigest()
        path = self.root / "blobs/sha256" / hexadecimal[:2] / hexadecimal
        if not path.exists():
            path.mkdir(parents=True)
            (path / "data").write_bytes(data)
        self._link(f"{repository}/{kind}/sha256/{hexadecimal}", "sha256:" + hexadecimal)
        return "sha256:" + hexadecimal

    def tag(self, repository, tag, digest):
        self._link(f"{repository}/_manifests/tags/{tag}/current", digest)
        self._link(f"{repository}/_manifests/tags/{tag}/index/sha256/{digest[7:]}", digest)


def many_manifests(scratch, repositories, tags):
    """The storage of a registry with so many repositories of so many tags, and what is in it:
    [(repository, tag, manifest digest, [blob digests])]."""
    where = scratch / f"many-{repositories}-{tags}"
    listing = where / "listing.json"
    if not listing.exists():
        shutil.rmtree(where, ignore_errors=True)
        storage = _Storage(where / "storage")
        entries = []
        for repository in range(repositories):
            name = f"team{repository % 50:02}/service{repository:04}"
            base = f"base layer of {name}\n".encode() * 20
            for tag in range(tags):
                config = json.dumps({"architecture": "amd64", "os": "linux", "service": name, "build": tag}).encode()
                top = f"layer {tag} of {name}\n".encode() * 40
                blobs = [(config, "config.v1+json"), (base, "layer.v1.tar"), (top, "layer.v1.tar")]
                described = [{"mediaType": OCI + kind, "digest": storage.blob(name, data), "size": len(data)}
                             for data, kind in blobs]
                manifest = json.dumps({"schemaVersion": 2, "mediaType": OCI + "manifest.v1+json", "config": described[0],
                                       "layers": described[1:]}).encode()
                digest = storage.blob(name, manifest, "_manifests/revisions")
                storage.tag(name, f"1.{tag}", digest)
                entries.append([name, f"1.{tag}", digest, [blob["digest"] for blob in described]])
        listing.write_text(json.dumps(entries))
    return where / "storage", json.loads(listing.read_text())
