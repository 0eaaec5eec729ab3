# SPDX-License-Identifier: Apache-2.0
"""An import that is killed at any durable call: a tag means its old or its new image, whole; running it again ends well."""
import json
import pathlib
import shutil
import tarfile
import unittest
import urllib.error

import killing
import harness
from harness import IMPORT, Layout, run, sha256


class KilledImport(harness.TestCase):
    def setUp(self):
        super().setUp()
        disk = self.dir / "web.raw"
        with open(disk, "wb") as file:
            file.truncate(2 << 20)
            file.seek(1 << 20)
            file.write(b"boot" * 20_000)
        self.old = self.bundle("old", b"old layer")
        self.new = self.bundle("new", b"new layer" * 9_000, f"disk:{disk}")
        self.kills = 0

    def bundle(self, name, content, *more):
        """team/app:1 with a layer of its own, and team/same:1, which is the same image in both bundles."""
        layout = Layout(self.dir / name)
        shared = layout.layer(b"shared layer " * 3_000)
        layout.name("team/app:1", layout.manifest([shared, layout.layer(content)]))
        layout.name("team/same:1", layout.manifest([shared]))
        return self.export(f"{name}.bag", f"oci:{layout.path}", *more)

    def command(self, target, receipt, *more):
        return [IMPORT, "push", self.new, target, "--on-existing-tag", "replace", "--receipt", receipt, "--jobs", "1",
                "--quiet", *more]

    def kill(self, command, point):
        killed = killing.killed_at(command, point)
        self.kills += killed
        return killed

    def assert_receipt(self, receipt, complete=False):
        """None, or a whole one."""
        if complete or receipt.exists():
            self.assertIs(json.loads(receipt.read_text())["complete"], True)

    # A registry

    def closure_is_there(self, repository, digest):
        """Fetches everything below a manifest; fails if something is not there or is not what it is called."""
        body, _ = self.target.manifest(repository, digest)
        self.assertEqual(sha256(body), digest)
        manifest = json.loads(body)
        for child in manifest.get("manifests", []):
            self.closure_is_there(repository, child["digest"])
        for blob in [manifest[key] for key in ("config",) if key in manifest] + manifest.get("layers", []):
            data, _ = self.target.get(f"/v2/{repository}/blobs/{blob['digest']}")
            self.assertEqual(sha256(data), blob["digest"])

    def tags_under(self, prefix):
        return {name[len(prefix):]: digest for (repository, tag), (digest, _) in self.target.everything().items()
                if (name := f"{repository}:{tag}").startswith(prefix)}

    def assert_each_tag_is_old_or_new(self, prefix):
        for name, digest in self.tags_under(prefix).items():
            self.assertIn(digest, (self.old_tags.get(name), self.new_tags[name]), name)
            self.closure_is_there(prefix + name.rsplit(":", 1)[0], digest)

    def registry_command(self, prefix, receipt):
        return self.command(f"docker://{self.target.host}/{prefix}", receipt, "--plain-http", self.target.host)

    def push_old(self, prefix):
        self.push(self.old, f"docker://{self.target.host}/{prefix}", registry=self.target)

    def test_into_a_registry(self):
        self.target = self.registry()
        self.push_old("first")
        self.old_tags = self.tags_under("first/")
        points = killing.points_of(self.registry_command("first", self.dir / "first.json"),
                                   killing.DURABLE + killing.SENDING)
        self.new_tags = self.tags_under("first/")
        self.assertNotEqual(self.old_tags["team/app:1"], self.new_tags["team/app:1"])
        self.assertLess(len(self.old_tags), len(self.new_tags), "the disk came with the new bundle")
        chosen = killing.sample(points, each=12)
        for i, point in enumerate(chosen):
            with self.subTest(point=point):
                receipt = self.dir / f"k{i}.json"
                self.push_old(f"k{i}")
                command = self.registry_command(f"k{i}", receipt)
                self.kill(command, point)
                self.assert_each_tag_is_old_or_new(f"k{i}/")
                self.kill(command, points[(i * 7) % len(points)])
                self.assert_each_tag_is_old_or_new(f"k{i}/")
                run(*command)
                self.assertEqual(self.tags_under(f"k{i}/"), self.new_tags)
                self.assert_each_tag_is_old_or_new(f"k{i}/")
                self.assert_receipt(receipt, complete=True)
        print(f"registry: {len(points)} points, {len(chosen)} chosen, {self.kills} kills", flush=True)
        self.assertGreater(self.kills, len(chosen) * 0.9)

    # A layout

    def assert_layout_is_whole(self, layout):
        """Every file under a digest has it; every name in index.json is its old or its new image, whole."""
        for blob in (layout / "blobs").rglob("*"):
            if blob.is_file() and blob.suffix != ".part":
                self.assertEqual(sha256(blob.read_bytes()), f"{blob.parent.name}:{blob.name}")
        for name, digest in self.layout_tags(layout).items():
            self.assertIn(digest, (self.old_tags.get(name), self.new_tags[name]))
            self.assert_blob_and_all_below(layout, digest)

    def assert_blob_and_all_below(self, layout, digest):
        data = (layout / "blobs" / digest.replace(":", "/")).read_bytes()
        manifest = json.loads(data)
        for blob in [manifest["config"]] + manifest["layers"]:
            self.assertTrue((layout / "blobs" / blob["digest"].replace(":", "/")).is_file(), blob)

    @staticmethod
    def layout_tags(layout):
        entries = json.loads((layout / "index.json").read_text())["manifests"]
        return {entry["annotations"]["org.opencontainers.image.ref.name"]: entry["digest"] for entry in entries}

    def test_into_a_layout(self):
        before = self.dir / "before"
        self.push(self.old, f"oci:{before}")
        self.old_tags = self.layout_tags(before)
        after = self.dir / "after"
        shutil.copytree(before, after)
        points = killing.points_of(self.command(f"oci:{after}", self.dir / "r.json"))
        self.new_tags = self.layout_tags(after)
        self.kill_into_a_directory("oci:", before, after, points, self.assert_layout_is_whole)

    # A directory

    def test_into_a_directory_of_tarballs(self):
        before = self.dir / "before"
        self.push(self.old, f"dir:{before}")
        after = self.dir / "after"
        shutil.copytree(before, after)
        points = killing.points_of(self.command(f"dir:{after}", self.dir / "r.json"))
        old_tree, new_tree = killing.tree(before), killing.tree(after)
        self.assertTrue(any(name.startswith("disks/") for name in new_tree))

        def each_file_is_old_or_new(place):
            for name, content in killing.tree(place).items():
                if ".part" not in name:
                    self.assertIn(content, (old_tree.get(name), new_tree[name]), name)
            with tarfile.open(place / "team/app/1.tar") as whole:
                self.assertIn("oci-layout", whole.getnames())

        self.kill_into_a_directory("dir:", before, after, points, each_file_is_old_or_new)

    def test_disks_converted_into_a_directory(self):
        before = self.dir / "before"
        before.mkdir()
        after = self.dir / "after"
        after.mkdir()
        convert = ["--disk-as", "vhd"]
        points = killing.points_of(self.command(f"dir:{after}", self.dir / "r.json", *convert))
        new_tree = killing.tree(after)
        self.assertIn("disks/web.vhd", new_tree)

        def each_file_is_new(place):
            for name, content in killing.tree(place).items():
                if ".part" not in name:
                    self.assertEqual(content, new_tree[name], name)

        self.kill_into_a_directory("dir:", before, after, points, each_file_is_new, *convert)

    def kill_into_a_directory(self, transport, before, after, points, assert_sound, *options):
        chosen = killing.sample(points, each=4)
        for i, point in enumerate(chosen):
            with self.subTest(point=point):
                place, receipt = self.dir / f"k{i}", self.dir / f"k{i}.json"
                shutil.copytree(before, place)
                command = self.command(f"{transport}{place}", receipt, *options)
                self.kill(command, point)
                assert_sound(place)
                self.assert_receipt(receipt)
                self.kill(command, points[(i * 7) % len(points)])
                assert_sound(place)
                run(*command)
                self.assertEqual(killing.tree(place), killing.tree(after))
                self.assert_receipt(receipt, complete=True)
            shutil.rmtree(place)
        print(f"{transport} {len(points)} durable calls, {len(chosen)} chosen, {self.kills} kills", flush=True)
        self.assertGreater(self.kills, len(chosen) * 0.9)


if __name__ == "__main__":
    unittest.main()
