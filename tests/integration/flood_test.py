# SPDX-License-Identifier: Apache-2.0
"""Answers without end or of a gigabyte: memory stays where it was, and the run ends soon, with a sentence."""
import json
import os
import re
import sys
import time
import unittest

import harness
from harness import EXPORT, IMPORT, Layout, run
from hostile import HostileRegistry

MIB = 1 << 20
LIMIT = 64 * MIB
GIGABYTE = 10**9
INDEX = "application/vnd.oci.image.index.v1+json"


# A process that is started by a large one counts that one's memory as its own peak: it is started by a small one.
SMALL = """
import json, os, sys
pid = os.posix_spawnp(sys.argv[1], sys.argv[1:], os.environ)
_, status, usage = os.wait4(pid, 0)
print(json.dumps([os.waitstatus_to_exitcode(status), usage.ru_maxrss * 1024]))
"""


def measured(*command, seconds=60):
    """(exit status, what it said, peak resident bytes, seconds)"""
    begin = time.monotonic()
    done = run("timeout", seconds, sys.executable, "-E", "-S", "-c", SMALL, *command, expect=None)
    said, _, last = done.stdout.rstrip().rpartition("\n")
    status, peak = json.loads(last) if done.returncode == 0 else (done.returncode, 0)
    return status, said + done.stderr, peak, time.monotonic() - begin


def stream(handler, chunks, status=200, headers=(), length=None):
    """Sends chunks as they come until the client has had enough; chunked without a length."""
    handler.request_body()
    handler.close_connection = True
    try:
        handler.send_response(status)
        for name, value in headers:
            handler.send_header(name, value)
        handler.send_header(*(("Content-Length", str(length)) if length else ("Transfer-Encoding", "chunked")))
        handler.end_headers()
        for chunk in chunks:
            handler.wfile.write(chunk if length else b"%x\r\n%s\r\n" % (len(chunk), chunk))
    except OSError:
        pass  # it has had enough
    return True


