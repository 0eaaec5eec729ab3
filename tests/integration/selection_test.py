# SPDX-License-Identifier: Apache-2.0
"""What is chosen, what is left out, and how the bundle says so."""
import json
import unittest
import urllib.request

import harness
from harness import IMPORT, run


class Selection(harness.FilledRegistryTestCase):
    def listed(self, bundle):
        return json.loads(run(IMPORT, "list", "--json", bundle).stdout)

    def names(self, bundle):
        return {entry["name"].split("/", 1)[1] for entry in self.listed(bundle)["references"]}

    def test_one_platform_keeps_the_index_and_leaves_the_other_blobs_out(self):
        bundle = self.export("b.bag", f"docker://{self.source.host}/library/multi:1.0", "--platform", "linux/amd64",
                             registry=self.source)
        run(IMPORT, "verify", bundle)
        entry = self.listed(bundle)["references"][0]
        self.assertEqual(entry["digest"], harness.sha256(self.source.manifest("library/multi", "1.0")[0]))
        self.assertEqual(entry["platforms"], ["linux/amd64"])
        self.assertEqual(entry["leftOut"], ["linux/arm64"])
        self.assertFalse(entry["incomplete"])
        self.assertIn("left out: linux/arm64", run(IMPORT, "list", bundle).stdout)
        rows = run("sqlite3", "-readonly", bundle / "index.sqlite",
                   "SELECT count(*) FROM blobs WHERE presence = 'left-out'").stdout
        self.assertEqual(rows.strip(), "1")

    def test_an_image_for_another_platform_alone_is_missing(self):
        source = f"docker://{self.source.host}/library/multi:1.0"
        self.export("b.bag", source, "--platform", "windows/amd64", registry=self.source, expect=33)
        self.assertIn("it is for linux/amd64, linux/arm64, and for nothing that --platform names", self.exported.stderr)

    def test_two_sources_with_one_name_and_another_meaning_are_refused(self):
        for number in (1, 2):
            layout = harness.Layout(self.dir / f"l{number}")
            layout.name("team/app:1", layout.manifest([layout.layer(bytes([number]) * 1000)]))
        sources = [f"oci:{self.dir}/l{number}" for number in (1, 2)]
        for _ in range(5):
            self.export("b.bag", *sources, expect=2)
            self.assertIn('"team/app:1" has two meanings', self.exported.stderr)
            for source in sources:
                self.assertIn(source, self.exported.stderr)
            self.assertFalse((self.dir / "b.bag.unfinished").exists())

    def test_an_image_that_is_wrong_about_the_size_of_a_shared_layer_costs_itself_alone(self):
        """docker-registry takes such a manifest. Other tools did not look at the size, so there are some."""
        registry = self.registry()
        layout = harness.Layout(self.dir / "l")
        layer = layout.layer(b"x" * 1000)
        layout.name("good", layout.manifest([layer]))
        run("skopeo", "copy", "--dest-tls-verify=false", f"oci:{layout.path}:good", f"docker://{registry.host}/a:good")
        manifest = json.loads(registry.manifest("a", "good")[0])
        manifest["layers"][0]["size"] = 999
        for tag in ("first", "last"):
            request = urllib.request.Request(f"http://{registry.host}/v2/a/manifests/{tag}", method="PUT",
                                             data=json.dumps({**manifest, "annotations": {"tag": tag}}).encode(),
                                             headers={"Content-Type": manifest["mediaType"]})
            urllib.request.urlopen(request, timeout=60).close()
        for jobs in ("1", "8"):
            bundle = self.export(f"b{jobs}.bag", f"docker://{registry.host}/a", "--jobs", jobs, registry=registry,
                                 expect=3)
            self.assertEqual(self.names(bundle), {"a:good"})
            run(IMPORT, "verify", bundle)

    def test_what_is_shared_is_what_the_images_would_take_one_by_one(self):
        layout = harness.Layout(self.dir / "l")
        shared, other = layout.layer(bytes(1 << 20)), layout.layer(b"x" * 1000)
        one, two = layout.manifest([shared]), layout.manifest([shared, other])
        index = layout.put(json.dumps({"schemaVersion": 2, "manifests": [one]}).encode(),
                           layout.OCI + "index.v1+json")
        for name, manifest in (("a:1", one), ("a:2", one), ("b:1", two), ("c:1", index)):
            layout.name(name, manifest)
        config = len(b'{"architecture":"amd64","os":"linux"}')
        for option, expected in (((), 2 * (config + shared["size"]) + one["size"]), (("--split-by", "repository"), 0)):
            self.export(f"b{len(option)}.bag", f"oci:{layout.path}", "--json", *option)
            self.assertEqual(json.loads(self.exported.stdout)["sharedBytes"], expected)

    def test_include_and_exclude_choose_by_repository_and_tag(self):
        bundle = self.export("b.bag", f"docker://{self.source.host}", "--include", "team*/*:v1", "--include",
                             "library/busybox", "--exclude", "team1/**", registry=self.source)
        names = self.names(bundle)
        self.assertIn("library/busybox:latest", names)
        self.assertIn("team0/app00:v1", names)
        self.assertNotIn("team0/app00:v2", names)
        self.assertFalse([name for name in names if name.startswith("team1/")])

    def test_signatures_and_referrers_come_along_unless_told_otherwise(self):
        digest = harness.sha256(self.source.manifest("library/busybox", "1.35")[0])
        source = f"docker://{self.source.host}/library/busybox:1.35"
        names = self.names(self.export("with.bag", source, registry=self.source))
        fallback = digest.replace(":", "-")
        self.assertIn(f"library/busybox:{fallback}.sig", names)
        self.assertIn(f"library/busybox:{fallback}", names)
        self.assertEqual(len([name for name in names if "@" in name]), 1, "the SBOM, which has no tag")
        names = self.names(self.export("without.bag", source, "--no-referrers", registry=self.source))
        self.assertEqual(names, {"library/busybox:1.35"})

    def test_a_digest_and_a_list_of_sources(self):
        digest = harness.sha256(self.source.manifest("library/busybox", "1.35")[0])
        sources = self.dir / "sources"
        sources.write_text(f"# two\ndocker://{self.source.host}/library/busybox@{digest}\n"
                           f"docker://{self.source.host}/library/zstd:1.0\n")
        bundle = self.export("b.bag", "--from", sources, "--no-referrers", registry=self.source)
        self.assertEqual(self.names(bundle), {f"library/busybox@{digest}", "library/zstd:1.0"})

    def test_a_dry_run_tells_the_size_and_writes_nothing(self):
        bundle = self.export("b.bag", f"docker://{self.source.host}/library/multi", "--dry-run", registry=self.source)
        self.assertIn("library/multi:1.0", self.exported.stdout)
        self.assertIn("nothing was written", self.exported.stdout)
        self.assertFalse(bundle.exists())
        self.assertEqual(list(self.dir.iterdir()), [])

    def test_tarballs_are_split_by_repository_and_by_size(self):
        by_repository = self.export("r.bag", f"docker://{self.source.host}", "--include", "library/**", "--split-by",
                                    "repository", registry=self.source)
        run(IMPORT, "verify", by_repository)
        self.assertGreaterEqual(len(list((by_repository / "data/images").iterdir())), 5)
        by_size = self.export("s.bag", f"docker://{self.source.host}", "--include", "team*/**", "--tarball-size",
                              "150MiB", registry=self.source)
        run(IMPORT, "verify", by_size)
        sizes = [tarball.stat().st_size for tarball in (by_size / "data/images").iterdir()]
        self.assertGreater(len(sizes), 1)
        self.assertLessEqual(max(sizes), 150 << 20)
        target = self.registry()
        self.push(by_size, f"docker://{target.host}", registry=target)
        for (repository, tag), found in target.everything().items():
            self.assertEqual(found[0], harness.sha256(self.source.manifest(repository, tag)[0]))

    def test_an_image_too_large_for_the_tarball_size_is_named_before_anything_is_written(self):
        bundle = self.export("b.bag", f"docker://{self.source.host}/runtimes/java", "--tarball-size", "1MiB",
                             registry=self.source, expect=2)
        self.assertIn("runtimes/java:1", self.exported.stderr)
        self.assertEqual(list(self.dir.iterdir()), [])
        self.assertFalse(bundle.exists())

    def test_one_image_that_is_gone_does_not_stop_the_rest(self):
        bundle = self.export("b.bag", f"docker://{self.source.host}/library/busybox:1.35",
                             f"docker://{self.source.host}/library/nothing:1", registry=self.source, expect=3)
        run(IMPORT, "verify", bundle)
        self.assertIn("library/nothing:1", self.exported.stdout)
        absences = self.listed(bundle)["absences"]
        self.assertEqual([a["reference"].split("/", 1)[1] for a in absences], ["library/nothing:1"])

    def test_nothing_at_all_is_an_error_and_leaves_nothing(self):
        self.export("b.bag", f"docker://{self.source.host}/library/nothing:1", registry=self.source, expect=33)
        self.assertEqual(list(self.dir.iterdir()), [])


