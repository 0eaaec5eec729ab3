// SPDX-License-Identifier: Apache-2.0
#include "index/disks.h"

#include <algorithm>

namespace seabag::index {

bool is_disk_name(std::string_view name) {
  constexpr std::size_t kLongest = 64;
  if (name.empty() || name.size() > kLongest || name.front() == '.' || name.front() == '-') {
    return false;
  }
  return std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  });
}

std::string_view identifiers_in(const std::map<std::string, std::string>& metadata,
                                std::string_view disk) {
  const auto given = metadata.find(kIdentifiers);
  std::string_view identifiers = given == metadata.end() ? "" : std::string_view(given->second);
  while (!identifiers.empty()) {
    const std::string_view word = identifiers.substr(0, identifiers.find(' '));
    identifiers.remove_prefix(std::min(word.size() + 1, identifiers.size()));
    const auto colon = word.find(':');
    if (colon != std::string_view::npos && word.substr(0, colon) == disk) {
      return word.substr(colon + 1);
    }
  }
  return {};
}

}  // namespace seabag::index
