// SPDX-License-Identifier: Apache-2.0
#include "testing/memory_file.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/error.h"

namespace seabag::testing {

std::uint64_t MemoryFile::size() const {
  const std::scoped_lock lock(mutex_);
  return bytes_.size();
}

void MemoryFile::resize(std::uint64_t size) {
  const std::scoped_lock lock(mutex_);
  bytes_.resize(size);
}

void MemoryFile::read_at(std::uint64_t offset, std::span<std::byte> out) const {
  const std::scoped_lock lock(mutex_);
  if (offset > bytes_.size() || out.size() > bytes_.size() - offset) {
    throw Error(Code::kIntegrity, fmt::format("{} ends at {}, expected {} bytes at {}", path_,
                                              bytes_.size(), out.size(), offset));
  }
  std::copy_n(bytes_.begin() + static_cast<std::ptrdiff_t>(offset), out.size(), out.begin());
}

void MemoryFile::write_at(std::uint64_t offset, std::span<const std::byte> bytes) {
  const std::scoped_lock lock(mutex_);
  bytes_.resize(std::max<std::size_t>(bytes_.size(), offset + bytes.size()));
  io::copy_bytes(bytes, std::span(bytes_).subspan(offset));
}

}  // namespace seabag::testing
