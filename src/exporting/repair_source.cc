// SPDX-License-Identifier: Apache-2.0
#include "exporting/repair_source.h"

#include <algorithm>

#include <fmt/format.h>

#include "exporting/resolve.h"

namespace seabag::exporting {
namespace {

// Repositories of one registry that are asked for a blob. When three that had it do not any more,
// more requests will not bring it back.
constexpr std::size_t kRepositoriesAsked = 8;

oci::Reference in_registry(const std::string& registry, const std::string& repository) {
  return {.registry = registry, .repository = repository, .tag = "", .digest = std::nullopt};
}

}  // namespace

RepairSource::RepairSource(const bundle::Damage& damage,
                           const std::vector<source::SourceName>& names,
                           std::vector<source::ImageSource*> sources)
    : damage_(damage), names_(names), sources_(std::move(sources)) {}

oci::RawManifest RepairSource::manifest(const oci::Reference& name) {
  throw Error(Code::kInternal, fmt::format("bug: a repair asks for {} by name", name.text()));
}

std::vector<RepairSource::Place> RepairSource::places_of(const bundle::DamagedBlob& blob) const {
  std::vector<std::string> repositories;
  for (const std::string& text : blob.references) {
    const auto reference = oci::find_reference(text);
    if (!reference || repositories.size() == kRepositoriesAsked) continue;
    if (std::ranges::find(repositories, reference->repository) == repositories.end()) {
      repositories.push_back(reference->repository);
    }
  }
  std::vector<Place> places;
  for (std::size_t i = 0; i < sources_.size(); ++i) {
    const oci::Reference& named = names_[i].reference;
    if (names_[i].transport != source::Transport::kRegistry) {
      places.push_back({sources_[i], {}});
    } else if (!named.repository.empty()) {
      places.push_back({sources_[i], in_registry(named.registry, named.repository)});
    } else {
      for (const std::string& repository : repositories) {
        places.push_back({sources_[i], in_registry(named.registry, repository)});
      }
    }
  }
  return places;
}

const bundle::DamagedBlob* RepairSource::find(const digest::Digest& digest) const {
  const auto found =
      std::ranges::lower_bound(damage_.blobs, digest, {}, &bundle::DamagedBlob::digest);
  return found == damage_.blobs.end() || found->digest != digest ? nullptr : &*found;
}

RepairSource::Attempt& RepairSource::attempt_of(const digest::Digest& digest) {
  const std::scoped_lock lock(mutex_);
  return attempts_[digest];
}

void RepairSource::read_from(const Place& place, const bundle::DamagedBlob& blob,
                             std::uint64_t offset, io::ByteSink& sink) {
  if (!blob.is_manifest) {
    // No media type: a layer of which a manifest says that it is not to be distributed is asked for
    // like any other.
    place.source->read_blob(place.repository,
                            {.media_type = "", .digest = blob.digest, .size = blob.size}, offset,
                            sink);
    return;
  }
  oci::Reference name = place.repository;
  name.digest = blob.digest;
  const oci::RawManifest manifest = place.source->manifest(name);
  if (manifest.bytes().size() != blob.size) {
    throw Error(Code::kIntegrity,
                fmt::format("expected {} bytes, got {}", blob.size, manifest.bytes().size()));
  }
  sink.write(std::span(manifest.bytes()).subspan(offset));
}

void RepairSource::read_blob(const oci::Reference& /*repository*/, const oci::Descriptor& blob,
                             std::uint64_t offset, io::ByteSink& sink) {
  const bundle::DamagedBlob* wanted = find(blob.digest);
  check(wanted != nullptr, "a repair asks for damaged blobs alone");
  const std::vector<Place> places = places_of(*wanted);
  Attempt& attempt = attempt_of(blob.digest);
  // All came and it is asked for from the start again: those were not its bytes.
  if (offset == 0 && attempt.is_done) ++attempt.place;
  attempt.is_done = false;
  std::optional<Error> failure;
  for (std::size_t tries = 0; tries < places.size(); ++tries) {
    const Place& place = places[attempt.place % places.size()];
    try {
      read_from(place, *wanted, offset, sink);
      attempt.is_done = true;
      return;
    } catch (const Error& error) {
      // What may pass is waited for by who asks, and then asked for from where it stands.
      const bool may_pass = error.code() == Code::kUnavailable && place.source->answers();
      if (ends_the_run(error) || may_pass) throw;
      if (!failure || failure->code() == Code::kUnavailable) failure = error;
      ++attempt.place;
    }
  }
  if (failure) throw Error(*failure);
  throw Error(Code::kRefused, "none of the sources is a place that it was read from")
      .add_next_step("name the registry of one of its images, or a repository in another");
}

bool RepairSource::answers() {
  return std::ranges::any_of(sources_,
                             [](source::ImageSource* source) { return source->answers(); });
}

}  // namespace seabag::exporting
