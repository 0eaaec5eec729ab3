// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "source/layout_files.h"

namespace seabag::source {

/// The layout in the archive at `path`. Errors: those of tar::ForeignArchive.
std::unique_ptr<LayoutFiles> open_layout_archive(const std::string& path);

}  // namespace seabag::source
