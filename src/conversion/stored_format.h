// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "conversion/formats.h"
#include "io/file_system.h"

namespace seabag::conversion {

/// Which of the formats that we write the main file of a disk has: by the ending of its name, and
/// within that by what its writer left in it. Requires: the bytes were held against a checksum.
/// Errors: kMalformed if it is none of ours.
OutputFormat stored_format_of(const io::File& main);

}  // namespace seabag::conversion
