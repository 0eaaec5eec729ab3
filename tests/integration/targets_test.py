# SPDX-License-Identifier: Apache-2.0
"""Where a bundle is pushed, and under which names."""
import json
import unittest

import harness
from harness import run


class Targets(harness.FilledRegistryTestCase):
    def setUp(self):
        super().setUp()
        self.bundle = self.export("b.bag", f"docker://{self.source.host}", "--include", "library/**",
                                  registry=self.source)

    def test_names_are_mapped_and_prefixed(self):
        target = self.registry()
        self.push(self.bundle, f"docker://{target.host}/site/mirror", "--map", "library=base", "--map",
                  "library/busybox=tools/shell", registry=target)
        self.assertIn("site/mirror/tools/shell", target.repositories())
        self.assertIn("site/mirror/base/multi", target.repositories())
        self.assertEqual(target.manifest("site/mirror/base/multi", "1.0"), self.source.manifest("library/multi", "1.0"))

    def test_only_and_except_choose(self):
        target = self.registry()
        self.push(self.bundle, f"docker://{target.host}", "--only", "library/m*", "--only", "library/zstd", "--except",
                  "library/zstd:1.0", registry=target)
        self.assertEqual(target.repositories(), ["library/multi"])

    def test_a_dry_run_prints_source_and_target_of_every_name_and_sends_nothing(self):
        target = self.registry()
        done = self.push(self.bundle, f"docker://{target.host}/m", "--dry-run", registry=target)
        self.assertIn(f"{self.source.host}/library/busybox:1.35 -> docker://{target.host}/m/library/busybox:1.35",
                      done.stdout)
        self.assertEqual(target.repositories(), [])

    def test_collisions_are_reported_before_the_first_byte_is_sent(self):
        target = self.registry()
        done = self.push(self.bundle, f"docker://{target.host}", "--map", "library/multi=one", "--map",
                         "library/nested=one", registry=target, expect=2)
        self.assertIn("would both become one:1.0", done.stderr)
        self.assertEqual(target.repositories(), [])

    def test_a_tag_that_means_something_else_is_not_moved_unless_told(self):
        target = self.registry()
        zstd = ["--only", "library/zstd", "--map", "library/zstd=library/multi"]
        self.push(self.bundle, f"docker://{target.host}", *zstd, registry=target)
        before = target.manifest("library/multi", "1.0")
        multi = ["--only", "library/multi"]
        done = self.push(self.bundle, f"docker://{target.host}", *multi, registry=target, expect=33)
        self.assertIn("--on-existing-tag", done.stderr)
        self.assertEqual(target.manifest("library/multi", "1.0"), before)
        self.push(self.bundle, f"docker://{target.host}", *multi, "--on-existing-tag", "skip", registry=target)
        self.assertEqual(target.manifest("library/multi", "1.0"), before)
        receipt = self.dir / "receipt.json"
        self.push(self.bundle, f"docker://{target.host}", *multi, "--on-existing-tag", "replace", "--receipt", receipt,
                  registry=target)
        self.assertEqual(target.manifest("library/multi", "1.0"), self.source.manifest("library/multi", "1.0"))
        account = json.loads(receipt.read_text())
        self.assertEqual(account["references"][0]["replaced"], harness.sha256(before[0]))

    def test_chunked_uploads_arrive_the_same(self):
        target = self.registry()
        self.push(self.bundle, f"docker://{target.host}", "--chunk-size", "1MiB", "--only", "library/multi",
                  registry=target)
        self.assertEqual(target.manifest("library/multi", "1.0"), self.source.manifest("library/multi", "1.0"))

    def test_a_layout_is_extended_and_keeps_what_was_in_it(self):
        layout = self.dir / "layout"
        run("skopeo", "--insecure-policy", "copy", "-q", "--src-tls-verify=false",
            f"docker://{self.source.host}/library/zstd:1.0", f"oci:{layout}:mine")
        self.push(self.bundle, f"oci:{layout}", "--only", "library/busybox:1.35")
        names = {m.get("annotations", {}).get("org.opencontainers.image.ref.name")
                 for m in json.loads((layout / "index.json").read_text())["manifests"]}
        self.assertIn("mine", names)
        self.assertIn("library/busybox:1.35", names)
        run("skopeo", "inspect", f"oci:{layout}:mine")
        run("skopeo", "inspect", f"oci:{layout}:library/busybox:1.35")

    def test_a_layout_gets_back_what_somebody_removed(self):
        layout = self.dir / "layout"
        self.push(self.bundle, f"oci:{layout}")
        blobs = sorted((layout / "blobs/sha256").iterdir())
        index = (layout / "index.json").read_bytes()
        removed, cut = blobs[0], blobs[-1]
        content = removed.read_bytes(), cut.read_bytes()
        removed.unlink()
        cut.write_bytes(b"cut")
        self.push(self.bundle, f"oci:{layout}")
        self.assertEqual((removed.read_bytes(), cut.read_bytes()), content)
        self.assertEqual((layout / "index.json").read_bytes(), index)
        self.assertIn("0 blobs uploaded", self.push(self.bundle, f"oci:{layout}").stdout)

    def test_a_directory_gets_a_tarball_for_each_image(self):
        files = self.dir / "files"
        self.push(self.bundle, f"dir:{files}")
        tarball = files / "library/busybox/1.35.tar"
        raw = run("skopeo", "inspect", "--raw", f"oci-archive:{tarball}:library/busybox:1.35").stdout
        self.assertEqual(raw.encode(), self.source.manifest("library/busybox", "1.35")[0])
        self.assertEqual(run("tar", "-tf", tarball).stdout, run("bsdtar", "-tf", tarball).stdout)
        again = self.push(self.bundle, f"dir:{files}")
        self.assertIn("0 pushed", again.stdout)

    def test_a_bundle_that_is_not_there_or_not_one_is_named(self):
        done = self.push(self.dir / "nothing.bag", f"oci:{self.dir}/l", expect=10)
        self.assertIn("nothing.bag", done.stderr)
        done = self.push(self.bundle / "data", f"oci:{self.dir}/l", expect=10)
        self.assertIn("bagit.txt", done.stderr)
        done = self.push(self.dir, f"oci:{self.dir}/l", expect=10)
        self.assertIn("b.bag", done.stderr, "the next step names the bundle in it")

    def test_a_partial_index_is_refused_by_a_registry_that_wants_all_children_and_said_so(self):
        bundle = self.export("p.bag", f"docker://{self.source.host}/library/multi", "--platform", "linux/amd64",
                             registry=self.source)
        target = self.registry()
        done = self.push(bundle, f"docker://{target.host}", registry=target, expect=33)
        self.assertIn("--platform", done.stdout + done.stderr)
        layout = self.dir / "partial"
        self.push(bundle, f"oci:{layout}")
        self.assertTrue((layout / "index.json").exists())


if __name__ == "__main__":
    unittest.main()
