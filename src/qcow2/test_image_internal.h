// SPDX-License-Identifier: Apache-2.0
#pragma once

// Images for tests, made by hand where qemu-img cannot make them.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "base/endian.h"
#include "io/bytes.h"
#include "testing/memory_file.h"

namespace seabag::qcow2 {

/// Cluster 0 is the header, 1 the L1 table, 2 its first L2 table; data begin in cluster 3.
class TestImage {
 public:
  explicit TestImage(std::uint32_t version = 3, std::uint32_t cluster_bits = 9,
                     std::uint64_t disk_size = 4096)
      : cluster_(1U << cluster_bits), bytes_(3 * cluster_) {
    set_u32(0, 0x514649FB);
    set_u32(4, version);
    set_u32(20, cluster_bits);
    set_u64(24, disk_size);
    set_u32(36, static_cast<std::uint32_t>(cluster_ / 8));
    set_u64(40, cluster_);
    if (version == 3) set_u32(100, 112);
    set_u64(cluster_, 2 * cluster_);
  }

  void set_u32(std::size_t offset, std::uint32_t value) {
    store_big_endian(std::span(bytes_), offset, value);
  }
  void set_u64(std::size_t offset, std::uint64_t value) {
    store_big_endian(std::span(bytes_), offset, value);
  }
  void set_l2(std::size_t entry, std::uint64_t value) { set_u64(2 * cluster_ + entry * 8, value); }
  void set_incompatible(std::uint64_t bits) { set_u64(72, bits); }
  /// Puts `bytes` behind what is there, at a cluster; gives their offset.
  std::uint64_t append(std::span<const std::byte> bytes) {
    const std::uint64_t offset = bytes_.size();
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
    return offset;
  }
  std::uint64_t append_cluster(std::byte value) { return append(io::Bytes(cluster_, value)); }
  void resize(std::size_t size) { bytes_.resize(size); }

  std::unique_ptr<testing::MemoryFile> file() const {
    return std::make_unique<testing::MemoryFile>(bytes_, "a.qcow2");
  }

 private:
  std::size_t cluster_;
  io::Bytes bytes_;
};

}  // namespace seabag::qcow2
