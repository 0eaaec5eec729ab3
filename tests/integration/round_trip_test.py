# SPDX-License-Identifier: Apache-2.0
"""The main job: a registry, a bundle, another registry, and everything provably the same."""
import json
import pathlib
import unittest

import harness
from harness import IMPORT, run, sha256


class RoundTrip(harness.FilledRegistryTestCase):
    def test_a_whole_registry_arrives_with_every_name_and_digest_the_same(self):
        bundle = self.export("all.bag", f"docker://{self.source.host}", registry=self.source)
        run(IMPORT, "verify", bundle)
        target = self.registry()
        receipt = self.dir / "receipt.json"
        self.push(bundle, f"docker://{target.host}", "--receipt", receipt, registry=target)

        self.assertEqual(target.everything(), self.source.everything())
        for entry in harness.corpus_entries():
            name = entry["tag"] or entry["digest"]
            sent, _ = self.source.manifest(entry["repo"], name)
            arrived, media_type = target.manifest(entry["repo"], name)
            self.assertEqual(arrived, sent, f"{entry['repo']}:{name}")
            self.assertEqual(media_type, entry["mediaType"])

        account = json.loads(receipt.read_text())  # [RCP-2]
        self.assertFalse(receipt.with_name(receipt.name + ".part").exists())
        self.assertTrue(account["complete"])
        self.assertEqual({r["outcome"] for r in account["references"]}, {"pushed"})

    def test_a_second_import_finds_everything_there_and_uploads_nothing(self):
        bundle = self.export("all.bag", f"docker://{self.source.host}", registry=self.source)
        target = self.registry()
        self.push(bundle, f"docker://{target.host}/mirror", registry=target)
        receipt = self.dir / "again.json"
        again = self.push(bundle, f"docker://{target.host}/mirror", "--receipt", receipt, registry=target)
        account = json.loads(receipt.read_text())
        self.assertIn(f"looking at the target: done, {len(account['references'])} items", again.stderr)
        self.assertEqual({r["outcome"] for r in account["references"]}, {"already-there"})
        self.assertEqual(account["blobs"]["uploaded"], 0)

    def test_an_image_layout_as_target_holds_every_image_and_each_blob_once(self):
        bundle = self.export("all.bag", f"docker://{self.source.host}", registry=self.source)
        layout = self.dir / "layout"
        done = self.push(bundle, f"oci:{layout}")
        self.assertNotIn("were there already", done.stderr, "a blob of several repositories counts once")
        names = {}
        for manifest in json.loads((layout / "index.json").read_text())["manifests"]:
            names[manifest["annotations"]["org.opencontainers.image.ref.name"]] = manifest["digest"]
        for entry in harness.corpus_entries():
            if entry["tag"]:
                self.assertEqual(names[f"{entry['repo']}:{entry['tag']}"], entry["digest"])
        for blob in (layout / "blobs/sha256").iterdir():
            self.assertEqual("sha256:" + blob.name, sha256(blob.read_bytes()))

    def test_the_bundle_holds_each_blob_once_and_nothing_else(self):
        bundle = self.export("all.bag", f"docker://{self.source.host}", registry=self.source)
        listed = run("tar", "-tf", bundle / "data/images/images.tar").stdout.split()
        expected = {"oci-layout", "index.json", "manifest.json"}
        expected |= {f"blobs/sha256/{blob.name}" for blob in (harness.corpus() / "blobs/sha256").iterdir()}
        self.assertEqual(len(listed), len(set(listed)))
        self.assertEqual(set(listed), expected)
        self.assertEqual({p.name for p in pathlib.Path(bundle).iterdir()},
                         {"bagit.txt", "bag-info.txt", "manifest-sha256.txt", "tagmanifest-sha256.txt",
                          "index.sqlite", "data"})
        self.assertFalse(pathlib.Path(str(bundle) + ".unfinished").exists())


if __name__ == "__main__":
    unittest.main()
