// SPDX-License-Identifier: Apache-2.0
#include "exporting/newest.h"

#include <algorithm>
#include <limits>

#include "base/limits.h"
#include "base/utc_time.h"
#include "exporting/filter.h"

namespace seabag::exporting {
namespace {

UtcTime time_of(const std::optional<std::string>& text) {
  const auto time = text ? parse_rfc3339(*text) : std::nullopt;
  return time.value_or(UtcTime{std::numeric_limits<std::int64_t>::min()});
}

UtcTime created(source::ImageSource& source, const oci::Reference& name, const Selection& selection,
                int depth) {
  const oci::Manifest manifest = oci::parse_manifest(source.manifest(name));
  const auto annotation = manifest.annotations.find("org.opencontainers.image.created");
  if (annotation != manifest.annotations.end()) return time_of(annotation->second);
  if (manifest.kind == oci::ManifestKind::kImage && manifest.config) {
    return time_of(oci::created_of_config(source.read_small_blob(name, *manifest.config)));
  }
  const auto wanted = std::ranges::find_if(
      manifest.manifests, [&](const auto& child) { return is_selected(selection, child); });
  if (wanted == manifest.manifests.end() || depth == limits::kIndexDepth) {
    return time_of(std::nullopt);
  }
  oci::Reference child = name;
  child.tag.clear();
  child.digest = wanted->digest;
  return created(source, child, selection, depth + 1);
}

}  // namespace

std::vector<oci::Reference> newest(
    source::ImageSource& source, std::vector<oci::Reference> references, const Selection& selection,
    const std::function<void(const oci::Reference&, const Error&)>& failed) {
  const std::size_t count = selection.newest;
  if (references.size() <= count) return references;
  std::vector<std::pair<UtcTime, oci::Reference>> dated;
  for (oci::Reference& reference : references) {
    try {
      const UtcTime time = created(source, reference, selection, 0);
      dated.emplace_back(time, std::move(reference));
    } catch (const Error& error) {
      failed(reference, error);
    }
  }
  std::ranges::sort(dated, std::ranges::greater{});
  std::vector<oci::Reference> chosen;
  for (std::size_t i = 0; i < dated.size() && i < count; ++i) {
    chosen.push_back(std::move(dated[i].second));
  }
  return chosen;
}

}  // namespace seabag::exporting
