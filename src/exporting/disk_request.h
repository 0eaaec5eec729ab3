// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "conversion/destination.h"
#include "conversion/formats.h"

namespace seabag::exporting {

inline constexpr std::string_view kDiskPrefix = "disk:";

/// One disk to be exported, as the command line has it.
struct DiskRequest {
  std::string path;
  std::string name;  ///< of its files in the bundle
  std::string server;
  bool boots = false;
  std::string config;  ///< the file with its server's configuration; empty: none
  std::optional<conversion::SourceFormat> source_format;
  std::optional<conversion::OutputFormat> format;
  conversion::Identity identity;  ///< of its files, as far as it is given

  std::string uri() const { return "disk:" + path; }
};

/// What holds for all disks of an export.
struct DiskOptions {
  conversion::OutputFormat format = conversion::OutputFormat::kVmdk;
  bool format_is_given = false;
  std::optional<conversion::SourceFormat> source_format;
  std::optional<conversion::Destination> destination;
  bool fit = false;              ///< make disks longer where the destination wants it
  bool zero_unreadable = false;  ///< go on where a disk cannot be read
};

/// The format of a disk that says none.
conversion::OutputFormat default_format(const DiskOptions& options);

/// "disk:PATH[,name=NAME][,server=NAME][,boot][,format=FORMAT][,source-format=FORMAT][,config=FILE]
/// [,adapter=ADAPTER][,cid=CID][,uuid=UUID][,timestamp=TIME]". A comma in a path is written as two.
/// Errors: kUsage, naming the part.
DiskRequest parse_disk(std::string_view text);

/// "[NAME=]FILE" of --disk-config.
struct DiskConfig {
  std::string disk;
  std::string file;
};

/// Which of the disks `names` it is about; without NAME, the only one.
/// Errors: kUsage if it is none of them.
DiskConfig find_disk_config(const std::string& text, const std::vector<std::string>& names);

/// What is given for the files of all disks, as index::kIdentifiers has it. Empty: nothing.
std::string identifiers_of(const std::vector<DiskRequest>& disks);

/// What index::identifiers_in() gave of `disk`. Errors: kMalformed.
conversion::Identity identity_of(std::string_view given, std::string_view disk);

}  // namespace seabag::exporting
