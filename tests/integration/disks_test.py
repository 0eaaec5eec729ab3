# SPDX-License-Identifier: Apache-2.0
"""Disks there and back: what travels with them, what stops them, and how they are restored. Formats: disk_matrix_test.py."""
import fcntl
import json
import os
import pathlib
import re
import resource
import subprocess
import unittest

import disk_images
import disk_rules
import harness
from disk_images import GIB, MIB, OUTPUTS, TIB, noise, sha256_of, write_sparse
from harness import EXPORT, run


class Disks(harness.TestCase):
    def sample(self, name="web01.raw", size=9 * MIB + 1536):
        """Data at both ends and across chunks, zeros between."""
        size_left = size - 4096
        return write_sparse(self.dir / name, size,
                            [(0, noise(min(70000, size), 1)), (3 * MIB - 512, noise(MIB + 1024, 2)),
                             (size_left, noise(4096, 3))] if size > 5 * MIB else [(0, noise(size, 1))])

    def importing(self, *words, expect=0):
        return run(harness.IMPORT, *words, expect=expect)

    def export_disk(self, bundle, source, *options, expect=0):
        return self.export(bundle, f"disk:{source}", *options, expect=expect)

    def refused(self, bundle, source, *options, expect):
        self.export_disk(bundle, source, *options, expect=expect)
        return self.exported

    def listed(self, bundle):
        return json.loads(self.importing("list", bundle, "--json").stdout)["disks"]

    def metadata(self, bundle, name):
        return run("sqlite3", f"file:{bundle}/index.sqlite?immutable=1",
                   f"SELECT value FROM metadata WHERE name = '{name}'").stdout.strip()

    def main_file(self, bundle, name="web01"):
        found = sorted(pathlib.Path(bundle, "data/disks").glob(f"{name}.*"))
        self.assertEqual(len(found), 1, found)
        return found[0]

    def test_files_come_back_bit_for_bit_through_a_directory_and_a_registry(self):  # [DSK-7] [DSK-8] [DSK-9]
        raw = self.sample()
        config = self.dir / "web.json"
        config.write_bytes(b'{ "cpus": 2,\n "note": "kept to the byte" }\n')
        registry = self.registry()
        for output, chunk in (("vmdk", None), ("vmdk-2gb", "1MiB"), ("vhd", "300000")):
            with self.subTest(output=output):
                bundle = self.export(f"{output}.bag", f"disk:{raw},name={output},server=web,boot,config={config}",
                                     "--disk-format", output)
                files = {file.name: file.read_bytes() for file in (bundle / "data/disks").iterdir()}
                files[f"{output}.json"] = config.read_bytes()
                self.push(bundle, f"dir:{self.dir}/{output}-direct")
                self.assertEqual(self.tree_of(self.dir / f"{output}-direct/disks"), files)
                chunks = ["--disk-chunk-size", chunk] if chunk else []
                self.push(bundle, f"docker://{registry.host}/site", *chunks, registry=registry)
                done = self.push(bundle, f"docker://{registry.host}/site", *chunks, registry=registry)
                self.assertIn("already-there", done.stdout)
                back = self.export(f"{output}-back.bag", f"docker://{registry.host}/site/disks/{output}",
                                   registry=registry)
                self.push(back, f"dir:{self.dir}/{output}-back")
                self.assertEqual(self.tree_of(self.dir / f"{output}-back/disks"), files)
                self.push(bundle, f"oci:{self.dir}/layout", *chunks)

    def tree_of(self, directory):
        return {file.name: file.read_bytes() for file in sorted(directory.iterdir())}

    def test_the_configuration_is_kept_to_the_byte_and_linked(self):  # [DSK-2]
        config = self.dir / "server.json"
        config.write_bytes(b'{"b":1, "a":[ ] }')
        bundle = self.export_disk("b.bag", self.sample(), "--disk-config", config)
        self.assertEqual((bundle / "data/config/disks/web01.json").read_bytes(), config.read_bytes())
        disk, = self.listed(bundle)
        self.assertEqual(disk["config"], "data/config/disks/web01.json")
        config.write_bytes(b'{"a":1} x')
        done = self.refused("c.bag", self.sample(), "--disk-config", config, expect=2)
        self.assertIn("server.json", done.stderr)
        self.assertFalse((self.dir / "c.bag.unfinished").exists())

    def test_a_server_has_its_disks_in_order(self):
        first, second = self.sample("b.raw", MIB), self.sample("a.raw", 2 * MIB)
        bundle = self.export("b.bag", f"disk:{first},server=web,boot", f"disk:{second},server=web")
        rows = run("sqlite3", f"file:{bundle}/index.sqlite?immutable=1",
                   "SELECT server, position, boots, disk FROM server_disks").stdout.split()
        self.assertEqual(rows, ["web|0|1|b", "web|1|0|a"])

    def test_disks_whose_files_no_reader_would_take_together_are_refused(self):  # [BAG-10]
        raw = self.sample(size=MIB)
        for first, second, expected in (
                ("name=a", "name=a", "have the name a"),
                ("name=Data", "name=data", "names that differ in case alone, Data and data"),
                ("name=a,format=vmdk-flat", "name=a-flat", "would have a file a-flat.vmdk"),
                ("name=A-flat", "name=a,format=vmdk-flat", "would have a file a-flat.vmdk"),
                ("name=a,format=vmdk-2gb", "name=a-s001", "would have a file a-s001.vmdk")):
            self.export("a.bag", f"disk:{raw},{first}", f"disk:{raw},{second}", expect=2)
            self.assertIn(expected, self.exported.stderr)
            self.assertIn("name=NAME", self.exported.stderr)
            self.assertFalse((self.dir / "a.bag.unfinished").exists())

    def test_destinations_are_asked_before_a_byte_is_written(self):
        raw = self.sample(size=21 * MIB + 512)
        done = self.refused("a.bag", raw, "--for", "azure", expect=2)
        self.assertIn("azure wants 23068672", done.stderr)
        self.assertIn("--fit", done.stderr)
        self.assertFalse((self.dir / "a.bag.unfinished").exists())
        bundle = self.export_disk("a.bag", raw, "--for", "azure", "--fit")
        image = self.main_file(bundle)
        self.assertEqual(os.path.getsize(image), 22 * MIB + 512)
        disk, = self.listed(bundle)
        self.assertEqual((disk["size"], disk["sourceSize"], disk["format"]), (22 * MIB, 21 * MIB + 512, "vhd-fixed"))

    def test_every_destination_takes_its_largest_disk_and_none_larger(self):
        for destination, output, largest in (
                ("azure", "vhd-fixed", 32767 * GIB), ("ibm-classic", "vhd", 100 * GIB), ("xenserver", "vhd", 2040 * GIB),
                ("aws", "vmdk", 16 * TIB), ("vsphere", "vmdk", 62 * TIB), ("hyper-v", "vhd", 2040 * GIB)):
            with self.subTest(destination=destination):
                image = self.dir / f"{destination}.qcow2"
                run("qemu-img", "create", "-q", "-f", "qcow2", image, str(largest))
                done = run(EXPORT, self.dir / "b.bag", f"disk:{image}", "--for", destination, "--dry-run", "--json")
                disk, = json.loads(done.stdout)["disks"]
                self.assertEqual((disk["format"], disk["size"]), (output, largest))
                run("qemu-img", "resize", "-q", "-f", "qcow2", image, "+1M")
                done = self.refused("b.bag", image, "--for", destination, "--fit", "--dry-run", expect=2)
                self.assertIn(f"takes at most {largest}", done.stderr)

    def test_what_a_guest_wrote_does_not_decide_the_format(self):
        raw = write_sparse(self.dir / "web01.raw", MIB, [(0, b"QFI\xfb" + b"\0" * 60)])
        done = self.refused("a.bag", raw, expect=2)
        self.assertIn("source-format=raw", done.stderr)
        bundle = self.export("a.bag", f"disk:{raw},source-format=raw")
        self.assertEqual(self.listed(bundle)[0]["sourceFormat"], "raw")

    def test_backing_files_are_refused_by_name(self):
        base = self.sample("base.raw", MIB)
        run("qemu-img", "create", "-q", "-f", "qcow2", "-b", base, "-F", "raw", self.dir / "top.qcow2")
        done = self.refused("a.bag", self.dir / "top.qcow2", expect=23)
        self.assertIn("has a backing file", done.stderr)
        self.assertIn("qemu-img", done.stderr)

    def test_a_damaged_disk_is_found_named_and_not_restored(self):
        bundle = self.export_disk("a.bag", self.sample())
        image = self.main_file(bundle)
        data = bytearray(image.read_bytes())
        data[len(data) // 2] ^= 1
        image.write_bytes(data)
        done = self.importing("verify", bundle, expect=20)
        self.assertIn("web01.vmdk", done.stdout)
        for options in ([], ["--disk-as", "raw"]):
            self.push(bundle, f"dir:{self.dir}/out", *options, expect=20)
            self.assertEqual(list((self.dir / "out/disks").iterdir()), [])

    def test_an_export_that_was_killed_reads_no_disk_twice(self):
        disks = [self.sample(f"d{number}.raw", 40 * MIB) for number in range(3)]
        for path in disks:
            with open(path, "r+b") as file:
                file.write(noise(30 * MIB, str(path)))
        sources = [f"disk:{path}" for path in disks]
        whole = self.export("whole.bag", *sources, env={"SOURCE_DATE_EPOCH": "1795237980"})
        command = [EXPORT, str(self.dir / "cut.bag"), *sources]
        running = subprocess.Popen(command, env={**harness.environment(), "SOURCE_DATE_EPOCH": "1795237980"},
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        landed = self.dir / "cut.bag.unfinished/landed-disks/d0"
        harness.wait_until(lambda: landed.exists() or running.poll() is not None)
        running.kill()
        running.wait()
        if not (self.dir / "cut.bag").exists():
            self.export("cut.bag", "--resume", env={"SOURCE_DATE_EPOCH": "1795237980"})
        self.assertEqual((self.dir / "cut.bag/tagmanifest-sha256.txt").read_bytes(),
                         (whole / "tagmanifest-sha256.txt").read_bytes())

    def test_identifiers_that_are_given_stand_in_the_files(self):  # [DSK-6]
        raw = self.sample()
        for output in ("vmdk", "vmdk-sparse", "vmdk-flat", "vmdk-2gb"):
            with self.subTest(output=output):
                source = f"{raw},format={output},cid=0BADCAFE,adapter=ide"
                bundle = self.export_disk(f"{output}.bag", source)
                image = self.main_file(bundle)
                disk_images.judge(disk_images.Judged(image, output, raw))
                info = json.loads(run("qemu-img", "info", "-f", "vmdk", "--output=json", image).stdout)
                self.assertEqual(info["format-specific"]["data"]["cid"], 0x0BADCAFE)
                self.assertIn(b'ddb.adapterType = "ide"\n', image.read_bytes()[:21 * 512])
                self.assertEqual(self.metadata(bundle, "identifiers"), "web01:adapter=ide,cid=0badcafe")
                again = self.export_disk(f"{output}-again.bag", source, "--jobs", "1")
                self.assertEqual(image.read_bytes(), self.main_file(again).read_bytes())
        identifiers = "uuid=6b1ff1d4-39a9-4f0c-8d3f-0d7b0e5f9a11,timestamp=2000-01-01T01:00:00Z"
        for output in ("vhd", "vhd-fixed"):
            with self.subTest(output=output):
                bundle = self.export_disk(f"{output}.bag", f"{raw},{identifiers}", "--disk-format", output)
                image = self.main_file(bundle)
                disk_images.judge(disk_images.Judged(image, output, raw))
                footer = image.read_bytes()[-512:]
                self.assertEqual(footer[24:28], (3600).to_bytes(4, "big"))
                self.assertEqual(footer[68:84].hex(), "6b1ff1d439a94f0c8d3f0d7b0e5f9a11")

    def test_identifiers_stay_with_files_that_are_copied_and_are_the_contents_in_those_that_are_converted(self):
        raw = self.sample()
        given = self.export_disk("given.bag", f"{raw},format=vmdk-flat,cid=0badcafe")
        plain = self.export_disk("plain.bag", f"{raw},format=vmdk-sparse")
        self.push(given, f"dir:{self.dir}/as-it-is")
        self.assertEqual((self.dir / "as-it-is/disks/web01.vmdk").read_bytes(), self.main_file(given).read_bytes())
        self.push(given, f"dir:{self.dir}/converted", "--disk-as", "vmdk-sparse")
        self.assertEqual((self.dir / "converted/disks/web01.vmdk").read_bytes(), self.main_file(plain).read_bytes())

    def test_identifiers_are_refused_where_they_have_no_place(self):
        raw = self.sample(size=MIB)
        for option, output, advice in (
                ("cid=0badcafe", "vhd", "leave out cid=, or pass format=vmdk"), ("adapter=ide", "raw", "leave out adapter="),
                ("uuid=6b1ff1d4-39a9-4f0c-8d3f-0d7b0e5f9a11", "vmdk", "format=vhd or vhd-fixed"),
                ("timestamp=2026-11-25T08:00:00Z", "vmdk-2gb", "leave out timestamp=")):
            with self.subTest(option=option):
                done = self.refused("a.bag", f"{raw},{option}", "--disk-format", output, expect=2)
                self.assertIn(f"{output} has no place for {option}", done.stderr)
                self.assertIn(advice, done.stderr)
        done = self.refused("a.bag", f"{raw},timestamp=2099-01-01T00:00:00Z", "--for", "xenserver", expect=2)
        self.assertIn("refuses a time stamp in the future", done.stderr)
        self.assertFalse((self.dir / "a.bag.unfinished").exists())

    def begin(self, bundle, *arguments):
        """An export that ends for want of room in a file of more than 4 MiB."""
        limits = (resource.RLIMIT_FSIZE, (4 * MIB, 4 * MIB))
        done = subprocess.run([EXPORT, self.dir / bundle, *map(str, arguments)], capture_output=True, text=True,
                              env=harness.environment(), preexec_fn=lambda: resource.setrlimit(*limits))
        self.assertNotEqual(done.returncode, 0)
        self.assertTrue((self.dir / f"{bundle}.unfinished/landed-disks/a").exists(), done.stderr)

    def test_an_export_is_resumed_as_it_was_begun(self):
        first, second = self.sample("a.raw", MIB), self.sample("b.raw", 9 * MIB)
        with open(second, "r+b") as file:
            file.write(noise(8 * MIB, "b"))
        config = self.dir / "server.json"
        config.write_text("{}")
        sources = [f"disk:{first},uuid=6b1ff1d4-39a9-4f0c-8d3f-0d7b0e5f9a11,format=vhd-fixed",
                   f"disk:{second},cid=0badcafe,adapter=buslogic,config={config}"]
        whole = self.export("whole.bag", *sources, "--disk-format", "vmdk-sparse")
        for number, said in enumerate(([], [*sources, "--disk-format", "vmdk-sparse"], [f"disk:{second}", f"disk:{first}"])):
            with self.subTest(said=said):
                self.begin(f"{number}.bag", *sources, "--disk-format", "vmdk-sparse")
                bundle = self.export(f"{number}.bag", "--resume", *said)
                for file in sorted((whole / "data/disks").iterdir()):
                    self.assertEqual(file.read_bytes(), (bundle / "data/disks" / file.name).read_bytes(), file.name)
        self.begin("d.bag", *sources, "--disk-format", "vmdk-sparse")
        with open(self.dir / "d.bag.unfinished/data/disks/a.vhd", "r+b") as file:
            file.seek(70000)
            file.write(b"changed")
        bundle = self.export("d.bag", "--resume")
        self.assertIn("a: its files are not what the run before left", self.exported.stderr)
        self.assertEqual((bundle / "data/disks/a.vhd").read_bytes(), (whole / "data/disks/a.vhd").read_bytes())
        self.begin("c.bag", *sources, "--disk-format", "vmdk-sparse")
        other = self.dir / "other.json"
        other.write_text("[]")
        for said, was, now in (
                (["--disk-format", "vhd"], "vmdk-sparse", "vhd"), (["--for", "azure"], "none", "azure"),
                ([f"disk:{first}", f"disk:{second},cid=00000001"], "0badcafe", "00000001"),
                ([f"disk:{first},format=raw", f"disk:{second}"], "vhd-fixed", "raw"),
                ([f"disk:{first}"], str(second), "none"), ([f"disk:{first}", f"disk:{self.dir}/c.raw"], str(second), "c.raw"),
                ([f"disk:{first}", f"disk:{second},name=db"], f"b disk:{second}", f"db disk:{second}"),
                (["--disk-config", f"b={other}"], "sha256:44136fa3", "other.json")):
            with self.subTest(said=said):
                self.export("c.bag", "--resume", *said, expect=2)
                message = self.exported.stderr.replace("\n", " ")
                self.assertRegex(message, f"begun with.*{re.escape(was)}.*now.*{re.escape(now)}")
                self.assertTrue((self.dir / "c.bag.unfinished").exists(), "it is kept")
        self.export("c.bag", "--resume")

    def test_what_somebody_did_to_an_unfinished_bundle_is_not_sealed(self):
        config = self.dir / "server.json"
        config.write_text("{}")
        first, second = self.sample("a.raw", MIB), self.sample("b.raw", 9 * MIB)
        with open(second, "r+b") as file:
            file.write(noise(8 * MIB, "b"))
        self.begin("c.bag", f"disk:{first},config={config}", f"disk:{second}", "--disk-format", "vmdk-sparse")
        unfinished = self.dir / "c.bag.unfinished"
        for stray in ("notes.txt", "data/disks/.DS_Store", "data/more/x"):
            (unfinished / stray).parent.mkdir(exist_ok=True)
            (unfinished / stray).write_text("")
            self.export("c.bag", "--resume", expect=2)
            self.assertIn("which is not of an unfinished bundle", self.exported.stderr)
            (unfinished / stray).unlink()
        (unfinished / "data/more").rmdir()
        copy = unfinished / "data/config/disks/a.json"
        copy.write_text("[]")
        self.export("c.bag", "--resume", expect=20)
        self.assertIn("a.json", self.exported.stderr)
        copy.write_text("{}")
        self.importing("verify", "--deep", self.export("c.bag", "--resume"))

    def test_holes_are_told_from_what_was_there_already(self):
        raw = write_sparse(self.dir / "web01.raw", 100 * MIB, [(40 * MIB, noise(MIB, 1))])
        for number, (options, of_holes) in enumerate(((["--json"], None), ([], "99.0 MiB of it are holes"))):
            self.export_disk(f"{number}.bag", raw, *options)
            if of_holes:
                self.assertIn(of_holes, self.exported.stderr)
                self.assertNotIn("there already", self.exported.stderr)
                continue
            ends = [event for event in map(json.loads, self.exported.stderr.splitlines())
                    if event["event"] == "phase_end" and event["phase"] == "disks"]
            self.assertEqual([(end["bytes_done"], end["bytes_holes"], end["bytes_skipped"]) for end in ends],
                             [(100 * MIB, 99 * MIB, 0)])

    def test_disks_and_images_share_a_bundle(self):
        layout = harness.Layout(self.dir / "layout")
        layout.name("team/app:1", layout.manifest([layout.layer(b"layer")]))
        bundle = self.export("both.bag", f"oci:{layout.path}", f"disk:{self.sample()}")
        self.importing("verify", bundle, "--deep")
        self.push(bundle, f"dir:{self.dir}/out")
        self.assertEqual(sorted(str(path.relative_to(self.dir / "out")) for path in (self.dir / "out").rglob("*.*")),
                         ["disks/web01.vmdk", "team/app/1.tar"])

    def test_two_runs_do_not_write_disks_into_one_directory(self):
        bundle = self.export_disk("a.bag", self.sample())
        out = self.dir / "out"
        out.mkdir()
        held = os.open(out, os.O_RDONLY)
        try:
            fcntl.flock(held, fcntl.LOCK_EX)
            done = self.push(bundle, f"dir:{out}", expect=11)
            self.assertIn("another run writes to", done.stderr)
            self.assertEqual(os.listdir(out), [])
            self.push(bundle, f"dir:{out}", "--disk-to", f"web01={self.dir}/elsewhere.raw")
        finally:
            os.close(held)
        self.push(bundle, f"dir:{out}")
        self.assertEqual(os.listdir(out / "disks"), ["web01.vmdk"])

    def test_a_layout_gets_back_a_file_of_a_disk(self):
        bundle = self.export_disk("a.bag", self.sample())
        layout = self.dir / "layout"
        for more in ((), ("--disk-as-container",)):
            with self.subTest(more=more):
                self.push(bundle, f"oci:{layout}", *more)
                blobs = {path: path.stat().st_size for path in (layout / "blobs/sha256").iterdir()}
                max(blobs, key=blobs.get).unlink()
                self.push(bundle, f"oci:{layout}", *more)
                self.assertEqual({path: path.stat().st_size for path in (layout / "blobs/sha256").iterdir()}, blobs)
                run("rm", "-rf", layout)

    def test_a_device_is_written_only_when_told_and_read_again(self):
        raw = self.sample()
        bundle = self.export_disk("a.bag", raw)
        backing = write_sparse(self.dir / "device", 16 * MIB, [(0, noise(16 * MIB, 9))])
        device = disk_images.attach(self, backing)
        done = self.push(bundle, f"dir:{self.dir}/out", "--disk-to", f"web01={device}", expect=2)
        self.assertIn("--overwrite-device", done.stdout + done.stderr)
        self.push(bundle, f"dir:{self.dir}/out", "--disk-to", f"web01={device}", "--overwrite-device")
        size = os.path.getsize(raw)
        self.assertEqual(sha256_of(device, [[0, size]]), sha256_of(raw))
        again = self.export("device.bag", f"disk:{device},name=whole")
        self.assertEqual(self.listed(again)[0]["size"], 16 * MIB)

    def test_the_rules_refuse_what_strict_readers_refuse(self):
        """So that they cannot pass whatever they are given: qemu-img's own streams, and its geometry."""
        raw = self.sample()
        size = os.path.getsize(raw)
        for output, check, way in (
                ("vmdk", disk_rules.check_stream_vmdk, ["vmdk", "-o", "subformat=streamOptimized"]),
                ("vhd", lambda path, size: disk_rules.check_vhd(path, size, fixed=False), ["vpc", "-o", "force_size=on"])):
            image = self.dir / f"qemu.{output}"
            run("qemu-img", "convert", "-f", "raw", "-O", *way, raw, image)
            with self.assertRaises(AssertionError):
                check(image, size)

    def test_blocks_are_shared_where_the_file_system_can(self):
        if os.geteuid() != 0:
            self.skipTest("needs root to mount a file system")
        image, mount = self.dir / "xfs.img", self.dir / "xfs"
        mount.mkdir()
        write_sparse(image, 512 * MIB, [])
        run("mkfs.xfs", "-q", image, env=disk_images.SYSTEM)
        if run("mount", "-o", "loop", image, mount, expect=None, env=disk_images.SYSTEM).returncode != 0:
            self.skipTest("cannot mount XFS here")
        self.addCleanup(subprocess.run, ["umount", str(mount)], check=False)
        raw = write_sparse(mount / "disk.raw", 64 * MIB, [(0, noise(40 * MIB, 5))])
        for output in ("vhd", "vhd-fixed", "vmdk-sparse", "vmdk-flat", "raw"):
            with self.subTest(output=output):
                os.sync()
                before = os.statvfs(mount).f_bfree * os.statvfs(mount).f_bsize
                bundle = mount / f"{output}.bag"
                run(EXPORT, bundle, f"disk:{raw}", "--disk-format", output)
                os.sync()
                used = before - os.statvfs(mount).f_bfree * os.statvfs(mount).f_bsize
                self.assertLess(used, 4 * MIB)
                file = sorted((bundle / "data/disks").glob("disk.*"))[0]
                run("qemu-img", "compare", "-q", "-f", "raw", "-F", OUTPUTS[output], raw, file)


if __name__ == "__main__":
    unittest.main()
