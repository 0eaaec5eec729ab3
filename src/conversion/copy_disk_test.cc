// SPDX-License-Identifier: Apache-2.0
#include "conversion/copy_disk.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "disk/raw_disk.h"
#include "io/posix_file_system.h"
#include "testing/fault_fs.h"
#include "testing/memory_file.h"
#include "testing/temp_dir.h"

namespace seabag::conversion {
namespace {

using disk::kChunkBytes;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

/// Chunks with data by their position, all else holes; ranges that cannot be read.
class SparseDisk : public disk::DiskSource {
 public:
  explicit SparseDisk(std::uint64_t size) : size_(size) {}

  void fill(std::uint64_t chunk, std::byte value) { chunks_[chunk] = value; }
  void break_at(std::uint64_t offset, std::uint64_t length) { broken_ = {offset, length}; }
  std::uint64_t bytes_read() const { return bytes_read_; }

  std::uint64_t size() const override { return size_; }
  void read_at(std::uint64_t offset, std::span<std::byte> out) const override {
    if (offset < broken_.offset + broken_.length && broken_.offset < offset + out.size()) {
      throw Error(Code::kIo, "reading: input/output error");
    }
    for (std::size_t i = 0; i < out.size(); ++i) {
      const auto found = chunks_.find((offset + i) / kChunkBytes);
      out[i] = found == chunks_.end() ? std::byte{0} : found->second;
    }
    const std::scoped_lock lock(mutex_);
    bytes_read_ += out.size();
  }
  disk::Extent extent_at(std::uint64_t offset) const override {
    const auto next = chunks_.lower_bound(offset / kChunkBytes);
    if (next == chunks_.end()) return {offset, size_ - offset, false};
    const std::uint64_t begin = next->first * kChunkBytes;
    if (begin > offset) return {offset, begin - offset, false};
    return {offset, std::min(begin + kChunkBytes, size_) - offset, true};
  }

 private:
  std::uint64_t size_;
  std::map<std::uint64_t, std::byte> chunks_;
  ZeroedRange broken_;
  mutable std::mutex mutex_;
  mutable std::uint64_t bytes_read_ = 0;
};

CopyReport digest_of(const disk::DiskSource& disk, const CopyOptions& options = {}) {
  transfer::NoProgress progress;
  return copy_disk(disk, nullptr, options, progress, {});
}

TEST(CopyDisk, ReadsNoHoleAndTakesTheSameDigest) {
  SparseDisk disk(64ULL << 40U);
  disk.fill(0, std::byte{1});
  disk.fill(3 << 20U, std::byte{2});
  disk.fill((64U << 20U) - 1, std::byte{3});
  const CopyReport report = digest_of(disk);
  EXPECT_EQ(disk.bytes_read(), 3 * kChunkBytes);
  EXPECT_EQ(report.data_bytes, 3 * kChunkBytes);
  disk::ContentHasher hasher(disk.size());
  for (const auto& [chunk, value] :
       {std::pair(0U, 1), std::pair(3U << 20U, 2), std::pair((64U << 20U) - 1, 3)}) {
    hasher.add(std::uint64_t{chunk} * kChunkBytes,
               disk::digest_of_chunk(std::vector(kChunkBytes, static_cast<std::byte>(value))));
  }
  EXPECT_EQ(report.content, hasher.finish());
}

class CountedProgress : public transfer::NoProgress {
 public:
  void add_bytes(std::uint64_t bytes) override { moved += bytes; }
  void skip_bytes(std::uint64_t bytes) override { skipped += bytes; }
  void pass_hole(std::uint64_t bytes) override { holes += bytes; }

