// SPDX-License-Identifier: Apache-2.0
#include "target/verifying_source.h"

#include <algorithm>
#include <vector>

#include <fmt/format.h>

#include "base/error.h"
#include "base/limits.h"

namespace seabag::target {

VerifyingSource::VerifyingSource(const oci::Descriptor& expected, const io::BlobSource& from)
    : expected_(expected.digest), from_(from), hasher_(expected.digest.algorithm()) {
  if (from.size() != expected.size) {
    throw Error(Code::kIntegrity, fmt::format("blob {}: expected {} bytes, got {}",
                                              expected_.text(), expected.size, from.size()));
  }
  if (expected.size == 0) take({});
}

void VerifyingSource::read_at(std::uint64_t offset, std::span<std::byte> out) const {
  if (out.empty()) return;
  if (offset != position_) hash_up_to(offset);
  from_.read_at(offset, out);
  take(out);
}

void VerifyingSource::hash_up_to(std::uint64_t offset) const {
  check(offset < size(), "read inside the blob");
  hasher_ = digest::Hasher(expected_.algorithm());
  position_ = 0;
  std::vector<std::byte> buffer(std::min<std::uint64_t>(limits::kBufferBytes, offset));
  while (position_ < offset) {
    const auto chunk =
        std::span(buffer).first(std::min<std::uint64_t>(buffer.size(), offset - position_));
    from_.read_at(position_, chunk);
    take(chunk);
  }
}

void VerifyingSource::take(std::span<const std::byte> chunk) const {
  hasher_.update(chunk);
  position_ += chunk.size();
  if (position_ < size()) return;
  const digest::Digest actual = hasher_.finish();
  if (actual != expected_) {
    throw Error(Code::kIntegrity,
                fmt::format("expected digest {}, got {}", expected_.text(), actual.text()));
  }
}

}  // namespace seabag::target
