# SPDX-License-Identifier: Apache-2.0
"""Comparisons about disks: out of a raw disk into each format, and back."""
import os
import pathlib
import subprocess

import corpora
import disk_images
from image_work import EXPORT, IMPORT, remove
from measuring import Comparison, Contender, Work, measure

# Our format, and what qemu-img makes of the same kind.
FORMATS = {
    "vmdk": ["-O", "vmdk", "-o", "subformat=streamOptimized"],
    "vhd": ["-O", "vpc", "-o", "subformat=dynamic,force_size=on"],
    "vmdk-sparse": ["-O", "vmdk", "-o", "subformat=monolithicSparse"],
    "raw": ["-O", "raw"],
}


class DiskWork(Work):
    def comparisons(self):
        return {"disk-out": self.outward, "disk-back": self.back, "disk-sparse": self.sparse, "disk-reflink": self.reflink}

    def root(self):
        if self.short:
            return corpora.sparse_disk(self.scratch, 1, 32)
        return disk_images.debian_system()

    def converters(self, disk, name, folder):
        bundle, image = folder / "disk.bag", folder / "qemu.img"
        return [Contender("seabag-export", [EXPORT, bundle, f"disk:{disk},name=disk", "--disk-format", name, "--quiet"],
                          prepare=lambda: remove(bundle), role="ours"),
                Contender("qemu-img convert", ["qemu-img", "convert", "-f", "raw", *FORMATS[name], disk, image],
                          prepare=lambda: image.unlink(missing_ok=True))]

    def outward(self):
        disk = self.root()
        data = corpora.data_bytes(disk)
        found = []
        for name in FORMATS:
            for state in (["warm"] if self.short or name != "vmdk" else ["warm", "cold"]):
                contenders = self.converters(disk, name, self.out)
                if name == "raw":
                    copied = self.out / "copy.raw"
                    contenders.append(Contender("cp --sparse", ["cp", "--sparse=auto", "--reflink=never", disk, copied],
                                                prepare=lambda: copied.unlink(missing_ok=True), role="floor"))
                found.append(Comparison(f"disk-{name}-{state}", f"Raw disk to {name}, {state} caches", contenders,
                                        payload_bytes=data, rounds=self.rounds, cold=state == "cold").run(self.log))
        return found

    def back(self):
        disk, bundle, out, image = self.root(), self.out / "back.bag", self.out / "back", self.out / "back.raw"
        remove(bundle)
        measure([EXPORT, bundle, f"disk:{disk},name=disk", "--disk-format", "vmdk", "--quiet"], log=self.log)
        return [Comparison("disk-back", "VMDK streamOptimized to raw", [
            Contender("seabag-import push --disk-as raw", [IMPORT, "push", bundle, f"dir:{out}", "--disk-as", "raw", "--quiet"],
                      prepare=lambda: remove(out), role="ours"),
            Contender("qemu-img convert", ["qemu-img", "convert", "-f", "vmdk", "-O", "raw", bundle / "data/disks/disk.vmdk", image],
                      prepare=lambda: image.unlink(missing_ok=True))],
            payload_bytes=corpora.data_bytes(disk), rounds=self.rounds).run(self.log)]

    def sparse(self):
        gib, mib = (64, 32) if self.short else (4096, 1024)
        large = corpora.sparse_disk(self.scratch, gib, mib)
        small = self.scratch / f"dense-{mib}.raw"
        if not small.exists():
            with open(small.with_suffix(".part"), "wb") as out, open(large, "rb") as data:
                self.copy_data(data, out, (mib << 20) // 2, gib << 30)
            small.with_suffix(".part").rename(small)
        bundle = self.out / "sparse.bag"
        return [Comparison("disk-sparse", f"A sparse disk of {gib} GiB with {mib} MiB of data, and the same data alone", [
            Contender(name, [EXPORT, bundle, f"disk:{path},name=disk", "--quiet"], prepare=lambda: remove(bundle), role=role)
            for name, path, role in (("seabag-export, sparse", large, "ours"), ("seabag-export, the data alone", small, "floor"))],
            payload_bytes=mib << 20, rounds=self.rounds).run(self.log)]

    @staticmethod
    def copy_data(data, out, half, size):
        for offset in (0, size - half):
            data.seek(offset)
            out.write(data.read(half))

    def reflink(self):
        """Where the file system can share blocks: XFS on a loop device. Nothing without root."""
        if os.geteuid() != 0 or self.short:
            return []
        environment = {**os.environ, "PATH": os.environ["PATH"] + ":/usr/sbin:/sbin"}
        image, mount = self.scratch / "xfs.img", self.scratch / "xfs"
        mount.mkdir(exist_ok=True)
        with open(image, "wb") as file:
            file.truncate(12 << 30)
        subprocess.run(["mkfs.xfs", "-q", "-f", image], check=True, env=environment)
        subprocess.run(["mount", "-o", "loop", image, mount], check=True, env=environment)
        try:
            disk = pathlib.Path(mount, "disk.raw")
            subprocess.run(["cp", "--sparse=auto", self.root(), disk], check=True)
            return [Comparison(f"reflink-{name}", f"Raw disk to {name} on XFS, blocks shared", self.converters(disk, name, mount),
                               payload_bytes=corpora.data_bytes(disk), rounds=self.rounds).run(self.log)
                    for name in ("vhd", "vmdk-sparse")]
        finally:
            subprocess.run(["umount", mount], check=True, env=environment)
            image.unlink()
