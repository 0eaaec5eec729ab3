# SPDX-License-Identifier: Apache-2.0
"""Real media that fail: full, limited to small files, and with writes that end in EIO."""
import os
import pathlib
import re
import shutil
import subprocess
import unittest

import killing
import harness
from harness import EXPORT, IMPORT, Layout, run

EPOCH = {"SOURCE_DATE_EPOCH": "1700000000"}


def may_mount():
    """CAP_SYS_ADMIN, number 21: root in a container often has it not."""
    status = pathlib.Path("/proc/self/status").read_text()
    return bool(int(re.search(r"^CapEff:\s*(\w+)", status, re.M).group(1), 16) >> 21 & 1)


class Media(harness.TestCase):
    def layout(self, size):
        layout = Layout(self.dir / "layout")
        layout.name("team/app:1", layout.manifest([layout.layer(os.urandom(size)), layout.layer(b"small")]))
        return f"oci:{layout.path}"

    def disk(self, size):
        path = self.dir / "web.raw"
        path.write_bytes(os.urandom(size))
        return f"disk:{path}"

    def whole(self, *sources):
        bundle = self.dir / "whole.bag"
        run(EXPORT, bundle, *sources, env=EPOCH)
        return bundle


class SmallFiles(Media):
    """A limit on the size of files acts as FAT32 does; SIGXFSZ does not end the programs."""

    @staticmethod
    def limited(size, *command):
        return ["prlimit", f"--fsize={size}", *command]

    def test_a_tarball_that_would_be_too_large_is_told_before_its_first_byte_and_may_be_split(self):
        layout = Layout(self.dir / "layout")
        for i in range(3):
            layout.name(f"team/app:{i}", layout.manifest([layout.layer(os.urandom(1 << 20))]))
        bundle = self.dir / "b.bag"
        done = run(*self.limited(2 << 20, EXPORT, bundle, f"oci:{layout.path}"), expect=43)
        self.assertRegex(done.stderr, r"would have \d+ bytes .* can have 2097152 ")
        self.assertIn("--tarball-size 2097152", done.stderr)
        self.assertFalse(pathlib.Path(f"{bundle}.unfinished").exists())
        run(*self.limited(2 << 20, EXPORT, bundle, f"oci:{layout.path}", "--tarball-size", 2097152))
        self.assertEqual(len(list((bundle / "data/images").iterdir())), 3)
        run(IMPORT, "verify", bundle)

    def test_a_disk_that_would_be_too_large_is_told_before_its_first_byte(self):
        done = run(*self.limited(2 << 20, EXPORT, self.dir / "b.bag", self.disk(3 << 20), "--disk-format", "raw"),
                   expect=43)
        self.assertIn("vmdk-2gb", done.stderr)
        self.assertEqual(sorted(os.listdir(self.dir)), ["web.raw"])

    def test_a_disk_that_grows_too_large_ends_unfinished_and_goes_on_under_a_higher_limit(self):
        source = self.disk(3 << 20)
        whole = self.whole(source)
        bundle = self.dir / "b.bag"
        done = run(*self.limited(2 << 20, EXPORT, bundle, source), env=EPOCH, expect=43)
        self.assertIn("may become too large", done.stderr)
        self.assertIn("--resume", done.stderr)
        run(EXPORT, bundle, "--resume", env=EPOCH)
        self.assertEqual(killing.tree(bundle), killing.tree(whole))

    def test_targets_that_cannot_hold_a_file_say_so(self):
        bundle = self.whole(self.layout(3 << 20), self.disk(3 << 20))
        for target in ("oci", "dir"):
            with self.subTest(target=target):
                place = self.dir / target
                done = run(*self.limited(2 << 20, IMPORT, "push", bundle, f"{target}:{place}"), expect=43)
                self.assertIn("File too large", done.stderr)
                self.assertEqual([path for path in place.rglob("*") if path.is_file() and path.stat().st_size > 2 << 20],
                                 [])
                run(IMPORT, "push", bundle, f"{target}:{place}")