def gigabyte(unit, begin=b""):
    if begin:
        yield begin
    block = unit * (MIB // len(unit))
    for _ in range(GIGABYTE // len(block) + 1):
        yield block


def endless(unit):
    while True:
        yield unit


def huge(unit, begin=b"", status=200, content_type="application/json"):
    """An answer that says it has a gigabyte."""
    return lambda handler: stream(handler, gigabyte(unit, begin), status, [("Content-Type", content_type)], GIGABYTE)


def without_end(unit, status=200, content_type="application/json"):
    return lambda handler: stream(handler, endless(unit), status, [("Content-Type", content_type)])


def raw(chunks):
    """Anything, in place of an answer."""
    def answer(handler):
        handler.request_body()
        handler.close_connection = True
        try:
            for chunk in chunks():
                handler.wfile.write(chunk)
        except OSError:
            pass
        return True
    return answer


def with_whole(body, content_type="application/json"):
    return lambda handler: handler.request_body() is not None and handler.answer(
        200, body, [("Content-Type", content_type)]) is None


def header_lines():
    yield b"HTTP/1.1 200 OK\r\n"
    yield from endless(b"X-Header: value\r\n" * 1000)


def one_header():
    yield b"HTTP/1.1 200 OK\r\nX-Header: "
    yield from endless(b"x" * 65536)


def interim_answers():
    yield from endless(b"HTTP/1.1 100 Continue\r\n\r\n" * 1000)


def trailers():
    yield b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n"
    yield from endless(b"X-Trailer: value\r\n" * 1000)


def chunk_extension():
    yield b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;x="
    yield from endless(b"x" * 65536)


def links():
    yield b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nLink: <"
    yield b"/" + b"x" * 60_000
    yield b'>; rel="next"\r\n\r\n{}'


HEADS = {"endless header lines": raw(header_lines), "an endless header": raw(one_header),
         "endless interim answers": raw(interim_answers), "endless trailers": raw(trailers),
         "an endless chunk extension": raw(chunk_extension)}
DEEP = {"8 MiB of brackets": with_whole(b"[" * (8 * MIB - 1)),
        "a million braces": with_whole(b'{"a":' * MIB),
        "a million values": with_whole(b"[" + b"1," * MIB + b"1]"),
        "a string of 8 MiB": with_whole(b'{"tags":["' + b"x" * (8 * MIB - 20) + b'"]}')}


@unittest.skipIf(harness.SANITIZED, "the sanitizers' own memory would be measured; the plain build has this test")
class Flood(harness.TestCase):
    def setUp(self):
        super().setUp()
        self.hostile = HostileRegistry(is_open=True)
        self.addCleanup(self.hostile.stop)
        self.layer = b"layer" * 1000
        self.hostile.put_image("team/app", "1", [self.hostile.put_blob(self.layer)])
        self.figures = {}

    def play(self, command, method, path, answers, statuses, limit=LIMIT):
        """Runs `command` against each of the answers to requests like these."""
        for name, answer in answers.items():
            with self.subTest(name):
                self.hostile.script = lambda handler: (
                    handler.command in method and re.search(path, handler.path) and answer(handler))
                for leftover in ("b.bag", "b.bag.unfinished"):
                    run("rm", "-rf", self.dir / leftover)
                status, said, peak, took = measured(*command)
                self.figures[name] = (status, peak >> 20, round(took, 2))
                self.assertIn(status, statuses, said)
                self.assertLess(peak, limit, f"{peak >> 20} MiB")
                self.assertLess(len(said), 4000)
                self.assertNotRegex(said, "[\x00-\x08\x0b-\x1f\x7f]")
        if os.environ.get("SEABAG_FIGURES"):
            print(path, self.figures)

    def pull(self, source="/team/app"):
        return [EXPORT, self.dir / "b.bag", f"docker://{self.hostile.host}{source}", "--plain-http", self.hostile.host,
                "--retries", "0", "--stall-timeout", "1"]


class Pulling(Flood):
    def test_lists(self):
        self.play(self.pull(), ["GET"], "/tags/list", {
            "1 GB": huge(b'"a",', b'{"tags":['),
            "without end": without_end(b'"a",' * 1000),
            **DEEP, **HEADS}, {31, 32})

    def test_pages_without_end(self):
        def page(names, path):
            def answer(handler):
                number = int((re.search(r"page=(\d+)", handler.path) or [0, 0])[1])
                body = {"name": "team/app", "tags": names(number)}
                handler.answer_json(body, [("Link", f'<{path}?page={number + 1}>; rel="next"')])
                return True
            return answer

        path = "/v2/team/app/tags/list"
        self.play(self.pull(), ["GET"], "/tags/list", {
            "the same page": page(lambda _: ["1"], f"{path}?page=7&x="),
            "short names": page(lambda number: [f"{number:05}{i:05}" for i in range(30_000)], path),
            "long names": page(lambda number: [f"{number:064}{i:064}" for i in range(20_000)], path),
        }, {32})

    def test_manifests(self):
        self.play(self.pull("/team/app:1"), ["GET"], "/manifests/", {
            "1 GB": huge(b'{"layers":[', content_type=INDEX),
            "without end": without_end(b"x" * 1000, content_type=INDEX),
            "4 MiB of brackets": with_whole(b"[" * (4 * MIB - 1), INDEX),
            "an index of 100,000 children": with_whole(json.dumps({
                "schemaVersion": 2, "mediaType": INDEX, "manifests": [
                    {"mediaType": INDEX, "digest": "sha256:" + "0" * 64, "size": 1}] * 30_000}).encode()[:4 * MIB],
                INDEX),
            **HEADS}, {22, 31, 32})

    def test_blobs(self):
        digest = harness.sha256(self.layer)
        self.play(self.pull("/team/app:1"), ["GET"], digest, {
            "1 GB": huge(b"x" * 1024), "without end": without_end(b"x" * 65536),
            "the right bytes and more": lambda handler: stream(handler, gigabyte(b"x", self.layer), 200, (), GIGABYTE),
        }, {3, 20, 32})

    def test_errors(self):
        self.play(self.pull("/team/app:1"), ["GET"], "/manifests/", {
            "1 GB": huge(b'{"code":"X","message":"\x1b[31m"},', b'{"errors":[', status=403),
            "without end": without_end(b'{"errors":' * 100, status=404),
            "1 MiB of brackets": lambda handler: handler.answer(403, b"[" * (MIB - 1)) is None,
            "a message of 1 MB with escapes": lambda handler: handler.answer(
                400, json.dumps({"errors": [{"code": "\x1b]0;x\x07", "message": "\x1b[2J" * 100_000}]}).encode()
            ) is None,
        }, {30, 33})

    def test_tokens(self):
        self.hostile.is_open = False
        answers = {"1 GB": huge(b"x", b'{"token":"'), "without end": without_end(b'{"token":' * 100),
                   "1 MiB of brackets": with_whole(b"[" * (MIB - 1)),
                   "a token of 1 MB": with_whole(json.dumps({"token": "x" * 1_000_000}).encode()), **HEADS}
        for name, answer in answers.items():
            with self.subTest(name):
                self.hostile.before_login = lambda handler: handler.path.startswith("/token") and answer(handler)
                status, said, peak, _ = measured(*self.pull("/team/app:1"))
                self.assertIn(status, (31, 32), said)
                self.assertLess(peak, LIMIT, f"{peak >> 20} MiB")

    def test_referrers(self):
        self.play(self.pull("/team/app:1"), ["GET"], "/referrers/", {
            "1 GB": huge(b'{"mediaType":"x"},', b'{"manifests":[', content_type=INDEX),
            "without end": without_end(b'{"mediaType":"x"},' * 100, content_type=INDEX),
            "8 MiB of brackets": with_whole(b"[" * (8 * MIB - 1), INDEX),
            "a long link": raw(links),
        }, {0, 31, 32})


class Pushing(Flood):
    def setUp(self):
        super().setUp()
        layout = Layout(self.dir / "layout")
        image = layout.name("team/app:2", layout.manifest([layout.layer(b"pushed" * 1000)]))
        layout.name("", layout.manifest([layout.layer(b"sbom")], subject=image))
        self.bundle = self.export("in.bag", f"oci:{layout.path}")
        self.command = [IMPORT, "push", self.bundle, f"docker://{self.hostile.host}", "--plain-http",
                        self.hostile.host, "--retries", "0", "--stall-timeout", "1"]

    def test_answers_to_whatever_is_asked(self):
        bodies = {"1 GB": huge(b"x"), "without end": without_end(b"x" * 1000),
                  "1 GB of error": huge(b'{"code":"X"},', b'{"errors":[', status=403),
                  "an endless error": without_end(b"[" * 1000, status=400)}
        for method, path in (("POST", "/blobs/uploads/"), ("PUT", "/blobs/uploads/"), ("PUT", "/manifests/"),
                             ("GET", "/referrers/")):
            self.hostile.tags.clear()
            self.play(self.command, [method], path, {f"{method} {name}": body for name, body in bodies.items()},
                      {0, 30, 31, 32, 33})
        for path in ("/manifests/", "/blobs/"):
            self.hostile.tags.clear()
            self.play(self.command, ["HEAD"], path, HEADS, {31, 32})

    def test_a_fallback_tag_without_end(self):
        def no_api(answer):
            return lambda handler: (handler.answer(404, b"") is None if "/referrers/" in handler.path
                                    else answer(handler))

        self.play(self.command, ["GET"], "/referrers/|/manifests/sha256-", {
            "1 GB": no_api(huge(b'{"layers":[', content_type=INDEX)),
            "without end": no_api(without_end(b"[" * 1000, content_type=INDEX)),
            "4 MiB of brackets": no_api(with_whole(b"[" * (4 * MIB - 1), INDEX)),
        }, {22, 32})


if __name__ == "__main__":
    unittest.main()
