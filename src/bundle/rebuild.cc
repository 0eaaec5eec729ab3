// SPDX-License-Identifier: Apache-2.0
#include "bundle/rebuild.h"

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include <fmt/format.h>

#include "base/error.h"
#include "base/limits.h"
#include "base/text.h"
#include "bundle/documents.h"
#include "digest/verifying_sink.h"
#include "index/content_builder.h"
#include "io/file_blob.h"
#include "oci/image_layout.h"
#include "oci/media_types.h"
#include "oci/reference.h"
#include "tar/reader.h"
#include "transfer/rate_limit.h"
#include "transfer/stages.h"
#include "transfer/workers.h"

// What a tarball holds is found in three steps: its members by the strict reader, its names by
// index.json, and the graph by walking from those names. What no name leads to is kept as a blob
// that nothing refers to: it belonged to an image of which something could not be had.

namespace seabag::bundle {
namespace {

using index::BlobId;
using index::ReferenceKind;

struct FoundBlob {
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
};

// A tarball as its members show it.
struct FoundTarball {
  std::uint32_t file = 0;
  std::unique_ptr<io::File> bytes;
  std::unordered_map<digest::Digest, FoundBlob> blobs;
  std::unordered_map<digest::Digest, FoundBlob> missing;
  std::string names;  // index.json
};

Error malformed_tarball(std::string text) {
  return {Code::kMalformed, std::move(text)};
}

std::string read_text(const io::File& file, std::uint64_t offset, std::uint64_t size) {
  std::string text(size, '\0');
  file.read_at(offset, std::as_writable_bytes(std::span(text)));
  return text;
}

void take_table(FoundTarball& tarball, const tar::FoundMember& found) {
  if (found.member.size > limits::kLayoutIndexBytes) {
    throw malformed_tarball(fmt::format("{} has {} bytes, more than the limit of {}",
                                        found.member.path, found.member.size,
                                        limits::kLayoutIndexBytes));
  }
  std::string text = read_text(*tarball.bytes, found.placement.data_offset, found.member.size);
  if (found.member.path == oci::kLayoutPath) oci::require_layout_version(text);
  if (found.member.path == oci::kIndexPath) tarball.names = std::move(text);
}

void take_member(FoundTarball& tarball, const tar::FoundMember& found, std::size_t position) {
  require_table_order(found.member.path, position);
  if (position < kTables.size()) {
    take_table(tarball, found);
    return;
  }
  const FoundBlob at{found.placement.data_offset, found.member.size};
  if (const auto digest = digest_of_member(found.member.path, kBlobsFolder)) {
    tarball.blobs.emplace(*digest, at);
  } else if (const auto lost = digest_of_member(found.member.path, kMissingFolder)) {
    tarball.missing.emplace(*lost, at);
  } else {
    throw malformed_tarball(fmt::format("holds {}, which is no blob", quoted(found.member.path)));
  }
}

FoundTarball read_tarball(std::unique_ptr<io::File> bytes, std::uint32_t file) {
  FoundTarball tarball{
      .file = file, .bytes = std::move(bytes), .blobs = {}, .missing = {}, .names = {}};
  std::size_t position = 0;
  tar::read_members(
      io::FileBlob(*tarball.bytes, 0, tarball.bytes->size()),
      [&](const tar::FoundMember& found) { take_member(tarball, found, position++); });
  if (position < kTables.size()) {
    throw malformed_tarball(fmt::format("{} is missing", kTables.at(position)));
  }
  return tarball;
}

// The graph of all tarballs, from their names.
class GraphWalk {
 public:
  explicit GraphWalk(UtcTime read_at) : read_at_(read_at) {
    source_ = builder_.add_source(kUnknown);
  }

  // Takes its names away: those of thousands of tarballs, all held to the end, would be gigabytes.
  void add(FoundTarball& tarball) {
    const std::string names = std::exchange(tarball.names, {});
    for (const auto& [digest, at] : tarball.blobs) builder_.require(blob(digest, at.size));
    oci::visit_layout_index(names,
                            [&](const oci::NamedManifest& entry) { add_name(tarball, entry); });
    for (const auto& [digest, at] : tarball.missing) {
      builder_.lose(blob(digest, at.size), kUnknown, kLostReason);
    }
  }

