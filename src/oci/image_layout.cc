// SPDX-License-Identifier: Apache-2.0
#include "oci/image_layout.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/limits.h"
#include "base/text.h"
#include "oci/media_types.h"

namespace seabag::oci {
namespace {

std::string text_of(const NamedManifest& entry) {
  Descriptor descriptor = entry.manifest;
  if (!entry.name.empty()) {
    descriptor.annotations.emplace(kRefNameAnnotation, entry.name);
    descriptor.annotations.emplace(kContainerdNameAnnotation, entry.name);
  }
  return to_json_text(descriptor);
}

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

void require_unambiguous(const std::vector<NamedManifest>& entries) {
  std::map<std::string_view, const digest::Digest*> digests;
  for (const NamedManifest& entry : entries) {
    if (entry.name.empty()) continue;
    const auto [found, fresh] = digests.emplace(entry.name, &entry.manifest.digest);
    if (!fresh && *found->second != entry.manifest.digest) {
      throw Error(Code::kMalformed, fmt::format("two manifests have the name {}: {} and {}",
                                                seabag::quoted(entry.name), found->second->text(),
                                                entry.manifest.digest.text()));
    }
  }
}

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

LayoutIndexText::LayoutIndexText()
    : text_(fmt::format(R"({{"schemaVersion":2,"mediaType":"{}","manifests":[)",
                        media_type::kImageIndex)) {}

void LayoutIndexText::add(const NamedManifest& entry) {
  if (!is_empty_) text_ += ',';
  is_empty_ = false;
  text_ += text_of(entry);
}

std::string LayoutIndexText::take() {
  text_ += "]}";
  return std::move(text_);
}

std::string write_layout_index(const std::vector<NamedManifest>& entries) {
  LayoutIndexText text;
  for (const NamedManifest& entry : entries) text.add(entry);
  return text.take();
}

std::vector<NamedManifest> parse_layout_index(std::string_view text) {
  const std::string what(kIndexPath);
  std::vector<NamedManifest> entries;
  const json::Value rest = json::parse_list(
      text, what, "manifests", limits::kLayoutImages, [&](const json::Value& element) {
        Descriptor manifest = parse_descriptor(element);
        std::string name = name_of(manifest.annotations);
        entries.push_back({std::move(name), std::move(manifest)});
      });
  try {
    require_index(rest);
    require_unambiguous(entries);
  } catch (Error& error) {
    error.add_context(what);
    throw;
  }
  return entries;
}

void DockerManifestText::add(const DockerImage& image) {
  if (text_.size() > 1) text_ += ',';
  text_ += text_of(image);
}

std::string DockerManifestText::take() {
  text_ += ']';
  return std::move(text_);
}

std::string write_docker_manifest(const std::vector<DockerImage>& images) {
  DockerManifestText text;
  for (const DockerImage& image : images) text.add(image);
  return text.take();
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
