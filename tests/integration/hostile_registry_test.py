# SPDX-License-Identifier: Apache-2.0
"""What registries answer that no specification has: each with its exit status, and with nothing worse than that."""
import json
import re
import time
import unittest

import harness
from harness import EXPORT, IMPORT, Layout, run
from hostile import MANIFEST, PASSWORD, TOKEN, USER, HostileRegistry

ESC = "\x1b]52;c;x\x07"


def only(method, path, answer):
    return lambda handler: handler.command == method and re.search(path, handler.path) and answer(handler)


def giving(status, body=b"", headers=()):
    return lambda handler: handler.request_body() is not None and handler.answer(status, body, headers) is None


def error(status, code, message=""):
    return giving(status, json.dumps({"errors": [{"code": code, "message": message}]}).encode())


class HostileTestCase(harness.TestCase):
    def setUp(self):
        super().setUp()
        self.hostile = HostileRegistry(is_open=True)
        self.addCleanup(self.hostile.stop)
        self.layer = b"layer" * 10_000

    def assert_harmless(self, done):
        for text in (done.stdout, done.stderr):
            self.assertNotRegex(text, "[\x00-\x08\x0b-\x1f\x7f\x80-\x9f]")
        return done


class Pulling(HostileTestCase):
    def setUp(self):
        super().setUp()
        self.image = self.hostile.put_image("team/app", "1", [self.hostile.put_blob(self.layer)])
        self.hostile.put_image("team/app", "2", [self.hostile.put_blob(b"other")])

    def pull(self, *options, source="/team/app", expect=0):
        run("rm", "-rf", self.dir / "b.bag", self.dir / "b.bag.unfinished")
        return self.assert_harmless(run(
            EXPORT, self.dir / "b.bag", f"docker://{self.hostile.host}{source}", "--plain-http", self.hostile.host,
            "--retries", "0", *options, expect=expect))

    def listed(self):
        return json.loads(run(IMPORT, "list", "--json", self.dir / "b.bag").stdout)

    def test_a_login_page_in_place_of_anything(self):
        page = giving(200, b"<html>Accept our terms</html>", [("Content-Type", "text/html")])
        for path in ("/manifests/1", "/tags/list"):
            self.hostile.script = only("GET", path, page)
            done = self.pull(expect=32, source="/team/app:1" if "manifests" in path else "/team/app")
            self.assertIn("text/html", done.stderr)
        self.hostile.script = only("GET", "/blobs/" + harness.sha256(self.layer), page)
        self.pull(expect=3)
        self.hostile.script = page
        self.assertIn("text/html", self.pull(source="", expect=32).stderr)

    def test_a_tag_that_moves_while_it_is_exported(self):
        def moving(handler):
            self.hostile.tags["team/app", "1"] = self.hostile.tags["team/app", "2"]

        self.hostile.script = only("GET", "/blobs/", moving)
        self.hostile.seen.clear()
        self.pull(source="/team/app:1")
        self.assertEqual([entry["digest"] for entry in self.listed()["references"]], [self.image])
        by_tag = [path for _, path, _, _ in self.hostile.seen if path.endswith("/manifests/1")]
        self.assertEqual(len(by_tag), 1, "asked by name once, then by digest")

    def test_an_image_that_is_deleted_while_it_is_exported(self):
        def deleting(handler):
            self.hostile.blobs.pop(harness.sha256(self.layer), None)

        self.hostile.script = only("GET", "/manifests/2", deleting)
        done = self.pull(expect=3)
        self.assertIn("team/app:1", done.stdout)
        run(IMPORT, "verify", self.dir / "b.bag")
        incomplete = {entry["name"].rsplit(":", 1)[1]: entry["incomplete"] for entry in self.listed()["references"]}
        self.assertEqual(incomplete, {"1": True, "2": False})

    def test_a_digest_header_that_lies(self):
        media_type, body = self.hostile.manifests[self.image]
        lie = [("Content-Type", media_type), ("Docker-Content-Digest", "sha256:" + "0" * 64)]
        self.hostile.script = only("GET", "/manifests/1", giving(200, body, lie))
        self.pull(source="/team/app:1")
        self.assertEqual([entry["digest"] for entry in self.listed()["references"]], [self.image])

    def test_other_bytes_under_a_digest(self):
        wrong = self.hostile.manifests[self.hostile.tags["team/app", "2"]][1]
        self.hostile.script = only("GET", "/manifests/sha256:", giving(200, wrong, [("Content-Type", MANIFEST)]))
        done = self.pull(source=f"/team/app@{self.image}", expect=20)
        self.assertIn(self.image, done.stderr)

    def test_a_blob_that_came_compressed_once_more(self):
        self.hostile.script = only("GET", "/blobs/" + harness.sha256(self.layer),
                                   giving(200, b"\x1f\x8b" + b"x" * 100, [("Content-Encoding", "gzip")]))
        self.assertIn(harness.sha256(self.layer), self.pull(source="/team/app:1", expect=20).stderr)
        self.hostile.script = only("GET", "/blobs/" + harness.sha256(self.layer),
                                   giving(200, self.layer, [("Content-Encoding", "gzip")]))
        self.pull(source="/team/app:1")

    def test_a_server_that_is_busy_for_a_while_and_for_ever(self):
        for retry_after, seconds in (("1", 5), ("-5", 5), ("soon", 5), ("999999999999999999999", None)):
            with self.subTest(retry_after=retry_after):
                busy = giving(429, b"", [("Retry-After", retry_after)])
                self.hostile.script = only("GET", "/manifests/", busy)
                begin = time.monotonic()
                self.pull(source="/team/app:1", expect=31)
                self.assertLess(time.monotonic() - begin, 5)
        answers = [503, 503, 429]
        self.hostile.script = only("GET", "/manifests/1", lambda handler: answers and
                                   giving(answers.pop(), b"", [("Retry-After", "0")])(handler))
        self.pull("--retries", "3", source="/team/app:1")
        self.assertEqual(answers, [])

    def test_a_token_that_ends_in_the_middle(self):
        password = self.dir / "password"
        password.write_text(PASSWORD)
        login = ["--user", USER, "--password-file", password]
        self.hostile.is_open = False
        expired = [True]

        def expiring(handler):
            if "/blobs/" in handler.path and handler.headers.get("Authorization") and expired.pop() is not None:
                handler.challenge()
                return True
            return False

        self.hostile.before_login = lambda handler: expired and expiring(handler)
        self.pull(*login, source="/team/app:1")
        # One that stays too narrow is asked for once more, and then it is said.
        self.hostile.before_login = lambda handler: "/blobs/" in handler.path and handler.challenge() is None
        self.hostile.seen.clear()
        done = self.pull(*login, source="/team/app:1", expect=None)
        self.assertIn(done.returncode, (3, 30))
        tokens = [path for _, path, _, _ in self.hostile.seen if path.startswith("/token")]
        self.assertLess(len(tokens), 8)
        self.assertNotIn(TOKEN, done.stdout + done.stderr)

    def test_a_warning_is_shown_once_and_harmlessly(self):
        self.hostile.headers = [("Warning", f'299 - "your quota {ESC} ends"')]
        done = self.pull()
        self.assertEqual(done.stderr.count("your quota"), 1, done.stderr)


