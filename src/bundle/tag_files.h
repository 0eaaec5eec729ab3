// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "digest/digest.h"
#include "io/file_system.h"

namespace seabag::bundle {

/// What a file that is made anew is called until it is whole and on the medium: its name and this.
/// Whatever lies there is of a run that was cut off.
inline constexpr const char* kMendingSuffix = ".mending";

/// What verify says of such a file.
inline constexpr std::string_view kLeftByMending =
    "was left by a run of seabag-import patch that was cut off: run it again";

/// The name of such a file beside the tag files, if `finding` of bagit::check_complete() is about
/// one.
std::optional<std::string> find_mending_leftover(std::string_view finding);

/// Makes those tag files of a sealed bundle again that are missing or damaged: the same file of one
/// of `others`, directories that may be copies of this bundle; else what follows from the other tag
/// files: bagit.txt, bag-info.txt and the payload manifest from the index, the tag manifest from
/// all others. Nothing makes the index but a copy. Each is put in place, whole, if its checksum is
/// the one that the tag manifest, or for that one the seal, asks for; else it is left. Returns
/// their names.
///
/// Nothing that does not match its checksum is parsed, but for the tag manifest.
/// Errors: those of the medium, but for `others`: what cannot be read there is passed over;
/// kCancelled.
std::vector<std::string> mend_tag_files(io::FileSystem& files, const std::string& bundle,
                                        const std::optional<digest::Digest>& seal,
                                        const std::vector<std::string>& others,
                                        const std::stop_token& stop);

}  // namespace seabag::bundle
