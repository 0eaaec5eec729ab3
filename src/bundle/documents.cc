// SPDX-License-Identifier: Apache-2.0
#include "bundle/documents.h"

#include <algorithm>
#include <map>
#include <optional>

#include <fmt/format.h>

#include "base/error.h"
#include "base/limits.h"
#include "base/text.h"
#include "oci/image_layout.h"

namespace seabag::bundle {
namespace {

using index::BlobId;
using index::Content;
using index::Edge;
using index::EdgeRole;
using index::Graph;
using index::ManifestInfo;
using index::Presence;

bool is_whole(const Content& content, const Graph& graph, BlobId root) {
  return std::ranges::all_of(graph.closure_of(root), [&](BlobId blob) {
    return content.blobs[blob].presence == Presence::kPresent;
  });
}

bool has_config(const Graph& graph, BlobId image) {
  return std::ranges::any_of(graph.edges_of(image),
                             [](const Edge& edge) { return edge.role == EdgeRole::kConfig; });
}

// Finds the runnable image that a name means to a tool without indexes; looks into each index once,
// however often it is a child, and no deeper than a reader takes.
class DockerImages {
 public:
  DockerImages(const Content& content, const Graph& graph) : content_(content), graph_(graph) {}

  std::optional<BlobId> image_of(BlobId root, int depth = 0) {
    const auto [found, is_new] = known_.try_emplace(root, std::nullopt);
    if (is_new) {
      const std::optional<BlobId> image = look_for(root, depth);
      known_[root] = image;
      return image;
    }
    return found->second;
  }

 private:
  std::optional<BlobId> look_for(BlobId root, int depth) {
    const ManifestInfo* manifest = graph_.find_manifest(root);
    if (manifest == nullptr || depth > limits::kIndexDepth) return std::nullopt;
    if (manifest->kind == oci::ManifestKind::kImage) {
      const bool is_runnable = has_config(graph_, root) && is_whole(content_, graph_, root);
      return is_runnable ? std::optional(root) : std::nullopt;
    }
    std::optional<BlobId> first;
    for (const Edge& edge : graph_.edges_of(root)) {
      if (edge.role != EdgeRole::kChild) continue;
      const auto image = image_of(edge.child, depth + 1);
      if (!image) continue;
      const oci::Platform& platform = content_.platforms[edge.platform];
      if (platform.os == "linux" && platform.architecture == "amd64") return image;
      if (!first) first = image;
    }
    return first;
  }

  const Content& content_;
  const Graph& graph_;
  std::map<BlobId, std::optional<BlobId>> known_;
};

oci::DockerImage docker_entry(const Content& content, const Graph& graph, BlobId image) {
  std::optional<digest::Digest> config;
  std::vector<digest::Digest> layers;
  for (const Edge& edge : graph.edges_of(image)) {
    if (edge.role == EdgeRole::kConfig) config = content.blobs[edge.child].digest;
    if (edge.role == EdgeRole::kLayer) layers.push_back(content.blobs[edge.child].digest);
  }
  check(config.has_value(), "an image has a config");
  return {*config, {}, std::move(layers)};
}

}  // namespace

std::string missing_path(const digest::Digest& digest) {
  return fmt::format("{}{}/{}", kMissingFolder, digest::name_of(digest.algorithm()), digest.hex());
}

std::optional<digest::Digest> digest_of_member(std::string_view member, std::string_view folder) {
  if (!member.starts_with(folder)) return std::nullopt;
  std::string text(member.substr(folder.size()));
  const auto slash = text.find('/');
  if (slash == std::string::npos) return std::nullopt;
  text[slash] = ':';
  return digest::find_digest(text);
}

void require_table_order(const std::string& member, std::size_t position) {
  const bool is_table = std::ranges::find(kTables, member) != kTables.end();
  if (position < kTables.size() ? member == kTables.at(position) : !is_table) return;
  throw Error(Code::kMalformed, position < kTables.size()
                                    ? fmt::format("member {} is {}, expected {}", position + 1,
                                                  quoted(member), kTables.at(position))
                                    : fmt::format("{} is member {}, expected it among the first",
                                                  quoted(member), position + 1));
}

bool is_image_tarball(std::string_view path) {
  return path.starts_with("data/images/") && path.ends_with(".tar");
}

bool is_listed(const Content& content, const Graph& graph, BlobId root) {
  return std::ranges::none_of(graph.closure_of(root), [&](BlobId blob) {
    return content.blobs[blob].presence == Presence::kMissing;
  });
}

oci::Descriptor descriptor_of(const Content& content, const ManifestInfo& manifest) {
  const index::Blob& blob = content.blobs[manifest.blob];
  return {.media_type = content.media_types[manifest.media_type],
          .digest = blob.digest,
          .size = blob.size,
          .artifact_type = content.media_types[manifest.artifact_type]};
}

void write_layout_index(const Content& content, const Graph& graph,
                        const std::vector<std::uint32_t>& references, const oci::TextSink& write) {
  oci::LayoutIndexText text(write);
  for (const std::uint32_t position : references) {
    const index::ReferenceInfo& reference = content.references[position];
    const ManifestInfo* manifest = graph.find_manifest(reference.manifest);
    if (manifest == nullptr || !is_listed(content, graph, reference.manifest)) continue;
    text.add({content.name_of(reference), descriptor_of(content, *manifest)});
  }
  text.finish();
}

std::string layout_index(const Content& content, const Graph& graph,
                         const std::vector<std::uint32_t>& references) {
  std::string text;
  write_layout_index(content, graph, references, [&](std::string_view part) { text += part; });
  return text;
}

void write_docker_manifest(const Content& content, const Graph& graph,
                           const std::vector<std::uint32_t>& references,
                           const oci::TextSink& write) {
  DockerImages docker_images(content, graph);
  std::vector<std::pair<BlobId, std::string>> names;
  for (const std::uint32_t position : references) {
    const index::ReferenceInfo& reference = content.references[position];
    if (reference.tag.empty() || !is_listed(content, graph, reference.manifest)) continue;
    if (const auto image = docker_images.image_of(reference.manifest)) {
      names.emplace_back(*image, content.name_of(reference));
    }
  }
  std::ranges::sort(names);
  oci::DockerManifestText text(write);
  for (auto first = names.begin(); first != names.end();) {
    oci::DockerImage entry = docker_entry(content, graph, first->first);
    const BlobId image = first->first;
    for (; first != names.end() && first->first == image; ++first) {
      entry.repo_tags.push_back(std::move(first->second));
    }
    text.add(entry);
  }
  text.finish();
}

std::string docker_manifest(const Content& content, const Graph& graph,
                            const std::vector<std::uint32_t>& references) {
  std::string text;
  write_docker_manifest(content, graph, references, [&](std::string_view part) { text += part; });
  return text;
}

std::string padded(std::string document, std::uint64_t size) {
  check(document.size() <= size, "a document is no larger than planned");
  document.resize(size, ' ');
  return document;
}

}  // namespace seabag::bundle
