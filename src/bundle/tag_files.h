// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "digest/digest.h"
#include "io/file_system.h"

namespace seabag::bundle {

/// Makes those tag files of a sealed bundle again that are missing or damaged and follow from the
/// others: bagit.txt, bag-info.txt and the payload manifest from the index; the tag manifest from
/// all others, if the seal is known. Each is put in place, whole, if its checksum is the one that
/// the tag manifest or the seal asks for; else it is left. Returns their names.
///
/// Nothing that does not match its checksum is parsed, but for the tag manifest.
/// Errors: those of the medium.
std::vector<std::string> mend_tag_files(io::FileSystem& files, const std::string& bundle,
                                        const std::optional<digest::Digest>& seal);

}  // namespace seabag::bundle
