// SPDX-License-Identifier: Apache-2.0
#include "io/file_blob.h"

#include <cstring>

#include <fmt/format.h>

#include "base/error.h"

namespace seabag::io {

void MemoryBlob::read_at(std::uint64_t offset, std::span<std::byte> out) const {
  check(offset <= bytes_.size() && out.size() <= bytes_.size() - offset, "read inside the blob");
  if (!out.empty()) std::memcpy(out.data(), bytes_.data() + offset, out.size());
}

void FileBlob::read_at(std::uint64_t offset, std::span<std::byte> out) const {
  check(offset <= size_ && out.size() <= size_ - offset, "read inside the blob");
  file_.read_at(offset_ + offset, out);
}

}  // namespace seabag::io
