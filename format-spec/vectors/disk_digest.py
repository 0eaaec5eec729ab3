#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# The content digest of a disk, from its raw image: disk_digest.py FILE
import hashlib, sys
def sha(*parts): return hashlib.sha256(b"".join(parts)).digest()
size, chunks = 0, []
with open(sys.argv[1], "rb") as disk:
    while chunk := disk.read(1 << 20):
        chunk += bytes(-len(chunk) % 512)
        size += len(chunk)
        chunks.append(sha(b"\0", chunk))
groups = [sha(b"\1", *chunks[i:i + 1024]) for i in range(0, len(chunks), 1024)]
print("disk-v1:" + sha(b"\2", size.to_bytes(8, "big"), *groups).hex())
