// SPDX-License-Identifier: Apache-2.0
#include "testing/temp_dir.h"

#include <cstdlib>
#include <filesystem>
#include <system_error>

#include "base/error.h"

namespace seabag::testing {

TempDir::TempDir() : path_(std::filesystem::temp_directory_path() / "seabag-test-XXXXXX") {
  check(::mkdtemp(path_.data()) != nullptr, "a temporary folder");
}

TempDir::~TempDir() {
  std::error_code ignored;  // nothing can be done about a folder that stays
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace seabag::testing
