// SPDX-License-Identifier: Apache-2.0
#include "registry/warning.h"

#include "registry/header_scanner_internal.h"

namespace seabag::registry {

std::optional<std::string> find_warning(std::string_view header) {
  HeaderScanner scanner(header);
  scanner.skip(" \t");
  if (scanner.take_until(" ") != "299") return std::nullopt;
  scanner.skip(" ");
  if (scanner.take_until(" ") != "-") return std::nullopt;
  scanner.skip(" ");
  if (!scanner.is_at('"')) return std::nullopt;
  auto text = scanner.take_quoted();
  if (text && text->empty()) return std::nullopt;
  return text;
}

}  // namespace seabag::registry
