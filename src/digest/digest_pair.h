// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <span>

#include "digest/digest.h"

namespace seabag::digest {

/// SHA-256 of `prefix` and `one`, and of `prefix` and `other`: where both are of one size, on most
/// processors at 1.4 to 1.7 times the speed of two Hashers, on one thread
/// (sha256_rounds_internal.h).
/// Requires: `prefix` has fewer than 64 bytes.
std::array<Digest, 2> digests_of_pair(std::span<const std::byte> prefix,
                                      std::span<const std::byte> one,
                                      std::span<const std::byte> other);

}  // namespace seabag::digest
