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
import ssl
import subprocess
import tempfile
import time
import unittest
import urllib.error
import urllib.request

TOP = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("SEABAG_BIN", TOP / "build/dev/bin"))
SCRATCH = pathlib.Path(os.environ.get("SEABAG_SCRATCH", TOP / "build/scratch"))
SANITIZED = any(word in str(BIN) for word in ("asan", "tsan"))
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


def wait_until(condition, seconds=30):
    """Until it holds; fails if it does not in that time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds} s in vain")
        time.sleep(0.02)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Layout:
    """An image layout written by hand, for what no tool would make."""

    OCI = "application/vnd.oci.image."

    def __init__(self, path):
        self.path = pathlib.Path(path)
        self.blobs = self.path / "blobs/sha256"
        self.blobs.mkdir(parents=True)
        (self.path / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
        self.entries = []

    def put(self, data, media_type):
        (self.blobs / sha256(data)[7:]).write_bytes(data)
        return {"mediaType": media_type, "digest": sha256(data), "size": len(data)}

    def put_zeros(self, digest, size, media_type):
        """A sparse blob; the caller knows the digest."""
        with open(self.blobs / digest[7:], "wb") as file:
            file.truncate(size)
        return {"mediaType": media_type, "digest": digest, "size": size}

    def layer(self, data):
        return self.put(data, self.OCI + "layer.v1.tar")

    def manifest(self, layers, **more):
        config = self.put(b'{"architecture":"amd64","os":"linux"}', self.OCI + "config.v1+json")
        media_type = self.OCI + "manifest.v1+json"
        document = {"schemaVersion": 2, "mediaType": media_type, "config": config, "layers": layers, **more}
        return self.put(json.dumps(document).encode(), media_type)

    def name(self, name, manifest):
        annotations = {"org.opencontainers.image.ref.name": name} if name else {}
        self.entries.append({**manifest, "annotations": annotations})
        (self.path / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": self.entries}))
        return manifest


class CertificateAuthority:
    """Issues certificates for two days, by the openssl command."""

    KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]

    def __init__(self, directory):
        self.dir = pathlib.Path(directory)
        self.dir.mkdir(parents=True, exist_ok=True)
        self.certificate = self.dir / "authority.pem"
        self.key = self.dir / "authority.key"
        run("openssl", "req", "-x509", *self.KEY, "-keyout", self.key, "-out", self.certificate, "-days", "2",
            "-subj", f"/CN=Seabag test authority {self.dir.name}")

    def issue(self, name, subject_alt_name, days=2):
        """(certificate file, key file); expired with a negative number of days."""
        certificate, key, request, extensions = (self.dir / f"{name}.{end}" for end in ("pem", "key", "csr", "ext"))
        extensions.write_text(f"subjectAltName={subject_alt_name}\n")
        run("openssl", "req", *self.KEY, "-keyout", key, "-out", request, "-subj", f"/CN={name}")
        run("openssl", "x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self.key, "-CAcreateserial",
            "-days", days, "-extfile", extensions, "-out", certificate)
        return certificate, key


class Registry:
    """Debian's docker-registry on a free loopback port, with an empty storage of its own.

    tls: (certificate file, key file); with it the registry speaks nothing else.
    client_authority: wants clients' certificates from this CertificateAuthority.
    foreign_urls: a regular expression for the URLs that foreign layers may name.
    storage: a storage that is there already, in place of an empty one.
    """

    def __init__(self, htpasswd=None, tls=None, client_authority=None, foreign_urls=None, storage=None):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="registry-", dir=SCRATCH))
        self.port = free_port()
        self.host = f"127.0.0.1:{self.port}"
        self.scheme = "https" if tls else "http"
        http = {"addr": self.host}
        if tls:
            http["tls"] = {"certificate": str(tls[0]), "key": str(tls[1])}
        if client_authority:
            http["tls"]["clientcas"] = [str(client_authority.certificate)]
        config = [
            "version: 0.1",
            "log: {level: warn, accesslog: {disabled: true}}",
            f"storage: {{filesystem: {{rootdirectory: {storage or self.dir / 'storage'}}}, delete: {{enabled: true}}}}",
            f"http: {json.dumps(http)}",
        ]
        if foreign_urls:
            config.append(f"validation: {json.dumps({'manifests': {'urls': {'allow': [foreign_urls]}}})}")
        if htpasswd:
            (self.dir / "htpasswd").write_text(htpasswd)
            config.append(f"auth: {{htpasswd: {{realm: test, path: {self.dir}/htpasswd}}}}")
        (self.dir / "config.yml").write_text("\n".join(config) + "\n")
        self.log = open(self.dir / "log", "wb")
        # timeout(1): a registry that a killed test leaves behind ends by itself.
        self.process = subprocess.Popen(["timeout", "1800", "docker-registry", "serve", str(self.dir / "config.yml")],
                                        stdout=self.log, stderr=self.log, env=environment())
        try:
            self._wait()
        except BaseException:
            self.stop()
            raise

    def _wait(self):
        for _ in range(200):
            try:
                urllib.request.urlopen(f"{self.scheme}://{self.host}/v2/", timeout=5, context=self._tls()).close()
                return
            except urllib.error.HTTPError as error:
                if error.code == 401:
                    return
                raise
            except OSError as error:
                if "certificate" in str(error).lower():
                    return  # a TLS alert: it wants to see ours
                if self.process.poll() is not None:
                    break
                time.sleep(0.05)
        raise AssertionError("docker-registry did not start: " + (self.dir / "log").read_text())

    def stop(self):
        self.process.terminate()
        self.process.wait(timeout=30)
        self.log.close()
        shutil.rmtree(self.dir, ignore_errors=True)

    def _tls(self):
        """The harness looks into its own registries and need not trust them."""
        return ssl._create_unverified_context() if self.scheme == "https" else None

    def get(self, path, accept=MANIFEST_TYPES):
        request = urllib.request.Request(f"{self.scheme}://{self.host}{path}", headers={"Accept": accept})
        with urllib.request.urlopen(request, timeout=60, context=self._tls()) as answer:
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

    def podman_store(self):
        """Options of podman for a store of this test's own."""
        run_root = tempfile.mkdtemp(dir="/tmp")  # podman takes no more than 50 characters, wherever the checkout lies
        self.addCleanup(shutil.rmtree, run_root, ignore_errors=True)
        return ["--root", self.dir / "root", "--runroot", run_root, "--storage-driver", "vfs"]

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
