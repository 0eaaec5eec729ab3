# SPDX-License-Identifier: Apache-2.0
"""Memory is a constant, and nothing is written but where it was asked for."""
import hashlib
import json
import os
import pathlib
import subprocess
import unittest

import harness
from harness import EXPORT, IMPORT, run

LIMIT = 64 << 20


def peak_memory(*command):
    """The peak resident memory of a command in bytes."""
    process = subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                               env=harness.environment())
    said = process.stdout.read()
    process.stdout.close()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, said.decode(errors="replace")
    return usage.ru_maxrss * 1024


class Memory(harness.TestCase):
    def big_layout(self, size):
        """A layout with one image of one sparse layer of that size."""
        layout = self.dir / "layout"
        blobs = layout / "blobs/sha256"
        blobs.mkdir(parents=True)

        def put(data):
            digest = hashlib.sha256(data).hexdigest()
            (blobs / digest).write_bytes(data)
            return {"digest": "sha256:" + digest, "size": len(data)}

        hasher = hashlib.sha256()
        for _ in range(size >> 20):
            hasher.update(bytes(1 << 20))
        with open(blobs / hasher.hexdigest(), "wb") as file:
            file.truncate(size)
        oci = "application/vnd.oci.image."
        manifest = put(json.dumps({
            "schemaVersion": 2, "mediaType": oci + "manifest.v1+json",
            "config": {"mediaType": oci + "config.v1+json", **put(b'{"os":"linux","architecture":"amd64"}')},
            "layers": [{"mediaType": oci + "layer.v1.tar", "digest": "sha256:" + hasher.hexdigest(), "size": size}],
        }).encode())
        (layout / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
        (layout / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [
            {"mediaType": oci + "manifest.v1+json", **manifest,
             "annotations": {"org.opencontainers.image.ref.name": "big/model:1"}}]}))
        return layout

    @unittest.skipIf(harness.SANITIZED, "the sanitizers' own memory would be measured; the plain build has this test")
    def test_a_disk_takes_less_than_64_mib_in_every_format(self):
        raw = self.dir / "disk.raw"
        noise = os.urandom(1 << 20)
        with open(raw, "wb") as file:
            for _ in range(200):
                file.write(noise)
            file.truncate(3 << 40)
            file.seek((3 << 40) - 512)
            file.write(noise[:512])
        figures = {}
        for output in ("vmdk", "vmdk-2gb"):
            bundle = self.dir / f"{output}.bag"
            figures[f"export as {output}"] = peak_memory(EXPORT, bundle, f"disk:{raw}", "--disk-format", output)
            figures[f"{output} to raw"] = peak_memory(IMPORT, "push", bundle, f"dir:{self.dir}/{output}", "--disk-as",
                                                      "raw")
            run("rm", "-rf", bundle, self.dir / output)
        os.truncate(raw, 2040 << 30)
        for output in ("vhd", "vmdk-sparse", "raw"):
            if output == "raw":
                os.truncate(raw, 4 << 30)  # the bag's checksum reads every zero of a raw file
            bundle = self.dir / f"{output}.bag"
            figures[f"export as {output}"] = peak_memory(EXPORT, bundle, f"disk:{raw}", "--disk-format", output)
            figures[f"verify --deep of {output}"] = peak_memory(IMPORT, "verify", "--deep", bundle)
        for what, peak in figures.items():
            self.assertLess(peak, LIMIT, f"{what}: {peak >> 20} MiB")
        if os.environ.get("SEABAG_FIGURES"):
            print({what: peak >> 20 for what, peak in figures.items()})

    @unittest.skipIf(harness.SANITIZED, "the sanitizers' own memory would be measured; the plain build has this test")
    def test_a_layer_of_2_gib_takes_less_than_64_mib_either_way(self):
        layout = self.big_layout(2 << 30)
        registry = self.registry()
        bundle = self.dir / "big.bag"
        figures = {
            "export from a layout": peak_memory(EXPORT, bundle, f"oci:{layout}"),
            "verify": peak_memory(IMPORT, "verify", bundle),
            "push to a registry": peak_memory(IMPORT, "push", bundle, f"docker://{registry.host}", "--plain-http",
                                              registry.host),
        }
        run("rm", "-rf", bundle)
        figures["export from a registry"] = peak_memory(EXPORT, bundle, f"docker://{registry.host}", "--plain-http",
                                                        registry.host)
        for what, peak in figures.items():
            self.assertLess(peak, LIMIT, f"{what}: {peak >> 20} MiB")


class Writes(harness.FilledRegistryTestCase):
    def opened_for_writing(self, *command):
        """The paths that a command created or opened for writing."""
        trace = self.dir / "trace"
        run("strace", "-f", "-qq", "-o", trace, "-e", "trace=openat,open,creat,mkdir,rename,renameat2,unlink",
            *command, timeout=600)
        found = set()
        for line in trace.read_text(errors="replace").splitlines():
            writes = any(flag in line for flag in ("O_WRONLY", "O_RDWR", "O_CREAT")) or "open" not in line
            if writes and '"' in line and " = -1 " not in line:
                found.update(part for part in line.split('"')[1::2])
        return {pathlib.Path(path) for path in found} - {pathlib.Path("/dev/null"), pathlib.Path("/dev/tty")}

    @unittest.skipIf(harness.SANITIZED, "the sanitizers write for themselves")
    def test_files_are_written_in_the_bundle_the_target_and_the_receipt_alone(self):
        bundle = self.dir / "b.bag"
        written = self.opened_for_writing(EXPORT, bundle, f"docker://{self.source.host}/library/multi", "--plain-http",
                                          self.source.host)
        self.assertTrue(written)
        self.assertEqual([p for p in written if not str(p).startswith(str(bundle))], [])
        receipt, layout = self.dir / "r.json", self.dir / "layout"
        written = self.opened_for_writing(IMPORT, "push", bundle, f"oci:{layout}", "--receipt", receipt)
        outside = [p for p in written if not str(p).startswith((str(layout), str(receipt)))]
        self.assertEqual(outside, [])

    @unittest.skipIf(harness.SANITIZED, "the sanitizers' runtime opens sockets of its own")
    def test_the_importer_connects_to_nothing_but_the_target(self):
        bundle = self.export("b.bag", f"docker://{self.source.host}/library/multi", registry=self.source)
        target = self.registry()
        trace = self.dir / "trace"
        run("strace", "-f", "-qq", "-o", trace, "-e", "trace=connect,sendto", IMPORT, "push", bundle,
            f"docker://{target.host}", "--plain-http", target.host)
        connects = [line for line in trace.read_text().splitlines() if "connect(" in line and "AF_INET" in line]
        self.assertTrue(connects)
        self.assertEqual([line for line in connects if f"htons({target.port})" not in line], [])


if __name__ == "__main__":
    unittest.main()
