// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <fstream>
#include <span>
#include <string>

#include "io/bytes.h"
#include "testing/temp_dir.h"

namespace seabag::fuzz {

/// The path of a file with these bytes, for parsers that open a file by its name. There is one for
/// all runs.
inline std::string file_with(std::span<const std::byte> bytes) {
  static const testing::TempDir directory;
  std::string path = directory / "input";
  std::ofstream(path, std::ios::binary | std::ios::trunc) << io::text_of(bytes);
  return path;
}

}  // namespace seabag::fuzz
