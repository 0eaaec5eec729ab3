// SPDX-License-Identifier: Apache-2.0
#include "conversion/container_layer.h"

#include <gtest/gtest.h>
#include <libdeflate.h>

#include "base/endian.h"
#include "base/error.h"
#include "conversion/copy_disk.h"
#include "digest/hasher.h"
#include "digest/verifying_sink.h"
#include "disk/raw_disk.h"
#include "testing/memory_file.h"

namespace seabag::conversion {
namespace {

constexpr std::size_t kMiB = 1U << 20U;

std::unique_ptr<disk::DiskSource> disk_of(const io::Bytes& bytes) {
  return disk::open_raw(std::make_unique<testing::MemoryFile>(bytes));
}

io::Bytes sample_bytes(std::size_t size) {
  io::Bytes bytes(size);
  std::uint32_t state = 1;
  for (std::size_t i = 0; i < size; ++i) {
    state = state * 1664525 + 1013904223;
    const std::size_t chunk = i / kMiB;
    if (chunk % 3 == 0) bytes[i] = static_cast<std::byte>(state >> 24U);  // nothing compresses it
    if (chunk % 3 == 1) bytes[i] = static_cast<std::byte>(i / 100);
  }
  return bytes;
}

ContainerLayer measure(const disk::DiskSource& disk, int jobs) {
  transfer::NoProgress quiet;
  const std::stop_token stop;
  ContainerLayerMeasure measure("web01", disk.size(), stop);
  copy_disk(disk, &measure, {.jobs = jobs}, quiet, stop);
  return measure.take_layer();
}

io::Bytes read_all(const io::BlobSource& source, std::size_t step) {
  io::Bytes bytes(source.size());
  for (std::size_t at = 0; at < bytes.size(); at += step) {
    source.read_at(at, std::span(bytes).subspan(at, std::min(step, bytes.size() - at)));
  }
  return bytes;
}

io::Bytes unpacked(const io::Bytes& layer, std::size_t expected) {
  const std::unique_ptr<libdeflate_decompressor, decltype(&libdeflate_free_decompressor)> inflate(
      libdeflate_alloc_decompressor(), libdeflate_free_decompressor);
  io::Bytes tarball(expected + 1);
  std::size_t taken = 0;
  std::size_t given = 0;
  EXPECT_EQ(libdeflate_gzip_decompress_ex(inflate.get(), layer.data(), layer.size(), tarball.data(),
                                          tarball.size(), &taken, &given),
            LIBDEFLATE_SUCCESS);
  EXPECT_EQ(taken, layer.size()) << "one member, and nothing behind it";
  tarball.resize(given);
  return tarball;
}

TEST(ContainerLayer, IsOneGzipMemberWithTheDiskInATarball) {
  for (const std::size_t size : {std::size_t{512}, kMiB, 7 * kMiB + 1536, 3 * kMiB}) {
    const io::Bytes bytes = sample_bytes(size);
    const auto disk = disk_of(bytes);
    const ContainerLayer layer = measure(*disk, 3);
    const io::Bytes packed = read_all(ContainerLayerSource(*disk, layer), 100'000);
    EXPECT_EQ(digest::digest_of(packed), layer.digest);
    const io::Bytes tarball = unpacked(packed, size + 4 * 512);
    ASSERT_EQ(tarball.size(), size + 4 * 512);
    EXPECT_EQ(digest::digest_of(tarball), layer.diff_id);
    EXPECT_TRUE(std::ranges::equal(std::span(tarball).subspan(1024, size), bytes));
    EXPECT_EQ(io::text_of(std::span(tarball).subspan(512, 14)), "disk/web01.img");
    EXPECT_EQ(io::text_of(std::span(tarball).subspan(512 + 100, 23)), std::string_view("0000444\0"
                                                                                       "0000153\0"
                                                                                       "0000153",
                                                                                       23));
  }
}

TEST(ContainerLayer, DoesNotDependOnTheNumberOfThreads) {
  const auto disk = disk_of(sample_bytes(9 * kMiB + 512));
  const ContainerLayer one = measure(*disk, 1);
  const ContainerLayer many = measure(*disk, 7);
  EXPECT_EQ(one.digest, many.digest);
  EXPECT_EQ(one.diff_id, many.diff_id);
  EXPECT_EQ(one.size, many.size);
}

TEST(ContainerLayer, GivesTheSameBytesWhereverReadingBegins) {
  const auto disk = disk_of(sample_bytes(6 * kMiB + 512));
  const ContainerLayer layer = measure(*disk, 2);
  const ContainerLayerSource source(*disk, layer);
  const io::Bytes all = read_all(source, source.size());
  for (std::uint64_t offset = source.size(); offset > 0;) {
    offset -= std::min<std::uint64_t>(offset, 77'777);
    io::Bytes part(std::min<std::uint64_t>(source.size() - offset, 200'000));
    source.read_at(offset, part);
    ASSERT_TRUE(std::ranges::equal(part, std::span(all).subspan(offset, part.size()))) << offset;
  }
}

TEST(ContainerLayer, OfADiskWithHolesOnlyIsSmall) {
  // A file with no end of zeros: the size is the file's, and no byte is stored.
  class Hole : public disk::DiskSource {
   public:
    std::uint64_t size() const override { return std::uint64_t{3000} << 20U; }
    void read_at(std::uint64_t, std::span<std::byte>) const override {
      throw Error(Code::kInternal, "a hole was read");
    }
    disk::Extent extent_at(std::uint64_t offset) const override {
      return {offset, size() - offset, false};
    }
  };
  const Hole hole;
  const ContainerLayer layer = measure(hole, 2);
  const ContainerLayerSource source(hole, layer);
  EXPECT_EQ(digest::digest_of(static_cast<const io::BlobSource&>(source)), layer.digest);
  EXPECT_LT(layer.size, hole.size() / 200);
}

TEST(ContainerLayer, OfADiskThatChangedIsNotTheLayerThatWasMeasured) {
  io::Bytes bytes = sample_bytes(2 * kMiB);
  const ContainerLayer layer = measure(*disk_of(bytes), 1);
  bytes[5] ^= std::byte{1};
  const auto changed = disk_of(bytes);
  EXPECT_NE(
      digest::digest_of(static_cast<const io::BlobSource&>(ContainerLayerSource(*changed, layer))),
      layer.digest);
}

TEST(LayerMap, FindsEachChunkAmongEqualAndUnequalOnes) {
  LayerMap map(10, 100);
  std::vector<std::uint64_t> begins;
  for (std::uint32_t i = 0; i < 5000; ++i) {
    begins.push_back(map.end());
    map.add(i / 1024 == 2 && i % 7 == 0 ? 10 + i % 13 : 10);
  }
  for (std::uint64_t i = 0; i < begins.size(); ++i) {
    ASSERT_EQ(map.find(begins[i]).chunk, i);
    ASSERT_EQ(map.find(begins[i] + 9).chunk, i);
    ASSERT_EQ(map.find(begins[i] + 9).offset, begins[i]);
  }
}

}  // namespace
}  // namespace seabag::conversion
