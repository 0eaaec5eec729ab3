// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "index/content.h"
#include "oci/reference.h"
#include "target/target.h"

namespace seabag::importing {

/// One --map: repositories that begin with `from` begin with `to` at the target.
struct Mapping {
  std::string from;  ///< "library" or "localhost:5000/library": whole components
  std::string to;    ///< may be empty: the components are dropped
};

/// "FROM=TO". Errors: kUsage.
Mapping parse_mapping(std::string_view text);

/// The name that a reference gets at the target: of the mappings that fit, the one with the longest
/// `from`, held against the repository with its registry and without. Without one: the repository
/// as it is, its registry dropped.
oci::Reference mapped(const oci::Reference& reference, const std::vector<Mapping>& mappings);

/// Which references are pushed, and under which names.
struct NameOptions {
  std::vector<Mapping> mappings;
  std::vector<std::string>
      only;  ///< patterns over source names (oci/reference_pattern.h); empty: all
  std::vector<std::string> except;
};

struct NamedReference {
  std::uint32_t reference = 0;  ///< position in Content::references
  oci::Reference target;        ///< with a tag, or with the digest where there is none
};

struct NamePlan {
  std::vector<NamedReference> names;  ///< in the order of Content::references
  std::vector<std::string>
      problems;  ///< a sentence each: names that fall together, or that the target cannot have
};

/// Pure but for Target::objection(), which does no I/O: all problems are known before the first
/// byte is sent. What is attached to a chosen reference (signatures, referrers) is chosen with it.
NamePlan plan_names(const index::Content& content, const index::Graph& graph,
                    const NameOptions& options, const target::Target& target);

}  // namespace seabag::importing
