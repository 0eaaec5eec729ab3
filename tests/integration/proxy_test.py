# SPDX-License-Identifier: Apache-2.0
"""The way through a forward proxy. The registry's name is known to the proxy alone: nothing can go past it."""
import base64
import unittest

import harness
from harness import EXPORT, IMPORT, CertificateAuthority, Layout, run
from relays import ForwardProxy

SECRET = "tr0ub4dor&3"
IN_A_URL = "tr0ub4dor%263"


class ProxyTestCase(harness.TestCase):
    def setUp(self):
        super().setUp()
        layout = Layout(self.dir / "layout")
        self.manifest = layout.name("team/app:1", layout.manifest([layout.layer(b"layer" * 100_000)]))
        self.bundle = self.export("in.bag", f"oci:{layout.path}")

    def proxy(self, where, **options):
        proxy = ForwardProxy(where, **options)
        self.addCleanup(proxy.stop)
        return proxy

    def plain_registry(self):
        """A registry, the name by which the proxy knows it, and the option for it."""
        registry = self.registry()
        name = f"registry.test:{registry.port}"
        return registry, name, ["--plain-http", name]

    def tls_registry(self):
        authority = CertificateAuthority(self.dir / "authority")
        registry = self.registry(tls=authority.issue("registry", "DNS:registry.test"))
        return registry, f"registry.test:{registry.port}", ["--ca-file", authority.certificate]

    def push_to(self, name, *options, **settings):
        return run(IMPORT, "push", self.bundle, f"docker://{name}", *options, **settings)

    def export_from(self, name, *options, **settings):
        run("rm", "-rf", self.dir / "out.bag")
        return run(EXPORT, self.dir / "out.bag", f"docker://{name}", *options, **settings)

    def assert_arrived(self):
        run(IMPORT, "verify", self.dir / "out.bag")
        self.assertIn(self.manifest["digest"], run(IMPORT, "list", "--json", self.dir / "out.bag").stdout)


