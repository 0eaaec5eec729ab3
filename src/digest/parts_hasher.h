// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "digest/digest.h"
#include "digest/hasher.h"

namespace seabag::digest {

class TwinSha256;

/// A range of a file that has a digest of its own, as a blob in a tarball.
struct Part {
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
};

/// Whether a PartsHasher takes `next` behind a part that ends at `end`: not before that end, and at
/// a multiple of 64.
bool may_follow(std::uint64_t end, const Part& next);

/// SHA-256 of a whole file and of parts of it in one pass: at the price of one where the processor
/// has instructions for SHA-256; elsewhere at the price of two, for two threads to share.
///
/// Requires: each part may_follow() the one before.
/// Order:    each chunk to ahead(), then to update(); after the last one finish(). `take` is given
///           each part's number and digest when its last byte has come, within ahead() or
///           update(), or within finish() for empty parts at the end.
/// Errors:   what `take` throws; the hasher is of no use then. kInternal at finish() if a part
///           reaches behind the end.
/// Threads:  ahead() may run on another than update(), any number of chunks before it.
class PartsHasher {
 public:
  using Take = std::function<void(std::size_t part, const Digest& digest)>;
  enum class Method { kBest, kPortable };
  PartsHasher(std::vector<Part> parts, Take take, Method method = Method::kBest);
  ~PartsHasher();
  PartsHasher(const PartsHasher&) = delete;
  PartsHasher& operator=(const PartsHasher&) = delete;
  /// Takes the parts' digests, unless they come with the whole's at no price.
  void ahead(std::span<const std::byte> bytes);
  void update(std::span<const std::byte> bytes);
  /// The digest of the whole.
  Digest finish();

 private:
  void pass_parts(std::span<const std::byte> bytes);
  void begin_and_end_parts();
  std::uint64_t next_event() const;

  std::vector<Part> parts_;
  Take take_;
  std::unique_ptr<TwinSha256> twin_;  // of both, or none, and then
  std::optional<Hasher> whole_;       // of update(), and
  std::optional<Hasher> under_way_;   // of ahead(), which has all that follows, too
  std::uint64_t position_ = 0;
  std::size_t part_ = 0;  // the one under way, or the next
  bool is_under_way_ = false;
};

}  // namespace seabag::digest
