# SPDX-License-Identifier: Apache-2.0
"""Registries that speak TLS: whom we trust, and how we prove who we are. Against Debian's docker-registry."""
import ssl
import unittest
import warnings

import harness
from harness import EXPORT, IMPORT, CertificateAuthority, Layout, run
from hostile import HostileRegistry

HERE = "IP:127.0.0.1"


class Tls(harness.TestCase):
    def setUp(self):
        super().setUp()
        self.authority = CertificateAuthority(self.dir / "authority")
        layout = Layout(self.dir / "layout")
        self.manifest = layout.name("team/app:1", layout.manifest([layout.layer(b"layer" * 100_000)]))
        self.bundle = self.export("in.bag", f"oci:{layout.path}")
        self.trust = ["--ca-file", self.authority.certificate]

    def tls_registry(self, subject_alt_name=HERE, **options):
        return self.registry(tls=self.authority.issue("registry", subject_alt_name), **options)

    def push_to(self, registry, *options, expect=0):
        return run(IMPORT, "push", self.bundle, f"docker://{registry.host}", *options, expect=expect)

    def export_from(self, registry, *options, expect=0):
        run("rm", "-rf", self.dir / "out.bag")
        return run(EXPORT, self.dir / "out.bag", f"docker://{registry.host}", *options, expect=expect)

    def assert_round_trip(self, registry, *options):
        self.push_to(registry, *options)
        self.export_from(registry, *options)
        run(IMPORT, "verify", self.dir / "out.bag")
        self.assertIn(self.manifest["digest"], run(IMPORT, "list", "--json", self.dir / "out.bag").stdout)

    def test_push_and_export_with_the_authority_in_a_ca_file(self):
        registry = self.tls_registry()
        self.assert_round_trip(registry, *self.trust)
        self.assertEqual(harness.sha256(registry.manifest("team/app", "1")[0]), self.manifest["digest"])

    def test_an_unknown_authority_is_refused_and_the_option_is_named(self):
        registry = self.tls_registry()
        for done in (self.push_to(registry, expect=32), self.export_from(registry, expect=32)):
            self.assertIn(registry.host, done.stderr)
            self.assertIn("--ca-file", done.stderr)
        other = CertificateAuthority(self.dir / "other")
        self.push_to(registry, "--ca-file", other.certificate, expect=32)
        self.push_to(registry, *self.trust)
        self.export_from(registry, "--ca-file", other.certificate, expect=32)
        self.assertFalse((self.dir / "out.bag.unfinished").exists())

    def test_a_certificate_for_another_name_is_refused(self):
        registry = self.tls_registry("DNS:registry.example,IP:127.0.0.2")
        for attempt in (self.push_to, self.export_from):
            done = attempt(registry, *self.trust, expect=32)
            self.assertIn("127.0.0.1", done.stderr)
            self.assertNotIn("--ca-file", done.stderr, "the authority is not what is wrong")
            self.assertNotIn("-k", done.stderr)

    def test_a_certificate_that_has_expired_is_refused(self):
        registry = self.registry(tls=self.authority.issue("registry", HERE, days=-1))
        for attempt in (self.push_to, self.export_from):
            done = attempt(registry, *self.trust, expect=32)
            self.assertIn("expired", done.stderr)
            self.assertIn("clock", done.stderr)

    def test_old_versions_of_tls_are_not_spoken(self):
        warnings.simplefilter("ignore", DeprecationWarning)  # old versions are what it is about
        versions = {ssl.TLSVersion.TLSv1_1: 32, ssl.TLSVersion.TLSv1_2: 0}
        for version, status in versions.items():
            with self.subTest(version=version.name):
                registry = HostileRegistry(is_open=True, tls=self.authority.issue("old", HERE))
                self.addCleanup(registry.stop)
                registry.tls.maximum_version = version
                registry.tls.minimum_version = ssl.TLSVersion.TLSv1
                registry.tls.set_ciphers("ALL:@SECLEVEL=0")
                self.push_to(registry, *self.trust, "--retries", "0", expect=status)

    def test_a_registry_that_wants_a_client_certificate_gets_ours(self):
        clients = CertificateAuthority(self.dir / "clients")
        registry = self.tls_registry(client_authority=clients)
        certificate, key = clients.issue("us", "DNS:us.example")
        self.assert_round_trip(registry, *self.trust, "--client-cert", certificate, "--client-key", key)
        both = self.dir / "both.pem"
        both.write_text(certificate.read_text() + key.read_text())
        self.export_from(registry, *self.trust, "--client-cert", both)

    def test_without_the_client_certificate_it_says_that_one_is_wanted(self):
        registry = self.tls_registry(client_authority=CertificateAuthority(self.dir / "clients"))
        for attempt in (self.push_to, self.export_from):
            done = attempt(registry, *self.trust, expect=32)
            self.assertIn("--client-cert", done.stderr)
        strange = CertificateAuthority(self.dir / "strange").issue("us", "DNS:us.example")
        self.push_to(registry, *self.trust, "--client-cert", strange[0], "--client-key", strange[1], expect=32)

    def test_a_certificate_and_a_key_that_do_not_belong_together_are_blamed(self):
        clients = CertificateAuthority(self.dir / "clients")
        registry = self.tls_registry(client_authority=clients)
        certificate, _ = clients.issue("us", "DNS:us.example")
        _, key = clients.issue("them", "DNS:them.example")
        done = self.push_to(registry, *self.trust, "--client-cert", certificate, "--client-key", key, expect=2)
        self.assertIn("us.pem", done.stderr)

    def test_plain_http_is_never_tried_by_itself_nor_tls_where_it_is_switched_off(self):
        plain, tls = self.registry(), self.tls_registry()
        self.assertIn(f"--plain-http {plain.host}", self.push_to(plain, *self.trust, expect=32).stderr)
        self.assertEqual(plain.repositories(), [])
        done = self.push_to(tls, *self.trust, "--plain-http", tls.host, expect=32)
        self.assertIn("leave out --plain-http", done.stderr)


if __name__ == "__main__":
    unittest.main()
