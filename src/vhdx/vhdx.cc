// SPDX-License-Identifier: Apache-2.0
#include "vhdx/vhdx.h"

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "vhdx/block_map_internal.h"
#include "vhdx/header_section_internal.h"
#include "vhdx/log_internal.h"
#include "vhdx/metadata_internal.h"

namespace seabag::vhdx {
namespace {

// Pages of the table that one extent_at() may read: some 32,000 blocks, 32 GiB or more of a disk.
constexpr int kExtentPages = 64;

class VhdxDisk : public disk::DiskSource {
 public:
  VhdxDisk(std::unique_ptr<io::File> file, const HeaderSection& section, const Geometry& geometry,
           disk::ClaimedRanges& claims)
      : file_(std::move(file)),
        size_(geometry.disk_size),
        map_(*file_, section.block_table, geometry),
        warnings_(section.warnings) {
    map_.validate(claims);
  }

  std::uint64_t size() const override { return size_; }

  void read_at(std::uint64_t offset, std::span<std::byte> out) const override {
    check(offset <= size_ && out.size() <= size_ - offset, "reads stay within the disk");
    TablePage page;
    while (!out.empty()) {
      const Run run = map_.run_at(offset, page);
      const auto part = out.first(std::min<std::uint64_t>(run.length, out.size()));
      if (run.is_stored) {
        file_->read_at(run.host_offset, part);
      } else {
        std::ranges::fill(part, std::byte{0});
      }
      offset += part.size();
      out = out.subspan(part.size());
    }
  }

  disk::Extent extent_at(std::uint64_t offset) const override {
    TablePage page;
    const Run first = map_.run_at(offset, page);
    disk::Extent extent = {offset, first.length, first.is_stored};
    std::uint64_t first_entry = page.first_entry;
    for (int pages = 1; pages <= kExtentPages && offset + extent.length < size_;) {
      const Run next = map_.run_at(offset + extent.length, page);
      if (next.is_stored != extent.has_data) break;
      extent.length += next.length;
      if (page.first_entry != first_entry) ++pages;
      first_entry = page.first_entry;
    }
    return extent;
  }

  std::optional<disk::StoredRange> stored_at(std::uint64_t offset) const override {
    TablePage page;
    const Run run = map_.run_at(offset, page);
    if (!run.is_stored) return std::nullopt;
    return disk::StoredRange{file_.get(), run.host_offset, run.length};
  }

  std::vector<std::string> warnings() const override { return warnings_; }

 private:
  std::unique_ptr<io::File> file_;
  std::uint64_t size_;
  BlockMap map_;
  std::vector<std::string> warnings_;
};

}  // namespace

std::unique_ptr<disk::DiskSource> open(std::unique_ptr<io::File> file) {
  disk::ClaimedRanges claims(file->path(), file->size(), kUnitBytes);
  const HeaderSection section = read_header_section(*file, claims);
  require_empty_log(*file, section.log);  // first: it may hold what all else is to be
  const Geometry geometry = read_metadata(*file, section.metadata);
  return std::make_unique<VhdxDisk>(std::move(file), section, geometry, claims);
}

}  // namespace seabag::vhdx
