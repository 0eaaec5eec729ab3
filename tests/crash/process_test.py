# SPDX-License-Identifier: Apache-2.0
"""What can be odd about a process: its streams, signals, limits, environment, clock, and others of its kind."""
import os
import pathlib
import shutil
import signal
import sqlite3
import subprocess
import unittest

import killing
import harness
from harness import EXPORT, IMPORT, Layout, run

EPOCH = {"SOURCE_DATE_EPOCH": "1700000000"}


class Processes(harness.TestCase):
    def setUp(self):
        super().setUp()
        layout = Layout(self.dir / "layout")
        layout.name("team/app:1", layout.manifest([layout.layer(b"0123456789abcdef" * (3 << 16)), layout.layer(b"small")]))
        self.source = f"oci:{layout.path}"
        self.bundle = self.dir / "b.bag"
        self.unfinished = pathlib.Path(f"{self.bundle}.unfinished")
        run(EXPORT, self.dir / "whole.bag", self.source, env=EPOCH)
        self.whole = killing.tree(self.dir / "whole.bag")

    def start_slowly(self, *more, rate="1M"):
        """An export that has begun to fetch. In a process group of its own: the kernel drops SIGTSTP for groups that no
        shell looks after, which those of a test may be. And SIGHUP ends it, also where nohup(1) runs the test."""
        process = subprocess.Popen([EXPORT, str(self.bundle), self.source, "--max-rate", rate, *more],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, process_group=0,
                                   preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),
                                   env={**harness.environment(), **EPOCH})
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        harness.wait_until((self.unfinished / "landed.log").exists)
        return process

    def assert_whole(self, bundle=None):
        self.assertEqual(killing.tree(bundle or self.bundle), self.whole)


class Signals(Processes):
    def test_each_signal_that_ends_leaves_what_resume_finishes(self):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            with self.subTest(signal=number):
                process = self.start_slowly()
                process.send_signal(number)
                _, said = process.communicate(timeout=60)
                self.assertEqual(process.returncode, 128 + number, said.decode())
                self.assertIn("--resume", said.decode())
                run(EXPORT, self.bundle, "--resume", env=EPOCH)
                self.assert_whole()
                shutil.rmtree(self.bundle)

    def test_stopped_and_continued_it_goes_on(self):
        process = self.start_slowly(rate="4M")
        process.send_signal(signal.SIGTSTP)
        os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WNOWAIT)
        process.send_signal(signal.SIGCONT)
        process.communicate(timeout=60)
        self.assertEqual(process.returncode, 0)
        self.assert_whole()

    def test_nobody_reads_what_it_says(self):
        for which in ("stdout", "stderr"):
            with self.subTest(stream=which):
                reader, writer = os.pipe()
                os.close(reader)
                streams = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, which: writer}
                done = subprocess.run([EXPORT, str(self.bundle), self.source], **streams, timeout=60,
                                      env={**harness.environment(), **EPOCH})
                os.close(writer)
                # A result that nobody got is no success, but the work is done.
                self.assertEqual(done.returncode, 41 if which == "stdout" else 0)
                self.assert_whole()
                shutil.rmtree(self.bundle)


class Streams(Processes):
    def test_closed_streams_do_not_get_into_files(self):
        for closing in ("<&-", ">&-", "2>&-", "<&- >&- 2>&-"):
            with self.subTest(closing=closing):
                done = run("sh", "-c", f'exec "$0" "$@" {closing}', EXPORT, self.bundle, self.source, env=EPOCH, expect=None)
                self.assertIn(done.returncode, (0, 41))
                self.assert_whole()
                target = self.dir / "target"
                run("sh", "-c", f'exec "$0" "$@" {closing}', IMPORT, "push", self.bundle, f"oci:{target}", expect=None)
                run("skopeo", "inspect", "--raw", f"oci:{target}:team/app:1")
                shutil.rmtree(target)
                shutil.rmtree(self.bundle)


class Limits(Processes):
    def test_with_few_open_files_it_works_or_says_so(self):
        for limit in (5, 8, 16, 32):
            with self.subTest(limit=limit):
                done = run("prlimit", f"--nofile={limit}:{limit}", EXPORT, self.bundle, self.source, env=EPOCH, expect=None)
                self.assertIn(done.returncode, (0, 1, 41), done.stderr)
                self.assertTrue(done.returncode == 0 or done.stderr)
                self.finish()

    def test_with_little_memory_it_works_or_says_so(self):
        if harness.SANITIZED:
            self.skipTest("sanitizers reserve address space")
        for mebibytes in (24, 32, 48, 64, 96, 128, 192, 256):
            with self.subTest(mebibytes=mebibytes):
                done = run("prlimit", f"--as={mebibytes << 20}", EXPORT, self.bundle, self.source, env=EPOCH, expect=None)
                # 127: not even the loader had enough.
                self.assertIn(done.returncode, (0, 1, 127), done.stderr)
                self.finish()

    def finish(self):
        if not self.bundle.exists():
            resume = ["--resume"] if self.unfinished.exists() else []
            run(EXPORT, self.bundle, self.source, *resume, env=EPOCH)
        self.assert_whole()
        shutil.rmtree(self.bundle)

    def test_with_one_thread_it_works(self):
        if os.geteuid() == 0:
            # root has no limit of its own. It stays the effective user: what lies in its home is for nobody else.
            command = ["prlimit", "--nproc=1:1", "setpriv", "--ruid=65534", "--bounding-set=-sys_resource,-sys_admin"]
        else:
            command = ["prlimit", "--nproc=1:1"]
        done = run(*command, EXPORT, self.bundle, self.source, env=EPOCH, expect=None)
        self.assertIn(done.returncode, (0, 1), done.stderr)


