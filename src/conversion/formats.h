// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "conversion/identity.h"
#include "disk/disk_writer.h"
#include "io/file_system.h"

namespace seabag::conversion {

/// The formats that disks are read from.
enum class SourceFormat { kRaw, kQcow2, kVhd, kVhdx, kVmdk };

std::string_view name_of(SourceFormat format);  ///< "raw", "qcow2", "vhd", "vhdx", "vmdk"
std::optional<SourceFormat> find_source_format(std::string_view name);

/// The formats that disks are written in.
enum class OutputFormat {
  kRaw,
  kVhd,  ///< dynamic
  kVhdFixed,
  kVmdk,        ///< streamOptimized
  kVmdkSparse,  ///< monolithicSparse
  kVmdkFlat,    ///< monolithicFlat
  kVmdk2Gb,     ///< twoGbMaxExtentSparse
};

std::string_view name_of(OutputFormat format);  ///< "raw", "vhd", "vhd-fixed", "vmdk", ...
std::optional<OutputFormat> find_output_format(std::string_view name);

/// How its files are read again.
SourceFormat source_format_of(OutputFormat format);

/// What the names of all formats are, for messages: "raw, vhd, vhd-fixed, ...".
std::string output_format_names();
std::string source_format_names();

/// Errors: kUsage if `format` cannot hold a disk of that size, with a format that can.
void require_fits(OutputFormat format, std::uint64_t size);

/// Errors: kUsage if files of `format` have no place for something of `identity`, with formats that
/// have.
void require_holds(OutputFormat format, const Identity& identity);

/// The names of the files that hold a disk of that name and size, the one to open first.
std::vector<std::string> file_names(OutputFormat format, const std::string& name,
                                    std::uint64_t size);

/// Requires: `files` are new, empty, in the order of file_names(); require_fits(), require_holds().
std::unique_ptr<disk::DiskWriter> create_writer(OutputFormat format,
                                                std::vector<std::unique_ptr<io::File>> files,
                                                std::uint64_t size, const Identity& identity = {});

}  // namespace seabag::conversion
