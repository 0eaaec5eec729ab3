// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "io/file_system.h"
#include "vhdx/header_section_internal.h"

namespace seabag::vhdx {

/// A disk that was not closed has metadata in its log that are not in their places yet. Refuses it.
///
/// Any intact entry under the header's log GUID counts, whether or not it makes a whole sequence:
/// who closes a disk sets that GUID to zero.
/// Errors: kUnsupported.
/// Source: [MS-VHDX] 2.3.
void require_empty_log(const io::File& file, const LogPlace& log);

}  // namespace seabag::vhdx
