// SPDX-License-Identifier: Apache-2.0
#include "tar/path_set.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace seabag::tar {
namespace {

TEST(PathSet, FindsARepeatedPath) {
  PathSet paths;
  EXPECT_TRUE(paths.insert("index.json"));
  EXPECT_TRUE(paths.insert("manifest.json"));
  EXPECT_FALSE(paths.insert("index.json"));
}

TEST(PathSet, FoldsCase) {
  PathSet paths;
  EXPECT_TRUE(paths.insert("blobs/A"));
  EXPECT_FALSE(paths.insert("BLOBS/a"));
  EXPECT_TRUE(paths.insert("blobs/[")) << "beside the letters in ASCII";
}

TEST(PathSet, KeepsAllPathsWhenItGrows) {
  PathSet paths;
  for (int i = 0; i < 10'000; ++i) ASSERT_TRUE(paths.insert(fmt::format("blobs/{}", i))) << i;
  for (int i = 0; i < 10'000; ++i) ASSERT_FALSE(paths.insert(fmt::format("blobs/{}", i))) << i;
}

}  // namespace
}  // namespace seabag::tar
