# SPDX-License-Identifier: Apache-2.0
"""Servers between a program and a registry: a forward proxy, and what Debian's registry lacks of OCI 1.1."""
import base64
import http.client
import http.server
import json
import re
import select
import socket
import socketserver
import ssl
import sys
import threading
import urllib.parse

import harness

HOP_BY_HOP = {"connection", "keep-alive", "proxy-authorization", "proxy-connection", "te", "transfer-encoding",
              "upgrade"}


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, address, handler):
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        super().__init__(address, handler)

    def server_bind(self):
        socketserver.TCPServer.server_bind(self)  # HTTPServer's would ask for the name of the address

    def handle_error(self, request, client_address):
        if not isinstance(sys.exc_info()[1], OSError):  # clients end connections in the middle, as they may
            super().handle_error(request, client_address)


class Relay:
    """A server on a free loopback port, in threads that end with the test.

    tls: (certificate file, key file).
    """

    def __init__(self, handler, address="127.0.0.1", port=0, tls=None):
        self.server = Server((address, port), type("Handler", (handler,), {"relay": self}))
        if tls:
            self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.tls.load_cert_chain(*tls)
            self.server.socket = self.tls.wrap_socket(self.server.socket, server_side=True,
                                                     do_handshake_on_connect=False)
        self.scheme = "https" if tls else "http"
        self.port = self.server.server_address[1]
        self.host = f"[{address}]:{self.port}" if ":" in address else f"{address}:{self.port}"
        self.mutex = threading.Lock()
        self.seen = []
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self.thread.start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()

    def note(self, *what):
        with self.mutex:
            self.seen.append(what)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60

    def log_message(self, *_):
        pass

    def request_body(self):
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def answer(self, status, body, headers=()):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def pass_on(self, address, path, body):
        """Sends the request as it is to `address`; (status, headers, body) of the answer."""
        connection = http.client.HTTPConnection(*address, timeout=60)
        try:
            connection.putrequest(self.command, path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                if name.lower() not in HOP_BY_HOP:
                    connection.putheader(name, value)
            connection.endheaders(body)
            answer = connection.getresponse()
            headers = [(name, value) for name, value in answer.getheaders() if name.lower() not in HOP_BY_HOP]
            return answer.status, headers, answer.read()
        finally:
            connection.close()

    def give_back(self, status, headers, body):
        if self.command != "HEAD":  # there it is the length of what a GET would bring
            headers = [(name, value) for name, value in headers if name.lower() != "content-length"]
            self.answer(status, body, headers)
            return
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()

    def handle_any(self):
        raise NotImplementedError

    def do_any(self):
        self.handle_any()

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_any


class ForwardProxy(Relay):
    """An HTTP proxy that alone knows where the hosts in `where` are: {"name:port": (address, port)}.

    `seen` has ("CONNECT", "name:port") of every tunnel and (method, URL) of every request in absolute form.
    login: "user:password" that clients have to give.
    """

    def __init__(self, where, login=None):
        super().__init__(ForwardProxyHandler)
        self.where = where
        self.login = login


class ForwardProxyHandler(Handler):
    def is_let_through(self):
        if self.relay.login is None:
            return True
        wanted = "Basic " + base64.b64encode(self.relay.login.encode()).decode()
        if self.headers.get("Proxy-Authorization") == wanted:
            return True
        self.relay.note("REFUSED", self.path)
        self.answer(407, b"who are you?", [("Proxy-Authenticate", 'Basic realm="way out"'), ("Connection", "close")])
        self.close_connection = True
        return False

    def do_CONNECT(self):
        if not self.is_let_through():
            return
        self.relay.note("CONNECT", self.path)
        self.close_connection = True
        if self.path not in self.relay.where:
            self.answer(502, b"no such host")
            return
        with socket.create_connection(self.relay.where[self.path], timeout=60) as there:
            self.send_response(200, "Connection established")
            self.end_headers()
            try:
                self.tunnel(there)
            except ConnectionError:
                pass  # one of the two went away, as it may

    def tunnel(self, there):
        other = {self.connection: there, there: self.connection}
        while True:
            ready, _, _ = select.select(list(other), [], [], 60)
            if not ready:
                return
            for end in ready:
                chunk = end.recv(1 << 16)
                if not chunk:
                    return
                other[end].sendall(chunk)

    def handle_any(self):
        body = self.request_body()
        if not self.is_let_through():
            return
        self.relay.note(self.command, self.path)
        url = urllib.parse.urlsplit(self.path)
        address = self.relay.where.get(url.netloc)
        if url.scheme != "http" or address is None:
            self.answer(502, b"no such host")
            return
        self.give_back(*self.pass_on(address, self.path.split(url.netloc, 1)[1], body))


class ReferrersRegistry(Relay):
    """A registry with the referrers API of the OCI distribution-spec 1.1, which docker-registry 2.8 has not.

    Everything else is `registry`'s affair. The referrers are computed from the manifests that were put through here.
    `seen` has (method, path) of every request.
    """

    def __init__(self, registry):
        super().__init__(ReferrersHandler)
        self.registry = registry
        self.referrers = {}  # {(repository, subject): {digest: descriptor}}

    def tags(self, repository):
        return self.registry.tags(repository)


class ReferrersHandler(Handler):
    REFERRERS = re.compile(r"/v2/(.+)/referrers/(sha256:[0-9a-f]{64})$")
    MANIFEST = re.compile(r"/v2/(.+)/manifests/[^/]+$")

    def handle_any(self):
        body = self.request_body()
        self.relay.note(self.command, self.path)
        path = self.path.split("?")[0]
        if asked := self.REFERRERS.match(path):
            self.answer_referrers(asked.groups())
            return
        status, headers, answer = self.pass_on(("127.0.0.1", self.relay.registry.port), self.path, body)
        stored = self.MANIFEST.match(path)
        if self.command == "PUT" and status == 201 and stored:
            headers += self.keep_referrer(stored.group(1), body)
        self.give_back(status, headers, answer)

    def answer_referrers(self, key):
        with self.relay.mutex:
            manifests = list(self.relay.referrers.get(key, {}).values())
        index = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": manifests}
        self.answer(200, json.dumps(index).encode(), [("Content-Type", index["mediaType"])])

    def keep_referrer(self, repository, body):
        manifest = json.loads(body)
        if "subject" not in manifest:
            return []
        subject = manifest["subject"]["digest"]
        descriptor = {"mediaType": manifest["mediaType"], "digest": harness.sha256(body), "size": len(body),
                      "artifactType": manifest.get("artifactType") or manifest["config"]["mediaType"],
                      "annotations": manifest.get("annotations", {})}
        with self.relay.mutex:
            self.relay.referrers.setdefault((repository, subject), {})[descriptor["digest"]] = descriptor
        return [("OCI-Subject", subject)]
