// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <mutex>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/endian.h"
#include "base/error.h"
#include "base/limits.h"
#include "vmdk/descriptor.h"
#include "vmdk/disk_files_internal.h"
#include "vmdk/grain_codec.h"
#include "vmdk/header.h"
#include "vmdk/split_writer.h"

namespace seabag::vmdk {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class RoundTrip : public DiskFiles,
                  public ::testing::WithParamInterface<std::tuple<Subformat, SampleDisk>> {};

TEST_P(RoundTrip, GivesTheSameDisk) {
  const auto& [subformat, sample] = GetParam();
  const auto raw = open_raw(create_raw(sample));
  const auto vmdk = open_vmdk(write_vmdk(subformat, *raw));
  expect_same(*raw, *vmdk);
  EXPECT_THAT(vmdk->warnings(), IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(, RoundTrip,
                         ::testing::Combine(::testing::ValuesIn(kSubformats),
                                            ::testing::ValuesIn(sample_disks())),
                         [](const auto& row) {
                           return name_of(std::get<0>(row.param)) + std::get<1>(row.param).name;
                         });

class Writers : public DiskFiles {
 protected:
  // Of a sector of a file.
  std::span<const std::byte> sector(const io::Bytes& bytes, std::uint64_t number) {
    return std::span(bytes).subspan(number * kSectorBytes, kSectorBytes);
  }
};

TEST_F(Writers, NameTheFilesAsVmwareDoes) {
  EXPECT_THAT(file_names(Subformat::kStreamOptimized, "web01", kMiB), ElementsAre("web01.vmdk"));
  EXPECT_THAT(file_names(Subformat::kMonolithicSparse, "web01", kMiB), ElementsAre("web01.vmdk"));
  EXPECT_THAT(file_names(Subformat::kMonolithicFlat, "web01", kMiB),
              ElementsAre("web01.vmdk", "web01-flat.vmdk"));
  EXPECT_THAT(file_names(Subformat::kTwoGbMaxExtentSparse, "web01", 5ULL << 30U),
              ElementsAre("web01.vmdk", "web01-s001.vmdk", "web01-s002.vmdk", "web01-s003.vmdk"));
  EXPECT_EQ(file_names(Subformat::kTwoGbMaxExtentSparse, "web01", 1000 * kSplitBytes).back(),
            "web01-s1000.vmdk");
}

TEST_F(Writers, RefuseNamesThatADescriptorCannotHold) {
  for (const char* name : {"a/b", "a\"b", "a:b", "a\\b", "a\nb"}) {
    EXPECT_THROW(file_names(Subformat::kStreamOptimized, name, kMiB), Error) << name;
  }
}

TEST_F(Writers, SayFirstWhatASubformatCannotHold) {
  constexpr std::uint64_t kTiB = 1ULL << 40U;
  EXPECT_NO_THROW(require_fits(Subformat::kStreamOptimized, 62 * kTiB));
  EXPECT_NO_THROW(require_fits(Subformat::kMonolithicFlat, 62 * kTiB));
  EXPECT_NO_THROW(require_fits(Subformat::kMonolithicSparse, 2 * kTiB - 1024 * kMiB));
  EXPECT_NO_THROW(require_fits(Subformat::kTwoGbMaxExtentSparse, 4096 * kSplitBytes));
  EXPECT_THROW(require_fits(Subformat::kMonolithicSparse, 2 * kTiB), Error);
  EXPECT_THROW(require_fits(Subformat::kMonolithicSparse, 2 * kTiB - kMiB), Error);
  EXPECT_THROW(require_fits(Subformat::kTwoGbMaxExtentSparse, 4096 * kSplitBytes + 512), Error);
  EXPECT_THROW(require_fits(Subformat::kStreamOptimized, limits::kVmdkDiskBytes + 512), Error);
  for (const std::uint64_t size : {0U, 511U, 1025U}) {
    EXPECT_THROW(require_fits(Subformat::kStreamOptimized, size), Error) << size;
  }
  try {
    require_fits(Subformat::kMonolithicSparse, 3 * kTiB);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::kUsage);
    EXPECT_THAT(error.next_step(), HasSubstr("vmdk-2gb"));
  }
}

// The offsets follow from the format: one grain at 128, a sector of marker and four of table.
TEST_F(Writers, LayOutAStreamAsVmwareDoes) {
  const SampleDisk sample{"", 64 * kMiB, {{40 * kMiB, [] { return text_bytes(512); }}}};
  const auto raw = open_raw(create_raw(sample));
  const io::Bytes bytes = bytes_of(write_vmdk(Subformat::kStreamOptimized, *raw));

  const SparseHeader header = decode_header(sector(bytes, 0));
  EXPECT_EQ(header.version, 3U);
  EXPECT_EQ(header.flags, 0x00030001U);
  EXPECT_EQ(header.capacity, 64 * kMiB / 512);
  EXPECT_EQ(header.directory_sector, kDirectoryAtEnd);
  EXPECT_EQ(header.overhead_sectors, 128U);

  const GrainMarker grain = decode_grain_marker(sector(bytes, 128));
  EXPECT_EQ(grain.guest_sector, 40 * kMiB / 512);
  const std::uint64_t table_marker = 128 + (12 + grain.length + 511) / 512;
  EXPECT_TRUE(is_marker(sector(bytes, table_marker), MarkerType::kGrainTable, 4));
  // 40 MiB is grain 128 of the second table.
  EXPECT_EQ(load_little_endian<std::uint32_t>(sector(bytes, table_marker + 2), 0), 128U);
  EXPECT_TRUE(is_marker(sector(bytes, table_marker + 5), MarkerType::kGrainDirectory, 1));
  const auto directory = sector(bytes, table_marker + 6);
  EXPECT_EQ(load_little_endian<std::uint32_t>(directory, 0), 0U);
  EXPECT_EQ(load_little_endian<std::uint32_t>(directory, 4), table_marker + 1);
  EXPECT_TRUE(is_marker(sector(bytes, table_marker + 7), MarkerType::kFooter, 1));
  SparseHeader footer = decode_header(sector(bytes, table_marker + 8));
  EXPECT_EQ(footer.directory_sector, table_marker + 6);
  footer.directory_sector = kDirectoryAtEnd;
  EXPECT_EQ(footer, header);
  EXPECT_TRUE(is_marker(sector(bytes, table_marker + 9), MarkerType::kEndOfStream, 0));
  EXPECT_EQ(bytes.size(), (table_marker + 10) * 512);
}

TEST_F(Writers, WriteHostedTablesTwiceAndAlignGrains) {
  const SampleDisk sample{
      "",
      40 * kMiB,
      {{0, [] { return text_bytes(512); }}, {35 * kMiB, [] { return text_bytes(70000); }}}};
  const auto raw = open_raw(create_raw(sample));
  const io::Bytes bytes = bytes_of(write_vmdk(Subformat::kMonolithicSparse, *raw));
  const SparseHeader header = decode_header(sector(bytes, 0));
  EXPECT_EQ(header.version, 1U);
  EXPECT_EQ(header.flags, 3U);
  EXPECT_EQ(header.redundant_directory_sector, 21U);
  EXPECT_EQ(header.directory_sector, 30U);
  EXPECT_EQ(header.overhead_sectors, 128U);
  const auto entry = [&](std::uint64_t at, std::size_t index) {
    return load_little_endian<std::uint32_t>(sector(bytes, at), index * 4);
  };
  for (const std::uint64_t directory : {21U, 30U}) {
    EXPECT_EQ(entry(directory, 0), directory + 1);
    EXPECT_EQ(entry(directory, 1), directory + 5);
    EXPECT_EQ(entry(directory + 1, 0), 128U);
    EXPECT_EQ(entry(directory + 5, 48), 256U);  // 35 MiB is grain 48 of the second table
    EXPECT_EQ(entry(directory + 5, 49), 384U);
  }
  EXPECT_EQ(bytes.size(), 512U * 512);
}

TEST_F(Writers, LeaveHolesInsteadOfZeros) {
  const auto raw =
      open_raw(create_raw({"", 1ULL << 40U, {{1ULL << 39U, [] { return text_bytes(512); }}}}));
  const std::string path = write_vmdk(Subformat::kMonolithicSparse, *raw);
  const auto file = files_->open(path, io::OpenMode::kRead);
  std::uint64_t stored = 0;
  for (std::uint64_t at = 0; at < file->size();) {
    const io::FileExtent extent = file->extent_at(at);
    if (extent.is_stored) stored += extent.length;
    at += extent.length;
  }
  EXPECT_GT(file->size(), 128 * kMiB);  // the tables of 1 TiB, twice
  EXPECT_LT(stored, kMiB);
  expect_same(*raw, *open_vmdk(path));
}

TEST_F(Writers, PadTheLastGrainOfAStream) {
  const auto raw =
      open_raw(create_raw({"", 65536 + 512, {{65536, [] { return text_bytes(512); }}}}));
  const io::Bytes bytes = bytes_of(write_vmdk(Subformat::kStreamOptimized, *raw));
  const GrainMarker marker = decode_grain_marker(sector(bytes, 128));
  GrainDecoder decoder;
  io::Bytes grain(kGrainBytes);
  EXPECT_EQ(decoder.decode(std::span(bytes).subspan(128 * 512 + 12, marker.length), grain),
            kGrainBytes);
}

// What conversion does: chunks are encoded on any thread in any order, and placed in order.
TEST_F(Writers, WriteTheSameBytesHoweverChunksAreEncoded) {
  const SampleDisk sample{"",
                          40 * kMiB + 512,
                          {{0, [] { return text_bytes(3 * kMiB); }},
                           {4 * kMiB, [] { return random_bytes(2 * kMiB); }},
                           {33 * kMiB, [] { return text_bytes(7 * kMiB + 512, 9); }}}};
  const auto raw = open_raw(create_raw(sample));
  const io::Bytes expected = bytes_of(write_vmdk(Subformat::kStreamOptimized, *raw, "one"));

  const auto writer = create(Subformat::kStreamOptimized, raw->size(), "many");
  io::Bytes content(raw->size());
  raw->read_at(0, content);
  std::vector<disk::EncodedChunk> chunks;
  disk::ContentHasher hasher(raw->size());
  for (std::uint64_t at = 0; at < content.size(); at += disk::kChunkBytes) {
    const auto data = std::span(content).subspan(
        at, std::min<std::uint64_t>(disk::kChunkBytes, content.size() - at));
    if (disk::is_zero(data)) continue;
    chunks.push_back(chunk_of(at, data));
    hasher.add(at, disk::digest_of_chunk(data));
  }
  std::shuffle(chunks.begin(), chunks.end(), std::mt19937(7));
  constexpr std::size_t kThreads = 4;
  std::vector<std::jthread> threads;
  for (std::size_t thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&, thread] {
      for (std::size_t i = thread; i < chunks.size(); i += kThreads) writer->encode(chunks[i]);
    });
  }
  threads.clear();
  std::ranges::sort(chunks, {}, &disk::EncodedChunk::offset);
  for (auto& chunk : chunks) writer->place(chunk);
  for (const auto& chunk : chunks) write_pieces(*writer, chunk);
  writer->finish(hasher.finish());
  EXPECT_EQ(bytes_of(directory_ / "many.vmdk").size(), expected.size());
  // The name stands in the descriptor, in sectors 1 to 20; nothing else may differ.
  const io::Bytes many = bytes_of(directory_ / "many.vmdk");
  EXPECT_TRUE(std::ranges::equal(std::span(many).first(512), std::span(expected).first(512)));
  EXPECT_TRUE(
      std::ranges::equal(std::span(many).subspan(21 * 512), std::span(expected).subspan(21 * 512)));
}

