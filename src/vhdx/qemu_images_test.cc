// SPDX-License-Identifier: Apache-2.0

// Disks that qemu-img made, compared with what they were made from.

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <ostream>
#include <string>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "disk/raw_disk.h"
#include "disk/zeros.h"
#include "io/posix_file_system.h"
#include "testing/temp_dir.h"
#include "vhdx/vhdx.h"

namespace seabag::vhdx {
namespace {

constexpr std::uint64_t kMiB = 1U << 20U;

struct Row {
  std::string name;
  std::string options;       // of qemu-img convert
  std::uint64_t whole_mibs;  // of the disk, which has 1536 bytes more

  friend void PrintTo(const Row& row, std::ostream* out) { *out << row.name; }
};

const Row kRows[] = {
    {"DynamicIn1M", "subformat=dynamic,block_size=1M", 9},
    {"DynamicIn32M", "subformat=dynamic,block_size=32M", 70},
    {"DynamicIn256M", "subformat=dynamic,block_size=256M", 300},
    {"DynamicWithoutZeroState", "subformat=dynamic,block_size=1M,block_state_zero=off", 9},
    {"FixedIn1M", "subformat=fixed,block_size=1M", 9},
    {"FixedIn32M", "subformat=fixed,block_size=32M", 70},
    {"FixedIn256M", "subformat=fixed,block_size=256M", 300},
};

bool run(const std::string& command) {
  // NOLINTNEXTLINE(cert-env33-c,concurrency-mt-unsafe): fixed text, with paths that we chose.
  return std::system((command + " >/dev/null 2>&1").c_str()) == 0;
}

class QemuDisk : public ::testing::TestWithParam<Row> {
 protected:
  void SetUp() override {
    if (!run("qemu-img --version") || !run("qemu-io --version")) {
      GTEST_SKIP() << "qemu-utils is not installed";
    }
  }

  // Data at places that are no multiple of a block, at both ends, and holes.
  void make_source(std::uint64_t size) {
    auto file = files_->open(raw_, io::OpenMode::kCreateNew);
    file->resize(size);
    std::uint32_t noise = 1;
    const auto put = [&](std::uint64_t offset, std::size_t length) {
      io::Bytes bytes(length);
      for (std::byte& byte : bytes) {
        noise = noise * 1664525 + 1013904223;
        byte = static_cast<std::byte>(noise >> 24U);
      }
      file->write_at(offset, bytes);
    };
    put(0, 1);
    put(700, 5000);
    put(2 * kMiB - 512, 1024);
    put(size / 2 + 77, 600000);
    put(size - 300, 300);
  }
  void convert(const std::string& options) {
    ASSERT_TRUE(
        run(fmt::format("qemu-img convert -f raw -O vhdx -o {} {} {}", options, raw_, image_)));
  }
  std::unique_ptr<disk::DiskSource> open_image() {
    return open(files_->open(image_, io::OpenMode::kReadDisk));
  }
  std::unique_ptr<disk::DiskSource> open_raw(const std::string& path) {
    return disk::open_raw(files_->open(path, io::OpenMode::kReadDisk));
  }

  testing::TempDir directory_;
  std::string raw_ = directory_ / "disk.raw";
  std::string image_ = directory_ / "disk.vhdx";
  std::unique_ptr<io::FileSystem> files_ = io::posix_file_system();
};

void expect_same_bytes(const disk::DiskSource& disk, const disk::DiskSource& raw) {
  ASSERT_EQ(disk.size(), raw.size());
  for (const std::size_t step : {700001U, 4U << 20U}) {
    io::Bytes actual(step);
    io::Bytes expected(step);
    for (std::uint64_t at = 0; at < raw.size(); at += step) {
      const std::size_t length = std::min<std::uint64_t>(step, raw.size() - at);
      disk.read_at(at, std::span(actual).first(length));
      raw.read_at(at, std::span(expected).first(length));
      ASSERT_TRUE(actual == expected) << "the " << length << " bytes at " << at;
    }
  }
}

// Returns how many bytes are not known to be zeros.
std::uint64_t expect_extents(const disk::DiskSource& disk, const disk::DiskSource& raw) {
  io::Bytes bytes;
  std::uint64_t data_bytes = 0;
  for (std::uint64_t offset = 0; offset < raw.size();) {
    disk::Extent extent = disk.extent_at(offset);
    EXPECT_EQ(extent.offset, offset);
    EXPECT_LE(extent.length, raw.size() - offset);
    if (extent.length == 0) return 0;
    const auto stored = disk.stored_at(offset);
    EXPECT_EQ(stored.has_value(), extent.has_data);
    if (stored) {
      extent.length = std::min<std::uint64_t>(stored->length, 8 * kMiB);
      data_bytes += extent.length;
      bytes.resize(extent.length);
      raw.read_at(offset, bytes);
      io::Bytes in_file(extent.length);
      stored->file->read_at(stored->offset, in_file);
      EXPECT_TRUE(bytes == in_file) << offset;
    } else {
      bytes.resize(extent.length);
      raw.read_at(offset, bytes);
      EXPECT_TRUE(disk::is_zero(bytes)) << offset;
    }
    offset += extent.length;
  }
  return data_bytes;
}

TEST_P(QemuDisk, ReadsAsWhatItWasMadeFrom) {
  const std::uint64_t size = GetParam().whole_mibs * kMiB + 1536;
  make_source(size);
  convert(GetParam().options);
  const auto disk = open_image();
  const auto raw = open_raw(raw_);
  EXPECT_TRUE(disk->warnings().empty());
  expect_same_bytes(*disk, *raw);
  const std::uint64_t data_bytes = expect_extents(*disk, *raw);
  EXPECT_GT(data_bytes, 600000U);
  if (GetParam().name == "DynamicIn1M") {
    EXPECT_LT(data_bytes, 6 * kMiB);
  }
}

TEST_P(QemuDisk, ReadsAsQemuReadsItAfterWrites) {
  make_source(GetParam().whole_mibs * kMiB + 1536);
  convert(GetParam().options);
  for (const std::string command : {"write -P 0x41 1M 3k", "write -P 0x42 6200k 9k"}) {
    ASSERT_TRUE(run(fmt::format("qemu-io -f vhdx -c '{}' {}", command, image_)));
  }
  const std::string back = directory_ / "back.raw";
  ASSERT_TRUE(run(fmt::format("qemu-img convert -f vhdx -O raw {} {}", image_, back)));
  expect_same_bytes(*open_image(), *open_raw(back));
}

INSTANTIATE_TEST_SUITE_P(, QemuDisk, ::testing::ValuesIn(kRows),
                         [](const auto& row) { return row.param.name; });

class FreshQemuDisk : public QemuDisk {};

TEST_F(FreshQemuDisk, OfManyTebibytesIsFoundEmptyAtOnce) {
  ASSERT_TRUE(run(fmt::format("qemu-img create -f vhdx -o block_size=1M {} 16T", image_)));
  const auto disk = open_image();
  ASSERT_EQ(disk->size(), 16ULL << 40U);
  int calls = 0;
  for (std::uint64_t offset = 0; offset < disk->size(); ++calls) {
    const disk::Extent extent = disk->extent_at(offset);
    EXPECT_FALSE(extent.has_data);
    offset += extent.length;
  }
  EXPECT_LT(calls, 1000);
}

}  // namespace
}  // namespace seabag::vhdx
