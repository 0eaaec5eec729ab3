# SPDX-License-Identifier: Apache-2.0
"""Damage is listed, fetched again from a registry, and mended: the bundle verifies with the seal that it always had."""
import json
import os
import random
import shutil
import subprocess
import unittest
import urllib.error
import urllib.request

import harness
from harness import EXPORT, IMPORT, run

KILLED = -9  # of a process that strace(1) killed, or 137 by way of strace itself


class Repair(harness.FilledRegistryTestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.disk = harness.SCRATCH / f"repair-{os.getpid()}.img"
        cls.config = harness.SCRATCH / f"repair-{os.getpid()}.json"
        chance = random.Random(4)
        with open(cls.disk, "wb") as file:
            file.truncate(6 << 20)
            file.write(chance.randbytes(3 << 20))
        cls.config.write_text('{"cpus": 2}')
        cls.whole = harness.SCRATCH / f"repair-{os.getpid()}.bag"
        cls.images = f"docker://{cls.source.host}"
        cls.plain = ["--plain-http", cls.source.host]
        done = run(EXPORT, cls.whole, cls.images + "/library/busybox", cls.images + "/library/multi",
                   f"disk:{cls.disk},name=web01,server=web01,config={cls.config}", "--disk-format", "vmdk-flat", "--json",
                   *cls.plain)
        cls.seal = json.loads(done.stdout)["seal"]

    @classmethod
    def tearDownClass(cls):
        super().tearDownClass()
        shutil.rmtree(cls.whole)
        cls.disk.unlink()
        cls.config.unlink()

    def setUp(self):
        super().setUp()
        self.bundle = self.dir / "b.bag"
        shutil.copytree(self.whole, self.bundle)
        self.tarball = self.bundle / "data/images/images.tar"
        self.list = self.dir / "damage.json"
        self.patch = self.dir / "b.patch"

    def rows(self):
        """(offset, size, digest, is a manifest) of every blob that has bytes."""
        said = run("sqlite3", "-readonly", "-separator", " ", self.whole / "index.sqlite",
                   "SELECT offset, size, digest, EXISTS (SELECT 1 FROM manifests WHERE manifests.blob = blobs.id) "
                   "FROM blobs JOIN locations ON locations.blob = blobs.id WHERE size > 0 ORDER BY size").stdout
        return [(int(o), int(s), d, m == "1") for o, s, d, m in (line.split() for line in said.splitlines())]

    def flip(self, offset, path=None):
        with open(path or self.tarball, "r+b") as file:
            file.seek(offset)
            byte = file.read(1)[0]
            file.seek(offset)
            file.write(bytes([byte ^ 0x20]))

    def verify(self, expect=20):
        run(IMPORT, "verify", self.bundle, "--damage", self.list, "--seal", self.seal, expect=expect)
        return json.loads(self.list.read_text())

    def repair(self, *sources, expect=0, patch=None):
        sources = sources or (self.images, f"disk:{self.disk},name=web01,config={self.config}")
        return run(EXPORT, patch or self.patch, "--repair", self.list, *sources, *self.plain, "--json", expect=expect)

    def mend(self, *patches, expect=0):
        return json.loads(run(IMPORT, "patch", self.bundle, *patches, "--seal", self.seal, "--json", expect=expect).stdout)

    def assert_whole(self):
        run(IMPORT, "verify", self.bundle, "--seal", self.seal)
        run("diff", "-r", self.whole, self.bundle)

    def test_flipped_bytes_in_blobs_manifests_headers_and_tables(self):  # [DMG-6]
        rows = self.rows()
        manifest = next(row for row in rows if row[3])
        layers = [row for row in rows if not row[3]]
        hit = {layers[-1], layers[len(layers) // 2], manifest}
        for offset, size, _, _ in hit:
            self.flip(offset + size // 2)
        self.flip(layers[0][0] - 512)  # its header
        self.flip(1024 + 512 + 20)  # index.json
        damage = self.verify()
        self.assertEqual({blob["digest"] for blob in damage["blobs"]}, {row[2] for row in hit})
        self.assertEqual([blob["manifest"] for blob in damage["blobs"] if blob["digest"] == manifest[2]], [True])
        self.assertEqual(damage["frameRanges"], 2)
        self.assertEqual(damage["beyondRepair"], [])
        report = json.loads(self.repair(self.images).stdout)
        self.assertEqual((report["blobs"], report["missing"], report["patchFor"]), (len(hit), [], self.seal))
        run(IMPORT, "verify", self.patch)
        run("sha256sum", "-c", "--quiet", "manifest-sha256.txt", "tagmanifest-sha256.txt", cwd=self.patch)
        self.assertLess(self.size_of(self.patch), self.size_of(self.bundle))
        name = f"seabag/patch:{self.seal[7:19]}-1"
        document = json.loads(run("skopeo", "inspect", "--raw",
                                  f"oci-archive:{self.patch}/data/images/images.tar:{name}").stdout)
        self.assertEqual(document["artifactType"], "application/vnd.seabag.patch.v1")
        self.assertEqual({layer["digest"] for layer in document["layers"]}, {row[2] for row in hit})
        mended = self.mend(self.patch)
        self.assertTrue(mended["ok"])
        self.assertEqual([file["path"] for file in mended["mended"]], ["data/images/images.tar"])
        self.assertLess(mended["mended"][0]["bytes"], self.tarball.stat().st_size / 2, "good bytes are left in peace")
        self.assert_whole()
        self.assertEqual(self.mend(self.patch)["mended"], [], "a second time there is nothing to do")

    @staticmethod
    def size_of(directory):
        return sum(path.stat().st_size for path in directory.rglob("*") if path.is_file())

    def test_a_cut_tarball(self):
        os.truncate(self.tarball, self.tarball.stat().st_size // 3)
        self.assertTrue(self.verify()["blobs"])
        patch = self.dir / "pätch"
        said = self.repair(self.images, patch=patch).stdout
        self.assertTrue(said.isascii(), "JSON is ASCII whatever is in it")
        self.assertEqual(json.loads(said)["patch"], str(patch))
        self.assertTrue(self.mend(patch)["ok"])
        self.assert_whole()

    def test_bytes_behind_the_end(self):
        with open(self.tarball, "ab") as file:
            file.write(b"more")
        self.assertEqual(self.verify()["blobs"], [])
        self.repair(self.images, expect=2)
        self.assertTrue(self.mend()["ok"], "for this no patch is needed")
        self.assert_whole()

    def test_a_deleted_tarball_and_deleted_disk_files(self):
        shutil.rmtree(self.bundle / "data")
        damage = self.verify()
        self.assertEqual([disk["name"] for disk in damage["disks"]], ["web01"])
        self.assertEqual([config["disk"] for config in damage["configurations"]], ["web01"])
        report = json.loads(self.repair().stdout)
        self.assertEqual((report["disks"], report["configurations"], report["missing"]), (1, 1, []))
        mended = self.mend(self.patch)
        self.assertTrue(all(file["wasMissing"] for file in mended["mended"]))
        self.assert_whole()

    def test_a_changed_disk_and_configuration(self):
        flat = self.bundle / "data/disks/web01-flat.vmdk"
        self.flip(1 << 20, flat)
        os.truncate(self.bundle / "data/config/disks/web01.json", 3)
        self.verify()
        self.repair()
        mended = self.mend(self.patch)
        self.assertEqual({file["path"] for file in mended["mended"]},
                         {"data/disks/web01-flat.vmdk", "data/config/disks/web01.json"})
        self.assertLess(max(file["bytes"] for file in mended["mended"]), 1 << 20)
        self.assert_whole()

    def test_what_was_given_for_a_disks_files_is_in_the_list(self):
        bundle, whole = self.dir / "given.bag", self.dir / "given.whole"
        uuid = "6f9619ff-8b86-d011-b42d-00c04fc964ff"
        run(EXPORT, bundle, f"disk:{self.disk},name=db,format=vhd,uuid={uuid}",
            f"disk:{self.disk},name=web,format=vmdk-flat,cid=0badcafe,adapter=ide", f"disk:{self.disk},name=plain,format=vhd")
        shutil.copytree(bundle, whole)
        for name in ("db.vhd", "web.vmdk", "plain.vhd"):
            self.flip(50, bundle / "data/disks" / name)
        run(IMPORT, "verify", bundle, "--damage", self.list, expect=20)
        self.assertEqual({disk["name"]: disk["identifiers"] for disk in json.loads(self.list.read_text())["disks"]},
                         {"db": f"uuid={uuid}", "web": "adapter=ide,cid=0badcafe", "plain": ""})
        run(EXPORT, self.patch, "--repair", self.list, *(f"disk:{self.disk},name={name}" for name in ("db", "web", "plain")))
        run(IMPORT, "patch", bundle, self.patch)
        run("diff", "-r", whole, bundle)

    def test_a_configuration_alone_needs_no_source(self):
        (self.bundle / "data/config/disks/web01.json").unlink()
        self.verify()
        run(EXPORT, self.patch, "--repair", self.list, "--disk-config", f"web01={self.config}")
        self.assertTrue(self.mend(self.patch)["ok"])
        self.assert_whole()

    def test_a_source_that_has_changed_is_said_so_and_the_rest_is_patched(self):
        layer = self.rows()[-1]
        self.flip(layer[0])
        self.flip(0, self.bundle / "data/disks/web01-flat.vmdk")
        (self.bundle / "data/config/disks/web01.json").write_text("x")
        self.verify()
        other = self.dir / "other.img"
        shutil.copy(self.disk, other)
        self.flip(7, other)
        changed = self.dir / "other.json"
        changed.write_text('{"cpus": 4}')
        done = self.repair(self.images, f"disk:{other},name=web01,config={changed}", expect=3)
        report = json.loads(done.stdout)
        self.assertEqual(report["blobs"], 1)
        self.assertEqual(len(report["missing"]), 2)
        for missing in report["missing"]:
            self.assertIn("content has changed", missing["detail"])
        run(IMPORT, "verify", self.patch)
        mended = self.mend(self.patch, expect=20)  # [DMG-11]
        self.assertFalse(mended["ok"])
        self.assertEqual([file["path"] for file in mended["mended"]], ["data/images/images.tar"])
        # A second patch has the rest.
        self.verify()
        second = self.dir / "second.patch"
        self.repair(patch=second)
        self.assertTrue(self.mend(second)["ok"])
        self.assert_whole()

    def test_a_blob_that_the_registry_does_not_have_any_more_is_named(self):
        rows = [row for row in self.rows() if not row[3]]
        gone, there = rows[-1], rows[-2]
        registry = self.registry()
        harness.fill(registry)
        for repository in registry.repositories():
            request = urllib.request.Request(f"http://{registry.host}/v2/{repository}/blobs/{gone[2]}", method="DELETE")
            try:
                urllib.request.urlopen(request, timeout=30).close()
            except urllib.error.HTTPError as error:
                self.assertEqual(error.code, 404)
        self.flip(gone[0])
        self.flip(there[0])
        self.verify()
        done = run(EXPORT, self.patch, "--repair", self.list, f"docker://{registry.host}", "--plain-http", registry.host,
                   "--json", expect=3)
        missing = json.loads(done.stdout)["missing"]
        self.assertEqual(len(missing), 1)
        self.assertIn(gone[2], missing[0]["detail"])
        self.assertTrue(missing[0]["references"])
        mended = self.mend(self.patch, expect=20)
        self.assertEqual({finding["blob"] for finding in mended["findings"] if finding["blob"]}, {gone[2]})
        # The layout and the registry together: where one does not have it the other is asked.
        self.verify()
        run(EXPORT, self.dir / "rest.patch", "--repair", self.list, f"docker://{registry.host}", f"oci:{harness.corpus()}",
            "--plain-http", registry.host)
        self.assertTrue(self.mend(self.dir / "rest.patch")["ok"])
        self.assert_whole()

    def test_nothing_to_be_had_leaves_no_patch(self):
        self.flip(self.rows()[-1][0])
        self.verify()
        empty = self.registry()
        run(EXPORT, self.patch, "--repair", self.list, f"docker://{empty.host}", "--plain-http", empty.host, expect=33)
        self.assertEqual(sorted(path.name for path in self.dir.iterdir()), ["b.bag", "damage.json"])

    def test_a_patch_for_another_bundle_a_bundle_and_a_damaged_patch_are_refused(self):
        self.flip(self.rows()[-1][0])
        self.verify()
        before = harness.sha256(self.tarball.read_bytes())
        self.repair(self.images)
        other = self.export("other.bag", self.images + "/library/busybox", registry=self.source)
        done = run(IMPORT, "patch", other, self.patch, expect=20)
        self.assertIn(self.seal, done.stderr)
        done = run(IMPORT, "patch", self.bundle, other, expect=20)
        self.assertIn("no patch", done.stderr)
        self.flip(self.tarball.stat().st_size % 5000 + 3000, self.patch / "data/images/images.tar")
        done = run(IMPORT, "patch", self.bundle, self.patch, expect=20)
        self.assertIn("damaged itself", done.stderr)
        self.assertEqual(harness.sha256(self.tarball.read_bytes()), before, "nothing was written")

    def test_a_read_only_bundle_is_to_be_copied_first(self):
        self.flip(self.rows()[-1][0])
        self.verify()
        self.repair(self.images)
        self.tarball.chmod(0o444)
        # root may write anywhere, but for this
        obeying = ["setpriv", "--bounding-set=-dac_override"] if os.geteuid() == 0 else []
        done = run(*obeying, IMPORT, "patch", self.bundle, self.patch, expect=42)
        self.assertIn("copy it to another medium", done.stderr)

    def test_two_damaged_copies_make_a_whole_one(self):  # [DMG-13]
        other = self.dir / "other.bag"
        shutil.copytree(self.whole, other)
        rows = self.rows()
        for number, (offset, size, _, _) in enumerate(rows):
            self.flip(offset + size // 2, self.tarball if number % 2 else other / "data/images/images.tar")
        (self.bundle / "index.sqlite").unlink()
        (self.bundle / "data/disks/web01.vmdk").unlink()
        self.flip(20, self.bundle / "tagmanifest-sha256.txt")
        self.flip(5, other / "data/config/disks/web01.json")
        (other / "bag-info.txt").unlink()
        done = run(IMPORT, "patch", self.bundle, other, "--seal", self.seal, "--json")
        mended = {file["path"] for file in json.loads(done.stdout)["mended"]}
        self.assertEqual(mended, {"tagmanifest-sha256.txt", "index.sqlite", "data/disks/web01.vmdk",
                                  "data/images/images.tar"})
        run(IMPORT, "verify", self.bundle, "--seal", self.seal)
        run(IMPORT, "patch", other, self.bundle)
        run("diff", "-r", self.bundle, self.whole)
        run("diff", "-r", other, self.whole)

    def test_without_its_index_no_patch_is_advised_that_would_be_refused(self):
        (self.bundle / "index.sqlite").unlink()
        offset, size, _, _ = self.rows()[-1]
        self.flip(offset + size // 2)
        said = run(IMPORT, "verify", self.bundle, "--damage", self.list, expect=20).stdout
        self.assertEqual(said.count(f"seabag-import patch {self.bundle} COPY"), 1, said)
        self.assertNotIn("--repair", said)
        run(IMPORT, "patch", self.bundle, self.whole)
        run("diff", "-r", self.bundle, self.whole)

    def test_every_file_that_is_damaged_or_gone_comes_back_from_a_copy(self):  # [DMG-13]
        for path in sorted(path.relative_to(self.whole) for path in self.whole.rglob("*") if path.is_file()):
            for how in ("flipped", "cut", "gone"):
                with self.subTest(path=str(path), how=how):
                    size = (self.whole / path).stat().st_size
                    if how == "flipped":
                        self.flip(size // 2, self.bundle / path)
                    elif how == "cut":
                        os.truncate(self.bundle / path, size // 2)
                    else:
                        (self.bundle / path).unlink()
                    no_bundle = how == "gone" and path.name == "tagmanifest-sha256.txt"
                    run(IMPORT, "verify", self.bundle, "--seal", self.seal, expect=10 if no_bundle else 20)
                    run(IMPORT, "patch", self.bundle, self.whole, "--seal", self.seal)
                    run("diff", "-r", self.bundle, self.whole)

    def test_killed_anywhere_it_is_run_again_and_mends(self):
        rows = self.rows()
        good = {}
        for offset, size, digest, _ in rows[::4]:
            self.flip(offset + size // 3)
        for offset, size, digest, _ in rows:
            good[digest] = (offset, size)
        (self.bundle / "data/disks/web01.vmdk").unlink()
        self.flip(5, self.bundle / "data/disks/web01-flat.vmdk")
        damaged = {blob["digest"] for blob in self.verify()["blobs"]}
        self.repair()
        killed = 0
        for call in ("pwrite64", "fsync", "rename", "ftruncate", "openat"):
            for nth in (1, 2, 3, 5, 9):
                scarred = self.dir / f"{call}-{nth}.bag"
                shutil.copytree(self.bundle, scarred)
                done = subprocess.run(
                    ["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={call}", "-e",
                     f"inject={call}:signal=SIGKILL:when={nth if call != 'openat' else nth * 6}", IMPORT, "patch",
                     str(scarred), str(self.patch)],
                    stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=harness.environment(), timeout=120)
                if done.returncode in (KILLED, 137):
                    killed += 1
                    with open(scarred / "data/images/images.tar", "rb") as file:
                        for digest, (offset, size) in good.items():
                            file.seek(offset)
                            if digest not in damaged:
                                self.assertEqual(harness.sha256(file.read(size)), digest, "what was good is good")
                run(IMPORT, "patch", scarred, self.patch, "--seal", self.seal)
                run("diff", "-r", self.whole, scarred)
                shutil.rmtree(scarred)
        self.assertGreaterEqual(killed, 10)

    def test_a_split_bundle_gives_a_lost_tarball_what_the_others_have(self):
        split = self.export("split.bag", self.images + "/library/busybox", self.images + "/library/multi", "--split-by",
                            "repository", registry=self.source)
        copy = self.dir / "copy.bag"
        shutil.copytree(split, copy)
        tarballs = sorted((copy / "data/images").iterdir())
        tarballs[0].unlink()
        self.flip(700, tarballs[1])
        run(IMPORT, "verify", copy, "--damage", self.list, expect=20)
        run(EXPORT, self.patch, "--repair", self.list, self.images, *self.plain)
        run(IMPORT, "patch", copy, self.patch)
        run("diff", "-r", split, copy)

    def test_tag_files_that_follow_from_the_index(self):
        names = ("bagit.txt", "bag-info.txt", "manifest-sha256.txt")
        for name in names:
            self.flip(2, self.bundle / name)
        done = run(IMPORT, "verify", self.bundle, expect=20)
        self.assertIn("seabag-import patch", done.stderr)
        self.assertEqual({file["path"] for file in self.mend()["mended"]}, set(names))
        self.assert_whole()
        sealed = self.bundle / "tagmanifest-sha256.txt"
        text = sealed.read_text()
        sealed.write_text(("1" if text[0] == "0" else "0") + text[1:])
        run(IMPORT, "patch", self.bundle, expect=20)
        self.assertTrue(self.mend()["ok"], "with --seal")
        self.assert_whole()

    def test_a_damaged_index_is_named_as_what_no_patch_mends(self):
        self.flip(5000, self.bundle / "index.sqlite")
        before = (self.bundle / "index.sqlite").read_bytes()
        done = run(IMPORT, "patch", self.bundle, expect=20)
        self.assertIn("index.sqlite", done.stderr)
        self.assertIn("another copy", done.stderr)
        self.assertEqual((self.bundle / "index.sqlite").read_bytes(), before)

    def test_a_list_that_is_none_is_refused(self):
        self.list.write_text('{"seal": 1}')
        self.repair(self.images, expect=22)
        run(EXPORT, self.patch, "--repair", self.list, self.images, "--resume", expect=2)


if __name__ == "__main__":
    unittest.main()
