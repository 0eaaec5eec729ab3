// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace seabag::testing {

using Parameters = std::vector<std::pair<std::string, std::string>>;

std::string percent_decoded(std::string_view text);  ///< "+" too, as forms have it

/// "a=1&b=2", decoded: a query without its "?", or a form.
Parameters parse_parameters(std::string_view text);

std::string_view path_part(std::string_view target);
std::string_view query_part(std::string_view target);  ///< without "?"

/// All values of that name, in order.
std::vector<std::string> values_of(const Parameters& parameters, std::string_view name);

/// The first; "" if there is none.
std::string value_of(const Parameters& parameters, std::string_view name);

}  // namespace seabag::testing
