# SPDX-License-Identifier: Apache-2.0
"""Bundles with odd names, and in places that are full or cannot be written."""
import os
import pathlib
import re
import subprocess
import unittest

import harness
from harness import EXPORT, IMPORT, Layout, run

EPOCH = {"SOURCE_DATE_EPOCH": "1700000000"}


def may_mount():
    """CAP_SYS_ADMIN, number 21: root in a container often has it not."""
    status = pathlib.Path("/proc/self/status").read_text()
    return bool(int(re.search(r"^CapEff:\s*(\w+)", status, re.M).group(1), 16) >> 21 & 1)


class OddNames(harness.TestCase):
    def setUp(self):
        super().setUp()
        layout = Layout(self.dir / "layout")
        layout.name("team/app:1", layout.manifest([layout.layer(b"layer" * 10_000)]))
        self.source = f"oci:{layout.path}"

    def assert_whole(self, bundle, given, cwd=None):
        """`bundle` is there, whole for us and for others, and nothing else was made."""
        run(IMPORT, "verify", given, cwd=cwd)
        self.assertIn("team/app:1", run(IMPORT, "list", given, cwd=cwd).stdout)
        for tags in ("manifest-sha256.txt", "tagmanifest-sha256.txt"):
            run("sha256sum", "-c", "--quiet", tags, cwd=bundle)
        self.assertEqual(sorted(os.listdir(self.dir)), sorted(["layout", bundle.name]))

    def test_blanks_quotes_and_other_alphabets(self):
        for name in ("a bundle", " in blanks ", "it's \"quoted\"", "$(touch x);`y`", "Bündel-архив-包🎒", "back\\slash",
                     "line\nbreak", "100%s%n", "*?[a]", "#tag@sha256:x", "a=b", "..."):
            with self.subTest(name=name):
                bundle = self.dir / name
                run(EXPORT, bundle, self.source)
                self.assert_whole(bundle, bundle)
                target = self.dir / (name + " layout")
                run(IMPORT, "push", bundle, f"dir:{target}", "--receipt", self.dir / (name + ".json"))
                self.assertTrue((target / "team/app/1.tar").is_file())
                run("rm", "-rf", bundle, target, self.dir / (name + ".json"))

    def test_bytes_that_are_no_utf_8(self):
        bundle = self.dir / os.fsdecode(b"latin-\xe4\xf6\xfc")
        done = run(EXPORT, bundle, self.source, "--json")
        self.assertIn('"seal"', done.stdout)
        self.assert_whole(bundle, bundle)

    def test_a_leading_dash(self):
        run(EXPORT, "./-x", self.source, cwd=self.dir)
        self.assert_whole(self.dir / "-x", "./-x", cwd=self.dir)
        run("rm", "-rf", self.dir / "-x")
        run(EXPORT, "--", "-x", self.source, cwd=self.dir)
        self.assert_whole(self.dir / "-x", "./-x", cwd=self.dir)
        run(IMPORT, "verify", "--", "-x", cwd=self.dir)

    def test_slashes_at_the_end(self):
        for end in ("/", "///"):
            with self.subTest(end=end):
                run(EXPORT, f"{self.dir}/b.bag{end}", self.source)
                self.assert_whole(self.dir / "b.bag", f"{self.dir}/b.bag{end}")
                run("rm", "-rf", self.dir / "b.bag")

    def test_relative_names(self):
        (self.dir / "layout/below").mkdir()
        run(EXPORT, "b.bag", "oci:layout", cwd=self.dir)
        self.assert_whole(self.dir / "b.bag", "b.bag", cwd=self.dir)
        run("rm", "-rf", self.dir / "b.bag")
        run(EXPORT, "../../b.bag", "oci:..", cwd=self.dir / "layout/below")
        self.assert_whole(self.dir / "b.bag", "../../b.bag", cwd=self.dir / "layout/below")

    def test_names_that_cannot_be_a_new_bundle_are_refused_and_nothing_is_made(self):
        before = sorted(os.listdir(self.dir))
        for name, status in ((".", 2), ("..", 2), ("/", 2), ("layout", 2), ("layout/", 2), ("none/b.bag", 2), ("layout/index.json/b.bag", 2), ("layout/index.json/x/b.bag", 2), ("", 2),
                             ("b.bag/.", 2), ("x" * 300, 43)):
            with self.subTest(name=name[:20]):
                done = run(EXPORT, name, self.source, cwd=self.dir, expect=status)
                self.assertIn("seabag-export: ", done.stderr)
                self.assertEqual(sorted(os.listdir(self.dir)), before)

    def test_a_bundle_inside_its_own_source_takes_nothing_from_it(self):
        layout = self.dir / "layout"
        before = {path: path.read_bytes() for path in layout.rglob("*") if path.is_file()}
        run(EXPORT, self.dir / "b.bag", self.source, env={"SOURCE_DATE_EPOCH": "1700000000"})
        run(EXPORT, layout / "b.bag", self.source, env={"SOURCE_DATE_EPOCH": "1700000000"})
        self.assertEqual((layout / "b.bag/tagmanifest-sha256.txt").read_bytes(),
                         (self.dir / "b.bag/tagmanifest-sha256.txt").read_bytes())
        run("rm", "-rf", layout / "b.bag")
        self.assertEqual({path: path.read_bytes() for path in layout.rglob("*") if path.is_file()}, before)

    def test_nothing_is_written_into_the_bundle_that_is_read(self):
        write_disk = self.dir / "d1.raw"
        write_disk.write_bytes(b"disk" * 1024)
        bundle = self.dir / "b.bag"
        run(EXPORT, bundle, self.source, f"disk:{write_disk}")
        os.symlink(bundle / "data", self.dir / "link")
        files = {path: path.read_bytes() for path in bundle.rglob("*") if path.is_file()}
        tarball = next(path for path in files if path.suffix == ".tar")
        for words in (("push", bundle, "oci:o", "--receipt", tarball),
                      ("push", bundle, "oci:o", "--receipt", bundle / "index.sqlite"),
                      ("push", "b.bag", "oci:o", "--receipt", "./b.bag/receipt.json"),
                      ("push", bundle, "oci:link/o"),
                      ("push", "b.bag", "oci:b.bag/data/o"),
                      ("push", bundle, f"dir:{tarball.parent}"),
                      ("push", bundle, "dir:out", "--disk-to", f"d1={bundle}/data/new.raw"),
                      ("verify", "./b.bag", "--damage", "b.bag/damage.json"),
                      ("verify", bundle, "--damage", "link/damage.json"),
                      ("index", bundle, "--rebuild", "--output", "link/../index.sqlite.new")):
            with self.subTest(words=words):
                done = run(IMPORT, *words, cwd=self.dir, expect=2)
                self.assertIn("lies in the bundle", done.stderr)
                self.assertEqual({path: path.read_bytes() for path in bundle.rglob("*") if path.is_file()}, files)
        self.assertEqual(sorted(os.listdir(self.dir)), ["b.bag", "d1.raw", "layout", "link"])

    def test_a_terminal_is_not_written_to_by_a_name(self):
        done = run(EXPORT, "\x1b[31mred\x07/b.bag", self.source, cwd=self.dir, expect=2)
        self.assertNotIn("\x1b", done.stderr)
        self.assertNotIn("\x07", done.stderr)
        run(EXPORT, "\x1b[31mred", self.source, cwd=self.dir)
        for command in ("verify", "list"):
            self.assertNotIn("\x1b", run(IMPORT, command, "\x1b[31mred", cwd=self.dir).stdout)


