# SPDX-License-Identifier: Apache-2.0
"""Nothing is sent to a host that it was not meant for, wherever a registry points.

In a network of its own, without a way out, a registry at 203.0.113.1 answers every kind of request by a pointer to
elsewhere: to servers of this machine, of its link, of others, and to itself by another name. Each of those is a server
that records what reaches it.
"""
import unittest

import harness
import own_network
from harness import EXPORT, IMPORT, CertificateAuthority, Layout, run
from hostile import FOREIGN, PASSWORD, SECRETS, USER, HostileRegistry, Sink
from own_network import LINK, OTHER, REGISTRY


def setUpModule():
    own_network.enter()


def redirect(to, status=307):
    def answer(handler):
        handler.request_body()
        handler.answer(status, b"", [("Location", to + handler.path)])
        return True
    return answer


def only(methods, path, answer):
    """A script that answers requests of these methods to what has `path` in it."""
    return lambda handler: handler.command in methods and path in handler.path and answer(handler)


class SinksTestCase(harness.TestCase):
    def setUp(self):
        super().setUp()
        self.sinks = {
            "other port": self.sink(address=REGISTRY),
            "other host": self.sink(address=OTHER),
            "loopback": self.sink(address="127.0.0.1"),
            "loopback by name": self.sink(address="127.0.0.1"),
            "IPv6 loopback": self.sink(address="::1"),
            "IPv6 loopback by name": self.sink(address="::1"),
            "link-local": self.sink(address=LINK),
            "link-local by name": self.sink(address=LINK),
        }
        port = {name: sink.port for name, sink in self.sinks.items()}
        self.places = {
            "other port": f"http://registry.test:{port['other port']}",
            "other host": f"http://other.test:{port['other host']}",
            "loopback": f"http://127.0.0.1:{port['loopback']}",
            "loopback by name": f"http://inside.test:{port['loopback by name']}",
            "IPv6 loopback": f"http://[::1]:{port['IPv6 loopback']}",
            "IPv6 loopback by name": f"http://inside6.test:{port['IPv6 loopback by name']}",
            "link-local": f"http://{LINK}:{port['link-local']}",
            "link-local by name": f"http://link.test:{port['link-local by name']}",
        }
        self.password = self.dir / "password"
        self.password.write_text(PASSWORD)

    def sink(self, **options):
        sink = Sink(**options)
        self.addCleanup(sink.stop)
        return sink

    def registry(self, **options):
        registry = HostileRegistry(address=REGISTRY, **options)
        self.addCleanup(registry.stop)
        registry.name = f"registry.test:{registry.port}"
        registry.headers = [("Set-Cookie", "session=of-the-registry; Domain=test; Path=/")]
        # The same server by another name is somebody else, as far as credentials go.
        self.places["other name"] = f"http://alias.test:{registry.port}"
        self.places["user in front"] = f"http://{registry.name}@inside.test:{self.sinks['loopback by name'].port}"
        self.places["password in front"] = f"http://{USER}:{PASSWORD}@{registry.name}"
        return registry

    LOCAL = {"loopback", "loopback by name", "IPv6 loopback", "IPv6 loopback by name", "link-local",
             "link-local by name", "user in front", "password in front"}

    def reached(self):
        """The sinks that were asked anything at all."""
        return {name for name, sink in self.sinks.items() if sink.seen}

    def forget(self, registry):
        for sink in self.sinks.values():
            sink.seen.clear()
        registry.seen.clear()

    def assert_no_leak(self, registry, done):
        self.assertEqual([sink.leaks() for sink in self.sinks.values() if sink.leaks()], [])
        strange = [request for request in registry.seen if request[2] != registry.name and request[3]]
        self.assertEqual(strange, [], "a credential was sent to the registry's other name")
        for secret in SECRETS:
            self.assertNotIn(secret, done.stdout + done.stderr)

    def login(self, registry):
        return ["--user", USER, "--password-file", self.password, "--plain-http", registry.name, "--retries", "0",
                "--connect-timeout", "5"]


