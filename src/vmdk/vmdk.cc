// SPDX-License-Identifier: Apache-2.0
#include "vmdk/vmdk.h"

#include <limits>

#include <fmt/format.h>

#include "base/error.h"
#include "base/limits.h"
#include "base/text.h"
#include "vmdk/descriptor.h"
#include "vmdk/flat_writer.h"
#include "vmdk/hosted_extent_writer.h"
#include "vmdk/sparse_writer.h"
#include "vmdk/split_writer.h"
#include "vmdk/stream_writer.h"

namespace seabag::vmdk {
namespace {

// Tables have 32 bits for a sector of the file, and open-vmdk wants as much of the capacity.
bool fits_hosted_extent(std::uint64_t sectors) {
  constexpr std::uint64_t kMax = std::numeric_limits<std::uint32_t>::max();
  return sectors <= kMax && HostedLayout(sectors, kDescriptorSectors).first_grain + sectors <= kMax;
}

Error too_large(const char* subformat, std::uint64_t size, const char* next_step) {
  Error error(Code::kUsage, fmt::format("a VMDK of the subformat {} cannot hold {} bytes ({})",
                                        subformat, size, readable_size(size)));
  error.add_next_step(next_step);
  return error;
}

}  // namespace

void require_fits(Subformat subformat, std::uint64_t size) {
  if (size == 0 || size % kSectorBytes != 0) {
    throw Error(Code::kUsage, fmt::format("a VMDK holds whole sectors of {} bytes, not {} bytes",
                                          kSectorBytes, size))
        .add_next_step("make the disk longer, to a multiple of 512 bytes");
  }
  if (size > limits::kVmdkDiskBytes) {
    throw Error(Code::kUsage,
                fmt::format("a VMDK holds at most {} bytes, not {}", limits::kVmdkDiskBytes, size))
        .add_next_step("choose raw, or make the disk smaller in its guest first");
  }
  if (subformat == Subformat::kMonolithicSparse && !fits_hosted_extent(size / kSectorBytes)) {
    throw too_large("monolithicSparse", size,
                    "choose vmdk (streamOptimized), vmdk-flat or vmdk-2gb");
  }
  if (subformat == Subformat::kTwoGbMaxExtentSparse && split_extents(size) > limits::kVmdkExtents) {
    throw too_large("twoGbMaxExtentSparse", size, "choose vmdk (streamOptimized) or vmdk-flat");
  }
}

std::vector<std::string> file_names(Subformat subformat, const std::string& name,
                                    std::uint64_t size) {
  std::vector<std::string> names = {name + ".vmdk"};
  if (subformat == Subformat::kMonolithicFlat) names.push_back(name + "-flat.vmdk");
  if (subformat == Subformat::kTwoGbMaxExtentSparse) {
    for (std::uint64_t i = 1; i <= split_extents(size); ++i) {
      names.push_back(fmt::format("{}-s{:03}.vmdk", name, i));
    }
  }
  if (!is_plain_name(names.back())) {
    throw Error(Code::kUsage,
                fmt::format("{} cannot stand in a VMDK descriptor", quoted(names.back())))
        .add_next_step("name the disk with letters and digits, without / \\ : \" and controls");
  }
  return names;
}

std::unique_ptr<disk::DiskWriter> create_writer(Subformat subformat,
                                                std::vector<std::unique_ptr<io::File>> files,
                                                std::uint64_t size, const WriterOptions& options) {
  switch (subformat) {
    case Subformat::kStreamOptimized:
      return std::make_unique<StreamWriter>(std::move(files), size, options);
    case Subformat::kMonolithicSparse:
      return std::make_unique<SparseWriter>(std::move(files), size, options);
    case Subformat::kMonolithicFlat:
      return std::make_unique<FlatWriter>(std::move(files), size, options);
    case Subformat::kTwoGbMaxExtentSparse:
      return std::make_unique<SplitWriter>(std::move(files), size, options);
  }
  throw Error(Code::kInternal, "a subformat without a writer");
}

}  // namespace seabag::vmdk
