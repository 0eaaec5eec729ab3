// SPDX-License-Identifier: Apache-2.0
#include "io/file_blob.h"

#include <algorithm>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "testing/memory_file.h"

namespace seabag::io {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

constexpr std::uint64_t kHoleBegin = 100;
constexpr std::uint64_t kHoleEnd = 200;

/// Ones around a hole; remembers what was read of it, as offset and length.
class HoledFile : public testing::MemoryFile {
 public:
  HoledFile() : MemoryFile(Bytes(300, std::byte{1})) {
    write_at(kHoleBegin, Bytes(kHoleEnd - kHoleBegin));
  }
  void read_at(std::uint64_t offset, std::span<std::byte> out) const override {
    reads.emplace_back(offset, out.size());
    MemoryFile::read_at(offset, out);
  }
  FileExtent extent_at(std::uint64_t offset) const override {
    if (offset < kHoleBegin) return {kHoleBegin - offset, true};
    if (offset < kHoleEnd) return {kHoleEnd - offset, false};
    return {size() - offset, true};
  }

  mutable std::vector<std::pair<std::uint64_t, std::size_t>> reads;
};

Bytes part_of(const FileBlob& blob, std::uint64_t offset, std::size_t length) {
  Bytes bytes(length, std::byte{7});
  blob.read_at(offset, bytes);
  return bytes;
}

TEST(FileBlob, ReadsNoHole) {
  const HoledFile file;
  const FileBlob blob(file, 0, 300);
  EXPECT_EQ(part_of(blob, 100, 100), Bytes(100));
  EXPECT_EQ(part_of(blob, 120, 50), Bytes(50));
  EXPECT_THAT(file.reads, IsEmpty());
  EXPECT_EQ(part_of(blob, 0, 50), Bytes(50, std::byte{1}));
  EXPECT_EQ(part_of(blob, 250, 50), Bytes(50, std::byte{1}));
  EXPECT_THAT(file.reads, ElementsAre(Pair(0, 50), Pair(250, 50)));
}

TEST(FileBlob, ReadsWhatIsAHoleInPartAlone) {
  const HoledFile file;
  const FileBlob blob(file, 50, 250);
  Bytes expected(150, std::byte{1});
  std::ranges::fill(std::span(expected).subspan(50, 100), std::byte{0});
  EXPECT_EQ(part_of(blob, 0, 150), expected);
  EXPECT_THAT(file.reads, ElementsAre(Pair(50, 150)));
}

TEST(FileBlob, TakesTheEndOfAFileThatHasBecomeShorterForNoHole) {
  HoledFile file;
  const FileBlob blob(file, 0, 300);
  file.resize(150);
  EXPECT_THROW(part_of(blob, 120, 50), Error);
  EXPECT_THROW(part_of(blob, 200, 50), Error);
}

}  // namespace
}  // namespace seabag::io
