// SPDX-License-Identifier: Apache-2.0
#include "vmdk/grain_tables.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/arith.h"
#include "base/endian.h"
#include "base/text.h"
#include "disk/claimed_ranges.h"
#include "disk/zeros.h"
#include "io/bytes.h"

namespace seabag::vmdk {
namespace {

constexpr std::size_t kTableBytes = std::size_t{kTableSectors} * kSectorBytes;
// Tables that are validated at once: 256 KiB, since writers put them one behind the other.
constexpr std::uint64_t kBatchTables = 128;
// A directory has up to 8 MiB, and is in memory once.
constexpr std::size_t kDirectoryPartBytes = 64U << 10U;

constexpr std::uint64_t to_bytes(std::uint64_t sectors) {
  return sectors * kSectorBytes;
}

}  // namespace

void require_in_file(const io::File& file, const std::string& what, std::uint64_t sector,
                     std::uint64_t sectors) {
  const std::uint64_t there = file.size() / kSectorBytes;
  if (sector > there || sectors > there - sector) {
    throw Error(Code::kMalformed,
                fmt::format("{}: {}: {} sectors at sector {}, the file has {} sectors",
                            quoted(file.path()), what, sectors, sector, there));
  }
}

// Reads every table of a directory once, and of its copy, in order.
class GrainTables::Validation {
 public:
  Validation(GrainTables& tables, const Directory& copy)
      : tables_(tables), copy_(copy), bytes_(kBatchTables * kTableBytes) {
    if (!copy.empty()) copied_.resize(bytes_.size());
    if (!tables.header_.has(kIsCompressed)) {
      claimed_.emplace(tables.file_.path(), tables.file_size_, tables.header_.grain_bytes());
    }
  }

  void run() {
    const std::uint64_t count = tables_.directory_.size();
    for (std::uint64_t first = 0; first < count; first += kBatchTables) {
      validate(first, std::min(kBatchTables, count - first));
    }
  }

 private:
  void validate(std::uint64_t first, std::uint64_t count) {
    const auto bytes = std::span(bytes_).first(count * kTableBytes);
    const bool has_tables = read(tables_.directory_, first, bytes);
    if (!copy_.empty()) {
      const auto copied = std::span(copied_).first(bytes.size());
      const bool has_copies = read(copy_, first, copied);
      if ((has_tables || has_copies) && !std::ranges::equal(bytes, copied)) {
        tables_.agrees_with_copy_ = false;
      }
    }
    if (!has_tables) return;
    for (std::uint64_t i = 0; i < count; ++i) {
      validate_table(first + i, bytes.subspan(i * kTableBytes, kTableBytes));
    }
  }

  // False if none of the tables exists; then `out` is zeros.
  bool read(const Directory& directory, std::uint64_t first, std::span<std::byte> out) {
    std::ranges::fill(out, std::byte{0});
    const std::uint64_t count = out.size() / kTableBytes;
    const auto sectors = std::span(directory).subspan(first, count);
    bool has_tables = false;
    for (std::uint64_t begin = 0, end = 0; begin < count; begin = end) {
      end = begin + 1;
      if (sectors[begin] == 0 || !is_in_file(sectors[begin])) continue;
      while (end < count && sectors[end] == sectors[end - 1] + std::uint64_t{kTableSectors} &&
             is_in_file(sectors[end])) {
        ++end;
      }
      has_tables = true;
      read_data(to_bytes(sectors[begin]),
                out.subspan(begin * kTableBytes, (end - begin) * kTableBytes));
    }
    return has_tables;
  }

  bool is_in_file(std::uint64_t sector) const {
    return to_bytes(sector + kTableSectors) <= tables_.file_size_;
  }

  // Fills `out`, which is zeros, but where the file has a hole: a disk of terabytes with little in
  // it has its tables there.
  void read_data(std::uint64_t offset, std::span<std::byte> out) {
    if (offset < hole_begin_ || offset >= hole_end_) {
      const io::FileExtent extent = tables_.file_.extent_at(offset);
      if (!extent.is_stored) {
        hole_begin_ = offset;
        hole_end_ = offset + extent.length;
      }
    }
    const bool is_hole = offset >= hole_begin_ && offset + out.size() <= hole_end_;
    if (!is_hole) tables_.file_.read_at(offset, out);
  }

