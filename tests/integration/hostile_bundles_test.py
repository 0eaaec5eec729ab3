# SPDX-License-Identifier: Apache-2.0
"""Bundles that were made to do harm: every command ends soon, in little memory, with the right exit status and a message
that says what is wrong in harmless characters, and touches nothing but its target. The letters are rows of
tests/catalogue.md."""
import hashlib
import json
import os
import pathlib
import re
import shutil
import socket
import sqlite3
import subprocess
import tarfile
import tempfile
import time
import unittest

import harness
from harness import EXPORT, IMPORT, SANITIZED, SCRATCH, environment, run

SECONDS = 60
MEBIBYTES = 256
CONTROLS = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]")
TAGS = ("bagit.txt", "bag-info.txt", "index.sqlite", "manifest-sha256.txt")


def sha256(path):
    """In pieces: a child's peak of memory counts from what its parent had when it forked."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def reseal(bundle, tags=TAGS):
    """Makes all checksums right, as a hostile writer would."""
    payload = sorted(p for p in (bundle / "data").rglob("*") if p.is_file() and not p.is_symlink())
    lines = [f"{sha256(p)}  {p.relative_to(bundle)}\n" for p in payload]
    (bundle / "manifest-sha256.txt").write_text("".join(lines))
    reseal_tags(bundle, tags)


def reseal_tags(bundle, tags=TAGS):
    lines = [f"{sha256(bundle / name)}  {name}\n" for name in sorted(tags)]
    (bundle / "tagmanifest-sha256.txt").write_text("".join(lines))


def snapshot(directory):
    """All that is in a directory, with what would change if it was written to."""
    found = {}
    for parent, folders, files in os.walk(directory):
        for name in folders + files:
            path = os.path.join(parent, name)
            status = os.lstat(path)
            found[path] = (status.st_mode, status.st_size, status.st_mtime_ns, status.st_ino)
    return found


class Hostile(harness.TestCase):
    @classmethod
    def setUpClass(cls):
        SCRATCH.mkdir(parents=True, exist_ok=True)
        cls.home = pathlib.Path(tempfile.mkdtemp(prefix="hostile-", dir=SCRATCH))
        layout = harness.Layout(cls.home / "layout")
        base = layout.layer(b"shared" * 1000)
        app = layout.name("registry.example/team/app:1", layout.manifest([base, layout.layer(b"app" * 5000)]))
        layout.name("registry.example/team/tool:1", layout.manifest([base, layout.layer(b"tool" * 4000)]))
        layout.name("registry.example/team/sbom:1", layout.manifest([layout.layer(b"sbom")], subject=app))
        (cls.home / "web.raw").write_bytes(b"disk" * 65536)
        sources = [f"oci:{layout.path}", f"disk:{cls.home}/web.raw"]
        run(EXPORT, cls.home / "good.bag", *sources)
        run(EXPORT, cls.home / "split.bag", *sources, "--split-by", "repository")

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.home)

    def setUp(self):
        super().setUp()
        self.bundle = self.take("good.bag")
        self.victim = self.dir / "victim"
        self.victim.write_text("a key")

    def take(self, name):
        where = self.dir / name
        shutil.rmtree(where, ignore_errors=True)
        shutil.copytree(self.home / name, where)
        return where

    def run_bounded(self, command, expect):
        """Runs it, and holds time, memory and output against the bounds. What it said."""
        began = time.monotonic()
        with subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              env=environment()) as process:
            said = process.stdout.read().decode(errors="surrogateescape")
            _, status, used = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        what = f"{' '.join(map(str, command))}\n{said}"
        self.assertEqual(process.returncode, expect, what)
        self.assertLess(time.monotonic() - began, SECONDS, what)
        if not SANITIZED:
            self.assertLess(used.ru_maxrss, MEBIBYTES * 1024, what)
        self.assertIsNone(CONTROLS.search(said), repr(said))
        return said

    def assert_refused(self, status, message, bundle=None, commands=("verify", "list", "push")):
        """Every command ends so; nothing but the target was written to, and that was not either."""
        bundle = bundle or self.bundle
        before = snapshot(self.dir)
        target = self.dir / "target"
        for command in commands:
            words = [IMPORT, command, bundle] + ([f"dir:{target}"] if command == "push" else [])
            said = self.run_bounded(words, status)
            self.assertIn(message, said, command)
        self.assertFalse(target.exists())
        self.assertEqual(snapshot(self.dir), before)

    def in_index(self, sql, bundle=None):
        """Changes rows of the index, as its writer could, and makes the checksums right."""
        bundle = bundle or self.bundle
        database = sqlite3.connect(bundle / "index.sqlite")
        database.execute("PRAGMA foreign_keys = OFF")
        database.executescript(sql)
        database.commit()
        database.execute("PRAGMA journal_mode = DELETE")
        database.close()
        reseal(bundle)

    def in_manifest(self, change):
        path = self.bundle / "manifest-sha256.txt"
        path.write_bytes(change(path.read_bytes()))
        reseal_tags(self.bundle)


class Bags(Hostile):
    def test_a_good_one_is_taken(self):
        for name in ("good.bag", "split.bag"):
            bundle = self.take(name)
            reseal(bundle)
            self.run_bounded([IMPORT, "verify", bundle], 0)
            self.run_bounded([IMPORT, "push", bundle, f"dir:{self.dir}/out-{name}"], 0)

    def test_tarballs_that_changed_places(self):  # A3
        bundle = self.take("split.bag")
        first, second = sorted((bundle / "data/images").iterdir())[:2]
        first.rename(self.dir / "x"), second.rename(first), (self.dir / "x").rename(second)
        said = self.run_bounded([IMPORT, "verify", bundle], 20)
        self.assertIn(first.name, said)
        self.assertIn(second.name, said)
        self.assertFalse((self.dir / "x").exists())

    def test_a_manifest_line_that_was_changed_with_its_file(self):  # A4
        tarball = self.bundle / "data/images/images.tar"
        data = bytearray(tarball.read_bytes())
        data[-2000] ^= 1
        tarball.write_bytes(data)
        manifest = self.bundle / "manifest-sha256.txt"
        tags = (self.bundle / "tagmanifest-sha256.txt").read_bytes()
        reseal(self.bundle)
        (self.bundle / "tagmanifest-sha256.txt").write_bytes(tags)
        self.assert_refused(20, manifest.name)

    def test_paths_that_leave_the_bag(self):  # A7
        for path in (b"../x", b"/etc/passwd", b"~root/x", b"C:\\x", b"\\\\?\\C:\\x", b"$HOME/x", b"%2e%2e/x",
                     b"data/../../victim", b"data/a\0b", b"data/a\rb", b"data/%0A", b"data//x", b"data/./x",
                     b"data/\x1b[2Jx", "data/\u202egpj.exe".encode()):
            with self.subTest(path=path):
                self.bundle = self.take("good.bag")
                self.in_manifest(lambda text, path=path: text + b"0" * 64 + b"  " + path + b"\n")
                self.assert_refused(22, "manifest-sha256.txt line")

    def test_one_path_twice_and_twins(self):  # A8
        twins = (lambda line: line, lambda line: b"0" * 64 + line[64:], lambda line: line.replace(b"images", b"IMAGES"),
                 lambda line: line.replace(b"images.tar", "im\u00e4ges.tar".encode()),
                 lambda line: line.replace(b"images.tar", "ima\u0308ges.tar".encode()))
        for number, twin in enumerate(twins):
            with self.subTest(number=number):
                self.bundle = self.take("good.bag")
                self.in_manifest(lambda text, twin=twin: text + twin(text.splitlines(True)[0]))
                self.assert_refused(22, "manifest-sha256.txt line")

    def test_line_ends_byte_order_marks_and_blanks(self):
        changes = {"crlf": lambda text: text.replace(b"\n", b"\r\n"), "bom": lambda text: b"\xef\xbb\xbf" + text,
                   "no end": lambda text: text[:-1], "tab": lambda text: text.replace(b"  ", b"\t"),
                   "empty line": lambda text: b"\n" + text, "upper case": lambda text: text[:64].upper() + text[64:],
                   "long line": lambda text: text + b"0" * 64 + b"  data/" + b"x" * 8192 + b"\n"}
        for name, change in changes.items():
            with self.subTest(name=name):
                self.bundle = self.take("good.bag")
                self.in_manifest(change)
                self.assert_refused(22, "manifest-sha256.txt line")

    def test_something_else_in_place_of_a_file(self):  # A9
        tarball = self.bundle / "data/images/images.tar"
        kept = self.dir / "images.tar"

        def link():
            tarball.symlink_to(kept)

        def to_nowhere():
            tarball.symlink_to("nowhere")

        def pipe():
            os.mkfifo(tarball)

        def bound_socket():
            here = os.getcwd()
            os.chdir(tarball.parent)  # names of sockets are short
            try:
                with socket.socket(socket.AF_UNIX) as unbound:
                    unbound.bind("images.tar")
            finally:
                os.chdir(here)

        for make in (link, to_nowhere, pipe, bound_socket, tarball.mkdir):
            with self.subTest(make=make.__name__):
                self.bundle = self.take("good.bag")
                kept.unlink(missing_ok=True)
                tarball.rename(kept)
                make()
                self.assert_refused(22, "expected a regular file")

    def test_a_file_with_two_names_is_a_file(self):  # A9
        tarball = self.bundle / "data/images/images.tar"
        os.link(tarball, self.dir / "other name")
        before = snapshot(self.dir)
        self.run_bounded([IMPORT, "verify", self.bundle], 0)
        self.assertEqual(snapshot(self.dir), before)

    def test_a_link_in_place_of_a_directory(self):  # A10
        (self.bundle / "data/images").rename(self.dir / "images")
        (self.bundle / "data/images").symlink_to(self.dir / "images")
        self.assert_refused(22, "expected a directory")
        bundle = self.take("split.bag")
        (self.dir / "link").symlink_to(bundle)
        self.run_bounded([IMPORT, "verify", self.dir / "link"], 0)

    def test_declarations_of_another_kind(self):  # A12
        version, encoding = b"BagIt-Version: 1.0\n", b"Tag-File-Character-Encoding: UTF-8\n"
        for text, status in ((b"BagIt-Version: 0.97\n" + encoding, 23), (b"\xef\xbb\xbf" + version + encoding, 22),
                             (version, 22), ((version + encoding).decode().encode("utf-16"), 22),
                             ((version + encoding).replace(b"\n", b"\r\n"), 23), (b"", 22), (version + encoding + b"x\n", 22)):
            with self.subTest(text=text):
                self.bundle = self.take("good.bag")
                (self.bundle / "bagit.txt").write_bytes(text)
                reseal(self.bundle)
                self.assert_refused(status, "bagit.txt")

    def test_manifests_without_end(self):  # A13
        def lines(file):
            for number in range(500_001):
                file.write(b"0" * 64 + b"  data/%d\n" % number)

        def one_line(file):
            for _ in range(64):
                file.write(b"x" * (1 << 20))

        def gigabyte(file):
            file.truncate(1 << 30)

        for write in (lines, one_line, gigabyte):
            for name in ("manifest-sha256.txt", "tagmanifest-sha256.txt"):
                with self.subTest(name=name, write=write.__name__):
                    self.bundle = self.take("good.bag")
                    with open(self.bundle / name, "wb") as file:
                        write(file)
                    if not name.startswith("tag"):
                        reseal_tags(self.bundle)
                    self.assert_refused(22, name, commands=("verify", "push"))

    def test_a_weak_manifest_alone_makes_no_bundle(self):  # A14
        (self.bundle / "manifest-sha256.txt").rename(self.bundle / "manifest-md5.txt")
        (self.bundle / "tagmanifest-sha256.txt").rename(self.bundle / "tagmanifest-md5.txt")
        self.assert_refused(10, "bundle")

    def test_tag_files_that_must_not_be_there(self):  # A14 A15 A16 D1 D2
        for name in ("manifest-md5.txt", "manifest-sha512.txt", "tagmanifest-sha512.txt", "fetch.txt", "index.sqlite-journal",
                     "index.sqlite-wal", "index.sqlite-shm"):
            for listed in (False, True):
                with self.subTest(name=name, listed=listed):
                    self.bundle = self.take("good.bag")
                    (self.bundle / name).write_text("http://127.0.0.1:1/x 5 data/x\n")
                    if listed:
                        reseal(self.bundle, TAGS + (name,))
                    self.assert_refused(22, f'"{name}" is refused')

    def test_files_of_two_bundles(self):  # A23
        other = self.take("split.bag")
        for name in ("index.sqlite", "bag-info.txt", "manifest-sha256.txt", "data/disks/web.vmdk"):
            with self.subTest(name=name):
                self.bundle = self.take("good.bag")
                if sha256(other / name) == sha256(self.bundle / name):
                    with open(other / name, "ab") as file:
                        file.write(b"\n")
                shutil.copyfile(other / name, self.bundle / name)
                said = self.run_bounded([IMPORT, "verify", self.bundle], 20)
                self.assertIn(name, said)

    def test_a_copy_without_modes_and_times(self):  # A24
        for parent, folders, files in os.walk(self.bundle):
            for name in folders + files:
                os.chmod(os.path.join(parent, name), 0o777)
                os.utime(os.path.join(parent, name), (1_000_000_000, 1_000_000_000))
        self.run_bounded([IMPORT, "verify", self.bundle], 0)

    def test_trees_that_nobody_listed(self):  # A29
        self.addCleanup(run, "rm", "-rf", self.bundle)  # deeper than Python's own removal goes
        here = os.getcwd()
        os.chdir(self.bundle / "data")
        try:
            for _ in range(3000):
                os.mkdir("d")
                os.chdir("d")
        finally:
            os.chdir(here)
        (self.bundle / "data/many").mkdir()
        for number in range(20_000):
            (self.bundle / f"data/{number}").touch()
        said = self.run_bounded([IMPORT, "verify", self.bundle], 20)
        self.assertIn("more, beside data/ or in it", said)
        self.assertLess(len(said), 200_000)

    def test_a_note_in_bag_info(self):  # K6
        with open(self.bundle / "bag-info.txt", "a") as file:
            file.write("Note: checked by me\n")
        self.assert_refused(20, "bag-info.txt")

    def test_what_is_no_bundle(self):  # K5
        (self.dir / "above").mkdir()
        self.bundle.rename(self.dir / "above/good.bag")
        self.assert_refused(10, "a bundle lies in it", self.dir / "above")
        archive = self.dir / "good.tar"
        run("tar", "-cf", archive, "-C", self.dir / "above", "good.bag")
        self.assert_refused(10, "unpack it", archive)
        self.assert_refused(10, "not a bundle", self.dir / "above/good.bag/data")
        self.assert_refused(10, "there is no", self.dir / "nothing")

    def test_there_is_no_option_that_skips_verification(self):  # K12
        for option in ("--skip-verify", "--no-verify", "--force", "--ignore-checksums"):
            said = self.run_bounded([IMPORT, "push", self.bundle, f"dir:{self.dir}/t", option], 2)
            self.assertIn(option.lstrip("-"), said)


class Indexes(Hostile):
    def hot_journal(self, name_of_victim):
        """A journal as a crash leaves it, which names another one: SQLite alone deletes that."""
        place = self.dir / "hot.sqlite"
        shutil.copyfile(self.bundle / "index.sqlite", place)
        database = sqlite3.connect(place, isolation_level=None)
        database.execute("PRAGMA synchronous = OFF")
        database.execute("PRAGMA cache_size = 1")
        database.execute("BEGIN")
        database.execute("UPDATE metadata SET value = value || 'x'")
        database.execute("CREATE TABLE filler AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 50) "
                         "SELECT hex(zeroblob(2000)) AS x FROM n")
        journal = (self.dir / "hot.sqlite-journal").read_bytes()
        database.execute("ROLLBACK")
        database.close()
        place.unlink()
        name = os.fsencode(name_of_victim)
        # Source: sqlite.org/fileformat2.html, "The Rollback Journal", and pager.c, writeSuperJournal().
        end = (1 << 30) // 4096 + 1
        tail = (end.to_bytes(4, "big") + name + len(name).to_bytes(4, "big")
                + (sum(name) & 0xFFFFFFFF).to_bytes(4, "big") + bytes.fromhex("d9d505f920a163d7"))
        return journal + tail

    def test_a_journal_that_names_a_file_to_delete(self):  # D1
        journal = self.hot_journal(self.victim)
        for listed in (False, True):
            with self.subTest(listed=listed):
                self.bundle = self.take("good.bag")
                (self.bundle / "index.sqlite-journal").write_bytes(journal)
                if listed:
                    reseal(self.bundle, TAGS + ("index.sqlite-journal",))
                self.assert_refused(22, '"index.sqlite-journal" is refused')
                self.assertEqual(self.victim.read_text(), "a key")

    def test_a_write_ahead_log_that_changes_rows(self):  # D2
        place = self.dir / "wal.sqlite"
        shutil.copyfile(self.bundle / "index.sqlite", place)
        database = sqlite3.connect(place)
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("UPDATE image_references SET tag = 'stolen'  WHERE id = 0")
        database.commit()
        (self.bundle / "index.sqlite-wal").write_bytes((self.dir / "wal.sqlite-wal").read_bytes())
        database.close()
        place.unlink()
        self.assert_refused(22, '"index.sqlite-wal" is refused')
        self.assertNotIn("stolen", self.run_bounded([IMPORT, "list", self.home / "good.bag"], 0))

    def test_schemas_that_are_not_ours(self):  # D3
        endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i, 'sha256:', 1, 'present' FROM n"
        for sql in ("CREATE TABLE zebra (x)", "CREATE VIEW zebra AS SELECT 1", "CREATE INDEX zebra ON blobs (size)",
                    "CREATE TRIGGER zebra AFTER INSERT ON blobs BEGIN SELECT 1; END",
                    "CREATE VIRTUAL TABLE zebra USING fts5(x)", "DROP VIEW shared_blobs",
                    "ALTER TABLE sources ADD COLUMN trap TEXT AS (hex(uri)) VIRTUAL",
                    f"ALTER TABLE blobs RENAME TO hidden; CREATE VIEW blobs (id, digest, size, presence) AS {endless}"):
            with self.subTest(sql=sql):
                self.bundle = self.take("good.bag")
                self.in_index("PRAGMA legacy_alter_table = ON; " + sql)
                self.assert_refused(22, "index.sqlite: ")

    def test_other_applications_and_versions(self):  # D7
        for sql in ("PRAGMA application_id = 7", "PRAGMA user_version = 2", "PRAGMA user_version = 0",
                    "UPDATE metadata SET value = '2' WHERE name = 'format-version'"):
            with self.subTest(sql=sql):
                self.bundle = self.take("good.bag")
                self.in_index(sql)
                self.assert_refused(23, "expected" if "PRAGMA" in sql else "bundle format")

    def test_something_else_in_its_place(self):  # D9
        index = self.bundle / "index.sqlite"

        def link():
            index.symlink_to("/etc/passwd")

        def terabyte():
            with open(index, "wb") as file:
                file.truncate(1 << 40)

        for make, message in ((link, "expected a regular file"), (index.mkdir, "expected a regular file"),
                              (lambda: os.mkfifo(index), "expected a regular file"), (terabyte, "more than the limit")):
            with self.subTest(message=message):
                shutil.rmtree(self.bundle)
                self.bundle = self.take("good.bag")
                index.unlink()
                make()
                self.assert_refused(22, message)

    def test_rows_that_point_out_of_the_bag(self):  # D10
        for path in ("../../victim", "data/../../victim", "/etc/passwd", "data/images/../../../victim"):
            with self.subTest(path=path):
                self.bundle = self.take("good.bag")
                self.in_index(f"UPDATE files SET path = '{path}' WHERE id = 0")
                self.assert_refused(22, "is not a path below data/")

    def test_numbers_that_are_too_large(self):  # D6
        for sql in ("UPDATE locations SET offset = 9223372036854775807", "UPDATE blobs SET size = 9223372036854775807",
                    "UPDATE edges SET position = position + 4294967295", "UPDATE edges SET child = 4294967296"):
            with self.subTest(sql=sql):
                self.bundle = self.take("good.bag")
                self.in_index(sql)
                self.assert_refused(22, "index.sqlite: ")

    def test_ranges_that_overlap(self):  # D5
        self.in_index("UPDATE locations SET offset = (SELECT min(offset) FROM locations)")
        said = self.run_bounded([IMPORT, "verify", self.bundle], 20)
        self.assertIn("the index says at", said)
        said = self.run_bounded([IMPORT, "push", self.bundle, f"dir:{self.dir}/target"], 20)
        self.assertIn("sha256:", said)
        self.assertEqual(list((self.dir / "target").rglob("*.tar")), [])

    def test_a_graph_in_a_circle(self):  # C10
        self.in_index("UPDATE edges SET role = 'child', child = parent WHERE role = 'subject'")
        self.assert_refused(22, "nested deeper than 8")

    def test_names_that_climb_out_of_the_target(self):  # C13
        for name in ("../../../escape", "/escape", "..", "a/../../escape", "a//b", "-rf"):
            for target in ("dir:", "oci:"):
                with self.subTest(name=name, target=target):
                    self.bundle = self.take("good.bag")
                    self.in_index(f"UPDATE repositories SET registry = '', name = '{name}' WHERE id = 0")
                    before = snapshot(self.dir)
                    done = subprocess.run([IMPORT, "push", self.bundle, f"{target}{self.dir}/out/target"],
                                          capture_output=True, env=environment(), timeout=SECONDS, check=False)
                    self.assertEqual(done.returncode, 2, done.stderr)
                    self.assertFalse((self.dir / "out").exists())
                    self.assertEqual(snapshot(self.dir), before)

    def test_texts_that_write_to_terminals(self):  # C12
        evil = "char(27) || ']52;c;cm0gLXJmIC8=' || char(7) || char(27) || '[2J' || char(8238) || 'gpj' || char(155) || char(10) || 'ok: '"
        self.in_index(f"UPDATE sources SET uri = 'oci:' || {evil};"
                      f"UPDATE disks SET source = {evil};"
                      f"UPDATE manifests SET created = {evil};"
                      f"UPDATE metadata SET value = {evil} WHERE name IN ('created', 'tool', 'selection');"
                      f"INSERT INTO absences VALUES (0, NULL, {evil}, 'refused', {evil})")
        for command, status in (("list", 0), ("verify", 0), ("push", 0)):
            words = [IMPORT, command, self.bundle] + ([f"dir:{self.dir}/target"] if command == "push" else [])
            said = self.run_bounded(words, status)
            for line in said.splitlines():
                self.assertFalse(line.startswith("ok: ") and command != "verify", said)
            self.run_bounded(words[:2] + ["--json"] + words[2:], status)

    def test_a_media_type_that_its_manifest_does_not_have(self):  # D5
        for change in ("name || char(10) || 'X-Evil: 1'", "'text/html'"):
            self.bundle = self.take("good.bag")
            self.in_index(f"UPDATE media_types SET name = {change} WHERE name LIKE '%.image.manifest.v1+json'")
            for target in ("dir", "oci"):
                with self.subTest(change=change, target=target):
                    where = self.dir / f"{target}-target"
                    done = subprocess.run([IMPORT, "push", self.bundle, f"{target}:{where}"], capture_output=True,
                                          env=environment(), timeout=SECONDS, check=False)
                    self.assertIn(done.returncode, (20, 22, 23), done.stderr)
                    self.assertIn(b"4 failed", done.stdout)
                    named = [path for path in where.rglob("*") if path.suffix == ".tar"]
                    if (where / "index.json").exists():
                        named += [entry for entry in json.loads((where / "index.json").read_text())["manifests"]
                                  if not entry["annotations"]["org.opencontainers.image.ref.name"].startswith("disks/")]
                    self.assertEqual(named, [])


class Tarballs(Hostile):
    def repack(self, tar_format, change=lambda member: None):
        """The tarball as another tar program writes it; index and checksums agree with it."""
        tarball = self.bundle / "data/images/images.tar"
        with tarfile.open(tarball) as old, tarfile.open(self.dir / "new.tar", "w", format=tar_format) as new:
            for member in old.getmembers():
                data = old.extractfile(member)
                change(member)
                new.addfile(member, data)
        (self.dir / "new.tar").rename(tarball)
        places = []
        with tarfile.open(tarball) as new:
            for member in new.getmembers():
                parts = member.name.split("/")
                if parts[0] == "blobs":
                    places.append(f"UPDATE locations SET offset = {member.offset_data} WHERE blob = "
                                  f"(SELECT id FROM blobs WHERE digest = '{parts[1]}:{parts[2]}');")
        self.in_index("".join(places) + f"UPDATE files SET size = {tarball.stat().st_size}, sha256 = '{sha256(tarball)}' "
                      "WHERE path = 'data/images/images.tar'")

    def test_of_another_tar_program_are_found_out(self):
        def old_times(member):
            member.mtime = 1

        def owner(member):
            member.uname = "root"

        for name, tar_format, change in (("gnu", tarfile.GNU_FORMAT, lambda member: None),
                                         ("times", tarfile.USTAR_FORMAT, old_times),
                                         ("owner", tarfile.PAX_FORMAT, owner)):
            with self.subTest(name=name):
                self.bundle = self.take("good.bag")
                self.repack(tar_format, change)
                self.assertIn("tarball at offset", self.run_bounded([IMPORT, "verify", self.bundle], 20))
                os.unlink(self.bundle / "index.sqlite")
                self.assert_refused(22, "tarball at offset", commands=("list", "push"))

    def test_with_tables_behind_the_blobs_are_found_out(self):  # B14
        tarball = self.bundle / "data/images/images.tar"
        data = tarball.read_bytes()
        with tarfile.open(tarball) as members:
            first, second = members.getmembers()[:2]
        # oci-layout goes to the end; what was behind it moves up.
        cut = second.offset
        tarball.write_bytes(data[cut:-1024] + data[first.offset:cut] + data[-1024:])
        self.in_index(f"UPDATE locations SET offset = offset - {cut} WHERE file = "
                      "(SELECT id FROM files WHERE path = 'data/images/images.tar');"
                      f"UPDATE files SET sha256 = '{sha256(tarball)}' WHERE path = 'data/images/images.tar'")
        self.assertIn("expected oci-layout", self.run_bounded([IMPORT, "verify", self.bundle], 20))
        os.unlink(self.bundle / "index.sqlite")
        self.assert_refused(22, "expected oci-layout", commands=("list", "push"))


if __name__ == "__main__":
    unittest.main()
