# SPDX-License-Identifier: Apache-2.0
"""Comparisons about images: export, import, verify, list."""
import json
import os
import pathlib
import shlex
import shutil
import urllib.request

import corpora
import harness
from measuring import Comparison, Contender, Work, measure

EXPORT, IMPORT = harness.EXPORT, harness.IMPORT
CONNECTIONS = "8"
ACCEPT = ", ".join(["application/vnd.oci.image.manifest.v1+json", "application/vnd.oci.image.index.v1+json",
                    "application/vnd.docker.distribution.manifest.v2+json",
                    "application/vnd.docker.distribution.manifest.list.v2+json", "*/*"])


def tree_bytes(path):
    return sum(file.stat().st_size for file in pathlib.Path(path).rglob("*") if file.is_file())


def remove(path):
    """A folder or a bundle, and what a run that was killed left of it."""
    shutil.rmtree(path, ignore_errors=True)
    shutil.rmtree(f"{path}.unfinished", ignore_errors=True)


def script(path, lines):
    """A shell script that goes on after a failure and tells at the end that there was one: a peer that cannot carry one
    image of many is still measured with the others, and what it left out is said."""
    text = ["#!/bin/sh", "failed=0"] + [f"{line} || failed=$((failed + 1))" for line in lines]
    path.write_text("\n".join(text + ['[ "$failed" = 0 ] || echo "$failed not carried" >&2', "exit 0"]) + "\n")
    path.chmod(0o755)
    return [path]


def curl_script(path, requests):
    """The same requests by one curl process over as many connections as our workers. What it accepts is said once: each
    header of a configuration goes with every request in it."""
    path.write_text("\n".join([f'header = "Accept: {ACCEPT}"'] + requests) + "\n")
    return ["curl", "-sS", "--fail", "--parallel", "--parallel-immediate", "--parallel-max", CONNECTIONS, "--config", path]


def tagged(corpus):
    return [entry for entry in json.loads((corpus / "corpus.json").read_text()) if entry["tag"]]


