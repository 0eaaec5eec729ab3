# SPDX-License-Identifier: Apache-2.0
"""Where disks are pushed, beside images: what cannot work is said before the first byte, and no failure ends with 0."""
import json
import os
import unittest

import disk_images
import harness
from disk_images import MIB, noise, write_sparse
from harness import IMPORT, run

TAG = "20231114T221320Z"


class DiskTargets(harness.TestCase):
    def setUp(self):
        super().setUp()
        self.disks = {name: write_sparse(self.dir / f"{name}.raw", size, [(0, noise(size // 2, name))])
                      for name, size in (("aa", 2 * MIB), ("bb", MIB))}
        self.bundle = self.make("b.bag")

    def make(self, name, image="team/app:1", disks=("aa", "bb")):
        layout = harness.Layout(self.dir / f"{name}.layout")
        layout.name(image, layout.manifest([layout.layer(b"layer" * 100)]))
        return self.export(name, f"oci:{layout.path}", *(f"disk:{self.disks[disk]}" for disk in disks),
                           env={"SOURCE_DATE_EPOCH": "1700000000"})

    def refused(self, target, *options, expect, said, bundle=None):
        """A push that ends before it sends or writes anything; what it said."""
        before = self.files()
        done = self.push(bundle or self.bundle, target, *options, expect=expect)
        for words in [said] if isinstance(said, str) else said:
            self.assertIn(words, done.stdout + done.stderr)
        self.assertEqual(self.files(), before)
        return done

    def files(self):
        return sorted((str(path), path.stat().st_size) for path in self.dir.rglob("*")
                      if path.is_file() and path.suffix != ".json")

    # What fails.

    def test_a_place_that_cannot_be_is_no_success(self):
        done = self.push(self.bundle, "dir:/proc/seabag", expect=2)
        self.assertIn("/proc/seabag", done.stderr)
        self.push(self.bundle, "oci:/proc/seabag", expect=2)
        done = self.push(self.bundle, "dir:/proc/seabag", "--only", "disks/**", expect=2)
        self.assertIn("/proc/seabag", done.stderr)

    def test_a_place_for_the_account_is_looked_at_before_the_work(self):
        for place in (self.dir / "none/r.json", self.dir / "aa.raw/r.json"):
            self.refused(f"oci:{self.dir}/layout", "--receipt", place, expect=2, said=str(place))
            done = run(IMPORT, "verify", self.bundle, "--damage", place, expect=2)
            self.assertIn(str(place), done.stderr)
            self.assertEqual(done.stdout, "")
            run(IMPORT, "index", self.bundle, "--rebuild", "--output", place, expect=2)
        self.refused(f"oci:{self.dir}/layout", "--receipt", self.dir, expect=2, said="is a directory")

    # Names and places that fall together.

    def test_disks_that_would_get_one_name_are_reported_before_a_byte_is_sent(self):
        one = ["--map", "disks/aa=disks/x", "--map", "disks/bb=disks/x"]
        for form in ([], ["--disk-as-container"]):
            self.refused(f"oci:{self.dir}/layout", *one, *form, "--on-existing-tag", "replace", expect=2,
                         said=f"disk aa and disk bb would both become disks/x:{TAG}")
        self.refused(f"dir:{self.dir}/out", *one, "--disk-as-container", expect=2, said="would both become")

    def test_an_image_and_a_disk_that_would_get_one_name_are_reported(self):
        bundle = self.make("named.bag", image=f"disks/aa:{TAG}")
        for options in ([], ["--dry-run"]):
            self.refused(f"oci:{self.dir}/layout", *options, "--on-existing-tag", "replace", bundle=bundle, expect=2,
                         said=f"disks/aa:{TAG} and disk aa would both become")
        self.push(bundle, f"dir:{self.dir}/out")  # a tarball and a file beside it
        self.assertEqual(sorted(os.listdir(self.dir / "out/disks")), ["aa", "aa.vmdk", "bb.vmdk"])
        bundle = self.make("directory.bag", image="disks/aa.vmdk:1")
        self.refused(f"dir:{self.dir}/other", bundle=bundle, expect=2, said="disks/aa.vmdk:1 and disk aa would both become")

    def test_a_name_that_the_target_cannot_have_is_reported(self):
        for options in ([], ["--dry-run"]):
            self.refused(f"oci:{self.dir}/layout", "--map", "disks=DISKS", *options, expect=2,
                         said=["disk aa: ", "disk bb: ", "is no repository name"])

    def test_disks_that_would_get_one_file_are_reported(self):
        os.symlink(self.dir, self.dir / "link")
        for options in ([], ["--dry-run"]):
            self.refused(f"dir:{self.dir}/out", "--disk-to", f"aa={self.dir}/x", "--disk-to", f"bb={self.dir}/link/x",
                         *options, expect=2, said="disk aa and disk bb would both become")
        self.refused(f"dir:{self.dir}/out", "--disk-to", f"bb={self.dir}/1", "--disk-to", f"bb={self.dir}/2", expect=2,
                     said='"bb" is given twice')
        self.refused(f"dir:{self.dir}/out", "--disk-to", f"bb={self.dir}/x", "--receipt", self.dir / "x", expect=2,
                     said="the receipt and disk bb")

    def test_disks_that_would_get_one_device_are_reported(self):
        device = disk_images.attach(self, write_sparse(self.dir / "device", 4 * MIB, [(0, noise(4 * MIB, 9))]))
        other = self.dir / "by-id"
        os.symlink(device, other)
        before = disk_images.sha256_of(device)
        self.refused(f"dir:{self.dir}/out", "--disk-to", f"aa={device}", "--disk-to", f"bb={other}", "--overwrite-device",
                     expect=2, said="disk aa and disk bb would both become")
        self.assertEqual(disk_images.sha256_of(device), before)

    def test_versions_of_a_disk_that_would_get_one_file_are_reported(self):
        layout = self.dir / "versions"
        self.push(self.bundle, f"oci:{layout}", "--only", "disks/aa")
        run("cp", self.disks["bb"], self.disks["aa"])
        newer = self.export("newer.bag", f"disk:{self.disks['aa']}", env={"SOURCE_DATE_EPOCH": "1700000001"})
        self.push(newer, f"oci:{layout}")
        both = self.export("both.bag", f"oci:{layout}")
        for existing in ("fail", "replace"):
            self.refused(f"dir:{self.dir}/out", "--on-existing-tag", existing, bundle=both, expect=2,
                         said=f"disks/aa:{TAG} and")
        self.push(both, f"dir:{self.dir}/out", "--except", f"disks/aa:{TAG}")

    def test_a_place_of_a_disk_that_cannot_be_is_reported(self):
        for place in ("none/f", "aa.raw/f"):
            for options in ([], ["--dry-run"]):
                self.refused(f"dir:{self.dir}/out", "--disk-to", f"bb={self.dir}/{place}", *options, expect=2,
                             said="there is no directory")

    # What is there already.

    def test_a_conflict_of_one_disk_keeps_everything_from_being_sent(self):
        registry = self.registry()
        other = self.make("other.bag", image="other/app:1", disks=())
        self.push(other, f"docker://{registry.host}", "--map", "other/app=disks/bb", registry=registry)
        # The tag of bb's disk means an image there.
        run("skopeo", "copy", "-q", "--src-tls-verify=false", "--dest-tls-verify=false",
            f"docker://{registry.host}/disks/bb:1", f"docker://{registry.host}/disks/bb:{TAG}")
        before = registry.everything()
        receipt = self.dir / "r.json"
        for form in ([], ["--disk-chunk-size", "100000"], ["--disk-as-container"]):
            done = self.push(self.bundle, f"docker://{registry.host}", *form, "--receipt", receipt, registry=registry,
                             expect=33)
            self.assertIn("1 name at the target means something else already; nothing was pushed", done.stderr)
            self.assertEqual(registry.everything(), before)
            self.assertEqual(self.outcomes(receipt), [("team/app:1", None), ("aa", None), ("bb", "refused")])
        self.push(self.bundle, f"docker://{registry.host}", "--on-existing-tag", "skip", registry=registry)
        self.assertIn(("disks/aa", TAG), registry.everything())

    def test_a_file_in_the_place_of_a_disk_keeps_everything_from_being_written(self):
        out = self.dir / "out"
        (out / "disks").mkdir(parents=True)
        for name in ("bb.vmdk", "bb.raw"):
            (out / "disks" / name).write_bytes(b"another")
        (self.dir / "taken").write_bytes(b"another")
        for options in ([], ["--disk-as", "raw"], ["--disk-to", f"bb={self.dir}/taken"],
                        ["--disk-to", f"bb={self.dir}/taken", "--on-existing-tag", "replace"]):
            self.refused(f"dir:{out}", *options, expect=33, said=["is there already", "nothing was pushed"])
        self.push(self.bundle, f"dir:{out}", "--on-existing-tag", "replace")
        self.assertIn("already-there  disk bb", self.push(self.bundle, f"dir:{out}").stdout)
        config = self.dir / "bb.json"
        config.write_text("{}")
        configured = self.export("configured.bag", f"disk:{self.disks['bb']},config={config}")
        (out / "disks/bb.json").write_text("[]")
        self.refused(f"dir:{out}", bundle=configured, expect=33, said="bb.json")

    def test_a_file_in_the_place_of_an_artifact_keeps_everything_from_being_written(self):
        layout, out = self.dir / "layout", self.dir / "out"
        self.push(self.bundle, f"oci:{layout}")
        back = self.export("back.bag", f"oci:{layout}")
        (out / "disks").mkdir(parents=True)
        (out / "disks/bb.vmdk").write_bytes(b"another")
        self.refused(f"dir:{out}", bundle=back, expect=33, said="nothing was pushed")
        self.push(back, f"dir:{out}", "--on-existing-tag", "replace")
        self.assertEqual(self.push(back, f"dir:{out}").stdout.count("already-there  disk"), 2)

    # Options.

    def test_options_for_disks_that_are_not_pushed_are_refused(self):
        for options in ([], ["--dry-run"]):
            self.refused(f"dir:{self.dir}/out", "--disk-to", f"nope={self.dir}/x", *options, expect=2,
                         said='there is no disk "nope"')
            self.refused(f"dir:{self.dir}/out", "--disk-to", f"bb={self.dir}/x", "--only", "disks/aa", *options, expect=2,
                         said="--only and --except")

    def test_options_that_disk_artifacts_cannot_have_are_refused(self):
        layout = self.dir / "layout"
        self.push(self.bundle, f"oci:{layout}")
        back = self.export("back.bag", f"oci:{layout}")
        for target, *options in ((f"dir:{self.dir}/out", "--disk-as", "raw"),
                                 (f"dir:{self.dir}/out", "--disk-to", f"bb={self.dir}/x"),
                                 (f"dir:{self.dir}/out", "--disk-as-container"),
                                 (f"oci:{self.dir}/other", "--disk-as-container")):
            self.refused(target, *options, bundle=back, expect=2, said=[options[0], "artifact", "--except"])
        self.push(back, f"dir:{self.dir}/out", "--disk-as", "raw", "--except", "disks/**")

    # The account.

    def outcomes(self, receipt):
        """Every name, and the error of what was reached."""
        account = json.loads(receipt.read_text())
        return [(name, None if entry.get("detail") == "not reached" else entry.get("error"))
                for entry, name in ([(entry, entry["target"]) for entry in account["references"]] +
                                    [(entry, entry["name"]) for entry in account["disks"]])]

    def test_every_chosen_disk_is_in_the_receipt_of_a_run_that_ended_early(self):  # [RCP-3]
        registry, receipt = self.registry(), self.dir / "r.json"
        other = self.make("other.bag", image="team/app:2", disks=())
        self.push(other, f"docker://{registry.host}", registry=registry)
        run("skopeo", "copy", "-q", "--src-tls-verify=false", "--dest-tls-verify=false",
            f"docker://{registry.host}/team/app:2", f"docker://{registry.host}/team/app:1")
        layer = harness.Layout(self.dir / "changed")
        layer.name("team/app:1", layer.manifest([layer.layer(b"changed")]))
        changed = self.export("changed.bag", f"oci:{layer.path}", f"disk:{self.disks['aa']}", f"disk:{self.disks['bb']}")
        self.push(changed, f"docker://{registry.host}", "--receipt", receipt, registry=registry, expect=33)
        self.assertEqual(self.outcomes(receipt), [("team/app:1", "refused"), ("aa", None), ("bb", None)])
        nobody = f"127.0.0.1:{harness.free_port()}"
        self.push(self.bundle, f"docker://{nobody}", "--plain-http", nobody, "--retries", "0", "--only", "disks/**",
                  "--receipt", receipt, expect=31)
        self.assertEqual(self.outcomes(receipt), [("aa", "unavailable"), ("bb", None)])

    # The dry run.

    def dry_run(self, target, *options, bundle=None):
        lines = self.push(bundle or self.bundle, target, "--dry-run", *options).stdout.splitlines()
        return [line.split(" -> ")[1] for line in lines if " -> " in line]

    def test_a_dry_run_into_a_directory_names_the_files_that_are_written(self):
        for options in ([], ["--disk-as", "raw"], ["--disk-as", "vmdk-flat"], ["--disk-to", f"aa={self.dir}/x"],
                        ["--disk-as-container"]):
            with self.subTest(options=options):
                out = self.dir / ("out" + "".join(options).replace("/", ""))
                named = self.dry_run(f"dir:{out}/", *options)
                self.assertEqual(len(named), 3)
                self.assertFalse(out.exists())
                self.push(self.bundle, f"dir:{out}/", *options)
                for path in named:
                    self.assertTrue(os.path.isfile(path), path)
        layout = self.dir / "layout"
        self.push(self.bundle, f"oci:{layout}")
        back = self.export("back.bag", f"oci:{layout}")
        named = self.dry_run(f"dir:{self.dir}/back", bundle=back)
        self.assertEqual(sorted(named), [f"{self.dir}/back/{path}" for path in
                                         ("disks/aa.vmdk", "disks/bb.vmdk", "team/app/1.tar")])

    def test_a_dry_run_into_a_registry_or_layout_names_what_others_find_there(self):
        registry = self.registry()
        target = f"docker://{registry.host}/mirror"
        plain = ["--plain-http", registry.host]
        named = self.dry_run(target + "/", *plain)
        self.assertEqual(named, [f"{target}/team/app:1", f"{target}/disks/aa:{TAG}", f"{target}/disks/bb:{TAG}"])
        self.push(self.bundle, target, registry=registry)
        layout = self.dir / "layout"
        in_layout = self.dry_run(f"oci:{layout}")
        self.push(self.bundle, f"oci:{layout}")
        for name in named + in_layout:
            run("skopeo", "inspect", "--raw", "--tls-verify=false", name)


if __name__ == "__main__":
    unittest.main()
