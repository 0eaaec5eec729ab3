// SPDX-License-Identifier: Apache-2.0
#include "target/registry_target.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/error.h"
#include "base/limits.h"
#include "base/text.h"
#include "oci/media_types.h"
#include "oci/referrers.h"
#include "target/blob_upload.h"
#include "target/name_grammar.h"
#include "target/read_back.h"
#include "target/registry_answer.h"

namespace seabag::target {
namespace {

// Times that the fallback tag is read, merged and written before somebody else's writing is too
// much.
constexpr int kMergeRounds = 3;
// Times that a manifest is put of which the registry says that it lacks what is below, and has it.
constexpr int kDoubtRounds = 3;

std::string manifest_path(const std::string& remote, const std::string& tag_or_digest) {
  return fmt::format("/v2/{}/manifests/{}", remote, tag_or_digest);
}

registry::Scope push_scope(const std::string& remote) {
  return {remote, true, {}};
}

bool says_blob_unknown(const http::Response& response) {
  const auto body = io::text_of(response.body);
  return body.find("MANIFEST_BLOB_UNKNOWN") != std::string_view::npos ||
         body.find("MANIFEST_UNKNOWN") != std::string_view::npos;
}

bool is_index_answer(const http::Response& response) {
  const auto type = response.header("content-type");
  return response.status == 200 && type &&
         to_lower(*type).starts_with(oci::media_type::kImageIndex);
}

}  // namespace

RegistryTarget::RegistryTarget(TargetName name, std::shared_ptr<registry::Registry> registry,
                               std::uint64_t chunk_size)
    : name_(std::move(name)), registry_(std::move(registry)), chunk_size_(chunk_size) {}

std::string RegistryTarget::location(const oci::Reference& name) const {
  return fmt::format("docker://{}/{}", name_.registry, prefixed(name.text()));
}

std::optional<std::string> RegistryTarget::objection(const oci::Reference& name) const {
  const std::string repository = prefixed(name.repository_text());
  if (auto fault = grammar_objection(repository, name.tag)) return fault;
  const std::size_t length = registry_->name().size() + 1 + repository.size();
  if (length > limits::kRepositoryBytes) {
    return fmt::format("{} has {} characters with its registry, expected at most {}",
                       seabag::quoted(repository), length, limits::kRepositoryBytes);
  }
  return std::nullopt;
}

std::string RegistryTarget::prefixed(const std::string& repository) const {
  return name_.prefix.empty() ? repository : name_.prefix + '/' + repository;
}

// What goes into a URL holds to the grammar, whatever objection() was asked before.
std::string RegistryTarget::remote_name(const std::string& repository,
                                        const std::string& tag) const {
  std::string remote = prefixed(repository);
  if (const auto fault = grammar_objection(remote, tag)) throw Error(Code::kMalformed, *fault);
  return remote;
}

std::optional<digest::Digest> RegistryTarget::find_tag(const std::string& repository,
                                                       const std::string& tag) {
  const std::string remote = remote_name(repository, tag);
  const http::Response response = head_manifest(remote, tag);
  if (response.status == 404) return std::nullopt;
  if (response.status != 200) {
    throw registry_->failure(response, fmt::format("looking for {}:{}", remote, tag));
  }
  if (auto digest = digest_in(response)) return digest;
  const auto manifest = registry_->find_manifest(remote, tag, push_scope(remote));
  if (!manifest) return std::nullopt;
  return manifest->digest();
}

bool RegistryTarget::has_manifest(const std::string& repository, const digest::Digest& digest) {
  const std::string remote = remote_name(repository);
  const http::Response response = head_manifest(remote, digest.text());
  if (response.status == 404) return false;
  if (response.status != 200) {
    throw registry_->failure(response, fmt::format("looking for {}@{}", remote, digest.text()));
  }
  require_same_digest(response, digest);
  return true;
}

http::Response RegistryTarget::head_manifest(const std::string& remote,
                                             const std::string& tag_or_digest) {
  http::Request request;
  request.method = http::Method::kHead;
  request.url = registry_->url(manifest_path(remote, tag_or_digest));
  request.headers = {{"Accept", std::string(oci::media_type::accept_header())}};
  return registry_->send(std::move(request), push_scope(remote));
}

PutOutcome RegistryTarget::put_blob(const std::string& repository, const oci::Descriptor& blob,
                                    const io::BlobSource& bytes,
                                    const std::vector<std::string>& mount_from) try {
  BlobUpload upload(*registry_, remote_name(repository), blob, bytes, chunk_size_);
  if (upload.is_there()) return PutOutcome::kWasThere;
  std::vector<std::string> from;
  from.reserve(mount_from.size());
  for (const std::string& candidate : mount_from) from.push_back(remote_name(candidate));
  return upload.put(from);
} catch (Error& error) {
  error.add_context(fmt::format("blob {} to {}", blob.digest.text(), printable(repository)));
  throw;
}

void RegistryTarget::put_manifest(const std::string& repository, const oci::RawManifest& manifest,
                                  const std::optional<oci::Descriptor>& subject,
                                  const std::string& tag) {
  const std::string remote = remote_name(repository, tag);
  const std::string digest = manifest.digest().text();
  // A PUT by tag stores the manifest under its SHA-256 too, but under no other digest.
  if (!tag.empty() && manifest.digest().algorithm() != digest::Algorithm::kSha256) {
    push_manifest(remote, digest, manifest);
  }
  const http::Response response = push_manifest(remote, tag.empty() ? digest : tag, manifest);
  if (subject) note_referrers_api(remote, response.header("oci-subject").has_value());
}

http::Response RegistryTarget::push_manifest(const std::string& remote,
                                             const std::string& tag_or_digest,
                                             const oci::RawManifest& manifest) {
  const io::MemoryBlob bytes(manifest.bytes());
  const auto put = [&] {
    http::Request request;
    request.method = http::Method::kPut;
    request.url = registry_->url(manifest_path(remote, tag_or_digest));
    request.headers = {{"Content-Type", manifest.media_type()}};
    request.body = {&bytes, 0, bytes.size()};
    return registry_->send(std::move(request), push_scope(remote));
  };
  http::Response response = put();
  for (int round = 1; round < kDoubtRounds && says_blob_unknown(response); ++round) {
    if (!has_all_below(remote, manifest)) break;
    response = put();
  }
  const std::string doing = fmt::format("storing manifest {} in {}", tag_or_digest, remote);
  if (response.status == 201) {
    try {
      require_same_digest(response, manifest.digest());
    } catch (Error& error) {
      error.add_context(doing);
      throw;
    }
    return response;
  }
  Error error = registry_->failure(response, doing);
  if (says_blob_unknown(response) && oci::media_type::is_index(manifest.media_type())) {
    error.add_next_step(
        "this registry takes an index only with all of its children: export again without "
        "--platform, "
        "or push to a registry that takes partial indexes");
  }
  throw error;
}

// What a registry says it lacks it may have all the same: docker-registry 2.8 does not see a
// manifest for a moment when another client puts the same one.
bool RegistryTarget::has_all_below(const std::string& remote, const oci::RawManifest& manifest) {
  const auto is_there = [](const http::Response& response) {
    return response.status >= 200 && response.status < 400;
  };
  const oci::Manifest parsed = oci::parse_manifest(manifest);
  for (const oci::Descriptor& child : parsed.manifests) {
    if (!is_there(head_manifest(remote, child.digest.text()))) return false;
  }
  std::vector<oci::Descriptor> blobs = parsed.layers;
  if (parsed.config) blobs.push_back(*parsed.config);
  return std::ranges::all_of(blobs, [&](const oci::Descriptor& blob) {
    if (oci::media_type::is_non_distributable(blob.media_type)) return true;
    http::Request request;
    request.method = http::Method::kHead;
    request.url = registry_->url(fmt::format("/v2/{}/blobs/{}", remote, blob.digest.text()));
    return is_there(registry_->send(std::move(request), push_scope(remote)));
  });
}

void RegistryTarget::note_referrers_api(const std::string& remote, bool is_there) {
  const std::lock_guard lock(mutex_);
  referrers_api_.insert_or_assign(remote, is_there);
}

bool RegistryTarget::has_referrers_api(const std::string& remote, const digest::Digest& subject) {
  {
    const std::lock_guard lock(mutex_);
    const auto known = referrers_api_.find(remote);
    if (known != referrers_api_.end()) return known->second;
  }
  http::Request request;
  request.url = registry_->url(fmt::format("/v2/{}/referrers/{}", remote, subject.text()));
  request.max_body_bytes = limits::kListPageBytes;
  const http::Response response = registry_->send(std::move(request), push_scope(remote));
  if (response.status >= 500 || response.status == 429) {
    throw registry_->failure(response,
                             fmt::format("looking for the referrers of {}", subject.text()));
  }
  const bool is_there = is_index_answer(response);
  note_referrers_api(remote, is_there);
  return is_there;
}

bool RegistryTarget::link_referrers(const std::string& repository, const digest::Digest& subject,
                                    const std::vector<oci::Descriptor>& referrers) {
  const std::string remote = remote_name(repository);
  if (has_referrers_api(remote, subject)) return false;
  const std::string tag = oci::referrers_tag(subject);
  // There is no conditional PUT: what another client put into the tag between our reading and our
  // writing is found missing by reading again, as ours would be by it.
  for (int round = 0; round <= kMergeRounds; ++round) {
    const auto existing = registry_->find_manifest(remote, tag, push_scope(remote));
    const auto merged =
        oci::merge_referrers(existing ? io::text_of(existing->bytes()) : "", referrers);
    if (!merged) return true;
    if (round == kMergeRounds) break;
    const auto text = io::bytes_of(*merged);
    push_manifest(remote, tag,
                  oci::verified({text.begin(), text.end()},
                                std::string(oci::media_type::kImageIndex), std::nullopt));
  }
  throw Error(Code::kUnavailable,
              fmt::format("the referrers tag {}:{} lost entries {} times in a row", remote, tag,
                          kMergeRounds))
      .add_next_step("somebody else is writing it: push again");
}

void RegistryTarget::read_back_blob(const std::string& repository, const oci::Descriptor& blob) {
  target::read_back_blob(*registry_, remote_name(repository), blob);
}

void RegistryTarget::read_back_manifest(const std::string& repository,
                                        const digest::Digest& digest) {
  const std::string remote = remote_name(repository);
  if (registry_->find_manifest(remote, digest.text(), push_scope(remote))) return;
  throw Error(Code::kIntegrity, "it is not there any more");
}

}  // namespace seabag::target
