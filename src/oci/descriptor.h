// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "digest/digest.h"
#include "json/json.h"
#include "oci/platform.h"

namespace seabag::oci {

/// Annotations transport any UTF-8 text; only a document's own limit bounds them.
using Annotations = std::map<std::string, std::string>;

/// Names a blob by what it is rather than where it is.
/// Source: OCI image-spec v1.1, descriptor.md, "Properties".
struct Descriptor {
  std::string media_type;  ///< as declared by whoever refers to the blob; never sniffed
  digest::Digest digest;   ///< of the raw bytes as transferred
  std::uint64_t size = 0;  ///< bytes; compared before the digest is
  std::string artifact_type = {};
  std::optional<Platform> platform = {};
  std::vector<std::string> urls = {};
  Annotations annotations = {};

  friend bool operator==(const Descriptor&, const Descriptor&) = default;
};

/// Errors: kMalformed if a required property is absent or of the wrong kind; kIntegrity if `data`
/// is there
///         and does not have the size and digest that the descriptor says; kUnsupported for another
///         digest algorithm. Unknown properties are ignored, and so is what a platform says beyond
///         Platform's members.
Descriptor parse_descriptor(const json::Value& value);

/// The descriptors in the array `key` of a document; none if it is absent or null.
/// Errors: as parse_descriptor(), naming the position: "layers[3]".
std::vector<Descriptor> parse_descriptors(const json::Value& document, const char* key);

/// `annotations` of a descriptor or a document. Errors: kMalformed if a value is not a string.
Annotations parse_annotations(const json::Value& object);

/// The media type in the member `key`; nothing if it is absent or empty, as Go programs write none.
/// Errors: kMalformed if it is too long or has bytes that could not stand in an HTTP header.
std::optional<std::string> find_media_type(const json::Value& object, const char* key);

/// The descriptor as JSON, absent parts left out: for documents that we write ourselves, never for
/// bytes that have a digest already. Requires: its texts are UTF-8, as all parsed ones are.
json::Value to_json(const Descriptor& descriptor);

/// The same as text, its members in the order of the specification.
std::string to_json_text(const Descriptor& descriptor);

}  // namespace seabag::oci
