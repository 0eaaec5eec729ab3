// SPDX-License-Identifier: Apache-2.0
#include "exporting/filter.h"

#include <algorithm>

#include "oci/reference_pattern.h"
#include "oci/referrers.h"

namespace seabag::exporting {
namespace {

std::string joined(const std::vector<std::string>& parts) {
  std::string text;
  for (const std::string& part : parts) text += (text.empty() ? "" : " ") + part;
  return text;
}

}  // namespace

bool is_selected(const Selection& selection, const oci::Reference& reference) {
  return reference.tag.empty() || oci::is_chosen(reference, selection.include, selection.exclude);
}

bool is_selected(const Selection& selection, const oci::Descriptor& child) {
  return selection.platforms.empty() || !child.platform || child.platform->text().empty() ||
         std::ranges::any_of(selection.platforms, [&](const oci::Platform& platform) {
           return oci::satisfies(*child.platform, platform);
         });
}

bool is_attachment_tag(const std::string& tag) {
  return oci::subject_of_tag(tag).has_value();
}

std::string Selection::text() const {
  std::vector<std::string> parts;
  for (const oci::Platform& platform : platforms) parts.push_back("--platform=" + platform.text());
  for (const std::string& pattern : include) parts.push_back("--include=" + pattern);
  for (const std::string& pattern : exclude) parts.push_back("--exclude=" + pattern);
  if (newest != 0) parts.push_back("--newest=" + std::to_string(newest));
  if (!attached) parts.emplace_back("--no-referrers");
  if (foreign_layers) parts.emplace_back("--foreign-layers");
  return joined(parts);
}

}  // namespace seabag::exporting