  void validate_table(std::uint64_t number, std::span<const std::byte> bytes) {
    if (disk::is_zero(bytes)) return;
    const std::uint64_t first = number * kTableEntries;
    const auto count = std::min<std::uint64_t>(kTableEntries, tables_.header_.grains() - first);
    for (std::uint64_t i = 0; i < count; ++i) {
      const std::uint64_t grain = first + i;
      const auto entry = load_little_endian<std::uint32_t>(bytes, i * sizeof(std::uint32_t));
      const std::uint32_t sector = tables_.validated(grain, entry);
      if (sector == 0) continue;
      tables_.has_grains_[number] = true;
      if (claimed_) {
        claimed_->claim(to_bytes(sector), to_bytes(tables_.sectors_of(grain)),
                        fmt::format("grain {}", grain));
      }
    }
  }

  GrainTables& tables_;
  const Directory& copy_;
  io::Bytes bytes_;
  io::Bytes copied_;
  std::optional<disk::ClaimedRanges> claimed_;  // of grains that are stored as they are
  std::uint64_t hole_begin_ = 0;
  std::uint64_t hole_end_ = 0;
};

GrainTables::GrainTables(const io::File& file, const SparseHeader& header)
    : file_(file), file_size_(file.size()), header_(header), has_grains_(header.tables()) {
  const std::uint64_t directory_sectors =
      (header.tables() * sizeof(std::uint32_t) + kSectorBytes - 1) / kSectorBytes;
  MetadataRanges head;
  head.add(0, 1);
  head.add(header.descriptor_sector, header.descriptor_sectors);
  head.seal();
  MetadataRanges fixed = head;
  const auto directory_at = [&](std::uint64_t sector, const std::string& what) {
    Directory directory = read_directory(sector, what);
    if (head.overlaps(sector, directory_sectors)) {
      throw malformed(
          fmt::format("{} at sector {} lies in the header or the descriptor", what, sector));
    }
    fixed.add(sector, directory_sectors);
    return directory;
  };
  directory_ = directory_at(header.directory_sector, "grain directory");
  Directory copy;
  if (header.has(kHasRedundantDirectory)) {
    copy = directory_at(header.redundant_directory_sector, "redundant grain directory");
  }
  fixed.seal();
  metadata_ = fixed;
  for (std::uint64_t number = 0; number < directory_.size(); ++number) {
    const std::uint64_t sector = directory_[number];
    if (sector == 0) continue;
    require_in_file(file, fmt::format("grain table {}", number), sector, kTableSectors);
    if (fixed.overlaps(sector, kTableSectors)) {
      throw malformed(
          fmt::format("grain table {} at sector {} lies in other metadata", number, sector));
    }
    // Tables of streams lie scattered between the grains; what a stream's entry points to is told
    // by its marker.
    if (!header.has(kIsCompressed)) metadata_.add(sector, kTableSectors);
  }
  if (!header.has(kIsCompressed)) {
    for (const std::uint32_t sector : copy) {
      if (sector != 0) metadata_.add(sector, kTableSectors);
    }
  }
  metadata_.seal();
  Validation(*this, copy).run();
}

Error GrainTables::malformed(const std::string& what) const {
  return {Code::kMalformed, fmt::format("{}: {}", quoted(file_.path()), what)};
}

GrainTables::Directory GrainTables::read_directory(std::uint64_t sector,
                                                   const std::string& what) const {
  // The last sector of a directory may be cut off where its entries are not used.
  const std::uint64_t length = header_.tables() * sizeof(std::uint32_t);
  if (sector > file_size_ / kSectorBytes || length > file_size_ - to_bytes(sector)) {
    throw malformed(fmt::format("{}: {} bytes at sector {}, the file has {} bytes", what, length,
                                sector, file_size_));
  }
  Directory directory;
  directory.reserve(header_.tables());
  io::Bytes bytes;
  for (std::uint64_t at = 0; at < length; at += bytes.size()) {
    bytes.resize(std::min<std::uint64_t>(length - at, kDirectoryPartBytes));
    file_.read_at(to_bytes(sector) + at, bytes);
    for (std::size_t i = 0; i < bytes.size(); i += sizeof(std::uint32_t)) {
      directory.push_back(load_little_endian<std::uint32_t>(bytes, i));
    }
  }
  return directory;
}

std::uint64_t GrainTables::sectors_of(std::uint64_t grain) const {
  return std::min(header_.grain_sectors, header_.capacity - grain * header_.grain_sectors);
}

bool GrainTables::is_stored(std::uint32_t entry) const {
  return entry > 1 || (entry == 1 && !header_.has(kHasZeroGrains));
}

std::uint32_t GrainTables::validated(std::uint64_t grain, std::uint32_t entry) const {
  if (!is_stored(entry)) return 0;
  if (entry == 1) {
    throw malformed(
        fmt::format("grain {}: entry 1 (zeros), which the header's flags {:#010x} "
                    "do not have",
                    grain, header_.flags));
  }
  const bool is_compressed = header_.has(kIsCompressed);
  const std::uint64_t sectors = is_compressed ? 1 : sectors_of(grain);
  const std::uint64_t length = is_compressed ? GrainMarker::kBytes + 1 : to_bytes(sectors);
  const std::uint64_t offset = to_bytes(entry);
  if (offset > file_size_ || length > file_size_ - offset) {
    throw malformed(fmt::format("grain {} at sector {} ends behind the file of {} bytes", grain,
                                entry, file_size_));
  }
  if (metadata_.overlaps(entry, sectors)) {
    throw malformed(
        fmt::format("grain {} at sector {} lies in the header, the descriptor or a "
                    "table",
                    grain, entry));
  }
  return entry;
}

void GrainTables::copy_entries(std::uint64_t number, std::size_t first,
                               std::span<std::uint32_t> out) const {
  CachedTable& slot = cache_[number % cache_.size()];
  {
    const std::scoped_lock lock(mutex_);
    if (slot.number == number) {
      std::ranges::copy(std::span(slot.entries).subspan(first, out.size()), out.begin());
      return;
    }
  }
  std::array<std::byte, kTableBytes> bytes = {};
  file_.read_at(to_bytes(directory_[number]), bytes);
  Table entries = {};
  for (std::size_t i = 0; i < entries.size(); ++i) {
    entries[i] = load_little_endian<std::uint32_t>(bytes, i * sizeof(std::uint32_t));
  }
  std::ranges::copy(std::span(entries).subspan(first, out.size()), out.begin());
  const std::scoped_lock lock(mutex_);
  slot.number = number;
  slot.entries = entries;
}

void GrainTables::find(std::uint64_t first, std::span<std::uint32_t> sectors) const {
  check(first <= header_.grains() && sectors.size() <= header_.grains() - first,
        "grains of the extent");
  while (!sectors.empty()) {
    const std::size_t in_table = first % kTableEntries;
    const auto part = sectors.first(std::min(sectors.size(), kTableEntries - in_table));
    const std::uint64_t number = first / kTableEntries;
    if (has_grains_[number]) {
      copy_entries(number, in_table, part);
      for (std::size_t i = 0; i < part.size(); ++i) part[i] = validated(first + i, part[i]);
    } else {
      std::ranges::fill(part, 0);
    }
    first += part.size();
    sectors = sectors.subspan(part.size());
  }
}

disk::Extent GrainTables::extent_at(std::uint64_t offset) const {
  const std::uint64_t grain = offset / header_.grain_bytes();
  std::uint64_t number = grain / kTableEntries;
  const std::size_t in_table = grain % kTableEntries;
  std::uint64_t grains = kTableEntries - in_table;
  bool has_data = false;
  if (has_grains_[number]) {
    Table entries = {};
    const auto rest = std::span(entries).first(grains);
    copy_entries(number, in_table, rest);
    has_data = is_stored(rest.front());
    const auto end = std::ranges::find_if(
        rest, [&](std::uint32_t entry) { return is_stored(entry) != has_data; });
    grains = static_cast<std::uint64_t>(end - rest.begin());
  }
  const bool reaches_end = in_table + grains == kTableEntries;
  while (!has_data && reaches_end && ++number < has_grains_.size() && !has_grains_[number]) {
    grains += kTableEntries;
  }
  const std::uint64_t end = std::min((grain + grains) * header_.grain_sectors, header_.capacity);
  return {offset, to_bytes(end) - offset, has_data};
}

std::vector<std::string> GrainTables::warnings() const {
  if (agrees_with_copy_) return {};
  return {
      fmt::format("{}: the redundant grain tables say something else than the grain tables, "
                  "which are used",
                  quoted(file_.path()))};
}

}  // namespace seabag::vmdk
