// SPDX-License-Identifier: Apache-2.0
#include "source/registry_source.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/limits.h"
#include "base/text.h"
#include "oci/media_types.h"
#include "oci/referrers.h"
#include "source/entry_name.h"
#include "source/range_reader.h"

namespace seabag::source {
namespace {

// Names a page: what the large registries allow at most. It is a wish; all pages are read anyway.
constexpr int kPageNames = 1000;

registry::Scope pull(const std::string& repository) {
  registry::Scope scope;
  scope.repository = repository;
  return scope;
}

/// The names that the pages of a listing have under one key. Whether they are names is asked where
/// one is used, so that a wrong one costs itself alone.
class NameList {
 public:
  explicit NameList(const char* key) : key_(key) {}

  void add_page(const json::Value& page) {
    const json::Value* listed = json::find_array(page, key_);
    if (listed == nullptr) return;  // a repository without tags: distribution writes null
    for (const json::Value& entry : *listed) {
      const auto* name = entry.get_ptr<const json::Value::string_t*>();
      if (name == nullptr || name->empty()) {
        throw Error(Code::kProtocol,
                    fmt::format("{}: {} is no name", quoted(key_), quoted(entry.dump(), 160)));
      }
      bytes_ += memory_of(*name);
      if (bytes_ > limits::kListBytes) {
        throw Error(Code::kProtocol, fmt::format("{}: more names than fit into {}", quoted(key_),
                                                 readable_size(limits::kListBytes)));
      }
      names_.push_back(*name);
    }
  }

  std::vector<std::string> take() {
    std::ranges::sort(names_);
    const auto twice = std::ranges::unique(names_);
    names_.erase(twice.begin(), twice.end());
    return std::move(names_);
  }

 private:
  // A short name lies in the string itself, a longer one beside it, rounded up and with its length.
  static std::size_t memory_of(const std::string& name) {
    static const std::size_t kInside = std::string().capacity();
    return sizeof(std::string) + (name.size() > kInside ? name.size() + 24 : 0);
  }

