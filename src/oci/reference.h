// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "digest/digest.h"

namespace seabag::oci {

/// Where a manifest is named: "localhost:5000/library/busybox:1.35", ".../busybox@sha256:...".
/// Source: OCI distribution-spec v1.1, "Pulling manifests"; containers-transports(5).
struct Reference {
  std::string registry;    ///< "HOST[:PORT]"; empty where a source does not say (a local layout)
  std::string repository;  ///< "library/busybox": never empty, never altered
  std::string tag;         ///< empty if there is none
  std::optional<digest::Digest> digest;

  std::string repository_text() const;  ///< "localhost:5000/library/busybox"
  std::string text() const;             ///< all of it; ":tag" and "@digest" where present

  friend auto operator<=>(const Reference&, const Reference&) = default;
};

bool is_registry(std::string_view text);  ///< HOST[:PORT]: has a dot or a port, or is "localhost";
                                          ///< also [v6]:PORT
bool is_repository(
    std::string_view text);  ///< the distribution-spec's name grammar, without a registry
bool is_tag(std::string_view text);

/// "REPO", "REPO:TAG", "REPO@DIGEST", "REPO:TAG@DIGEST", each with or without "HOST[:PORT]/" in
/// front. No default registry and no default tag are put in: what is not written is empty. Errors:
/// kMalformed, quoting `text` and naming the part that breaks the grammar.
Reference parse_reference(std::string_view text);

/// Nothing where parse_reference() throws.
std::optional<Reference> find_reference(std::string_view text);

}  // namespace seabag::oci