  index::Content take() {
    // Only now is it known what another tarball has.
    for (Absent& absent : absent_) {
      if (absent.reason == kUnknown) {
        builder_.lose(absent.blob, kUnknown, kLostReason);
      } else {
        builder_.leave_out(absent.blob, std::string(absent.reason), std::move(absent.detail));
      }
    }
    try {
      return builder_.take();
    } catch (const Error& error) {
      // One tag with two meanings is the user's doing when exporting, and nobody's here.
      throw malformed_tarball(error.what());
    }
  }

 private:
  static constexpr const char* kLostReason = "the sealed index knew why";

  struct Absent {
    BlobId blob = 0;
    std::string_view reason;
    std::string detail;
  };

  BlobId blob(const digest::Digest& digest, std::uint64_t size) {
    return builder_.add_blob(digest, size);
  }

  void add_name(const FoundTarball& tarball, const oci::NamedManifest& entry) try {
    const oci::Reference name = oci::parse_reference(entry.name);
    if (name.tag.empty() == !name.digest || (name.digest && name.digest != entry.manifest.digest)) {
      throw malformed_tarball("expected a tag, or the digest of the manifest");
    }
    require_here(tarball, entry.manifest);
    walk(tarball, entry.manifest, 0);
    index::ReferenceInfo reference;
    reference.repository = builder_.add_repository(name);
    reference.tag = name.tag;
    reference.manifest = blob(entry.manifest.digest, entry.manifest.size);
    reference.kind = !name.tag.empty()                            ? ReferenceKind::kTag
                     : referrers_.contains(entry.manifest.digest) ? ReferenceKind::kReferrer
                                                                  : ReferenceKind::kDigest;
    reference.source = source_;
    reference.read_at = read_at_;
    builder_.add_reference(std::move(reference));
  } catch (Error& error) {
    error.add_context(fmt::format("names {}", quoted(entry.name)));
    throw;
  }

  // No recursion beyond kIndexDepth, and each manifest once, however often it is a child: once it
  // and all below it could be read, for where it is damaged, another tarball may have it whole.
  void walk(const FoundTarball& tarball, const oci::Descriptor& descriptor, int depth) {
    if (walked_.contains(descriptor.digest)) return;
    const oci::RawManifest raw = read_manifest(tarball, descriptor);
    const oci::Manifest manifest = oci::parse_manifest(raw);
    builder_.add_manifest(raw, manifest);
    if (depth == limits::kIndexDepth && !manifest.manifests.empty()) {
      throw malformed_tarball(
          fmt::format("indexes are nested deeper than {}", limits::kIndexDepth));
    }
    if (manifest.subject) referrers_.insert(descriptor.digest);
    for (const oci::Descriptor& child : manifest.manifests) {
      if (tarball.blobs.contains(child.digest)) walk(tarball, child, depth + 1);
    }
    note_absences(tarball, manifest);
    walked_.insert(descriptor.digest);
  }

  // [BND-2]: each tarball has what its names need, also what another tarball has as well.
  static void require_here(const FoundTarball& tarball, const oci::Descriptor& descriptor) {
    if (tarball.blobs.contains(descriptor.digest)) return;
    throw malformed_tarball(
        fmt::format("manifest {} is not in the tarball", descriptor.digest.text()));
  }

  static oci::RawManifest read_manifest(const FoundTarball& tarball,
                                        const oci::Descriptor& descriptor) {
    const FoundBlob& at = tarball.blobs.at(descriptor.digest);
    if (at.size != descriptor.size || at.size > limits::kManifestBytes) {
      throw malformed_tarball(fmt::format("manifest {} has {} bytes, expected {}, at most {}",
                                          descriptor.digest.text(), at.size, descriptor.size,
                                          limits::kManifestBytes));
    }
    io::Bytes bytes(at.size);
    tarball.bytes->read_at(at.offset, bytes);
    return oci::verified(std::move(bytes), descriptor.media_type, descriptor.digest);
  }