  std::atomic<std::uint64_t> moved = 0;
  std::atomic<std::uint64_t> skipped = 0;
  std::atomic<std::uint64_t> holes = 0;
};

TEST(CopyDisk, CallsWhatItDoesNotReadHoles) {
  SparseDisk disk(9 * std::uint64_t{kChunkBytes} + 512);
  disk.fill(2, std::byte{1});
  disk.fill(7, std::byte{2});
  CountedProgress progress;
  copy_disk(disk, nullptr, {.jobs = 2}, progress, {});
  EXPECT_EQ(progress.moved, 2 * kChunkBytes);
  EXPECT_EQ(progress.holes, 7 * kChunkBytes + 512);
  EXPECT_EQ(progress.skipped, 0U);
}

TEST(CopyDisk, GivesTheSameForAnyNumberOfJobs) {
  SparseDisk disk(37 * std::uint64_t{kChunkBytes} + 512);
  for (std::uint64_t chunk = 0; chunk < 38; chunk += chunk % 5 + 1) {
    disk.fill(chunk, static_cast<std::byte>(chunk + 1));
  }
  const CopyReport one = digest_of(disk);
  for (const int jobs : {2, 3, 8}) {
    auto file = std::make_unique<testing::MemoryFile>(io::Bytes());
    const testing::MemoryFile& written = *file;
    disk::RawWriter writer(std::move(file), disk.size());
    transfer::NoProgress progress;
    const CopyReport report = copy_disk(disk, &writer, {.jobs = jobs}, progress, {});
    EXPECT_EQ(report.content, one.content) << jobs;
    ASSERT_EQ(written.size(), disk.size());
    io::Bytes expected(disk.size());
    disk.read_at(0, expected);
    EXPECT_TRUE(written.bytes() == expected) << jobs;
  }
}

TEST(CopyDisk, StopsWhereADiskCannotBeReadAndSaysWhere) {
  SparseDisk disk(4 * std::uint64_t{kChunkBytes});
  disk.fill(1, std::byte{1});
  disk.break_at(kChunkBytes + 8192, 4097);
  try {
    digest_of(disk);
    FAIL() << "went on";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::kIo);
    EXPECT_THAT(error.what(), HasSubstr("these cannot be read: 8192 bytes at 1056768"));
    EXPECT_THAT(error.next_step(), HasSubstr("--on-read-error zero"));
  }
}

TEST(CopyDisk, GoesOnWithZerosIfToldAndSaysWhere) {
  SparseDisk disk(4 * std::uint64_t{kChunkBytes});
  disk.fill(1, std::byte{1});
  disk.fill(2, std::byte{2});
  disk.break_at(2 * kChunkBytes - 4096, 8192);
  const CopyReport report = digest_of(disk, {.jobs = 3, .zero_unreadable = true});
  EXPECT_THAT(report.zeroed, ElementsAre(ZeroedRange{2 * kChunkBytes - 4096, 8192}));
  disk::ContentHasher hasher(disk.size());
  std::vector chunk(kChunkBytes, std::byte{1});
  std::ranges::fill(std::span(chunk).last(4096), std::byte{0});
  hasher.add(kChunkBytes, disk::digest_of_chunk(chunk));
  std::ranges::fill(chunk, std::byte{2});
  std::ranges::fill(std::span(chunk).first(4096), std::byte{0});
  hasher.add(2 * kChunkBytes, disk::digest_of_chunk(chunk));
  EXPECT_EQ(report.content, hasher.finish());
}

TEST(CopyDisk, EndsAllJobsWhenTheMediumFails) {
  const testing::TempDir directory;
  const auto real = io::posix_file_system();
  testing::FaultFs files(*real);
  SparseDisk disk(100 * std::uint64_t{kChunkBytes});
  for (std::uint64_t chunk = 0; chunk < 100; ++chunk) disk.fill(chunk, std::byte{7});
  for (const int nth : {1, 2, 50, 100}) {
    disk::RawWriter writer(files.open(directory / std::to_string(nth), io::OpenMode::kCreateNew),
                           disk.size());
    files.fail({.operation = testing::Operation::kWrite, .nth = nth, .error_number = ENOSPC});
    transfer::NoProgress progress;
    try {
      copy_disk(disk, &writer, {.jobs = 4}, progress, {});
      ADD_FAILURE() << "write " << nth << " failed, and nothing was said";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Code::kNoSpace);
    }
    files.forget_faults();
  }
}

TEST(CopyDisk, StopsWhenAsked) {
  SparseDisk disk(4 * std::uint64_t{kChunkBytes});
  disk.fill(1, std::byte{1});
  std::stop_source stop;
  stop.request_stop();
  transfer::NoProgress progress;
  EXPECT_THROW(copy_disk(disk, nullptr, {}, progress, stop.get_token()), Error);
}

/// On a file system that shares blocks.
class SharingFile : public testing::MemoryFile {
 public:
  using MemoryFile::MemoryFile;
  bool share(const io::File& from, std::uint64_t from_offset, std::uint64_t offset,
             std::uint64_t length) override {
    io::Bytes bytes(length);
    from.read_at(from_offset, bytes);
    write_at(offset, bytes);
    ++shared;
    return true;
  }

  std::atomic<int> shared = 0;
};

/// A guest writes to it right after it was read.
class DiskInUse : public disk::DiskSource {
 public:
  DiskInUse(io::Bytes now, io::Bytes then)
      : now_(std::move(now), "now"), then_(std::move(then), "then") {}
  std::uint64_t size() const override { return now_.size(); }
  void read_at(std::uint64_t offset, std::span<std::byte> out) const override {
    now_.read_at(offset, out);
  }
  disk::Extent extent_at(std::uint64_t offset) const override {
    return {offset, size() - offset, true};
  }
  std::optional<disk::StoredRange> stored_at(std::uint64_t offset) const override {
    return disk::StoredRange{&then_, offset, size() - offset};
  }

 private:
  testing::MemoryFile now_;
  testing::MemoryFile then_;
};

TEST(CopyDisk, WritesWhatItHashedWhereTheDiskIsWrittenToMeanwhile) {
  const io::Bytes now(3 * kChunkBytes, std::byte{1});
  io::Bytes then = now;
  then[kChunkBytes + 700000] = std::byte{2};
  const DiskInUse disk(now, then);
  auto file = std::make_unique<SharingFile>(io::Bytes());
  const SharingFile& written = *file;
  disk::RawWriter writer(std::move(file), disk.size());
  transfer::NoProgress progress;
  copy_disk(disk, &writer, {.jobs = 2}, progress, {});
  EXPECT_EQ(written.shared, 3);
  EXPECT_TRUE(written.bytes() == now);
}

TEST(CopyDisk, SharesBlocksWhereTheFileSystemCan) {
  // Whether it can or not, the bytes are the same.
  const testing::TempDir directory;
  const auto files = io::posix_file_system();
  io::Bytes content(3 * kChunkBytes + 512);
  for (std::size_t i = 0; i < content.size(); ++i)
    content[i] = static_cast<std::byte>(i * 31 >> 3U);
  io::write_new_file(*files, directory / "a.raw", content);
  const auto disk = disk::open_raw(files->open(directory / "a.raw", io::OpenMode::kReadDisk));
  disk::RawWriter writer(files->open(directory / "b.raw", io::OpenMode::kCreateNew), disk->size());
  transfer::NoProgress progress;
  copy_disk(*disk, &writer, {.jobs = 2}, progress, {});
  EXPECT_TRUE(io::read_file(*files, directory / "b.raw", content.size()) == content);
}

}  // namespace
}  // namespace seabag::conversion