  const char* key_;
  std::vector<std::string> names_;
  std::size_t bytes_ = 0;
};

// Nothing that is no name goes into a URL.
void require_repository(const oci::Reference& repository) {
  if (oci::is_repository(repository.repository)) return;
  throw Error(Code::kProtocol,
              fmt::format("the registry lists {}, which is no name of a repository",
                          quoted(repository.repository, 160)));
}

void require_tag(const oci::Reference& name) {
  if (name.digest || oci::is_tag(name.tag)) return;
  throw Error(Code::kProtocol,
              fmt::format("the registry lists {}, which is no tag", quoted(name.tag, 160)));
}

// Registries without the referrers API answer 404, or as they answer anything they do not know:
// 400, 405, 401 or 403 from a proxy in front, a page of HTML.
bool says_no_api(Code code) {
  return code == Code::kDenied || code == Code::kRefused || code == Code::kProtocol ||
         code == Code::kMalformed;
}

}  // namespace

RegistrySource::RegistrySource(std::string uri, oci::Reference asked,
                               std::shared_ptr<registry::Registry> registry,
                               ForeignClient foreign_client)
    : uri_(std::move(uri)),
      asked_(std::move(asked)),
      registry_(std::move(registry)),
      foreign_client_(std::move(foreign_client)) {}

std::vector<std::string> RegistrySource::list_catalog() try {
  NameList names("repositories");
  const bool has_catalog =
      registry_->for_each_page(fmt::format("/v2/_catalog?n={}", kPageNames), {},
                               fmt::format("listing the repositories of {}", asked_.registry),
                               [&](const json::Value& page) { names.add_page(page); });
  if (!has_catalog) throw Error(Code::kRefused, fmt::format("{} has no catalog", asked_.registry));
  return names.take();
} catch (Error& error) {
  if (error.code() == Code::kRefused || error.code() == Code::kDenied) {
    error.add_context("this registry does not list its repositories");
    error.add_next_step(
        fmt::format("name them one by one: docker://{}/REPOSITORY", asked_.registry));
  }
  throw;
}

std::vector<oci::Reference> RegistrySource::repositories() {
  if (!asked_.repository.empty()) {
    return {make_reference(asked_.registry, asked_.repository)};
  }
  std::vector<oci::Reference> repositories;
  for (std::string& name : list_catalog()) {
    repositories.push_back(make_reference(asked_.registry, std::move(name)));
  }
  return repositories;
}

std::optional<std::vector<std::string>> RegistrySource::list_tags(const std::string& repository) {
  NameList names("tags");
  const bool known =
      registry_->for_each_page(fmt::format("/v2/{}/tags/list?n={}", repository, kPageNames),
                               pull(repository), fmt::format("listing the tags of {}", repository),
                               [&](const json::Value& page) { names.add_page(page); });
  if (!known) return std::nullopt;
  return names.take();
}

std::vector<oci::Reference> RegistrySource::references(const oci::Reference& repository) {
  if (!asked_.tag.empty() || asked_.digest) return {asked_};
  require_repository(repository);
  const auto tags = list_tags(repository.repository);
  // A catalog goes on naming repositories that nothing was ever tagged in, or not any more.
  if (!tags && !asked_.repository.empty()) {
    throw Error(Code::kRefused, fmt::format("{} is not there", repository.repository_text()));
  }
  if (tags) {
    Discovery& discovery = discovery_of(repository.repository);
    const std::lock_guard lock(discovery.mutex);
    discovery.learn(*tags);
  }
  std::vector<oci::Reference> references;
  for (const std::string& tag : tags.value_or(std::vector<std::string>())) {
    references.push_back(make_reference(repository.registry, repository.repository, tag));
  }
  return references;
}

oci::RawManifest RegistrySource::manifest(const oci::Reference& name) {
  require_tag(name);
  auto found = registry_->find_manifest(
      name.repository, name.digest ? name.digest->text() : name.tag, pull(name.repository));
  if (!found) throw Error(Code::kRefused, fmt::format("{} is not there", name.text()));
  return *std::move(found);
}

RegistrySource::Discovery& RegistrySource::discovery_of(const std::string& repository) {
  const std::lock_guard lock(mutex_);
  return discoveries_[repository];
}

void RegistrySource::Discovery::learn(const std::vector<std::string>& all) {
  tags.emplace();
  for (const std::string& tag : all) {
    if (oci::subject_of_tag(tag)) tags->insert(tag);
  }
}

// Lists the tags of a repository once, for all its manifests. Requires discovery.mutex held.
void RegistrySource::learn_tags(const std::string& repository, Discovery& discovery) {
  if (discovery.tags || !discovery.lists_tags) return;
  try {
    const auto tags = list_tags(repository);
    discovery.lists_tags = tags.has_value();
    if (tags) discovery.learn(*tags);
  } catch (const Error& error) {
    if (error.code() != Code::kRefused && error.code() != Code::kDenied) throw;
    discovery.lists_tags = false;
  }
}

// False if the registry turns out to have no referrers API. Once it had, anything but a list is a
// failure: what it would have named is lost.
bool RegistrySource::read_referrers(const std::string& repository, const digest::Digest& subject,
                                    bool is_api, AttachedList& list) {
  const std::string what = fmt::format("listing the referrers of {}", subject.text());
  const auto visit = [&](const json::Value& page) {
    const json::Value* manifests = json::find_array(page, "manifests");
    const auto media_type =
        json::find_string(page, "mediaType").value_or(std::string(oci::media_type::kImageIndex));
    if (manifests == nullptr || media_type != oci::media_type::kImageIndex) {
      throw Error(Code::kProtocol, "a list of referrers that is no image index");
    }
    is_api = true;
    for (const json::Value& referrer : *manifests) list.add(oci::parse_descriptor(referrer));
  };
  const auto ask = [&] {
    return registry_->for_each_page(fmt::format("/v2/{}/referrers/{}", repository, subject.text()),
                                    pull(repository), what, visit);
  };
  // What says so otherwise than by 404 may have been a proxy in a bad moment, and is believed for
  // the whole repository: it is asked once more.
  for (const bool is_last : {false, true}) {
    try {
      const bool is_there = ask();
      if (!is_there && is_api) {
        throw Error(Code::kProtocol,
                    what + ": not there, where other images of the repository have such a list");
      }
      return is_there;
    } catch (const Error& error) {
      if (is_api || !says_no_api(error.code())) throw;
      if (is_last) return false;
    }
  }
  return false;
}

std::vector<Attached> RegistrySource::attached(const oci::Reference& repository,
                                               const digest::Digest& subject) {
  const std::string& name = repository.repository;
  Discovery& discovery = discovery_of(name);
  AttachedList list;
  bool ask_api = false;
  std::vector<std::string> tags;
  {
    const std::lock_guard lock(discovery.mutex);
    learn_tags(name, discovery);
    for (const std::string& tag : attached_tags(subject)) {
      if (!discovery.tags || discovery.tags->contains(tag)) tags.push_back(tag);
    }
    ask_api = discovery.has_referrers_api.value_or(false);
    // The first question is asked by one alone: most registries answer that there is no API.
    if (!discovery.has_referrers_api) {
      discovery.has_referrers_api = read_referrers(name, subject, false, list);
    }
  }
  if (ask_api) read_referrers(name, subject, true, list);
  for (const std::string& tag : tags) {
    const auto found = registry_->find_manifest(name, tag, pull(name));
    if (found) list.add_tagged(*found, tag);
  }
  return list.take();
}

void RegistrySource::read_blob(const oci::Reference& repository, const oci::Descriptor& blob,
                               std::uint64_t offset, io::ByteSink& sink) {
  if (offset == blob.size) return;  // nothing is left, and no range can ask for nothing
  if (oci::media_type::is_non_distributable(blob.media_type)) {
    const bool local = http::is_local_address(registry_->url("/").origin);
    read_foreign_layer(foreign_client_, blob, local ? LocalUrls::kAllowed : LocalUrls::kRefused,
                       offset, sink);
    return;
  }
  RangeReader reader(offset, sink);
  http::Request request{.url = registry_->url(fmt::format("/v2/{}/blobs/{}", repository.repository,
                                                          blob.digest.text())),
                        .headers = reader.headers(),
                        .max_body_bytes = limits::kErrorBodyBytes};
  const auto accepts = [&reader](const http::Response& answer) { return reader.accepts(answer); };
  const http::Response answer =
      registry_->send(std::move(request), pull(repository.repository), &reader, accepts);
  reader.require_range(answer);
  if (answer.status == 200 || answer.status == 206) return;
  throw registry_->failure(answer, fmt::format("reading blob {} of {}", blob.digest.text(),
                                               repository.repository_text()));
}

std::optional<std::uint64_t> RegistrySource::find_size(const oci::Reference& repository,
                                                       const oci::Descriptor& blob) {
  const std::string& type = blob.media_type;
  const bool is_manifest =
      oci::media_type::is_index(type) || oci::media_type::is_image_manifest(type);
  // The media type is what a manifest says, of which nothing is certain here.
  const std::string& name = repository.repository;
  if (is_manifest) {
    if (const auto size = find_manifest_size(name, blob.digest)) return size;
    return find_blob_size(name, blob.digest);
  }
  if (const auto size = find_blob_size(name, blob.digest)) return size;
  return find_manifest_size(name, blob.digest);
}

std::optional<std::uint64_t> RegistrySource::find_manifest_size(const std::string& repository,
                                                                const digest::Digest& digest) {
  const auto found = registry_->find_manifest(repository, digest.text(), pull(repository));
  if (!found) return std::nullopt;
  return found->bytes().size();
}

std::optional<std::uint64_t> RegistrySource::find_blob_size(const std::string& repository,
                                                            const digest::Digest& digest) {
  http::Request request{
      .method = http::Method::kHead,
      .url = registry_->url(fmt::format("/v2/{}/blobs/{}", repository, digest.text()))};
  const http::Response answer = registry_->send(std::move(request), pull(repository));
  const auto length = answer.header("content-length");
  if (answer.status != 200 || !length) return std::nullopt;
  const auto size = find_number(trimmed(*length));
  if (size == 0) return std::nullopt;  // of the answer itself, as some proxies count
  return size;
}

}  // namespace seabag::source
