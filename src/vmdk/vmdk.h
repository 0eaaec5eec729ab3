// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "disk/disk_source.h"
#include "disk/disk_writer.h"
#include "io/file_system.h"

namespace seabag::vmdk {

/// Opens what a descriptor file names as an extent; `name` is that of a file beside it. Errors:
/// kNotABundle if there is none.
using OpenExtent = std::function<std::unique_ptr<io::File>(const std::string& name)>;

/// Opens a VMDK: a sparse or stream-optimized file, or a descriptor file. The extents that a
/// descriptor file names are opened by `open_extent`; nothing else is.
///
/// All tables are held against the size of the file first: it costs one read of them.
/// Memory: 4 bytes for each 32 MiB of the disk; while it is opened twice that, and a bit for each
///         64 KiB of the file; 1.4 MiB for each thread that reads a compressed extent.
/// Errors: kMalformed; kUnsupported: differences to a parent disk, devices, COWD and seSparse, part
///         of a split disk; kIntegrity if an extent is missing; those of `open_extent`.
std::unique_ptr<disk::DiskSource> open(std::unique_ptr<io::File> file,
                                       const OpenExtent& open_extent);

/// The same with the extents that lie in the descriptor file's directory; no link is followed.
std::unique_ptr<disk::DiskSource> open(io::FileSystem& files, std::unique_ptr<io::File> file);

/// What we write. Named as createType in the descriptor.
enum class Subformat {
  kStreamOptimized,       ///< one file, compressed, for OVF and uploads
  kMonolithicSparse,      ///< one file
  kMonolithicFlat,        ///< descriptor and raw data
  kTwoGbMaxExtentSparse,  ///< descriptor and extents of at most 2047 MiB
};

/// Errors: kUsage, with a format that can, if that subformat cannot hold a disk of `size` bytes.
void require_fits(Subformat subformat, std::uint64_t size);

/// The names of the files of a disk, the one to open first: "NAME.vmdk", then "NAME-flat.vmdk" or
/// "NAME-s001.vmdk" and so on. Errors: kUsage if `name` cannot stand in a descriptor.
std::vector<std::string> file_names(Subformat subformat, const std::string& name,
                                    std::uint64_t size);

/// The controller that the disk is made for, as ddb.adapterType has it.
enum class Adapter { kLsilogic, kBuslogic, kIde, kLegacyEsx };

std::string_view name_of(Adapter adapter);  ///< "lsilogic", "buslogic", "ide", "legacyESX"
std::optional<Adapter> find_adapter(std::string_view name);
std::string adapter_names();

/// A CID that stands for a content: ffffffff means "no parent", fffffffe "not known" (open-vmdk).
constexpr bool is_cid(std::uint32_t cid) {
  return cid < 0xFFFFFFFE;
}

struct WriterOptions {
  Adapter adapter = Adapter::kLsilogic;
  std::optional<std::uint32_t> cid;  ///< the content id; without it, from the content
};

/// Requires: `files` are new, empty and have the names of file_names(), in that order;
///           require_fits(); `size` is a multiple of kSectorBytes and not 0.
std::unique_ptr<disk::DiskWriter> create_writer(Subformat subformat,
                                                std::vector<std::unique_ptr<io::File>> files,
                                                std::uint64_t size,
                                                const WriterOptions& options = {});

}  // namespace seabag::vmdk
