// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "json/json.h"

namespace seabag::cli {

/// `value` on one line with a line feed behind it, in ASCII alone: whatever a name from elsewhere
/// holds, it is harmless for a terminal. Bytes that are not UTF-8 become U+FFFD.
std::string json_line(const json::Value& value);

}  // namespace seabag::cli
