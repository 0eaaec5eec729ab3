// SPDX-License-Identifier: Apache-2.0
#include "source/layout_source.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <tuple>
#include <utility>

#include <fmt/format.h>

#include "base/arith.h"
#include "base/limits.h"
#include "base/text.h"
#include "oci/media_types.h"
#include "source/attached_list.h"
#include "source/entry_name.h"

namespace seabag::source {
namespace {

// oci-layout has some 30 bytes.
constexpr std::uint64_t kLayoutFileBytes = 4096;

auto repository_key(const oci::Reference& name) {
  return std::tie(name.registry, name.repository);
}

auto name_key(const oci::Reference& repository, const std::string& tag) {
  return std::tie(repository.registry, repository.repository, tag);
}

// The position of `item` in `items`, where it is put if it is not there; `known` remembers.
template <class Key, class Item>
std::uint32_t position_in(std::vector<Item>& items, std::map<Key, std::uint32_t>& known, Key key,
                          Item item) {
  const auto [found, is_new] =
      known.try_emplace(std::move(key), narrow<std::uint32_t>(items.size()));
  if (is_new) items.push_back(std::move(item));
  return found->second;
}

std::string read_text(const LayoutFiles& files, std::string_view file, std::uint64_t max_bytes) {
  const std::string path(file);
  if (!files.find_size(path)) {
    throw Error(Code::kMalformed,
                fmt::format("{} is no image layout: it has no {}", quoted(files.path()), path))
        .add_next_step("an archive made by \"docker save\" is read with docker-archive:");
  }
  return std::string(io::text_of(files.read(path, max_bytes)));
}

// By either annotation, for some tools write one and some the other.
bool has_name(const oci::NamedManifest& entry, const std::string& name) {
  const auto ref_name = entry.manifest.annotations.find(std::string(oci::kRefNameAnnotation));
  return entry.name == name ||
         (ref_name != entry.manifest.annotations.end() && ref_name->second == name);
}

// Entries for a message: the first few, and how many more there are.
class EntryList {
 public:
  void add(const oci::NamedManifest& entry) {
    if (++count_ > kShown) return;
    text_ += fmt::format("{}{} {}", count_ == 1 ? "" : ", ", quoted(entry.name),
                         entry.manifest.digest.text());
  }
  std::size_t count() const { return count_; }
  std::string text() const {
    if (count_ == 0) return "none";
    return count_ > kShown ? fmt::format("{} and {} more", text_, count_ - kShown) : text_;
  }

 private:
  static constexpr std::size_t kShown = 10;
  std::size_t count_ = 0;
  std::string text_;
};

// Finds the one entry that the user named, by its name or its position.
class Choice {
 public:
  explicit Choice(const std::string& name) : name_(name) {}

  void consider(const oci::NamedManifest& entry) {
    const std::size_t position = all_.count();
    all_.add(entry);
    if (!has_name(entry, name_) || digest_ == entry.manifest.digest) return;
    if (matches_.count() == 0) {
      position_ = position;
      digest_ = entry.manifest.digest;
    }
    matches_.add(entry);
  }

  std::size_t taken(const std::string& path) const {
    const auto position = find_position(name_);
    if (position && *position < all_.count()) return *position;
    if (matches_.count() == 1) return position_;
    throw Error(Code::kRefused, matches_.count() == 0
                                    ? fmt::format("{} has no image {}, but {}", quoted(path),
                                                  quoted(name_), all_.text())
                                    : fmt::format("{} has several images {}: {}", quoted(path),
                                                  quoted(name_), matches_.text()))
        .add_next_step("name one by its position in index.json: @0 is the first");
  }

