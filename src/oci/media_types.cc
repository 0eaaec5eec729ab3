// SPDX-License-Identifier: Apache-2.0
#include "oci/media_types.h"

#include <string>

#include <fmt/format.h>

namespace seabag::oci::media_type {

bool is_index(std::string_view type) {
  return type == kImageIndex || type == kDockerList;
}

bool is_image_manifest(std::string_view type) {
  return type == kImageManifest || type == kDockerManifest || type == kArtifactManifest;
}

bool is_schema1(std::string_view type) {
  return type == kDockerSchema1 || type == kDockerSchema1Signed;
}

// By prefix: each comes plain and with the suffix of a compression.
bool is_layer(std::string_view type) {
  return type.starts_with("application/vnd.oci.image.layer.") ||
         type.starts_with("application/vnd.docker.image.rootfs.");
}

bool is_non_distributable(std::string_view type) {
  return type.starts_with("application/vnd.oci.image.layer.nondistributable.") ||
         type.starts_with("application/vnd.docker.image.rootfs.foreign.");
}

std::string_view accept_header() {
  static const std::string kHeader =
      fmt::format("{}, {}, {}, {}, {}, {}, {}", kImageIndex, kImageManifest, kDockerList,
                  kDockerManifest, kArtifactManifest, kDockerSchema1Signed, kDockerSchema1);
  return kHeader;
}

}  // namespace seabag::oci::media_type
