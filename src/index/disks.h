// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/utc_time.h"

namespace seabag::index {

/// A run of a disk that could not be read at the source, and holds zeros here.
struct ZeroedRange {
  std::uint64_t offset = 0;  ///< bytes, in the disk
  std::uint64_t length = 0;

  friend bool operator==(const ZeroedRange&, const ZeroedRange&) = default;
};

/// A virtual disk in a bundle, and where it came from.
struct DiskInfo {
  std::string name;            ///< "web01": of its files, unique in the bundle
  std::string server;          ///< the server that it belongs to; empty: none is known
  std::uint32_t position = 0;  ///< among the disks of its server, from 0
  bool boots = false;          ///< the server starts from it
  std::string format;          ///< of the files: "vmdk", "vhd-fixed", ...
  std::uint64_t size = 0;      ///< bytes that the guest sees
  std::string content;  ///< the content digest, "disk-v1:..."; empty while the bundle is being made
  std::vector<std::uint32_t> files;          ///< positions in Index::files, the one to open first
  std::optional<std::uint32_t> config = {};  ///< position in Index::files of the configuration
  std::string source;                        ///< as on the command line: "disk:/dev/sda"
  std::string source_format;                 ///< "raw", "qcow2", ...
  std::uint64_t source_size = 0;  ///< of the disk there; less than `size` if it was padded
  UtcTime read_at;
  std::vector<ZeroedRange> zeroed = {};  ///< ascending

  friend bool operator==(const DiskInfo&, const DiskInfo&) = default;
};

/// Names of disks and of servers go into paths: 1 to 64 of [A-Za-z0-9._-], the first one no dot and
/// no dash.
bool is_disk_name(std::string_view name);

/// Where the metadata of an index has what was given for the files of disks:
/// "db:uuid=... web01:adapter=ide,cid=0badcafe".
inline constexpr const char* kIdentifiers = "identifiers";
/// What it has for one disk: "adapter=ide,cid=0badcafe", a part of the value. Empty: nothing.
std::string_view identifiers_in(const std::map<std::string, std::string>& metadata,
                                std::string_view disk);

}  // namespace seabag::index
