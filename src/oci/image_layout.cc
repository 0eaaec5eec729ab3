// SPDX-License-Identifier: Apache-2.0
#include "oci/image_layout.h"

#include <unordered_map>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/limits.h"
#include "base/text.h"
#include "oci/media_types.h"

namespace seabag::oci {
namespace {

std::string text_of(const DockerImage& image) {
  std::vector<std::string> layers;
  layers.reserve(image.layers.size());
  for (const digest::Digest& layer : image.layers) layers.push_back(blob_path(layer));
  return nlohmann::ordered_json({{"Config", blob_path(image.config)},
                                 {"RepoTags", image.repo_tags},
                                 {"Layers", layers}})
      .dump();
}

std::string name_of(const Annotations& annotations) {
  for (const std::string_view key : {kContainerdNameAnnotation, kRefNameAnnotation}) {
    const auto found = annotations.find(std::string(key));
    if (found != annotations.end() && !found->second.empty()) return found->second;
  }
  return {};
}

// Refuses the second meaning of a name.
class Meanings {
 public:
  void add(const NamedManifest& entry) {
    if (entry.name.empty()) return;
    const auto [found, is_new] = digests_.try_emplace(entry.name, entry.manifest.digest);
    if (is_new || found->second == entry.manifest.digest) return;
    throw Error(Code::kMalformed,
                fmt::format("two manifests have the name {}: {} and {}", seabag::quoted(entry.name),
                            found->second.text(), entry.manifest.digest.text()));
  }

 private:
  std::unordered_map<std::string, digest::Digest> digests_;
};

std::vector<std::string> find_strings(const json::Value& object, const char* key) {
  std::vector<std::string> strings;
  const json::Value* array = json::find_array(object, key);
  if (array == nullptr) return strings;
  for (const json::Value& value : *array) {
    if (!value.is_string()) {
      throw Error(Code::kMalformed, fmt::format("{}: expected strings, got {}", seabag::quoted(key),
                                                value.type_name()));
    }
    strings.push_back(value.get_ref<const std::string&>());
  }
  return strings;
}

void require_index(const json::Value& index) {
  if (const auto version = json::require_size(index, "schemaVersion"); version != 2) {
    throw Error(Code::kMalformed, fmt::format("\"schemaVersion\": expected 2, got {}", version));
  }
  const auto media_type = find_media_type(index, "mediaType");
  if (media_type && *media_type != media_type::kImageIndex) {
    throw Error(Code::kMalformed,
                fmt::format("\"mediaType\": expected {}, got {}",
                            seabag::quoted(media_type::kImageIndex), seabag::quoted(*media_type)));
  }
  if (json::find_array(index, "manifests") == nullptr) {
    throw Error(Code::kMalformed, "\"manifests\" is missing");
  }
}

}  // namespace

std::string blob_path(const digest::Digest& digest) {
  return fmt::format("blobs/{}/{}", digest::name_of(digest.algorithm()), digest.hex());
}

void require_layout_version(std::string_view oci_layout_text) {
  const std::string what(kLayoutPath);
  const json::Value layout = json::parse(oci_layout_text, what);
  try {
    const auto version = json::require_string(layout, "imageLayoutVersion");
    if (version != "1.0.0") {
      throw Error(Code::kUnsupported, fmt::format("image layout version: expected 1.0.0, got {}",
                                                  seabag::quoted(version)));
    }
  } catch (Error& error) {
    error.add_context(what);
    throw;
  }
}

std::string to_json_text(const NamedManifest& entry) {
  Descriptor descriptor = entry.manifest;
  if (!entry.name.empty()) {
    descriptor.annotations.emplace(kRefNameAnnotation, entry.name);
    descriptor.annotations.emplace(kContainerdNameAnnotation, entry.name);
  }
  return to_json_text(descriptor);
}

LayoutIndexText::LayoutIndexText(TextSink write) : write_(std::move(write)) {
  write_(fmt::format(R"({{"schemaVersion":2,"mediaType":"{}","manifests":[)",
                     media_type::kImageIndex));
}

void LayoutIndexText::add(const NamedManifest& entry) {
  write_((is_empty_ ? "" : ",") + to_json_text(entry));
  is_empty_ = false;
}

void LayoutIndexText::finish() {
  write_("]}");
}

std::string write_layout_index(const std::vector<NamedManifest>& entries) {
  std::string written;
  LayoutIndexText text([&](std::string_view part) { written += part; });
  for (const NamedManifest& entry : entries) text.add(entry);
  text.finish();
  return written;
}

void visit_layout_index(std::string_view text, const std::function<void(NamedManifest)>& visit) {
  const std::string what(kIndexPath);
  Meanings meanings;
  const json::Value rest = json::parse_list(
      text, what, "manifests", limits::kLayoutImages, [&](const json::Value& element) {
        Descriptor manifest = parse_descriptor(element);
        std::string name = name_of(manifest.annotations);
        NamedManifest entry{std::move(name), std::move(manifest)};
        meanings.add(entry);
        visit(std::move(entry));
      });
  try {
    require_index(rest);
  } catch (Error& error) {
    error.add_context(what);
    throw;
  }
}

std::vector<NamedManifest> parse_layout_index(std::string_view text) {
  std::vector<NamedManifest> entries;
  visit_layout_index(text, [&](NamedManifest entry) { entries.push_back(std::move(entry)); });
  return entries;
}

DockerManifestText::DockerManifestText(TextSink write) : write_(std::move(write)) {
  write_("[");
}

void DockerManifestText::add(const DockerImage& image) {
  write_((is_empty_ ? "" : ",") + text_of(image));
  is_empty_ = false;
}

void DockerManifestText::finish() {
  write_("]");
}

std::string write_docker_manifest(const std::vector<DockerImage>& images) {
  std::string written;
  DockerManifestText text([&](std::string_view part) { written += part; });
  for (const DockerImage& image : images) text.add(image);
  text.finish();
  return written;
}

std::vector<DockerArchiveImage> parse_docker_manifest(std::string_view text) {
  const std::string what(kDockerManifestPath);
  std::vector<DockerArchiveImage> images;
  const json::Value rest =
      json::parse_list(text, what, nullptr, limits::kLayoutImages, [&](const json::Value& image) {
        images.push_back({.config_path = json::require_string(image, "Config"),
                          .repo_tags = find_strings(image, "RepoTags"),
                          .layer_paths = find_strings(image, "Layers")});
      });
  if (!rest.is_array()) {
    throw Error(Code::kMalformed,
                fmt::format("{}: expected an array, got {}", what, rest.type_name()));
  }
  return images;
}

}  // namespace seabag::oci
