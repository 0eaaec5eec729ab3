// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "digest/digest.h"

/// The tag files of a bag as text. Pure. Source: RFC 8493 (BagIt 1.0), sections 2.1 to 2.2,
/// narrowed by the profile in format-spec/bag.md.
namespace seabag::bagit {

inline constexpr std::string_view kDeclarationPath = "bagit.txt";
inline constexpr std::string_view kBagInfoPath = "bag-info.txt";
inline constexpr std::string_view kManifestPath = "manifest-sha256.txt";
inline constexpr std::string_view kTagManifestPath = "tagmanifest-sha256.txt";
inline constexpr std::string_view kPayloadDirectory = "data";

std::string write_declaration();
/// Errors: kUnsupported (another version or encoding), kMalformed (anything but the two lines).
void require_declaration(std::string_view text);

/// One line of a payload or tag manifest.
struct ManifestEntry {
  digest::Digest checksum;
  std::string path;  ///< relative to the bag, "/" between components

  friend auto operator<=>(const ManifestEntry&, const ManifestEntry&) = default;
};

/// Lines sorted by path, % in paths written as %25.
/// Requires: SHA-256 checksums, and paths that parse_manifest() takes.
std::string write_manifest(std::vector<ManifestEntry> entries);

/// `file_name`: kManifestPath or kTagManifestPath; decides whether paths lie under data/ or beside
/// it. Errors: kMalformed, with the line's number: no SHA-256, a path that is absolute, has an
/// empty, "." or ".."
///         component, a backslash, a colon, a leading "~" or "$", or a character that is not
///         printable ASCII; a path twice, also when two differ in case alone; lines or entries
///         beyond the limits.
std::vector<ManifestEntry> parse_manifest(std::string_view text, const std::string& file_name);

/// Label and value, in order; a label may repeat.
using BagInfo = std::vector<std::pair<std::string, std::string>>;

/// Long values are not folded; line breaks in values become blanks.
std::string write_bag_info(const BagInfo& info);
/// Folded values are joined by one blank. Errors: kMalformed.
BagInfo parse_bag_info(std::string_view text);

/// "OCTETS.FILES" of Payload-Oxum.
std::string payload_oxum(std::uint64_t bytes, std::uint64_t files);

}  // namespace seabag::bagit
