# SPDX-License-Identifier: Apache-2.0
"""A registry that can be made to misbehave in ways that no real one does, and servers that should never be asked."""
import base64
import fcntl
import json
import re
import socket
import struct
import termios

import harness
import relays

USER, PASSWORD, TOKEN = "someone", "tr0ub4dor-and-three", "t0ken-that-nobody-else-may-see"
BASIC = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
SECRETS = (PASSWORD, TOKEN, BASIC)

OCI = "application/vnd.oci.image."
MANIFEST = OCI + "manifest.v1+json"
FOREIGN = OCI + "layer.nondistributable.v1.tar"


class Sink(relays.Relay):
    """Answers everything as somebody would who wants more of it. `seen` has (method, path, headers, body)."""

    def __init__(self, **options):
        super().__init__(SinkHandler, **options)

    def leaks(self):
        """What reached it that it must not have: credentials, cookies, bytes of blobs."""
        with self.mutex:
            return [request for request in self.seen
                    if request[3] or {"authorization", "cookie"} & {name.lower() for name, _ in request[2]}
                    or any(secret in str(request) for secret in SECRETS)]


class SinkHandler(relays.Handler):
    def handle_any(self):
        self.relay.note(self.command, self.path, self.headers.items(), self.request_body())
        if self.command in ("POST", "PATCH"):
            self.answer(202, b"", [("Location", self.path), ("Range", "0-0")])
        elif self.command == "PUT":
            self.answer(201, b"")
        else:
            self.answer(200, json.dumps({"token": "from-the-sink"}).encode(), [("Content-Type", "application/json")])


class HostileRegistry(relays.Relay):
    """A registry in memory. It wants a token, which its own /token gives to USER and PASSWORD, unless `is_open`.

    script: called as script(handler) for each request that is let in; true: it has answered.
    before_login: the same, for every request.
    headers: sent with every answer.
    dies_after: so many requests are answered, and then none.
    `seen` has (method, path, Host header, Authorization header) of every request.
    """

    def __init__(self, script=None, is_open=False, **options):
        super().__init__(HostileHandler, **options)
        self.script = script
        self.before_login = None
        self.is_open = is_open
        self.headers = []
        self.dies_after = None
        self.blobs = {}      # by digest
        self.manifests = {}  # by digest: (media type, bytes)
        self.tags = {}       # {(repository, tag): digest}
        self.sessions = {}   # by number: bytes
        self.opened = 0      # sessions, over all
        self.received = 0    # bytes of blobs, over all requests

    def put_blob(self, data, media_type=OCI + "layer.v1.tar", **more):
        self.blobs[harness.sha256(data)] = data
        return {"mediaType": media_type, "digest": harness.sha256(data), "size": len(data), **more}

    def put_image(self, repository, tag, layers):
        config = self.put_blob(b'{"architecture":"amd64","os":"linux"}', OCI + "config.v1+json")
        body = json.dumps({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers}).encode()
        self.manifests[harness.sha256(body)] = (MANIFEST, body)
        self.tags[repository, tag] = harness.sha256(body)
        return harness.sha256(body)

    def state(self):
        """What it has of blobs, manifests and tags, to be compared."""
        return set(self.blobs), set(self.manifests), dict(self.tags)

    def orphans(self):
        """The tags below which something is missing."""
        def lacks(digest):
            if digest not in self.manifests:
                return True
            document = json.loads(self.manifests[digest][1])
            blobs = [*document.get("layers", []), *([document["config"]] if "config" in document else [])]
            return (any(blob["digest"] not in self.blobs for blob in blobs) or
                    any(lacks(child["digest"]) for child in document.get("manifests", [])))
        return [name for name, digest in self.tags.items() if lacks(digest)]


