// SPDX-License-Identifier: Apache-2.0
#include "vmdk/sparse_extent.h"

#include <atomic>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/endian.h"
#include "base/error.h"
#include "testing/memory_file.h"
#include "vmdk/disk_files_internal.h"
#include "vmdk/grain_codec.h"

namespace seabag::vmdk {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// Counts the reads of a file, and the bytes that they take.
class CountingFile : public testing::MemoryFile {
 public:
  using MemoryFile::MemoryFile;
  void read_at(std::uint64_t offset, std::span<std::byte> out) const override {
    ++reads;
    MemoryFile::read_at(offset, out);
  }
  mutable std::atomic<int> reads = 0;
};

class SparseExtents : public DiskFiles {
 protected:
  static std::unique_ptr<disk::DiskSource> open_bytes(io::Bytes bytes) {
    auto file = std::make_unique<testing::MemoryFile>(std::move(bytes), "disk.vmdk");
    std::vector<std::string> warnings;
    const SparseHeader header = read_sparse_header(*file, warnings);
    return open_sparse_extent(std::move(file), header);
  }
  io::Bytes written(Subformat subformat, const SampleDisk& sample) {
    return bytes_of(write_vmdk(subformat, *open_raw(create_raw(sample))));
  }
};

const SampleDisk kSample{"",
                         100 * kMiB,
                         {{2 * kMiB, [] { return text_bytes(kMiB); }},
                          {31 * kMiB + 65536, [] { return text_bytes(2 * kMiB); }},
                          {99 * kMiB, [] { return random_bytes(kMiB); }}}};

TEST_F(SparseExtents, TellDataFromHoles) {
  for (const Subformat subformat : {Subformat::kMonolithicSparse, Subformat::kStreamOptimized}) {
    const auto disk = open_vmdk(write_vmdk(
        subformat, *open_raw(create_raw(kSample, name_of(subformat))), name_of(subformat) + "1"));
    EXPECT_EQ(disk->extent_at(0), (disk::Extent{0, 2 * kMiB, false}));
    EXPECT_EQ(disk->extent_at(2 * kMiB + 512), (disk::Extent{2 * kMiB + 512, kMiB - 512, true}));
    // Data end with their table, holes go on over tables without a grain.
    EXPECT_EQ(disk->extent_at(31 * kMiB + 65536),
              (disk::Extent{31 * kMiB + 65536, kMiB - 65536, true}));
    EXPECT_EQ(disk->extent_at(40 * kMiB), (disk::Extent{40 * kMiB, 56 * kMiB, false}));
    EXPECT_EQ(disk->extent_at(96 * kMiB), (disk::Extent{96 * kMiB, 3 * kMiB, false}));
    EXPECT_EQ(disk->extent_at(99 * kMiB), (disk::Extent{99 * kMiB, kMiB, true}));
  }
}

TEST_F(SparseExtents, ReadAnyRange) {
  io::Bytes content(kSample.size);
  open_raw(create_raw(kSample, "whole.raw"))->read_at(0, content);
  for (const Subformat subformat : {Subformat::kMonolithicSparse, Subformat::kStreamOptimized}) {
    const auto disk =
        open_vmdk(write_vmdk(subformat, *open_raw(directory_ / "whole.raw"), name_of(subformat)));
    std::mt19937_64 random(4);
    for (int i = 0; i < 500; ++i) {
      const std::uint64_t begin = random() % 35 * kMiB + random() % kMiB;
      io::Bytes bytes(1 + random() % (i % 2 == 0 ? 3 * kMiB : 70000));
      disk->read_at(begin, bytes);
      ASSERT_TRUE(std::ranges::equal(bytes, std::span(content).subspan(begin, bytes.size())))
          << bytes.size() << " at " << begin;
    }
  }
}

TEST_F(SparseExtents, MayBeReadByManyThreads) {
  io::Bytes content(kSample.size);
  open_raw(create_raw(kSample, "whole.raw"))->read_at(0, content);
  for (const Subformat subformat : {Subformat::kMonolithicSparse, Subformat::kStreamOptimized}) {
    const auto disk =
        open_vmdk(write_vmdk(subformat, *open_raw(directory_ / "whole.raw"), name_of(subformat)));
    std::atomic<int> wrong = 0;
    std::vector<std::jthread> threads;
    for (std::uint64_t thread = 0; thread < 4; ++thread) {
      threads.emplace_back([&, thread] {
        io::Bytes bytes(kMiB);
        for (std::uint64_t i = 0; i < 100; ++i) {
          const std::uint64_t at = (thread * 37 + i * 11) % 100 * kMiB;
          disk->read_at(at, bytes);
          if (!std::ranges::equal(bytes, std::span(content).subspan(at, kMiB))) ++wrong;
        }
      });
    }
    threads.clear();
    EXPECT_EQ(wrong, 0);
  }
}

TEST_F(SparseExtents, ReadAChunkOfAStreamAtOnce) {
  const io::Bytes bytes = written(Subformat::kStreamOptimized,
                                  {"", 8 * kMiB, {{0, [] { return random_bytes(8 * kMiB); }}}});
  auto file = std::make_unique<CountingFile>(bytes, "disk.vmdk");
  const CountingFile& counting = *file;
  std::vector<std::string> warnings;
  const SparseHeader header = read_sparse_header(*file, warnings);
  const auto disk = open_sparse_extent(std::move(file), header);
  io::Bytes chunk(kMiB);
  disk->read_at(0, chunk);
  const int before = counting.reads;
  for (std::uint64_t at = kMiB; at < 8 * kMiB; at += kMiB) disk->read_at(at, chunk);
  EXPECT_EQ(counting.reads - before, 7);
}

TEST_F(SparseExtents, AreStoredAsTheyAreIfNotCompressed) {
  const auto disk =
      open_vmdk(write_vmdk(Subformat::kMonolithicSparse, *open_raw(create_raw(kSample))));
  EXPECT_FALSE(disk->stored_at(0).has_value());
  const auto stored = disk->stored_at(2 * kMiB + 512);
  ASSERT_TRUE(stored.has_value());
  EXPECT_EQ(stored->length, kMiB - 512);
  io::Bytes bytes(512);
  stored->file->read_at(stored->offset, bytes);
  const io::Bytes first = kSample.data[0].bytes();
  EXPECT_TRUE(std::ranges::equal(bytes, std::span(first).subspan(512, 512)));
}

TEST_F(SparseExtents, OfAStreamAreNotStoredAsTheyAre) {
  const auto disk = open_bytes(written(Subformat::kStreamOptimized, kSample));
  EXPECT_FALSE(disk->stored_at(2 * kMiB).has_value());
}

TEST_F(SparseExtents, WarnOfTablesThatContradictTheirCopy) {
  io::Bytes bytes = written(Subformat::kMonolithicSparse, kSample);
  EXPECT_THAT(open_bytes(bytes)->warnings(), IsEmpty());
  const SparseHeader header = decode_header(std::span(bytes).first(512));
  const auto table =
      load_little_endian<std::uint32_t>(bytes, header.redundant_directory_sector * kSectorBytes);
  bytes[table * kSectorBytes + 40 * 4] = std::byte{0x7F};
  const auto disk = open_bytes(bytes);
  EXPECT_THAT(disk->warnings(), ElementsAre(HasSubstr("the redundant grain tables say something")));
  expect_same(*open_raw(directory_ / "disk.raw"), *disk);
}

TEST_F(SparseExtents, WarnOfAFileThatWasNotClosed) {
  io::Bytes bytes = written(Subformat::kMonolithicSparse, kSample);
  bytes[72] = std::byte{1};
  std::vector<std::string> warnings;
  read_sparse_header(testing::MemoryFile(bytes), warnings);
  EXPECT_THAT(warnings, ElementsAre(HasSubstr("was not closed")));
}

TEST_F(SparseExtents, HaveADescriptorOfAMebibyteAtMost) {
  constexpr std::uint64_t kRoomSectors = kMiB / kSectorBytes + 1;
  const SparseHeader header{
      .capacity = 1, .descriptor_sector = 1, .descriptor_sectors = kRoomSectors};
  io::Bytes bytes((1 + kRoomSectors) * kSectorBytes, std::byte{'#'});
  EXPECT_THROW(read_embedded_descriptor(testing::MemoryFile(bytes), header), Error);
  bytes[kSectorBytes + 3] = std::byte{0};  // what is behind is room
  EXPECT_EQ(read_embedded_descriptor(testing::MemoryFile(bytes), header), "###");
}

TEST_F(SparseExtents, WarnOfAFooterWithOtherFlags) {
  io::Bytes bytes = written(Subformat::kStreamOptimized, kSample);
  bytes[bytes.size() - 1024 + 9] = std::byte{1};  // bit 8: nobody knows it, nobody minds
  std::vector<std::string> warnings;
  read_sparse_header(testing::MemoryFile(bytes), warnings);
  EXPECT_THAT(warnings, ElementsAre(HasSubstr("in the footer")));
}

// As VMware's vmdk-convert writes: directory and table before the grains, nothing behind them.
TEST_F(SparseExtents, OfAStreamMayHaveTheirTablesInFront) {
  const io::Bytes grain = text_bytes(kGrainBytes);
  io::Bytes bytes(8 * kSectorBytes);
  std::ranges::copy(encode_header({.version = 3,
                                   .flags = kHasNewlineBytes | kIsCompressed | kHasMarkers,
                                   .capacity = 2 * kGrainSectors,
                                   .directory_sector = 1,
                                   .overhead_sectors = 8}),
                    bytes.begin());
  store_little_endian(bytes, 1 * kSectorBytes, std::uint32_t{2});
  store_little_endian(bytes, 2 * kSectorBytes + 4, std::uint32_t{8});
  io::Bytes packed(stored_length(grain.size()));
  GrainEncoder encoder;
  packed.resize(encoder.encode(grain, packed));
  bytes.resize(bytes.size() + GrainMarker::kBytes);
  encode_grain_marker(
      {.guest_sector = kGrainSectors, .length = static_cast<std::uint32_t>(packed.size())},
      std::span(bytes).subspan(8 * kSectorBytes));
  bytes.insert(bytes.end(), packed.begin(), packed.end());

  const auto disk = open_bytes(bytes);
  EXPECT_EQ(disk->extent_at(0), (disk::Extent{0, kGrainBytes, false}));
  io::Bytes read(kGrainBytes);
  disk->read_at(kGrainBytes, read);
  EXPECT_EQ(read, grain);
}

TEST_F(SparseExtents, ReadGrainsOfAStreamInAnyOrderOfTheFile) {
  // Swaps two records of the same length, and their entries.
  const SampleDisk sample{"", 2 * kGrainBytes, {{0, [] { return random_bytes(2 * kGrainBytes); }}}};
  io::Bytes bytes = written(Subformat::kStreamOptimized, sample);
  const std::uint64_t record = 129 * kSectorBytes;
  const std::uint64_t first = 128 * kSectorBytes;
  std::swap_ranges(bytes.begin() + first, bytes.begin() + first + record,
                   bytes.begin() + first + record);
  const std::uint64_t table = first + 2 * record + kSectorBytes;
  ASSERT_EQ(load_little_endian<std::uint32_t>(bytes, table), 128U);
  ASSERT_EQ(load_little_endian<std::uint32_t>(bytes, table + 4), 257U);
  std::swap_ranges(bytes.begin() + table, bytes.begin() + table + 4, bytes.begin() + table + 4);
  expect_same(*open_raw(directory_ / "disk.raw"), *open_bytes(bytes));
}

TEST_F(SparseExtents, OfTerabytesAreOpenedAndPassedAtOnce) {
  const auto writer = create(Subformat::kStreamOptimized, 62ULL << 40U);
  writer->finish(disk::ContentDigest({}));
  const auto disk = open_vmdk(directory_ / "disk.vmdk");
  EXPECT_EQ(disk->extent_at(0), (disk::Extent{0, 62ULL << 40U, false}));
}

}  // namespace
}  // namespace seabag::vmdk