 private:
  const std::string& name_;
  EntryList all_;
  EntryList matches_;
  std::size_t position_ = 0;              // of the first match
  std::optional<digest::Digest> digest_;  // the same
};

// For a manifest whose descriptor is not at hand or says nothing: the document itself says its
// type, once it is known to be the right one.
oci::RawManifest verified_as_it_says(io::Bytes bytes, const digest::Digest& digest) {
  const oci::RawManifest raw = oci::verified(std::move(bytes), {}, digest);
  return oci::verified(raw.bytes(), oci::media_type_of(raw.bytes()), digest);
}

}  // namespace

LayoutSource::LayoutSource(std::string uri, std::unique_ptr<LayoutFiles> files,
                           const std::string& name, ForeignClient foreign_client)
    : uri_(std::move(uri)), files_(std::move(files)), foreign_client_(std::move(foreign_client)) {
  oci::require_layout_version(read_text(*files_, oci::kLayoutPath, kLayoutFileBytes));
  read_entries(name);
  sort_positions();
}

void LayoutSource::read_entries(const std::string& name) {
  const std::string base_repository = repository_of_path(files_->path());
  Choice choice(name);
  std::map<std::pair<std::string, std::string>, std::uint32_t> repositories;
  std::map<std::string, std::uint32_t> media_types;
  const std::string index = read_text(*files_, oci::kIndexPath, limits::kLayoutIndexBytes);
  oci::visit_layout_index(index, [&](const oci::NamedManifest& entry) {
    if (!name.empty()) choice.consider(entry);
    oci::Reference reference = reference_of_entry(entry.name, base_repository);
    std::string tag = std::exchange(reference.tag, {});
    const std::pair key(reference.registry, reference.repository);
    const std::string& media_type = entry.manifest.media_type;
    entries_.push_back(
        {.repository = position_in(repositories_, repositories, key, std::move(reference)),
         .media_type = position_in(media_types_, media_types, media_type, media_type),
         .is_named = !entry.name.empty(),
         .tag = std::move(tag),
         .digest = entry.manifest.digest,
         .size = entry.manifest.size});
  });
  if (!name.empty()) asked_ = narrow<std::uint32_t>(choice.taken(files_->path()));
}

void LayoutSource::sort_positions() {
  by_name_.resize(entries_.size());
  std::iota(by_name_.begin(), by_name_.end(), 0U);
  by_digest_ = by_name_;
  std::ranges::stable_sort(by_name_, {}, [this](std::uint32_t i) {
    return name_key(repository_of(entries_[i]), entries_[i].tag);
  });
  std::ranges::stable_sort(by_digest_, {}, [this](std::uint32_t i) -> const digest::Digest& {
    return entries_[i].digest;
  });
}

oci::Reference LayoutSource::name_of(const Entry& entry) const {
  oci::Reference name = repository_of(entry);
  name.tag = entry.tag;
  if (entry.tag.empty()) name.digest = entry.digest;
  return name;
}

std::ranges::subrange<LayoutSource::Positions::const_iterator> LayoutSource::positions_of(
    const oci::Reference& name) const {
  return std::ranges::equal_range(by_name_, name_key(name, name.tag), {}, [this](std::uint32_t i) {
    return name_key(repository_of(entries_[i]), entries_[i].tag);
  });
}

LayoutSource::Positions LayoutSource::listed_entries(const Relations& known) const {
  std::unordered_set<digest::Digest> named;
  std::unordered_set<digest::Digest> entries;
  for (const Entry& entry : entries_) {
    entries.insert(entry.digest);
    if (entry.is_named) named.insert(entry.digest);
  }
  const auto is_listed = [&](const Entry& entry) {
    const digest::Digest& digest = entry.digest;
    if (entry.is_named) return true;
    if (named.contains(digest) || known.children.contains(digest)) return false;
    const auto subject = known.subjects.find(digest);
    return subject == known.subjects.end() ||
           (!entries.contains(subject->second) && !known.children.contains(subject->second));
  };
  Positions listed;
  for (const std::uint32_t position : by_name_) {
    if (is_listed(entries_[position])) listed.push_back(position);
  }
  // by_name_ has those without a tag in the order of index.json.
  std::ranges::sort(listed, {}, [this](std::uint32_t i) {
    return std::tuple_cat(name_key(repository_of(entries_[i]), entries_[i].tag),
                          std::tie(entries_[i].digest));
  });
  const auto same_name = [this](std::uint32_t a, std::uint32_t b) {
    return name_of(entries_[a]) == name_of(entries_[b]);
  };
  listed.erase(std::ranges::unique(listed, same_name).begin(), listed.end());
  return listed;
}

std::span<const std::uint32_t> LayoutSource::listed() {
  if (asked_) return {&*asked_, 1};
  return relations().listed;
}

std::vector<oci::Reference> LayoutSource::repositories() {
  std::vector<oci::Reference> repositories;
  for (const std::uint32_t position : listed()) {
    const oci::Reference& repository = repository_of(entries_[position]);
    if (repositories.empty() || repositories.back() != repository) {
      repositories.push_back(repository);
    }
  }
  return repositories;
}

std::vector<oci::Reference> LayoutSource::references(const oci::Reference& repository) {
  std::vector<oci::Reference> references;
  for (const std::uint32_t position : std::ranges::equal_range(
           listed(), repository_key(repository), {},
           [this](std::uint32_t i) { return repository_key(repository_of(entries_[i])); })) {
    references.push_back(name_of(entries_[position]));
  }
  return references;
}

oci::RawManifest LayoutSource::manifest(const oci::Reference& name) {
  if (asked_ && name_of(entries_[*asked_]) == name) return read_manifest(entries_[*asked_]);
  if (name.digest) return read_manifest(*name.digest);

  const Entry* found = nullptr;
  for (const std::uint32_t position : positions_of(name)) {
    const Entry& entry = entries_[position];
    if (found != nullptr && found->digest != entry.digest) {
      throw Error(Code::kMalformed,
                  fmt::format("index.json gives the name {} to {} and to {}", quoted(name.text()),
                              found->digest.text(), entry.digest.text()))
          .add_next_step("name the one you want by its position in index.json: @0 is the first");
    }
    found = &entry;
  }
  if (found == nullptr) {
    throw Error(Code::kRefused,
                fmt::format("{} has no image {}", quoted(files_->path()), quoted(name.text())));
  }
  return read_manifest(*found);
}

// The path of a blob that is there and has the size that its descriptor says.
std::string LayoutSource::require_blob(const digest::Digest& digest,
                                       std::optional<std::uint64_t> size) const {
  std::string path = oci::blob_path(digest);
  const auto found = files_->find_size(path);
  if (!found) {
    throw Error(Code::kRefused,
                fmt::format("blob {} is not in {}", digest.text(), quoted(files_->path())));
  }
  if (size && *size != *found) {
    throw Error(Code::kIntegrity,
                fmt::format("blob {} in {}: expected {} bytes, got {}", digest.text(),
                            quoted(files_->path()), *size, *found));
  }
  return path;
}

oci::RawManifest LayoutSource::read_manifest(const Entry& manifest) const {
  auto bytes = files_->read(require_blob(manifest.digest, manifest.size), limits::kManifestBytes);
  const std::string& media_type = media_types_[manifest.media_type];
  if (oci::media_type::is_index(media_type) || oci::media_type::is_image_manifest(media_type) ||
      oci::media_type::is_schema1(media_type)) {
    return oci::verified(std::move(bytes), media_type, manifest.digest);
  }
  return verified_as_it_says(std::move(bytes), manifest.digest);
}

oci::RawManifest LayoutSource::read_manifest(const digest::Digest& digest) const {
  const auto digest_at = [this](std::uint32_t i) -> const digest::Digest& {
    return entries_[i].digest;
  };
  const auto position = std::ranges::lower_bound(by_digest_, digest, {}, digest_at);
  if (position != by_digest_.end() && digest_at(*position) == digest) {
    return read_manifest(entries_[*position]);
  }
  auto bytes = files_->read(require_blob(digest, std::nullopt), limits::kManifestBytes);
  return verified_as_it_says(std::move(bytes), digest);
}

std::vector<Attached> LayoutSource::attached(const oci::Reference& repository,
                                             const digest::Digest& subject) {
  const Relations& known = relations();
  if (known.failure) {
    throw Error(*known.failure).add_context("looking for what is attached to images");
  }
  AttachedList list;
  const auto [first, last] = known.referrers.equal_range(subject);
  for (auto referrer = first; referrer != last; ++referrer) list.add(referrer->second);

  for (const std::string& tag : attached_tags(subject)) {
    const auto name = make_reference(repository.registry, repository.repository, tag);
    for (const std::uint32_t position : positions_of(name)) {
      list.add_tagged(read_manifest(entries_[position]), tag);
    }
  }
  return list.take();
}

const LayoutSource::Relations& LayoutSource::relations() {
  const std::lock_guard lock(mutex_);
  if (!relations_) relations_ = read_relations();
  return *relations_;
}

LayoutSource::Relations LayoutSource::read_relations() const {
  Relations relations;
  std::unordered_set<digest::Digest> read;
  for (const Entry& entry : entries_) {
    if (!read.insert(entry.digest).second) continue;
    try {
      const oci::RawManifest raw = read_manifest(entry);
      const oci::Manifest parsed = oci::parse_manifest(raw);
      for (const oci::Descriptor& child : parsed.manifests) relations.children.insert(child.digest);
      if (!parsed.subject) continue;
      relations.subjects.emplace(raw.digest(), parsed.subject->digest);
      relations.referrers.emplace(parsed.subject->digest, raw.descriptor());
    } catch (const Error& error) {
      // What is no manifest of today has no subject. What is missing or damaged might have one.
      const bool no_manifest =
          error.code() == Code::kUnsupported || error.code() == Code::kMalformed;
      if (!no_manifest) relations.failure = error;
    }
  }
  relations.listed = listed_entries(relations);
  return relations;
}

void LayoutSource::read_blob(const oci::Reference& /*repository*/, const oci::Descriptor& blob,
                             std::uint64_t offset, io::ByteSink& sink) {
  const bool foreign = oci::media_type::is_non_distributable(blob.media_type);
  if (foreign && !files_->find_size(oci::blob_path(blob.digest))) {
    read_foreign_layer(foreign_client_, blob, LocalUrls::kRefused, offset, sink);
    return;
  }
  files_->stream(require_blob(blob.digest, blob.size), offset, sink);
}

std::optional<std::uint64_t> LayoutSource::find_size(const oci::Reference& /*repository*/,
                                                     const oci::Descriptor& blob) {
  return files_->find_size(oci::blob_path(blob.digest));
}

bool LayoutSource::answers() try {
  files_->read(std::string(oci::kLayoutPath), kLayoutFileBytes);
  return true;
} catch (const Error&) {
  return false;
}

}  // namespace seabag::source