class Pushing(HostileTestCase):
    def setUp(self):
        super().setUp()
        layout = Layout(self.dir / "layout")
        self.shared = layout.layer(self.layer)
        self.image = layout.name("team/app:1", layout.manifest([self.shared]))
        self.other = layout.name("team/other:1", layout.manifest([self.shared, layout.layer(b"more")]))
        self.bundle = self.export("in.bag", f"oci:{layout.path}")

    def push(self, *options, expect=0):
        return self.assert_harmless(run(
            IMPORT, "push", self.bundle, f"docker://{self.hostile.host}", "--plain-http", self.hostile.host,
            "--retries", "0", "--jobs", "1", *options, expect=expect))

    def test_a_blob_that_was_taken_and_is_not_there(self):
        def vanishing(handler):
            handler.answer_upload(*re.match(r"/v2/(.+)/blobs/uploads/(\d*)", handler.path.split("?")[0]).groups())
            self.hostile.blobs.pop(self.shared["digest"], None)
            return True

        self.hostile.script = only("PUT", "/blobs/uploads/", vanishing)
        done = self.push(expect=32)
        self.assertIn(self.shared["digest"], done.stderr)
        self.assertEqual(self.hostile.tags, {})
        self.assertEqual(self.hostile.manifests, {})

    def test_a_blob_that_is_said_to_be_there_and_is_not_shows_when_it_is_read_back(self):
        self.hostile.script = only("HEAD", self.shared["digest"], giving(200, self.layer))
        self.push()
        self.hostile.tags.clear()
        done = self.push("--verify-target", expect=20)
        self.assertIn(self.shared["digest"], done.stderr)
        for data in (b"x" * len(self.layer), self.layer[:-1], self.layer + b"x"):
            self.hostile.blobs[self.shared["digest"]] = data
            self.assertIn(self.shared["digest"], self.push("--verify-target", expect=20).stderr)
        self.hostile.blobs[self.shared["digest"]] = self.layer
        self.push("--verify-target")

    def test_refusals_fail_one_image_and_leave_its_tag_alone(self):
        manifest = "/team/app/manifests/1"
        self.hostile.tags["team/app", "1"] = "sha256:" + "1" * 64
        for answer, said in ((error(400, "TAG_INVALID", "tag is immutable" + ESC), "immutable"),
                             (error(403, "DENIED", "quota exceeded"), "quota"),
                             (giving(413), "413"), (giving(507), "507")):
            with self.subTest(said):
                self.hostile.script = only("PUT", manifest, answer)
                done = self.push("--on-existing-tag", "replace", expect=None)
                self.assertIn(done.returncode, (30, 33), done.stderr)
                self.assertIn(said, done.stderr)
                self.assertIn("team/app:1", done.stderr)
                self.assertEqual(self.hostile.tags["team/app", "1"], "sha256:" + "1" * 64)
                self.assertEqual(self.hostile.tags["team/other", "1"], self.other["digest"])

    def test_a_manifest_that_is_said_to_lack_its_blobs(self):
        self.hostile.script = only("PUT", "/team/app/manifests/", error(404, "MANIFEST_BLOB_UNKNOWN"))
        self.assertIn("MANIFEST_BLOB_UNKNOWN", self.push(expect=33).stderr)
        order = [(method, path) for method, path, _, _ in self.hostile.seen if method == "PUT"]
        blobs = [i for i, (_, path) in enumerate(order) if "/blobs/" in path]
        manifests = [i for i, (_, path) in enumerate(order) if "/manifests/" in path]
        self.assertLess(max(blobs), min(manifests))

    def test_a_manifest_that_was_rewritten(self):
        self.hostile.script = only("PUT", "/team/app/manifests/",
                                   giving(201, b"", [("Docker-Content-Digest", "sha256:" + "0" * 64)]))
        done = self.push(expect=32)
        self.assertIn("expected digest " + self.image["digest"], done.stderr)

    def test_mounts_are_tried_from_where_this_run_put_the_blob_alone(self):
        self.hostile.put_blob(b"x")
        for answer in (giving(403), giving(202, b"", [("Location", "/v2/team/other/blobs/uploads/0")])):
            with self.subTest(answer=answer):
                self.hostile.blobs.clear()
                self.hostile.tags.clear()
                self.hostile.seen.clear()
                self.hostile.sessions = {"0": b""}
                self.hostile.script = only("POST", "mount=", answer)
                missing = {}

                def apart(handler):  # blobs belong to repositories, unlike in the plain one
                    return handler.command == "HEAD" and "/team/other/blobs/" in handler.path and not missing.get(
                        handler.path) and (missing.update({handler.path: True}) or giving(404)(handler))

                mounts = self.hostile.script
                self.hostile.script = lambda handler: mounts(handler) or apart(handler)
                self.push()
                self.assertEqual(self.hostile.orphans(), [])
                asked = {re.search(r"from=([^&]+)", path)[1] for _, path, _, _ in self.hostile.seen if "mount=" in path}
                self.assertEqual(asked, {"team%2Fapp"})

    def test_a_warning_is_shown_once_and_harmlessly(self):
        self.hostile.headers = [("Warning", f'299 - "read-only {ESC} from Monday"')]
        done = self.push()
        self.assertEqual(done.stderr.count("read-only"), 1, done.stderr)


if __name__ == "__main__":
    unittest.main()