class Mounted(harness.TestCase):
    def mount(self, options):
        place = self.dir / "mounted"
        place.mkdir()
        run("mount", "-t", "tmpfs", "-o", options, "tmpfs", place)
        self.addCleanup(run, "umount", place)
        return place

    def layout(self, size):
        layout = Layout(self.dir / "layout")
        layout.name("team/app:1", layout.manifest([layout.layer(os.urandom(size))]))
        return f"oci:{layout.path}"


@unittest.skipUnless(may_mount(), "needs CAP_SYS_ADMIN to mount a small file system")
class FullPlaces(Mounted):
    SIZE = 50 << 20

    def setUp(self):
        super().setUp()
        self.place = self.mount(f"size={self.SIZE}")
        self.bundle = self.place / "b.bag"

    def left(self):
        found = os.statvfs(self.place)
        return found.f_bavail * found.f_frsize

    def ballast(self, leave):
        """Fills the place until so many bytes are left."""
        run("fallocate", "-l", self.left() - leave, self.place / "ballast")

    def test_a_bundle_that_does_not_fit_is_refused_in_numbers_before_its_first_byte(self):
        source = self.layout(60 << 20)
        done = run(EXPORT, self.bundle, source, expect=40)
        needed, available = (int(n) for n in re.search(r"needs (\d+) bytes.* has (\d+) ", done.stderr).groups())
        self.assertGreater(needed, 60 << 20)
        self.assertLessEqual(available, self.SIZE)
        self.assertGreater(available, self.SIZE - (1 << 20))
        self.assertFalse(self.bundle.exists())
        self.assertEqual(list(self.place.rglob("*.tar")), [])

    def test_after_space_was_made_it_goes_on_to_the_same_bundle(self):
        source = self.layout(30 << 20)
        run(EXPORT, self.dir / "whole.bag", source, env=EPOCH)
        self.ballast(leave=20 << 20)
        for again in ([source], ["--resume"]):
            done = run(EXPORT, self.bundle, *again, env=EPOCH, expect=40)
            self.assertRegex(done.stderr, r"needs \d+ bytes")
        (self.place / "ballast").unlink()
        run(EXPORT, self.bundle, "--resume", env=EPOCH)
        run("diff", "-r", self.dir / "whole.bag", self.bundle)
        self.assertEqual(sorted(os.listdir(self.place)), ["b.bag"])

    def test_a_place_without_a_single_byte_is_left_as_it_was(self):
        source = self.layout(1 << 20)
        self.ballast(leave=0)
        run(EXPORT, self.bundle, source, expect=40)
        self.assertEqual(os.listdir(self.place), ["ballast"])

    def test_space_that_others_take_meanwhile_is_no_success(self):
        # The tarball is reserved; what is written behind it, index and tag files, meets the full disk.
        source = self.layout(20 << 20)
        process = subprocess.Popen([EXPORT, str(self.bundle), source, "--max-rate", "8M"], stderr=subprocess.PIPE,
                                   stdout=subprocess.DEVNULL, env={**harness.environment(), **EPOCH})
        self.addCleanup(process.kill)
        log = pathlib.Path(f"{self.bundle}.unfinished/landed.log")
        harness.wait_until(lambda: log.exists() or process.poll() is not None)
        self.ballast(leave=0)
        _, said = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 40, said.decode())
        self.assertFalse(self.bundle.exists())
        (self.place / "ballast").unlink()
        run(EXPORT, self.bundle, "--resume", env=EPOCH)
        run(IMPORT, "verify", self.bundle)
        run(EXPORT, self.dir / "whole.bag", source, env=EPOCH)
        run("diff", "-r", self.dir / "whole.bag", self.bundle)

    def test_a_target_that_is_full_is_named_and_the_push_can_be_repeated(self):
        bundle = self.export("b.bag", self.layout(30 << 20))
        for target in (f"oci:{self.place}/layout", f"dir:{self.place}/files"):
            with self.subTest(target=target[:3]):
                self.ballast(leave=20 << 20)
                done = self.push(bundle, target, expect=40)
                self.assertIn(str(self.place), done.stderr)
                (self.place / "ballast").unlink()
                self.push(bundle, target)
                run("rm", "-rf", *self.place.iterdir())


