// SPDX-License-Identifier: Apache-2.0
#include "io/memory_sink.h"

#include <fmt/format.h>

#include "base/error.h"

namespace seabag::io {

MemorySink::MemorySink(std::uint64_t max_bytes, std::string what)
    : max_bytes_(max_bytes), what_(std::move(what)) {}

void MemorySink::write(std::span<const std::byte> chunk) {
  if (chunk.size() > max_bytes_ - bytes_.size()) {
    throw Error(Code::kMalformed,
                fmt::format("{} is larger than the limit of {} bytes", what_, max_bytes_));
  }
  bytes_.insert(bytes_.end(), chunk.begin(), chunk.end());
}

}  // namespace seabag::io
