// SPDX-License-Identifier: Apache-2.0

// tests/data/bad/vhd/: a file for each defect, made by tests/data/make_bad_vhd.py.

#include <filesystem>
#include <map>
#include <set>
#include <sstream>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "io/posix_file_system.h"
#include "vhd/vhd.h"

namespace seabag::vhd {
namespace {

using ::testing::HasSubstr;

constexpr std::uint64_t kListBytes = 1U << 20U;

struct Expected {
  std::string code;
  std::string fragment;
};

std::string directory() {
  return SEABAG_TEST_DATA "/bad/vhd";
}

std::map<std::string, Expected> expected_errors() {
  const auto files = io::posix_file_system();
  const io::Bytes list = io::read_file(*files, directory() + "/expected.tsv", kListBytes);
  std::istringstream lines{std::string(io::text_of(list))};
  std::map<std::string, Expected> rows;
  std::string name;
  Expected expected;
  while (std::getline(lines, name, '\t') && std::getline(lines, expected.code, '\t') &&
         std::getline(lines, expected.fragment)) {
    rows[name] = expected;
  }
  return rows;
}

void read_all(const std::string& path) {
  const auto disk = open(io::posix_file_system()->open(path, io::OpenMode::kReadDisk));
  io::Bytes part(disk::kChunkBytes);
  for (std::uint64_t at = 0; at < disk->size(); at += part.size()) {
    part.resize(std::min<std::uint64_t>(part.size(), disk->size() - at));
    disk->read_at(at, part);
  }
}

TEST(BadVhd, IsRefusedWithItsOwnMessage) {
  const auto rows = expected_errors();
  ASSERT_FALSE(rows.empty());
  std::set<std::string> fragments;
  for (const auto& [name, expected] : rows) {
    SCOPED_TRACE(name);
    EXPECT_TRUE(fragments.insert(expected.fragment).second) << "the fragment tells no two apart";
    try {
      read_all(directory() + '/' + name);
      ADD_FAILURE() << "was read";
    } catch (const Error& error) {
      EXPECT_EQ(name_of(error.code()), expected.code);
      EXPECT_THAT(error.what(), HasSubstr(expected.fragment));
    }
  }
}

TEST(BadVhd, IsListedWithWhatIsExpected) {
  const auto rows = expected_errors();
  std::set<std::string> listed = {"expected.tsv"};
  for (const auto& [name, expected] : rows) listed.insert(name);
  std::set<std::string> there;
  for (const auto& entry : std::filesystem::directory_iterator(directory())) {
    there.insert(entry.path().filename());
  }
  EXPECT_EQ(there, listed);
}

}  // namespace
}  // namespace seabag::vhd
