// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace seabag::bundle {

/// The label in bag-info.txt that makes a bundle a patch; its value is the seal of the bundle that
/// it mends.
inline constexpr const char* kPatchLabel = "Seabag-Patch-For";

}  // namespace seabag::bundle