class HostileHandler(relays.Handler):
    def send_response(self, code, message=None):
        super().send_response(code, message)
        for name, value in self.relay.headers:
            self.send_header(name, value)

    def handle_any(self):
        relay = self.relay
        relay.note(self.command, self.path, self.headers.get("Host"), self.headers.get("Authorization"))
        if relay.dies_after is not None and len(relay.seen) > relay.dies_after:
            self.reset()
            return
        if relay.before_login and relay.before_login(self):
            return
        path = self.path.split("?")[0]
        if path == "/token":
            self.answer_token()
        elif not relay.is_open and not self.headers.get("Authorization", "").startswith(f"Bearer {TOKEN}"):
            self.challenge()
        else:
            if relay.script and relay.script(self):
                return
            self.answer_registry(path)

    def challenge(self, realm=None):
        self.request_body()
        realm = realm or f"{self.relay.scheme}://{self.headers['Host']}/token"
        self.answer(401, b"", [("WWW-Authenticate", f'Bearer realm="{realm}",service="test"')])

    def answer_token(self):
        self.request_body()
        if self.headers.get("Authorization") != f"Basic {BASIC}":
            self.answer(401, b"")
            return
        self.answer_json({"token": f"{TOKEN}-{len(self.relay.seen)}", "expires_in": 300})

    def answer_json(self, document, headers=()):
        self.answer(200, json.dumps(document).encode(), [("Content-Type", "application/json"), *headers])

    def answer_registry(self, path):
        if path == "/v2/":
            self.answer_json({})
        elif path == "/v2/_catalog":
            self.answer_json({"repositories": sorted({name for name, _ in self.relay.tags})})
        elif found := re.match(r"/v2/(.+)/tags/list$", path):
            tags = sorted(tag for name, tag in self.relay.tags if name == found[1])
            self.answer_json({"name": found[1], "tags": tags})
        elif found := re.match(r"/v2/(.+)/manifests/([^/]+)$", path):
            self.answer_manifest(*found.groups())
        elif found := re.match(r"/v2/(.+)/blobs/uploads/(\d*)$", path):
            self.answer_upload(*found.groups())
        elif found := re.match(r"/v2/(.+)/blobs/([^/]+)$", path):
            self.answer_blob(found[2])
        else:
            self.answer(404, b"")

    def answer_manifest(self, repository, name):
        body = self.request_body()
        if self.command == "PUT":
            digest = harness.sha256(body)
            self.relay.manifests[digest] = (self.headers["Content-Type"], body)
            if ":" not in name:
                self.relay.tags[repository, name] = digest
            self.answer(201, b"", [("Docker-Content-Digest", digest)])
            return
        digest = self.relay.tags.get((repository, name), name)
        if digest not in self.relay.manifests:
            self.answer(404, b"")
            return
        media_type, data = self.relay.manifests[digest]
        self.answer(200, data, [("Content-Type", media_type), ("Docker-Content-Digest", digest)])

    def answer_blob(self, digest):
        self.request_body()
        data = self.relay.blobs.get(digest)
        if data is None:
            self.answer(404, b"")
            return
        self.answer(*self.ranged(data))

    def ranged(self, data):
        """(status, bytes, headers) of an answer to a GET that may ask for the rest only."""
        if asked := re.match(r"bytes=(\d+)-$", self.headers.get("Range", "")):
            begin = int(asked[1])
            return 206, data[begin:], [("Content-Range", f"bytes {begin}-{len(data) - 1}/{len(data)}")]
        return 200, data, []

    def session_headers(self, repository, number):
        size = len(self.relay.sessions[number])
        return [("Location", f"/v2/{repository}/blobs/uploads/{number}"), ("Range", f"0-{max(size, 1) - 1}")]

    def answer_upload(self, repository, number):
        if self.command == "POST":
            self.request_body()
            with self.relay.mutex:
                self.relay.opened += 1
                number = str(self.relay.opened)
                self.relay.sessions[number] = b""
            self.answer(202, b"", self.session_headers(repository, number))
            return
        if number not in self.relay.sessions:
            self.answer(404, b"")
            return
        if self.command == "GET":
            self.answer(204, b"", self.session_headers(repository, number))
            return
        body = self.request_body()
        self.keep(number, body)
        if self.command == "PATCH":
            self.answer(202, b"", self.session_headers(repository, number))
            return
        data = self.relay.sessions.pop(number)
        digest = re.search(r"digest=([^&]+)", self.path)[1].replace("%3A", ":")
        if harness.sha256(data) != digest:
            self.answer(400, b'{"errors":[{"code":"DIGEST_INVALID"}]}')
            return
        self.relay.blobs[digest] = data
        self.answer(201, b"", [("Docker-Content-Digest", digest)])

    def keep(self, number, data):
        with self.relay.mutex:
            self.relay.sessions[number] += data
            self.relay.received += len(data)

    def reset(self):
        """Ends the connection by RST, with all that was not read of it."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.wfile = open("/dev/null", "wb")  # the base class flushes it
        self.rfile.close()
        self.connection.close()

    def answer_cut(self, count, status, body, headers=()):
        """The first `count` bytes of an answer, head included, and a reset."""
        head = [f"HTTP/1.1 {status} Cut", f"Content-Length: {len(body)}",
                *(f"{name}: {value}" for name, value in headers)]
        text = "\r\n".join(head).encode() + b"\r\n\r\n"
        self.connection.sendall((text + body)[:count])
        self.wait_for_delivery()
        self.reset()
        return len(text)

    def wait_for_delivery(self):
        """Until the peer's kernel has all: a reset throws away what is still on its way."""
        nothing = struct.pack("I", 0)
        harness.wait_until(lambda: fcntl.ioctl(self.connection, termios.TIOCOUTQ, nothing) == nothing)
