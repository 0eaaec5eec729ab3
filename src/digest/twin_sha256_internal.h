// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "digest/sha256_rounds_internal.h"

namespace seabag::digest {

/// How far one message of the two has come.
struct Sha256Lane {
  sha256::State state = sha256::kInitial;
  std::uint64_t bytes = 0;
};

/// SHA-256 of a whole, and of one part of it at a time, over the same bytes: the part costs next to
/// nothing. Requires: sha256::has_instructions().
class TwinSha256 {
 public:
  void update(std::span<const std::byte> bytes);
  /// A part begins here. Requires: none is under way, and a multiple of 64 bytes came so far.
  void begin_part();
  /// The digest of what came since begin_part().
  Digest finish_part();
  /// The digest of all that came. Last.
  Digest finish();

 private:
  void compress(std::span<const std::byte> blocks);
  Digest close(const Sha256Lane& lane) const;

  Sha256Lane whole_;
  std::optional<Sha256Lane> part_;
  std::array<std::byte, sha256::kBlockBytes> rest_ =
      {};  // both lanes' begun block: they are in step
  std::size_t rest_bytes_ = 0;
};

}  // namespace seabag::digest
