// SPDX-License-Identifier: Apache-2.0

// Each file of tests/data/bad/vhdx has one defect, and is refused for that one.

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <sstream>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "io/posix_file_system.h"
#include "testing/memory_file.h"
#include "vhdx/test_pieces_internal.h"
#include "vhdx/vhdx.h"

namespace seabag::vhdx {
namespace {

using ::testing::HasSubstr;

const std::filesystem::path kFolder = std::filesystem::path(SEABAG_TEST_DATA) / "bad" / "vhdx";

struct Expected {
  std::string code;
  std::string fragment;
};

std::map<std::string, Expected> expectations() {
  std::map<std::string, Expected> rows;
  std::ifstream list(kFolder / "expected.tsv");
  for (std::string line; std::getline(list, line);) {
    std::istringstream cells(line);
    std::string name;
    Expected row;
    std::getline(cells, name, '\t');
    std::getline(cells, row.code, '\t');
    std::getline(cells, row.fragment);
    rows[name] = row;
  }
  return rows;
}

void read_all(const disk::DiskSource& disk) {
  io::Bytes bytes;
  for (std::uint64_t offset = 0; offset < disk.size();) {
    const disk::Extent extent = disk.extent_at(offset);
    bytes.resize(std::min<std::uint64_t>(extent.length, 1U << 20U));
    disk.read_at(offset, bytes);
    offset += extent.has_data ? bytes.size() : extent.length;
  }
}

TEST(BadVhdx, IsRefusedForItsDefect) {
  const auto files = io::posix_file_system();
  const auto rows = expectations();
  ASSERT_FALSE(rows.empty());
  for (const auto& [name, row] : rows) {
    SCOPED_TRACE(name);
    try {
      const io::Bytes pieces = io::read_file(*files, (kFolder / name).string(), 1U << 20U);
      read_all(*open(std::make_unique<testing::MemoryFile>(join_pieces(pieces, 16U << 20U))));
      ADD_FAILURE() << "was read";
    } catch (const Error& error) {
      EXPECT_EQ(name_of(error.code()), row.code) << error.what();
      EXPECT_THAT(error.what(), HasSubstr(row.fragment));
      EXPECT_TRUE(error.code() == Code::kMalformed || !error.next_step().empty());
    }
  }
}

TEST(BadVhdx, IsListedWholly) {
  const auto rows = expectations();
  for (const auto& entry : std::filesystem::directory_iterator(kFolder)) {
    const std::string name = entry.path().filename();
    EXPECT_TRUE(name == "expected.tsv" || rows.contains(name)) << name;
  }
}

}  // namespace
}  // namespace seabag::vhdx
