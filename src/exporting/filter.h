// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "exporting/request.h"
#include "oci/descriptor.h"
#include "oci/reference.h"

namespace seabag::exporting {

/// Whether --include and --exclude let a reference through (oci/reference_pattern.h). Names by
/// digest always pass: they were asked for one by one.
bool is_selected(const Selection& selection, const oci::Reference& reference);

/// Whether --platform asks for a child of an index; those that name no platform always go along.
bool is_selected(const Selection& selection, const oci::Descriptor& child);

/// Whether a tag is listed only for what it is attached to (cosign's and fallback tags): with a
/// selection by pattern or age it does not count by itself, it comes with its subject.
bool is_attachment_tag(const std::string& tag);

}  // namespace seabag::exporting
