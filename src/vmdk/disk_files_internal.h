// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "disk/content_digest.h"
#include "disk/disk_source.h"
#include "disk/disk_writer.h"
#include "disk/raw_disk.h"
#include "disk/zeros.h"
#include "io/bytes.h"
#include "io/posix_file_system.h"
#include "testing/temp_dir.h"
#include "vmdk/vmdk.h"

namespace seabag::vmdk {

inline constexpr std::uint64_t kMiB = 1ULL << 20U;

/// A disk for tests: its size, and what is not zeros. The bytes are made when they are needed: each
/// test is a process of its own, and all of them have all samples.
struct SampleDisk {
  struct Data {
    std::uint64_t offset = 0;
    std::function<io::Bytes()> bytes;
  };
  std::string name;
  std::uint64_t size = 0;
  std::vector<Data> data;

  friend void PrintTo(const SampleDisk& disk, std::ostream* out) { *out << disk.name; }
};

inline io::Bytes random_bytes(std::size_t length, std::uint64_t seed = 1) {
  std::mt19937_64 random(seed);
  io::Bytes bytes(length);
  std::ranges::generate(bytes, [&] { return static_cast<std::byte>(random() & 0xFFU); });
  return bytes;
}

/// What compresses, and differs from byte to byte.
inline io::Bytes text_bytes(std::size_t length, unsigned seed = 1) {
  io::Bytes bytes(length);
  for (std::size_t i = 0; i < length; ++i) {
    bytes[i] = static_cast<std::byte>((i * seed + i / 300) % 61 + 32);
  }
  return bytes;
}

inline disk::EncodedChunk chunk_of(std::uint64_t offset, std::span<const std::byte> data) {
  disk::EncodedChunk chunk;
  chunk.offset = offset;
  chunk.data = data;
  return chunk;
}

inline void write_pieces(const disk::DiskWriter& writer, const disk::EncodedChunk& chunk) {
  for (const auto& piece : chunk.pieces) {
    writer.files()[piece.file]->write_at(piece.offset, piece.bytes);
  }
}

/// All of `from`, one chunk after the other.
inline void copy(const disk::DiskSource& from, disk::DiskWriter& to) {
  disk::ContentHasher hasher(from.size());
  io::Bytes bytes(disk::kChunkBytes);
  for (std::uint64_t at = 0; at < from.size();) {
    const disk::Extent extent = from.extent_at(at);
    if (!extent.has_data) {
      at = extent.offset + extent.length;
      continue;
    }
    at -= at % disk::kChunkBytes;
    const auto data =
        std::span(bytes).first(std::min<std::uint64_t>(disk::kChunkBytes, from.size() - at));
    from.read_at(at, data);
    if (!disk::is_zero(data)) {
      hasher.add(at, disk::digest_of_chunk(data));
      auto chunk = chunk_of(at, data);
      to.encode(chunk);
      to.place(chunk);
      write_pieces(to, chunk);
    }
    at += data.size();
  }
  to.finish(hasher.finish());
}

class DiskFiles : public ::testing::Test {
 protected:
  std::string create_raw(const SampleDisk& disk, const std::string& name = "disk.raw") {
    const auto file = files_->open(directory_ / name, io::OpenMode::kCreateNew);
    file->resize(disk.size);
    for (const SampleDisk::Data& data : disk.data) file->write_at(data.offset, data.bytes());
    return directory_ / name;
  }

  std::unique_ptr<disk::DiskSource> open_raw(const std::string& path) {
    return disk::open_raw(files_->open(path, io::OpenMode::kReadDisk));
  }

  std::unique_ptr<disk::DiskSource> open_vmdk(const std::string& path) {
    return open(*files_, files_->open(path, io::OpenMode::kRead));
  }

  std::unique_ptr<disk::DiskWriter> create(Subformat subformat, std::uint64_t size,
                                           const std::string& name = "disk",
                                           const WriterOptions& options = {}) {
    std::vector<std::unique_ptr<io::File>> files;
    for (const std::string& file : file_names(subformat, name, size)) {
      files.push_back(files_->open(directory_ / file, io::OpenMode::kCreateNew));
    }
    return create_writer(subformat, std::move(files), size, options);
  }

