// SPDX-License-Identifier: Apache-2.0
#include "target/layout_target.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "base/error.h"
#include "base/limits.h"
#include "base/text.h"
#include "digest/verifying_sink.h"
#include "io/copy.h"
#include "io/file_blob.h"
#include "io/file_window.h"
#include "json/json.h"
#include "oci/image_layout.h"
#include "oci/media_types.h"
#include "target/name_grammar.h"
#include "target/part_file.h"

namespace seabag::target {
namespace {

// The names that an entry has for any reader: some look at one annotation, some at the other.
std::set<std::string> names_of(const oci::NamedManifest& entry) {
  std::set<std::string> names;
  for (const std::string_view key : {oci::kRefNameAnnotation, oci::kContainerdNameAnnotation}) {
    const auto found = entry.manifest.annotations.find(std::string(key));
    if (found != entry.manifest.annotations.end()) names.insert(found->second);
  }
  return names;
}

struct NewEntry {
  std::string_view name;
  const oci::Descriptor* manifest;
};

// The entries of `existing` as they stand there, those whose name a new one has replaced where they
// stand; then the other new ones. Pushing the same again changes nothing.
std::string merged_index(const std::string& existing, const std::vector<NewEntry>& added) {
  std::map<std::string_view, std::size_t> position_of;
  for (std::size_t i = 0; i < added.size(); ++i) {
    if (!added[i].name.empty()) position_of.emplace(added[i].name, i);
  }
  std::vector<bool> is_placed(added.size(), false);
  std::string list;
  const auto append = [&](std::string_view entry) {
    if (!list.empty()) list += ',';
    list += entry;
  };
  const auto place = [&](std::size_t i) {
    if (is_placed[i]) return;
    append(oci::to_json_text({std::string(added[i].name), *added[i].manifest}));
    is_placed[i] = true;
  };
  std::vector<std::string_view> entries;
  const auto around =
      json::split_list(existing, std::string(oci::kIndexPath), "manifests", limits::kLayoutImages,
                       [&](std::string_view entry) { entries.push_back(entry); });
  std::size_t at = 0;
  oci::visit_layout_index(existing, [&](const oci::NamedManifest& entry) {
    const std::string_view text = entries.at(at++);
    bool is_replaced = false;
    for (const std::string& name : names_of(entry)) {
      const auto found = position_of.find(name);
      if (found == position_of.end()) continue;
      is_replaced = true;
      place(found->second);
    }
    if (!is_replaced) append(text);
  });
  for (std::size_t i = 0; i < added.size(); ++i) place(i);
  check(around.has_value(), "an index.json that was read has its list");
  return fmt::format("{}{}{}", around->before, list, around->after);
}

}  // namespace

/// The one thread that works on a blob: others that want the same wait, and find it landed.
class LayoutTarget::Turn {
 public:
  Turn(LayoutTarget& target, const digest::Digest& digest) : target_(target), digest_(digest) {
    std::unique_lock lock(target_.mutex_);
    target_.turn_is_free_.wait(lock, [&] { return !target_.in_turn_.contains(digest_); });
    target_.in_turn_.insert(digest_);
  }
  ~Turn() {
    {
      const std::lock_guard lock(target_.mutex_);
      target_.in_turn_.erase(digest_);
    }
    target_.turn_is_free_.notify_all();
  }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