TEST_F(Writers, DescribeTheDisk) {
  const auto writer = create(Subformat::kMonolithicFlat, 100 * kMiB, "web01",
                             {.adapter = Adapter::kIde, .cid = 0x1234ABCD});
  disk::ContentDigest::Raw raw = {};
  for (std::size_t i = 0; i < raw.size(); ++i) raw[i] = static_cast<std::byte>(i);
  writer->finish(disk::ContentDigest(raw));
  EXPECT_EQ(io::text_of(bytes_of(directory_ / "web01.vmdk")),
            "# Disk DescriptorFile\n"
            "version=1\n"
            "encoding=\"UTF-8\"\n"
            "CID=1234abcd\n"
            "parentCID=ffffffff\n"
            "createType=\"monolithicFlat\"\n"
            "\n"
            "# Extent description\n"
            "RW 204800 FLAT \"web01-flat.vmdk\" 0\n"
            "\n"
            "# The Disk Data Base\n"
            "#DDB\n"
            "\n"
            "ddb.adapterType = \"ide\"\n"
            "ddb.geometry.cylinders = \"203\"\n"
            "ddb.geometry.heads = \"16\"\n"
            "ddb.geometry.sectors = \"63\"\n"
            "ddb.longContentID = \"0405060708090a0b0c0d0e0f1234abcd\"\n"
            "ddb.virtualHWVersion = \"4\"\n");
}

