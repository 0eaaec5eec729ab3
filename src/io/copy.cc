// SPDX-License-Identifier: Apache-2.0
#include "io/copy.h"

#include <algorithm>
#include <vector>

#include "base/limits.h"

namespace seabag::io {

void copy_all(const BlobSource& from, ByteSink& to, std::uint64_t offset) {
  const std::uint64_t size = from.size();
  std::vector<std::byte> buffer(
      std::min<std::uint64_t>(limits::kBufferBytes, size - std::min(size, offset)));
  while (offset < size) {
    const auto chunk =
        std::span(buffer).first(std::min<std::uint64_t>(buffer.size(), size - offset));
    from.read_at(offset, chunk);
    to.write(chunk);
    offset += chunk.size();
  }
  to.finish();
}

}  // namespace seabag::io
