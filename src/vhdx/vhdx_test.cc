// SPDX-License-Identifier: Apache-2.0
#include "vhdx/vhdx.h"

#include <algorithm>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "vhdx/test_disk_internal.h"

namespace seabag::vhdx {
namespace {

using disk::Extent;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr std::uint64_t kMiB = TestDisk::kMiB;
constexpr std::uint64_t kStored = 6;

io::Bytes read(const disk::DiskSource& disk, std::uint64_t offset, std::size_t length) {
  io::Bytes bytes(length, std::byte{0xEE});
  disk.read_at(offset, bytes);
  return bytes;
}

io::Bytes two(int first, int second) {
  return {static_cast<std::byte>(first), static_cast<std::byte>(second)};
}

TEST(VhdxDisk, ReadsZerosInEveryStateWithoutData) {
  TestDisk image;
  const std::uint64_t unused = image.append(std::byte{0x77});
  image.set_entry(0, 1);
  image.set_entry(1, 2 | unused);
  image.set_entry(2, 3 | unused);
  image.set_entry(3, 5);
  const auto disk = open(image.file());
  EXPECT_EQ(disk->size(), 4 * kMiB);
  EXPECT_EQ(disk->extent_at(0), (Extent{0, 4 * kMiB, false}));
  EXPECT_EQ(disk->extent_at(kMiB + 5), (Extent{kMiB + 5, 3 * kMiB - 5, false}));
  EXPECT_EQ(read(*disk, 0, 4 * kMiB), io::Bytes(4 * kMiB));
  EXPECT_FALSE(disk->stored_at(kMiB).has_value());
  EXPECT_THAT(disk->warnings(), IsEmpty());
}

TEST(VhdxDisk, JoinsBlocksThatFollowEachOther) {
  TestDisk image;
  const auto third = image.append(std::byte{3});
  const auto first = image.append(std::byte{1});
  const auto second = image.append(std::byte{2});
  image.set_entry(0, first | kStored);
  image.set_entry(1, second | kStored);
  image.set_entry(2, third | kStored);
  const auto disk = open(image.file());
  EXPECT_EQ(disk->extent_at(100), (Extent{100, 3 * kMiB - 100, true}));
  EXPECT_EQ(disk->extent_at(3 * kMiB), (Extent{3 * kMiB, kMiB, false}));
  const auto stored = disk->stored_at(100);
  ASSERT_TRUE(stored.has_value());
  EXPECT_EQ(stored->offset, first + 100);
  EXPECT_EQ(stored->length, 2 * kMiB - 100);
  EXPECT_EQ(read(*disk, kMiB - 1, 2), two(1, 2));
  EXPECT_EQ(read(*disk, 2 * kMiB - 1, 2), two(2, 3));
  EXPECT_EQ(read(*disk, 3 * kMiB - 1, 2), two(3, 0));
}

TEST(VhdxDisk, EndsWithinItsLastBlockAndSoMayTheFile) {
  TestDisk image(kMiB + 1536);
  const auto last = image.append(std::byte{8}, 1536);
  image.set_entry(1, last | kStored);
  const auto disk = open(image.file());
  EXPECT_EQ(disk->size(), kMiB + 1536);
  EXPECT_EQ(disk->extent_at(kMiB), (Extent{kMiB, 1536, true}));
  EXPECT_EQ(disk->stored_at(kMiB + 36)->length, 1500U);
  EXPECT_EQ(read(*disk, kMiB + 1534, 2), two(8, 8));
}

// With blocks of 256 MiB and sectors of 512 bytes, every 17th entry belongs to a sector bitmap.
TEST(VhdxDisk, PassesOverTheEntriesOfSectorBitmaps) {
  constexpr std::uint32_t kBlock = 256U << 20U;
  TestDisk image(33ULL * kBlock - kBlock + kMiB, kBlock);
  const auto data = image.append(std::byte{4});
  image.set_entry(16, ~std::uint64_t{0});  // rubbish, as qemu before 8.0 leaves it
  image.set_entry(34, data | kStored);     // block 32, behind two bitmaps
  const auto disk = open(image.file());
  EXPECT_EQ(disk->extent_at(0), (Extent{0, 32ULL * kBlock, false}));
  EXPECT_EQ(disk->extent_at(32ULL * kBlock), (Extent{32ULL * kBlock, kMiB, true}));
  EXPECT_EQ(read(*disk, 32ULL * kBlock - 1, 2), two(0, 4));
}

// Sectors of 4096 bytes make a bitmap hold eight times as many blocks: every 129th entry.
TEST(VhdxDisk, ReadsDisksWithSectorsOf4096Bytes) {
  constexpr std::uint32_t kBlock = 256U << 20U;
  TestDisk image(128ULL * kBlock + kMiB, kBlock, 4096);
  const auto data = image.append(std::byte{4});
  image.set_entry(129, data | kStored);
  const auto disk = open(image.file());
  EXPECT_EQ(disk->extent_at(0), (Extent{0, 128ULL * kBlock, false}));
  EXPECT_EQ(read(*disk, 128ULL * kBlock - 1, 2), two(0, 4));
}

TEST(VhdxDisk, TakesTheLaterHeader) {
  TestDisk image;
  image.set_u32((64U << 10U) + 64, 9U << 16U);  // the earlier one has a version from the future
  EXPECT_EQ(open(image.file())->size(), 4 * kMiB);
  image.set_u64((64U << 10U) + 8, ~std::uint64_t{0});
  EXPECT_THROW(open(image.file()), Error);
}

TEST(VhdxDisk, TakesTheOtherHeaderIfOneIsDamaged) {
  for (const std::size_t header : {64U << 10U, 128U << 10U}) {
    TestDisk image;
    io::Bytes bytes = image.bytes();
    bytes[header + 100] = std::byte{1};
    const auto disk = open(std::make_unique<testing::MemoryFile>(std::move(bytes)));
    EXPECT_THAT(disk->warnings(), IsEmpty());
  }
}

TEST(VhdxDisk, TakesHeadersThatAreTheSame) {
  TestDisk image;
  io::Bytes bytes = image.bytes();
  std::copy_n(bytes.begin() + (64 << 10), 4096, bytes.begin() + (128 << 10));
  EXPECT_EQ(open(std::make_unique<testing::MemoryFile>(std::move(bytes)))->size(), 4 * kMiB);
}

TEST(VhdxDisk, TakesTheCopyOfADamagedRegionTableAndSaysSo) {
  TestDisk image;
  io::Bytes bytes = image.bytes();
  bytes[(192U << 10U) + 60000] = std::byte{1};
  const auto disk = open(std::make_unique<testing::MemoryFile>(std::move(bytes)));
  EXPECT_THAT(disk->warnings(), ElementsAre(HasSubstr("region table at 196608 is damaged")));
}

TEST(VhdxDisk, IgnoresRegionsAndItemsThatAreNotRequired) {
  TestDisk image;
  const auto region = image.append(std::byte{0});
  for (const std::size_t table : {192U << 10U, 256U << 10U}) {
    image.set_u32(table + 8, 3);
    image.put(table + 80, "some other thing");
    image.set_u64(table + 96, region);
    image.set_u32(table + 104, kMiB);
  }
  image.set_u32(2 * kMiB + 8, 4U << 16U);
  image.put(2 * kMiB + 128, "some other thing");
  EXPECT_EQ(open(image.file())->size(), 4 * kMiB);
}

// A table that changes after it was validated does harm to nobody.
TEST(VhdxDisk, TrustsNoTableTheSecondTime) {
  TestDisk image;
  image.set_entry(0, image.append(std::byte{1}) | kStored);
  auto file = image.file();
  testing::MemoryFile& bytes = *file;
  const auto disk = open(std::move(file));
  io::Bytes entry(8);
  store_little_endian(std::span(entry), 0, 9 * kMiB | kStored);
  bytes.write_at(kMiB, entry);
  EXPECT_THROW(read(*disk, 0, 512), Error);
  EXPECT_THROW(disk->extent_at(0), Error);
}

}  // namespace
}  // namespace seabag::vhdx
