// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "oci/reference.h"

namespace seabag::oci {

/// Whether a pattern of --include, --exclude, --only or --except means this reference. It is held
/// against "repo:tag" and "host/repo:tag" (for a reference without a tag "repo@digest"); a pattern
/// that names no tag also against the repository alone. `*` stands for any run without "/", `**`
/// for any run, `?` for one character but "/".
bool matches(const std::string& pattern, const Reference& reference);

/// Whether `reference` is let through: by one of `wanted` (or there are none) and by none of
/// `unwanted`.
bool is_chosen(const Reference& reference, const std::vector<std::string>& wanted,
               const std::vector<std::string>& unwanted);

}  // namespace seabag::oci