class Pulling(SinksTestCase):
    def setUp(self):
        super().setUp()
        self.registry = self.registry()
        self.layer = b"layer" * 1000
        self.registry.put_image("team/app", "1", [self.registry.put_blob(self.layer)])

    def pull(self, *options, source="/team/app"):
        run("rm", "-rf", self.dir / "b.bag", self.dir / "b.bag.unfinished")
        return run(EXPORT, self.dir / "b.bag", f"docker://{self.registry.name}{source}", *self.login(self.registry),
                   *options, expect=None, timeout=60)

    def test_without_misbehaviour_it_works(self):
        self.assertEqual(self.pull().returncode, 0)
        self.assertIn("Bearer", str(self.registry.seen))

    def test_a_token_server_elsewhere_is_not_asked(self):
        for name, place in self.places.items():
            with self.subTest(name):
                self.registry.before_login = lambda handler: (
                    not handler.path.startswith("/token") and handler.challenge(place + "/token") is None)
                done = self.pull()
                self.assertEqual(done.returncode, 32, done.stderr)
                self.assertEqual(self.reached(), set())
                self.assert_no_leak(self.registry, done)

    def test_redirects_take_no_credential_along_and_do_not_lead_inside(self):
        for what, path in (("manifest", "/manifests/"), ("blob", "/blobs/"), ("list", "/tags/list"),
                           ("referrers", "/referrers/"), ("token", "/token")):
            for name, place in self.places.items():
                with self.subTest(what=what, to=name):
                    self.forget(self.registry)
                    self.registry.before_login = only(["GET"], path, lambda handler: (
                        handler.headers["Host"] == self.registry.name and redirect(place)(handler)))
                    done = self.pull()
                    self.assertEqual(self.reached() & self.LOCAL, set(), done.stderr)
                    self.assert_no_leak(self.registry, done)
                    if name in self.LOCAL and what != "referrers":  # those may as well not be there
                        self.assertNotEqual(done.returncode, 0)

    def test_pages_elsewhere_are_not_read(self):
        for what, path, source in (("tags", "/tags/list", "/team/app"), ("catalog", "/_catalog", ""),
                                   ("referrers", "/referrers/", "/team/app:1")):
            for name, place in self.places.items():
                with self.subTest(what=what, to=name):
                    self.forget(self.registry)

                    def more(handler):
                        body = {"repositories": ["team/app"], "name": "team/app", "tags": ["1"], "schemaVersion": 2,
                                "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": []}
                        handler.answer_json(body, [("Link", f'<{place}{handler.path}&last=1>; rel="next"')])
                        return True

                    self.registry.script = only(["GET"], path, more)
                    done = self.pull(source=source)
                    # What is attached to an image is missed, and the image exported without it.
                    self.assertEqual(done.returncode, 3 if what == "referrers" else 32, done.stderr)
                    self.assertEqual(self.reached(), set())
                    self.assert_no_leak(self.registry, done)

    def test_foreign_layers_are_asked_for_without_credential_and_not_inside(self):
        for name, place in self.places.items():
            with self.subTest(name):
                self.forget(self.registry)
                foreign = {"mediaType": FOREIGN, "digest": harness.sha256(b"x"), "size": 1,
                           "urls": [f"{place}/layer"]}
                self.registry.put_image("team/app", "1", [foreign])
                done = self.pull("--foreign-layers")
                self.assertNotEqual(done.returncode, 0)
                self.assertEqual(self.reached(), {name} & set(self.sinks) - self.LOCAL, done.stderr)
                self.assert_no_leak(self.registry, done)

    def test_a_redirect_from_inside_may_stay_inside(self):
        # A registry of this machine may keep its blobs on another port of it.
        local = HostileRegistry()
        self.addCleanup(local.stop)
        storage = HostileRegistry(is_open=True)
        self.addCleanup(storage.stop)
        storage.put_blob(self.layer)
        local.put_image("team/app", "1", [local.put_blob(self.layer)])
        local.name = f"inside.test:{local.port}"
        local.script = only(["GET"], f"/blobs/{harness.sha256(self.layer)}",
                            redirect(f"http://inside.test:{storage.port}"))
        run(EXPORT, self.dir / "b.bag", f"docker://{local.name}/team/app", *self.login(local))
        self.assertEqual([request[3] for request in storage.seen], [None])


class PullingOverTls(SinksTestCase):
    def test_a_registry_with_tls_cannot_send_us_to_one_without(self):
        authority = CertificateAuthority(self.dir / "authority")
        registry = self.registry(tls=authority.issue("registry", "DNS:registry.test"))
        registry.put_image("team/app", "1", [registry.put_blob(b"layer" * 1000)])
        trust = ["--ca-file", authority.certificate, "--user", USER, "--password-file", self.password,
                 "--retries", "0"]
        pull = [EXPORT, self.dir / "b.bag", f"docker://{registry.name}/team/app:1", *trust]
        self.assertEqual(run(*pull).returncode, 0)
        run("rm", "-rf", self.dir / "b.bag")
        place = self.places["other host"]
        for script in (only(["GET"], "/manifests/", redirect(place)), only(["GET"], "/blobs/", redirect(place))):
            registry.script = script
            run(*pull, expect=32)
            run("rm", "-rf", self.dir / "b.bag", self.dir / "b.bag.unfinished")
        registry.script = None
        registry.before_login = lambda handler: (not handler.path.startswith("/token") and
                                                 handler.challenge(place + "/token") is None)
        run(*pull, expect=32)
        self.assertEqual(self.reached(), set())


