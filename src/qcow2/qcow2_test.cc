// SPDX-License-Identifier: Apache-2.0
#include "qcow2/qcow2.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <libdeflate.h>

#include "base/error.h"
#include "qcow2/test_image_internal.h"

namespace seabag::qcow2 {
namespace {

using disk::Extent;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr std::uint64_t kZeroFlag = 1;

io::Bytes read(const disk::DiskSource& disk, std::uint64_t offset, std::size_t length) {
  io::Bytes bytes(length, std::byte{0xEE});
  disk.read_at(offset, bytes);
  return bytes;
}

io::Bytes filled(std::size_t length, int value) {
  return io::Bytes(length, static_cast<std::byte>(value));
}

io::Bytes deflated(const io::Bytes& bytes) {
  io::Bytes out(bytes.size() + 64);
  auto* deflater = libdeflate_alloc_compressor(6);
  out.resize(
      libdeflate_deflate_compress(deflater, bytes.data(), bytes.size(), out.data(), out.size()));
  libdeflate_free_compressor(deflater);
  return out;
}

TEST(Qcow2Disk, WithoutTablesIsAHole) {
  TestImage image;
  image.set_u64(512, 0);
  const auto disk = open(image.file());
  EXPECT_EQ(disk->size(), 4096U);
  EXPECT_EQ(disk->extent_at(0), (Extent{0, 4096, false}));
  EXPECT_EQ(disk->extent_at(700), (Extent{700, 3396, false}));
  EXPECT_EQ(read(*disk, 0, 4096), filled(4096, 0));
  EXPECT_FALSE(disk->stored_at(0).has_value());
  EXPECT_THAT(disk->warnings(), IsEmpty());
}

TEST(Qcow2Disk, JoinsClustersThatFollowEachOther) {
  TestImage image;
  const auto first = image.append_cluster(std::byte{1});
  const auto second = image.append_cluster(std::byte{2});
  const auto far = image.append_cluster(std::byte{3});
  image.set_l2(1, first);
  image.set_l2(2, second | 1ULL << 63U);  // "copied": its refcount is one
  image.set_l2(4, far);
  const auto disk = open(image.file());
  EXPECT_EQ(disk->extent_at(0), (Extent{0, 512, false}));
  EXPECT_EQ(disk->extent_at(512), (Extent{512, 1024, true}));
  EXPECT_EQ(disk->extent_at(1536), (Extent{1536, 512, false}));
  EXPECT_EQ(disk->extent_at(2048), (Extent{2048, 512, true}));
  EXPECT_EQ(disk->extent_at(2560), (Extent{2560, 1536, false}));
  const auto stored = disk->stored_at(600);
  ASSERT_TRUE(stored.has_value());
  EXPECT_EQ(stored->offset, first + 88);
  EXPECT_EQ(stored->length, 936U);
  EXPECT_EQ(read(*disk, 512, 512), filled(512, 1));
  EXPECT_EQ(read(*disk, 1023, 2), (io::Bytes{std::byte{1}, std::byte{2}}));
  EXPECT_EQ(read(*disk, 2559, 2), (io::Bytes{std::byte{3}, std::byte{0}}));
}

TEST(Qcow2Disk, JoinsExtentsThoughTheirClustersLieApart) {
  TestImage image;
  const auto first = image.append_cluster(std::byte{1});
  const auto second = image.append_cluster(std::byte{2});
  image.set_l2(0, second);
  image.set_l2(1, first);
  const auto disk = open(image.file());
  EXPECT_EQ(disk->extent_at(0), (Extent{0, 1024, true}));
  EXPECT_EQ(disk->stored_at(0)->length, 512U);
  EXPECT_EQ(read(*disk, 511, 2), (io::Bytes{std::byte{2}, std::byte{1}}));
}

TEST(Qcow2Disk, ReadsZerosWhereAPlaceIsKeptForData) {
  TestImage image;
  image.set_l2(0, image.append_cluster(std::byte{0x77}) | kZeroFlag);
  image.set_l2(1, kZeroFlag);
  const auto disk = open(image.file());
  EXPECT_EQ(disk->extent_at(0), (Extent{0, 4096, false}));
  EXPECT_EQ(read(*disk, 0, 1024), filled(1024, 0));
}

TEST(Qcow2Disk, ReadsZerosBehindTheEndOfTheFile) {
  TestImage image(3, 16, 131072);
  const auto data = image.append_cluster(std::byte{5});
  image.set_l2(0, data);
  image.resize(data + 700);
  const auto disk = open(image.file());
  EXPECT_EQ(disk->extent_at(0), (Extent{0, 65536, true}));
  EXPECT_EQ(disk->stored_at(100)->length, 600U);
  EXPECT_FALSE(disk->stored_at(700).has_value());
  const io::Bytes bytes = read(*disk, 0, 131072);
  EXPECT_EQ(std::ranges::count(bytes, std::byte{5}), 700);
  EXPECT_EQ(std::ranges::count(bytes, std::byte{0}), 131072 - 700);
}

TEST(Qcow2Disk, TellsThePartsOfAClusterApart) {
  TestImage image(3, 14, 3U << 14U);  // parts of 512 bytes
  image.set_incompatible(16);
  const auto data = image.append_cluster(std::byte{9});
  image.set_l2(0, data);
  image.set_l2(1, 0x0000'0010'8000'000DULL);  // stored: 0, 2, 3 and 31; zero: 4
  image.set_l2(3, 0xFFFF'FFFF'0000'0000ULL);  // all zero, nowhere
  const auto disk = open(image.file());
  EXPECT_EQ(disk->extent_at(0), (Extent{0, 512, true}));
  EXPECT_EQ(disk->extent_at(512), (Extent{512, 512, false}));
  EXPECT_EQ(disk->extent_at(1300), (Extent{1300, 748, true}));
  EXPECT_EQ(disk->extent_at(2048), (Extent{2048, 27 * 512, false}));
  EXPECT_EQ(disk->extent_at(31 * 512), (Extent{31 * 512, 512, true}));
  EXPECT_EQ(disk->extent_at(32 * 512), (Extent{32 * 512, 64 * 512, false}));
  EXPECT_EQ(disk->stored_at(1300)->offset, data + 1300);
  const io::Bytes bytes = read(*disk, 0, 3U << 14U);
  EXPECT_EQ(std::ranges::count(bytes, std::byte{9}), 4 * 512);
  EXPECT_EQ(bytes[1023], std::byte{0});
  EXPECT_EQ(bytes[1024], std::byte{9});
}

// Two entries on the same compressed bytes, which end with the file.
TEST(Qcow2Disk, LetsCompressedClustersShareWhatTheyLieIn) {
  TestImage image(2, 16, 200000);
  io::Bytes content(65536);
  for (std::size_t i = 0; i < content.size(); ++i) content[i] = static_cast<std::byte>(i / 3);
  image.append(filled(100, 0xAA));
  const io::Bytes in = deflated(content);
  const std::uint64_t offset = image.append(in);
  const std::uint64_t more_sectors = (offset % 512 + in.size() - 1) / 512;
  const std::uint64_t entry = 1ULL << 62U | more_sectors << 54U | offset;
  for (const std::size_t i : {0U, 1U, 3U}) image.set_l2(i, entry);
  const auto disk = open(image.file());
  EXPECT_EQ(disk->size(), 200192U);
  EXPECT_EQ(disk->extent_at(0), (Extent{0, 131072, true}));
  EXPECT_FALSE(disk->stored_at(0).has_value());
  EXPECT_EQ(read(*disk, 65536, 65536), content);
  EXPECT_EQ(read(*disk, 1000, 20), io::Bytes(content.begin() + 1000, content.begin() + 1020));
  EXPECT_EQ(read(*disk, 65530, 12)[5], content[65535]);
  EXPECT_EQ(read(*disk, 196608, 3584), io::Bytes(content.begin(), content.begin() + 3584));
}

TEST(Qcow2Disk, FindsItsWayThroughHugeHoles) {
  TestImage image(3, 16, 1ULL << 50U);
  constexpr std::uint32_t kTables = 1U << 21U;  // of 512 MiB each
  const std::uint64_t l1 = image.append(io::Bytes(kTables * 8));
  image.set_u32(36, kTables);
  image.set_u64(40, l1);
  image.set_u64(l1 + (kTables - 1) * 8, 2U << 16U);
  image.set_l2(8191, image.append_cluster(std::byte{4}));
  const auto disk = open(image.file());
  int extents = 0;
  std::uint64_t offset = 0;
  while (!disk->extent_at(offset).has_data) {
    offset += disk->extent_at(offset).length;
    ASSERT_LT(++extents, 10000);
  }
  EXPECT_EQ(disk->extent_at(offset), (Extent{(1ULL << 50U) - 65536, 65536, true}));
  EXPECT_EQ(read(*disk, (1ULL << 50U) - 65537, 2), (io::Bytes{std::byte{0}, std::byte{4}}));
}

TEST(Qcow2Disk, SaysWhatTheReaderShouldKnow) {
  TestImage image(3, 9, 4000);
  image.set_incompatible(1);
  image.set_u32(60, 2);
  EXPECT_THAT(open(image.file())->warnings(),
              ElementsAre(HasSubstr("marked as in use (dirty)"), HasSubstr("2 internal snapshot"),
                          HasSubstr("4000 bytes are no whole number of sectors")));
}

// A table that changes after it was validated does harm to nobody.
TEST(Qcow2Disk, TrustsNoTableTheSecondTime) {
  TestImage image;
  image.set_l2(0, image.append_cluster(std::byte{1}));
  auto file = image.file();
  testing::MemoryFile& bytes = *file;
  const auto disk = open(std::move(file));
  io::Bytes entry(8);
  store_big_endian(std::span(entry), 0, std::uint64_t{1} << 40U);
  bytes.write_at(1024, entry);
  EXPECT_THROW(read(*disk, 0, 512), Error);
  EXPECT_THROW(disk->extent_at(0), Error);
}

}  // namespace
}  // namespace seabag::qcow2
