// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace seabag {

/// A point in time, UTC. Units: whole seconds since 1970-01-01T00:00:00Z.
/// The clock is read in main() alone and handed down.
struct UtcTime {
  std::int64_t seconds = 0;

  friend auto operator<=>(const UtcTime&, const UtcTime&) = default;
};

/// "2026-11-21T05:13:00Z". Source: RFC 3339 section 5.6.
std::string to_rfc3339(UtcTime time);

/// Reads RFC 3339 with any offset and any fraction (dropped); nothing if it is not one.
std::optional<UtcTime> parse_rfc3339(std::string_view text);

}  // namespace seabag
