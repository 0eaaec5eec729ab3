// SPDX-License-Identifier: Apache-2.0
#include "cli/parse_size.h"

#include <charconv>
#include <limits>
#include <optional>
#include <string>

#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"

namespace seabag::cli {
namespace {

constexpr std::uint64_t kLargestSize = std::numeric_limits<std::int64_t>::max();

std::optional<std::uint64_t> parse_decimal(std::string_view text) {
  std::uint64_t value = 0;
  const char* end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stopped != end) return std::nullopt;
  return value;
}

// Bytes of one unit; nothing if there is no such suffix.
std::optional<std::uint64_t> unit_of(std::string_view suffix) {
  if (suffix.empty() || suffix == "b") return 1;
  const auto power = std::string_view("kmgt").find(suffix.front());
  if (power == std::string_view::npos) return std::nullopt;
  const std::string_view rest = suffix.substr(1);
  if (!rest.empty() && rest != "ib" && rest != "b") return std::nullopt;
  const std::uint64_t step = rest == "b" ? 1000 : 1024;
  std::uint64_t unit = 1;
  for (std::size_t i = 0; i <= power; ++i) unit *= step;
  return unit;
}

}  // namespace

std::uint64_t parse_size(std::string_view text, std::string_view option) {
  const std::string lower = to_lower(text);
  const std::size_t digits = lower.find_first_not_of("0123456789");
  const auto number = parse_decimal(std::string_view(lower).substr(0, digits));
  const auto unit =
      unit_of(digits == std::string::npos ? "" : std::string_view(lower).substr(digits));
  if (!number || !unit || *number > kLargestSize / *unit) {
    throw Error(Code::kUsage,
                fmt::format("{}: expected a size such as 64MiB, 10M or 1000000, got {}", option,
                            seabag::quoted(text)));
  }
  return *number * *unit;
}

std::uint64_t parse_number(std::string_view text, std::string_view option, std::uint64_t smallest,
                           std::uint64_t largest) {
  const auto number = parse_decimal(text);
  if (!number || *number < smallest || *number > largest) {
    throw Error(Code::kUsage, fmt::format("{}: expected a number from {} to {}, got {}", option,
                                          smallest, largest, seabag::quoted(text)));
  }
  return *number;
}

}  // namespace seabag::cli
