// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/error.h"
#include "exporting/request.h"
#include "oci/reference.h"
#include "source/image_source.h"

namespace seabag::exporting {

/// The `selection.newest` references of one repository that were created last: by the image
/// config's `created`, for an index that of its first image of the platforms that are wanted, for
/// an artifact the annotation org.opencontainers.image.created. Those without a time count as the
/// oldest; equal times go by tag, the later name first. One that cannot be read goes to `failed`.
std::vector<oci::Reference> newest(
    source::ImageSource& source, std::vector<oci::Reference> references, const Selection& selection,
    const std::function<void(const oci::Reference&, const Error&)>& failed);

}  // namespace seabag::exporting
