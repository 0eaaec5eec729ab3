// SPDX-License-Identifier: Apache-2.0
#include "source/docker_archive_source.h"

#include <algorithm>
#include <set>
#include <tuple>
#include <utility>

#include <fmt/format.h>

#include "base/error.h"
#include "base/limits.h"
#include "base/text.h"
#include "digest/hasher.h"
#include "io/file_system.h"
#include "source/entry_name.h"
#include "source/layout_files.h"

namespace seabag::source {
namespace {

// Docker takes a name without a registry for one of Docker Hub, and one without a tag for "latest".
std::string full_docker_name(std::string_view name) {
  auto reference = oci::find_reference(name);
  if (!reference) return std::string(name);
  if (reference->registry.empty()) reference->registry = "docker.io";
  if (reference->registry == "docker.io" && reference->repository.find('/') == std::string::npos) {
    reference->repository.insert(0, "library/");
  }
  if (reference->tag.empty() && !reference->digest) reference->tag = "latest";
  return reference->text();
}

std::string tags_text(const std::vector<oci::DockerArchiveImage>& images) {
  static constexpr std::size_t kShown = 10;
  std::vector<std::string> tags;
  for (const oci::DockerArchiveImage& image : images) {
    for (const std::string& tag : image.repo_tags) tags.push_back(quoted(tag));
  }
  if (tags.empty()) return fmt::format("{} images without a name", images.size());
  if (tags.size() <= kShown) return fmt::format("{}", fmt::join(tags, ", "));
  return fmt::format("{} and {} more", fmt::join(tags.begin(), tags.begin() + kShown, ", "),
                     tags.size() - kShown);
}

// What "blobs/sha256/HEX" says.
std::optional<digest::Digest> digest_of_blob_path(std::string_view path) {
  static constexpr std::string_view kFolder = "blobs/sha256/";
  if (!path.starts_with(kFolder)) return std::nullopt;
  return digest::find_digest(fmt::format("sha256:{}", path.substr(kFolder.size())));
}

// What "blobs/sha256/HEX", "HEX.json" and "sha256:HEX" say that a config is.
std::optional<digest::Digest> digest_of_path(const std::string& path) {
  std::string name = io::base_name_of(path);
  if (name.ends_with(".json")) name.resize(name.size() - std::string_view(".json").size());
  return digest::find_digest(name.starts_with("sha256:") ? name : "sha256:" + name);
}

void require_digest(const std::string& member, const std::optional<digest::Digest>& expected,
                    const digest::Digest& actual) {
  if (!expected || *expected == actual) return;
  throw Error(Code::kIntegrity, fmt::format("{}: expected digest {}, got {}", quoted(member),
                                            expected->text(), actual.text()));
}

}  // namespace

DockerArchiveSource::DockerArchiveSource(std::string uri, const std::string& path,
                                         const std::string& name)
    : uri_(std::move(uri)), archive_(path) {
  const std::string index(oci::kDockerManifestPath);
  if (!archive_.contains(index)) {
    throw Error(Code::kMalformed, fmt::format("{} is no archive of \"docker save\": it has no {}",
                                              quoted(path), index))
        .add_next_step("an image layout in an archive is read with oci-archive:");
  }
  const auto text = archive_.read_member(index, limits::kLayoutIndexBytes);
  images_ = oci::parse_docker_manifest(io::text_of(text));
  if (name.empty()) {
    for (std::size_t i = 0; i < images_.size(); ++i) add_names(i);
  } else {
    select(name);
  }
  std::ranges::stable_sort(names_, {}, &Name::reference);
}

void DockerArchiveSource::add_names(std::size_t image) {
  const std::string base_repository = repository_of_path(archive_.path());
  for (const std::string& tag : images_[image].repo_tags) {
    names_.push_back({reference_of_entry(tag, base_repository), image});
  }
  if (images_[image].repo_tags.empty()) {
    names_.push_back({make_reference({}, base_repository), image});
  }
}

void DockerArchiveSource::select(const std::string& name) {
  if (const auto position = find_position(name); position && *position < images_.size()) {
    add_names(*position);
    return;
  }
  const std::string wanted = full_docker_name(name);
  for (std::size_t i = 0; i < images_.size(); ++i) {
    for (const std::string& tag : images_[i].repo_tags) {
      if (tag != name && full_docker_name(tag) != wanted) continue;
      names_.push_back({reference_of_entry(tag, repository_of_path(archive_.path())), i});
    }
  }
  if (!names_.empty()) return;
  throw Error(Code::kRefused, fmt::format("{} has no image {}, but {}", quoted(archive_.path()),
                                          quoted(name), tags_text(images_)))
      .add_next_step(
          "an image without a name is reached by its position in manifest.json: @0 is the first");
}

oci::Reference DockerArchiveSource::full_name(const Name& name) {
  oci::Reference reference = name.reference;
  if (reference.tag.empty()) reference.digest = manifest_of(name.image).digest();
  return reference;
}

std::vector<oci::Reference> DockerArchiveSource::repositories() {
  std::set<oci::Reference> repositories;
  for (const Name& name : names_) {
    repositories.insert(make_reference(name.reference.registry, name.reference.repository));
  }
  return {repositories.begin(), repositories.end()};
}

std::vector<oci::Reference> DockerArchiveSource::references(const oci::Reference& repository) {
  const std::lock_guard lock(mutex_);
  const auto repository_key = [](const oci::Reference& name) {
    return std::tie(name.registry, name.repository);
  };
  std::set<oci::Reference> references;
  for (const Name& name :
       std::ranges::equal_range(names_, repository_key(repository), {},
                                [&](const Name& n) { return repository_key(n.reference); })) {
    references.insert(full_name(name));
  }
  return {references.begin(), references.end()};
}

oci::RawManifest DockerArchiveSource::manifest(const oci::Reference& name) {
  const std::lock_guard lock(mutex_);
  if (name.digest) return manifest_with(*name.digest, name);
  const oci::RawManifest* found = nullptr;
  for (const Name& known : std::ranges::equal_range(names_, name, {}, &Name::reference)) {
    const oci::RawManifest& made = manifest_of(known.image);
    if (found != nullptr && found->digest() != made.digest()) {
      throw Error(Code::kMalformed, fmt::format("manifest.json gives the name {} to several images",
                                                quoted(name.text())))
          .add_next_step("name the one you want by its position in manifest.json: @0 is the first");
    }
    found = &made;
  }
  if (found == nullptr) throw no_image(name);
  return *found;
}

// First those that are made: another image, which may be damaged, need not be read for them.
const oci::RawManifest& DockerArchiveSource::manifest_with(const digest::Digest& digest,
                                                           const oci::Reference& name) {
  const auto made = image_of_.find(digest);
  if (made != image_of_.end()) return manifest_of(made->second);
  for (const Name& known : names_) {
    if (manifest_of(known.image).digest() == digest) return manifest_of(known.image);
  }
  throw no_image(name);
}

Error DockerArchiveSource::no_image(const oci::Reference& name) const {
  return {Code::kRefused,
          fmt::format("{} has no image {}", quoted(archive_.path()), quoted(name.text()))};
}

std::vector<Attached> DockerArchiveSource::attached(const oci::Reference& /*repository*/,
                                                    const digest::Digest& /*subject*/) {
  return {};
}

const oci::RawManifest& DockerArchiveSource::manifest_of(std::size_t image) {
  const auto known = manifests_.find(image);
  if (known != manifests_.end()) return known->second;
  const oci::RawManifest& made =
      manifests_.emplace(image, read_image(images_[image])).first->second;
  image_of_.emplace(made.digest(), image);
  return made;
}

const SavedLayer& DockerArchiveSource::measure(const std::string& member) try {
  const auto known = layers_.find(member);
  if (known != layers_.end()) return known->second;
  LayerMeter meter;
  archive_.read_member(member, 0, meter);
  const SavedLayer layer = meter.layer();
  members_.emplace(layer.digest, member);
  return layers_.emplace(member, layer).first->second;
} catch (Error& error) {
  error.add_context(quoted(member));
  throw;
}

oci::RawManifest DockerArchiveSource::read_image(const oci::DockerArchiveImage& image) try {
  const io::Bytes config = archive_.read_member(image.config_path, limits::kManifestBytes);
  const digest::Digest config_digest = digest::digest_of(config);
  require_digest(image.config_path, digest_of_path(image.config_path), config_digest);
  const auto diff_ids = diff_ids_of(config);
  if (diff_ids.size() != image.layer_paths.size()) {
    throw Error(Code::kMalformed, fmt::format("expected {} layers as the config says, got {}",
                                              diff_ids.size(), image.layer_paths.size()));
  }
  std::vector<SavedLayer> layers;
  for (std::size_t i = 0; i < diff_ids.size(); ++i) {
    const std::string& member = image.layer_paths[i];
    layers.push_back(measure(member));
    const bool plain = layers.back().compression == Compression::kNone;
    require_digest(member, plain ? diff_ids[i] : digest_of_blob_path(member), layers.back().digest);
  }
  members_.emplace(config_digest, image.config_path);
  return make_manifest(config, layers);
} catch (Error& error) {
  error.add_context(
      fmt::format("image {} in {}", quoted(image.config_path), quoted(archive_.path())));
  throw;
}

const std::string* DockerArchiveSource::find_member(const digest::Digest& digest) {
  const auto known = members_.find(digest);
  if (known != members_.end()) return &known->second;
  // A run that goes on with an earlier one's plan asks for blobs before it asked for any manifest.
  std::optional<Error> failure;
  for (std::size_t i = 0; i < images_.size(); ++i) {
    try {
      manifest_of(i);
    } catch (const Error& error) {
      failure = error;
    }
    const auto found = members_.find(digest);
    if (found != members_.end()) return &found->second;
  }
  if (failure) throw Error(*failure);
  return nullptr;
}

void DockerArchiveSource::read_blob(const oci::Reference& /*repository*/,
                                    const oci::Descriptor& blob, std::uint64_t offset,
                                    io::ByteSink& sink) {
  const std::string* member = nullptr;
  {
    const std::lock_guard lock(mutex_);
    member = find_member(blob.digest);
  }
  if (member == nullptr) {
    throw Error(Code::kRefused,
                fmt::format("blob {} is not in {}", blob.digest.text(), quoted(archive_.path())));
  }
  UnfinishedSink unfinished(sink);
  archive_.read_member(*member, offset, unfinished);
}

std::optional<std::uint64_t> DockerArchiveSource::find_size(const oci::Reference& /*repository*/,
                                                            const oci::Descriptor& blob) {
  const std::lock_guard lock(mutex_);
  const std::string* member = find_member(blob.digest);
  if (member == nullptr) return std::nullopt;
  return archive_.size_of(*member);
}

bool DockerArchiveSource::answers() try {
  archive_.read_member(std::string(oci::kDockerManifestPath), limits::kLayoutIndexBytes);
  return true;
} catch (const Error&) {
  return false;
}

}  // namespace seabag::source
