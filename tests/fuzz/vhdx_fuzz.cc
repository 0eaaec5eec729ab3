// SPDX-License-Identifier: Apache-2.0

// Any bytes as the pieces of a VHDX (vhdx/test_pieces_internal.h): it is read, or refused with an
// Error. Bytes that begin like a VHDX are taken for a whole one. Checksums are mended first: what
// lies behind them is what is to be tried.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "base/error.h"
#include "testing/memory_file.h"
#include "vhdx/crc32c.h"
#include "vhdx/test_pieces_internal.h"
#include "vhdx/vhdx.h"

namespace {

constexpr std::uint64_t kReadBytes = 64U << 20U;  // from the beginning of the disk
constexpr std::uint64_t kMaxFileBytes = 8U << 20U;
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

void mend_checksum(seabag::io::Bytes& file, std::size_t offset, std::size_t size) {
  if (offset + size > file.size()) return;
  const auto range = std::span(file).subspan(offset, size);
  seabag::store_little_endian(range, 4, std::uint32_t{0});
  seabag::store_little_endian(range, 4, seabag::vhdx::crc32c(range));
}

seabag::io::Bytes file_of(std::span<const std::byte> input) {
  seabag::io::Bytes file(input.begin(), input.end());
  if (!seabag::io::text_of(input).starts_with("vhdxfile")) {
    file = seabag::vhdx::join_pieces(input, kMaxFileBytes);
  }
  for (const std::size_t header : {64U << 10U, 128U << 10U}) mend_checksum(file, header, 4096);
  for (const std::size_t table : {192U << 10U, 256U << 10U}) {
    mend_checksum(file, table, 64U << 10U);
  }
  return file;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  try {
    const auto disk =
        seabag::vhdx::open(std::make_unique<seabag::testing::MemoryFile>(file_of(bytes)));
    disk->warnings();
    read_range(*disk, 0, std::min(disk->size(), kReadBytes));
    read_range(*disk, disk->size() - std::min(disk->size(), kLastBytes), disk->size());
  } catch (const seabag::Error& error) {
    if (error.code() == seabag::Code::kInternal) throw;
  }
  return 0;
}
