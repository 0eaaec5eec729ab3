// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "io/bytes.h"

namespace seabag::io {

/// All of a file that the user named, "-" for standard input. Links and pipes are followed, unlike
/// in bundles: "<(command)" is a pipe. Errors: kUsage (cannot be opened), kMalformed above
/// `max_bytes`, kIo.
Bytes read_user_file(const std::string& path, std::uint64_t max_bytes);

}  // namespace seabag::io