 private:
  LayoutTarget& target_;
  digest::Digest digest_;
};

LayoutTarget::LayoutTarget(TargetName name, io::FileSystem& files)
    : name_(std::move(name)), files_(files) {
  if (!is_layout()) return;
  oci::require_layout_version(
      io::text_of(io::read_file(files_, place(oci::kLayoutPath), limits::kConfigFileBytes)));
  oci::visit_layout_index(read_index(), [this](const oci::NamedManifest& entry) {
    listed_.insert(entry.manifest.digest);
    if (!entry.name.empty()) names_.insert_or_assign(entry.name, entry.manifest.digest);
  });
}

LayoutTarget::~LayoutTarget() = default;

std::string LayoutTarget::place(std::string_view relative_path) const {
  return io::join(name_.path, std::string(relative_path));
}

// False: there is nothing yet, or a folder with nothing in it. What a run left that ended before
// its first blob counts as nothing.
bool LayoutTarget::is_layout() {
  const auto found = files_.find(name_.path);
  if (!found) return false;
  if (found->kind == io::FileKind::kRegular) {
    throw Error(Code::kUsage,
                fmt::format("{} is a file, expected a directory", seabag::quoted(name_.path)));
  }
  if (files_.find(place(oci::kLayoutPath))) return true;
  const auto is_foreign = [](const io::DirectoryEntry& entry) {
    return entry.name != "oci-layout.part";
  };
  const auto entries = files_.list(name_.path);
  const auto foreign = std::ranges::find_if(entries, is_foreign);
  if (foreign == entries.end()) return false;
  throw Error(
      Code::kUsage,
      fmt::format("{} is no image layout, but holds {}; expected a layout to add to, or nothing",
                  seabag::quoted(name_.path), seabag::quoted(foreign->name)));
}

// What index.json has; of a run that did not come to its finish(), an index of nothing.
std::string LayoutTarget::read_index() {
  const std::string path = place(oci::kIndexPath);
  if (!files_.find(path)) return oci::write_layout_index({});
  return std::string(io::text_of(io::read_file(files_, path, limits::kLayoutIndexBytes)));
}

void LayoutTarget::prepare() {
  std::call_once(prepared_, [this] {
    io::create_directories(files_, name_.path);
    if (!lock_) lock_ = files_.try_lock(name_.path);
    if (!lock_) {
      throw Error(Code::kLocked, fmt::format("another run adds to {}", seabag::quoted(name_.path)));
    }
    if (!is_layout()) {
      io::replace_file(files_, place(oci::kLayoutPath), io::bytes_of(oci::kLayoutText));
    }
    // Both, so that no later call has to make one: the empty one does no harm.
    for (const char* directory : {"blobs", "blobs/sha256", "blobs/sha512"}) {
      require_directory(place(directory));
    }
  });
}

// A link there would lead out of the layout.
void LayoutTarget::require_directory(const std::string& path) {
  io::create_directories(files_, path);
  const auto found = files_.find(path);
  if (!found || found->kind != io::FileKind::kDirectory) {
    throw Error(Code::kMalformed, fmt::format("{} is not a directory", seabag::quoted(path)));
  }
}

// Source: containers-transports(5), "oci:path[:reference]".
std::string LayoutTarget::location(const oci::Reference& name) const {
  return fmt::format("oci:{}:{}", name_.path, name.text());
}

std::optional<std::string> LayoutTarget::objection(const oci::Reference& name) const {
  if (!name.registry.empty() && !oci::is_registry(name.registry)) {
    return fmt::format("{} is no registry: expected HOST[:PORT]", seabag::quoted(name.registry));
  }
  return grammar_objection(name.repository, name.tag);
}

std::optional<digest::Digest> LayoutTarget::find_tag(const std::string& repository,
                                                     const std::string& tag) {
  const std::lock_guard lock(mutex_);
  const auto found = names_.find(repository + ':' + tag);
  return found == names_.end() ? std::nullopt : std::optional(found->second);
}

bool LayoutTarget::has_manifest(const std::string& /*repository*/, const digest::Digest& digest) {
  {
    const std::lock_guard lock(mutex_);
    if (!listed_.contains(digest)) return false;
  }
  return is_intact(place(oci::blob_path(digest)), digest);
}

bool LayoutTarget::keeps(const oci::Descriptor& blob) {
  const auto found = files_.find(place(oci::blob_path(blob.digest)));
  return found && found->kind == io::FileKind::kRegular && found->size == blob.size;
}

bool LayoutTarget::is_intact(const std::string& path, const digest::Digest& digest) {
  const auto found = files_.find(path);
  if (!found || found->kind != io::FileKind::kRegular) return false;
  const auto file = files_.open(path, io::OpenMode::kRead);
  return digest::digest_of(io::FileBlob(*file, 0, found->size), digest.algorithm()) == digest;
}

PutOutcome LayoutTarget::put_blob(const std::string& repository, const oci::Descriptor& blob,
                                  const io::BlobSource& bytes,
                                  const std::vector<std::string>& /*mount_from*/) try {
  prepare();
  const Turn turn(*this, blob.digest);
  {
    const std::lock_guard lock(mutex_);
    if (landed_.contains(blob.digest)) return PutOutcome::kWasThere;
  }
  const std::string path = place(oci::blob_path(blob.digest));
  const bool was_there = is_intact(path, blob.digest);
  if (!was_there) write_blob(path, blob, bytes);
  const std::lock_guard lock(mutex_);
  landed_.insert(blob.digest);
  return was_there ? PutOutcome::kWasThere : PutOutcome::kUploaded;
} catch (Error& error) {
  error.add_context(fmt::format("blob {} of {}", blob.digest.text(), printable(repository)));
  throw;
}

void LayoutTarget::write_blob(const std::string& path, const oci::Descriptor& blob,
                              const io::BlobSource& bytes) {
  PartFile part(files_, path);
  part.file().reserve(blob.size);
  io::FileWindow window(part.file(), 0, blob.size);
  digest::VerifyingSink verifying(blob.digest, blob.size, window);
  io::copy_all(bytes, verifying);
  part.land();
}

void LayoutTarget::put_manifest(const std::string& repository, const oci::RawManifest& manifest,
                                const std::optional<oci::Descriptor>& subject,
                                const std::string& tag) {
  const oci::Descriptor descriptor = manifest.descriptor();
  const std::string name = tag.empty() ? fmt::format("{}@{}", repository, descriptor.digest.text())
                                       : fmt::format("{}:{}", repository, tag);
  oci::parse_reference(name);  // refuses what has no place in an index
  std::vector<oci::Descriptor> children;
  if (oci::media_type::is_index(manifest.media_type())) {
    children = oci::parse_manifest(manifest).manifests;
  }
  put_blob(repository, descriptor, io::MemoryBlob(manifest.bytes()), {});

  const std::lock_guard lock(mutex_);
  listed_.insert(descriptor.digest);
  for (const oci::Descriptor& child : children) children_.insert(child.digest);
  if (!tag.empty()) {
    names_.insert_or_assign(name, descriptor.digest);
    tagged_.insert_or_assign(name, descriptor);
  } else if (subject) {
    referrers_.insert_or_assign(descriptor.digest, descriptor);
  } else {
    Untagged& untagged =
        untagged_.try_emplace(descriptor.digest, Untagged{descriptor, {}}).first->second;
    untagged.repositories.push_back(&*repositories_.insert(repository).first);
  }
}

bool LayoutTarget::link_referrers(const std::string& /*repository*/,
                                  const digest::Digest& /*subject*/,
                                  const std::vector<oci::Descriptor>& /*referrers*/) {
  return false;
}

// `existing` with what this run put there, in one order whatever the threads did: names, then what
// has none.
std::string LayoutTarget::index_with_new_entries(const std::string& existing) const {
  std::vector<NewEntry> entries;
  std::set<digest::Digest> reachable = children_;
  for (const auto& [name, manifest] : tagged_) {
    entries.push_back({name, &manifest});
    reachable.insert(manifest.digest);
  }
  oci::visit_layout_index(existing, [&](const oci::NamedManifest& entry) {
    const auto is_replaced = [&](const std::string& name) { return tagged_.contains(name); };
    if (std::ranges::none_of(names_of(entry), is_replaced)) reachable.insert(entry.manifest.digest);
  });
  std::map<std::string, const oci::Descriptor*> named_by_digest;
  for (const auto& [digest, untagged] : untagged_) {
    if (reachable.contains(digest)) continue;
    for (const std::string* repository : untagged.repositories) {
      named_by_digest.emplace(fmt::format("{}@{}", *repository, digest.text()), &untagged.manifest);
    }
  }
  for (const auto& [name, manifest] : named_by_digest) entries.push_back({name, manifest});
  std::ranges::sort(entries, {}, &NewEntry::name);
  for (const auto& [digest, manifest] : referrers_) {
    if (!reachable.contains(digest)) entries.push_back({"", &manifest});
  }
  return merged_index(existing, entries);
}

void LayoutTarget::finish() {
  prepare();
  for (const char* directory : {"blobs/sha256", "blobs/sha512", "blobs"}) {
    files_.sync_directory(place(directory));
  }
  io::replace_file(files_, place(oci::kIndexPath),
                   io::bytes_of(index_with_new_entries(read_index())));
}

}  // namespace seabag::target
