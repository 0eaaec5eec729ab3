// SPDX-License-Identifier: Apache-2.0
#include "vmdk/sparse_extent.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/error.h"
#include "base/limits.h"
#include "base/text.h"
#include "io/bytes.h"
#include "vmdk/grain_tables.h"
#include "vmdk/stream_extent.h"

namespace seabag::vmdk {
namespace {

constexpr std::uint64_t kFooterSectors = 3;  // its marker, itself, the end of the stream

SectorBytes read_sector(const io::File& file, std::uint64_t sector) {
  SectorBytes bytes = {};
  file.read_at(sector * kSectorBytes, bytes);
  return bytes;
}

Error footer_error(const io::File& file, const std::string& what) {
  Error error(Code::kMalformed, fmt::format("{}: footer: {}", quoted(file.path()), what));
  error.add_next_step("the file may have been cut off: copy it again");
  return error;
}

SparseHeader read_footer(const io::File& file) {
  const std::uint64_t size = file.size();
  if (size % kSectorBytes != 0 || size / kSectorBytes <= kFooterSectors) {
    throw footer_error(file, fmt::format("expected at the end of whole sectors, the file has {} "
                                         "bytes",
                                         size));
  }
  const std::uint64_t begin = size / kSectorBytes - kFooterSectors;
  if (!is_marker(read_sector(file, begin), MarkerType::kFooter, 1)) {
    throw footer_error(file, fmt::format("no footer marker at sector {}", begin));
  }
  if (!is_marker(read_sector(file, begin + 2), MarkerType::kEndOfStream, 0)) {
    throw footer_error(file, fmt::format("no end-of-stream marker at sector {}", begin + 2));
  }
  try {
    return decode_header(read_sector(file, begin + 1));
  } catch (Error& error) {
    error.add_context(quoted(file.path()) + ": footer");
    throw;
  }
}

void require_same(const io::File& file, const char* field, std::uint64_t header,
                  std::uint64_t footer) {
  if (header == footer) return;
  throw footer_error(file, fmt::format("{} {}, the header says {}", field, footer, header));
}

// Where all grains are stored as they are.
class HostedExtent : public disk::DiskSource {
 public:
  HostedExtent(std::unique_ptr<io::File> file, const SparseHeader& header)
      : file_(std::move(file)), header_(header), tables_(*file_, header) {}

  std::uint64_t size() const override { return header_.capacity * kSectorBytes; }

  void read_at(std::uint64_t offset, std::span<std::byte> out) const override {
    check(offset <= size() && out.size() <= size() - offset, "reads stay within the extent");
    const std::uint64_t grain_bytes = header_.grain_bytes();
    while (!out.empty()) {
      const std::uint64_t in_grain = offset % grain_bytes;
      Batch batch = {};
      const auto count = std::min<std::uint64_t>(
          batch.size(), (in_grain + out.size() + grain_bytes - 1) / grain_bytes);
      const auto sectors = std::span(batch).first(count);
      tables_.find(offset / grain_bytes, sectors);
      const auto part = out.first(std::min(out.size(), count * grain_bytes - in_grain));
      read_grains(sectors, in_grain, part);
      offset += part.size();
      out = out.subspan(part.size());
    }
  }

  disk::Extent extent_at(std::uint64_t offset) const override { return tables_.extent_at(offset); }

  std::optional<disk::StoredRange> stored_at(std::uint64_t offset) const override {
    const std::uint64_t first = offset / header_.grain_bytes();
    Batch batch = {};
    const auto sectors =
        std::span(batch).first(std::min<std::uint64_t>(batch.size(), header_.grains() - first));
    tables_.find(first, sectors);
    if (sectors.front() == 0) return std::nullopt;
    const std::uint64_t in_grain = offset % header_.grain_bytes();
    const std::uint64_t length = run_of(sectors) * header_.grain_bytes() - in_grain;
    return disk::StoredRange{file_.get(), sectors.front() * std::uint64_t{kSectorBytes} + in_grain,
                             std::min(length, size() - offset)};
  }

