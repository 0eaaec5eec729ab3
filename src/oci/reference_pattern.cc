// SPDX-License-Identifier: Apache-2.0
#include "oci/reference_pattern.h"

#include <algorithm>

#include "base/text.h"

namespace seabag::oci {
namespace {

// "host:5000/repo" has a colon and names no tag: a tag stands behind the last "/".
bool names_a_tag(const std::string& pattern) {
  const auto slash = pattern.rfind('/');
  return pattern.find_first_of(":@", slash == std::string::npos ? 0 : slash) != std::string::npos;
}

}  // namespace

bool matches(const std::string& pattern, const Reference& reference) {
  Reference here = reference;
  here.registry.clear();
  if (glob_matches(pattern, here.text()) || glob_matches(pattern, reference.text())) return true;
  return !names_a_tag(pattern) && (glob_matches(pattern, reference.repository) ||
                                   glob_matches(pattern, reference.repository_text()));
}

bool is_chosen(const Reference& reference, const std::vector<std::string>& wanted,
               const std::vector<std::string>& unwanted) {
  const auto means = [&](const std::string& pattern) { return matches(pattern, reference); };
  return (wanted.empty() || std::ranges::any_of(wanted, means)) &&
         std::ranges::none_of(unwanted, means);
}

}  // namespace seabag::oci
