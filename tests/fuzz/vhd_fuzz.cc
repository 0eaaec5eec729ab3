// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "base/error.h"
#include "testing/memory_file.h"
#include "vhd/vhd.h"

namespace {

using seabag::disk::kChunkBytes;

// A few bytes may claim a disk of terabytes: its beginning and its end are enough.
constexpr std::uint64_t kReadBytes = 64U << 20U;

void read(const seabag::disk::DiskSource& disk, std::uint64_t begin, std::uint64_t end) {
  seabag::io::Bytes part;
  for (std::uint64_t at = begin; at < end; at += part.size()) {
    part.resize(std::min<std::uint64_t>(kChunkBytes, end - at));
    disk.read_at(at, part);
  }
  for (std::uint64_t at = begin; at < end;) {
    const seabag::disk::Extent extent = disk.extent_at(at);
    seabag::check(extent.offset == at && extent.length > 0 && extent.length <= disk.size() - at,
                  "extents follow each other within the disk");
    static_cast<void>(disk.stored_at(at));
    at += extent.length;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  try {
    const auto disk = seabag::vhd::open(std::make_unique<seabag::testing::MemoryFile>(
        seabag::io::Bytes(bytes.begin(), bytes.end())));
    read(*disk, 0, std::min(disk->size(), kReadBytes));
    read(*disk, disk->size() - std::min<std::uint64_t>(disk->size(), kChunkBytes), disk->size());
  } catch (const seabag::Error& error) {
    if (error.code() == seabag::Code::kInternal) throw;  // a bug of ours
  }
  return 0;
}
