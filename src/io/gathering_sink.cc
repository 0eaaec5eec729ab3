// SPDX-License-Identifier: Apache-2.0
#include "io/gathering_sink.h"

#include <algorithm>

#include "base/error.h"

namespace seabag::io {

GatheringSink::GatheringSink(ByteSink& next, std::size_t capacity) : next_(next), room_(capacity) {
  check(capacity > 0, "a gathering sink has room");
}

void GatheringSink::write(std::span<const std::byte> chunk) {
  while (!chunk.empty()) {
    if (held_ == 0 && chunk.size() >= room_.size()) {
      next_.write(chunk.first(room_.size()));
      chunk = chunk.subspan(room_.size());
      continue;
    }
    const auto taken = chunk.first(std::min(chunk.size(), room_.size() - held_));
    copy_bytes(taken, std::span(room_).subspan(held_));
    held_ += taken.size();
    chunk = chunk.subspan(taken.size());
    if (held_ == room_.size()) flush();
  }
}

void GatheringSink::flush() {
  if (held_ == 0) return;
  const auto chunk = std::span(room_).first(held_);
  held_ = 0;
  next_.write(chunk);
}

void GatheringSink::finish() {
  flush();
  next_.finish();
}

}  // namespace seabag::io
