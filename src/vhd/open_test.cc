// SPDX-License-Identifier: Apache-2.0

// Disks as others write them. What is damaged beyond reading is in bad_files_test.cc.

#include <functional>
#include <ostream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/endian.h"
#include "base/error.h"
#include "io/posix_file_system.h"
#include "testing/memory_file.h"
#include "testing/temp_dir.h"
#include "vhd/block_table.h"
#include "vhd/dynamic_header.h"
#include "vhd/test_disks_internal.h"
#include "vhd/vhd.h"

namespace seabag::vhd {
namespace {

using disk::Extent;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr std::size_t kMiB = 1U << 20U;

io::Bytes pattern(std::size_t size, int seed) {
  io::Bytes bytes(size);
  for (std::size_t i = 0; i < size; ++i) {
    bytes[i] = static_cast<std::byte>((static_cast<std::size_t>(seed) + 7 * i + i / 512) % 255 + 1);
  }
  return bytes;
}

/// A dynamic VHD with all its parts where Hyper-V puts them, which a test changes.
struct DynamicImage {
  std::uint32_t block_bytes = 4096;
  std::uint64_t size = 4 * 4096;
  std::vector<bool> is_stored = {true, false, true, true};
  Footer footer;
  DynamicHeader header;
  std::function<void(io::Bytes& bitmap)> change_bitmap = [](io::Bytes&) {};

  DynamicImage() {
    footer.type = DiskType::kDynamic;
    footer.data_offset = 512;
    header.table_offset = 1536;
    header.block_bytes = block_bytes;
    header.max_table_entries = 4;
    footer.original_size = footer.current_size = size;
    footer.geometry = geometry_for(size);
  }

  void set_shape(std::uint32_t bytes_of_block, std::vector<bool> stored, std::uint64_t disk_size) {
    block_bytes = header.block_bytes = bytes_of_block;
    header.max_table_entries = static_cast<std::uint32_t>(stored.size());
    is_stored = std::move(stored);
    size = footer.original_size = footer.current_size = disk_size;
  }

  /// Without the footer at the end.
  io::Bytes without_footer() const {
    io::Bytes bytes;
    append(bytes, encode_footer(footer));
    append(bytes, encode_dynamic_header(header));
    const std::size_t table = bytes.size();
    bytes.resize((table + header.max_table_entries * 4 + 511) / 512 * 512, std::byte{0xFF});
    for (std::size_t i = 0; i < is_stored.size(); ++i) {
      if (!is_stored[i]) continue;
      store_big_endian(bytes, table + 4 * i, static_cast<std::uint32_t>(bytes.size() / 512));
      io::Bytes bitmap(bitmap_bytes_of(block_bytes), std::byte{0xFF});
      change_bitmap(bitmap);
      append(bytes, bitmap);
      append(bytes, pattern(block_bytes, static_cast<int>(i)));
    }
    return bytes;
  }

  io::Bytes bytes() const {
    io::Bytes bytes = without_footer();
    append(bytes, encode_footer(footer));
    return bytes;
  }

  io::Bytes content() const {
    io::Bytes content;
    for (std::size_t i = 0; i < is_stored.size(); ++i) {
      append(content,
             is_stored[i] ? pattern(block_bytes, static_cast<int>(i)) : io::Bytes(block_bytes));
    }
    content.resize(size);
    return content;
  }

