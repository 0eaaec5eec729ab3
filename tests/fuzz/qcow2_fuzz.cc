// SPDX-License-Identifier: Apache-2.0

// Any bytes as a qcow2 image: they are read, or refused with an Error.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "base/error.h"
#include "qcow2/qcow2.h"
#include "testing/memory_file.h"

namespace {

constexpr std::uint64_t kReadBytes = 64U << 20U;  // from the beginning of the disk
constexpr std::uint64_t kLastBytes = 1U << 20U;

void read_range(const seabag::disk::DiskSource& disk, std::uint64_t offset, std::uint64_t end) {
  seabag::io::Bytes bytes;
  while (offset < end) {
    const seabag::disk::Extent extent = disk.extent_at(offset);
    seabag::check(
        extent.offset == offset && extent.length > 0 && extent.length <= disk.size() - offset,
        "an extent begins where it was asked for and ends within the disk");
    disk.stored_at(offset);
    const std::uint64_t length = std::min(extent.length, end - offset);
    bytes.resize(std::min<std::uint64_t>(length, 1U << 20U));
    disk.read_at(offset, bytes);
    offset += extent.has_data ? bytes.size() : length;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  try {
    const auto disk = seabag::qcow2::open(std::make_unique<seabag::testing::MemoryFile>(
        seabag::io::Bytes(bytes.begin(), bytes.end())));
    disk->warnings();
    read_range(*disk, 0, std::min(disk->size(), kReadBytes));
    read_range(*disk, disk->size() - std::min(disk->size(), kLastBytes), disk->size());
  } catch (const seabag::Error& error) {
    if (error.code() == seabag::Code::kInternal) throw;
  }
  return 0;
}
