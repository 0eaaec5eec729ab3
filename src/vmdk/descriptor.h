// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "disk/content_digest.h"
#include "vmdk/vmdk.h"

namespace seabag::vmdk {

enum class Access { kReadWrite, kReadOnly, kNoAccess };

enum class ExtentType {
  kFlat,    ///< also VMFS, which is the same on ESX
  kSparse,  ///< a file of its own header and tables
  kZero,    ///< no file
};

/// A line that says where a part of the disk is.
struct ExtentLine {
  Access access = Access::kReadWrite;
  std::uint64_t sectors = 0;
  ExtentType type = ExtentType::kFlat;
  std::string file;                  ///< a plain name; empty for kZero
  std::uint64_t offset_sectors = 0;  ///< in the file; kFlat alone

  friend bool operator==(const ExtentLine&, const ExtentLine&) = default;
};

/// The text that describes a disk.
struct Descriptor {
  std::string create_type;  ///< as it is written, printable
  std::vector<ExtentLine> extents;

  /// Of all extents. At most limits::kVmdkDiskBytes.
  std::uint64_t sectors() const;
};

/// Reads a descriptor, whose keys and keywords may be in any case. Keys of the disk data base
/// ("ddb.") are passed over.
///
/// Errors: kMalformed, with the number of the line: not of the grammar, a key twice, an extent
/// whose
///         file is no plain name, sums out of range; kUnsupported: differences to a parent, extents
///         that are devices or of other formats, too many of something.
/// Source: VMware Virtual Disk Format 5.0, "The Descriptor File".
Descriptor parse_descriptor(std::string_view text);

/// May a descriptor name a file so: beside it, in no folder, no drive, no URL, nothing that a
/// terminal would not show as it is.
bool is_plain_name(std::string_view name);

/// What is written into a descriptor of ours.
struct DescriptorFields {
  std::string_view create_type;
  std::uint64_t size = 0;  ///< of the disk, in bytes
  Adapter adapter = Adapter::kLsilogic;
  std::uint32_t cid = 0;
  disk::ContentDigest content;  ///< the long content id is taken from it
  std::vector<ExtentLine> extents;
};
std::string descriptor_text(const DescriptorFields& fields);

/// The id that stands for a content. Two values are reserved and not given.
std::uint32_t cid_of(const disk::ContentDigest& content);

}  // namespace seabag::vmdk
