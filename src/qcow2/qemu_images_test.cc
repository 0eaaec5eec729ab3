// SPDX-License-Identifier: Apache-2.0

// Images that qemu-img made, compared with what they were made from.

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <ostream>
#include <string>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "disk/zeros.h"
#include "io/posix_file_system.h"
#include "qcow2/qcow2.h"
#include "testing/temp_dir.h"

namespace seabag::qcow2 {
namespace {

struct Row {
  std::string name;
  std::string options;  // of qemu-img convert

  friend void PrintTo(const Row& row, std::ostream* out) { *out << row.name; }
};

const Row kRows[] = {
    {"Compat010In512", "-o compat=0.10,cluster_size=512"},
    {"Compat010In64k", "-o compat=0.10,cluster_size=64k"},
    {"Compat010In2M", "-o compat=0.10,cluster_size=2M"},
    {"Compat11In512", "-o compat=1.1,cluster_size=512"},
    {"Compat11In64k", "-o compat=1.1,cluster_size=64k"},
    {"Compat11In2M", "-o compat=1.1,cluster_size=2M"},
    {"ExtendedIn16k", "-o cluster_size=16k,extended_l2=on"},
    {"ExtendedIn64k", "-o cluster_size=64k,extended_l2=on"},
    {"ExtendedIn2M", "-o cluster_size=2M,extended_l2=on"},
    {"PreallocatedMetadata", "-o preallocation=metadata"},
    {"PreallocatedExtended", "-o preallocation=metadata,extended_l2=on,cluster_size=128k"},
    {"LazyRefcounts", "-o lazy_refcounts=on"},
    {"Deflate010In512", "-c -o compat=0.10,cluster_size=512"},
    {"Deflate010In64k", "-c -o compat=0.10,cluster_size=64k"},
    {"Deflate010In2M", "-c -o compat=0.10,cluster_size=2M"},
    {"DeflateIn512", "-c -o cluster_size=512"},
    {"DeflateIn64k", "-c -o cluster_size=64k"},
    {"DeflateIn2M", "-c -o cluster_size=2M"},
    {"DeflateExtendedIn64k", "-c -o cluster_size=64k,extended_l2=on"},
    {"DeflateExtendedIn2M", "-c -o cluster_size=2M,extended_l2=on"},
    {"ZstdIn512", "-c -o cluster_size=512,compression_type=zstd"},
    {"ZstdIn64k", "-c -o cluster_size=64k,compression_type=zstd"},
    {"ZstdIn2M", "-c -o cluster_size=2M,compression_type=zstd"},
    {"ZstdExtendedIn64k", "-c -o cluster_size=64k,compression_type=zstd,extended_l2=on"},
    {"ZstdExtendedIn2M", "-c -o cluster_size=2M,compression_type=zstd,extended_l2=on"},
};

// No multiple of any cluster but the smallest.
constexpr std::uint64_t kDiskBytes = (9U << 20U) + 3 * 512;

bool run(const std::string& command) {
  // NOLINTNEXTLINE(cert-env33-c,concurrency-mt-unsafe): fixed text, with paths that we chose.
  return std::system((command + " >/dev/null 2>&1").c_str()) == 0;
}

bool has_qemu() {
  return run("qemu-img --version") && run("qemu-io --version");
}

io::Bytes read_file_of_disk_size(io::FileSystem& files, const std::string& path) {
  return io::read_file(files, path, 1U << 30U);
}

// What can and what cannot be compressed, at places that are no multiple of a cluster, and holes.
io::Bytes make_content() {
  io::Bytes content(kDiskBytes);
  std::uint32_t noise = 1;
  const auto fill = [&](std::size_t begin, std::size_t length, bool is_noise) {
    for (std::size_t i = begin; i < begin + length; ++i) {
      noise = noise * 1664525 + 1013904223;
      content[i] = static_cast<std::byte>(is_noise ? noise >> 24U : 1 + i / 1000 % 250);
    }
  };
  fill(0, 1, false);
  fill(700, 5000, false);
  fill(65536 - 512, 1024, true);
  fill(300000, 200000, true);
  fill(2 << 20, 65536, false);
  fill((3 << 20) + 512, (2 << 20) + 1000, false);
  fill((6 << 20) + 77, 600000, true);
  fill(kDiskBytes - 300, 300, false);
  return content;
}

void expect_content(const disk::DiskSource& disk, const io::Bytes& content) {
  ASSERT_EQ(disk.size(), content.size());
  io::Bytes whole(content.size(), std::byte{0xEE});
  disk.read_at(0, whole);
  EXPECT_TRUE(whole == content);
  for (const std::size_t step : {30011U, 1U << 20U}) {
    io::Bytes part;
    for (std::size_t at = 0; at < content.size(); at += step) {
      part.assign(std::min(step, content.size() - at), std::byte{0xEE});
      disk.read_at(at, part);
      ASSERT_TRUE(std::ranges::equal(part, std::span(content).subspan(at, part.size())))
          << "the " << part.size() << " bytes at " << at;
    }
  }
}

void expect_extents(const disk::DiskSource& disk, const io::Bytes& content) {
  for (std::uint64_t offset = 0; offset < content.size();) {
    const disk::Extent extent = disk.extent_at(offset);
    ASSERT_EQ(extent.offset, offset);
    ASSERT_GT(extent.length, 0U);
    ASSERT_LE(extent.length, content.size() - offset);
    if (!extent.has_data) {
      EXPECT_TRUE(disk::is_zero(std::span(content).subspan(offset, extent.length))) << offset;
    }
    offset += extent.length;
  }
}

// Returns how many bytes lie in the file as they are.
std::uint64_t expect_stored(const disk::DiskSource& disk, const io::Bytes& content) {
  std::uint64_t stored_bytes = 0;
  for (std::uint64_t offset = 0; offset < content.size();) {
    const auto stored = disk.stored_at(offset);
    if (!stored) {
      offset += 512;
      continue;
    }
    const auto length = std::min<std::uint64_t>(stored->length, content.size() - offset);
    io::Bytes bytes(length);
    stored->file->read_at(stored->offset, bytes);
    EXPECT_TRUE(std::ranges::equal(bytes, std::span(content).subspan(offset, length))) << offset;
    offset += length;
    stored_bytes += length;
  }
  return stored_bytes;
}

class QemuImage : public ::testing::TestWithParam<Row> {
 protected:
  void SetUp() override {
    if (!has_qemu()) GTEST_SKIP() << "qemu-utils is not installed";
    auto file = files_->open(raw_, io::OpenMode::kCreateNew);
    file->write_at(0, content_);
  }
  void convert(const std::string& options) {
    ASSERT_TRUE(
        run(fmt::format("qemu-img convert -f raw -O qcow2 {} {} {}", options, raw_, image_)));
  }
  void qemu_io(const std::string& commands) {
    ASSERT_TRUE(run(fmt::format("qemu-io -f qcow2 {} {}", commands, image_)));
  }
  std::unique_ptr<disk::DiskSource> open_image() {
    return open(files_->open(image_, io::OpenMode::kReadDisk));
  }
  // What qemu reads from the image.
  io::Bytes converted_back() {
    const std::string back = directory_ / "back.raw";
    EXPECT_TRUE(run(fmt::format("qemu-img convert -f qcow2 -O raw {} {}", image_, back)));
    return read_file_of_disk_size(*files_, back);
  }

