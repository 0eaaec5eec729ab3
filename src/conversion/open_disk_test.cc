// SPDX-License-Identifier: Apache-2.0
#include "conversion/open_disk.h"

#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "conversion/copy_disk.h"
#include "conversion/stored_format.h"
#include "io/posix_file_system.h"
#include "testing/temp_dir.h"

namespace seabag::conversion {
namespace {

using ::testing::HasSubstr;

class OpenDisk : public ::testing::Test {
 protected:
  std::string write(const std::string& name, const io::Bytes& bytes) {
    io::write_new_file(*files_, directory_ / name, bytes);
    return directory_ / name;
  }

  // A disk of 3 MiB and a sector in some format, as a file of that name's ending.
  std::string make(OutputFormat format, const std::string& name) {
    io::Bytes content(3 * disk::kChunkBytes + 512);
    content[5] = content[disk::kChunkBytes + 70'000] = content.back() = std::byte{7};
    const auto raw = open_disk(*files_, write(name + ".in", content), SourceFormat::kRaw);
    content_ = content;
    std::vector<std::unique_ptr<io::File>> made;
    const auto names = file_names(format, name, content.size());
    for (const std::string& part : names) {
      made.push_back(files_->open(directory_ / part, io::OpenMode::kCreateNew));
    }
    const auto writer = create_writer(format, std::move(made), content.size());
    transfer::NoProgress progress;
    copy_disk(*raw.disk, writer.get(), {.jobs = 2}, progress, {});
    return directory_ / names.front();
  }

  std::string complaint(const std::string& path, std::optional<SourceFormat> format = {}) {
    try {
      open_disk(*files_, path, format);
    } catch (const Error& error) {
      code_ = error.code();
      return std::string(error.what()) + " | " + error.next_step();
    }
    return "";
  }

  testing::TempDir directory_;
  std::unique_ptr<io::FileSystem> files_ = io::posix_file_system();
  io::Bytes content_;
  Code code_ = Code::kInternal;
};

TEST_F(OpenDisk, ReadsWhatEveryWriterMakes) {
  for (const auto format :
       {OutputFormat::kRaw, OutputFormat::kVhd, OutputFormat::kVhdFixed, OutputFormat::kVmdk,
        OutputFormat::kVmdkSparse, OutputFormat::kVmdkFlat, OutputFormat::kVmdk2Gb}) {
    const std::string path = make(format, std::string(name_of(format)));
    const OpenedDisk opened = open_disk(*files_, path, std::nullopt);
    EXPECT_EQ(opened.format, source_format_of(format)) << name_of(format);
    EXPECT_EQ(stored_format_of(*files_->open(path, io::OpenMode::kRead)), format);
    ASSERT_EQ(opened.disk->size(), content_.size()) << name_of(format);
    io::Bytes bytes(content_.size());
    opened.disk->read_at(0, bytes);
    EXPECT_TRUE(bytes == content_) << name_of(format);
  }
}

TEST_F(OpenDisk, BelievesTheNameAndNotWhatAGuestCanWrite) {
  io::Bytes content(1U << 20U);
  std::ranges::copy(io::bytes_of("QFI\xFB"), content.begin());
  const std::string path = write("guest.raw", content);
  const std::string text = complaint(path);
  EXPECT_EQ(code_, Code::kUsage);
  EXPECT_THAT(text, HasSubstr("the name says raw, the content says qcow2"));
  EXPECT_THAT(text, HasSubstr("source-format=qcow2"));
  EXPECT_THAT(text, HasSubstr("source-format=raw"));
  EXPECT_EQ(open_disk(*files_, path, SourceFormat::kRaw).disk->size(), content.size());
}

TEST_F(OpenDisk, SeesAFixedVhdUnderAnotherName) {
  const std::string path = make(OutputFormat::kVhdFixed, "fixed");
  files_->rename(path, directory_ / "fixed.img");
  EXPECT_THAT(complaint(directory_ / "fixed.img"), HasSubstr("the content says vhd"));
}

TEST_F(OpenDisk, AsksWhereTheNameTellsNothing) {
  const std::string path = write("disk", io::Bytes(512));
  EXPECT_THAT(complaint(path), HasSubstr("does not say in which format"));
  EXPECT_EQ(open_disk(*files_, path, SourceFormat::kRaw).format, SourceFormat::kRaw);
}

TEST_F(OpenDisk, RefusesWhatIsNotThereAndWhatIsEmpty) {
  EXPECT_THAT(complaint(directory_ / "none.raw"), HasSubstr("No such file"));
  EXPECT_EQ(code_, Code::kUsage);
  EXPECT_THAT(complaint(write("empty.raw", {})), HasSubstr("the disk has no bytes"));
}

TEST_F(OpenDisk, PadsWithZeros) {
  const std::string path = write("a.raw", io::Bytes(1024, std::byte{1}));
  const auto padded = pad_disk(open_disk(*files_, path, std::nullopt).disk, 4096);
  EXPECT_EQ(padded->size(), 4096U);
  io::Bytes bytes(4096, std::byte{9});
  padded->read_at(0, bytes);
  EXPECT_EQ(std::ranges::count(bytes, std::byte{1}), 1024);
  EXPECT_EQ(std::ranges::count(bytes, std::byte{0}), 3072);
  EXPECT_EQ(padded->extent_at(1024), (disk::Extent{1024, 3072, false}));
}

}  // namespace
}  // namespace seabag::conversion