class Pushing(SinksTestCase):
    """The importer speaks to its target alone: of all the pointers it follows none."""

    def setUp(self):
        super().setUp()
        layout = Layout(self.dir / "layout")
        layer = layout.layer(b"layer" * 10_000)
        shared = [layer, layout.layer(b"more" * 100)]
        image = layout.name("team/app:1", layout.manifest(shared))
        layout.name("team/other:1", layout.manifest(shared))
        layout.name("team/app:sbom", layout.manifest([layout.layer(b"sbom")], subject=image))
        self.bundle = self.export("in.bag", f"oci:{layout.path}")
        self.registry = self.registry()

    def push(self, *before, **settings):
        self.registry.blobs.clear()
        self.registry.manifests.clear()
        self.registry.tags.clear()
        return run(*before, IMPORT, "push", self.bundle, f"docker://{self.registry.name}",
                   *self.login(self.registry), expect=None, timeout=60, **settings)

    def scripts(self, place):
        """What a registry may answer that leads elsewhere, by name."""
        def location(method, status):
            def answer(handler):
                handler.request_body()
                handler.answer(status, b"", [("Location", f"{place}/v2/team/app/blobs/uploads/0"), ("Range", "0-3")])
                return True
            return only([method], "/blobs/uploads/", answer)

        def drop(handler):
            handler.request_body()
            handler.close_connection = True
            return True

        def status(handler):
            return only(["PUT"], "/blobs/uploads/", drop)(handler) or location("GET", 204)(handler)

        return {
            "tag": only(["HEAD"], "/manifests/", redirect(place)),
            "blob": only(["HEAD"], "/blobs/", redirect(place)),
            "list of referrers": only(["GET"], "/manifests/sha256-", redirect(place)),
            "session": location("POST", 202),
            "session moved": only(["POST"], "/blobs/uploads/", redirect(place)),
            "bytes moved": only(["PUT"], "/blobs/uploads/", redirect(place)),
            "bytes moved to a GET": only(["PUT"], "/blobs/uploads/", redirect(place, 303)),
            "status": status,
            "manifest moved": only(["PUT"], "/manifests/", redirect(place)),
        }

    def test_without_misbehaviour_it_works(self):
        self.assertEqual(self.push().returncode, 0)
        self.assertEqual(self.registry.orphans(), [])
        self.assertLessEqual({("team/app", "1"), ("team/app", "sbom"), ("team/other", "1")}, set(self.registry.tags))

    def test_no_pointer_to_elsewhere_is_followed(self):
        for name, place in self.places.items():
            for what, script in self.scripts(place).items():
                with self.subTest(what=what, to=name):
                    self.forget(self.registry)
                    played = []
                    self.registry.script = lambda handler: script(handler) and not played.append(handler.path)
                    done = self.push()
                    self.assertTrue(played, "the registry had occasion to mislead us")
                    self.assertEqual(self.reached(), set(), done.stderr)
                    self.assertEqual({request[2] for request in self.registry.seen}, {self.registry.name})
                    self.assert_no_leak(self.registry, done)
                    if what != "blob":  # a blob that is kept elsewhere is there
                        self.assertNotEqual(done.returncode, 0)

    def test_chunks_are_not_sent_elsewhere(self):
        for name, place in self.places.items():
            with self.subTest(name):
                def moved(handler):
                    handler.request_body()
                    handler.answer(202, b"", [("Location", f"{place}/v2/x/blobs/uploads/0"), ("Range", "0-4095")])
                    return True

                self.registry.script = only(["PATCH"], "/blobs/uploads/", moved)
                done = run(IMPORT, "push", self.bundle, f"docker://{self.registry.name}", "--chunk-size", "4096",
                           *self.login(self.registry), expect=None)
                self.assertEqual(done.returncode, 32, done.stderr)
                self.assertEqual(self.reached(), set())

    def test_a_token_server_elsewhere_is_not_asked(self):
        for name, place in self.places.items():
            with self.subTest(name):
                self.registry.before_login = lambda handler: (
                    not handler.path.startswith("/token") and handler.challenge(place + "/token") is None)
                done = self.push()
                self.assertEqual(done.returncode, 32, done.stderr)
                self.assertEqual(self.reached(), set())
                self.assert_no_leak(self.registry, done)

    def test_a_token_server_that_sends_us_on_is_not_followed(self):
        for name, place in self.places.items():
            with self.subTest(name):
                self.registry.before_login = only(["GET"], "/token", redirect(place))
                done = self.push()
                self.assertNotEqual(done.returncode, 0)
                self.assertEqual(self.reached(), set())
                self.assert_no_leak(self.registry, done)

    @unittest.skipIf(harness.SANITIZED, "the sanitizers' runtime opens sockets of its own")
    def test_no_connection_is_even_tried(self):
        trace = self.dir / "trace"
        # Nobody has this address, and no name server is there to be asked for that name.
        for place in ("http://198.51.100.7:5000", "http://elsewhere.example:5000"):
            for what, script in {"nothing": None, **self.scripts(place)}.items():
                with self.subTest(what=what, to=place):
                    self.registry.script = script
                    self.push("strace", "-f", "-qq", "-o", trace, "-e", "trace=connect,sendto,sendmsg,sendmmsg",
                              env={"http_proxy": "http://127.0.0.1:1", "https_proxy": "http://127.0.0.1:1"})
                    connects = [line for line in trace.read_text().splitlines()
                                if "connect(" in line and "AF_INET" in line]
                    self.assertTrue(connects)
                    # Port 0: getaddrinfo(3) asks the kernel in this way which address it would take, and sends nothing.
                    allowed = (f'htons({self.registry.port}), sin_addr=inet_addr("{REGISTRY}")', "_port=htons(0)")
                    self.assertEqual([line for line in connects if not any(one in line for one in allowed)], [])


if __name__ == "__main__":
    unittest.main()
