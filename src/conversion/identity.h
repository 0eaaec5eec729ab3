// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/utc_time.h"
#include "vhd/vhd.h"
#include "vmdk/vmdk.h"

namespace seabag::conversion {

/// What tells the files of a disk from those of another with the same content. What is not given
/// comes from the content, or is the same for all.
struct Identity {
  std::optional<vmdk::Adapter> adapter;    ///< VMDK: the controller that the disk is made for
  std::optional<std::uint32_t> cid;        ///< VMDK: the content id
  std::optional<vhd::UniqueId> uuid;       ///< VHD: the unique id
  std::optional<std::uint32_t> timestamp;  ///< VHD: seconds since 2000-01-01T00:00:00Z

  friend bool operator==(const Identity&, const Identity&) = default;
};

bool is_identity_option(std::string_view key);  ///< "adapter", "cid", "uuid", "timestamp"

/// Errors: kUsage, with what was expected. Requires: is_identity_option(key).
void set_identity(Identity& identity, std::string_view key, std::string_view value);

/// What is given, as set_identity() takes it, and as "adapter=ide,cid=1234abcd".
std::map<std::string, std::string> options_of(const Identity& identity);
std::string text_of(const Identity& identity);

/// Reads what text_of() gave. Errors: kUsage.
Identity parse_identity(std::string_view text);

/// Of a time stamp of a VHD.
UtcTime time_of_timestamp(std::uint32_t timestamp);

}  // namespace seabag::conversion
