// SPDX-License-Identifier: Apache-2.0
#include "source/saved_image.h"

#include <algorithm>
#include <array>
#include <string_view>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "json/json.h"
#include "oci/media_types.h"

namespace seabag::source {
namespace {

using namespace std::string_view_literals;

struct Magic {
  std::string_view bytes;
  std::string_view name;
};
constexpr auto kGzipMagic = "\x1F\x8B"sv;
constexpr auto kZstdMagic = "\x28\xB5\x2F\xFD"sv;
constexpr std::array<Magic, 3> kWithoutMediaType = {{
    {"BZh"sv, "bzip2"},
    {"\xFD"
     "7zXZ\0"sv,
     "xz"},
    {"\x04\x22\x4D\x18"sv, "lz4"},
}};
constexpr std::size_t kHeadBytes = 6;  // the longest of them

// What the parts of an image are called. Source: Docker distribution, manifest-v2-2.md; OCI
// image-spec v1.1, media-types.md. By Compression: none, gzip, zstd.
struct MediaTypes {
  std::string_view manifest;
  std::string_view config;
  std::array<std::string_view, 3> layers;
};
constexpr MediaTypes kDocker = {
    oci::media_type::kDockerManifest,
    oci::media_type::kDockerConfig,
    {"application/vnd.docker.image.rootfs.diff.tar",
     "application/vnd.docker.image.rootfs.diff.tar.gzip", ""},
};
constexpr MediaTypes kOci = {
    oci::media_type::kImageManifest,
    oci::media_type::kImageConfig,
    {"application/vnd.oci.image.layer.v1.tar", "application/vnd.oci.image.layer.v1.tar+gzip",
     "application/vnd.oci.image.layer.v1.tar+zstd"},
};

Compression compression_of(std::string_view head) {
  if (head.starts_with(kGzipMagic)) return Compression::kGzip;
  if (head.starts_with(kZstdMagic)) return Compression::kZstd;
  for (const Magic& magic : kWithoutMediaType) {
    if (!head.starts_with(magic.bytes)) continue;
    throw Error(
        Code::kUnsupported,
        fmt::format("a layer compressed with {}, which no media type stands for", magic.name))
        .add_next_step("load the archive with docker or podman, and save it again");
  }
  return Compression::kNone;
}

// In the order in which Docker itself writes the members.
nlohmann::ordered_json to_json(std::string_view media_type, std::uint64_t size,
                               const digest::Digest& digest) {
  return {{"mediaType", media_type}, {"size", size}, {"digest", digest.text()}};
}

}  // namespace

void LayerMeter::write(std::span<const std::byte> chunk) {
  head_ += io::text_of(chunk.first(std::min(chunk.size(), kHeadBytes - head_.size())));
  size_ += chunk.size();
  hasher_.update(chunk);
}

SavedLayer LayerMeter::layer() {
  return {.digest = hasher_.finish(), .size = size_, .compression = compression_of(head_)};
}

std::vector<digest::Digest> diff_ids_of(const io::Bytes& config) {
  const json::Value document = json::parse(io::text_of(config), "image config");
  const json::Value* rootfs = json::find_object(document, "rootfs");
  const json::Value* listed = rootfs == nullptr ? nullptr : json::find_array(*rootfs, "diff_ids");
  if (listed == nullptr) {
    throw Error(Code::kMalformed, "image config: \"rootfs\" with \"diff_ids\" is missing");
  }
  std::vector<digest::Digest> diff_ids;
  for (const json::Value& entry : *listed) {
    if (!entry.is_string()) {
      throw Error(Code::kMalformed, "image config: \"diff_ids\" are not strings");
    }
    diff_ids.push_back(digest::parse_digest(entry.get_ref<const std::string&>()));
  }
  return diff_ids;
}

oci::RawManifest make_manifest(const io::Bytes& config, const std::vector<SavedLayer>& layers) {
  const bool has_zstd =
      std::ranges::find(layers, Compression::kZstd, &SavedLayer::compression) != layers.end();
  const MediaTypes& types = has_zstd ? kOci : kDocker;
  nlohmann::ordered_json manifest = {
      {"schemaVersion", 2},
      {"mediaType", types.manifest},
      {"config", to_json(types.config, config.size(), digest::digest_of(config))},
      {"layers", nlohmann::ordered_json::array()},
  };
  for (const SavedLayer& layer : layers) {
    const std::string_view type = types.layers.at(static_cast<std::size_t>(layer.compression));
    manifest["layers"].push_back(to_json(type, layer.size, layer.digest));
  }
  const std::string text = manifest.dump();
  const auto bytes = io::bytes_of(text);
  return oci::verified({bytes.begin(), bytes.end()}, std::string(types.manifest), std::nullopt);
}

}  // namespace seabag::source
