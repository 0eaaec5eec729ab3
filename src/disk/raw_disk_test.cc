// SPDX-License-Identifier: Apache-2.0
#include "disk/raw_disk.h"

#include <algorithm>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "io/posix_file_system.h"
#include "testing/temp_dir.h"

namespace seabag::disk {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class RawDisk : public ::testing::Test {
 protected:
  std::unique_ptr<io::File> create() { return files_->open(path_, io::OpenMode::kCreateNew); }
  std::unique_ptr<DiskSource> open() {
    return open_raw(files_->open(path_, io::OpenMode::kReadDisk));
  }
  static std::vector<std::byte> bytes_of(const DiskSource& disk) {
    std::vector<std::byte> bytes(disk.size(), std::byte{0xEE});
    disk.read_at(0, bytes);
    return bytes;
  }

  testing::TempDir directory_;
  std::string path_ = directory_ / "disk.raw";
  std::unique_ptr<io::FileSystem> files_ = io::posix_file_system();
};

TEST_F(RawDisk, TellsHolesFromData) {
  auto file = create();
  file->resize(8U << 20U);
  file->write_at(4U << 20U, std::vector<std::byte>(1U << 20U, std::byte{1}));
  const auto disk = open();
  EXPECT_EQ(disk->extent_at(0), (Extent{0, 4U << 20U, false}));
  EXPECT_EQ(disk->extent_at(4U << 20U), (Extent{4U << 20U, 1U << 20U, true}));
  EXPECT_EQ(disk->extent_at(5U << 20U), (Extent{5U << 20U, 3U << 20U, false}));
  EXPECT_EQ(disk->extent_at((4U << 20U) + 4096).length, (1U << 20U) - 4096);
  EXPECT_THAT(disk->warnings(), IsEmpty());
}

TEST_F(RawDisk, RaisesASizeThatIsNoWholeNumberOfSectors) {
  create()->write_at(0, std::vector<std::byte>(700, std::byte{7}));
  const auto disk = open();
  EXPECT_EQ(disk->size(), 1024U);
  const auto bytes = bytes_of(*disk);
  EXPECT_EQ(std::ranges::count(bytes, std::byte{7}), 700);
  EXPECT_EQ(std::ranges::count(bytes, std::byte{0}), 324);
  EXPECT_THAT(disk->warnings(), ElementsAre(HasSubstr("ends with 324 zeros")));
  EXPECT_EQ(disk->extent_at(700), (Extent{700, 324, false}));
  EXPECT_FALSE(disk->stored_at(700).has_value());
}

TEST_F(RawDisk, FollowsALinkButTakesNoPipe) {
  create()->resize(512);
  ASSERT_EQ(
      std::system(("ln -s disk.raw " + (directory_ / "link") + "; mkfifo " + (directory_ / "pipe"))
                      .c_str()),
      0);
  EXPECT_EQ(open_raw(files_->open(directory_ / "link", io::OpenMode::kReadDisk))->size(), 512U);
  EXPECT_THROW(files_->open(directory_ / "pipe", io::OpenMode::kReadDisk), Error);
  EXPECT_THROW(files_->open(path_, io::OpenMode::kWriteDevice), Error);
}

TEST_F(RawDisk, IsWrittenWithHolesAndReadBack) {
  std::vector<std::byte> content(kChunkBytes + 1536);
  content[5000] = content[kChunkBytes + 1535] = std::byte{9};
  {
    RawWriter writer(create(), content.size());
    for (std::size_t at = 0; at < content.size(); at += kChunkBytes) {
      EncodedChunk chunk;
      chunk.offset = at;
      chunk.data =
          std::span(content).subspan(at, std::min<std::size_t>(kChunkBytes, content.size() - at));
      writer.encode(chunk);
      writer.place(chunk);
      for (const auto& piece : chunk.pieces) {
        writer.files()[piece.file]->write_at(piece.offset, piece.bytes);
      }
    }
    writer.finish(ContentDigest({}));
  }
  const auto disk = open();
  EXPECT_EQ(bytes_of(*disk), content);
  EXPECT_FALSE(disk->extent_at(0).has_data);
  EXPECT_EQ(disk->extent_at(4096), (Extent{4096, 4096, true}));
}

TEST_F(RawDisk, OfZerosAloneIsAHole) {
  {
    RawWriter writer(create(), 3 * kSectorBytes);
    writer.finish(ContentDigest({}));
  }
  EXPECT_EQ(open()->extent_at(0), (Extent{0, 1536, false}));
}

}  // namespace
}  // namespace seabag::disk
