// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <fmt/format.h>

namespace seabag::cli {

/// "1 disk", "2 disks".
inline std::string plural(std::uint64_t count, std::string_view one, std::string_view many) {
  return fmt::format("{} {}", count, count == 1 ? one : many);
}
inline std::string plural(std::uint64_t count, std::string_view one) {
  return plural(count, one, std::string(one) + 's');
}

}  // namespace seabag::cli