  // What a manifest refers to and its tarball does not have. A child was left out by --platform, a
  // foreign layer because it may not be passed on; nothing else is left out on purpose.
  void note_absences(const FoundTarball& tarball, const oci::Manifest& manifest) {
    const auto note = [&](const oci::Descriptor& child, const char* reason, std::string detail) {
      if (tarball.blobs.contains(child.digest)) return;
      absent_.push_back({blob(child.digest, child.size), reason, std::move(detail)});
    };
    for (const oci::Descriptor& child : manifest.manifests) {
      note(child, "platform", child.platform ? printable(child.platform->text()) : "");
    }
    for (const oci::Descriptor& layer : manifest.layers) {
      const bool is_foreign = oci::media_type::is_non_distributable(layer.media_type);
      note(layer, is_foreign ? "foreign" : kUnknown, kLostReason);
    }
    if (manifest.config) note(*manifest.config, kUnknown, kLostReason);
  }

  UtcTime read_at_;
  std::uint32_t source_ = 0;
  index::ContentBuilder builder_;
  std::vector<Absent> absent_;
  std::unordered_set<digest::Digest> walked_;
  std::unordered_set<digest::Digest> referrers_;  // those that are about another manifest
};

// By blob, then by tarball.
std::vector<index::Location> locations_in(const index::Content& content, const index::Graph& graph,
                                          const std::vector<FoundTarball>& tarballs) {
  std::vector<index::Location> locations;
  const auto take = [&](const FoundTarball& tarball, const auto& members, bool are_missing) {
    for (const auto& [digest, at] : members) {
      const auto blob = graph.find(digest);
      if (!blob) continue;  // of a tarball that was given up halfway
      const bool is_missing = content.blobs[*blob].presence == index::Presence::kMissing;
      if (is_missing == are_missing) locations.push_back({*blob, tarball.file, at.offset});
    }
  };
  for (const FoundTarball& tarball : tarballs) {
    take(tarball, tarball.blobs, false);
    take(tarball, tarball.missing, true);
  }
  std::ranges::sort(locations, {},
                    [](const index::Location& at) { return std::pair(at.blob, at.file); });
  return locations;
}

// As the exporter does it: the manifest's annotation, else what the config says.
void read_creation_times(index::Index& index, const index::Graph& graph,
                         const std::vector<FoundTarball>& tarballs) {
  const index::Content& content = index.content;
  for (index::ManifestInfo& manifest : index.content.manifests) {
    if (manifest.kind != oci::ManifestKind::kImage || !manifest.created.empty()) continue;
    for (const index::Edge& edge : graph.edges_of(manifest.blob)) {
      const index::Blob& config = content.blobs[edge.child];
      if (edge.role != index::EdgeRole::kConfig || config.size > limits::kManifestBytes ||
          config.presence != index::Presence::kPresent) {
        continue;
      }
      const auto at =
          std::ranges::lower_bound(index.locations, edge.child, {}, &index::Location::blob);
      if (at == index.locations.end() || at->blob != edge.child) continue;
      const auto tarball = std::ranges::lower_bound(tarballs, at->file, {}, &FoundTarball::file);
      io::Bytes bytes(config.size);
      tarball->bytes->read_at(at->offset, bytes);
      if (digest::digest_of(bytes, config.digest.algorithm()) != config.digest) continue;
      manifest.created = oci::created_of_config(bytes).value_or("");
    }
  }
}

std::string label_of(const bagit::BagInfo& info, std::string_view label) {
  const auto found = std::ranges::find(info, label, [](const auto& field) { return field.first; });
  return found == info.end() ? "" : found->second;
}

// The day is all that the bag says; midnight is as good a time as any.
UtcTime day_of(const bagit::BagInfo& info) {
  return parse_rfc3339(label_of(info, "Bagging-Date") + "T00:00:00Z").value_or(UtcTime());
}

class Rebuild {
 public:
  Rebuild(io::FileSystem& files, const RebuildRequest& request, const RebuildMeans& means,
          std::vector<std::string>* problems)
      : files_(files), request_(request), means_(means), problems_(problems) {}