TEST_F(Writers, TakeTheContentIdFromTheContentButNotAReservedOne) {
  disk::ContentDigest::Raw raw = {};
  raw[0] = std::byte{0x12};
  raw[3] = std::byte{0x34};
  EXPECT_EQ(cid_of(disk::ContentDigest(raw)), 0x12000034U);
  raw.fill(std::byte{0xFF});
  EXPECT_EQ(cid_of(disk::ContentDigest(raw)), 0x7FFFFFFFU);
  raw[3] = std::byte{0xFE};
  EXPECT_EQ(cid_of(disk::ContentDigest(raw)), 0x7FFFFFFEU);
  raw[3] = std::byte{0xFD};
  EXPECT_EQ(cid_of(disk::ContentDigest(raw)), 0xFFFFFFFDU);
}

TEST_F(Writers, KeepLargeFilesIn2047Mebibytes) {
  EXPECT_EQ(split_extents(1), 1U);
  EXPECT_EQ(split_extents(kSplitBytes), 1U);
  EXPECT_EQ(split_extents(kSplitBytes + 512), 2U);
  const auto raw = open_raw(
      create_raw({"", 2 * kSplitBytes, {{kSplitBytes - 512, [] { return text_bytes(1024); }}}}));
  write_vmdk(Subformat::kTwoGbMaxExtentSparse, *raw);
  for (const char* name : {"disk-s001.vmdk", "disk-s002.vmdk"}) {
    const io::Bytes bytes = bytes_of(directory_ / name);
    const SparseHeader header = decode_header(std::span(bytes).first(512));
    EXPECT_EQ(header.capacity, 4192256U);
    EXPECT_EQ(header.redundant_directory_sector, 1U);
    EXPECT_EQ(header.descriptor_sectors, 0U);
  }
}

}  // namespace
}  // namespace seabag::vmdk
