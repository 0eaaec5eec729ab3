// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "base/error.h"
#include "io/file_system.h"

namespace seabag::io {

/// The real file system.
std::unique_ptr<FileSystem> posix_file_system();

/// What an errno means for the user: "ACTION PATH: strerror", with the code and the next step.
Error file_error(int error_number, const std::string& action, const std::string& path);

}  // namespace seabag::io