@unittest.skipUnless(may_mount(), "needs CAP_SYS_ADMIN to mount")
class FullTmpfs(Media):
    def setUp(self):
        super().setUp()
        self.place = self.dir / "mounted"
        self.place.mkdir()
        run("mount", "-t", "tmpfs", "-o", "size=8M", "tmpfs", self.place)
        self.addCleanup(run, "umount", self.place)

    def ballast(self, leave):
        found = os.statvfs(self.place)
        run("fallocate", "-l", found.f_bavail * found.f_frsize - leave, self.place / "ballast")

    def test_an_import_of_everything_at_every_amount_of_space(self):
        bundle = self.whole(self.layout(1 << 20), self.disk(1 << 20))
        for target in ("oci", "dir"):
            undisturbed = self.dir / f"{target}-whole"
            self.push(bundle, f"{target}:{undisturbed}")
            for left in range(0, 5 << 19, 5 << 16):
                with self.subTest(target=target, left=left):
                    self.ballast(left)
                    done = self.push(bundle, f"{target}:{self.place}/t", expect=None)
                    self.assertIn(done.returncode, (0, 40), done.stderr)
                    (self.place / "ballast").unlink()
                    self.push(bundle, f"{target}:{self.place}/t")
                    self.assertEqual(killing.tree(self.place / "t"), killing.tree(undisturbed))
                    shutil.rmtree(self.place / "t")

    def test_an_export_of_everything_at_every_amount_of_space(self):
        sources = [self.layout(1 << 20), self.disk(1 << 20)]
        whole = self.whole(*sources)
        bundle = self.place / "b.bag"
        for left in range(0, 5 << 19, 5 << 16):
            with self.subTest(left=left):
                self.ballast(left)
                done = run(EXPORT, bundle, *sources, env=EPOCH, expect=None)
                self.assertIn(done.returncode, (0, 40), done.stderr)
                (self.place / "ballast").unlink()
                if not bundle.exists():
                    self.assertEqual(done.returncode, 40)
                    resume = ["--resume"] if pathlib.Path(f"{bundle}.unfinished").exists() else []
                    if resume:
                        self.assertIn("--resume", done.stderr)
                    run(EXPORT, bundle, *sources, *resume, env=EPOCH)
                self.assertEqual(killing.tree(bundle), killing.tree(whole))
                shutil.rmtree(bundle)


@unittest.skipUnless(may_mount(), "needs CAP_SYS_ADMIN to mount")
class DyingMedium(Media):
    """ext4 on a loop device over nbdkit, whose writes end in EIO while a file is there."""

    def setUp(self):
        super().setUp()
        self.dies = self.dir / "dies"
        (self.dir / "device").mkdir()
        self.place = self.dir / "mounted"
        self.place.mkdir()
        # timeout(1): what a killed test leaves behind ends by itself.
        self.server = subprocess.Popen(
            ["timeout", "300", "nbdfuse", self.dir / "device/disk", "[", "nbdkit", "--exit-with-parent",
             "--filter=error", "memory", "64M", "error-pwrite=EIO", "error-pwrite-rate=100%",
             f"error-pwrite-file={self.dies}", "]"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(self.server.wait, 30)
        self.addCleanup(self.server.terminate)
        self.addCleanup(subprocess.run, ["umount", "-l", self.dir / "device"], stderr=subprocess.DEVNULL)
        harness.wait_until((self.dir / "device/disk").exists)
        self.loop = run("losetup", "--show", "-f", self.dir / "device/disk").stdout.strip()
        self.addCleanup(run, "losetup", "-d", self.loop)
        run("mkfs.ext4", "-q", "-F", self.loop)
        run("mount", self.loop, self.place)
        self.addCleanup(subprocess.run, ["umount", self.place], stderr=subprocess.DEVNULL)

    def plug_in_again(self):
        self.dies.unlink(missing_ok=True)
        run("umount", self.place)
        run("fsck.ext4", "-fy", self.loop, expect=None)
        run("mount", self.loop, self.place)

    def start_and_let_it_die(self, *command, when):
        process = subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   env={**harness.environment(), **EPOCH})
        self.addCleanup(process.kill)
        harness.wait_until(lambda: when() or process.poll() is not None)
        self.dies.touch()
        _, said = process.communicate(timeout=120)
        return process.returncode, said.decode()

    def test_an_export_ends_with_the_error_of_the_medium_and_goes_on_when_it_works_again(self):
        source = self.layout(8 << 20)
        whole = self.whole(source)
        bundle = self.place / "b.bag"
        log = pathlib.Path(f"{bundle}.unfinished/landed.log")
        status, said = self.start_and_let_it_die(EXPORT, bundle, source, "--max-rate", "8M", when=log.exists)
        self.assertIn(status, (41, 42), said)  # ext4 turns read-only when its journal cannot be written
        self.assertFalse(bundle.exists())
        self.plug_in_again()
        run(EXPORT, bundle, source, "--resume", env=EPOCH)
        self.plug_in_again()  # what is read now is what the medium has
        self.assertEqual(killing.tree(bundle), killing.tree(whole))

    def test_an_import_ends_with_the_error_of_the_medium_and_is_repeated_when_it_works_again(self):
        bundle = self.whole(self.layout(8 << 20))
        for target in ("oci", "dir"):
            with self.subTest(target=target):
                place = self.place / target
                status, said = self.start_and_let_it_die(IMPORT, "push", bundle, f"{target}:{place}", "--max-rate", "8M",
                                                         when=place.exists)
                self.assertIn(status, (41, 42), said)
                self.plug_in_again()
                self.push(bundle, f"{target}:{place}")
                self.plug_in_again()
                self.push(bundle, f"{target}:{self.dir}/{target}")
                self.assertEqual(killing.tree(place), killing.tree(self.dir / target))


if __name__ == "__main__":
    unittest.main()
