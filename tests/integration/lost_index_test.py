# SPDX-License-Identifier: Apache-2.0
"""A bundle whose index is lost or damaged: what is in it arrives all the same."""
import json
import re
import shutil
import unittest

import harness
from harness import IMPORT, TOP, run

FACTS = {  # what the index says that can be had without it
    "names": "SELECT name FROM reference_names ORDER BY name",
    "images": "SELECT image, digest, kind, type, platforms, created, size, blobs, absent FROM images ORDER BY image",
    "blobs": "SELECT digest, size, presence FROM blobs ORDER BY digest",
    "places": "SELECT image, digest, file, offset FROM image_blobs ORDER BY image, digest, file",
    "attachments": "SELECT image, subject, attached, attached_by, type, name FROM attachments ORDER BY 1, 2, 3, 4, 6",
    "left out": "SELECT image, digest, presence, reason FROM not_included ORDER BY image, digest",
    "files": "SELECT path, size, sha256 FROM files ORDER BY path",
    "disks": "SELECT name, format, size, content FROM disks ORDER BY name",
}


class Lost(harness.TestCase):
    def lose(self, bundle, how):
        """The index as it was."""
        kept = self.dir / "kept.sqlite"
        (bundle / "index.sqlite").rename(kept)
        if how == "damaged":
            data = bytearray(kept.read_bytes())
            data[len(data) // 2] ^= 0x40
            (bundle / "index.sqlite").write_bytes(data)
        return kept

    def facts(self, index):
        return {name: run("sqlite3", f"file:{index}?immutable=1", sql).stdout.splitlines() for name, sql in FACTS.items()}

    def rebuild(self, bundle):
        made = self.dir / "made.sqlite"
        before = {path: path.stat().st_mtime_ns for path in bundle.rglob("*")}
        said = run(IMPORT, "index", bundle, "--rebuild", "--output", made)
        self.assertIn("the bundle was left as it is", said.stdout)
        self.assertEqual({path: path.stat().st_mtime_ns for path in bundle.rglob("*")}, before)
        return made


class Images(harness.FilledRegistryTestCase, Lost):
    def test_a_whole_registry_arrives_without_it(self):  # D8
        bundle = self.export("all.bag", f"docker://{self.source.host}", registry=self.source)
        listed = json.loads(run(IMPORT, "list", "--json", bundle).stdout)
        for how in ("deleted", "damaged"):
            with self.subTest(how=how):
                kept = self.lose(bundle, how)
                target = self.registry()
                done = self.push(bundle, f"docker://{target.host}", registry=target)
                self.assertIn("index.sqlite", done.stderr)
                self.assertIn("it is made anew from the tarballs", done.stderr)
                self.assertEqual(target.everything(), self.source.everything())
                again = self.push(bundle, f"docker://{target.host}", registry=target)
                self.assertIn("0 blobs uploaded", again.stdout)

                now = json.loads(run(IMPORT, "list", "--json", bundle).stdout)
                for entry in now["references"] + listed["references"]:
                    entry.pop("source", None), entry.pop("readAt", None)
                self.assertEqual(now["references"], listed["references"])

                checked = json.loads(run(IMPORT, "verify", "--json", bundle, expect=20).stdout)
                self.assertEqual([finding["file"] for finding in checked["findings"]], ["index.sqlite"])
                self.assertGreater(checked["bytes"], 0)
                shutil.copyfile(kept, bundle / "index.sqlite")
        run(IMPORT, "verify", bundle)

    def test_the_index_is_made_anew_for_sqlite(self):  # [IDX-16]
        for name, options in (("whole.bag", []), ("split.bag", ["--split-by", "repository"]),
                              ("platform.bag", ["--platform", "linux/amd64"])):
            with self.subTest(name=name):
                bundle = self.export(name, f"docker://{self.source.host}", *options, registry=self.source)
                kept = self.lose(bundle, "deleted")
                made = self.rebuild(bundle)
                self.assertEqual(self.facts(made), self.facts(kept))
                page = (TOP / "format-spec/index.md").read_text()
                for sql in re.findall(r"```sql\n(.*?)```", page, re.DOTALL):
                    run("sqlite3", f"file:{made}?immutable=1", sql)
                run(IMPORT, "index", bundle, "--rebuild", "--output", made, expect=2)
                made.unlink()

    def test_what_is_sound_is_left_alone(self):
        bundle = self.export("b.bag", f"docker://{self.source.host}/library/busybox", registry=self.source)
        self.assertIn("nothing was made", run(IMPORT, "index", bundle, "--rebuild").stdout)
        self.lose(bundle, "deleted")
        said = json.loads(run(IMPORT, "index", "--json", f"{bundle}/", "--rebuild").stdout)
        self.assertEqual(said["index"], f"{bundle}.index.sqlite")
        self.assertTrue((self.dir / "b.bag.index.sqlite").is_file())

    def test_verify_names_the_image_of_a_damaged_blob_without_it(self):
        bundle = self.export("b.bag", f"docker://{self.source.host}/library/busybox", registry=self.source)
        rows = run("sqlite3", "-separator", " ", f"file:{bundle}/index.sqlite?immutable=1",
                   "SELECT offset, size, digest FROM image_blobs ORDER BY size DESC LIMIT 1").stdout.split()
        self.lose(bundle, "damaged")
        with open(bundle / "data/images/images.tar", "r+b") as file:
            file.seek(int(rows[0]) + int(rows[1]) // 2)
            byte = file.read(1)[0]
            file.seek(-1, 1)
            file.write(bytes([byte ^ 1]))
        checked = json.loads(run(IMPORT, "verify", "--json", bundle, expect=20).stdout)
        hit, = [finding for finding in checked["findings"] if finding["blob"] == rows[2]]
        self.assertTrue(hit["references"])
        target = self.registry()
        done = self.push(bundle, f"docker://{target.host}", registry=target, expect=20)
        self.assertIn("data/images/images.tar", done.stderr)
        self.assertEqual(target.repositories(), [])


class Disks(Lost):
    def test_disks_of_every_format_come_back_without_it(self):
        raw = self.dir / "web.raw"
        with open(raw, "wb") as file:
            file.truncate(5 << 20)
            file.write(b"begin" * 20_000)
            file.seek(4 << 20)
            file.write(b"# Disk DescriptorFile\n" * 1000)
        config = self.dir / "web.json"
        config.write_text('{"cpus": 2}')
        for output in ("raw", "vhd", "vhd-fixed", "vmdk", "vmdk-sparse", "vmdk-flat", "vmdk-2gb"):
            with self.subTest(output=output):
                bundle = self.export(f"{output}.bag", f"disk:{raw},name=web,config={config}", f"disk:{raw},name=web-flat2",
                                     "--disk-format", output)
                kept = self.lose(bundle, "deleted")
                out = self.dir / f"{output}-out"
                self.push(bundle, f"dir:{out}")
                sent = {file.name: file.read_bytes() for file in (bundle / "data/disks").iterdir()}
                got = {file.name: file.read_bytes() for file in (out / "disks").iterdir()}
                self.assertEqual(got.pop("web.json"), config.read_bytes())
                self.assertEqual(got, sent)
                self.push(bundle, f"dir:{out}-raw", "--disk-as", "raw")
                self.assertEqual((self.dir / f"{output}-out-raw/disks/web.raw").read_bytes(), raw.read_bytes())
                made = self.rebuild(bundle)
                self.assertEqual(self.facts(made), self.facts(kept))
                made.unlink()

    def test_a_damaged_disk_is_not_restored_without_it(self):
        (self.dir / "web.raw").write_bytes(b"disk" * 65536)
        bundle = self.export("b.bag", f"disk:{self.dir}/web.raw")
        self.lose(bundle, "deleted")
        with open(bundle / "data/disks/web.vmdk", "r+b") as file:
            file.seek(66_000)
            file.write(b"!")
        done = self.push(bundle, f"dir:{self.dir}/out", expect=20)
        self.assertIn("data/disks/web.vmdk", done.stderr)
        self.assertFalse((self.dir / "out").exists())
        said = run(IMPORT, "verify", bundle, expect=20).stdout
        self.assertIn("data/disks/web.vmdk", said)
        self.assertIn("index.sqlite is missing", said)


if __name__ == "__main__":
    unittest.main()
