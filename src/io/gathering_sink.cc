// SPDX-License-Identifier: Apache-2.0
#include "io/gathering_sink.h"

#include <algorithm>

#include "base/error.h"

namespace seabag::io {

GatheringSink::GatheringSink(ByteSink& next, std::size_t capacity)
    : next_(next), capacity_(capacity) {
  check(capacity > 0, "a gathering sink has room");
  held_.reserve(capacity);
}

void GatheringSink::write(std::span<const std::byte> chunk) {
  while (!chunk.empty()) {
    if (held_.empty() && chunk.size() >= capacity_) {
      next_.write(chunk.first(capacity_));
      chunk = chunk.subspan(capacity_);
      continue;
    }
    const auto taken = chunk.first(std::min(chunk.size(), capacity_ - held_.size()));
    held_.insert(held_.end(), taken.begin(), taken.end());
    chunk = chunk.subspan(taken.size());
    if (held_.size() == capacity_) flush();
  }
}

void GatheringSink::flush() {
  if (held_.empty()) return;
  next_.write(held_);
  held_.clear();
}

void GatheringSink::finish() {
  flush();
  next_.finish();
}

}  // namespace seabag::io
