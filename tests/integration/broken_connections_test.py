# SPDX-License-Identifier: Apache-2.0
"""Connections that end in the middle: what came is kept, what was sent is not sent again, and all runs end."""
import json
import os
import random
import re
import socket
import struct
import threading
import time
import unittest

import harness
from harness import EXPORT, IMPORT, Layout, run
from hostile import HostileRegistry

MIB = 1 << 20
LONG = bool(os.environ.get("SEABAG_LONG"))


class BrokenConnections(harness.TestCase):
    SIZE = 6 * MIB + 12345

    def setUp(self):
        super().setUp()
        self.layer = random.Random(1).randbytes(self.SIZE)
        self.digest = harness.sha256(self.layer)

    def hostile(self, **options):
        registry = HostileRegistry(is_open=True, **options)
        self.addCleanup(registry.stop)
        return registry


class Pulling(BrokenConnections):
    def setUp(self):
        super().setUp()
        self.registry = self.hostile()
        self.registry.put_image("team/app", "1", [self.registry.put_blob(self.layer)])
        self.asked = []

    def pull(self, *options, expect=0):
        run("rm", "-rf", self.dir / "b.bag", self.dir / "b.bag.unfinished")
        return run(EXPORT, self.dir / "b.bag", f"docker://{self.registry.host}/team/app:1", "--plain-http",
                   self.registry.host, "--jobs", "1", *options, expect=expect)

    def cut(self, cuts):
        """Answers to GETs of the layer end by a reset after so many bytes, head included, one after the other."""
        cuts = iter(cuts)

        def script(handler):
            if handler.command != "GET" or self.digest not in handler.path:
                return False
            status, data, headers = handler.ranged(self.layer)
            self.asked.append(self.SIZE - len(data))
            count = next(cuts, None)
            if count is None:
                return False
            handler.answer_cut(count, status, data, headers)
            return True

        self.registry.script = script

    def assert_arrived(self):
        run(IMPORT, "verify", self.dir / "b.bag")

    def test_a_reset_anywhere_in_an_answer(self):
        head = len(f"HTTP/1.1 200 Cut\r\nContent-Length: {self.SIZE}\r\n\r\n")
        for count, goes_on_at in ((0, 0), (1, 0), (head - 1, 0), (head, 0), (head + self.SIZE // 2, self.SIZE // 2),
                                  (head + self.SIZE - 1, self.SIZE - 1)):
            with self.subTest(count=count):
                self.asked.clear()
                self.cut([count])
                self.pull()
                self.assertEqual(self.asked, [0, goes_on_at], "all that came was kept")
                self.assert_arrived()

    def test_a_reset_at_every_mebibyte(self):
        self.cut([MIB] * 20)
        self.pull()
        self.assert_arrived()
        self.assertEqual(len(self.asked), 7)
        self.assertTrue(all(MIB - 200 < b - a <= MIB for a, b in zip(self.asked, self.asked[1:])), self.asked)

    @unittest.skipUnless(LONG, "it waits for a while; Fetch.GivesABlobUpThatGetsOnByAByteAtATime does not")
    def test_a_server_that_stalls_or_drips_ends_in_time_and_what_came_is_kept(self):
        def script(handler):
            if handler.command != "GET" or self.digest not in handler.path:
                return False
            status, data, headers = handler.ranged(self.layer)
            self.asked.append(self.SIZE - len(data))
            handler.send_response(status)
            for name, value in [*headers, ("Content-Length", str(len(data)))]:
                handler.send_header(name, value)
            handler.end_headers()
            if len(data) == self.SIZE:
                handler.wfile.write(data[:begin])
                data = data[begin:]
            handler.close_connection = True
            try:
                for byte in data:
                    time.sleep(0.2)
                    if drips:
                        handler.wfile.write(bytes([byte]))
                    elif time.monotonic() > deadline:
                        break
            except OSError:
                pass
            return True

        for begin, drips in ((self.SIZE // 2, True), (self.SIZE * 99 // 100, False)):
            with self.subTest(drips=drips):
                self.asked.clear()
                self.registry.script = script
                deadline = time.monotonic() + 60
                self.pull("--stall-timeout", "2", "--retries", "1", expect=31)
                self.assertLess(time.monotonic(), deadline)
                self.assertTrue(all(offset >= begin for offset in self.asked[1:5]), self.asked)
                self.registry.script = None
                run(EXPORT, self.dir / "b.bag", "--resume", f"docker://{self.registry.host}/team/app:1",
                    "--plain-http", self.registry.host)
                self.assert_arrived()

    def test_ranges_that_are_not_what_was_asked_for(self):
        answers = {
            "ignored": lambda handler, data: handler.answer(200, self.layer),
            "refused": lambda handler, data: handler.answer(416, b""),
            "another": lambda handler, data: handler.answer(
                206, self.layer[5:], [("Content-Range", f"bytes 5-{self.SIZE - 1}/{self.SIZE}")]),
            "of another blob": lambda handler, data: handler.answer(
                206, bytes(len(data)), [("Content-Range",
                                         f"bytes {self.SIZE - len(data)}-{self.SIZE - 1}/{self.SIZE}")]),
        }
        for name, answer in answers.items():
            with self.subTest(name):
                asked = []

                def script(handler):
                    if handler.command != "GET" or self.digest not in handler.path:
                        return False
                    status, data, headers = handler.ranged(self.layer)
                    asked.append(self.SIZE - len(data))
                    if len(asked) == 1:
                        handler.answer_cut(MIB, status, data, headers)
                    elif status == 206:
                        answer(handler, data)
                    else:
                        return False
                    return True

                self.registry.script = script
                self.pull()
                self.assert_arrived()
                self.assertGreater(asked[1], 0)


class Pushing(BrokenConnections):
    def setUp(self):
        super().setUp()
        layout = Layout(self.dir / "layout")
        self.image = layout.name("team/app:1", layout.manifest([layout.layer(self.layer)]))
        self.bundle = self.export("in.bag", f"oci:{layout.path}")

    def push(self, host, *options, expect=0, bundle=None):
        return run(IMPORT, "push", bundle or self.bundle, f"docker://{host}", "--plain-http", host, "--jobs", "1",
                   *options, expect=expect)

    def cut(self, registry, counts):
        """Uploads of the layer end by a reset after so many bytes, which the registry keeps."""
        counts = iter(counts)

        def script(handler):
            session = re.match(r"/v2/.+/blobs/uploads/(\d+)", handler.path)
            length = int(handler.headers.get("Content-Length", 0))
            if handler.command not in ("PUT", "PATCH") or not session or length < 1000:
                return False
            count = next(counts, None)
            if count is None or count >= length:
                return False
            handler.keep(session[1], handler.rfile.read(count))
            handler.reset()
            return True

        registry.script = script

    def methods(self, registry):
        return [method for method, path, _, _ in registry.seen if "/blobs/uploads/" in path]

    def test_a_reset_anywhere_in_an_upload(self):
        for count in (0, 1, 2, 65536, self.SIZE // 2, self.SIZE - 1):
            with self.subTest(count=count):
                registry = self.hostile()
                self.cut(registry, [count])
                self.push(registry.host)
                self.assertEqual(registry.orphans(), [])
                self.assertEqual(registry.tags["team/app", "1"], self.image["digest"])
                sessions = self.methods(registry).count("POST") - 1  # without the config's
                self.assertLessEqual(sessions, 2 if count < 2 else 1, "0-0 may say nothing or one byte")
                self.assertLessEqual(registry.received, self.SIZE + 1000, "nothing was sent twice")

    def test_a_reset_at_every_mebibyte(self):
        for options in ([], ["--chunk-size", "2MiB"]):
            with self.subTest(options=options):
                registry = self.hostile()
                self.cut(registry, [MIB] * 20)
                self.push(registry.host, *options)
                self.assertEqual(registry.orphans(), [])
                self.assertEqual(self.methods(registry).count("POST"), 2)
                self.assertLessEqual(registry.received, self.SIZE + 1000, "nothing was sent twice")

    def test_a_registry_that_loses_what_it_had_gets_all_of_it_again(self):
        registry = self.hostile()
        self.cut(registry, [self.SIZE // 2])
        forgetful = registry.script
        asked = []

        def script(handler):
            if handler.command == "GET" and "/blobs/uploads/" in handler.path:
                asked.append(handler.path)
                handler.answer(404, b"")
                return True
            return forgetful(handler)

        registry.script = script
        self.push(registry.host)
        self.assertEqual(registry.orphans(), [])
        self.assertEqual(len(asked), 1)

    def test_a_cut_upload_to_dockers_registry_ends_well(self):
        registry = self.registry()
        for options in ([], ["--chunk-size", "2MiB"]):
            with self.subTest(options=options):
                cutter = Cutter(("127.0.0.1", registry.port), after=3 * MIB)
                self.addCleanup(cutter.stop)
                self.push(cutter.host, *options)
                self.assertEqual(cutter.cuts, 1)
                self.assertEqual(harness.sha256(registry.manifest("team/app", "1")[0]), self.image["digest"])
                blob, _ = registry.get(f"/v2/team/app/blobs/{self.digest}")
                self.assertEqual(harness.sha256(blob), self.digest)
                registry.stop()
                registry = self.registry()


class Cutter:
    """Passes TCP on, and once, when so many bytes went up over one connection, ends it by a reset on both sides."""

    def __init__(self, address, after):
        self.address = address
        self.after = after
        self.cuts = 0
        self.sockets = [socket.create_server(("127.0.0.1", 0))]
        self.host = f"127.0.0.1:{self.sockets[0].getsockname()[1]}"
        threading.Thread(target=self.serve, daemon=True).start()

    def stop(self):
        for end in self.sockets:
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # it was not connected any more
            end.close()

    def serve(self):
        while True:
            try:
                here, _ = self.sockets[0].accept()
                there = socket.create_connection(self.address, timeout=60)
            except OSError:
                return
            self.sockets += [here, there]
            threading.Thread(target=self.pump, args=(here, there, True), daemon=True).start()
            threading.Thread(target=self.pump, args=(there, here, False), daemon=True).start()

    def pump(self, source, sink, is_upwards):
        passed = 0
        try:
            while chunk := source.recv(1 << 16):
                passed += len(chunk)
                if is_upwards and passed > self.after and not self.cuts:
                    self.cuts += 1
                    for end in (source, sink):
                        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                        end.close()
                    return
                sink.sendall(chunk)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass


class DyingRegistry(harness.TestCase):
    """A registry that is gone after its k-th request, for every k."""

    def setUp(self):
        super().setUp()
        layout = Layout(self.dir / "layout")
        base = layout.layer(b"base" * 5000)
        image = layout.manifest([base, layout.layer(b"app" * 5000)])
        layout.name("team/app:1", image)
        layout.name("team/other:1", layout.manifest([base, layout.layer(b"other" * 500)]))
        layout.name("", layout.manifest([layout.layer(b"sbom")], subject=image))
        index = {"schemaVersion": 2, "mediaType": layout.OCI + "index.v1+json",
                 "manifests": [{**image, "platform": {"os": "linux", "architecture": "amd64"}}]}
        layout.name("team/app:multi", layout.put(json.dumps(index).encode(), index["mediaType"]))
        self.bundle = self.export("in.bag", f"oci:{layout.path}")

    def hostile(self):
        registry = HostileRegistry(is_open=True)
        self.addCleanup(registry.stop)
        return registry

    def push(self, registry, *options, expect=0):
        return run(IMPORT, "push", self.bundle, f"docker://{registry.host}", "--plain-http", registry.host,
                   "--retries", "0", "--jobs", "1", *options, expect=expect)

    def test_a_push_that_is_run_again_ends_as_it_would_have(self):
        whole = self.hostile()
        self.push(whole)
        self.assertEqual(whole.orphans(), [])
        requests = len(whole.seen)
        self.assertGreater(requests, 20)
        for count in range(requests):
            with self.subTest(dies_after=count):
                registry = self.hostile()
                registry.dies_after = count
                self.push(registry, expect=31)
                self.assertEqual(registry.orphans(), [], "no tag comes before what is below it")
                for name, digest in registry.tags.items():
                    self.assertEqual(digest, whole.tags[name])
                registry.dies_after = None
                self.push(registry)
                self.assertEqual(registry.state(), whole.state())

    def test_an_export_that_is_resumed_ends_as_it_would_have(self):
        source = self.hostile()
        self.push(source)
        source.seen.clear()
        epoch = {"SOURCE_DATE_EPOCH": "1700000000"}

        def export(bundle, *options, expect=0):
            return run(EXPORT, bundle, f"docker://{source.host}", "--plain-http", source.host, "--retries", "0",
                       "--jobs", "1", *options, expect=expect, env=epoch)

        export(self.dir / "whole.bag")
        requests = len(source.seen)
        self.assertGreater(requests, 15)
        for count in range(0, requests, 1 if LONG else 3):
            with self.subTest(dies_after=count):
                bundle = self.dir / f"{count}.bag"
                source.seen.clear()
                source.dies_after = count
                done = export(bundle, expect=None)
                self.assertEqual(done.returncode, 31, done.stderr)
                self.assertFalse(bundle.exists(), "what is not whole has no name")
                source.dies_after = None
                unfinished = (self.dir / f"{count}.bag.unfinished").exists()
                export(bundle, *(["--resume"] if unfinished else []))
                run("diff", "-r", self.dir / "whole.bag", bundle)


class TwoAtOnce(harness.TestCase):
    def test_two_importers_that_push_the_same_bundle_both_end_well(self):
        layout = Layout(self.dir / "layout")
        for number in range(12):
            image = layout.name(f"team/app{number % 3}:{number}", layout.manifest(
                [layout.layer(b"shared" * 100_000), layout.layer(b"own %d" % number * 10_000)]))
        layout.name("", layout.manifest([layout.layer(b"sbom")], subject=image))
        bundle = self.export("in.bag", f"oci:{layout.path}")
        alone = self.registry()
        self.push(bundle, f"docker://{alone.host}", registry=alone)
        for _ in range(10 if LONG else 3):
            target = self.registry()
            results = []
            pushers = [threading.Thread(target=lambda: results.append(
                self.push(bundle, f"docker://{target.host}", registry=target))) for _ in range(2)]
            for pusher in pushers:
                pusher.start()
            for pusher in pushers:
                pusher.join()
            self.assertEqual([done.returncode for done in results], [0, 0])
            self.assertEqual(target.everything(), alone.everything())
            target.stop()


if __name__ == "__main__":
    unittest.main()
