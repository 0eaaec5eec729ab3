// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "digest/hasher.h"

namespace seabag::disk {

/// What names the content of a disk: the same whatever the container format and however sparse.
/// Source: format-spec/disk.md, "Content digest".
class ContentDigest {
 public:
  using Raw = std::array<std::byte, 32>;

  explicit ContentDigest(const Raw& raw) : raw_(raw) {}
  const Raw& raw() const { return raw_; }
  std::string text() const;  ///< "disk-v1:6c3c..."

  friend auto operator<=>(const ContentDigest&, const ContentDigest&) = default;

 private:
  Raw raw_;
};

/// Nothing if `text` is no content digest.
std::optional<ContentDigest> find_content_digest(std::string_view text);

/// The digest of one chunk. Threads: may be called concurrently, which is where the time goes.
using ChunkDigest = std::array<std::byte, 32>;
ChunkDigest digest_of_chunk(std::span<const std::byte> chunk);
/// Those of two chunks, in little more time than one.
std::array<ChunkDigest, 2> digests_of_chunks(std::span<const std::byte> one,
                                             std::span<const std::byte> other);

/// Puts the digests of chunks together.
///
/// Order:   add() in ascending order; a chunk that is left out is taken for zeros. finish() once.
/// Threads: one at a time.
class ContentHasher {
 public:
  /// `size`: of the disk in bytes.
  explicit ContentHasher(std::uint64_t size);
  /// `offset`: of the chunk, a multiple of kChunkBytes.
  void add(std::uint64_t offset, const ChunkDigest& chunk);
  ContentDigest finish();

 private:
  void add_zeros_up_to(std::uint64_t chunk);
  void take(const ChunkDigest& chunk);
  void end_group();

  std::uint64_t size_;
  std::uint64_t chunks_;
  std::uint64_t next_ = 0;  // the chunk that comes next
  ChunkDigest zero_chunk_;
  ChunkDigest zero_group_;
  digest::Hasher group_;
  digest::Hasher all_;
};

}  // namespace seabag::disk
