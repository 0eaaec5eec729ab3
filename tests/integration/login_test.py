# SPDX-License-Identifier: Apache-2.0
"""A registry that wants to know who we are, against Debian's docker-registry with htpasswd."""
import base64
import json
import unittest

import harness
from harness import run

SECRET = "correct horse battery staple"


class Login(harness.TestCase):
    def setUp(self):
        super().setUp()
        htpasswd = run("htpasswd", "-Bbn", "someone", SECRET).stdout
        self.guarded = self.registry(htpasswd=htpasswd)
        open_registry = self.registry()
        layout = self.dir / "layout"
        run("umoci", "init", "--layout", layout)
        run("umoci", "new", "--image", f"{layout}:1")
        self.bundle = self.export("in.bag", f"oci:{layout}")
        self.open = open_registry
        self.password = self.dir / "password"
        self.password.write_text(SECRET + "\n")
        self.push_as(["--user", "someone", "--password-file", self.password])

    def push_as(self, options, expect=0, **settings):
        return run(harness.IMPORT, "push", self.bundle, f"docker://{self.guarded.host}", "--plain-http",
                   self.guarded.host, *options, expect=expect, **settings)

    def export_as(self, options, expect=0, **settings):
        run("rm", "-rf", self.dir / "out.bag")
        return run(harness.EXPORT, self.dir / "out.bag", f"docker://{self.guarded.host}/layout", "--plain-http",
                   self.guarded.host, *options, expect=expect, **settings)

    def auth_file(self, entry):
        path = self.dir / "auth.json"
        path.write_text(json.dumps(entry))
        return path

    def test_with_a_password_from_a_file_or_standard_input(self):
        self.export_as(["--user", "someone", "--password-file", self.password])
        self.export_as(["--user", "someone", "--password-stdin"], stdin=SECRET + "\n")

    def test_with_an_auth_file_of_docker_or_containers(self):
        token = base64.b64encode(f"someone:{SECRET}".encode()).decode()
        path = self.auth_file({"auths": {self.guarded.host: {"auth": token}}})
        self.export_as(["--authfile", path])
        self.export_as([], env={"REGISTRY_AUTH_FILE": str(path)})
        docker = self.dir / "docker"
        docker.mkdir()
        (docker / "config.json").write_text(path.read_text())
        self.export_as([], env={"DOCKER_CONFIG": str(docker)})

    def test_with_a_credential_helper(self):
        helper = self.dir / "docker-credential-test"
        helper.write_text("#!/bin/sh\nread -r host\n"
                          f'printf \'{{"ServerURL":"%s","Username":"someone","Secret":"{SECRET}"}}\' "$host"\n')
        helper.chmod(0o755)
        path = self.auth_file({"credHelpers": {self.guarded.host: "test"}})
        import os
        self.export_as(["--authfile", path], env={"PATH": f"{self.dir}:{os.environ['PATH']}"})

    def test_without_or_with_a_wrong_password_it_says_what_to_do_and_no_secret(self):
        done = self.export_as([], expect=30)
        self.assertIn("--user", done.stderr)
        wrong = self.dir / "wrong"
        wrong.write_text("hunter2hunter2")
        done = self.export_as(["--user", "someone", "--password-file", wrong], expect=30)
        self.assertNotIn("hunter2", done.stdout + done.stderr)

    def test_no_secret_gets_into_bundle_or_receipt(self):
        receipt = self.dir / "receipt.json"
        self.push_as(["--user", "someone", "--password-file", self.password, "--receipt", receipt, "--json"])
        self.export_as(["--user", "someone", "--password-file", self.password, "--json"])
        forms = [SECRET.encode(), base64.b64encode(f"someone:{SECRET}".encode())]
        for path in [receipt, *(self.dir / "out.bag").rglob("*")]:
            if path.is_file():
                for form in forms:
                    self.assertNotIn(form, path.read_bytes(), path)


if __name__ == "__main__":
    unittest.main()
