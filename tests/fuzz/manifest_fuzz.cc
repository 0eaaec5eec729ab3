// SPDX-License-Identifier: Apache-2.0
// Any bytes as a manifest or index, as the config of an image, and as a fallback index of
// referrers.

#include <nlohmann/json.hpp>

#include "base/limits.h"
#include "harness.h"
#include "oci/manifest.h"
#include "oci/media_types.h"
#include "oci/referrers.h"
#include "source/saved_image.h"

using namespace seabag;

namespace {

void check_descriptor(const oci::Descriptor& descriptor) {
  const std::string text = oci::to_json_text(descriptor);
  fuzz::require(oci::parse_descriptor(json::parse(text, "text")) == descriptor,
                "a descriptor survives being written");
}

void read_manifest(const io::Bytes& bytes, std::string_view media_type) {
  const auto raw = oci::verified(bytes, std::string(media_type), std::nullopt);
  const oci::Manifest manifest = oci::parse_manifest(raw);
  fuzz::require(manifest.manifests.size() <= limits::kIndexChildren, "children are bounded");
  fuzz::require(
      (manifest.kind == oci::ManifestKind::kIndex) == oci::media_type::is_index(media_type),
      "a document is what its media type says");
  for (const auto* list : {&manifest.layers, &manifest.manifests}) {
    for (const oci::Descriptor& descriptor : *list) check_descriptor(descriptor);
  }
  if (manifest.config) check_descriptor(*manifest.config);
  if (!manifest.subject) return;
  check_descriptor(*manifest.subject);
  const auto referrer = oci::referrer_descriptor(raw, manifest);
  const auto merged = oci::merge_referrers("", {referrer});
  fuzz::require(merged && !oci::merge_referrers(*merged, {referrer}), "a referrer is merged once");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto input = fuzz::bytes_of(data, size);
  const io::Bytes bytes(input.begin(), input.end());
  fuzz::accept_or_refuse([&] { read_manifest(bytes, oci::media_type_of(bytes)); });
  for (const auto type : {oci::media_type::kImageIndex, oci::media_type::kImageManifest,
                          oci::media_type::kArtifactManifest, oci::media_type::kDockerManifest}) {
    fuzz::accept_or_refuse([&] { read_manifest(bytes, type); });
  }
  fuzz::accept_or_refuse([&] { oci::created_of_config(bytes); });
  fuzz::accept_or_refuse([&] { source::diff_ids_of(bytes); });
  fuzz::accept_or_refuse([&] {
    const auto digest = digest::parse_digest("sha256:" + std::string(64, 'a'));
    const oci::Descriptor one = {std::string(oci::media_type::kImageManifest), digest, 2};
    const auto merged = oci::merge_referrers(io::text_of(bytes), {one});
    if (merged) fuzz::require(!oci::merge_referrers(*merged, {one}), "a referrer is merged once");
  });
  return 0;
}
