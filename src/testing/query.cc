// SPDX-License-Identifier: Apache-2.0
#include <charconv>

#include "testing/query_internal.h"

namespace seabag::testing {

std::string percent_decoded(std::string_view text) {
  std::string decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    unsigned value = 0;
    if (text[i] == '%' && i + 2 < text.size() &&
        std::from_chars(text.data() + i + 1, text.data() + i + 3, value, 16).ptr ==
            text.data() + i + 3) {
      decoded += static_cast<char>(value);
      i += 2;
    } else {
      decoded += text[i] == '+' ? ' ' : text[i];
    }
  }
  return decoded;
}

Parameters parse_parameters(std::string_view text) {
  Parameters parameters;
  while (!text.empty()) {
    const auto end = text.find('&');
    const std::string_view pair = text.substr(0, end);
    const auto equals = pair.find('=');
    const bool has_value = equals != std::string_view::npos;
    parameters.emplace_back(percent_decoded(pair.substr(0, equals)),
                            has_value ? percent_decoded(pair.substr(equals + 1)) : "");
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
  }
  return parameters;
}

std::string_view path_part(std::string_view target) {
  return target.substr(0, target.find('?'));
}

std::string_view query_part(std::string_view target) {
  const auto mark = target.find('?');
  return mark == std::string_view::npos ? std::string_view() : target.substr(mark + 1);
}

std::vector<std::string> values_of(const Parameters& parameters, std::string_view name) {
  std::vector<std::string> values;
  for (const auto& [key, value] : parameters) {
    if (key == name) values.push_back(value);
  }
  return values;
}

std::string value_of(const Parameters& parameters, std::string_view name) {
  const auto values = values_of(parameters, name);
  return values.empty() ? "" : values.front();
}

}  // namespace seabag::testing
