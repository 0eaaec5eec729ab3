# SPDX-License-Identifier: Apache-2.0
"""Layouts and archives that other tools made are sources, digest for digest."""
import json
import unittest

import harness
from harness import EXPORT, IMPORT, run


def skopeo(*arguments):
    return run("skopeo", "--insecure-policy", *arguments, timeout=600)


class ForeignSources(harness.FilledRegistryTestCase):
    def source_image(self, repository, tag):
        return f"docker://{self.source.host}/{repository}:{tag}"

    def carried(self, *sources):
        """{name: digest} of what a bundle made of these sources holds, after it was verified."""
        bundle = self.dir / "out.bag"
        run(EXPORT, bundle, *sources)
        run(IMPORT, "verify", bundle)
        listed = json.loads(run(IMPORT, "list", "--json", bundle).stdout)
        target = self.registry()
        self.push(bundle, f"docker://{target.host}", registry=target)
        names = {entry["name"]: entry["digest"] for entry in listed["references"]}
        for name, digest in names.items():
            if "@" in name:
                continue
            repository, _, tag = name.rpartition(":")
            first, _, rest = repository.partition("/")
            body, _ = target.manifest(rest if set(first) & set(".:") else repository, tag)
            self.assertEqual(harness.sha256(body), digest, name)
        return names

    def digest(self, repository, tag):
        return harness.sha256(self.source.manifest(repository, tag)[0])

    def test_a_layout_by_skopeo_with_two_images(self):
        layout = self.dir / "layout"
        for repository, tag in (("library/busybox", "1.35"), ("library/zstd", "1.0")):
            skopeo("copy", "-q", "--src-tls-verify=false", self.source_image(repository, tag),
                   f"oci:{layout}:example.test/{repository}:{tag}")
        self.assertEqual(self.carried(f"oci:{layout}"),
                         {"example.test/library/busybox:1.35": self.digest("library/busybox", "1.35"),
                          "example.test/library/zstd:1.0": self.digest("library/zstd", "1.0")})

    def test_one_image_of_a_layout_with_a_bare_tag(self):
        layout = self.dir / "my-layout"
        skopeo("copy", "-q", "--src-tls-verify=false", self.source_image("library/busybox", "1.35"),
               f"oci:{layout}:1.35")
        self.assertEqual(self.carried(f"oci:{layout}:1.35"),
                         {"my-layout:1.35": self.digest("library/busybox", "1.35")})

    def test_an_oci_archive_by_skopeo_with_all_platforms(self):
        archive = self.dir / "multi.tar"
        skopeo("copy", "-q", "--all", "--src-tls-verify=false", self.source_image("library/multi", "1.0"),
               f"oci-archive:{archive}:example.test/multi:1.0")
        self.assertEqual(self.carried(f"oci-archive:{archive}"),
                         {"example.test/multi:1.0": self.digest("library/multi", "1.0")})

    def test_a_layout_by_umoci(self):
        layout = self.dir / "umoci"
        run("umoci", "init", "--layout", layout)
        run("umoci", "new", "--image", f"{layout}:empty")
        names = self.carried(f"oci:{layout}")
        self.assertEqual(list(names), ["umoci:empty"])
        index = json.loads((layout / "index.json").read_text())
        self.assertEqual(names["umoci:empty"], index["manifests"][0]["digest"])

    def test_a_docker_archive_by_skopeo_plain_and_compressed(self):
        archive = self.dir / "app.tar"
        skopeo("copy", "-q", "--src-tls-verify=false", self.source_image("library/busybox", "1.35"),
               f"docker-archive:{archive}:example.test/busybox:1.35")
        plain = self.carried(f"docker-archive:{archive}")
        self.assertEqual(list(plain), ["example.test/busybox:1.35"])
        run("zstd", "-q", archive, "-o", self.dir / "app.tar.zst")
        bundle = self.dir / "zstd.bag"
        run(EXPORT, bundle, f"docker-archive:{self.dir}/app.tar.zst")
        listed = json.loads(run(IMPORT, "list", "--json", bundle).stdout)["references"]
        self.assertEqual({entry["name"]: entry["digest"] for entry in listed}, plain)

    def test_archives_by_podman(self):
        store = self.podman_store()
        skopeo("copy", "-q", "--src-tls-verify=false", self.source_image("library/busybox", "1.35"),
               f"docker-archive:{self.dir}/in.tar:example.test/busybox:1.35")
        run("podman", *store, "load", "-q", "-i", self.dir / "in.tar", timeout=600)
        for form, transport in (("oci-archive", "oci-archive"), ("docker-archive", "docker-archive")):
            with self.subTest(form=form):
                archive = self.dir / f"{form}.tar"
                run("podman", *store, "save", "-q", "--format", form, "-o", archive, "example.test/busybox:1.35",
                    timeout=600)
                bundle = self.dir / f"{form}.bag"
                run(EXPORT, bundle, f"{transport}:{archive}")
                run(IMPORT, "verify", bundle)
                listed = json.loads(run(IMPORT, "list", "--json", bundle).stdout)["references"]
                self.assertEqual([entry["name"] for entry in listed], ["example.test/busybox:1.35"])

    def test_the_tarball_of_a_bundle_is_a_source_itself(self):
        first = self.export("first.bag", f"docker://{self.source.host}/library/multi", registry=self.source)
        names = self.carried(f"oci-archive:{first}/data/images/images.tar")
        self.assertEqual(names[f"{self.source.host}/library/multi:1.0"], self.digest("library/multi", "1.0"))


if __name__ == "__main__":
    unittest.main()
