// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace seabag::registry {

/// Walks over the text of a header from a stranger. Every call makes sense at any place, also at
/// the end.
class HeaderScanner {
 public:
  explicit HeaderScanner(std::string_view text) : rest_(text) {}

  bool at_end() const { return rest_.empty(); }
  bool is_at(char c) const { return rest_.starts_with(c); }
  /// Passes over `c` if it is next.
  bool take(char c);
  /// Passes over all characters that are in `any_of`.
  void skip(std::string_view any_of);
  /// What stands before the first character that is in `any_of`.
  std::string_view take_until(std::string_view any_of);
  /// A quoted string (RFC 9110 section 5.6.4), unescaped; nothing if it has no end.
  std::optional<std::string> take_quoted();
  /// What follows the "=" of a parameter: a quoted string, or all up to a character that is in
  /// `any_of`.
  std::optional<std::string> take_value(std::string_view any_of);

 private:
  std::string_view rest_;
};

}  // namespace seabag::registry
