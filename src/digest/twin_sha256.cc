// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "base/error.h"
#include "digest/twin_sha256_internal.h"

namespace seabag::digest {

using sha256::kBlockBytes;

void TwinSha256::compress(std::span<const std::byte> blocks) {
  if (part_) {
    sha256::compress_both(whole_.state, part_->state, blocks);
  } else {
    sha256::compress(whole_.state, blocks);
  }
}

void TwinSha256::update(std::span<const std::byte> bytes) {
  whole_.bytes += bytes.size();
  if (part_) part_->bytes += bytes.size();
  if (rest_bytes_ > 0) {
    const auto taken = bytes.first(std::min(bytes.size(), kBlockBytes - rest_bytes_));
    std::ranges::copy(taken, rest_.begin() + static_cast<std::ptrdiff_t>(rest_bytes_));
    rest_bytes_ += taken.size();
    bytes = bytes.subspan(taken.size());
    if (rest_bytes_ < kBlockBytes) return;
    compress(rest_);
  }
  const auto whole_blocks = bytes.first(bytes.size() / kBlockBytes * kBlockBytes);
  compress(whole_blocks);
  const auto left = bytes.subspan(whole_blocks.size());
  std::ranges::copy(left, rest_.begin());
  rest_bytes_ = left.size();
}

void TwinSha256::begin_part() {
  check(!part_ && whole_.bytes % kBlockBytes == 0, "a part begins at a block");
  part_.emplace();
}

Digest TwinSha256::finish_part() {
  check(part_.has_value(), "a part was begun");
  const Sha256Lane lane = *part_;
  part_.reset();
  return close(lane);
}

Digest TwinSha256::finish() {
  return close(whole_);
}

Digest TwinSha256::close(const Sha256Lane& lane) const {
  return sha256::finished(lane.state, lane.bytes, std::span(rest_).first(rest_bytes_));
}

}  // namespace seabag::digest
