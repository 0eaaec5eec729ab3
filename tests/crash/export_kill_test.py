# SPDX-License-Identifier: Apache-2.0
"""An export that is killed at any durable system call, and killed again while it resumes, ends in the same bundle."""
import os
import shutil
import unittest

import killing
import harness
from harness import EXPORT, IMPORT, Layout, run

EPOCH = {"SOURCE_DATE_EPOCH": "1700000000"}


class KilledExport(harness.TestCase):
    def setUp(self):
        super().setUp()
        layout = Layout(self.dir / "layout")
        shared = layout.layer(b"shared layer " * 3_000)
        large = layout.layer(b"0123456789abcdef" * 300_000)  # hashed on one thread and written on another
        layout.name("team/app:1", layout.manifest([shared, large]))
        layout.name("team/tool:2", layout.manifest([shared, layout.layer(b"tool")]))
        self.source = self.registry()
        self.push(self.export("in.bag", f"oci:{layout.path}"), f"docker://{self.source.host}", registry=self.source)
        self.disk = self.dir / "web.raw"
        with open(self.disk, "wb") as file:
            file.truncate(3 << 20)
            file.seek(1 << 20)
            file.write(b"boot" * 40_000)
        self.sources = [f"docker://{self.source.host}", f"disk:{self.disk}"]
        self.kills = 0

    def command(self, bundle, *more, jobs=1):
        return [EXPORT, bundle, *self.sources, "--plain-http", self.source.host, "--jobs", jobs, "--quiet", *more]

    def place(self, name):
        place = self.dir / name
        place.mkdir()
        return place / "b.bag"

    def next_command(self, bundle, jobs=1):
        """What a user would run after a kill; nothing when the bundle is done."""
        if bundle.exists():
            return None
        resume = ["--resume"] if self.unfinished(bundle).exists() else []
        return self.command(bundle, *resume, jobs=jobs)

    @staticmethod
    def unfinished(bundle):
        return bundle.with_name(bundle.name + ".unfinished")

    def assert_nothing_false(self, bundle):
        """Whatever lies there after a kill: unfinished, or the whole bundle."""
        self.assertLessEqual(set(os.listdir(bundle.parent)), {bundle.name, bundle.name + ".unfinished"})
        if bundle.exists():
            self.assertFalse(self.unfinished(bundle).exists())
            self.assertEqual(killing.tree(bundle), self.whole)
            return
        run(IMPORT, "verify", bundle, expect=10)
        if self.unfinished(bundle).exists():
            run(IMPORT, "verify", self.unfinished(bundle), expect=10)

    def assert_whole(self, bundle):
        self.assertEqual(os.listdir(bundle.parent), [bundle.name])
        self.assertEqual(killing.tree(bundle), self.whole)

    def finish(self, bundle, jobs=1):
        command = self.next_command(bundle, jobs)
        if command:
            run(*command, env=EPOCH)
        self.assert_whole(bundle)

    def kill(self, command, point, bundle):
        killed = killing.killed_at(command, point, env=EPOCH)
        self.kills += killed
        self.assert_nothing_false(bundle)
        return killed

    def kill_again_while_it_resumes(self, killed_bundle, name, turn, times):
        """At some points of the run that resumes, from copies of what the first kill left; others for each turn."""
        rehearsal = self.dir / f"{name}-rehearsal"
        shutil.copytree(killed_bundle.parent, rehearsal)
        command = self.next_command(rehearsal / "b.bag")
        points = killing.points_of(command, env=EPOCH) if command else []
        shutil.rmtree(rehearsal)
        step = max(1, len(points) // times)
        for second in points[turn * 5 % step::step]:
            copy = self.dir / f"{name}-{second[0]}-{second[1]}"
            shutil.copytree(killed_bundle.parent, copy)
            with self.subTest(second=second):
                self.kill(self.next_command(copy / "b.bag"), second, copy / "b.bag")
                self.finish(copy / "b.bag")
            shutil.rmtree(copy)

    def test_at_every_durable_call_and_again_in_the_resumed_run(self):
        whole = self.place("whole")
        points = killing.points_of(self.command(whole), env=EPOCH)
        self.whole = killing.tree(whole)
        self.assertIn("index.sqlite", self.whole)
        before = self.disk.read_bytes()
        chosen = killing.sample(points, each=4)
        for i, first in enumerate(chosen):
            with self.subTest(first=first):
                bundle = self.place(f"k{i}")
                self.kill(self.command(bundle), first, bundle)
                self.kill_again_while_it_resumes(bundle, f"k{i}-again", i, times=6 if killing.LONG else 1)
                self.finish(bundle)
            shutil.rmtree(self.dir / f"k{i}")
        self.assertEqual(self.disk.read_bytes(), before)
        print(f"export: {len(points)} durable calls, {len(chosen)} chosen, {self.kills} kills", flush=True)
        # strace is really killing: hardly a point is missed, whatever the network does to the size of writes.
        self.assertGreater(self.kills, len(chosen) * 0.9)

    def test_once_all_is_fetched_the_source_is_not_needed_any_more(self):
        whole = self.place("whole")
        points = killing.points_of(self.command(whole), env=EPOCH)
        self.whole = killing.tree(whole)
        late = [point for point in points if point[0] in ("unlink", "rmdir")] + \
            [point for point in points if point[0] == "rename"][-1:]
        bundles = [self.place(f"k{i}") for i in range(len(late))]
        for point, bundle in zip(late, bundles):
            self.assertTrue(self.kill(self.command(bundle), point, bundle))
        self.source.process.terminate()
        self.source.process.wait(timeout=30)
        for point, bundle in zip(late, bundles):
            with self.subTest(point=point):
                self.finish(bundle)

    def test_with_several_threads(self):
        whole = self.place("whole")
        points = killing.points_of(self.command(whole, jobs=4), env=EPOCH)
        self.whole = killing.tree(whole)
        for i, first in enumerate(killing.sample(points, each=2)):
            with self.subTest(first=first):
                bundle = self.place(f"k{i}")
                self.kill(self.command(bundle, jobs=4), first, bundle)
                self.finish(bundle, jobs=4)
            shutil.rmtree(self.dir / f"k{i}")
        print(f"export, 4 jobs: {self.kills} kills", flush=True)


if __name__ == "__main__":
    unittest.main()
