// SPDX-License-Identifier: Apache-2.0
#include "registry/link.h"

#include "base/text.h"
#include "registry/header_scanner_internal.h"

namespace seabag::registry {
namespace {

/// Whether the blank-separated `types` name the next page.
bool has_next(std::string_view types) {
  HeaderScanner scanner(types);
  while (!scanner.at_end()) {
    scanner.skip(" \t");
    if (to_lower(scanner.take_until(" \t")) == "next") return true;
  }
  return false;
}

/// Passes over the parameters of one link, up to the comma behind them.
bool take_parameters(HeaderScanner& scanner) {
  std::optional<std::string> relation;
  while (!scanner.at_end() && !scanner.is_at(',')) {
    scanner.skip(" \t;");
    const std::string name = to_lower(scanner.take_until(" \t;,=\""));
    scanner.skip(" \t");
    if (scanner.take('=')) {
      const auto value = scanner.take_value(" \t;,");
      // RFC 8288 section 3.3: only the first `rel` counts.
      if (name == "rel" && !relation) relation = value;
    } else if (scanner.is_at('"')) {
      scanner.take_quoted();  // belongs to nothing
    }
  }
  return relation && has_next(*relation);
}

}  // namespace

std::optional<std::string> next_link(std::string_view header) {
  HeaderScanner scanner(header);
  while (true) {
    scanner.take_until("<");
    if (!scanner.take('<')) return std::nullopt;
    std::string target(scanner.take_until(">"));
    if (!scanner.take('>')) return std::nullopt;
    if (take_parameters(scanner)) return target;
  }
}

}  // namespace seabag::registry