  static void append(io::Bytes& bytes, std::span<const std::byte> more) {
    bytes.insert(bytes.end(), more.begin(), more.end());
  }
};

io::Bytes fixed_image(const io::Bytes& content, Footer footer = {}) {
  if (footer.current_size == 0) footer.current_size = content.size();
  io::Bytes bytes = content;
  DynamicImage::append(bytes, encode_footer(footer));
  return bytes;
}

std::unique_ptr<disk::DiskSource> open_bytes(io::Bytes bytes) {
  return open(std::make_unique<testing::MemoryFile>(std::move(bytes), "a.vhd"));
}

std::vector<std::string> warnings_of(io::Bytes bytes) {
  return open_bytes(std::move(bytes))->warnings();
}

TEST(DynamicDisk, IsReadByItsTable) {
  const DynamicImage image;
  const auto disk = open_bytes(image.bytes());
  EXPECT_EQ(disk->size(), image.size);
  EXPECT_TRUE(content_of(*disk) == image.content());
  EXPECT_THAT(extents_of(*disk), ElementsAre(Extent{0, 4096, true}, Extent{4096, 4096, false},
                                             Extent{8192, 4096, true}, Extent{12288, 4096, true}));
  EXPECT_THAT(disk->warnings(), IsEmpty());
}

TEST(DynamicDisk, IsReadAcrossBlocksFromAnyByte) {
  const DynamicImage image;
  const auto disk = open_bytes(image.bytes());
  const io::Bytes content = image.content();
  for (const std::size_t begin : {0U, 1U, 511U, 512U, 4095U, 4097U, 8000U}) {
    for (const std::size_t length : {1U, 513U, 4096U, 8193U}) {
      io::Bytes read(std::min(length, content.size() - begin), std::byte{0xEE});
      disk->read_at(begin, read);
      EXPECT_TRUE(std::ranges::equal(read, std::span(content).subspan(begin, read.size())))
          << begin << ' ' << length;
    }
  }
}

TEST(DynamicDisk, SkipsAbsentBlocksAtOnce) {
  DynamicImage image;
  std::vector<bool> stored(20'000, false);
  stored[0] = stored[15'000] = true;
  image.set_shape(4096, stored, 20'000 * 4096 - 512);
  EXPECT_THAT(extents_of(*open_bytes(image.bytes())),
              ElementsAre(Extent{0, 4096, true}, Extent{4096, 14'999 * 4096, false},
                          Extent{15'000 * 4096, 4096, true},
                          Extent{15'001 * 4096, 4999 * 4096 - 512, false}));
}

TEST(DynamicDisk, MayHaveAsManySmallBlocksAsAreWalkedInASecond) {
  DynamicImage image;
  image.set_shape(4096, std::vector<bool>(32'768, false), 32'768 * 4096);
  EXPECT_EQ(open_bytes(image.bytes())->size(), 32'768U * 4096);
  // Blocks of 512 KiB are common: a disk of any size may have them.
  constexpr std::size_t kBlocks = (2040ULL << 30U) / (512U << 10U);
  image.set_shape(512U << 10U, std::vector<bool>(kBlocks, false), 2040ULL << 30U);
  EXPECT_EQ(open_bytes(image.bytes())->size(), 2040ULL << 30U);
}

TEST(DynamicDisk, HasZerosWhereABitmapSaysThatNothingIsStored) {
  DynamicImage image;
  image.change_bitmap = [](io::Bytes& bitmap) { bitmap[0] = std::byte{0b11100110}; };
  io::Bytes expected = image.content();
  for (std::size_t block = 0; block < expected.size(); block += 4096) {
    for (const std::size_t sector : {3U, 4U, 7U}) {
      std::fill_n(expected.begin() + static_cast<std::ptrdiff_t>(block + sector * 512), 512,
                  std::byte{0});
    }
  }
  const auto disk = open_bytes(image.bytes());
  EXPECT_TRUE(content_of(*disk) == expected);
  EXPECT_EQ(disk->extent_at(0), (Extent{0, 3 * 512, true}));
  EXPECT_EQ(disk->extent_at(700), (Extent{700, 3 * 512 - 700, true}));
  EXPECT_EQ(disk->extent_at(3 * 512), (Extent{3 * 512, 2 * 512, false}));
  EXPECT_EQ(disk->extent_at(7 * 512), (Extent{7 * 512, 512, false}));
  EXPECT_FALSE(disk->stored_at(3 * 512).has_value());
}

TEST(DynamicDisk, SaysWhereABlockLies) {
  const auto disk = open_bytes(DynamicImage().bytes());
  // Footer, header, a sector of BAT; block 0 with a sector of bitmap; the bitmap of block 2.
  const auto stored = disk->stored_at(8192 + 100);
  ASSERT_TRUE(stored.has_value());
  EXPECT_EQ(stored->offset, 2048U + 512 + 4096 + 512 + 100);
  EXPECT_EQ(stored->length, 3996U);
  io::Bytes bytes(stored->length);
  stored->file->read_at(stored->offset, bytes);
  const io::Bytes block = pattern(4096, 2);
  EXPECT_TRUE(std::ranges::equal(bytes, std::span(block).subspan(100)));
  EXPECT_FALSE(disk->stored_at(4096).has_value());
  EXPECT_FALSE(disk->stored_at(disk->size()).has_value());
}

TEST(DynamicDisk, MayHaveBlocksOfOtherSizes) {
  for (const std::uint32_t block : {512U << 10U, 1U << 20U, 4U << 20U}) {
    DynamicImage image;
    image.set_shape(block, {true, false, true}, 3ULL * block - 1536);
    const auto disk = open_bytes(image.bytes());
    EXPECT_TRUE(content_of(*disk) == image.content()) << block;
  }
}

TEST(DynamicDisk, TakesTheCopyIfTheFooterIsDamaged) {
  const DynamicImage image;
  io::Bytes bytes = image.bytes();
  bytes.back() = std::byte{1};
  const auto disk = open_bytes(bytes);
  EXPECT_TRUE(content_of(*disk) == image.content());
  EXPECT_THAT(
      disk->warnings(),
      ElementsAre(HasSubstr("footer at 15872: checksum 0xfffff930, expected 0xfffff92f; the "
                            "copy at 0 is used")));
}

TEST(DynamicDisk, TakesTheCopyIfThereIsNoFooter) {
  const DynamicImage image;
  const auto disk = open_bytes(image.without_footer());
  EXPECT_TRUE(content_of(*disk) == image.content());
  EXPECT_THAT(disk->warnings(), ElementsAre(HasSubstr("may be cut off")));
}

TEST(DynamicDisk, TakesTheFooterIfTheCopyIsDamaged) {
  const DynamicImage image;
  io::Bytes bytes = image.bytes();
  std::fill_n(bytes.begin(), 512, std::byte{0});
  const auto disk = open_bytes(bytes);
  EXPECT_TRUE(content_of(*disk) == image.content());
  EXPECT_THAT(disk->warnings(), ElementsAre(HasSubstr("copy of the footer at 0: no \"conectix\"")));
}

TEST(DynamicDisk, TakesTheFooterIfTheCopyDiffers) {
  DynamicImage image;
  io::Bytes bytes = image.without_footer();
  image.footer.timestamp = 1;
  DynamicImage::append(bytes, encode_footer(image.footer));
  EXPECT_THAT(warnings_of(bytes), ElementsAre(HasSubstr("the copy of the footer at 0 differs")));
}

TEST(DynamicDisk, MayEndWithAFooterOf511Bytes) {
  const DynamicImage image;
  io::Bytes bytes = image.bytes();
  bytes.pop_back();
  const auto disk = open_bytes(bytes);
  EXPECT_TRUE(content_of(*disk) == image.content());
  EXPECT_THAT(disk->warnings(), IsEmpty());
}

TEST(DynamicDisk, MayHaveATableThatIsTooLong) {
  DynamicImage image;
  image.header.max_table_entries = 5;
  const auto disk = open_bytes(image.bytes());
  EXPECT_TRUE(content_of(*disk) == image.content());
  EXPECT_THAT(disk->warnings(), ElementsAre(HasSubstr("the BAT has 5 entries, the disk 4 blocks")));
}

TEST(DynamicDisk, IsReadAsWholeThoughItHasAParentsId) {
  const DynamicImage image;
  io::Bytes bytes = image.bytes();
  bytes[512 + 40] = std::byte{1};
  const auto header = std::span(bytes).subspan(512, 1024);
  store_big_endian(header, 36, checksum_of(header, 36));
  EXPECT_THAT(warnings_of(bytes), ElementsAre(HasSubstr("the id of a parent")));
}

TEST(DifferencingDisk, IsRefusedWithItsParentsNameMadeHarmless) {
  DynamicImage image;
  image.footer.type = DiskType::kDifferencing;
  io::Bytes bytes = image.bytes();
  const auto header = std::span(bytes).subspan(512, 1024);
  std::size_t at = 64;
  for (const std::uint16_t unit : {u'p', u'\x1B', u'[', u'm', u'\u202E'}) {
    store_big_endian(header, at, unit);
    at += 2;
  }
  store_big_endian(header, 36, checksum_of(header, 36));
  try {
    open_bytes(bytes);
    FAIL() << "opened";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::kUnsupported);
    EXPECT_THAT(error.what(), HasSubstr(R"(from its parent "p\x1b[m\u{202e}")"));
    EXPECT_THAT(error.next_step(), HasSubstr("merge it"));
  }
}

TEST(DynamicDisk, FindsATableThatChangedUnderItsHands) {
  const testing::TempDir directory;
  const auto files = io::posix_file_system();
  const std::string path = directory / "a.vhd";
  const DynamicImage image;
  io::write_new_file(*files, path, image.bytes());
  const auto disk = open(files->open(path, io::OpenMode::kReadDisk));
  const std::array<std::byte, 4> entry = {};
  files->open(path, io::OpenMode::kReadWrite)->write_at(1536, entry);
  io::Bytes read(512);
  EXPECT_THROW(disk->read_at(0, read), Error);
  EXPECT_THROW(disk->extent_at(0), Error);
}

struct Creator {
  std::string name;
  std::array<char, 4> creator;
  bool is_by_geometry = false;

  friend void PrintTo(const Creator& row, std::ostream* out) { *out << row.name; }
};

class ACreator : public ::testing::TestWithParam<Creator> {};

TEST_P(ACreator, LeavesTheSizeToTheFooter) {
  Footer footer;
  footer.creator = GetParam().creator;
  footer.current_size = 8 * kMiB;
  footer.geometry = geometry_for(8 * kMiB);  // 8,355,840 bytes
  const auto disk = open_bytes(fixed_image(pattern(8 * kMiB, 1), footer));
  EXPECT_EQ(disk->size(), 8 * kMiB);
  if (GetParam().is_by_geometry) {
    EXPECT_THAT(disk->warnings(), ElementsAre(HasSubstr("see 8355840")));
  } else {
    EXPECT_THAT(disk->warnings(), IsEmpty());
  }
}

INSTANTIATE_TEST_SUITE_P(, ACreator,
                         ::testing::Values(Creator{"VirtualPc", {'v', 'p', 'c', ' '}, true},
                                           Creator{"OldQemu", {'q', 'e', 'm', 'u'}, true},
                                           Creator{"Qemu", {'q', 'e', 'm', '2'}},
                                           Creator{"HyperV", {'w', 'i', 'n', ' '}},
                                           Creator{"VirtualServer", {'v', 's', ' ', ' '}},
                                           Creator{"Disk2vhd", {'d', '2', 'v', '\0'}},
                                           Creator{"XenServer", {'t', 'a', 'p', '\0'}},
                                           Creator{"XenConverter", {'C', 'T', 'X', 'S'}},
                                           Creator{"Azure", {'w', 'a', '\0', '\0'}},
                                           Creator{"VirtualBox", {'v', 'b', 'o', 'x'}}),
                         [](const auto& row) { return row.param.name; });

TEST(Geometry, ThatIsTheLargestIsNoReasonToWarn) {
  Footer footer;
  footer.creator = {'q', 'e', 'm', 'u'};
  footer.geometry = kLargestGeometry;
  EXPECT_THAT(warnings_of(fixed_image(io::Bytes(kMiB), footer)), IsEmpty());
}

TEST(FixedDisk, IsAllBeforeTheFooter) {
  const io::Bytes content = pattern(kMiB + 1536, 3);
  const auto disk = open_bytes(fixed_image(content));
  EXPECT_TRUE(content_of(*disk) == content);
  EXPECT_THAT(extents_of(*disk), ElementsAre(Extent{0, kMiB + 1536, true}));
  const auto stored = disk->stored_at(512);
  ASSERT_TRUE(stored.has_value());
  EXPECT_EQ(stored->offset, 512U);
  EXPECT_EQ(stored->length, kMiB + 1024);
  EXPECT_FALSE(disk->stored_at(kMiB + 1536).has_value());
}

TEST(FixedDisk, MayEndWithAFooterOf511Bytes) {
  io::Bytes bytes = fixed_image(pattern(kMiB, 3));
  bytes.pop_back();
  EXPECT_TRUE(content_of(*open_bytes(bytes)) == pattern(kMiB, 3));
}

TEST(FixedDisk, MayBeFollowedByMore) {
  Footer footer;
  footer.current_size = kMiB;
  const auto disk = open_bytes(fixed_image(pattern(kMiB + 4096, 3), footer));
  EXPECT_EQ(disk->size(), kMiB);
  EXPECT_THAT(disk->warnings(),
              ElementsAre(HasSubstr("4096 bytes between the disk's end at 1048576")));
}

TEST(FixedDisk, MayHoldAVhd) {
  const io::Bytes inner = DynamicImage().bytes();
  const auto disk = open_bytes(fixed_image(inner));
  EXPECT_TRUE(content_of(*disk) == inner);
  EXPECT_THAT(disk->warnings(), ElementsAre(HasSubstr("begins like a VHD")));
}

TEST(AnyDisk, MayBeTemporaryOrHaveASavedState) {
  Footer footer;
  footer.features |= Footer::kTemporary;
  footer.has_saved_state = true;
  EXPECT_THAT(
      warnings_of(fixed_image(io::Bytes(kMiB), footer)),
      ElementsAre(HasSubstr("\"a.vhd\": footer: a temporary disk"), HasSubstr("saved state")));
}

TEST(AnyDisk, ToleratesFeaturesAndMinorVersionsThatItDoesNotKnow) {
  Footer footer;
  footer.features = 0x80000000;
  footer.version = 0x00010007;
  EXPECT_THAT(warnings_of(fixed_image(io::Bytes(kMiB), footer)), IsEmpty());
}

}  // namespace
}  // namespace seabag::vhd
