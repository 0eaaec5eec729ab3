// SPDX-License-Identifier: Apache-2.0
#include "registry/challenge.h"

#include "base/text.h"
#include "registry/header_scanner_internal.h"

namespace seabag::registry {
namespace {

Challenge::Scheme scheme_of(std::string_view lower) {
  if (lower == "basic") return Challenge::Scheme::kBasic;
  if (lower == "bearer") return Challenge::Scheme::kBearer;
  return Challenge::Scheme::kOther;
}

// RFC 9110 section 11.2: a name occurs once in a challenge. The first one counts.
void assign(Challenge& challenge, std::string_view lower, const std::string& value) {
  std::string* const field = lower == "realm"     ? &challenge.realm
                             : lower == "service" ? &challenge.service
                             : lower == "scope"   ? &challenge.scope
                             : lower == "error"   ? &challenge.error
                                                  : nullptr;
  if (field != nullptr && field->empty()) *field = value;
}

}  // namespace

// The comma separates challenges as well as their parameters; a word is a parameter's name if "="
// comes after it, else a scheme. The "=" that may end a token68 ("Negotiate YII=") is taken for a
// parameter, too, and has a name that means nothing.
std::vector<Challenge> parse_challenges(std::string_view header) {
  HeaderScanner scanner(header);
  std::vector<Challenge> challenges;
  while (true) {
    scanner.skip(" \t,");
    if (scanner.at_end()) return challenges;
    const std::string word = to_lower(scanner.take_until(" \t,=\""));
    scanner.skip(" \t");
    if (scanner.take('=')) {
      const auto value = scanner.take_value(" \t,");
      if (value && !challenges.empty()) assign(challenges.back(), word, *value);
    } else if (!word.empty()) {
      challenges.emplace_back().scheme = scheme_of(word);
    } else {
      scanner.take_quoted();  // belongs to nothing
    }
  }
}

}  // namespace seabag::registry
