# SPDX-License-Identifier: Apache-2.0
"""The programs as a user meets them: help, manual, versions, what they are linked from, what gets installed."""
import pathlib
import re
import subprocess
import unittest

import harness
from harness import EXPORT, IMPORT, TOP, run


def options_in(text):
    return set(re.findall(r"--[a-z][a-z0-9-]+", text))


class Programs(harness.TestCase):
    PROGRAMS = {"seabag-export": EXPORT, "seabag-import": IMPORT}

    def declared(self, program):
        """The options that the program takes, out of its source."""
        folder = {"seabag-export": "exporter", "seabag-import": "importer"}[program]
        found = set()
        for path in (f"src/{folder}/command_line.cc", "src/cli/registry_options.cc", "src/cli/program_options.cc"):
            text = (TOP / path).read_text()
            for call in re.findall(r'\(\s*"(?:[a-z],)?([a-z][a-z0-9-]+)",\s*"', text):
                found.add("--" + call)
        return found - {"--arguments"}

    def test_help_and_manual_have_every_option_and_no_other(self):
        for name, program in self.PROGRAMS.items():
            declared = self.declared(name)
            self.assertGreater(len(declared), 15)
            self.assertEqual(options_in(run(program, "--help").stdout), declared, f"{name} --help")
            page = (TOP / f"docs/man/{name}.1").read_text().split(".Sh OPTIONS")[1].split(".Sh EXIT STATUS")[0]
            manual = {"--" + option for option in re.findall(r"\bFl -([a-z][a-z0-9-]+)", page)}
            other = options_in(page) if name == "seabag-export" else set()
            self.assertLessEqual(declared, manual | other, f"{name}(1)")

    def test_the_manual_shows_which_parts_of_a_source_and_a_target_can_be_left_out(self):
        for name, forms in {"seabag-export": ["docker://HOST[:PORT]", "docker://HOST[:PORT]/REPO[:TAG|@DIGEST]"],
                            "seabag-import": ["docker://HOST[:PORT][/PREFIX]"]}.items():
            page = re.sub(".\b", "", run("mandoc", "-Tascii", TOP / f"docs/man/{name}.1").stdout)
            shown = [line.strip() for line in page.splitlines()]
            for form in forms:
                self.assertIn(form, shown, f"{name}(1)")

    def test_the_version_names_the_format(self):
        for name, program in self.PROGRAMS.items():
            self.assertRegex(run(program, "--version").stdout, rf"^{name} \d+\.\d+\.\d+ \(bundle format 1\)\n$")

    def test_a_wrong_command_line_says_what_was_expected(self):
        done = run(EXPORT, expect=2)
        self.assertIn("seabag-export: ", done.stderr)
        self.assertIn("next: ", done.stderr)
        self.assertEqual(done.stdout, "")

    def test_a_full_disk_under_standard_output_is_no_success(self):
        with open("/dev/full", "w") as full:
            status = subprocess.run([IMPORT, "--help"], stdout=full, stderr=subprocess.DEVNULL,
                                    env=harness.environment()).returncode
        self.assertEqual(status, 41)

    def test_the_exporter_links_nothing_that_pushes_and_the_importer_nothing_that_pulls(self):
        for program, foreign in ((EXPORT, ("target", "importing")), (IMPORT, ("source", "exporting"))):
            symbols = run("nm", "-C", program).stdout
            self.assertIn("seabag::bundle::", symbols)
            for module in foreign:
                self.assertNotIn(f"seabag::{module}::", symbols, f"{program} links {module}")


class Installed(harness.TestCase):
    def test_a_program_outside_the_tree_lists_a_bundle_with_the_installed_library(self):
        build = harness.BIN.parent
        prefix = self.dir / "prefix"
        run("cmake", "--install", build, "--prefix", prefix)
        for path in ("bin/seabag-export", "bin/seabag-import", "include/seabag/bundle.h",
                     "share/man/man1/seabag-export.1", "share/man/man1/seabag-import.1"):
            self.assertTrue((prefix / path).exists(), path)
        run("cmake", "-S", TOP / "samples/list-bundle", "-B", self.dir / "build", f"-DCMAKE_PREFIX_PATH={prefix}",
            f"-DCMAKE_CXX_FLAGS={self.flags(build)}")
        run("cmake", "--build", self.dir / "build")

        layout = self.dir / "layout"
        run("umoci", "init", "--layout", layout)
        run("umoci", "new", "--image", f"{layout}:1")
        bundle = self.dir / "b.bag"
        run(prefix / "bin/seabag-export", bundle, f"oci:{layout}")
        self.assertIn("layout:1  image  sha256:", run(self.dir / "build/list-bundle", bundle).stdout)
        run(self.dir / "build/list-bundle", self.dir, expect=10)

        (bundle / "index.sqlite").unlink()
        listed = run(self.dir / "build/list-bundle", bundle)
        self.assertIn("layout:1  image  sha256:", listed.stdout)
        self.assertIn("index.sqlite", listed.stderr)
        tarball, = (bundle / "data/images").iterdir()
        tarball.write_bytes(tarball.read_bytes()[:-1] + b"x")
        self.assertIn(tarball.name, run(self.dir / "build/list-bundle", bundle, expect=20).stderr)

    @staticmethod
    def flags(build):
        """A sanitized library wants a program that is sanitized the same way."""
        cache = pathlib.Path(build, "CMakeCache.txt").read_text()
        flags = re.search(r"^CMAKE_CXX_FLAGS:\w+=(.*)$", cache, re.M).group(1)
        return " ".join(flag for flag in flags.split() if flag.startswith("-fsanitize"))


if __name__ == "__main__":
    unittest.main()
