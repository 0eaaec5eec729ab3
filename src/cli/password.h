// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace seabag::cli {

/// The password in a file, "-" for standard input, without the line end that editors and echo(1)
/// leave behind it. Errors: kUsage (cannot be opened, empty), kMalformed (too large), kIo; all name
/// the file and never what is in it.
std::string read_password(const std::string& path);

}  // namespace seabag::cli
