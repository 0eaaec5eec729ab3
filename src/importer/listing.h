// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string_view>

#include "bundle/opened.h"

namespace seabag::importer {

/// What is in a bundle: a table for people. All text is harmless.
void list_text(const bundle::OpenedBundle& bundle,
               const std::function<void(std::string_view)>& print);

/// The same for machines; format-spec/output.md has its shape.
void list_json(const bundle::OpenedBundle& bundle,
               const std::function<void(std::string_view)>& print);

}  // namespace seabag::importer
