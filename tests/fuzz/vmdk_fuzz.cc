// SPDX-License-Identifier: Apache-2.0
// Sparse and stream-optimized VMDK files: everything in the bytes of one file.

#include <algorithm>
#include <cstdint>
#include <memory>
#include <span>

#include "base/error.h"
#include "io/bytes.h"
#include "io/posix_file_system.h"
#include "testing/memory_file.h"
#include "vmdk/header.h"
#include "vmdk/vmdk.h"

namespace {

using namespace seabag;

constexpr std::uint64_t kFront = 64ULL << 20U;
constexpr std::uint64_t kEnd = 1ULL << 20U;

// Of each hole only the begin is read.
void read_range(const disk::DiskSource& disk, std::uint64_t begin, std::uint64_t end) {
  io::Bytes bytes(disk::kChunkBytes);
  while (begin < end) {
    const disk::Extent extent = disk.extent_at(begin);
    if (extent.length == 0 || extent.length > disk.size() - begin) __builtin_trap();
    if (disk.stored_at(begin).has_value() && !extent.has_data) __builtin_trap();
    const auto length = std::min(extent.length, end - begin);
    const auto part = std::span(bytes).first(std::min<std::uint64_t>(length, bytes.size()));
    disk.read_at(begin, part);
    begin += extent.has_data ? part.size() : length;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  // Descriptor files name others: vmdk_descriptor_fuzz.cc has files for them.
  if (vmdk::signature_of(bytes) == vmdk::Signature::kText) return 0;
  try {
    const auto files = io::posix_file_system();
    const auto disk = vmdk::open(
        *files, std::make_unique<testing::MemoryFile>(io::Bytes(bytes.begin(), bytes.end())));
    disk->warnings();
    read_range(*disk, 0, std::min(disk->size(), kFront));
    if (disk->size() > kFront) read_range(*disk, disk->size() - kEnd, disk->size());
  } catch (const Error& error) {
    if (error.code() == Code::kInternal) __builtin_trap();  // input has reached a check()
  }
  return 0;
}