class ImageWork(Work):
    def comparisons(self):
        return {"export": self.export, "import": self.importing, "verify": self.verify, "many-manifests": self.many}

    def corpus(self):
        return harness.corpus() if self.short else corpora.images(self.scratch, bulk_mib=512, apps=12)

    def filled_registry(self, corpus):
        registry = harness.Registry()
        harness.run(corpora.TOP / "samples/push-corpus", corpus, registry.host, timeout=900)
        return registry

    # -- out of a registry

    def export(self):
        corpus = self.corpus()
        registry = self.filled_registry(corpus)
        try:
            return [Comparison(f"export-{state}", f"Export of the corpus from docker-registry, {state} caches",
                               self.exporters(registry, corpus), payload_bytes=tree_bytes(corpus / "blobs"),
                               rounds=self.rounds, cold=state == "cold").run(self.log)
                    for state in (["warm"] if self.short else ["warm", "cold"])]
        finally:
            registry.stop()

    def exporters(self, registry, corpus):
        host, out = registry.host, self.out
        bundle, blobs = out / "export.bag", out / "curl"
        found = [Contender("seabag-export", [EXPORT, bundle, f"docker://{host}", "--plain-http", host, "--quiet"],
                           prepare=lambda: remove(bundle), role="ours")]

        def fresh(path):
            remove(path)
            path.mkdir()

        found.append(Contender("curl, the same blobs to files", curl_script(out / "curl.conf", self.downloads(registry, corpus, blobs)),
                               prepare=lambda: fresh(blobs), role="floor"))
        names = [(entry["repo"], entry["tag"]) for entry in tagged(corpus)]
        for peer, lines in self.pulling(host, names, out / "peer").items():
            if shutil.which(peer.split()[0]):
                found.append(Contender(peer, script(out / f"{peer.replace(' ', '-')}.sh", lines),
                                       prepare=lambda: fresh(out / "peer")))
        return found

    @staticmethod
    def pulling(host, names, out):
        """How the peers take everything out of a registry."""
        images = [f"{host}/{repository}:{tag}" for repository, tag in names]
        return {
            "skopeo copy, all into one layout": [
                f"skopeo copy --quiet --all --src-tls-verify=false docker://{image} oci:{out}:{image}" for image in images],
            "skopeo sync": [f"skopeo sync --all --src-tls-verify=false --scoped --src docker --dest dir {image} {out}"
                            for image in images],
            "crane pull": [f"crane pull --insecure --format=oci {' '.join(images)} {out}"],
            "oras copy": [f"oras copy --recursive --from-plain-http --to-oci-layout {image} {out}:{number}"
                          for number, image in enumerate(images)],
            "regctl image copy": [f"regctl registry set --tls disabled {host}"] + [
                f"regctl image copy --referrers --digest-tags {image} ocidir://{out}:n{number}" for number, image in enumerate(images)],
            "hauler store": [f"hauler store add image --plain-http --store {out} {image}" for image in images],
            "imgpkg copy": [f"imgpkg copy --registry-insecure -i {image} --to-tar {out}/{number}.tar"
                            for number, image in enumerate(images)],
        }

    def downloads(self, registry, corpus, out):
        """What has to be fetched, each thing once: by name for curl's --config."""
        seen, requests = set(), []
        for entry in json.loads((corpus / "corpus.json").read_text()):
            for digest, kind in self.parts(corpus, entry):
                if digest in seen:
                    continue
                seen.add(digest)
                requests += [f'url = "http://{registry.host}/v2/{entry["repo"]}/{kind}/{digest}"',
                             f'output = "{out}/{digest[7:]}"']
        return requests

    @staticmethod
    def parts(corpus, entry):
        document = json.loads((corpus / "blobs/sha256" / entry["digest"][7:]).read_bytes())
        yield entry["digest"], "manifests"
        for part in ([document["config"]] if "config" in document else []) + document.get("layers", []):
            if (corpus / "blobs/sha256" / part["digest"][7:]).exists():
                yield part["digest"], "blobs"

    # -- into a registry

    def importing(self):
        corpus = self.corpus()
        bundle, kept = self.out / "import.bag", self.out / "peer-layouts"
        remove(bundle)
        remove(kept)
        source = self.filled_registry(corpus)
        try:
            measure([EXPORT, bundle, f"docker://{source.host}", "--plain-http", source.host, "--quiet"], log=self.log)
            names = [(entry["repo"], entry["tag"]) for entry in tagged(corpus)]
            for peer, lines in self.keeping(source.host, names, kept).items():
                if shutil.which(peer):
                    (kept / peer).mkdir(parents=True)
                    measure(script(self.out / "keep.sh", lines), log=self.log)
        finally:
            source.stop()
        self.target = None
        pushing = Comparison("import", "Import into an empty docker-registry",
                             self.importers(corpus, bundle, kept, source.host, names),
                             payload_bytes=tree_bytes(bundle), rounds=self.rounds).run(self.log)
        self.target = harness.Registry()
        try:
            push = [IMPORT, "push", bundle, f"docker://{self.target.host}", "--plain-http", self.target.host, "--quiet"]
            measure(push, log=self.log)
            again = Comparison("import-again", "Import when all is there", [Contender("seabag-import push", push, role="ours")],
                               rounds=self.rounds).run(self.log)
        finally:
            self.target.stop()
        return [pushing, again]

    def keeping(self, host, names, kept):
        """How each peer puts everything beneath `kept` in the form that it reads fastest; crane pushes a layout as one image."""
        pulls = {"skopeo": "skopeo copy, all into one layout", "oras": "oras copy", "regctl": "regctl image copy"}
        found = {peer: self.pulling(host, names, kept / peer)[pull] for peer, pull in pulls.items()}
        found["crane"] = [f"crane pull --insecure --format=oci {host}/{repository}:{tag} {kept}/crane/{number}"
                          for number, (repository, tag) in enumerate(names)]
        return found

    def importers(self, corpus, bundle, kept, source, names):
        def start():
            self.target = harness.Registry()

        def stop():
            self.target.stop()

        def ours():
            return [IMPORT, "push", bundle, f"docker://{self.target.host}", "--plain-http", self.target.host, "--quiet"]

        def pushing(peer):
            return lambda: script(self.out / f"push-{peer}.sh", self.pushing(source, self.target.host, names, kept)[peer])

        titles = {"skopeo": "skopeo copy, from one layout", "crane": "crane push, a layout for each image",
                  "oras": "oras copy, from one layout", "regctl": "regctl image copy, from one layout"}
        return [Contender("seabag-import push", ours, prepare=start, after=stop, role="ours"),
                Contender("curl, the same blobs uploaded", lambda: self.uploads(corpus), prepare=start, after=stop, role="floor")] + [
                    Contender(title, pushing(peer), prepare=start, after=stop) for peer, title in titles.items() if shutil.which(peer)]

    @staticmethod
    def pushing(source, target, names, kept):
        """How the peers put into a registry what they kept of `source`."""
        numbered = [(number, f"{source}/{repository}:{tag}", f"{target}/{repository}:{tag}")
                    for number, (repository, tag) in enumerate(names)]
        return {
            "skopeo": [f"skopeo copy --quiet --all --dest-tls-verify=false oci:{kept}/skopeo:{old} docker://{new}"
                       for _, old, new in numbered],
            "crane": [f"crane push --insecure {kept}/crane/{number} {new}" for number, _, new in numbered],
            "oras": [f"oras copy --recursive --from-oci-layout --to-plain-http {kept}/oras:{number} {new}" for number, _, new in numbered],
            "regctl": [f"regctl registry set --tls disabled {target}"] + [
                f"regctl image copy --referrers --digest-tags ocidir://{kept}/regctl:n{number} {new}" for number, _, new in numbered],
        }

    def uploads(self, corpus):
        """Each blob once, in one PUT; that the uploads are begun beforehand is a gift to this floor."""
        seen, requests = set(), []
        for entry in json.loads((corpus / "corpus.json").read_text()):
            for digest, kind in self.parts(corpus, entry):
                if kind != "blobs" or digest in seen:
                    continue
                seen.add(digest)
                begin = urllib.request.Request(f"http://{self.target.host}/v2/{entry['repo']}/blobs/uploads/", method="POST", data=b"")
                with urllib.request.urlopen(begin, timeout=60) as answer:
                    location = answer.headers["Location"]
                requests += [f'url = "{location}{"&" if "?" in location else "?"}digest={digest}"',
                             f'upload-file = "{corpus}/blobs/sha256/{digest[7:]}"', 'header = "Content-Type: application/octet-stream"']
        return curl_script(self.out / "upload.conf", requests)

    # -- at rest

    def verify(self):
        """One tarball has one SHA-256, which is one core's work; a tarball for each repository keeps all of them busy."""
        corpus = self.corpus()
        registry = self.filled_registry(corpus)
        bundles = {"verify-one": self.out / "verify-one.bag", "verify-split": self.out / "verify-split.bag"}
        try:
            for name, bundle in bundles.items():
                remove(bundle)
                split = ["--split-by", "repository"] if name == "verify-split" else []
                measure([EXPORT, bundle, f"docker://{registry.host}", "--plain-http", registry.host, "--quiet", *split], log=self.log)
        finally:
            registry.stop()
        titles = {"verify-one": "verify, one tarball", "verify-split": "verify, a tarball for each repository"}
        return [self.verifying(name, titles[name], bundle) for name, bundle in bundles.items()]

    def verifying(self, name, title, bundle):
        payload = tree_bytes(bundle / "data")
        return Comparison(name, title, [
            Contender("seabag-import verify", [IMPORT, "verify", bundle, "--quiet"], role="ours"),
            Contender("openssl dgst -sha256, on every core", ["sh", "-c", self.hashing(bundle, payload)], role="floor")],
            payload_bytes=payload, rounds=self.rounds).run(self.log)

    def hashing(self, bundle, payload):
        """As many processes as there are cores, each over its share of as many bytes as the payload has."""
        tarball = max((bundle / "data/images").iterdir(), key=lambda path: path.stat().st_size)
        shares, cores = [], os.cpu_count()
        with open(tarball, "rb") as file:
            for number in range(cores):
                share = self.out / f"share-{number}"
                with open(share, "wb") as out:
                    for _ in range(payload // cores >> 20):
                        block = file.read(1 << 20)
                        if len(block) < 1 << 20:
                            file.seek(0)
                            block = file.read(1 << 20)
                        out.write(block)
                shares.append(f"openssl dgst -sha256 {shlex.quote(str(share))} &")
        return " ".join(shares) + " wait"

    # -- many small things

    def many(self):
        storage, listing = corpora.many_manifests(self.scratch, *((40, 5) if self.short else (2000, 10)))
        registry = harness.Registry(storage=storage)
        bundle, files = self.out / "many.bag", self.out / "many"
        requests, seen = [], set()
        for repository, tag, digest, blobs in listing:
            requests += self.download(registry.host, repository, "manifests", tag, files, digest)
            for blob in blobs:
                if blob not in seen:
                    seen.add(blob)
                    requests += self.download(registry.host, repository, "blobs", blob, files, blob)

        def fresh():
            remove(files)
            files.mkdir()

        rounds = min(self.rounds, 3)
        try:
            exporting = Comparison("many-export", f"Export of {len(listing)} manifests", [
                Contender("seabag-export", [EXPORT, bundle, f"docker://{registry.host}", "--plain-http", registry.host, "--quiet"],
                          prepare=lambda: remove(bundle), role="ours"),
                Contender("curl, the same requests", curl_script(self.out / "many.conf", requests), prepare=fresh, role="floor")],
                payload_bytes=tree_bytes(storage / "docker/registry/v2/blobs"), rounds=rounds).run(self.log)
        finally:
            registry.stop()
        found = [exporting, Comparison("list", f"list of a bundle of {len(listing)} manifests", [
            Contender("seabag-import list", [IMPORT, "list", bundle, "--quiet"], role="ours")], rounds=self.rounds).run(self.log)]
        target = harness.Registry()
        try:
            push = [IMPORT, "push", bundle, f"docker://{target.host}", "--plain-http", target.host, "--quiet"]
            first = Comparison("many-import", f"Import of {len(listing)} manifests", [
                Contender("seabag-import push", push, role="ours")], rounds=1).run(self.log)
            again = Comparison("many-import-again", f"Import of {len(listing)} manifests that are there", [
                Contender("seabag-import push", push, role="ours")], rounds=rounds).run(self.log)
        finally:
            target.stop()
        return found + [first, again]

    @staticmethod
    def download(host, repository, kind, reference, out, name):
        return [f'url = "http://{host}/v2/{repository}/{kind}/{reference}"', f'output = "{out}/{name[7:]}"']
