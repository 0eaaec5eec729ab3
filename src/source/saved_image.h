// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "digest/hasher.h"
#include "io/byte_sink.h"
#include "io/bytes.h"
#include "oci/manifest.h"

/// The manifest of an image that was saved without one.
/// docs/decisions/0008-docker-archive-manifests.md has the reasons.
namespace seabag::source {

enum class Compression : std::uint8_t { kNone, kGzip, kZstd };

struct SavedLayer {
  digest::Digest digest;  ///< of the bytes as they lie in the archive
  std::uint64_t size = 0;
  Compression compression = Compression::kNone;
};

/// Measures a layer in one pass.
class LayerMeter : public io::ByteSink {
 public:
  void write(std::span<const std::byte> chunk) override;
  void finish() override {}
  /// Call once, last. Errors: kUnsupported if the layer is compressed in a way that no media type
  /// stands for.
  SavedLayer layer();

 private:
  std::string head_;  // the first bytes: they tell how it is compressed
  std::uint64_t size_ = 0;
  digest::Hasher hasher_;
};

/// The digests of an image's uncompressed layers, as its config lists them. Errors: kMalformed.
/// Source: OCI image-spec v1.1, config.md, "rootfs".
std::vector<digest::Digest> diff_ids_of(const io::Bytes& config);

/// A Docker schema 2 manifest over the config and layers as they are; an OCI image manifest if a
/// layer is compressed with zstd, which Docker has no media type for. Pure: the same image always
/// gives the same bytes.
oci::RawManifest make_manifest(const io::Bytes& config, const std::vector<SavedLayer>& layers);

}  // namespace seabag::source
