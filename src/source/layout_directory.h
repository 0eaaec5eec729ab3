// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "io/file_system.h"
#include "source/layout_files.h"

namespace seabag::source {

/// The layout in the directory at `path`. Symbolic links below it are refused: a layout from
/// strangers could have one for a blob and so take any file of this machine along.
/// Errors: kUsage if there is no such directory; kMalformed for a link in place of a folder of
/// blobs.
std::unique_ptr<LayoutFiles> open_layout_directory(io::FileSystem& files, const std::string& path);

}  // namespace seabag::source