  index::Index run() {
    list_files();
    open_tarballs();
    const UtcTime day = day_of(request_.bag_info);
    GraphWalk walk(day);
    std::vector<FoundTarball> tarballs;
    for (std::uint32_t file = 0; file < index_.files.size(); ++file) {
      if (opened_[file]) add(walk, tarballs, file);
    }
    index_.content = walk.take();
    const index::Graph graph(index_.content);
    index_.locations = locations_in(index_.content, graph, tarballs);
    read_creation_times(index_, graph, tarballs);
    if (means_.read_disks) index_.disks = means_.read_disks(index_.files, day);
    index_.metadata = {{"format-version", label_of(request_.bag_info, "Seabag-Format-Version")},
                       {"created", to_rfc3339(day)},
                       {"tool", label_of(request_.bag_info, "Bag-Software-Agent")},
                       {"selection", ""},
                       {"layout", ""},
                       {"rebuilt", "yes"}};
    return std::move(index_);
  }

 private:
  // A file that is missing was found to be before, and is kept by its name.
  void list_files() {
    for (const bagit::ManifestEntry& entry : request_.payload) {
      const auto found = files_.find(io::join(request_.bag, entry.path));
      is_there_.push_back(found.has_value());
      index_.files.push_back({entry.path, found ? found->size : 0, entry.checksum.hex()});
    }
  }

  // What is read later is what was hashed here, whatever the names mean by then.
  void open_tarballs() {
    std::vector<std::size_t> tarballs;
    std::uint64_t bytes = 0;
    for (std::size_t i = 0; i < index_.files.size(); ++i) {
      if (!is_there_[i] || !is_image_tarball(index_.files[i].path)) continue;
      tarballs.push_back(i);
      if (problems_ == nullptr) bytes += index_.files[i].size;
    }
    opened_.resize(index_.files.size());
    means_.progress.begin("reading tarballs", tarballs.size(), bytes);
    transfer::for_each_parallel(tarballs.size(), means_.jobs, means_.stop, [&](std::size_t task) {
      const std::size_t i = tarballs[task];
      const index::PayloadFile& payload = index_.files[i];
      opened_[i] = files_.open(io::join(request_.bag, payload.path), io::OpenMode::kRead);
      if (problems_ == nullptr) require_checksum(*opened_[i], payload, means_);
      means_.progress.item_done(payload.path);
    });
    means_.progress.end();
  }

  void add(GraphWalk& walk, std::vector<FoundTarball>& tarballs, std::uint32_t file) try {
    tarballs.push_back(read_tarball(std::move(opened_[file]), file));
    walk.add(tarballs.back());
  } catch (Error& error) {
    error.add_context(quoted(index_.files[file].path));
    if (problems_ == nullptr || error.code() == Code::kCancelled) throw;
    problems_->push_back(error.what());
  }

  io::FileSystem& files_;
  const RebuildRequest& request_;
  const RebuildMeans& means_;
  std::vector<std::string>* problems_;
  std::vector<bool> is_there_;                     // parallel to index_.files
  std::vector<std::unique_ptr<io::File>> opened_;  // the same; null: no tarball, or not there
  index::Index index_;
};

}  // namespace

index::Index rebuild_index(io::FileSystem& files, const RebuildRequest& request,
                           const RebuildMeans& means, std::vector<std::string>* problems) {
  return Rebuild(files, request, means, problems).run();
}

void require_checksum(const io::File& file, const index::PayloadFile& payload,
                      const RebuildMeans& means) try {
  const io::FileBlob bytes(file, 0, file.size());
  transfer::RateLimit unlimited(0, means.stop);
  digest::verify(transfer::MeteredSource(bytes, means.progress, unlimited),
                 digest::parse_digest("sha256:" + payload.sha256));
} catch (Error& error) {
  error.add_context(quoted(payload.path));
  throw;
}

}  // namespace seabag::bundle