  /// The path to open.
  std::string write_vmdk(Subformat subformat, const disk::DiskSource& from,
                         const std::string& name = "disk") {
    const auto writer = create(subformat, from.size(), name);
    copy(from, *writer);
    return writer->files().front()->path();
  }

  io::Bytes bytes_of(const std::string& path) { return io::read_file(*files_, path, 1ULL << 30U); }

  /// Says where they differ first. What both call a hole is not read.
  static void expect_same(const disk::DiskSource& a, const disk::DiskSource& b) {
    ASSERT_EQ(a.size(), b.size());
    io::Bytes of_a(disk::kChunkBytes);
    io::Bytes of_b(disk::kChunkBytes);
    for (std::uint64_t at = 0; at < a.size();) {
      const disk::Extent in_a = a.extent_at(at);
      const disk::Extent in_b = b.extent_at(at);
      ASSERT_GT(in_a.length, 0U);
      ASSERT_GT(in_b.length, 0U);
      std::uint64_t length = std::min(in_a.length, in_b.length);
      if (in_a.has_data || in_b.has_data) {
        length = std::min<std::uint64_t>(length, disk::kChunkBytes);
        const auto there = std::span(of_a).first(length);
        a.read_at(at, there);
        b.read_at(at, std::span(of_b).first(length));
        const auto differs = std::ranges::mismatch(there, std::span(of_b).first(length)).in1;
        ASSERT_TRUE(differs == there.end())
            << "at " << at + static_cast<std::uint64_t>(differs - there.begin());
      }
      at += length;
    }
  }

  testing::TempDir directory_;
  std::unique_ptr<io::FileSystem> files_ = io::posix_file_system();
};

/// Sizes and contents that formats get wrong.
inline std::vector<SampleDisk> sample_disks() {
  std::vector<SampleDisk> disks;
  disks.push_back({"OneSector", 512, {{0, [] { return text_bytes(512); }}}});
  disks.push_back({"OneSectorOfZeros", 512, {}});
  disks.push_back({"AlmostAMebibyte", kMiB - 512, {{0, [] { return text_bytes(kMiB - 512, 7); }}}});
  disks.push_back({"AGrainAndASector", 65536 + 512, {{65536, [] { return text_bytes(512); }}}});
  disks.push_back({"NineMebibytesAndThreeSectors",
                   9 * kMiB + 1536,
                   {{0, [] { return text_bytes(3 * kMiB); }},
                    {9 * kMiB + 1024, [] { return random_bytes(512); }}}});
  disks.push_back({"ZerosAlone", 40 * kMiB, {}});
  disks.push_back({"HolesOverTables",
                   200 * kMiB + 512,
                   {{kMiB, [] { return text_bytes(70000); }},
                    {32 * kMiB - 512, [] { return text_bytes(1024); }},
                    {160 * kMiB - 512, [] { return random_bytes(512); }},
                    {200 * kMiB, [] { return random_bytes(512); }}}});
  disks.push_back(
      {"RandomData", 5 * kMiB + 4096, {{0, [] { return random_bytes(5 * kMiB + 4096); }}}});
  disks.push_back({"TwoExtents",
                   2047 * kMiB + 3 * kMiB + 512,
                   {{0, [] { return text_bytes(100); }},
                    {2047 * kMiB - 65536 - 512, [] { return text_bytes(3 * 65536, 5); }},
                    {2050 * kMiB, [] { return random_bytes(512); }}}});
  return disks;
}

inline std::string name_of(Subformat subformat) {
  switch (subformat) {
    case Subformat::kStreamOptimized:
      return "StreamOptimized";
    case Subformat::kMonolithicSparse:
      return "MonolithicSparse";
    case Subformat::kMonolithicFlat:
      return "MonolithicFlat";
    case Subformat::kTwoGbMaxExtentSparse:
      return "TwoGbMaxExtentSparse";
  }
  return "?";
}

inline constexpr std::array kSubformats = {Subformat::kStreamOptimized,
                                           Subformat::kMonolithicSparse, Subformat::kMonolithicFlat,
                                           Subformat::kTwoGbMaxExtentSparse};

}  // namespace seabag::vmdk
