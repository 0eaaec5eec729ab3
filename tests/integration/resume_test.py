# SPDX-License-Identifier: Apache-2.0
"""An export that is cut off goes on where it stopped."""
import pathlib
import signal
import subprocess
import time
import unittest

import harness
from harness import EXPORT, IMPORT, run


class Resume(harness.FilledRegistryTestCase):
    EPOCH = {"SOURCE_DATE_EPOCH": "1700000000"}

    def unfinished(self, bundle):
        return pathlib.Path(str(bundle) + ".unfinished")

    def interrupted(self, bundle, how, *more):
        """Starts an export that is slow, and interrupts it when it fetches."""
        process = subprocess.Popen([EXPORT, str(bundle), f"docker://{self.source.host}", "--plain-http",
                                    self.source.host, "--include", "library/**", "--max-rate", "2M", "--jobs", "2", *more],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   env={**harness.environment(), **self.EPOCH})
        log = self.unfinished(bundle) / "landed.log"
        for _ in range(600):
            if log.exists() or process.poll() is not None:
                break
            time.sleep(0.05)
        time.sleep(1.5)
        self.assertIsNone(process.poll(), "the export was over before it could be interrupted")
        process.send_signal(how)
        _, said = process.communicate(timeout=60)
        return process.returncode, said.decode()

    def whole(self, *more):
        bundle = self.dir / "whole.bag"
        run(EXPORT, bundle, f"docker://{self.source.host}", "--plain-http", self.source.host, "--include",
            "library/**", *more, env=self.EPOCH)
        return bundle

    def assert_same_bundle(self, one, other):
        for path in one.rglob("*"):
            if path.is_file():
                self.assertEqual(path.read_bytes(), (other / path.relative_to(one)).read_bytes(), path)

    def resume(self, bundle, *more, expect=0):
        return run(EXPORT, bundle, "--resume", "--plain-http", self.source.host, "--include", "library/**", *more,
                   expect=expect, env=self.EPOCH)

    def test_after_ctrl_c(self):
        bundle = self.dir / "b.bag"
        status, said = self.interrupted(bundle, signal.SIGINT)
        self.assertEqual(status, 130, said)
        self.assertIn("--resume", said)
        self.assertFalse(bundle.exists())
        run(IMPORT, "verify", self.unfinished(bundle), expect=10)
        self.resume(bundle)
        self.assertFalse(self.unfinished(bundle).exists())
        self.assert_same_bundle(self.whole(), bundle)

    def test_of_a_layout_whose_path_is_odd_or_long(self):
        for number, name in enumerate(("a\x1b[31m 'b\\c\"", "d" * 200 + "/" + "e" * 200)):
            with self.subTest(name):
                layout, bundle = harness.Layout(self.dir / name), self.dir / f"odd{number}.bag"
                layout.name("team/app:1", layout.manifest([layout.layer(bytes(2 << 20))]))
                source = f"oci:{layout.path}"
                process = subprocess.Popen([EXPORT, bundle, source, "--max-rate", "100K"], stderr=subprocess.DEVNULL)
                harness.wait_until((self.unfinished(bundle) / "landed.log").exists)
                process.send_signal(signal.SIGINT)
                self.assertEqual(process.wait(timeout=60), 130)
                if "\\" in name:
                    self.assertIn("name the sources again", run(EXPORT, bundle, "--resume", expect=2).stderr)
                    run(EXPORT, bundle, "--resume", source)
                else:
                    run(EXPORT, bundle, "--resume")
                run(IMPORT, "verify", bundle)

    def test_without_saying_again_what_goes_in(self):
        bundle = self.dir / "b.bag"
        options = ["--split-by", "repository", "--exclude", "library/zstd"]
        self.interrupted(bundle, signal.SIGKILL, *options)
        run(EXPORT, bundle, "--resume", "--plain-http", self.source.host, env=self.EPOCH)
        self.assert_same_bundle(self.whole(*options), bundle)

    def test_manifests_that_somebody_changed_are_written_again(self):
        bundle = self.dir / "b.bag"
        self.interrupted(bundle, signal.SIGKILL)
        with open(self.unfinished(bundle) / "data/images/images.tar", "r+b") as tarball:
            at = tarball.read(1 << 20).rindex(b'"schemaVersion"')
            tarball.seek(at)
            tarball.write(b"x")
        self.resume(bundle)
        self.assert_same_bundle(self.whole(), bundle)

    def test_not_with_a_plan_that_this_version_would_make_otherwise(self):
        bundle = self.dir / "b.bag"
        self.interrupted(bundle, signal.SIGKILL)
        run("sqlite3", self.unfinished(bundle) / "plan.sqlite",
            "UPDATE locations SET offset = offset + 512 WHERE blob = (SELECT max(blob) FROM locations)")
        done = self.resume(bundle, expect=23)
        self.assertIn("planned otherwise", done.stderr)
        self.assertIn("the version that began it", done.stderr)

    def test_after_being_killed(self):
        bundle = self.dir / "b.bag"
        status, _ = self.interrupted(bundle, signal.SIGKILL)
        self.assertEqual(status, -9)
        done = run(IMPORT, "verify", bundle, expect=10)
        self.assertIn("--resume", done.stderr)
        self.resume(bundle, f"docker://{self.source.host}")
        self.assert_same_bundle(self.whole(), bundle)

    def test_other_sources_or_options_are_refused(self):
        bundle = self.dir / "b.bag"
        self.interrupted(bundle, signal.SIGINT)
        done = self.resume(bundle, "docker://other.test:1/x", "--plain-http", "other.test:1", expect=2)
        self.assertIn("begun with", done.stderr)
        done = self.resume(bundle, "--newest", "1", expect=2)
        self.assertIn("begun with", done.stderr)
        done = run(EXPORT, bundle, f"docker://{self.source.host}", "--plain-http", self.source.host, expect=2)
        self.assertIn("--resume", done.stderr)
        self.resume(bundle)
        run(IMPORT, "verify", bundle)

    def test_a_source_that_dies_leaves_a_bundle_to_resume(self):
        registry = self.registry()
        harness.fill(registry)
        bundle = self.dir / "b.bag"
        command = [EXPORT, str(bundle), f"docker://{registry.host}", "--plain-http", registry.host, "--include",
                   "runtimes/**", "--max-rate", "10M", "--retries", "1"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=harness.environment())
        for _ in range(600):
            if (self.unfinished(bundle) / "landed.log").exists():
                break
            time.sleep(0.05)
        time.sleep(0.5)
        registry.process.terminate()
        registry.process.wait(timeout=30)
        _, said = process.communicate(timeout=120)
        self.assertEqual(process.returncode, 31, said.decode())
        self.assertIn("--resume", said.decode())
        self.assertFalse(bundle.exists())
        self.assertTrue(self.unfinished(bundle).exists())

    def test_nothing_to_resume_is_said(self):
        self.assertIn("no unfinished bundle", self.resume(self.dir / "none.bag", expect=10).stderr)


if __name__ == "__main__":
    unittest.main()