  testing::TempDir directory_;
  std::string raw_ = directory_ / "disk.raw";
  std::string image_ = directory_ / "disk.qcow2";
  std::unique_ptr<io::FileSystem> files_ = io::posix_file_system();
  io::Bytes content_ = make_content();
};

TEST_P(QemuImage, ReadsAsWhatItWasMadeFrom) {
  convert(GetParam().options);
  const auto disk = open_image();
  expect_content(*disk, content_);
  expect_extents(*disk, content_);
  const std::uint64_t stored_bytes = expect_stored(*disk, content_);
  const bool is_compressed = GetParam().options.starts_with("-c");
  EXPECT_TRUE(is_compressed || stored_bytes > 5U << 19U) << stored_bytes;
}

INSTANTIATE_TEST_SUITE_P(, QemuImage, ::testing::ValuesIn(kRows),
                         [](const auto& row) { return row.param.name; });

class WrittenQemuImage : public QemuImage {};

TEST_P(WrittenQemuImage, ReadsAsQemuReadsIt) {
  convert(GetParam().options);
  qemu_io(
      "-c 'write -P 0x41 5k 3k' -c 'write -z 2M 1M' -c 'discard 4M 1M' "
      "-c 'write -z -u 6M 200k' -c 'write -P 0x42 6200k 1k' -c 'write -P 0x43 8M 70k'");
  const io::Bytes back = converted_back();
  ASSERT_NE(back, content_);
  const auto disk = open_image();
  expect_content(*disk, back);
  expect_extents(*disk, back);
  expect_stored(*disk, back);
}

TEST_P(WrittenQemuImage, ReadsAsItsActiveStateThoughThereAreSnapshots) {
  convert(GetParam().options);
  ASSERT_TRUE(run(fmt::format("qemu-img snapshot -c before {}", image_)));
  qemu_io("-c 'write -P 0x55 0 1M' -c 'write -z 3M 64k'");
  const io::Bytes back = converted_back();
  const auto disk = open_image();
  EXPECT_EQ(disk->warnings().size(), 1U);
  expect_content(*disk, back);
  expect_extents(*disk, back);
}

INSTANTIATE_TEST_SUITE_P(, WrittenQemuImage,
                         ::testing::Values(kRows[0], kRows[4], kRows[6], kRows[8], kRows[10],
                                           kRows[16], kRows[21], kRows[24]),
                         [](const auto& row) { return row.param.name; });

class FreshQemuImage : public QemuImage {};

TEST_F(FreshQemuImage, OfManyTebibytesIsFoundEmptyAtOnce) {
  ASSERT_TRUE(run(fmt::format("qemu-img create -f qcow2 {} 64T", image_)));
  qemu_io("-c 'write -P 7 68719476735k 1k'");
  const auto disk = open_image();
  ASSERT_EQ(disk->size(), 64ULL << 40U);
  int calls = 0;
  std::uint64_t data = 0;
  for (std::uint64_t offset = 0; offset < disk->size(); ++calls) {
    const disk::Extent extent = disk->extent_at(offset);
    if (extent.has_data) data += extent.length;
    offset += extent.length;
  }
  EXPECT_EQ(data, 65536U);
  EXPECT_LT(calls, 1000);
}

TEST_F(FreshQemuImage, ThatNamesOtherFilesIsRefused) {
  ASSERT_TRUE(run(fmt::format("qemu-img create -f qcow2 -b {} -F raw {}", raw_, image_)));
  EXPECT_THROW(open_image(), Error);
  ASSERT_TRUE(run(fmt::format("qemu-img create -f qcow2 -o data_file={}/data {} 1M",
                              directory_.path(), image_)));
  EXPECT_THROW(open_image(), Error);
}

}  // namespace
}  // namespace seabag::qcow2
