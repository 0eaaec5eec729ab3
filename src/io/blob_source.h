// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace seabag::io {

/// Immutable bytes of known length, readable at any offset.
///
/// Units:   offsets and lengths are bytes from the start of the blob.
/// Errors:  read_at() fills all of `out`, or throws kIntegrity (the blob ends early) or kIo.
/// Threads: const methods may run concurrently; there is no cursor.
class BlobSource {
 public:
  virtual ~BlobSource() = default;
  virtual std::uint64_t size() const = 0;
  virtual void read_at(std::uint64_t offset, std::span<std::byte> out) const = 0;
};

/// Bytes that lie in memory and outlive this view of them.
class MemoryBlob : public BlobSource {
 public:
  explicit MemoryBlob(std::span<const std::byte> bytes) : bytes_(bytes) {}
  std::uint64_t size() const override { return bytes_.size(); }
  void read_at(std::uint64_t offset, std::span<std::byte> out) const override;

 private:
  std::span<const std::byte> bytes_;
};

}  // namespace seabag::io
