// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <string_view>

#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"

/// The text of the schema, and the words that its columns use for our enumerations.
namespace seabag::index {

/// format-spec/index.sql.
extern const char* const kSchema;

// In the order of their enumerations: Presence, EdgeRole, ReferenceKind, oci::ManifestKind.
inline constexpr std::array<std::string_view, 3> kPresenceWords = {"present", "left-out",
                                                                   "missing"};
inline constexpr std::array<std::string_view, 4> kRoleWords = {"config", "layer", "child",
                                                               "subject"};
inline constexpr std::array<std::string_view, 3> kReferenceWords = {"tag", "digest", "referrer"};
inline constexpr std::array<std::string_view, 3> kManifestWords = {"image", "artifact", "index"};

// What disks.format and disks.source_format may be.
inline constexpr std::array<std::string_view, 7> kDiskFormats = {
    "raw", "vhd", "vhd-fixed", "vmdk", "vmdk-sparse", "vmdk-flat", "vmdk-2gb"};
inline constexpr std::array<std::string_view, 5> kDiskSourceFormats = {"raw", "qcow2", "vhd",
                                                                       "vhdx", "vmdk"};

template <class Enumeration, std::size_t count>
std::string_view word_for(const std::array<std::string_view, count>& words, Enumeration value) {
  return words[static_cast<std::size_t>(value)];
}

/// Errors: kMalformed for a word that is none of them.
template <class Enumeration, std::size_t count>
Enumeration meaning_of(const std::array<std::string_view, count>& words, std::string_view word) {
  const auto found = std::ranges::find(words, word);
  if (found != words.end()) return static_cast<Enumeration>(found - words.begin());
  throw Error(Code::kMalformed,
              fmt::format("expected one of {}, got {}", fmt::join(words, ", "), quoted(word, 40)));
}

}  // namespace seabag::index
