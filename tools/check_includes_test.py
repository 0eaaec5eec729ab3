#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Plants breaches in a small tree and expects check_includes.py to find exactly them."""

import tempfile
import unittest
from pathlib import Path

import check_includes

BASE = """
seabag_module(base
  LAYER 0
  SOURCES error.cc)
"""
IO = """
# A comment with DEPS tar in it.
seabag_module(io
  LAYER 1
  SOURCES file.cc
  TESTS file_test.cc
  DEPS base   # no more
  TEST_DEPS testing
  EXTERNAL fmt::fmt)
"""


class CheckIncludes(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name)
        self.write("src/base/CMakeLists.txt", BASE)
        self.write("src/base/error.h", "#pragma once\n")
        self.write("src/base/error.cc", '#include "base/error.h"\n')
        self.write("src/io/CMakeLists.txt", IO)
        self.write("src/io/file.cc", '#include "io/file.h"\n#include "base/error.h"\n')
        self.write("src/io/file.h", "#include <string>\n")
        self.write("src/io/file_test.cc", '#include "testing/fault_fs.h"\n')

    def write(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def found(self):
        findings = check_includes.check_tree(self.root)
        return [(finding.path, finding.line) for finding in findings]

    def test_passes_a_tree_that_keeps_the_rules(self):
        self.assertEqual(self.found(), [])

    def test_finds_a_module_that_is_not_in_deps(self):
        self.write("src/io/file.cc", '#include "base/error.h"\n  #  include "tar/plan.h"\n')
        self.assertEqual(self.found(), [("src/io/file.cc", 2)])

    def test_finds_an_include_of_an_upper_module(self):
        self.write("src/base/error.h", '#include "io/file.h"\n')
        self.assertEqual(self.found(), [("src/base/error.h", 1)])

    def test_finds_testing_outside_tests(self):
        self.write("src/io/file.h", '#include "testing/fault_fs.h"\n')
        self.assertEqual(self.found(), [("src/io/file.h", 1)])

    def test_lets_a_header_of_tests_alone_use_test_deps(self):
        self.write("src/io/samples_internal.h", '#include "testing/fault_fs.h"\n')
        self.write("src/io/file_test.cc", '#include "io/samples_internal.h"\n')
        self.assertEqual(self.found(), [])
        self.write("src/io/file.cc", '#include "io/samples_internal.h"\n')
        self.assertEqual(self.found(), [("src/io/samples_internal.h", 1)])

    def test_finds_an_internal_header_of_another_module(self):
        self.write("src/io/file.cc", '#include "base/error_internal.h"\n')
        self.assertEqual(self.found(), [("src/io/file.cc", 1)])

    def test_finds_c_libraries_in_public_headers(self):
        for include in ("<sqlite3.h>", "<curl/curl.h>", "<openssl/evp.h>", "<archive_entry.h>"):
            with self.subTest(include):
                self.write("src/io/file.h", f"\n#include {include}\n")
                self.write("src/io/file_internal.h", f"#include {include}\n")
                self.assertEqual(self.found(), [("src/io/file.h", 2)])

    def test_finds_c_libraries_in_the_installed_interface(self):
        self.write("include/seabag/bundle.h", "#include <sqlite3.h>\n")
        self.assertEqual(self.found(), [("include/seabag/bundle.h", 1)])

    def test_lets_api_alone_include_the_installed_interface(self):
        self.write("src/api/CMakeLists.txt", "seabag_module(api LAYER 7 SOURCES bundle.cc)")
        self.write("src/api/bundle.cc", '#include "seabag/bundle.h"\n')
        self.assertEqual(self.found(), [])
        self.write("src/io/file.cc", '#include "seabag/bundle.h"\n')
        self.assertEqual(self.found(), [("src/io/file.cc", 1)])

    def test_finds_catch_all_where_it_is_not_allowed(self):
        self.write("src/io/file.cc", "// catch (...)\ntry {\n} catch (...) {\n}\n")
        self.assertEqual(self.found(), [("src/io/file.cc", 3)])

    def test_finds_more_catch_all_than_are_allowed(self):
        self.write("src/transfer/CMakeLists.txt", "seabag_module(t LAYER 4 SOURCES threads.cc)")
        self.write("src/transfer/threads.cc", "catch (...)\n")
        self.assertEqual(self.found(), [])
        self.write("src/transfer/threads.cc", "catch (...)\ncatch(...)\n")
        self.assertEqual(self.found(), [("src/transfer/threads.cc", 2)])

    def test_finds_standard_streams(self):
        self.write("src/io/file.cc", "\nstd::cout << 1;\nstd::cerr << 2;\n")
        self.assertEqual(self.found(), [("src/io/file.cc", 2), ("src/io/file.cc", 3)])

    def test_finds_files_that_are_too_long(self):
        self.write("src/io/file.h", "\n" * 800)
        self.assertEqual(self.found(), [])
        self.write("src/io/file.h", "\n" * 801)
        self.assertEqual(self.found(), [("src/io/file.h", 801)])

    def test_finds_a_test_that_is_not_built(self):
        self.write("src/io/copy_test.cc", "")
        self.assertEqual(self.found(), [("src/io/copy_test.cc", 1)])

    def test_knows_the_main_file_of_a_program(self):
        self.write(
            "src/io/CMakeLists.txt", IO + "seabag_program(tool MAIN main.cc MODULE io)\n"
        )
        self.write("src/io/main.cc", '#include "base/error.h"\n')
        self.assertEqual(self.found(), [])


if __name__ == "__main__":
    unittest.main()
