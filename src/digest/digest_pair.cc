// SPDX-License-Identifier: Apache-2.0
#include "digest/digest_pair.h"

#include <algorithm>

#include "base/error.h"
#include "digest/hasher.h"
#include "digest/sha256_rounds_internal.h"

namespace seabag::digest {
namespace {

using sha256::kBlockBytes;

Digest plain(std::span<const std::byte> prefix, std::span<const std::byte> bytes) {
  Hasher hasher;
  hasher.update(prefix);
  hasher.update(bytes);
  return hasher.finish();
}

std::array<std::byte, kBlockBytes> first_block(std::span<const std::byte> prefix,
                                               std::span<const std::byte> bytes) {
  std::array<std::byte, kBlockBytes> block = {};
  const auto end = std::ranges::copy(prefix, block.begin()).out;
  std::ranges::copy(bytes.first(kBlockBytes - prefix.size()), end);
  return block;
}

}  // namespace

std::array<Digest, 2> digests_of_pair(std::span<const std::byte> prefix,
                                      std::span<const std::byte> one,
                                      std::span<const std::byte> other) {
  check(prefix.size() < kBlockBytes, "the prefix ends in the first block");
  const std::size_t bytes = prefix.size() + one.size();
  if (!sha256::has_instructions() || one.size() != other.size() || bytes < kBlockBytes) {
    return {plain(prefix, one), plain(prefix, other)};
  }
  sha256::State state = sha256::kInitial;
  sha256::State other_state = sha256::kInitial;
  sha256::compress_each(state, first_block(prefix, one), other_state, first_block(prefix, other));
  const std::size_t begin = kBlockBytes - prefix.size();
  const std::size_t whole = (one.size() - begin) / kBlockBytes * kBlockBytes;
  sha256::compress_each(state, one.subspan(begin, whole), other_state, other.subspan(begin, whole));
  return {sha256::finished(state, bytes, one.subspan(begin + whole)),
          sha256::finished(other_state, bytes, other.subspan(begin + whole))};
}

}  // namespace seabag::digest