class MissingBlob(harness.TestCase):
    def test_an_image_with_a_lost_layer_is_sealed_around(self):
        registry = self.registry()
        harness.fill(registry)
        layer = json.loads(registry.manifest("library/zstd", "1.0")[0])["layers"][0]["digest"]
        for data in (registry.dir / "storage").rglob(layer[7:]):
            run("rm", "-rf", data)
        bundle = self.export("b.bag", f"docker://{registry.host}", "--include", "library/**", "--json",
                             registry=registry, expect=3)
        said = json.loads(run(IMPORT, "list", "--json", bundle).stdout)
        incomplete = [entry["name"] for entry in said["references"] if entry["incomplete"]]
        self.assertEqual(incomplete, [f"{registry.host}/library/zstd:1.0"])
        self.assertIn(layer, {absence["blob"] for absence in said["absences"]})
        exported = json.loads(self.exported.stdout)["blobs"]
        self.assertEqual(json.loads(run(IMPORT, "verify", "--json", bundle).stdout)["blobs"], exported)
        verified = run(IMPORT, "verify", bundle).stdout
        self.assertIn("1 blob could not be had when the bundle was made", verified)
        self.assertIn(f", {exported} blobs, ", verified)
        self.assertIn(f", {exported} blobs, ", run(IMPORT, "list", bundle).stdout)
        listed = run("tar", "-tf", bundle / "data/images/images.tar").stdout.split()
        self.assertIn(f"missing/sha256/{layer[7:]}", listed)
        target = self.registry()
        self.push(bundle, f"docker://{target.host}", registry=target, expect=20)
        self.assertIn(("library/busybox", "1.35"), target.everything())
        self.assertNotIn(("library/zstd", "1.0"), target.everything())


if __name__ == "__main__":
    unittest.main()
