// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "conversion/formats.h"
#include "disk/disk_source.h"
#include "io/file_system.h"

namespace seabag::conversion {

struct OpenedDisk {
  std::unique_ptr<disk::DiskSource> disk;
  SourceFormat format = SourceFormat::kRaw;
};

/// Opens a disk that the user named.
///
/// `format` decides what it is; without it the name's ending does, and a block device is raw. What
/// the bytes look like only confirms that: a guest can write any header into a raw disk, to be
/// opened as something that names files of the host.
/// Errors: kUsage if there is no such file, if the ending tells nothing, or if the first or last
/// bytes
///         say another format than the ending (the next step says what to pass); those of the
///         format's reader.
OpenedDisk open_disk(io::FileSystem& files, const std::string& path,
                     std::optional<SourceFormat> format);

/// Opens the other files of a disk by their names. Errors: kNotABundle if there is none of that
/// name.
using OpenSibling = std::function<std::unique_ptr<io::File>(const std::string& name)>;

/// Opens a disk whose main file is open, by that handle: no path is looked up. The other files of a
/// disk that is in several come from `open_sibling` alone.
/// Errors: kUsage if the disk has no bytes; those of the format's reader and of `open_sibling`.
std::unique_ptr<disk::DiskSource> open_disk(std::unique_ptr<io::File> file, SourceFormat format,
                                            const OpenSibling& open_sibling);

/// A disk made longer with zeros. `inner` outlives it not: it is kept.
std::unique_ptr<disk::DiskSource> pad_disk(std::unique_ptr<disk::DiskSource> inner,
                                           std::uint64_t size);

}  // namespace seabag::conversion
