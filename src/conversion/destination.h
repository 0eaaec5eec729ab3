// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/utc_time.h"
#include "conversion/formats.h"
#include "conversion/identity.h"

namespace seabag::conversion {

/// Where a disk is to run one day. What is asked of its file there is in destination.cc, with the
/// sources.
enum class Destination { kAzure, kIbmClassic, kXenServer, kAws, kVsphere, kHyperV };

std::string_view name_of(Destination destination);  ///< "azure", "ibm-classic", "xenserver", ...
std::optional<Destination> find_destination(std::string_view name);
std::string destination_names();

/// The format to write where the user names none.
OutputFormat default_format(Destination destination);

/// The size that the disk must have there: `size`, or more. Errors: kUsage, with what to change, if
/// the destination does not take the format, or takes no disk that large.
std::uint64_t size_for(Destination destination, OutputFormat format, std::uint64_t size);

/// Errors: kUsage if the destination refuses what is given for the files. `now`: of today.
void require_takes(Destination destination, const Identity& identity, UtcTime now);

}  // namespace seabag::conversion
