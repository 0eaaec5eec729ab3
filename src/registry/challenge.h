// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace seabag::registry {

/// One challenge of a WWW-Authenticate header. Source: RFC 9110 section 11.6.1; Docker's token
/// authentication specification.
struct Challenge {
  enum class Scheme { kBasic, kBearer, kOther };
  Scheme scheme = Scheme::kOther;
  std::string realm;  ///< of Bearer: the URL of the token server
  std::string service;
  std::string scope;
  std::string error;
};

/// All challenges of one header value: parameters in any order, quoted or not, blanks anywhere,
/// commas inside quotes, several challenges. What cannot be read is left out; never throws on
/// foreign text.
std::vector<Challenge> parse_challenges(std::string_view header);

}  // namespace seabag::registry
