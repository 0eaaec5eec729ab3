# SPDX-License-Identifier: Apache-2.0
"""Layers that a registry may not distribute: left out and recorded, or fetched from where their URLs point."""
import functools
import http.server
import json
import threading
import unittest
import urllib.request

import harness
from harness import IMPORT, run, sha256
from relays import ForwardProxy

DOCKER = "application/vnd.docker."
FOREIGN = DOCKER + "image.rootfs.foreign.diff.tar.gzip"


class FileServer:
    """Files of a directory over HTTP on loopback; `asked` has the paths."""

    def __init__(self, directory):
        server = self

        class Handler(http.server.SimpleHTTPRequestHandler):
            def log_message(self, *_):
                pass

            def do_GET(self):
                server.asked.append((self.path, dict(self.headers)))
                super().do_GET()

        self.asked = []
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=directory))
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


class ForeignLayers(harness.TestCase):
    def setUp(self):
        super().setUp()
        (self.dir / "files").mkdir()
        self.files = FileServer(self.dir / "files")
        self.addCleanup(self.files.stop)
        self.foreign = b"base layer of another vendor" * 50_000
        (self.dir / "files/base.tar.gz").write_bytes(self.foreign)
        self.source = self.registry(foreign_urls="^http://127.0.0.1:")
        self.own = b"our own layer" * 1000
        self.put_image("team/windows", "1", [
            {"mediaType": FOREIGN, "digest": sha256(self.foreign), "size": len(self.foreign),
             "urls": [f"{self.files.url}/base.tar.gz"]}])

    def send(self, method, path, body, content_type):
        url = path if path.startswith("http") else f"http://{self.source.host}{path}"
        request = urllib.request.Request(url, body, {"Content-Type": content_type}, method=method)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.headers

    def put_blob(self, repository, data, media_type):
        place = self.send("POST", f"/v2/{repository}/blobs/uploads/", b"", "application/octet-stream")["Location"]
        self.send("PUT", f"{place}{'&' if '?' in place else '?'}digest={sha256(data)}", data,
                  "application/octet-stream")
        return {"mediaType": media_type, "digest": sha256(data), "size": len(data)}

    def put_image(self, repository, tag, foreign):
        config = self.put_blob(repository, b'{"architecture":"amd64","os":"windows"}',
                               DOCKER + "container.image.v1+json")
        own = self.put_blob(repository, self.own, DOCKER + "image.rootfs.diff.tar.gzip")
        media_type = DOCKER + "distribution.manifest.v2+json"
        body = json.dumps({"schemaVersion": 2, "mediaType": media_type, "config": config, "layers": [*foreign, own]})
        self.send("PUT", f"/v2/{repository}/manifests/{tag}", body.encode(), media_type)

    def export_all(self, *options, expect=0):
        return self.export("b.bag", f"docker://{self.source.host}", *options, registry=self.source, expect=expect)

    def listed(self, bundle):
        return json.loads(run(IMPORT, "list", "--json", bundle).stdout)

    def members(self, bundle):
        return run("tar", "-tf", bundle / "data/images/images.tar").stdout.split()

    def blob_path(self, data):
        return "blobs/sha256/" + sha256(data)[7:]

    def test_they_are_left_out_by_default_and_everybody_says_so(self):
        bundle = self.export_all()
        self.assertEqual(self.files.asked, [])
        url = f"{self.files.url}/base.tar.gz"
        self.assertIn("left out on purpose", self.exported.stdout)
        self.assertIn(url, self.exported.stdout)
        self.assertNotIn(self.blob_path(self.foreign), self.members(bundle))
        self.assertIn(self.blob_path(self.own), self.members(bundle))
        absence, = self.listed(bundle)["absences"]
        self.assertEqual((absence["blob"], absence["reason"]), (sha256(self.foreign), "foreign"))
        self.assertIn(url, absence["detail"])
        entry, = self.listed(bundle)["references"]
        self.assertFalse(entry["incomplete"], "it was left out on purpose")
        for command in ("list", "verify"):
            done = run(IMPORT, command, bundle)
            self.assertRegex(done.stdout, "left out.*foreign layer", command)

    def test_an_image_without_its_foreign_layer_is_pushed_to_a_registry_that_takes_it(self):
        bundle = self.export_all()
        target = self.registry(foreign_urls="^http://127.0.0.1:")
        self.push(bundle, f"docker://{target.host}", registry=target)
        self.assertEqual(target.everything(), self.source.everything())
        strict = self.registry()
        # docker-registry 2.8 refuses URLs that its configuration does not allow with 500 in place of 400.
        done = self.push(bundle, f"docker://{strict.host}", "--retries", "0", registry=strict, expect=31)
        self.assertIn("team/windows:1", done.stderr)
        self.assertEqual(strict.tags("team/windows"), [])

    def test_with_the_option_they_are_fetched_from_their_url_and_carried(self):
        bundle = self.export_all("--foreign-layers")
        self.assertEqual([path for path, _ in self.files.asked], ["/base.tar.gz"])
        run(IMPORT, "verify", bundle)
        self.assertEqual(self.listed(bundle)["absences"], [])
        carried = run("tar", "-xOf", bundle / "data/images/images.tar", self.blob_path(self.foreign)).stdout
        self.assertEqual(sha256(carried.encode()), sha256(self.foreign))
        layout = self.dir / "layout"
        self.push(bundle, f"oci:{layout}")
        self.assertEqual((layout / self.blob_path(self.foreign)).read_bytes(), self.foreign)

    def test_each_url_goes_through_the_proxy_of_its_scheme(self):
        proxy = ForwardProxy({self.files.url[7:]: ("127.0.0.1", self.files.server.server_address[1]),
                              self.source.host: ("127.0.0.1", self.source.port)})
        self.addCleanup(proxy.stop)
        env = {"http_proxy": f"http://{proxy.host}", "https_proxy": "http://127.0.0.1:1"}
        self.export("b.bag", f"docker://{self.source.host}", "--foreign-layers", registry=self.source, env=env)
        self.assertIn(("GET", f"{self.files.url}/base.tar.gz"), proxy.seen)

    def test_no_credential_of_the_registry_goes_to_where_a_url_points(self):
        password = self.dir / "password"
        password.write_text("hunter2")
        self.export_all("--foreign-layers", "--user", "someone", "--password-file", password)
        (_, headers), = self.files.asked
        self.assertNotIn("authorization", {name.lower() for name in headers})

    def test_other_bytes_than_the_digest_says_are_refused(self):
        other = b"X" + self.foreign[1:]
        (self.dir / "files/base.tar.gz").write_bytes(other)
        bundle = self.export_all("--foreign-layers", expect=20)
        self.assertIn(sha256(self.foreign), self.exported.stderr)
        self.assertIn(sha256(other), self.exported.stderr)
        self.assertFalse(bundle.exists())

    def test_an_image_whose_foreign_layer_is_wrong_does_not_stop_the_rest(self):
        self.put_image("team/linux", "1", [])
        for content in (b"X" + self.foreign[1:], self.foreign[:-1], self.foreign + b"more"):
            with self.subTest(size=len(content)):
                run("rm", "-rf", self.dir / "b.bag")
                (self.dir / "files/base.tar.gz").write_bytes(content)
                bundle = self.export_all("--foreign-layers", expect=3)
                self.assertIn("team/windows:1", self.exported.stdout)
                self.assertIn(sha256(self.foreign), self.exported.stdout)
                run(IMPORT, "verify", bundle)
                incomplete = {entry["name"].split("/", 1)[1]: entry["incomplete"]
                              for entry in self.listed(bundle)["references"]}
                self.assertEqual(incomplete, {"team/windows:1": True, "team/linux:1": False})

    def test_the_next_url_is_tried_where_one_does_not_give_it(self):
        self.put_image("team/windows", "1", [
            {"mediaType": FOREIGN, "digest": sha256(self.foreign), "size": len(self.foreign),
             "urls": [f"{self.files.url}/gone.tar.gz", f"{self.files.url}/base.tar.gz"]}])
        bundle = self.export_all("--foreign-layers")
        self.assertEqual([path for path, _ in self.files.asked], ["/gone.tar.gz", "/base.tar.gz"])
        run(IMPORT, "verify", bundle)

    def test_an_image_from_elsewhere_cannot_make_us_ask_servers_of_this_machine(self):
        layout = harness.Layout(self.dir / "layout")
        layout.name("team/windows:1", layout.manifest([
            {"mediaType": layout.OCI + "layer.nondistributable.v1.tar", "digest": sha256(self.foreign),
             "size": len(self.foreign), "urls": [f"{self.files.url}/base.tar.gz"]}]))
        self.export("b.bag", f"oci:{layout.path}", "--foreign-layers", expect=32)
        self.assertEqual(self.files.asked, [])


if __name__ == "__main__":
    unittest.main()
