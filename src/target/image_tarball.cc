// SPDX-License-Identifier: Apache-2.0
#include "target/image_tarball.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/error.h"
#include "base/limits.h"
#include "digest/verifying_sink.h"
#include "io/copy.h"
#include "io/file_window.h"
#include "io/memory_sink.h"
#include "oci/media_types.h"
#include "tar/header.h"

namespace seabag::target {
namespace {

void write_blob(io::File& file, const tar::Placement& place, const WholeImage::Member& member) try {
  const oci::Descriptor& blob = member.descriptor;
  file.write_at(place.header_offset, tar::encode_header(oci::blob_path(blob.digest), blob.size));
  io::FileWindow window(file, place.data_offset, blob.size);
  digest::VerifyingSink verifying(blob.digest, blob.size, window);
  io::copy_all(member.bytes, verifying);
} catch (Error& error) {
  error.add_context(fmt::format("blob {}", member.descriptor.digest.text()));
  throw;
}

}  // namespace

ImageTarball::ImageTarball(const WholeImage& image) {
  for (const WholeImage::Member& member : image.members) {
    blobs_.emplace(member.descriptor.digest, &member);
  }
  check(blobs_.contains(image.root.digest), "the root of an image is one of its members");

  documents_.emplace_back(oci::kLayoutPath, oci::kLayoutText);
  documents_.emplace_back(oci::kIndexPath, layout_index(image));
  // A table of nothing would only tell tools that know no other one that there is something.
  if (const auto docker = docker_image(image)) {
    documents_.emplace_back(oci::kDockerManifestPath, oci::write_docker_manifest({*docker}));
  }
  std::vector<tar::Member> members;
  for (const auto& [path, text] : documents_) members.push_back({path, text.size()});
  for (const auto& [digest, member] : blobs_) {
    members.push_back({oci::blob_path(digest), member->descriptor.size});
  }
  plan_ = tar::plan_tarball(members);
}

void ImageTarball::write(io::File& file) const {
  file.reserve(plan_.tarball_size);
  // What nobody writes from here on, the padding and the end, is zero.
  file.resize(plan_.tarball_size);
  auto place = plan_.placements.begin();
  for (const auto& [path, text] : documents_) {
    file.write_at(place->header_offset, tar::encode_header(path, text.size()));
    file.write_at(place->data_offset, io::bytes_of(text));
    ++place;
  }
  for (const auto& [digest, member] : blobs_) {
    write_blob(file, *place, *member);
    ++place;
  }
}

// The name first, then what is attached, which has none.
std::string ImageTarball::layout_index(const WholeImage& image) const {
  std::map<digest::Digest, oci::Descriptor> referrers;
  for (const oci::Descriptor& referrer : image.referrers) {
    if (blobs_.contains(referrer.digest)) referrers.emplace(referrer.digest, referrer);
  }
  std::vector<oci::NamedManifest> entries = {{image.name.text(), image.root}};
  for (const auto& [digest, referrer] : referrers) entries.push_back({"", referrer});
  return oci::write_layout_index(entries);
}

// What tools that know no index run under the name.
std::optional<oci::DockerImage> ImageTarball::docker_image(const WholeImage& image) const {
  Runnables known;
  const auto found = find_runnable(image.root, 0, known);
  if (!found) return std::nullopt;
  const oci::Manifest manifest = read_manifest(*found);
  if (!manifest.config) return std::nullopt;
  oci::DockerImage docker{manifest.config->digest, {}, {}};
  if (!image.name.tag.empty()) docker.repo_tags.push_back(image.name.text());
  for (const oci::Descriptor& layer : manifest.layers) docker.layers.push_back(layer.digest);
  return docker;
}

// The image itself; of an index its linux/amd64 child if that is whole in here, else the first one
// that is. Each index is looked into once, however often it is a child.
std::optional<oci::Descriptor> ImageTarball::find_runnable(const oci::Descriptor& descriptor,
                                                           int depth, Runnables& known) const {
  const auto [found, is_new] = known.try_emplace(descriptor.digest, std::nullopt);
  if (!is_new) return found->second;
  auto runnable = look_for_runnable(descriptor, depth, known);
  known[descriptor.digest] = runnable;
  return runnable;
}

std::optional<oci::Descriptor> ImageTarball::look_for_runnable(const oci::Descriptor& descriptor,
                                                               int depth, Runnables& known) const {
  const bool is_index = oci::media_type::is_index(descriptor.media_type);
  if (!is_index && !oci::media_type::is_image_manifest(descriptor.media_type)) return std::nullopt;
  if (!blobs_.contains(descriptor.digest) || depth > limits::kIndexDepth) return std::nullopt;
  const oci::Manifest manifest = read_manifest(descriptor);
  if (!is_index) return is_whole_image(manifest) ? std::optional(descriptor) : std::nullopt;
  std::optional<oci::Descriptor> first;
  for (const oci::Descriptor& child : manifest.manifests) {
    auto found = find_runnable(child, depth + 1, known);
    if (!found) continue;
    if (child.platform && child.platform->os == "linux" &&
        child.platform->architecture == "amd64") {
      return found;
    }
    if (!first) first = found;
  }
  return first;
}

oci::Manifest ImageTarball::read_manifest(const oci::Descriptor& descriptor) const {
  const WholeImage::Member& member = *blobs_.at(descriptor.digest);
  io::MemorySink bytes(limits::kManifestBytes, "manifest " + descriptor.digest.text());
  io::copy_all(member.bytes, bytes);
  return oci::parse_manifest(oci::verified(bytes.take(), descriptor.media_type, descriptor.digest));
}

bool ImageTarball::is_whole_image(const oci::Manifest& image) const {
  const auto is_here = [&](const oci::Descriptor& blob) { return blobs_.contains(blob.digest); };
  return image.kind == oci::ManifestKind::kImage && image.config && is_here(*image.config) &&
         std::ranges::all_of(image.layers, is_here);
}

}  // namespace seabag::target
