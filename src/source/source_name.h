// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "oci/reference.h"

namespace seabag::source {

enum class Transport { kRegistry, kLayout, kOciArchive, kDockerArchive };

/// A SOURCE of the command line, taken apart.
struct SourceName {
  std::string text;  ///< as written
  Transport transport = Transport::kRegistry;
  /// kRegistry: registry always set; repository, tag, digest as far as written.
  oci::Reference reference;
  std::string path;  ///< of the directory or archive
  std::string name;  ///< the part after the path's colon, as written; empty: everything in it
};

/// Source: containers-transports(5). "docker://HOST[:PORT][/REPO[:TAG|@DIGEST]]", "oci:DIR[:REF]",
/// "oci-archive:FILE[:REF]", "docker-archive:FILE[:REF]". A path may hold no colon, as there.
/// Errors: kUsage, saying what was expected. A name without a registry is told the one to write; a
///         user or password in it is not repeated.
SourceName parse_source(std::string_view text);

/// `name` as the index of a bundle has it, which people read and which holds UTF-8 alone:
/// printable().
std::string uri_of(const SourceName& name);

}  // namespace seabag::source