class Proxy(ProxyTestCase):
    def test_plain_http_goes_through_the_proxy_in_absolute_form(self):
        registry, name, plain = self.plain_registry()
        proxy = self.proxy({name: ("127.0.0.1", registry.port)})
        self.push_to(name, *plain, "--proxy", f"http://{proxy.host}")
        self.assertIn(("PUT", f"http://{name}/v2/team/app/manifests/1"), proxy.seen)
        proxy.seen.clear()
        self.export_from(name, *plain, env={"http_proxy": f"http://{proxy.host}", "https_proxy": "http://127.0.0.1:1"})
        self.assertIn(("GET", f"http://{name}/v2/team/app/manifests/1"), proxy.seen)
        self.assertEqual([what for what in proxy.seen if what[0] == "CONNECT"], [])
        self.assert_arrived()

    def test_tls_goes_through_the_proxy_in_a_tunnel(self):
        registry, name, trust = self.tls_registry()
        proxy = self.proxy({name: ("127.0.0.1", registry.port)})
        self.push_to(name, *trust, "--proxy", f"http://{proxy.host}")
        self.export_from(name, *trust, env={"https_proxy": f"http://{proxy.host}", "http_proxy": "http://127.0.0.1:1"})
        self.assertEqual(set(proxy.seen), {("CONNECT", name)}, "the proxy sees the name, and nothing in clear")
        self.assert_arrived()

    def test_hosts_of_no_proxy_are_reached_past_it(self):
        registry = self.registry()
        plain = ["--plain-http", registry.host]
        proxy = self.proxy({})
        env = {"http_proxy": f"http://{proxy.host}", "no_proxy": "example.test,127.0.0.1"}
        self.push_to(registry.host, *plain, "--proxy", f"http://{proxy.host}", "--no-proxy", "127.0.0.1")
        self.export_from(registry.host, *plain, env=env)
        self.export_from(registry.host, *plain, env={"http_proxy": f"http://{proxy.host}", "NO_PROXY": "*"})
        self.assertEqual(proxy.seen, [])
        self.export_from(registry.host, *plain, "--retries", "0", env={**env, "no_proxy": "example.test"}, expect=31)
        self.assertTrue(proxy.seen, "127.0.0.1 is no exception by itself")

    def test_the_option_counts_more_than_the_environment(self):
        registry, name, plain = self.plain_registry()
        proxy = self.proxy({name: ("127.0.0.1", registry.port)})
        self.push_to(name, *plain, "--proxy", f"http://{proxy.host}")
        dead = {"http_proxy": "http://127.0.0.1:1"}
        self.export_from(name, *plain, "--proxy", f"http://{proxy.host}", env=dead)
        self.assert_arrived()

    def test_the_importer_does_not_look_for_proxies_in_the_environment(self):
        registry, proxy = self.registry(), self.proxy({})
        env = {name: f"http://{proxy.host}" for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY",
                                                         "all_proxy", "ALL_PROXY")}
        self.push_to(registry.host, "--plain-http", registry.host, env=env)
        self.assertEqual(proxy.seen, [])
        self.assertEqual(registry.tags("team/app"), ["1"])

    @unittest.skipIf(harness.SANITIZED, "the sanitizers' runtime opens sockets of its own")
    def test_the_importer_connects_to_nothing_but_a_target_that_it_was_given_by_name(self):
        registry, trace = self.registry(), self.dir / "trace"
        env = {"http_proxy": "http://127.0.0.1:1", "https_proxy": "http://127.0.0.1:1"}
        run("strace", "-f", "-qq", "-o", trace, "-e", "trace=connect,sendto", IMPORT, "push", self.bundle,
            f"docker://localhost:{registry.port}", "--plain-http", f"localhost:{registry.port}", env=env)
        connects = [line for line in trace.read_text().splitlines() if "connect(" in line and "AF_INET" in line]
        self.assertTrue(connects)
        # Port 0: getaddrinfo(3) asks the kernel in this way which address it would take, and sends nothing.
        allowed = (f"_port=htons({registry.port})", "_port=htons(0)")
        self.assertEqual([line for line in connects if not any(port in line for port in allowed)], [])

    def test_what_comes_from_a_webserver_variable_is_not_a_proxy(self):
        # HTTP_PROXY is what a CGI program gets for a header "Proxy:" of whoever asks (httpoxy, CVE-2016-5385).
        registry, proxy = self.registry(), self.proxy({})
        self.push_to(registry.host, "--plain-http", registry.host)
        self.export_from(registry.host, "--plain-http", registry.host, env={"HTTP_PROXY": f"http://{proxy.host}"})
        self.assertEqual(proxy.seen, [])

    def test_a_host_that_the_proxy_does_not_know_is_a_failure_that_may_pass(self):
        for name, options in (("nowhere.test:5000", ["--plain-http", "nowhere.test:5000"]), ("nowhere.test:5000", [])):
            with self.subTest(options=options):
                proxy = self.proxy({})
                done = self.export_from(name, *options, "--retries", "0", "--proxy", f"http://{proxy.host}", expect=31)
                self.assertIn("nowhere.test:5000", done.stderr)
                self.assertIn("502", done.stderr)


