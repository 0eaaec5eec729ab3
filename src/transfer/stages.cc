// SPDX-License-Identifier: Apache-2.0
#include "transfer/stages.h"

namespace seabag::transfer {

MeteredSink::MeteredSink(io::ByteSink& next, Progress& progress, RateLimit& limit)
    : next_(next), progress_(progress), limit_(limit) {}

void MeteredSink::write(std::span<const std::byte> chunk) {
  limit_.take(chunk.size());
  next_.write(chunk);
  progress_.add_bytes(chunk.size());
}

void MeteredSink::finish() {
  next_.finish();
}

MeteredSource::MeteredSource(const io::BlobSource& from, Progress& progress, RateLimit& limit)
    : from_(from), progress_(progress), limit_(limit) {}

std::uint64_t MeteredSource::size() const {
  return from_.size();
}

void MeteredSource::read_at(std::uint64_t offset, std::span<std::byte> out) const {
  limit_.take(out.size());
  from_.read_at(offset, out);
  progress_.add_bytes(out.size());
}

}  // namespace seabag::transfer
