// SPDX-License-Identifier: Apache-2.0
#include <cstdlib>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "vmdk/descriptor.h"
#include "vmdk/disk_files_internal.h"
#include "vmdk/header.h"

namespace seabag::vmdk {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class VmdkDisks : public DiskFiles {
 protected:
  std::string create_file(const std::string& name, std::span<const std::byte> bytes) {
    files_->open(directory_ / name, io::OpenMode::kCreateNew)->write_at(0, bytes);
    return directory_ / name;
  }
  std::string create_descriptor(const std::string& lines, const std::string& begin = kBegin) {
    return create_file("disk.vmdk", io::bytes_of(begin + lines));
  }
  static io::Bytes read(const disk::DiskSource& disk) {
    io::Bytes bytes(disk.size(), std::byte{0xEE});
    disk.read_at(0, bytes);
    return bytes;
  }

  inline static const std::string kBegin =
      "# Disk DescriptorFile\nversion=1\ncreateType=\"custom\"\n";
};

// QEMU drops the extents that are not RW FLAT or SPARSE, and so shifts what is behind them.
TEST_F(VmdkDisks, KeepEveryExtentInItsPlace) {
  create_file("a.bin", text_bytes(8 * 512));
  create_file("b.bin", text_bytes(4 * 512, 5));
  const auto disk =
      open_vmdk(create_descriptor("RW 2 ZERO\n"
                                  "rdonly 3 flat \"a.bin\" 1\n"
                                  "NOACCESS 2 FLAT \"gone.bin\" 0\n"
                                  "RW 4 VMFS \"b.bin\"\n"
                                  "RW 2 FLAT \"a.bin\" 4\n"
                                  "RW 100 ZERO\nRW 100 ZERO\n"));
  io::Bytes expected(213 * 512);
  const auto put = [&](std::uint64_t sector, const io::Bytes& from, std::uint64_t first,
                       std::uint64_t count) {
    std::ranges::copy(std::span(from).subspan(first * 512, count * 512),
                      expected.begin() + static_cast<std::ptrdiff_t>(sector * 512));
  };
  put(2, text_bytes(8 * 512), 1, 3);
  put(7, text_bytes(4 * 512, 5), 0, 4);
  put(11, text_bytes(8 * 512), 4, 2);
  EXPECT_EQ(read(*disk), expected);
  EXPECT_EQ(disk->extent_at(0), (disk::Extent{0, 1024, false}));
  EXPECT_EQ(disk->extent_at(2 * 512), (disk::Extent{2 * 512, 3 * 512, true}));
  EXPECT_EQ(disk->extent_at(13 * 512), (disk::Extent{13 * 512, 200 * 512, false}));
  const auto stored = disk->stored_at(3 * 512);
  ASSERT_TRUE(stored.has_value());
  EXPECT_EQ(stored->offset, 2 * 512U);
  EXPECT_EQ(stored->length, 2 * 512U);
  EXPECT_FALSE(disk->stored_at(0).has_value());
}

TEST_F(VmdkDisks, OfZerosAloneAreOpened) {
  const auto disk = open_vmdk(create_descriptor("RW 1000 ZERO\nNOACCESS 24 ZERO\n"));
  EXPECT_EQ(disk->extent_at(512), (disk::Extent{512, 1023 * 512, false}));
}

TEST_F(VmdkDisks, OfThousandsOfExtentsAreOpenedAtOnce) {
  std::string lines;
  for (int i = 0; i < 4096; ++i) lines += "RW 1 ZERO\n";
  const auto disk = open_vmdk(create_descriptor(lines));
  EXPECT_EQ(disk->extent_at(0), (disk::Extent{0, 4096 * 512, false}));
}

TEST_F(VmdkDisks, DoNotFollowALinkToAnExtent) {
  create_file("a.bin", text_bytes(512));
  ASSERT_EQ(std::system(("ln -s a.bin " + (directory_ / "link.bin")).c_str()), 0);
  ASSERT_EQ(std::system(("mkfifo " + (directory_ / "pipe.bin")).c_str()), 0);
  for (const char* name : {"link.bin", "pipe.bin"}) {
    files_->remove_file(create_file("disk.vmdk", {}));
    const std::string path = create_descriptor("RW 1 FLAT \"" + std::string(name) + "\" 0\n");
    try {
      open_vmdk(path);
      FAIL() << name;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Code::kMalformed) << error.what();
      EXPECT_THAT(error.what(), HasSubstr(name));
    }
    files_->remove_file(path);
  }
}

