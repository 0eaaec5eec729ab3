// SPDX-License-Identifier: Apache-2.0
#include <ostream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/endian.h"
#include "base/error.h"
#include "base/hex.h"
#include "io/posix_file_system.h"
#include "testing/memory_file.h"
#include "testing/temp_dir.h"
#include "vhd/dynamic_header.h"
#include "vhd/test_disks_internal.h"
#include "vhd/vhd.h"

namespace seabag::vhd {
namespace {

using disk::Extent;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr std::uint64_t kMiB = 1ULL << 20U;
constexpr std::uint64_t kGiB = 1ULL << 30U;
constexpr std::uint64_t kTiB = 1ULL << 40U;

/// A writer's file, which can be looked at.
template <class Writer>
class Written {
 public:
  explicit Written(const io::Bytes& content, const Identity& identity = {}) {
    auto file = std::make_unique<testing::MemoryFile>(io::Bytes());
    file_ = file.get();
    writer_ = std::make_unique<Writer>(std::move(file), content.size(), identity);
    write_disk(*writer_, content);
  }

  const io::Bytes& bytes() const { return file_->bytes(); }
  std::unique_ptr<disk::DiskSource> open() const {
    return vhd::open(std::make_unique<testing::MemoryFile>(bytes()));
  }
  FooterBytes footer_at(std::uint64_t offset) const {
    FooterBytes footer = {};
    file_->read_at(offset, footer);
    return footer;
  }
  Footer tail() const { return decode_footer(footer_at(bytes().size() - kFooterBytes)); }
  std::uint32_t number_at(std::uint64_t offset) const {
    return load_big_endian<std::uint32_t>(bytes(), offset);
  }

 private:
  const testing::MemoryFile* file_ = nullptr;
  std::unique_ptr<Writer> writer_;
};

io::Bytes content_with(std::size_t size, std::initializer_list<std::size_t> data_at) {
  io::Bytes content(size);
  for (const std::size_t at : data_at) content[at] = std::byte{0xA5};
  return content;
}

struct Row {
  std::string name;
  std::function<io::Bytes()> make;  // each test is a process of its own, and all have all rows

