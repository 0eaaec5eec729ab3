// SPDX-License-Identifier: Apache-2.0
#include "target/name_grammar.h"

#include <fmt/format.h>

#include "base/limits.h"
#include "base/text.h"
#include "oci/reference.h"

namespace seabag::target {

std::optional<std::string> grammar_objection(const std::string& repository,
                                             const std::string& tag) {
  if (!oci::is_repository(repository)) {
    return fmt::format(
        "{} is no repository name: expected lower-case letters and digits, joined by / . _ __ or -",
        seabag::quoted(repository));
  }
  if (!tag.empty() && !oci::is_tag(tag)) {
    return fmt::format("{} is no tag: expected 1 to {} letters, digits, and . _ - after the first",
                       seabag::quoted(tag), limits::kTagBytes);
  }
  return std::nullopt;
}

}  // namespace seabag::target
