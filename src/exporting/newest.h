// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/error.h"
#include "oci/reference.h"
#include "source/image_source.h"

namespace seabag::exporting {

/// The `count` references of one repository that were created last: by the image config's
/// `created`, for an index its first image's, for an artifact the annotation
/// org.opencontainers.image.created. Those without a time count as the oldest; equal times go by
/// tag, the later name first. One that cannot be read goes to `failed`.
std::vector<oci::Reference> newest(
    source::ImageSource& source, std::vector<oci::Reference> references, std::uint32_t count,
    const std::function<void(const oci::Reference&, const Error&)>& failed);

}  // namespace seabag::exporting
