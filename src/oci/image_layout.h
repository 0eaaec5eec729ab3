// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "oci/descriptor.h"

/// The image layout: paths, index.json, and the Docker-style manifest.json over the same blobs.
/// Source: OCI image-spec v1.1, image-layout.md; Docker image specification v1.2, "docker save".
namespace seabag::oci {

inline constexpr std::string_view kRefNameAnnotation = "org.opencontainers.image.ref.name";
inline constexpr std::string_view kContainerdNameAnnotation = "io.containerd.image.name";
inline constexpr std::string_view kLayoutPath = "oci-layout";
inline constexpr std::string_view kIndexPath = "index.json";
inline constexpr std::string_view kDockerManifestPath = "manifest.json";
inline constexpr std::string_view kLayoutText = R"({"imageLayoutVersion":"1.0.0"})";

std::string blob_path(const digest::Digest& digest);  ///< "blobs/sha256/6c3c..."

/// Errors: kMalformed, kUnsupported (another layout version).
void require_layout_version(std::string_view oci_layout_text);

/// One entry of index.json. `name` goes into both annotations, unless `manifest` has one of them
/// already: so entries of somebody else come out as they went in. Empty: no name.
struct NamedManifest {
  std::string name;
  Descriptor manifest;

  friend bool operator==(const NamedManifest&, const NamedManifest&) = default;
};

/// As it stands in index.json.
std::string to_json_text(const NamedManifest& entry);

/// Takes a document piece by piece: of a large registry's nothing else is in memory.
using TextSink = std::function<void(std::string_view)>;

/// Writes an index.json entry by entry. Deterministic: the same entries in the same order give the
/// same bytes. Requires: all texts are UTF-8. Order: add() any number of times, finish() once.
class LayoutIndexText {
 public:
  explicit LayoutIndexText(TextSink write);
  void add(const NamedManifest& entry);
  void finish();

 private:
  TextSink write_;
  bool is_empty_ = true;
};

/// The same over a list.
std::string write_layout_index(const std::vector<NamedManifest>& entries);

/// Hands over the entries of an index.json in their order, one at a time: a large registry's are
/// not all in memory. `name` is the containerd annotation if there, else ref.name, else empty.
/// Errors: kMalformed, also for one name on two manifests (the grammar of names is not checked
///         here); kUnsupported for another digest algorithm; what `visit` throws. Entries may have
///         been handed over before.
void visit_layout_index(std::string_view text, const std::function<void(NamedManifest)>& visit);

/// The same as a list.
std::vector<NamedManifest> parse_layout_index(std::string_view text);

/// One image of the Docker view.
struct DockerImage {
  digest::Digest config;
  std::vector<std::string> repo_tags;  ///< "localhost:5000/library/busybox:1.35"
  std::vector<digest::Digest> layers;
};

/// Writes the manifest.json of "docker save" over the blobs of the layout, image by image.
/// Order: as LayoutIndexText.
class DockerManifestText {
 public:
  explicit DockerManifestText(TextSink write);
  void add(const DockerImage& image);
  void finish();

 private:
  TextSink write_;
  bool is_empty_ = true;
};

/// The same over a list.
std::string write_docker_manifest(const std::vector<DockerImage>& images);

/// An image as a docker-archive names its parts: paths inside the archive, which need not be
/// digests.
struct DockerArchiveImage {
  std::string config_path;
  std::vector<std::string> repo_tags;
  std::vector<std::string> layer_paths;
};

/// Errors: kMalformed. Neither paths nor tags are checked here.
std::vector<DockerArchiveImage> parse_docker_manifest(std::string_view text);

}  // namespace seabag::oci
