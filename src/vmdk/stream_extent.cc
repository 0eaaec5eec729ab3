// SPDX-License-Identifier: Apache-2.0
#include "vmdk/stream_extent.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/error.h"
#include "base/limits.h"
#include "base/text.h"
#include "io/bytes.h"
#include "vmdk/grain_codec.h"
#include "vmdk/grain_tables.h"

// Writers put the grains of a stream one behind the other, so what a chunk of 1 MiB needs is read
// at once: 16 records of at most 129 sectors. Where the tables say that grains lie elsewhere, each
// is read on its own.

namespace seabag::vmdk {
namespace {

constexpr std::uint64_t kWindowBytes = (1ULL << 20U) + (256ULL << 10U);
static_assert(kWindowBytes >= max_record_bytes(limits::kVmdkCompressedGrainBytes));

// What one thread reads with.
struct Reading {
  GrainDecoder decoder;
  std::unique_ptr<std::byte[]> window = std::make_unique_for_overwrite<std::byte[]>(kWindowBytes);
  io::Bytes grain;  // where a grain is not wanted whole
};

// Part of the file, in a Reading's window.
struct Window {
  std::span<const std::byte> bytes;
  std::uint64_t offset = 0;  // in the file

  bool holds(std::uint64_t begin, std::uint64_t end) const {
    return begin >= offset && end <= offset + bytes.size();
  }
};

class StreamExtent : public disk::DiskSource {
 public:
  StreamExtent(std::unique_ptr<io::File> file, const SparseHeader& header)
      : file_(std::move(file)),
        file_size_(file_->size()),
        header_(header),
        tables_(*file_, header) {}

  std::uint64_t size() const override { return header_.capacity * kSectorBytes; }

  void read_at(std::uint64_t offset, std::span<std::byte> out) const override {
    check(offset <= size() && out.size() <= size() - offset, "reads stay within the extent");
    readings_.with([&](Reading& reading) {
      read_with(reading, offset, out);
      return true;
    });
  }

  disk::Extent extent_at(std::uint64_t offset) const override { return tables_.extent_at(offset); }

  std::vector<std::string> warnings() const override { return tables_.warnings(); }

 private:
  // A chunk of 1 MiB in grains of 64 KiB takes 16 or, unaligned, 17.
  using Batch = std::array<std::uint32_t, 32>;

  void read_with(Reading& reading, std::uint64_t offset, std::span<std::byte> out) const {
    const std::uint64_t grain_bytes = header_.grain_bytes();
    while (!out.empty()) {
      const std::uint64_t first = offset / grain_bytes;
      const std::uint64_t in_grain = offset % grain_bytes;
      Batch batch = {};
      const auto count = std::min<std::uint64_t>(
          batch.size(), (in_grain + out.size() + grain_bytes - 1) / grain_bytes);
      const auto sectors = std::span(batch).first(count);
      tables_.find(first, sectors);
      Window window;
      for (std::size_t i = 0; i < count; ++i) {
        const std::uint64_t skipped = i == 0 ? in_grain : 0;
        const auto part = out.first(std::min<std::uint64_t>(out.size(), grain_bytes - skipped));
        if (sectors[i] == 0) {
          std::ranges::fill(part, std::byte{0});
        } else {
          load(reading, sectors.subspan(i), window);
          decode(reading, window, first + i, sectors[i], skipped, part);
        }
        offset += part.size();
        out = out.subspan(part.size());
      }
    }
  }

  // Where the record of a grain ends at the latest.
  std::uint64_t end_of(std::uint32_t sector) const {
    return std::min(sector * std::uint64_t{kSectorBytes} + max_record_bytes(header_.grain_bytes()),
                    file_size_);
  }

  // Makes `window` hold the record of the first of these grains, and those of as many of the
  // others as lie behind it and fit.
  void load(Reading& reading, std::span<const std::uint32_t> sectors, Window& window) const {
    const std::uint64_t begin = sectors.front() * std::uint64_t{kSectorBytes};
    std::uint64_t end = end_of(sectors.front());
    if (window.holds(begin, end)) return;
    for (const std::uint32_t sector : sectors) {
      if (sector == 0) continue;
      const std::uint64_t next = end_of(sector);
      if (next < end || next - begin > kWindowBytes) break;
      end = next;
    }
    const std::span bytes(reading.window.get(), end - begin);
    file_->read_at(begin, bytes);
    window = {.bytes = bytes, .offset = begin};
  }

  // Fills `out` from byte `skipped` of the grain on.
  void decode(Reading& reading, const Window& window, std::uint64_t grain, std::uint32_t sector,
              std::uint64_t skipped, std::span<std::byte> out) const {
    const auto record = window.bytes.subspan(sector * std::uint64_t{kSectorBytes} - window.offset);
    const auto compressed = compressed_in(record, grain, sector);
    const std::uint64_t grain_bytes = header_.grain_bytes();
    const bool is_whole = out.size() == grain_bytes;
    if (!is_whole) reading.grain.resize(grain_bytes);
    const std::span target = is_whole ? out : std::span(reading.grain);
    const auto length = reading.decoder.decode(compressed, target);
    if (!length) {
      throw malformed(grain, sector,
                      fmt::format("{} bytes are not one intact zlib stream of at "
                                  "most {} bytes",
                                  compressed.size(), grain_bytes));
    }
    // QEMU lets the last grain end with the disk; all others write it whole.
    const std::uint64_t guest_bytes = std::min(grain_bytes, size() - grain * grain_bytes);
    if (*length != grain_bytes && *length != guest_bytes) {
      throw malformed(grain, sector,
                      fmt::format("decompresses to {} bytes, expected {}", *length, grain_bytes));
    }
    if (!is_whole) io::copy_bytes(target.subspan(skipped, out.size()), out);
  }

  // The zlib stream of a grain. `record`: from its marker on, to the end of the file or beyond what
  // a record may take.
  std::span<const std::byte> compressed_in(std::span<const std::byte> record, std::uint64_t grain,
                                           std::uint32_t sector) const {
    const GrainMarker marker = decode_grain_marker(record);
    if (marker.guest_sector != grain * header_.grain_sectors) {
      throw malformed(grain, sector,
                      fmt::format("its marker is of guest sector {}, expected {}",
                                  marker.guest_sector, grain * header_.grain_sectors));
    }
    const std::uint64_t most = max_record_bytes(header_.grain_bytes()) - GrainMarker::kBytes;
    if (marker.length == 0 || marker.length > most) {
      throw malformed(grain, sector,
                      fmt::format("its marker says {} compressed bytes, expected 1 to {}",
                                  marker.length, most));
    }
    const auto rest = record.subspan(GrainMarker::kBytes);
    if (marker.length > rest.size()) {
      throw malformed(grain, sector,
                      fmt::format("its {} compressed bytes end behind the file of "
                                  "{} bytes",
                                  marker.length, file_size_));
    }
    return rest.first(marker.length);
  }

  Error malformed(std::uint64_t grain, std::uint32_t sector, const std::string& what) const {
    return {Code::kMalformed, fmt::format("{}: grain {} at sector {}: {}", quoted(file_->path()),
                                          grain, sector, what)};
  }

  std::unique_ptr<io::File> file_;
  std::uint64_t file_size_;
  SparseHeader header_;
  GrainTables tables_;
  mutable Pool<Reading> readings_;
};

}  // namespace

std::unique_ptr<disk::DiskSource> open_stream_extent(std::unique_ptr<io::File> file,
                                                     const SparseHeader& header) {
  return std::make_unique<StreamExtent>(std::move(file), header);
}

}  // namespace seabag::vmdk
