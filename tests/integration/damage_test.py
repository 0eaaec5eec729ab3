# SPDX-License-Identifier: Apache-2.0
"""A damaged bundle is found out, by verify and by push."""
import json
import random
import re
import unittest

import harness
from harness import IMPORT, run


class Damage(harness.FilledRegistryTestCase):
    def setUp(self):
        super().setUp()
        self.bundle = self.export("b.bag", f"docker://{self.source.host}/library/busybox",
                                  f"docker://{self.source.host}/library/multi", registry=self.source)
        self.tarball = self.bundle / "data/images/images.tar"

    def flip(self, offset):
        with open(self.tarball, "r+b") as file:
            file.seek(offset)
            byte = file.read(1)[0]
            file.seek(offset)
            file.write(bytes([byte ^ 0x10]))

    def blobs(self):
        rows = run("sqlite3", "-readonly", "-separator", " ", self.bundle / "index.sqlite",
                   "SELECT DISTINCT offset, size, digest FROM image_blobs WHERE size > 0").stdout
        return [(int(o), int(s), d) for o, s, d in (line.split() for line in rows.splitlines())]

    def test_verify_names_the_file_the_digest_and_the_images_of_a_random_byte(self):
        seed = random.randrange(2**32)
        chance = random.Random(seed)
        for offset, size, digest in chance.sample(self.blobs(), 5):
            at = offset + chance.randrange(size)
            with self.subTest(seed=seed, at=at, digest=digest):
                self.flip(at)
                said = json.loads(run(IMPORT, "verify", "--json", self.bundle, expect=20).stdout)
                hit = [f for f in said["findings"] if f["blob"] == digest]
                self.assertEqual(len(hit), 1)
                self.assertEqual(hit[0]["file"], "data/images/images.tar")
                self.assertTrue(hit[0]["references"])
                text = run(IMPORT, "verify", self.bundle, expect=20).stdout
                self.assertIn(digest, text)
                self.assertIn("needed by", text)
                self.flip(at)
        run(IMPORT, "verify", self.bundle)

    def test_verify_names_all_stray_files_and_what_is_damaged_besides_and_others_refuse_them(self):
        strays = [".DS_Store", "Thumbs.db", "data/images/._images.tar"]
        for name in strays:
            (self.bundle / name).write_text("x")
        layer = max(self.blobs(), key=lambda blob: blob[1])
        self.flip(layer[0])
        damage = self.dir / "damage.json"
        said = json.loads(run(IMPORT, "verify", "--json", "--damage", damage, self.bundle, expect=20).stdout)
        texts = [finding["text"] for finding in said["findings"]]
        for name in strays:
            self.assertIn(f'"{name}" is in no manifest', texts)
        self.assertIn(layer[2], [finding["blob"] for finding in said["findings"]])
        listed = json.loads(damage.read_text())
        self.assertEqual([blob["digest"] for blob in listed["blobs"]], [layer[2]])
        self.assertEqual(len(listed["beyondRepair"]), len(strays))
        text = run(IMPORT, "verify", self.bundle, expect=20).stdout
        self.assertIn("remove what is in no manifest", text)
        self.assertEqual(text.count('"Thumbs.db"'), 1, text)
        target = self.registry()
        for command in (["list"], ["patch"], ["push", "--plain-http", target.host]):
            to = [f"docker://{target.host}"] if command[0] == "push" else []
            done = run(IMPORT, *command, self.bundle, *to, expect=20)
            self.assertIn("is in no manifest", done.stderr)
            self.assertIn("next: remove", done.stderr)
        self.assertEqual(target.everything(), {})

    def test_only_a_run_that_was_given_up_ends_with_an_error_event_and_all_names_in_events_are_specified(self):
        self.flip(max(self.blobs(), key=lambda blob: blob[1])[0])
        target = self.registry()
        to = [f"docker://{target.host}", "--plain-http", target.host]
        page = (harness.TOP / "format-spec/output.md").read_text().split("## Events")[1]
        specified = set(re.findall(r"`(\w+)`", page))
        for words, has_result in ((["verify"], True), (["push", *to], True), (["push", *to, "--verify-first"], False)):
            done = run(IMPORT, words[0], self.bundle, *words[1:], "--json", expect=20)
            events = [json.loads(line) for line in done.stderr.splitlines()]
            self.assertEqual(bool(done.stdout), has_result, words)
            self.assertEqual([event["event"] for event in events].count("error"), 0 if has_result else 1, words)
            self.assertEqual(events[-1]["event"] == "error", not has_result, words)
            self.assertLessEqual({name for event in events for name in event}, specified, words)

    def test_push_refuses_the_images_of_a_damaged_layer_and_pushes_the_others(self):
        layer = max(self.blobs(), key=lambda blob: blob[1])
        self.flip(layer[0] + layer[1] // 2)
        target = self.registry()
        receipt = self.dir / "receipt.json"
        done = self.push(self.bundle, f"docker://{target.host}", "--receipt", receipt, registry=target, expect=20)
        self.assertIn(layer[2], done.stdout + done.stderr)
        account = json.loads(receipt.read_text())
        failed = {r["target"] for r in account["references"] if r["outcome"] == "failed"}
        self.assertTrue(failed)
        present = target.everything()
        for name in failed:
            if "@" not in name:
                self.assertNotIn(tuple(name.rsplit(":", 1)), present)

    def test_verify_first_sends_nothing_from_a_damaged_bundle(self):
        layer = max(self.blobs(), key=lambda blob: blob[1])
        self.flip(layer[0])
        target = self.registry()
        self.push(self.bundle, f"docker://{target.host}", "--verify-first", registry=target, expect=20)
        self.assertEqual(target.repositories(), [])

    def test_a_cut_tarball_and_a_changed_index_are_refused(self):
        size = self.tarball.stat().st_size
        with open(self.tarball, "r+b") as file:
            file.truncate(size - 1)
        for command in (["verify", self.bundle], ["list", self.bundle], ["push", self.bundle, f"oci:{self.dir}/l"]):
            run(IMPORT, *command, expect=20)
        self.assertFalse((self.dir / "l").exists())

    def test_a_quick_look_says_that_it_read_no_content(self):
        self.assertIn("no content was read", run(IMPORT, "verify", "--quick", self.bundle).stdout)

    def test_another_seal_is_refused(self):
        run(IMPORT, "verify", self.bundle, "--seal", "0" * 64, expect=20)
        seal = json.loads(run(IMPORT, "list", "--json", self.bundle).stdout)["seal"]
        run(IMPORT, "verify", self.bundle, "--seal", seal)


if __name__ == "__main__":
    unittest.main()
