# SPDX-License-Identifier: Apache-2.0
"""Ctrl-C, once, twice, and again in the resumed run."""
import json
import pathlib
import signal
import subprocess
import unittest

import harness
from harness import EXPORT, IMPORT, Layout, run

EPOCH = {"SOURCE_DATE_EPOCH": "1700000000"}


class Interruption(harness.TestCase):
    def setUp(self):
        super().setUp()
        layout = Layout(self.dir / "layout")
        layer = layout.layer(b"0123456789abcdef" * (12 << 16))
        layout.name("team/app:1", layout.manifest([layer]))
        self.source = self.registry()
        self.push(self.export("in.bag", f"oci:{layout.path}"), f"docker://{self.source.host}", registry=self.source)
        self.arguments = [f"docker://{self.source.host}", "--plain-http", self.source.host]
        self.bundle = self.dir / "b.bag"

    def start(self, *command, **settings):
        process = subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   env={**harness.environment(), **EPOCH}, **settings)
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        return process

    def interrupt_in(self, phase, process):
        """Sends SIGINT when bytes are on their way; the event that said so, and all that was said afterwards."""
        for line in process.stderr:
            event = json.loads(line)
            if event["event"] == "progress" and event["phase"] == phase:
                process.send_signal(signal.SIGINT)
                _, said = process.communicate(timeout=60)
                self.assertEqual(process.returncode, 130, said.decode())
                return event, said.decode()
        self.fail(f"it was over before it could be interrupted: {process.communicate()}")

    def interrupted_export(self, *more):
        slow = ["--max-rate", "2M", "--json"]
        event, said = self.interrupt_in("fetching", self.start(EXPORT, self.bundle, *self.arguments, *slow, *more))
        self.assertIn("--resume", said)
        return event

    def test_ctrl_c_in_two_runs_in_a_row_then_the_same_bundle_as_in_one_go(self):
        first = self.interrupted_export()
        second = self.interrupted_export("--resume")
        self.assertEqual(first["bytes_skipped"], 0)
        self.assertGreaterEqual(second["bytes_skipped"], first["bytes_done"], "it went on where the first had stopped")
        done = run(EXPORT, self.bundle, *self.arguments, "--resume", "--json", env=EPOCH)
        whole = run(EXPORT, self.dir / "whole.bag", *self.arguments, "--json", env=EPOCH)
        self.assertEqual(json.loads(done.stdout)["seal"], json.loads(whole.stdout)["seal"])
        run("diff", "-r", self.dir / "whole.bag", self.bundle)
        run(IMPORT, "verify", self.bundle)

    def test_a_second_ctrl_c_ends_at_once_what_the_first_could_not(self):
        # Reading a password from a pipe that says nothing is what nobody but the user can end.
        process = self.start(EXPORT, self.bundle, *self.arguments, "--user", "someone", "--password-stdin",
                             stdin=subprocess.PIPE)
        # SIGINT is ours to handle once the handler is there: SigCgt in /proc.
        harness.wait_until(lambda: self.catches(process, signal.SIGINT))
        process.send_signal(signal.SIGINT)
        said = process.stderr.readline() + process.stderr.readline()
        self.assertIn(b"press again to end at once", said)
        self.assertIsNone(process.poll())

        def again():
            process.send_signal(signal.SIGINT)
            return process.poll() is not None

        harness.wait_until(again)
        self.assertEqual(process.returncode, 130)
        self.assertFalse(pathlib.Path(f"{self.bundle}.unfinished").exists())

    @staticmethod
    def catches(process, number):
        status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
        caught = next(line for line in status.splitlines() if line.startswith("SigCgt:"))
        return int(caught.split()[1], 16) >> (number - 1) & 1

    def test_a_push_that_was_interrupted_is_finished_by_the_same_command(self):
        bundle = self.export("again.bag", *self.arguments)
        target = self.registry()
        push = [IMPORT, "push", bundle, f"docker://{target.host}", "--plain-http", target.host]
        receipt = self.dir / "receipt.json"
        process = self.start(*push, "--max-rate", "2M", "--json", "--receipt", receipt)
        self.interrupt_in("pushing", process)
        self.assertEqual(target.tags("team/app"), [], "the name comes last")
        self.assertFalse(json.loads(receipt.read_text())["complete"])
        run(*push)
        self.assertEqual(target.everything(), self.source.everything())


if __name__ == "__main__":
    unittest.main()
