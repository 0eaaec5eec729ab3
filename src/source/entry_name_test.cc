// SPDX-License-Identifier: Apache-2.0
#include "source/entry_name.h"

#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace seabag::source {
namespace {

TEST(RepositoryOfPath, IsAlwaysARepositoryName) {
  const std::vector<std::pair<std::string, std::string>> rows = {
      {"busybox", "busybox"},
      {"/srv/images/busybox.tar", "busybox"},
      {"busybox.tar.gz", "busybox"},
      {"busybox-1.35.oci.tar.zst", "busybox-1.35"},
      {"dir/", "dir"},
      {"My Images (2024).tar", "my-images-2024"},
      {"a._b", "a-b"},
      {"a__b", "a__b"},
      {"a---b", "a---b"},
      {"-a-", "a"},
      {"\xC3\xA9t\xC3\xA9", "t"},
      {".tar", "image"},
      {".", "image"},
      {"/", "image"},
      {std::string(255, 'a'), std::string(128, 'a')},
  };
  for (const auto& [path, repository] : rows) {
    EXPECT_EQ(repository_of_path(path), repository) << path;
    EXPECT_TRUE(oci::is_repository(repository_of_path(path))) << path;
  }
}

struct NameRow {
  std::string name;
  std::string registry;
  std::string repository;
  std::string tag;
};

TEST(ReferenceOfEntry, TakesFullNamesAndCompletesTags) {
  const std::vector<NameRow> rows = {
      {"localhost:5000/library/busybox:1.35", "localhost:5000", "library/busybox", "1.35"},
      {"docker.io/library/busybox:1.35", "docker.io", "library/busybox", "1.35"},
      {"library/busybox:1.35", "", "library/busybox", "1.35"},
      {"busybox:1.35", "", "busybox", "1.35"},
      {"1.35", "", "base", "1.35"},
      {"latest", "", "base", "latest"},
      {"Upper_Case", "", "base", "Upper_Case"},
      {"library/busybox", "", "library/busybox", ""},
      {"a/b@sha256:" + std::string(64, 'a'), "", "a/b", ""},
      {"a/b:1@sha256:" + std::string(64, 'a'), "", "a/b", "1"},
      {"", "", "base", ""},
      {"with blank", "", "base", ""},
      {"../../etc/passwd", "", "base", ""},
      {"v1.0+build", "", "base", ""},
      {"a:b:c", "", "base", ""},
      {std::string(300, 'a'), "", "base", ""},
  };
  for (const NameRow& row : rows) {
    const oci::Reference reference = reference_of_entry(row.name, "base");
    EXPECT_EQ(reference.registry, row.registry) << row.name;
    EXPECT_EQ(reference.repository, row.repository) << row.name;
    EXPECT_EQ(reference.tag, row.tag) << row.name;
    EXPECT_FALSE(reference.digest) << row.name;
  }
}

TEST(FindPosition, ReadsNothingButANumberBehindAnAt) {
  EXPECT_EQ(find_position("@0"), 0);
  EXPECT_EQ(find_position("@12"), 12);
  for (const char* name : {"", "@", "0", "@-1", "@1x", "@ 1", "@99999999999999999999"}) {
    EXPECT_EQ(find_position(name), std::nullopt) << name;
  }
}

}  // namespace
}  // namespace seabag::source
