// SPDX-License-Identifier: Apache-2.0
#include "oci/manifest.h"

#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/limits.h"
#include "base/text.h"
#include "base/utc_time.h"
#include "digest/hasher.h"
#include "digest/verifying_sink.h"
#include "io/blob_source.h"
#include "oci/media_types.h"

namespace seabag::oci {
namespace {

bool has(const json::Value& document, const char* member) {
  const auto found = document.find(member);
  return found != document.end() && !found->is_null();
}

Error schema1_refusal() {
  Error error(Code::kUnsupported, "Docker image manifest schema 1, expected schema 2 or OCI");
  error.add_next_step(
      "re-push it with a current docker or `skopeo copy --format oci`, then export again");
  return error;
}

void require_manifest_type(const std::string& media_type) {
  if (media_type::is_schema1(media_type)) throw schema1_refusal();
  if (!media_type::is_index(media_type) && !media_type::is_image_manifest(media_type)) {
    throw Error(Code::kUnsupported,
                fmt::format("media type {} is none of a manifest", seabag::quoted(media_type)));
  }
}

void require_schema_version(const json::Value& document, const std::string& media_type) {
  const auto version = json::find_size(document, "schemaVersion");
  if (version == 1) throw schema1_refusal();
  // The artifact manifest of OCI 1.1-rc had none.
  if (!version && media_type == media_type::kArtifactManifest) return;
  if (version != 2) {
    throw Error(Code::kMalformed, fmt::format("\"schemaVersion\": expected 2, got {}",
                                              version ? fmt::to_string(*version) : "none"));
  }
}

// Readers that look at members instead of the media type would take the document for something
// else.
void require_one_meaning(const json::Value& document, const std::string& media_type) {
  const auto declared = find_media_type(document, "mediaType");
  if (declared && *declared != media_type) {
    throw Error(Code::kMalformed,
                fmt::format("\"mediaType\": expected {}, got {}", seabag::quoted(media_type),
                            seabag::quoted(*declared)));
  }
  const bool image_members = has(document, "config") || has(document, "layers");
  const bool index_members = has(document, "manifests");
  if (media_type::is_index(media_type) ? image_members : index_members) {
    throw Error(Code::kMalformed,
                fmt::format("expected the members of {} alone, got those of {}{}{}",
                            seabag::quoted(media_type), image_members ? "an image" : "",
                            image_members && index_members ? " and " : "",
                            index_members ? "an index" : ""));
  }
}

std::optional<Descriptor> find_descriptor(const json::Value& document, const char* key) try {
  const json::Value* value = json::find_object(document, key);
  if (value == nullptr) return std::nullopt;
  return parse_descriptor(*value);
} catch (Error& error) {
  error.add_context(key);
  throw;
}

// Signatures and attestations carry an image's config without being one: the layers tell.
bool is_runnable(const Manifest& manifest) {
  const auto has_image_config = [](const Descriptor& config) {
    return config.media_type == media_type::kImageConfig ||
           config.media_type == media_type::kDockerConfig;
  };
  return manifest.artifact_type.empty() && manifest.config && has_image_config(*manifest.config) &&
         std::ranges::all_of(manifest.layers, [](const Descriptor& layer) {
           return media_type::is_layer(layer.media_type);
         });
}

void read_index(const json::Value& document, Manifest& manifest) {
  manifest.kind = ManifestKind::kIndex;
  const json::Value* children = json::find_array(document, "manifests");
  if (children == nullptr) throw Error(Code::kMalformed, "\"manifests\" is missing");
  if (children->size() > limits::kIndexChildren) {
    throw Error(Code::kMalformed,
                fmt::format("\"manifests\": {} entries, more than the limit of {}",
                            children->size(), limits::kIndexChildren));
  }
  manifest.manifests = parse_descriptors(document, "manifests");
}

void read_image(const json::Value& document, bool is_artifact_manifest, Manifest& manifest) {
  manifest.layers = parse_descriptors(document, is_artifact_manifest ? "blobs" : "layers");
  if (!is_artifact_manifest) {
    manifest.config = find_descriptor(document, "config");
    if (!manifest.config) throw Error(Code::kMalformed, "\"config\" is missing");
  }
  if (is_runnable(manifest)) return;
  manifest.kind = ManifestKind::kArtifact;
  if (manifest.artifact_type.empty() && manifest.config) {
    manifest.artifact_type = manifest.config->media_type;
  }
}

Manifest read_manifest(const json::Value& document, const std::string& media_type) {
  require_schema_version(document, media_type);
  require_one_meaning(document, media_type);
  Manifest manifest{.artifact_type = find_media_type(document, "artifactType").value_or(""),
                    .subject = find_descriptor(document, "subject"),
                    .annotations = parse_annotations(document)};
  if (media_type::is_index(media_type)) {
    read_index(document, manifest);
  } else {
    read_image(document, media_type == media_type::kArtifactManifest, manifest);
  }
  return manifest;
}

}  // namespace

std::string_view name_of(ManifestKind kind) {
  switch (kind) {
    case ManifestKind::kImage:
      return "image";
    case ManifestKind::kArtifact:
      return "artifact";
    case ManifestKind::kIndex:
      return "index";
  }
  return "unknown";
}

RawManifest::RawManifest(io::Bytes bytes, std::string media_type, const digest::Digest& digest)
    : bytes_(std::move(bytes)), media_type_(std::move(media_type)), digest_(digest) {}

Descriptor RawManifest::descriptor() const {
  return {.media_type = media_type_, .digest = digest_, .size = bytes_.size()};
}

RawManifest verified(io::Bytes bytes, std::string media_type,
                     const std::optional<digest::Digest>& expected) {
  if (bytes.size() > limits::kManifestBytes) {
    throw Error(Code::kMalformed, fmt::format("manifest of {} bytes, more than the limit of {}",
                                              bytes.size(), limits::kManifestBytes));
  }
  if (expected) digest::verify(io::MemoryBlob(bytes), *expected);
  const digest::Digest digest = expected ? *expected : digest::digest_of(bytes);
  return {std::move(bytes), std::move(media_type), digest};
}

Manifest parse_manifest(const RawManifest& raw) {
  const std::string what = "manifest " + raw.digest().text();
  try {
    require_manifest_type(raw.media_type());
    return read_manifest(json::parse(io::text_of(raw.bytes()), "text"), raw.media_type());
  } catch (Error& error) {
    error.add_context(what);
    throw;
  }
}

std::string media_type_of(std::span<const std::byte> manifest) try {
  const json::Value document = json::parse(io::text_of(manifest), "text");
  if (const auto declared = find_media_type(document, "mediaType")) return *declared;
  if (json::find_size(document, "schemaVersion") == 1) {
    return std::string(media_type::kDockerSchema1);
  }
  if (has(document, "manifests")) return std::string(media_type::kImageIndex);
  if (has(document, "config")) return std::string(media_type::kImageManifest);
  throw Error(Code::kMalformed,
              "expected one of \"mediaType\", \"manifests\" and \"config\", got none");
} catch (Error& error) {
  error.add_context("manifest");
  throw;
}

std::optional<std::string> created_of_config(std::span<const std::byte> config) try {
  const auto created = json::find_string(json::parse(io::text_of(config), "config"), "created");
  const auto time = created ? parse_rfc3339(*created) : std::nullopt;
  if (!time) return std::nullopt;
  return to_rfc3339(*time);
} catch (const Error&) {
  return std::nullopt;  // the config of an artifact may be anything
}

}  // namespace seabag::oci
