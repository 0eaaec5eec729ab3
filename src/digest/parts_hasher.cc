// SPDX-License-Identifier: Apache-2.0
#include "digest/parts_hasher.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "base/error.h"
#include "digest/twin_sha256_internal.h"

namespace seabag::digest {

bool may_follow(std::uint64_t end, const Part& next) {
  return next.offset >= end && next.offset % sha256::kBlockBytes == 0 &&
         next.size <= std::numeric_limits<std::uint64_t>::max() - next.offset;
}

PartsHasher::PartsHasher(std::vector<Part> parts, Take take, Method method)
    : parts_(std::move(parts)), take_(std::move(take)) {
  if (method == Method::kBest && sha256::has_instructions()) {
    twin_ = std::make_unique<TwinSha256>();
  } else {
    whole_.emplace();
  }
  std::uint64_t end = 0;
  for (const Part& part : parts_) {
    check(may_follow(end, part), "parts are in order, apart, and begin at a block");
    end = part.offset + part.size;
  }
}

PartsHasher::~PartsHasher() = default;

std::uint64_t PartsHasher::next_event() const {
  if (part_ == parts_.size()) return std::numeric_limits<std::uint64_t>::max();
  return parts_[part_].offset + (is_under_way_ ? parts_[part_].size : 0);
}

void PartsHasher::begin_and_end_parts() {
  while (next_event() == position_) {
    is_under_way_ = !is_under_way_;
    if (is_under_way_ && twin_) {
      twin_->begin_part();
    } else if (is_under_way_) {
      under_way_.emplace();
    } else {
      take_(part_++, twin_ ? twin_->finish_part() : under_way_->finish());
      under_way_.reset();
    }
  }
}

void PartsHasher::ahead(std::span<const std::byte> bytes) {
  if (!twin_) pass_parts(bytes);
}

void PartsHasher::update(std::span<const std::byte> bytes) {
  if (twin_) {
    pass_parts(bytes);
  } else {
    whole_->update(bytes);
  }
}

void PartsHasher::pass_parts(std::span<const std::byte> bytes) {
  begin_and_end_parts();
  while (!bytes.empty()) {
    const auto chunk = bytes.first(std::min<std::uint64_t>(bytes.size(), next_event() - position_));
    if (twin_) {
      twin_->update(chunk);
    } else if (under_way_) {
      under_way_->update(chunk);
    }
    position_ += chunk.size();
    bytes = bytes.subspan(chunk.size());
    begin_and_end_parts();
  }
}

Digest PartsHasher::finish() {
  begin_and_end_parts();
  check(part_ == parts_.size(), "no part reaches behind the end");
  return twin_ ? twin_->finish() : whole_->finish();
}

}  // namespace seabag::digest
