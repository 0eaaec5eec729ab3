// SPDX-License-Identifier: Apache-2.0
#include "digest/verifying_sink.h"

#include <fmt/format.h>

#include "base/error.h"
#include "io/copy.h"

namespace seabag::digest {
namespace {

class HashingSink : public io::ByteSink {
 public:
  explicit HashingSink(Algorithm algorithm) : hasher_(algorithm) {}
  void write(std::span<const std::byte> chunk) override { hasher_.update(chunk); }
  void finish() override {}
  Digest digest() { return hasher_.finish(); }

 private:
  Hasher hasher_;
};

}  // namespace

VerifyingSink::VerifyingSink(const Digest& expected, std::uint64_t size, io::ByteSink& next)
    : expected_(expected),
      size_(size),
      remaining_(size),
      hasher_(expected.algorithm()),
      next_(next) {}

void VerifyingSink::take(std::span<const std::byte> chunk) {
  if (chunk.size() > remaining_) {
    throw Error(Code::kIntegrity, fmt::format("expected {} bytes, got more", size_));
  }
  remaining_ -= chunk.size();
  hasher_.update(chunk);
}

void VerifyingSink::absorb(std::span<const std::byte> chunk) {
  take(chunk);
}

void VerifyingSink::write(std::span<const std::byte> chunk) {
  take(chunk);
  next_.write(chunk);
}

void VerifyingSink::finish() {
  if (remaining_ != 0) {
    throw Error(Code::kIntegrity,
                fmt::format("expected {} bytes, got {}", size_, size_ - remaining_));
  }
  require_equal(expected_, hasher_.finish());
  next_.finish();
}

void require_equal(const Digest& expected, const Digest& actual) {
  if (expected == actual) return;
  throw Error(Code::kIntegrity,
              fmt::format("expected digest {}, got {}", expected.text(), actual.text()));
}

Digest digest_of(const io::BlobSource& blob, Algorithm algorithm) {
  HashingSink sink(algorithm);
  io::copy_all(blob, sink);
  return sink.digest();
}

void verify(const io::BlobSource& blob, const Digest& expected) {
  require_equal(expected, digest_of(blob, expected.algorithm()));
}

}  // namespace seabag::digest
