# SPDX-License-Identifier: Apache-2.0
"""Disks as images for KubeVirt, judged by skopeo, umoci, GNU tar and docker-registry."""
import json
import os
import unittest

import harness
from disk_images import GIB, MIB, noise, sha256_of, write_sparse
from harness import EXPORT, IMPORT, run
from memory_test import LIMIT, peak_memory

SIZE = 9 * MIB + 1536


class ContainerDisks(harness.TestCase):
    def setUp(self):
        super().setUp()
        self.raw = write_sparse(self.dir / "web01.raw", SIZE, [
            (0, b"text " * 100000), (3 * MIB - 512, noise(2 * MIB, 1)), (SIZE - 512, noise(512, 2))])

    def bundle(self, output="vmdk"):
        return self.export(f"{output}.bag", f"disk:{self.raw}", "--disk-format", output, env={"SOURCE_DATE_EPOCH": "1795237980"})

    def name(self, bundle):
        """The image's name below the registry or layout."""
        disk, = json.loads(run(IMPORT, "list", bundle, "--json").stdout)["disks"]
        return "disks/web01:" + disk["readAt"].replace("-", "").replace(":", "")

    def test_other_tools_find_the_disk_in_the_image(self):  # [DSK-10] [DSK-12]
        registry, bundle = self.registry(), self.bundle()
        self.push(bundle, f"docker://{registry.host}/vms", "--disk-as-container", registry=registry)
        name = self.name(bundle)
        plain = ["--tls-verify=false", f"docker://{registry.host}/vms/{name}"]
        config = json.loads(run("skopeo", "inspect", "--config", *plain).stdout)
        self.assertEqual((config["architecture"], config["os"]), ("amd64", "linux"))
        disk, = json.loads(run(IMPORT, "list", bundle, "--json").stdout)["disks"]
        seen = json.loads(run("skopeo", "inspect", *plain).stdout)
        self.assertEqual(seen["Labels"]["vnd.seabag.disk.content"], disk["content"])
        self.assertEqual(seen["Labels"]["org.opencontainers.image.title"], "web01")
        run("skopeo", "copy", "--src-tls-verify=false", f"docker://{registry.host}/vms/{name}", f"oci:{self.dir}/pulled:vm")
        run("umoci", "unpack", "--rootless", "--image", f"{self.dir}/pulled:vm", self.dir / "unpacked")
        image = self.dir / "unpacked/rootfs/disk/web01.img"
        self.assertEqual([file.name for file in image.parent.iterdir()], ["web01.img"])
        self.assertEqual(sha256_of(image), sha256_of(self.raw))
        self.assertEqual(image.stat().st_mode & 0o777, 0o444)
        layer = self.dir / "pulled/blobs/sha256" / seen["Layers"][0][7:]
        listed = run("tar", "--numeric-owner", "-tvzf", layer).stdout.split("\n")
        self.assertRegex(listed[0], r"^dr-xr-xr-x 107/107 +0 .* disk$")
        self.assertRegex(listed[1], rf"^-r--r--r-- 107/107 +{SIZE} .* disk/web01.img$")

    def test_it_is_the_same_image_whatever_the_bundle_keeps_the_disk_in(self):  # [DSK-11]
        digests = set()
        for output in ("vmdk", "vhd", "vmdk-flat", "raw"):
            bundle = self.bundle(output)
            for jobs in ("1", "3"):
                layout = self.dir / f"{output}-{jobs}"
                self.push(bundle, f"oci:{layout}", "--disk-as-container", "--jobs", jobs)
                manifest, = json.loads((layout / "index.json").read_text())["manifests"]
                digests.add(manifest["digest"])
        self.assertEqual(len(digests), 1)

    def test_it_is_pushed_once_and_in_chunks_if_the_registry_wants_them(self):
        registry, bundle = self.registry(), self.bundle()
        command = [bundle, f"docker://{registry.host}", "--disk-as-container=arm64"]
        self.assertIn("pushed", self.push(*command, "--chunk-size", "300000", registry=registry).stdout)
        self.assertIn("already-there", self.push(*command, registry=registry).stdout)
        manifest, _ = registry.manifest(*self.name(bundle).split(":"))
        config, _ = registry.get(f"/v2/disks/web01/blobs/{json.loads(manifest)['config']['digest']}")
        self.assertEqual(json.loads(config)["architecture"], "arm64")
        # Another architecture is another image under the same tag.
        refused = self.push(bundle, f"docker://{registry.host}", "--disk-as-container", registry=registry, expect=33)
        self.assertIn("--on-existing-tag", refused.stdout + refused.stderr)

    def test_it_is_read_back_as_a_disk_that_is_an_artifact_is(self):
        bundle = self.bundle()
        for form in ("--disk-as-container", "--jobs=1"):
            with self.subTest(form):
                registry = self.registry()
                command = [bundle, f"docker://{registry.host}", form, "--verify-target"]
                self.push(*command, registry=registry)
                self.assertIn("already-there", self.push(*command, registry=registry).stdout)
                manifest, _ = registry.manifest(*self.name(bundle).split(":"))
                layer = json.loads(manifest)["layers"][0]["digest"]
                stored = registry.dir / "storage/docker/registry/v2/blobs/sha256" / layer[7:9] / layer[7:] / "data"
                stored.write_bytes(b"x" * stored.stat().st_size)
                done = self.push(*command, registry=registry, expect=20)
                self.assertIn(layer, done.stdout + done.stderr)
                self.assertIn("does not give back", done.stdout)

    def test_a_directory_gets_a_tarball_and_an_export_takes_it_for_an_image(self):
        bundle, registry = self.bundle(), self.registry()
        self.push(bundle, f"dir:{self.dir}/out", "--disk-as-container")
        repository, tag = self.name(bundle).split(":")
        tarball = self.dir / "out" / repository / f"{tag}.tar"
        self.assertTrue(tarball.exists(), list((self.dir / "out").rglob("*")))
        again = self.export("again.bag", f"oci-archive:{tarball}")
        run(IMPORT, "verify", again)
        self.push(again, f"docker://{registry.host}", registry=registry)
        self.assertEqual(registry.repositories(), ["disks/web01"])

    def test_a_damaged_disk_is_no_image(self):
        bundle, registry = self.bundle(), self.registry()
        file = bundle / "data/disks/web01.vmdk"
        data = bytearray(file.read_bytes())
        data[len(data) // 2] ^= 1
        file.write_bytes(data)
        self.push(bundle, f"docker://{registry.host}", "--disk-as-container", registry=registry, expect=20)
        self.assertEqual(registry.repositories(), [])

    @unittest.skipIf(harness.SANITIZED, "the sanitizers' own memory would be measured; the plain build has this test")
    def test_holes_cost_little(self):
        raw = write_sparse(self.dir / "holes.raw", 3 * GIB, [(GIB, noise(2 * MIB, 3))])
        bundle = self.dir / "holes.bag"
        run(EXPORT, bundle, f"disk:{raw}")
        layout = self.dir / "layout"
        self.assertLess(peak_memory(IMPORT, "push", bundle, f"oci:{layout}", "--disk-as-container"), LIMIT)
        largest = max(os.path.getsize(file) for file in (layout / "blobs/sha256").iterdir())
        self.assertLess(largest, 3 * GIB // 150)


if __name__ == "__main__":
    unittest.main()