  std::vector<std::string> warnings() const override { return tables_.warnings(); }

 private:
  using Batch = std::array<std::uint32_t, 64>;

  // How many grains from the first on lie one behind the other, or are all absent.
  std::size_t run_of(std::span<const std::uint32_t> sectors) const {
    std::size_t count = 1;
    const std::uint64_t step = sectors.front() == 0 ? 0 : header_.grain_sectors;
    while (count < sectors.size() && sectors[count] == sectors[count - 1] + step) ++count;
    return count;
  }

  // `out` begins `in_grain` bytes behind the begin of the first of the grains.
  void read_grains(std::span<const std::uint32_t> sectors, std::uint64_t in_grain,
                   std::span<std::byte> out) const {
    while (!out.empty()) {
      const std::size_t count = run_of(sectors);
      const auto part =
          out.first(std::min<std::uint64_t>(out.size(), count * header_.grain_bytes() - in_grain));
      if (sectors.front() == 0) {
        std::ranges::fill(part, std::byte{0});
      } else {
        file_->read_at(sectors.front() * std::uint64_t{kSectorBytes} + in_grain, part);
      }
      in_grain = 0;
      out = out.subspan(part.size());
      sectors = sectors.subspan(count);
    }
  }

  std::unique_ptr<io::File> file_;
  SparseHeader header_;
  GrainTables tables_;
};

}  // namespace

SparseHeader read_sparse_header(const io::File& file, std::vector<std::string>& warnings) {
  require_in_file(file, "header", 0, 1);
  SparseHeader header;
  try {
    header = decode_header(read_sector(file, 0));
  } catch (Error& error) {
    error.add_context(quoted(file.path()));
    throw;
  }
  if (header.has(kIsCompressed) && header.directory_sector == kDirectoryAtEnd) {
    const SparseHeader footer = read_footer(file);
    if (footer.directory_sector == kDirectoryAtEnd) {
      throw footer_error(file, "says itself that the directory is in a footer");
    }
    require_same(file, "version", header.version, footer.version);
    require_same(file, "capacity", header.capacity, footer.capacity);
    require_same(file, "grain size", header.grain_sectors, footer.grain_sectors);
    if (header.flags != footer.flags) {
      warnings.push_back(fmt::format("{}: flags {:#010x} in the footer, {:#010x} in the header",
                                     quoted(file.path()), footer.flags, header.flags));
    }
    header.directory_sector = footer.directory_sector;
    header.flags &= ~kHasRedundantDirectory;
    header.is_unclean = header.is_unclean || footer.is_unclean;
  }
  if (header.is_unclean) {
    warnings.push_back(
        fmt::format("{}: was not closed by the program that wrote it last", quoted(file.path())));
  }
  require_in_file(file, "descriptor", header.descriptor_sector, header.descriptor_sectors);
  return header;
}

std::string read_embedded_descriptor(const io::File& file, const SparseHeader& header) {
  const std::uint64_t room = header.descriptor_sectors * kSectorBytes;
  io::Bytes bytes(std::min(room, limits::kVmdkDescriptorBytes));
  file.read_at(header.descriptor_sector * kSectorBytes, bytes);
  const std::string_view text = io::text_of(bytes);
  const std::size_t end = text.find('\0');
  if (end == std::string_view::npos && room > bytes.size()) {
    throw Error(Code::kUnsupported, fmt::format("{}: descriptor: longer than {} bytes",
                                                quoted(file.path()), limits::kVmdkDescriptorBytes));
  }
  return std::string(text.substr(0, end));
}

std::unique_ptr<disk::DiskSource> open_sparse_extent(std::unique_ptr<io::File> file,
                                                     const SparseHeader& header) {
  if (header.has(kIsCompressed)) return open_stream_extent(std::move(file), header);
  return std::make_unique<HostedExtent>(std::move(file), header);
}

}  // namespace seabag::vmdk
