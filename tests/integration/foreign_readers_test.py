# SPDX-License-Identifier: Apache-2.0
"""Tools that have nothing to do with Seabag read a bundle."""
import json
import re
import unittest

import harness
from harness import run


class ForeignReaders(harness.FilledRegistryTestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.bundle = harness.SCRATCH / "foreign-readers.bag"
        run("rm", "-rf", cls.bundle)
        run(harness.EXPORT, cls.bundle, f"docker://{cls.source.host}", "--plain-http", cls.source.host)
        cls.tarball = cls.bundle / "data/images/images.tar"

    @classmethod
    def tearDownClass(cls):
        run("rm", "-rf", cls.bundle)
        super().tearDownClass()

    def name(self, repository, tag):
        return f"{self.source.host}/{repository}:{tag}"

    def tagged(self, *kinds):
        """Entries of the corpus with a tag, by the media type's last part."""
        return [e for e in harness.corpus_entries() if e["tag"] and e["kind"] in kinds]

    def test_sha256sum_agrees_with_both_manifests(self):
        for manifest in ("manifest-sha256.txt", "tagmanifest-sha256.txt"):
            run("sha256sum", "--quiet", "-c", manifest, cwd=self.bundle)

    def test_tar_and_bsdtar_list_the_same_members(self):
        gnu = run("tar", "-tf", self.tarball).stdout.split()
        bsd = run("bsdtar", "-tf", self.tarball).stdout.split()
        self.assertEqual(gnu, bsd)
        self.assertEqual(gnu[:3], ["oci-layout", "index.json", "manifest.json"])

    def test_skopeo_inspects_every_oci_image_by_its_name(self):
        for entry in self.tagged("image"):
            view = "oci-archive" if "oci" in entry["mediaType"] else "docker-archive"
            name = self.name(entry["repo"], entry["tag"])
            with self.subTest(name=name):
                raw = run("skopeo", "inspect", "--raw", f"{view}:{self.tarball}:{name}").stdout
                if view == "oci-archive":
                    self.assertEqual(harness.sha256(raw.encode()), entry["digest"])
                else:
                    self.assertIn("layers", json.loads(raw))
            if entry["repo"].startswith("team"):
                break  # one of each kind; skopeo unpacks the tarball for each call

    def test_skopeo_copies_an_image_an_index_and_a_docker_image_out(self):
        for number, (view, repository, tag) in enumerate([("oci-archive", "library/busybox", "1.35"),
                                                          ("oci-archive", "library/multi", "1.0"),
                                                          ("oci-archive", "library/zstd", "1.0"),
                                                          ("docker-archive", "runtimes/nginx", "1"),
                                                          ("docker-archive", "library/multi", "1.0")]):
            with self.subTest(view=view, repository=repository):
                everything = ["--all"] if view == "oci-archive" else []
                run("skopeo", "--insecure-policy", "copy", "-q", *everything,
                    f"{view}:{self.tarball}:{self.name(repository, tag)}", f"dir:{self.dir}/{number}")
                self.assertTrue((self.dir / str(number) / "manifest.json").exists())

    def test_podman_loads_every_image(self):
        store = self.podman_store()
        bundle = self.dir / "two.bag"
        run(harness.EXPORT, bundle, f"docker://{self.source.host}/library/busybox",
            f"docker://{self.source.host}/library/multi", f"docker://{self.source.host}/library/zstd", "--plain-http",
            self.source.host)
        said = run("podman", *store, "load", "-i", bundle / "data/images/images.tar", timeout=600).stdout
        for name in (self.name("library/busybox", "1.35"), self.name("library/busybox", "latest"),
                     self.name("library/multi", "1.0"), self.name("library/zstd", "1.0")):
            self.assertIn(name, said)

    def test_umoci_sees_every_name(self):
        layout = self.dir / "layout"
        layout.mkdir()
        run("tar", "-xf", self.tarball, "-C", layout)
        listed = set(run("umoci", "ls", "--layout", layout).stdout.split())
        for entry in harness.corpus_entries():
            if entry["tag"]:
                self.assertIn(self.name(entry["repo"], entry["tag"]), listed)

    def test_sqlite3_runs_the_documented_queries(self):
        text = (harness.TOP / "format-spec/index.md").read_text()
        queries = re.findall(r"```sql\n(.*?)```", text, re.S)
        self.assertGreater(len(queries), 4)
        for query in queries:
            with self.subTest(query=query):
                run("sqlite3", "-readonly", self.bundle / "index.sqlite", query)

    def test_the_index_says_where_a_blob_lies(self):
        path, offset, size, digest = run(
            "sqlite3", "-readonly", "-separator", " ", self.bundle / "index.sqlite",
            "SELECT file, offset, size, digest FROM image_blobs WHERE size > 100000 ORDER BY size LIMIT 1").stdout.split()
        with open(self.bundle / path, "rb") as tarball:
            tarball.seek(int(offset))
            self.assertEqual(harness.sha256(tarball.read(int(size))), digest)


if __name__ == "__main__":
    unittest.main()
