# SPDX-License-Identifier: Apache-2.0
"""A registry with the referrers API of OCI 1.1, as source and as target. Debian's has none: a relay adds it."""
import json
import unittest

import harness
from harness import IMPORT, Layout, run
from relays import ReferrersRegistry


class ReferrersApi(harness.TestCase):
    def setUp(self):
        super().setUp()
        self.made = self.image_with_referrers()

    def registry_with_api(self):
        relay = ReferrersRegistry(self.registry())
        self.addCleanup(relay.stop)
        return relay

    def referrer(self, layout, subject, kind):
        blob = layout.put(kind.encode(), "application/vnd.test." + kind)
        return layout.manifest([blob], artifactType="application/vnd.test." + kind, subject=subject)

    def image_with_referrers(self):
        """A layout: an index, a platform child, an SBOM of each, a signature of the SBOM; only the index has a name."""
        layout = Layout(self.dir / "layout")
        child = layout.manifest([layout.layer(b"layer" * 10_000)])
        index = layout.put(json.dumps({
            "schemaVersion": 2, "mediaType": layout.OCI + "index.v1+json",
            "manifests": [{**child, "platform": {"os": "linux", "architecture": "amd64"}}]}).encode(),
            layout.OCI + "index.v1+json")
        layout.name("team/app:1", index)
        self.child, self.index = child["digest"], index["digest"]
        self.of_index = layout.name("", self.referrer(layout, index, "sbom"))["digest"]
        self.of_child = layout.name("", self.referrer(layout, child, "provenance"))["digest"]
        sbom = {key: layout.entries[1][key] for key in ("mediaType", "digest", "size")}
        self.of_sbom = layout.name("", self.referrer(layout, sbom, "signature"))["digest"]
        return self.export("made.bag", f"oci:{layout.path}")

    def expected(self):
        return {("team/app", self.index): {self.of_index}, ("team/app", self.child): {self.of_child},
                ("team/app", self.of_index): {self.of_sbom}}

    def known(self, relay):
        return {key: set(found) for key, found in relay.referrers.items()}

    def fallback(self, digest):
        return digest.replace(":", "-")

    def test_a_push_leaves_the_listing_to_the_registry_and_writes_no_fallback_tag(self):
        target = self.registry_with_api()
        self.push(self.made, f"docker://{target.host}", registry=target)
        self.assertEqual(self.known(target), self.expected())
        self.assertEqual(target.tags("team/app"), ["1"])

    def test_an_export_takes_them_from_the_api(self):
        source = self.registry_with_api()
        self.push(self.made, f"docker://{source.host}", registry=source)
        source.seen.clear()
        bundle = self.export("b.bag", f"docker://{source.host}/team/app:1", registry=source)
        run(IMPORT, "verify", bundle)
        for subject in (self.index, self.child, self.of_index):
            self.assertIn(("GET", f"/v2/team/app/referrers/{subject}"), source.seen)
        listed = json.loads(run(IMPORT, "list", "--json", bundle).stdout)["references"]
        self.assertEqual({entry["digest"] for entry in listed},
                         {self.index, self.of_index, self.of_child, self.of_sbom})
        without = self.export("without.bag", f"docker://{source.host}/team/app:1", "--no-referrers", registry=source)
        listed = json.loads(run(IMPORT, "list", "--json", without).stdout)["references"]
        self.assertEqual({entry["digest"] for entry in listed}, {self.index})

    def test_from_api_to_api_they_can_be_found_and_no_tag_is_added(self):
        source, target = self.registry_with_api(), self.registry_with_api()
        self.push(self.made, f"docker://{source.host}", registry=source)
        bundle = self.export("b.bag", f"docker://{source.host}", registry=source)
        self.push(bundle, f"docker://{target.host}/mirror", registry=target)
        self.assertEqual(self.known(target), {("mirror/" + name, subject): found
                                              for (name, subject), found in self.expected().items()})
        self.assertEqual(target.tags("mirror/team/app"), ["1"])

    def test_a_registry_without_the_api_gets_the_fallback_tags_and_an_export_finds_them_again(self):
        source, plain = self.registry_with_api(), self.registry()
        self.push(self.made, f"docker://{source.host}", registry=source)
        bundle = self.export("b.bag", f"docker://{source.host}", registry=source)
        self.push(bundle, f"docker://{plain.host}", registry=plain)
        fallback_tags = {self.fallback(subject) for _, subject in self.expected()}
        self.assertEqual(set(plain.tags("team/app")), {"1"} | fallback_tags)
        for (_, subject), found in self.expected().items():
            listed = json.loads(plain.manifest("team/app", self.fallback(subject))[0])["manifests"]
            self.assertEqual({entry["digest"] for entry in listed}, found)
            self.assertTrue(all(entry["artifactType"].startswith("application/vnd.test.") for entry in listed))
        again = self.export("again.bag", f"docker://{plain.host}/team/app:1", registry=plain)
        listed = json.loads(run(IMPORT, "list", "--json", again).stdout)["references"]
        self.assertLessEqual({self.index, self.of_index, self.of_child, self.of_sbom},
                             {entry["digest"] for entry in listed})

    def test_a_second_push_to_a_registry_with_the_api_adds_nothing(self):
        target = self.registry_with_api()
        self.push(self.made, f"docker://{target.host}", registry=target)
        before = target.registry.everything()
        target.seen.clear()
        done = self.push(self.made, f"docker://{target.host}", registry=target)
        self.assertIn("0 pushed", done.stdout)
        self.assertEqual({method for method, _ in target.seen} - {"GET", "HEAD"}, set())
        self.assertEqual(target.registry.everything(), before)


if __name__ == "__main__":
    unittest.main()