class ReadOnlyPlaces(Mounted):
    """Root writes through the permission bits: as root it is a read-only file system."""

    def read_only(self):
        if os.geteuid() != 0:
            place = self.dir / "fixed"
            place.mkdir(mode=0o555)
            return place
        if not may_mount():
            self.skipTest("root without CAP_SYS_ADMIN: nothing is read-only for it, and it cannot mount")
        return self.mount("ro,size=1M")

    def test_a_bundle_or_a_target_there_is_refused_as_not_permitted(self):
        source, place = self.layout(1000), self.read_only()
        self.assertIn(str(place), run(EXPORT, place / "b.bag", source, expect=42).stderr)
        bundle = self.export("b.bag", source)
        for target in (f"oci:{place}/layout", f"dir:{place}/files"):
            self.assertIn(str(place), self.push(bundle, target, expect=42).stderr)
        done = self.push(bundle, f"oci:{self.dir}/target", "--receipt", place / "r.json", expect=42)
        self.assertIn("r.json", done.stderr)
        self.assertEqual(os.listdir(place), [])

    def test_a_bundle_on_a_read_only_medium_is_read_like_any_other(self):
        place = self.dir / "mounted"
        bundle = self.export("b.bag", self.layout(1000))
        if may_mount():
            place.mkdir()
            run("mount", "--bind", bundle, place)
            self.addCleanup(run, "umount", place)
            run("mount", "-o", "remount,bind,ro", place)
        elif os.geteuid() != 0:
            run("chmod", "-R", "a-w", bundle)
            self.addCleanup(run, "chmod", "-R", "u+w", bundle)
            place = bundle
        else:
            self.skipTest("root without CAP_SYS_ADMIN: nothing is read-only for it, and it cannot mount")
        run(IMPORT, "verify", place)
        run(IMPORT, "list", place)
        self.push(place, f"oci:{self.dir}/target")


if __name__ == "__main__":
    unittest.main()