class ProxyLogin(ProxyTestCase):
    """The proxy's password comes in the environment or a file, and goes to the proxy alone."""

    def assert_silent(self, *texts):
        forms = [SECRET, IN_A_URL, base64.b64encode(f"someone:{SECRET}".encode()).decode()]
        for text in texts:
            for form in forms:
                self.assertNotIn(form, text)

    def assert_silent_run(self, done):
        self.assert_silent(done.stdout, done.stderr)
        return done

    def test_with_the_right_password_and_without_a_trace_of_it(self):
        registry, name, trust = self.tls_registry()
        open_proxy = self.proxy({name: ("127.0.0.1", registry.port)})
        self.push_to(name, *trust, "--proxy", f"http://{open_proxy.host}")
        proxy = self.proxy(open_proxy.where, login=f"someone:{SECRET}")
        env = {"https_proxy": f"http://someone:{IN_A_URL}@{proxy.host}"}
        for options in ([], ["--json"]):
            self.assert_silent_run(self.export_from(name, *trust, *options, env=env))
        self.assertEqual(set(proxy.seen), {("CONNECT", name)})
        self.assert_arrived()
        for path in (self.dir / "out.bag").rglob("*"):
            if path.is_file():
                self.assert_silent(path.read_bytes().decode("latin-1"))

    def test_the_registry_does_not_get_the_proxy_password(self):
        # The proxy passes headers on as they came: what is for the proxy must not be in what the registry gets.
        registry, name, plain = self.plain_registry()
        past = self.proxy({name: ("127.0.0.1", registry.port)}, login=f"someone:{SECRET}")
        self.push_to(registry.host, "--plain-http", registry.host)
        env = {"http_proxy": f"http://someone:{IN_A_URL}@{past.host}"}
        self.assert_silent_run(self.export_from(name, *plain, env=env))
        self.assertNotIn("REFUSED", [what[0] for what in past.seen])

    def test_without_or_with_a_wrong_password_the_proxy_is_blamed(self):
        for kind in (self.plain_registry, self.tls_registry):
            registry, name, options = kind()
            proxy = self.proxy({name: ("127.0.0.1", registry.port)}, login="someone:else")
            for env in ({}, {"http_proxy": f"http://someone:{IN_A_URL}@{proxy.host}",
                             "https_proxy": f"http://someone:{IN_A_URL}@{proxy.host}"}):
                with self.subTest(kind=kind.__name__, env=env):
                    through = [] if env else ["--proxy", f"http://{proxy.host}"]
                    done = self.assert_silent_run(self.export_from(name, *options, *through, env=env, expect=30))
                    self.assertIn("the proxy demands a login", done.stderr)
                    self.assertIn("http_proxy" if options[0] == "--plain-http" else "https_proxy", done.stderr)

    def test_a_proxy_that_is_not_there_or_no_url_is_named_without_its_password(self):
        registry = self.registry()
        for proxy, status in ((f"http://someone:{IN_A_URL}@127.0.0.1:1", 31),
                              (f"http://someone:{IN_A_URL}@nowhere.invalid:3128", 31),
                              (f"http://someone:{IN_A_URL}@127.0.0.1:http", 2),
                              (f"http://someone:{SECRET} @127.0.0.1:3128", 2),
                              (f"gopher://someone:{IN_A_URL}@127.0.0.1:3128", 2)):
            with self.subTest(proxy=proxy):
                done = self.export_from(registry.host, "--plain-http", registry.host, "--retries", "0",
                                        env={"http_proxy": proxy}, expect=None)
                self.assert_silent_run(done)
                self.assertEqual(done.returncode, status, done.stderr)
                self.assertIn("proxy", done.stderr.lower())

    def test_the_importer_logs_in_with_a_password_from_a_file(self):
        password = self.dir / "proxy_password"
        password.write_text(SECRET + "\n")
        login = ["--proxy-user", "someone", "--proxy-password-file", password]
        for kind, tunnels in ((self.plain_registry, False), (self.tls_registry, True)):
            with self.subTest(kind=kind.__name__):
                registry, name, options = kind()
                proxy = self.proxy({name: ("127.0.0.1", registry.port)}, login=f"someone:{SECRET}")
                through = ["--proxy", f"http://{proxy.host}"]
                done = self.push_to(name, *options, *through, expect=30)
                self.assertIn("--proxy-password-file", done.stderr)
                self.assert_silent_run(self.push_to(name, *options, *through, *login))
                self.assert_silent_run(self.export_from(name, *options, *through, *login))
                self.assertEqual(any(what[0] == "CONNECT" for what in proxy.seen), tunnels)
                self.assert_arrived()
                password.write_text("wrong\n")
                self.push_to(name, *options, *through, *login, expect=30)
                password.write_text(SECRET + "\n")

    def test_a_password_on_the_command_line_is_refused_and_not_repeated(self):
        for program in ([EXPORT, self.dir / "out.bag", "docker://registry.test"],
                        [IMPORT, "push", self.bundle, "docker://registry.test"]):
            done = run(*program, "--proxy", f"http://someone:{IN_A_URL}@127.0.0.1:1", expect=2)
            self.assert_silent_run(done)
            self.assertIn("--proxy", done.stderr)


if __name__ == "__main__":
    unittest.main()
