// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include "bundle/damage.h"

namespace seabag::bundle {

/// The list of what is damaged, as format-spec/damage.md has it. Texts that are no UTF-8 are made
/// so.
nlohmann::ordered_json damage_json(const Damage& damage);

/// The same as text. Errors: kUnsupported if it is larger than a reader takes.
std::string write_damage(const Damage& damage);

/// Errors: kMalformed: not such a list, or larger than limits::kLayoutIndexBytes; kUnsupported:
/// another version of it.
Damage parse_damage(std::string_view text, const std::string& what);

}  // namespace seabag::bundle
