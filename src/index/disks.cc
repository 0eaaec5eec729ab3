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

}  // namespace seabag::index
