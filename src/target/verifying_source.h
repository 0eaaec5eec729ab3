// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "digest/hasher.h"
#include "io/blob_source.h"
#include "oci/descriptor.h"

namespace seabag::target {

/// A blob that is verified while it is read: its last bytes are handed out only when all bytes
/// before them and they themselves have the digest, so a damaged blob cannot be completed by
/// whoever reads it in order.
///
/// A read that does not go on where the last one ended (an upload that is tried again) starts the
/// digest anew; what lies before it is read again from `from`.
///
/// Errors:  kIntegrity with size or digest, expected and actual; those of `from`.
/// Threads: one at a time.
class VerifyingSource : public io::BlobSource {
 public:
  /// Errors: kIntegrity if the size differs, or if the blob is empty and its digest is not that of
  /// nothing.
  VerifyingSource(const oci::Descriptor& expected, const io::BlobSource& from);
  std::uint64_t size() const override { return from_.size(); }
  void read_at(std::uint64_t offset, std::span<std::byte> out) const override;

 private:
  void hash_up_to(std::uint64_t offset) const;
  void take(std::span<const std::byte> chunk) const;

  digest::Digest expected_;
  const io::BlobSource& from_;
  // BlobSource reads are const: that the bytes are watched on their way changes nothing about the
  // blob.
  mutable digest::Hasher hasher_;
  mutable std::uint64_t position_ = 0;  // the hasher has seen the bytes before it
};

}  // namespace seabag::target
