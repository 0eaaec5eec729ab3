// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

namespace seabag::target {

/// Why `repository` (without a registry) or `tag` (may be empty) breaks the distribution-spec's
/// grammar, in a sentence; nothing if neither does.
std::optional<std::string> grammar_objection(const std::string& repository, const std::string& tag);

}  // namespace seabag::target