class Surroundings(Processes):
    def test_locale_time_zone_home_and_a_large_environment_do_not_show(self):
        for odd in ({"LC_ALL": "C"}, {"LC_ALL": "tr_TR.UTF-8", "LANG": "tr_TR.UTF-8"}, {"TZ": "Pacific/Apia"}, {"TZ": ":/x"},
                    {"HOME": ""}, {"HOME": "/nowhere"}, {"X" * 1000: "y" * 100_000}):
            with self.subTest(odd=str(odd)[:40]):
                run(EXPORT, self.bundle, self.source, env={**EPOCH, **odd})
                self.assert_whole()
                shutil.rmtree(self.bundle)

    def test_any_umask_gives_the_same_bytes_and_is_obeyed(self):
        for mask, mode in ((0o000, 0o666), (0o022, 0o644), (0o077, 0o600)):
            with self.subTest(umask=oct(mask)):
                run("sh", "-c", f'umask {mask:o}; exec "$0" "$@"', EXPORT, self.bundle, self.source, env=EPOCH)
                self.assert_whole()
                for path in self.bundle.rglob("*"):
                    if path.is_file():
                        self.assertEqual(path.stat().st_mode & 0o777, mode, path)
                shutil.rmtree(self.bundle)

    def test_a_set_group_id_directory_changes_nothing(self):
        place = self.dir / "shared"
        place.mkdir()
        place.chmod(0o2775)
        run(EXPORT, place / "b.bag", self.source, env=EPOCH)
        self.assert_whole(place / "b.bag")

    def test_times_of_1970_2038_and_2100_are_written_as_what_they_are(self):
        for epoch, date in ((0, "1970-01-01"), (1 << 31, "2038-01-19"), (4102444800, "2100-01-01")):
            with self.subTest(date=date):
                run(EXPORT, self.bundle, self.source, env={"SOURCE_DATE_EPOCH": str(epoch)})
                self.assertIn(f"Bagging-Date: {date}", (self.bundle / "bag-info.txt").read_text())
                run(IMPORT, "verify", self.bundle)
                shutil.rmtree(self.bundle)


class Others(Processes):
    def test_a_second_exporter_is_told_that_the_first_works(self):
        first = self.start_slowly(rate="2M")
        self.assertIn("--resume", run(EXPORT, self.bundle, self.source, expect=2).stderr)
        self.assertIn("another run", run(EXPORT, self.bundle, self.source, "--resume", expect=11).stderr)
        first.communicate(timeout=60)
        self.assertEqual(first.returncode, 0)
        self.assert_whole()

    def test_the_lock_of_a_process_that_is_gone_is_none(self):
        self.start_slowly().kill()
        harness.wait_until(lambda: self.resumes_or_is_locked() == 0)
        self.assert_whole()

    def resumes_or_is_locked(self):
        """The kernel frees the lock when it has done with the process, which may be a moment later."""
        status = run(EXPORT, self.bundle, "--resume", env=EPOCH, expect=None).returncode
        self.assertIn(status, (0, 11))
        return status

    def test_a_plan_of_a_newer_program_is_refused_and_left_as_it_is(self):
        self.start_slowly().kill()
        with sqlite3.connect(self.unfinished / "plan.sqlite") as plan:
            version = plan.execute("PRAGMA user_version").fetchone()[0]
            plan.execute(f"PRAGMA user_version = {version + 1}")
        plan.close()
        before = killing.tree(self.unfinished)
        run(EXPORT, self.bundle, "--resume", env=EPOCH, expect=23)
        self.assertEqual(killing.tree(self.unfinished), before)

    def test_what_others_planted_where_the_bundle_is_made_is_not_touched(self):
        precious = self.dir / "precious"
        precious.mkdir()
        (precious / "data").mkdir()
        (precious / "data/file").write_text("precious")
        self.unfinished.symlink_to(precious)
        run(EXPORT, self.bundle, self.source, expect=2)
        run(EXPORT, self.bundle, self.source, "--resume", expect=22)
        self.unfinished.unlink()
        self.unfinished.mkdir()
        (self.unfinished / "my notes").write_text("precious")
        run(EXPORT, self.bundle, self.source, expect=2)
        self.assertIn("my notes", run(EXPORT, self.bundle, self.source, "--resume", expect=2).stderr)
        self.assertEqual((self.unfinished / "my notes").read_text(), "precious")
        self.assertEqual((precious / "data/file").read_text(), "precious")

    def test_a_name_of_an_unfinished_bundle_is_none_for_a_bundle(self):
        run(EXPORT, self.dir / "x.unfinished", self.source, expect=2)
        shutil.copytree(self.dir / "whole.bag", self.dir / "y.unfinished")
        run(IMPORT, "verify", self.dir / "y.unfinished", expect=10)
        run(IMPORT, "verify", f"{self.dir}/y.unfinished/", expect=10)


if __name__ == "__main__":
    unittest.main()
