# SPDX-License-Identifier: Apache-2.0
"""Names that lead nowhere, or to an address that does not answer: the run ends in time, or takes the other address."""
import time
import unittest

import harness
import own_network
from harness import EXPORT, IMPORT, Layout, run
from hostile import HostileRegistry
from own_network import REGISTRY


def setUpModule():
    own_network.enter()


class Names(harness.TestCase):
    def setUp(self):
        super().setUp()
        layout = Layout(self.dir / "layout")
        layout.name("team/app:1", layout.manifest([layout.layer(b"layer" * 1000)]))
        self.bundle = self.export("in.bag", f"oci:{layout.path}")
        self.registry = HostileRegistry(is_open=True, address=REGISTRY)
        self.addCleanup(self.registry.stop)

    def timed(self, seconds, *command, expect):
        begin = time.monotonic()
        done = run(*command, expect=expect)
        self.assertLess(time.monotonic() - begin, seconds)
        return done

    def test_a_name_that_nobody_knows_is_a_failure_that_may_pass(self):
        for command in ([EXPORT, self.dir / "out.bag", "docker://unknown.test/team/app"],
                        [IMPORT, "push", self.bundle, "docker://unknown.test"]):
            done = self.timed(20, *command, "--retries", "1", "--connect-timeout", "5", expect=31)
            self.assertIn("unknown.test", done.stderr)

    def test_an_address_that_does_not_answer_is_not_waited_for_where_another_does(self):
        host = f"dual.test:{self.registry.port}"
        self.timed(20, IMPORT, "push", self.bundle, f"docker://{host}", "--plain-http", host, expect=0)
        self.timed(20, EXPORT, self.dir / "out.bag", f"docker://{host}/team/app", "--plain-http", host, expect=0)

    def test_an_address_that_does_not_answer_ends_in_time(self):
        host = f"[{own_network.SILENT}]:5000"
        done = self.timed(20, IMPORT, "push", self.bundle, f"docker://{host}", "--plain-http", host, "--retries", "0",
                          "--connect-timeout", "2", expect=31)
        self.assertIn(own_network.SILENT, done.stderr)


if __name__ == "__main__":
    unittest.main()