  friend void PrintTo(const Row& row, std::ostream* out) { *out << row.name; }
};

class RoundTrip : public ::testing::TestWithParam<Row> {};

TEST_P(RoundTrip, OfAFixedDiskKeepsEveryByte) {
  const io::Bytes content = GetParam().make();
  const Written<FixedWriter> written(content);
  EXPECT_EQ(written.bytes().size(), content.size() + 512);
  EXPECT_EQ(find_footer_fault(written.footer_at(content.size())), std::nullopt);
  const auto disk = written.open();
  ASSERT_EQ(disk->size(), content.size());
  EXPECT_TRUE(content_of(*disk) == content);
  EXPECT_THAT(disk->warnings(), IsEmpty());
}

TEST_P(RoundTrip, OfADynamicDiskKeepsEveryByte) {
  const io::Bytes content = GetParam().make();
  const Written<DynamicWriter> written(content);
  EXPECT_EQ(written.bytes().size() % 512, 0U);
  const auto disk = written.open();
  ASSERT_EQ(disk->size(), content.size());
  EXPECT_TRUE(content_of(*disk) == content);
  EXPECT_THAT(disk->warnings(), IsEmpty());
}

TEST_P(RoundTrip, ThroughAFileSystemKeepsEveryByte) {
  const io::Bytes content = GetParam().make();
  const testing::TempDir directory;
  const auto files = io::posix_file_system();
  const std::string path = directory / "disk.vhd";
  {
    DynamicWriter writer(files->open(path, io::OpenMode::kCreateNew), content.size());
    write_disk(writer, content);
  }
  const auto disk = open(files->open(path, io::OpenMode::kReadDisk));
  EXPECT_TRUE(content_of(*disk) == content);
  const auto extents = extents_of(*disk);
  EXPECT_EQ(extents.back().offset + extents.back().length, content.size());
  for (const Extent& extent : extents) {
    EXPECT_TRUE(extent.has_data ||
                disk::is_zero(std::span(content).subspan(extent.offset, extent.length)));
  }
}

INSTANTIATE_TEST_SUITE_P(
    , RoundTrip,
    ::testing::Values(Row{"OneSector", [] { return content_with(512, {511}); }},
                      Row{"OneSectorOfZeros", [] { return io::Bytes(512); }},
                      Row{"AMibLessASector",
                          [] {
                            return content_with(kMiB - 512, {0, kMiB - 513});
                          }},
                      Row{"ABlock",
                          [] {
                            return content_with(2 * kMiB, {0, 2 * kMiB - 1});
                          }},
                      Row{"ABlockAndASector",
                          [] {
                            return content_with(2 * kMiB + 512, {0, 2 * kMiB + 511});
                          }},
                      Row{"BothEnds",
                          [] {
                            return content_with(9 * kMiB + 1536, {0, 9 * kMiB + 1535});
                          }},
                      Row{"TheSecondHalfOfABlock",
                          [] { return content_with(9 * kMiB + 1536, {5 * kMiB + 7}); }},
                      Row{"Sparse", [] { return sparse_content(9 * kMiB + 1536); }},
                      Row{"Full", [] { return io::Bytes(5 * kMiB + 512, std::byte{0x5A}); }},
                      Row{"Zeros", [] { return io::Bytes(9 * kMiB + 1536); }}),
    [](const auto& row) { return row.param.name; });

TEST(FixedWriter, PutsTheFooterThatEveryReaderTakes) {
  const Footer footer = Written<FixedWriter>(io::Bytes(8 * kMiB)).tail();
  EXPECT_EQ(footer.type, DiskType::kFixed);
  EXPECT_EQ(footer.data_offset, kNoOffset);
  EXPECT_EQ(footer.features, 2U);
  EXPECT_EQ(footer.timestamp, 0U);
  EXPECT_THAT(footer.creator, ElementsAre('w', 'i', 'n', ' '));
  EXPECT_EQ(footer.current_size, 8 * kMiB);
  EXPECT_EQ(footer.original_size, 8 * kMiB);
  EXPECT_EQ(footer.geometry, (Geometry{240, 4, 17}));
  EXPECT_FALSE(footer.has_saved_state);
}

TEST(FixedWriter, LeavesHolesForZeros) {
  const testing::TempDir directory;
  const auto files = io::posix_file_system();
  const std::string path = directory / "disk.vhd";
  {
    FixedWriter writer(files->open(path, io::OpenMode::kCreateNew), 9 * kMiB);
    write_disk(writer, content_with(9 * kMiB, {5 * kMiB}));
  }
  const auto disk = open(files->open(path, io::OpenMode::kReadDisk));
  EXPECT_THAT(extents_of(*disk),
              ElementsAre(Extent{0, 5 * kMiB, false}, Extent{5 * kMiB, 4096, true},
                          Extent{5 * kMiB + 4096, 4 * kMiB - 4096, false}));
}

// [DSK-6]
TEST(Writers, TakeTheUniqueIdFromTheContent) {
  const io::Bytes content(512);
  // write_disk() gives a digest of bytes 0xD1; version 8 and the variant of RFC 9562 are set in it.
  EXPECT_EQ(to_hex(Written<FixedWriter>(content).tail().unique_id),
            "d1d1d1d1d1d181d191d1d1d1d1d1d1d1");
  EXPECT_EQ(to_hex(Written<DynamicWriter>(content).tail().unique_id),
            "d1d1d1d1d1d181d191d1d1d1d1d1d1d1");
}

TEST(Writers, TakeTheIdentityThatIsGiven) {
  Identity identity;
  identity.unique_id.emplace().fill(std::byte{7});
  identity.timestamp = 0x2A;
  const Footer footer = Written<DynamicWriter>(io::Bytes(512), identity).tail();
  EXPECT_THAT(footer.unique_id, Each(std::byte{7}));
  EXPECT_EQ(footer.timestamp, 0x2AU);
}

TEST(DynamicWriter, AlignsDataAndLeavesOutBlocksOfZeros) {
  // Blocks 1 and 4 of 5 have data, the last one is short.
  const auto content = content_with(8 * kMiB + 1536, {3 * kMiB, 8 * kMiB + 1535});
  const Written<DynamicWriter> written(content);
  constexpr std::uint64_t kFirst = 3584;  // of the bitmap; the data are at 4096
  constexpr std::uint64_t kSecond = kFirst + 2 * kMiB + 4096;
  EXPECT_EQ(written.number_at(1536), 0xFFFFFFFFU);
  EXPECT_EQ(written.number_at(1540), kFirst / 512);
  EXPECT_EQ(written.number_at(1544), 0xFFFFFFFFU);
  EXPECT_EQ(written.number_at(1548), 0xFFFFFFFFU);
  EXPECT_EQ(written.number_at(1552), kSecond / 512);
  EXPECT_EQ(written.bytes().size(), kSecond + 512 + 2 * kMiB + 512);
  EXPECT_EQ(written.bytes()[4096 + kMiB], std::byte{0xA5});
  EXPECT_EQ(written.bytes()[kSecond + 512 + 1535], std::byte{0xA5});
  for (const std::uint64_t bitmap : {kFirst, kSecond}) {
    EXPECT_THAT(std::span(written.bytes()).subspan(bitmap, 512), Each(std::byte{0xFF}));
  }
  EXPECT_THAT(std::span(written.bytes()).subspan(1556, 2048 - 1556), Each(std::byte{0xFF}));
}

TEST(DynamicWriter, HasTwinFootersAndAnExactTable) {
  const Written<DynamicWriter> written(sparse_content(9 * kMiB + 1536));
  EXPECT_EQ(written.footer_at(0), written.footer_at(written.bytes().size() - 512));
  const Footer footer = written.tail();
  EXPECT_EQ(footer.type, DiskType::kDynamic);
  EXPECT_EQ(footer.data_offset, 512U);
  EXPECT_EQ(footer.geometry, geometry_for(9 * kMiB + 1536));
  EXPECT_EQ(written.number_at(512 + 28), 5U);         // entries
  EXPECT_EQ(written.number_at(512 + 32), 2U << 20U);  // bytes of a block
}

TEST(DynamicWriter, OfZerosAloneHasNoBlock) {
  const Written<DynamicWriter> written(io::Bytes(9 * kMiB));
  EXPECT_EQ(written.bytes().size(), 1536U + 512 + 512);
  EXPECT_THAT(extents_of(*written.open()), ElementsAre(Extent{0, 9 * kMiB, false}));
}

TEST(DynamicWriter, GivesNoBlockToAChunkWithoutPieces) {
  auto file = std::make_unique<testing::MemoryFile>(io::Bytes());
  DynamicWriter writer(std::move(file), 4 * kMiB);
  const io::Bytes zeros(kMiB);
  disk::EncodedChunk chunk;
  chunk.data = zeros;
  writer.encode(chunk);
  writer.place(chunk);
  EXPECT_EQ(writer.files().front()->size(), 0U);
}

// The first and the last block of the largest disk, whose table has 4 MiB.
TEST(DynamicWriter, ReachesTheEndOfTheLargestDisk) {
  const testing::TempDir directory;
  const auto files = io::posix_file_system();
  const std::string path = directory / "disk.vhd";
  const std::uint64_t size = 2040 * kGiB;
  const io::Bytes data(disk::kChunkBytes, std::byte{0x3C});
  {
    DynamicWriter writer(files->open(path, io::OpenMode::kCreateNew), size);
    for (const std::uint64_t offset : {std::uint64_t{0}, size - disk::kChunkBytes}) {
      disk::EncodedChunk chunk;
      chunk.offset = offset;
      chunk.data = data;
      writer.encode(chunk);
      writer.place(chunk);
      for (const auto& piece : chunk.pieces) {
        writer.files()[piece.file]->write_at(piece.offset, piece.bytes);
      }
    }
    writer.finish(disk::ContentDigest({}));
  }
  const auto disk = open(files->open(path, io::OpenMode::kReadDisk));
  EXPECT_EQ(disk->size(), size);
  EXPECT_THAT(extents_of(*disk),
              ElementsAre(Extent{0, kMiB, true}, Extent{kMiB, kMiB, false},
                          Extent{2 * kMiB, size - 4 * kMiB, false},
                          Extent{size - 2 * kMiB, kMiB, false}, Extent{size - kMiB, kMiB, true}));
  io::Bytes read(disk::kChunkBytes);
  disk->read_at(size - disk::kChunkBytes, read);
  EXPECT_TRUE(read == data);
}

std::string complaint(Subformat subformat, std::uint64_t size) {
  try {
    require_fits(subformat, size);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::kUsage);
    return std::string(error.what()) + " | " + error.next_step();
  }
  return "";
}

TEST(RequireFits, RefusesADynamicDiskOver2040Gib) {
  EXPECT_EQ(complaint(Subformat::kDynamic, 2040 * kGiB), "");
  EXPECT_THAT(
      complaint(Subformat::kDynamic, 2040 * kGiB + 512),
      HasSubstr("2190433320960 bytes (2040 GiB), the disk has 2190433321472 | choose vmdk"));
}

TEST(RequireFits, RefusesAFixedDiskOver32Tib) {
  EXPECT_EQ(complaint(Subformat::kFixed, 32 * kTiB), "");
  EXPECT_THAT(complaint(Subformat::kFixed, 32 * kTiB + 512), HasSubstr("choose vmdk or raw"));
}

TEST(RequireFits, RefusesADiskOfNoBytes) {
  EXPECT_THAT(complaint(Subformat::kDynamic, 0), HasSubstr("a disk of 0 bytes"));
  EXPECT_THAT(complaint(Subformat::kFixed, 0), HasSubstr("a disk of 0 bytes"));
}

}  // namespace
}  // namespace seabag::vhd
