// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace seabag::registry {

/// The text of a Warning header, as it came; nothing if it is none that a registry means for users:
/// code 299, agent "-".
/// Source: OCI distribution-spec v1.1, "Warnings"; RFC 7234 section 5.5.
std::optional<std::string> find_warning(std::string_view header);

}  // namespace seabag::registry