TEST_F(VmdkDisks, SayWhichExtentIsMissing) {
  try {
    open_vmdk(create_descriptor("RW 1 FLAT \"a.bin\" 0\n"));
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::kIntegrity);
    EXPECT_THAT(error.what(), HasSubstr("its extent \"a.bin\" is missing"));
    EXPECT_THAT(error.next_step(), HasSubstr("into one folder"));
  }
}

TEST_F(VmdkDisks, AreReadFromDescriptorsThatAreFilledUpWithZeros) {
  std::string text = kBegin + "RW 1 ZERO\n";
  text.resize(1024);
  EXPECT_EQ(open_vmdk(create_file("disk.vmdk", io::bytes_of(text)))->size(), 512U);
}

// What qemu-img 7.2 leaves behind one time in sixteen: its second CID is a digit shorter than its
// first.
TEST_F(VmdkDisks, AreReadFromDescriptorsThatWereWrittenOverAndGotShorter) {
  std::string text = kBegin + "RW 1 ZERO\n";
  text += std::string("\0007\"\n", 4);
  text.resize(512);
  EXPECT_EQ(open_vmdk(create_file("disk.vmdk", io::bytes_of(text)))->size(), 512U);
}

TEST_F(VmdkDisks, OfLargeDescriptorFilesAreRefused) {
  const std::string path = create_descriptor("RW 1 ZERO\n");
  files_->open(path, io::OpenMode::kReadWrite)->resize((1U << 20U) + 1);
  EXPECT_THROW(open_vmdk(path), Error);
}

// VirtualBox raises the header's capacity to whole grains, and keeps the size in the descriptor.
TEST_F(VmdkDisks, HaveTheSizeOfTheDescriptor) {
  const auto raw = open_raw(create_raw({"", 3 * 512, {{0, [] { return text_bytes(3 * 512); }}}}));
  const std::string path = write_vmdk(Subformat::kMonolithicSparse, *raw);
  io::Bytes header = bytes_of(path);
  SparseHeader larger = decode_header(std::span(header).first(512));
  larger.capacity = kGrainSectors;
  files_->open(path, io::OpenMode::kReadWrite)->write_at(0, encode_header(larger));
  const auto disk = open_vmdk(path);
  EXPECT_THAT(disk->warnings(), ElementsAre(HasSubstr("the header says 128 sectors")));
  expect_same(*raw, *disk);
}

TEST_F(VmdkDisks, AreNotMadeOfOneExtentOfASplitDisk) {
  const auto raw = open_raw(create_raw({"", kMiB, {}}));
  write_vmdk(Subformat::kTwoGbMaxExtentSparse, *raw);
  try {
    open_vmdk(directory_ / "disk-s001.vmdk");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::kUnsupported);
    EXPECT_THAT(error.next_step(), HasSubstr("descriptor file"));
  }
}

TEST_F(VmdkDisks, TellTheWarningsOfTheirExtents) {
  const auto raw = open_raw(create_raw({"", kMiB, {}}));
  const std::string path = write_vmdk(Subformat::kTwoGbMaxExtentSparse, *raw);
  EXPECT_THAT(open_vmdk(path)->warnings(), IsEmpty());
  const io::Bytes unclean = {std::byte{1}};
  files_->open(directory_ / "disk-s001.vmdk", io::OpenMode::kReadWrite)->write_at(72, unclean);
  EXPECT_THAT(open_vmdk(path)->warnings(), ElementsAre(HasSubstr("disk-s001.vmdk")));
}

}  // namespace
}  // namespace seabag::vmdk
