// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace seabag::registry {

/// The target of rel="next" in a Link header; nothing if there is none. Source: RFC 8288 section 3.
std::optional<std::string> next_link(std::string_view header);

}  // namespace seabag::registry
