// SPDX-License-Identifier: Apache-2.0
#include "exporting/newest.h"

#include <algorithm>
#include <limits>

#include "base/limits.h"
#include "base/utc_time.h"

namespace seabag::exporting {
namespace {

UtcTime time_of(const std::optional<std::string>& text) {
  const auto time = text ? parse_rfc3339(*text) : std::nullopt;
  return time.value_or(UtcTime{std::numeric_limits<std::int64_t>::min()});
}

UtcTime created(source::ImageSource& source, const oci::Reference& name, int depth) {
  const oci::Manifest manifest = oci::parse_manifest(source.manifest(name));
  const auto annotation = manifest.annotations.find("org.opencontainers.image.created");
  if (annotation != manifest.annotations.end()) return time_of(annotation->second);
  if (manifest.kind == oci::ManifestKind::kImage && manifest.config) {
    return time_of(oci::created_of_config(source.read_small_blob(name, *manifest.config)));
  }
  if (manifest.kind == oci::ManifestKind::kIndex && !manifest.manifests.empty() &&
      depth < limits::kIndexDepth) {
    oci::Reference child = name;
    child.tag.clear();
    child.digest = manifest.manifests.front().digest;
    return created(source, child, depth + 1);
  }
  return time_of(std::nullopt);
}

}  // namespace

std::vector<oci::Reference> newest(
    source::ImageSource& source, std::vector<oci::Reference> references, std::uint32_t count,
    const std::function<void(const oci::Reference&, const Error&)>& failed) {
  if (references.size() <= count) return references;
  std::vector<std::pair<UtcTime, oci::Reference>> dated;
  for (oci::Reference& reference : references) {
    try {
      const UtcTime time = created(source, reference, 0);
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
