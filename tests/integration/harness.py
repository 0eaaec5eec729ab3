# SPDX-License-Identifier: Apache-2.0
"""What the integration tests share: the programs under test, real registries on loopback, the corpus.

The programs are in SEABAG_BIN (a build's bin/), scratch space and the corpus in SEABAG_SCRATCH; tests/run.sh and
ctest set both. Only Python's standard library and the tools of Debian 12 are used.
"""
import hashlib
import json
import os
import pathlib
import shutil
import socket
import subprocess
import tempfile
import time
import unittest
import urllib.error
import urllib.request

TOP = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("SEABAG_BIN", TOP / "build/dev/bin"))
SCRATCH = pathlib.Path(os.environ.get("SEABAG_SCRATCH", TOP / "build/scratch"))
EXPORT = str(BIN / "seabag-export")
IMPORT = str(BIN / "seabag-import")

MANIFEST_TYPES = ", ".join([
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.docker.distribution.manifest.v2+json",
])


def environment():
    """No credentials, no proxies and no settings of whoever runs the tests."""
    keep = ("PATH", "LANG", "ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS", "LSAN_OPTIONS")
    env = {name: os.environ[name] for name in keep if name in os.environ}
    env["HOME"] = str(SCRATCH / "home")
    os.makedirs(env["HOME"], exist_ok=True)
    return env


def run(*command, expect=0, timeout=300, env=None, cwd=None, stdin=None):
    """Runs a command, and fails with all it said unless it ends with the expected status."""
    done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          errors="surrogateescape", timeout=timeout, env={**environment(), **(env or {})}, cwd=cwd,
                          input=stdin)
    if expect is not None and done.returncode != expect:
        raise AssertionError(f"{' '.join(map(str, command))}\nexpected exit status {expect}, got {done.returncode}\n"
                             f"stdout:\n{done.stdout}\nstderr:\n{done.stderr}")
    return done


def sha256(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


class Registry:
    """Debian's docker-registry on a free loopback port, with an empty storage of its own."""

    def __init__(self, htpasswd=None):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="registry-", dir=SCRATCH))
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.host = f"127.0.0.1:{self.port}"
        config = [
            "version: 0.1",
            "log: {level: warn, accesslog: {disabled: true}}",
            f"storage: {{filesystem: {{rootdirectory: {self.dir}/storage}}, delete: {{enabled: true}}}}",
            f"http: {{addr: '{self.host}'}}",
        ]
        if htpasswd:
            (self.dir / "htpasswd").write_text(htpasswd)
            config.append(f"auth: {{htpasswd: {{realm: test, path: {self.dir}/htpasswd}}}}")
        (self.dir / "config.yml").write_text("\n".join(config) + "\n")
        self.log = open(self.dir / "log", "wb")
        # timeout(1): a registry that a killed test leaves behind ends by itself.
        self.process = subprocess.Popen(["timeout", "1800", "docker-registry", "serve", str(self.dir / "config.yml")],
                                        stdout=self.log, stderr=self.log, env=environment())
        self._wait()

    def _wait(self):
        for _ in range(200):
            try:
                urllib.request.urlopen(f"http://{self.host}/v2/", timeout=5).close()
                return
            except urllib.error.HTTPError as error:
                if error.code == 401:
                    return
                raise
            except OSError:
                if self.process.poll() is not None:
                    break
                time.sleep(0.05)
        raise AssertionError("docker-registry did not start: " + (self.dir / "log").read_text())

    def stop(self):
        self.process.terminate()
        self.process.wait(timeout=30)
        self.log.close()
        shutil.rmtree(self.dir, ignore_errors=True)

    def get(self, path, accept=MANIFEST_TYPES):
        request = urllib.request.Request(f"http://{self.host}{path}", headers={"Accept": accept})
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.read(), dict(answer.headers)

    def repositories(self):
        body, _ = self.get("/v2/_catalog?n=1000")
        return sorted(json.loads(body)["repositories"])

    def tags(self, repository):
        try:
            body, _ = self.get(f"/v2/{repository}/tags/list")
        except urllib.error.HTTPError as error:
            if error.code == 404:  # docker-registry lists repositories that have blobs and no tag
                return []
            raise
        return sorted(json.loads(body)["tags"] or [])

    def manifest(self, repository, reference):
        """(bytes, media type)"""
        body, headers = self.get(f"/v2/{repository}/manifests/{reference}")
        return body, headers["Content-Type"]

    def everything(self):
        """{(repository, tag): (digest, media type)} of all that the registry lists."""
        found = {}
        for repository in self.repositories():
            for tag in self.tags(repository):
                body, media_type = self.manifest(repository, tag)
                found[(repository, tag)] = (sha256(body), media_type)
        return found


def corpus():
    """The corpus as an image layout, made once: real images out of Debian packages."""
    where = SCRATCH / "corpus"
    if not (where / "corpus.json").exists():
        shutil.rmtree(where, ignore_errors=True)
        run(TOP / "samples/make-corpus", where, "--apps", "4", "--cache", SCRATCH / "debs", timeout=900)
    return where


def fill(registry, prefix=""):
    run(TOP / "samples/push-corpus", corpus(), registry.host, *([prefix] if prefix else []), timeout=600)


def corpus_entries():
    return json.loads((corpus() / "corpus.json").read_text())


class TestCase(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        SCRATCH.mkdir(parents=True, exist_ok=True)
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="test-", dir=SCRATCH))
        self.addCleanup(shutil.rmtree, self.dir, ignore_errors=True)

    def registry(self, **options):
        registry = Registry(**options)
        self.addCleanup(registry.stop)
        return registry

    def export(self, name, *arguments, registry=None, expect=0, env=None, timeout=300):
        bundle = self.dir / name
        plain = ["--plain-http", registry.host] if registry else []
        self.exported = run(EXPORT, bundle, *arguments, *plain, expect=expect, env=env, timeout=timeout)
        return bundle

    def push(self, bundle, target, *arguments, registry=None, expect=0, timeout=300):
        plain = ["--plain-http", registry.host] if registry else []
        return run(IMPORT, "push", bundle, target, *arguments, *plain, expect=expect, timeout=timeout)


class FilledRegistryTestCase(TestCase):
    """One registry with the whole corpus for all tests of a class."""

    @classmethod
    def setUpClass(cls):
        SCRATCH.mkdir(parents=True, exist_ok=True)
        cls.source = Registry()
        try:
            fill(cls.source)
        except BaseException:
            cls.source.stop()
            raise

    @classmethod
    def tearDownClass(cls):
        cls.source.stop()
