// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <stop_token>
#include <string>

#include "bundle/opened.h"
#include "conversion/formats.h"
#include "digest/digest.h"
#include "disk/disk_source.h"
#include "index/disks.h"
#include "transfer/progress.h"

/// Disks of an opened bundle, read by the handles that it holds. Whatever is put at a path after
/// the bundle was opened, what was held against a checksum is what is read.
namespace seabag::importing {

/// Errors: kInternal for a format that there is not.
conversion::OutputFormat format_of(const index::DiskInfo& disk);

/// A payload file. Errors: kIntegrity if it is missing.
const io::File& payload_of(const bundle::OpenedBundle& bundle, std::uint32_t file);

/// Errors: kIntegrity, with expected and actual, unless `actual` is the file's checksum.
void require_checksum(const bundle::OpenedBundle& bundle, std::uint32_t file,
                      const digest::Digest& actual);

/// The SHA-256 of all of an open file. Errors: kCancelled.
digest::Digest checksum_of(const io::File& file, transfer::Progress& progress,
                           const std::stop_token& stop);

/// Errors: kIntegrity, with expected and actual, unless `actual` is the disk's content digest.
void require_content(const index::DiskInfo& disk, const std::string& actual);

/// Opens a disk. Its files were held against their checksums before; the bundle outlives it. Files
/// that it names and the index does not have for this disk are not opened, wherever they lie.
std::unique_ptr<disk::DiskSource> open_bundle_disk(const bundle::OpenedBundle& bundle,
                                                   const index::DiskInfo& disk);

/// Holds the disk's files against their checksums, and then opens it. Errors: kIntegrity;
/// kCancelled; those of the format's reader.
std::unique_ptr<disk::DiskSource> open_verified_disk(const bundle::OpenedBundle& bundle,
                                                     const index::DiskInfo& disk,
                                                     transfer::Progress& progress,
                                                     const std::stop_token& stop);

}  // namespace seabag::importing
