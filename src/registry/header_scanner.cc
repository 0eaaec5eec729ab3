// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "registry/header_scanner_internal.h"

namespace seabag::registry {

bool HeaderScanner::take(char c) {
  if (!is_at(c)) return false;
  rest_.remove_prefix(1);
  return true;
}

void HeaderScanner::skip(std::string_view any_of) {
  rest_.remove_prefix(std::min(rest_.find_first_not_of(any_of), rest_.size()));
}

std::string_view HeaderScanner::take_until(std::string_view any_of) {
  const std::string_view taken = rest_.substr(0, rest_.find_first_of(any_of));
  rest_.remove_prefix(taken.size());
  return taken;
}

std::optional<std::string> HeaderScanner::take_quoted() {
  std::string text;
  take('"');
  while (!at_end()) {
    text += take_until("\"\\");
    if (take('"')) return text;
    if (take('\\') && !at_end()) {
      text += rest_.front();
      rest_.remove_prefix(1);
    }
  }
  return std::nullopt;
}

std::optional<std::string> HeaderScanner::take_value(std::string_view any_of) {
  skip(" \t");
  if (is_at('"')) return take_quoted();
  return std::string(take_until(any_of));
}

}  // namespace seabag::registry
