// SPDX-License-Identifier: Apache-2.0
#include "disk/content_digest.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/endian.h"
#include "base/hex.h"
#include "digest/digest_pair.h"
#include "disk/disk_source.h"

namespace seabag::disk {
namespace {

// RFC 6962 section 2.1 has the reason for the first byte: no group can be taken for a chunk.
constexpr std::array kChunkMark = {std::byte{0}};
constexpr std::array kGroupMark = {std::byte{1}};
constexpr std::array kDiskMark = {std::byte{2}};

constexpr std::string_view kPrefix = "disk-v1:";

// Chunks of one group: 1 GiB. A hole of 4 TiB costs 4096 additions of a digest known before.
constexpr std::uint64_t kGroupChunks = 1024;

ChunkDigest raw_of(const digest::Digest& digest) {
  ChunkDigest raw = {};
  std::ranges::copy(digest.raw(), raw.begin());
  return raw;
}

}  // namespace

std::string ContentDigest::text() const {
  return std::string(kPrefix) + to_hex(raw_);
}

std::optional<ContentDigest> find_content_digest(std::string_view text) {
  if (!text.starts_with(kPrefix)) return std::nullopt;
  ContentDigest::Raw raw = {};
  if (!from_hex(text.substr(kPrefix.size()), raw)) return std::nullopt;
  return ContentDigest(raw);
}

ChunkDigest digest_of_chunk(std::span<const std::byte> chunk) {
  digest::Hasher hasher;
  hasher.update(kChunkMark);
  hasher.update(chunk);
  return raw_of(hasher.finish());
}

std::array<ChunkDigest, 2> digests_of_chunks(std::span<const std::byte> one,
                                             std::span<const std::byte> other) {
  const auto digests = digest::digests_of_pair(kChunkMark, one, other);
  return {raw_of(digests[0]), raw_of(digests[1])};
}

ContentHasher::ContentHasher(std::uint64_t size)
    : size_(size), chunks_(size / kChunkBytes + (size % kChunkBytes == 0 ? 0 : 1)) {
  zero_chunk_ = digest_of_chunk(std::vector<std::byte>(kChunkBytes));
  group_.update(kGroupMark);
  for (std::uint64_t i = 0; i < kGroupChunks; ++i) group_.update(zero_chunk_);
  zero_group_ = raw_of(group_.finish());
  group_ = digest::Hasher();
  all_.update(kDiskMark);
  std::array<std::byte, 8> length = {};
  store_big_endian(length, 0, size_);
  all_.update(length);
}

void ContentHasher::take(const ChunkDigest& chunk) {
  if (next_ % kGroupChunks == 0) group_.update(kGroupMark);
  group_.update(chunk);
  ++next_;
  if (next_ % kGroupChunks == 0 || next_ == chunks_) end_group();
}

void ContentHasher::end_group() {
  all_.update(raw_of(group_.finish()));
  group_ = digest::Hasher();
}

void ContentHasher::add_zeros_up_to(std::uint64_t chunk) {
  while (next_ < chunk) {
    if (next_ % kGroupChunks == 0 && chunk - next_ >= kGroupChunks) {
      // All chunks of this group have their full length: it ends before or with `chunk`, and the
      // last, short one is added by finish().
      all_.update(zero_group_);
      next_ += kGroupChunks;
    } else {
      take(zero_chunk_);
    }
  }
}

void ContentHasher::add(std::uint64_t offset, const ChunkDigest& chunk) {
  const std::uint64_t position = offset / kChunkBytes;
  check(offset % kChunkBytes == 0 && position >= next_ && position < chunks_,
        "chunks come in ascending order");
  add_zeros_up_to(position);
  take(chunk);
}

ContentDigest ContentHasher::finish() {
  const std::uint64_t rest = size_ % kChunkBytes;
  if (next_ < chunks_ && rest != 0) {
    add((chunks_ - 1) * kChunkBytes, digest_of_chunk(std::vector<std::byte>(rest)));
  }
  add_zeros_up_to(chunks_);
  return ContentDigest(raw_of(all_.finish()));
}

}  // namespace seabag::disk
