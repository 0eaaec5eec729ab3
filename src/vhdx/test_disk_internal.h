// SPDX-License-Identifier: Apache-2.0
#pragma once

// Disks for tests, made by hand where qemu-img cannot make them.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "base/endian.h"
#include "io/bytes.h"
#include "testing/memory_file.h"
#include "vhdx/crc32c.h"

namespace seabag::vhdx {

using std::string_view_literals::operator""sv;

/// MiB 0 is the header section, 1 the block table, 2 the metadata, 3 a log; data begin in MiB 4.
class TestDisk {
 public:
  static constexpr std::size_t kMiB = 1U << 20U;
  static constexpr std::size_t kLog = 3 * kMiB;

  explicit TestDisk(std::uint64_t disk_size = 4 * kMiB, std::uint32_t block_bytes = kMiB,
                    std::uint32_t sector_bytes = 512)
      : bytes_(4 * kMiB) {
    put(0, "vhdxfile");
    for (const std::size_t header : {64U << 10U, 128U << 10U}) {
      put(header, "head");
      set_u64(header + 8, header);  // the second is the later one
      set_u32(header + 64, 1U << 16U);
      set_u32(header + 68, kMiB);
      set_u64(header + 72, kLog);
    }
    for (const std::size_t table : {192U << 10U, 256U << 10U}) {
      put(table, "regi");
      set_u32(table + 8, 2);
      set_region(table + 16, "\x66\x77\xC2\x2D\x23\xF6\x00\x42\x9D\x64\x11\x5E\x9B\xFD\x4A\x08"sv,
                 kMiB);
      set_region(table + 48, "\x06\xA2\x7C\x8B\x90\x47\x9A\x4B\xB8\xFE\x57\x5F\x05\x0F\x88\x6E",
                 2 * kMiB);
    }
    put(2 * kMiB, "metadata");
    set_u32(2 * kMiB + 8, 3U << 16U);
    set_item(1, "\x37\x67\xA1\xCA\x36\xFA\x43\x4D\xB3\xB6\x33\xF0\xAA\x44\xE7\x6B", 8, block_bytes);
    set_item(2, "\x24\x42\xA5\x2F\x1B\xCD\x76\x48\xB2\x11\x5D\xBE\xD8\x3B\xF4\xB8", 8, disk_size);
    set_item(3, "\x1D\xBF\x41\x81\x6F\xA9\x09\x47\xBA\x47\xF2\x33\xA8\xFA\xAB\x5F", 4,
             sector_bytes);
  }

  void put(std::size_t offset, std::string_view text) {
    std::ranges::copy(io::bytes_of(text), bytes_.begin() + static_cast<std::ptrdiff_t>(offset));
  }
  void set_u32(std::size_t offset, std::uint32_t value) {
    store_little_endian(std::span(bytes_), offset, value);
  }
  void set_u64(std::size_t offset, std::uint64_t value) {
    store_little_endian(std::span(bytes_), offset, value);
  }
  void set_entry(std::size_t entry, std::uint64_t value) { set_u64(kMiB + entry * 8, value); }
  void set_log_guid(std::string_view guid) {
    put((64U << 10U) + 48, guid);
    put((128U << 10U) + 48, guid);
  }
  /// Puts `size` bytes behind what is there; gives their offset.
  std::uint64_t append(std::byte value, std::size_t size = kMiB) {
    const std::uint64_t offset = bytes_.size();
    bytes_.insert(bytes_.end(), size, value);
    return offset;
  }

  /// The bytes with the checksums that they need.
  io::Bytes bytes() {
    for (const std::size_t header : {64U << 10U, 128U << 10U}) seal(header, 4096);
    for (const std::size_t table : {192U << 10U, 256U << 10U}) seal(table, 64U << 10U);
    return bytes_;
  }
  std::unique_ptr<testing::MemoryFile> file() {
    return std::make_unique<testing::MemoryFile>(bytes(), "a.vhdx");
  }
  /// Puts a checksum into its field, 4 bytes from `offset`.
  void seal(std::size_t offset, std::size_t size) {
    set_u32(offset + 4, 0);
    set_u32(offset + 4, crc32c(std::span(bytes_).subspan(offset, size)));
  }

 private:
  void set_region(std::size_t entry, std::string_view guid, std::uint64_t offset) {
    put(entry, guid);
    set_u64(entry + 16, offset);
    set_u32(entry + 24, kMiB);
    set_u32(entry + 28, 1);
  }
  void set_item(std::size_t number, std::string_view guid, std::uint32_t length,
                std::uint64_t value) {
    const std::size_t entry = 2 * kMiB + number * 32;
    const auto offset = static_cast<std::uint32_t>((64U << 10U) + number * 8);
    put(entry, guid);
    set_u32(entry + 16, offset);
    set_u32(entry + 20, length);
    set_u32(entry + 24, 4);
    set_u64(2 * kMiB + offset, value);
  }

  io::Bytes bytes_;
};

}  // namespace seabag::vhdx
