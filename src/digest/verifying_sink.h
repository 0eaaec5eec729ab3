// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "digest/hasher.h"
#include "io/blob_source.h"
#include "io/byte_sink.h"

namespace seabag::digest {

/// Passes one blob on to `next` while holding it against its size and digest.
///
/// Order:  `next` sees bytes before they are verified, so it must be a place that nobody reads
/// until
///         finish() returns. finish() calls next.finish() after, and only after, all is right.
/// Errors: kIntegrity when more than `size` bytes come, at finish() when fewer came or the digest
///         differs; the text has expected and actual.
class VerifyingSink : public io::ByteSink {
 public:
  VerifyingSink(const Digest& expected, std::uint64_t size, io::ByteSink& next);
  /// Takes bytes that `next` holds already: counted and hashed, not passed on. Before any write().
  void absorb(std::span<const std::byte> chunk);
  void write(std::span<const std::byte> chunk) override;
  void finish() override;
  std::uint64_t received() const { return size_ - remaining_; }

 private:
  void take(std::span<const std::byte> chunk);

  Digest expected_;
  std::uint64_t size_;
  std::uint64_t remaining_;
  Hasher hasher_;
  io::ByteSink& next_;
};

/// Errors: kIntegrity with both, if they differ.
void require_equal(const Digest& expected, const Digest& actual);

/// Reads all of `blob` and holds it against `expected`. Errors: kIntegrity with both digests; kIo.
void verify(const io::BlobSource& blob, const Digest& expected);

/// The digest of all of `blob`.
Digest digest_of(const io::BlobSource& blob, Algorithm algorithm = Algorithm::kSha256);

}  // namespace seabag::digest
