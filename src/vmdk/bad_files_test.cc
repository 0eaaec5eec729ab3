// SPDX-License-Identifier: Apache-2.0

// tests/data/bad/vmdk: one file for each defect, and what is to be said of it.

#include <filesystem>
#include <map>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "io/bytes.h"
#include "io/posix_file_system.h"
#include "vmdk/vmdk.h"

namespace seabag::vmdk {
namespace {

using ::testing::HasSubstr;

const std::string kFolder = SEABAG_TEST_DATA "/bad/vmdk";

struct Row {
  std::string file;
  std::string code;  // "-": only named by others
  std::string fragment;

  friend void PrintTo(const Row& row, std::ostream* out) { *out << row.file; }
};

std::vector<Row> read_rows() {
  const auto files = io::posix_file_system();
  const io::Bytes bytes = io::read_file(*files, kFolder + "/expected.tsv", 1U << 20U);
  std::istringstream lines{std::string(io::text_of(bytes))};
  std::vector<Row> rows;
  for (Row row; std::getline(lines, row.file, '\t') && std::getline(lines, row.code, '\t') &&
                std::getline(lines, row.fragment);) {
    rows.push_back(row);
  }
  return rows;
}

// Opens it, and reads the whole disk.
void read_all(const std::string& path) {
  const auto files = io::posix_file_system();
  const auto disk = open(*files, files->open(path, io::OpenMode::kRead));
  io::Bytes bytes(1U << 20U);
  for (std::uint64_t at = 0; at < disk->size();) {
    const disk::Extent extent = disk->extent_at(at);
    const auto length = std::min<std::uint64_t>(extent.length, bytes.size());
    disk->read_at(at, std::span(bytes).first(length));
    at += length;
  }
}

class BadFile : public ::testing::TestWithParam<Row> {};

TEST_P(BadFile, IsRefused) {
  try {
    read_all(kFolder + "/" + GetParam().file);
    FAIL() << "was read";
  } catch (const Error& error) {
    EXPECT_EQ(name_of(error.code()), GetParam().code) << error.what();
    EXPECT_THAT(error.what(), HasSubstr(GetParam().fragment));
    EXPECT_THAT(error.what(), HasSubstr(kFolder)) << "names no file";
  }
}

std::vector<Row> refused_rows() {
  std::vector<Row> rows = read_rows();
  std::erase_if(rows, [](const Row& row) { return row.code == "-"; });
  return rows;
}

INSTANTIATE_TEST_SUITE_P(, BadFile, ::testing::ValuesIn(refused_rows()), [](const auto& row) {
  std::string name;
  for (const char c : row.param.file.substr(0, row.param.file.rfind('.'))) {
    if (std::isalnum(static_cast<unsigned char>(c)) != 0) name += c;
  }
  return name;
});

TEST(BadFiles, AreAllListed) {
  std::map<std::string, int> listed;
  for (const Row& row : read_rows()) ++listed[row.file];
  std::map<std::string, int> there;
  for (const auto& entry : std::filesystem::directory_iterator(kFolder)) {
    if (entry.path().filename() != "expected.tsv") ++there[entry.path().filename()];
  }
  EXPECT_EQ(there, listed);
  EXPECT_GT(there.size(), 100U);
}

}  // namespace
}  // namespace seabag::vmdk
