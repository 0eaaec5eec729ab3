// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "oci/manifest.h"

namespace seabag::importing {

/// A file of a disk that came as an artifact.
struct DiskLayersFile {
  std::string name;  ///< plain: it can be a file beside others anywhere
  std::string sha256;
  std::uint64_t size = 0;
  std::vector<oci::Descriptor> pieces;  ///< in order, from its first byte to its last

  friend bool operator==(const DiskLayersFile&, const DiskLayersFile&) = default;
};

/// What an artifact says of a disk: format-spec/disk.md, "As an artifact".
struct DiskLayers {
  std::string name;
  std::string content;
  std::vector<DiskLayersFile> files;  ///< by name; the configuration of its server among them
};

/// `manifest`, `config`: of one artifact, held against their digests; who wrote them is not known.
/// Errors: kMalformed for files that are not whole in the layers, for layers of nothing, and for
/// names that are none of a disk's files.
DiskLayers parse_disk_layers(const oci::Manifest& manifest, std::span<const std::byte> config);

}  // namespace seabag::importing
