// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

/// Source: RFC 4648 section 4.
namespace seabag::registry {

std::string to_base64(std::string_view bytes);

/// Nothing if `text` is not base64. The padding may be absent.
std::optional<std::string> from_base64(std::string_view text);

}  // namespace seabag::registry
