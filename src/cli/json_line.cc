// SPDX-License-Identifier: Apache-2.0
#include "cli/json_line.h"

#include <nlohmann/json.hpp>

namespace seabag::cli {

std::string json_line(const json::Value& value) {
  constexpr int kOneLine = -1;
  constexpr bool kAsciiAlone = true;
  return value.dump(kOneLine, ' ', kAsciiAlone, json::Value::error_handler_t::replace) + "\n";
}

}  // namespace seabag::cli
