// SPDX-License-Identifier: Apache-2.0
#include "exporting/resolve.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <set>
#include <unordered_set>

#include <fmt/format.h>

#include "base/limits.h"
#include "base/text.h"
#include "exporting/filter.h"
#include "exporting/newest.h"
#include "index/content_builder.h"
#include "oci/media_types.h"
#include "transfer/task_queue.h"

// The walk is a queue of tasks, each at most a few requests; what they find goes into one
// ContentBuilder under one lock. The order in which answers come does not matter:
// ContentBuilder::take() gives everything its one order.

namespace seabag::exporting {

bool ends_the_run(const Error& error) {
  switch (error.code()) {
    case Code::kInternal:
    case Code::kUsage:
    case Code::kCancelled:
    case Code::kNoSpace:
    case Code::kIo:
    case Code::kPermission:
    case Code::kMediumUnfit:
      return true;
    default:
      return false;
  }
}

namespace {

using index::BlobId;
using index::ContentBuilder;
using index::ReferenceKind;
using oci::Descriptor;
using oci::Reference;

// docker buildx puts attestations beside the image they are about, and names it so.
constexpr const char* kAboutAnnotation = "vnd.docker.reference.digest";

// One walk more finds which manifests are wrong about a size, and rarely what those hid; a registry
// that goes on making up others is not followed for ever.
constexpr int kWalks = 4;

Reference by_digest(Reference reference, const digest::Digest& digest) {
  reference.tag.clear();
  reference.digest = digest;
  return reference;
}

std::string platform_of(const Descriptor& child) {
  return child.platform ? child.platform->text() : "";
}

class Walk {
 public:
  Walk(const ResolveRequest& request, transfer::Progress& progress, ContentBuilder::Sizes proven)
      : request_(request),
        selection_(request.selection),
        progress_(progress),
        queue_(request.jobs),
        builder_(std::move(proven)) {}

  void run(const std::stop_token& stop) {
    progress_.begin("resolving", 0, 0);
    for (source::ImageSource* source : request_.sources) {
      const std::uint32_t id = builder_.add_source(source->uri());
      queue_.add([this, id] { list_repositories(id); });
    }
    queue_.run(stop);
    progress_.end();
  }

  // Of manifests that contradict each other about a size the one that came first was believed, and
  // cost the others. Whether it was wrong: the source is asked, and bears out another.
  bool settle_doubts(ContentBuilder::Sizes& proven, const std::stop_token& stop) {
    const std::size_t known = proven.size();
    for (const auto& [claim, doubt] : doubts_) {
      queue_.add([this, &proven, &doubt] { settle(doubt, proven); });
    }
    queue_.run(stop);
    return proven.size() > known;
  }

  Resolution take() { return {builder_.take(), std::move(first_error_)}; }

 private:
  // What a manifest says of the size of a blob, another than was known.
  struct Doubt {
    std::uint32_t source = 0;
    Reference repository;
    Descriptor blob;
    bool is_proven = false;  // it is the manifest itself, which was read
  };

  source::ImageSource& source(std::uint32_t id) const { return *request_.sources[id]; }

  // What could not be had is noted and the walk goes on, unless the source itself is gone: then
  // nothing that follows could be had either, and to seal a bundle without it would hide an outage.
  void fail(std::uint32_t source_id, const std::string& reference, const Error& error) {
    require_going_on(source_id, error);
    const std::scoped_lock lock(mutex_);
    // A registry may list what is no name.
    builder_.lose(printable(reference, 1000), std::string(name_of(error.code())), error.what());
    note(reference, error);
  }

  void require_going_on(std::uint32_t source_id, const Error& error) const {
    if (ends_the_run(error)) throw error;
    if (error.code() == Code::kUnavailable && !source(source_id).answers()) {
      throw Error(error).add_next_step("run the same command again when the source answers");
    }
  }

  void note(const std::string& reference, const Error& error) {
    if (!first_error_) first_error_ = error;
    progress_.warn(fmt::format("{}: {}", printable(reference), error.what()));
  }

  void list_repositories(std::uint32_t source_id) {
    try {
      for (const Reference& repository : source(source_id).repositories()) {
        queue_.add([this, source_id, repository] { list_references(source_id, repository); });
      }
    } catch (const Error& error) {
      fail(source_id, source(source_id).uri(), error);
    }
  }

  void list_references(std::uint32_t source_id, const Reference& repository) {
    try {
      std::vector<Reference> chosen = source(source_id).references(repository);
      const bool choosy =
          !selection_.include.empty() || !selection_.exclude.empty() || selection_.newest != 0;
      std::erase_if(chosen, [&](const Reference& reference) {
        return !is_selected(selection_, reference) ||
               (choosy && chosen.size() > 1 && is_attachment_tag(reference.tag));
      });
      if (selection_.newest != 0) {
        chosen = newest(source(source_id), std::move(chosen), selection_,
                        [&](const Reference& reference, const Error& error) {
                          fail(source_id, reference.text(), error);
                        });
      }
      for (const Reference& reference : chosen) {
        const ReferenceKind kind =
            reference.tag.empty() ? ReferenceKind::kDigest : ReferenceKind::kTag;
        queue_.add([this, source_id, reference, kind] {
          resolve_reference(source_id, reference, kind, 0);
        });
      }
    } catch (const Error& error) {
      fail(source_id, repository.repository_text(), error);
    }
  }

  // `chain`: to how many others in a row it is attached.
  void resolve_reference(std::uint32_t source_id, const Reference& reference, ReferenceKind kind,
                         int chain) {
    try {
      if (is_known_root(source_id, reference)) return;
      const oci::RawManifest raw = source(source_id).manifest(reference);
      // It gets its name last: a manifest that cannot be carried must not leave half a reference.
      visit(source_id, reference, raw, oci::parse_manifest(raw), {.chain = chain});
      {
        const std::scoped_lock lock(mutex_);
        builder_.add_reference({.repository = builder_.add_repository(reference),
                                .tag = reference.tag,
                                .manifest = builder_.add_blob(raw.digest(), raw.bytes().size()),
                                .kind = kind,
                                .source = source_id,
                                .read_at = request_.now()});
      }
      progress_.item_done(reference.text());
    } catch (const Error& error) {
      fail(source_id, reference.text(), error);
    }
  }

  // A tag or referrer may be found twice: in the list of tags, and as attached to its subject. Of
  // two sources each is asked: ContentBuilder::take() refuses a tag that means one thing here and
  // another there.
  bool is_known_root(std::uint32_t source_id, const Reference& reference) {
    const std::scoped_lock lock(mutex_);
    return !roots_
                .emplace(place_of(source_id, reference),
                         reference.tag.empty() ? reference.digest->text() : reference.tag)
                .second;
  }

  // A repository in a source. mutex_ is held.
  std::uint32_t place_of(std::uint32_t source_id, const Reference& repository) {
    return places_
        .try_emplace({source_id, builder_.add_repository(repository)},
                     static_cast<std::uint32_t>(places_.size()))
        .first->second;
  }

  // Where a manifest stands below the name that led to it.
  struct Level {
    int chain = 0;  // attached to so many others in a row
    int depth = 0;  // below so many indexes
  };

  void visit(std::uint32_t source_id, const Reference& repository, const oci::RawManifest& raw,
             const oci::Manifest& manifest, Level level) {
    if (level.depth > limits::kIndexDepth) {
      throw Error(Code::kMalformed,
                  fmt::format("indexes are nested deeper than {}", limits::kIndexDepth));
    }
    if (manifest.manifests.size() > limits::kIndexChildren) {
      throw Error(Code::kMalformed,
                  fmt::format("an index of {} children, more than the limit of {}",
                              manifest.manifests.size(), limits::kIndexChildren));
    }
    const std::vector<Descriptor> children = wanted_children(manifest);
    if (children.empty() && !manifest.manifests.empty()) throw nothing_wanted(manifest);
    {
      const std::scoped_lock lock(mutex_);
      note_doubts(source_id, repository, raw, manifest);
      if (builder_.add_manifest(raw, manifest) && request_.spool != nullptr) {
        request_.spool->add(raw);
      }
      const BlobId blob = builder_.add_blob(raw.digest(), raw.bytes().size());
      if (!visited_.insert(visit_of(source_id, repository, blob)).second) return;
      add_wishes(manifest, children);
    }
    for (const Descriptor& child : children) {
      queue_.add([this, source_id, repository, child, level] {
        resolve_child(source_id, repository, child,
                      {.chain = level.chain, .depth = level.depth + 1});
      });
    }
    if (selection_.attached) {
      queue_.add([this, source_id, repository, digest = raw.digest(), chain = level.chain] {
        resolve_attached(source_id, repository, digest, chain);
      });
    }
  }

  // mutex_ is held.
  void note_doubts(std::uint32_t source_id, const Reference& repository,
                   const oci::RawManifest& raw, const oci::Manifest& manifest) {
    for (const Descriptor& blob : builder_.contradicted(raw, manifest)) {
      doubts_.try_emplace({blob.digest, blob.size},
                          Doubt{.source = source_id,
                                .repository = repository,
                                .blob = blob,
                                .is_proven = blob.digest == raw.digest()});
    }
  }

  void settle(const Doubt& doubt, ContentBuilder::Sizes& proven) {
    const Descriptor& blob = doubt.blob;
    try {
      if (!doubt.is_proven && source(doubt.source).find_size(doubt.repository, blob) != blob.size) {
        return;
      }
    } catch (const Error& error) {
      require_going_on(doubt.source, error);
      return;
    }
    const std::scoped_lock lock(mutex_);
    proven.try_emplace(blob.digest, blob.size);
  }

  // A manifest where it is, as one number: there is one of each manifest. mutex_ is held.
  std::uint64_t visit_of(std::uint32_t source_id, const Reference& repository, BlobId manifest) {
    return std::uint64_t{place_of(source_id, repository)} << 32U | manifest;
  }

  // The children of an index that --platform asks for; those that name no platform always;
  // attestations with the image they are about.
  std::vector<Descriptor> wanted_children(const oci::Manifest& manifest) const {
    std::vector<Descriptor> wanted;
    std::set<std::string> kept;
    for (const Descriptor& child : manifest.manifests) {
      if (is_selected(selection_, child)) kept.insert(child.digest.text());
    }
    for (const Descriptor& child : manifest.manifests) {
      const auto about = child.annotations.find(kAboutAnnotation);
      if (kept.contains(child.digest.text()) ||
          (about != child.annotations.end() && kept.contains(about->second))) {
        wanted.push_back(child);
      }
    }
    return wanted;
  }

  static Error nothing_wanted(const oci::Manifest& manifest) {
    std::set<std::string> platforms;
    for (const Descriptor& child : manifest.manifests) platforms.insert(platform_of(child));
    std::string text;
    for (const std::string& platform : platforms) {
      text += (text.empty() ? "" : ", ") + printable(platform);
    }
    return {Code::kRefused,
            fmt::format("it is for {}, and for nothing that --platform names", printable(text))};
  }

  void add_wishes(const oci::Manifest& manifest, const std::vector<Descriptor>& wanted) {
    const auto blob = [&](const Descriptor& descriptor) {
      return builder_.add_blob(descriptor.digest, descriptor.size);
    };
    if (manifest.config) builder_.require(blob(*manifest.config));
    for (const Descriptor& layer : manifest.layers) {
      if (oci::media_type::is_non_distributable(layer.media_type) && !selection_.foreign_layers) {
        builder_.leave_out(blob(layer), "foreign", urls_of(layer));
      } else {
        builder_.require(blob(layer));
      }
    }
    std::set<digest::Digest> wanted_digests;
    for (const Descriptor& child : wanted) wanted_digests.insert(child.digest);
    for (const Descriptor& child : manifest.manifests) {
      if (!wanted_digests.contains(child.digest)) {
        builder_.leave_out(blob(child), "platform", printable(platform_of(child)));
      }
    }
  }

  static std::string urls_of(const Descriptor& layer) {
    std::string text;
    for (const std::string& url : layer.urls) {
      text += (text.empty() ? "" : " ") + printable(url, 1000);
    }
    return text.empty() ? "no URL given" : text;
  }

  void resolve_child(std::uint32_t source_id, const Reference& repository, const Descriptor& child,
                     Level level) {
    const Reference name = by_digest(repository, child.digest);
    try {
      {
        const std::scoped_lock lock(mutex_);
        const BlobId blob = builder_.add_blob(child.digest, child.size);
        if (visited_.contains(visit_of(source_id, repository, blob))) return;
      }
      const oci::RawManifest raw = source(source_id).manifest(name);
      if (raw.bytes().size() != child.size) {
        throw Error(Code::kIntegrity,
                    fmt::format("manifest {}: expected {} bytes, got {}", child.digest.text(),
                                child.size, raw.bytes().size()));
      }
      visit(source_id, repository, raw, oci::parse_manifest(raw), level);
    } catch (const Error& error) {
      require_going_on(source_id, error);
      const std::scoped_lock lock(mutex_);
      builder_.lose(builder_.add_blob(child.digest, child.size), std::string(name_of(error.code())),
                    error.what());
      note(name.text(), error);
    }
  }

  void resolve_attached(std::uint32_t source_id, const Reference& repository,
                        const digest::Digest& subject, int chain) {
    try {
      for (const source::Attached& attached : source(source_id).attached(repository, subject)) {
        // A registry that makes one up whenever it is asked would be asked for ever.
        if (chain == limits::kAttachedDepth) {
          throw Error(Code::kMalformed,
                      fmt::format("one is attached to another more than {} times in a row",
                                  limits::kAttachedDepth));
        }
        Reference name = by_digest(repository, attached.manifest.digest);
        const ReferenceKind kind =
            attached.tag.empty() ? ReferenceKind::kReferrer : ReferenceKind::kTag;
        if (kind == ReferenceKind::kTag) {
          name.tag = attached.tag;
          name.digest.reset();
        }
        queue_.add([this, source_id, name, kind, chain] {
          resolve_reference(source_id, name, kind, chain + 1);
        });
      }
    } catch (const Error& error) {
      fail(source_id, "what is attached to " + by_digest(repository, subject).text(), error);
    }
  }

  const ResolveRequest& request_;
  const Selection& selection_;
  transfer::Progress& progress_;
  transfer::TaskQueue queue_;

  std::mutex mutex_;  // guards all below, and the spool
  ContentBuilder builder_;
  std::map<std::pair<std::uint32_t, std::uint32_t>, std::uint32_t> places_;  // numbered
  std::set<std::pair<std::uint32_t, std::string>> roots_;                    // place, tag or digest
  std::unordered_set<std::uint64_t> visited_;                                // of visit_of()
  std::map<std::pair<digest::Digest, std::uint64_t>, Doubt> doubts_;  // by the blob and its size
  std::optional<Error> first_error_;
};

}  // namespace

Resolution resolve(const ResolveRequest& request, transfer::Progress& progress,
                   const std::stop_token& stop) {
  ContentBuilder::Sizes proven;
  for (int walk = 1;; ++walk) {
    Walk all(request, progress, proven);
    all.run(stop);
    if (!all.settle_doubts(proven, stop) || walk == kWalks) return all.take();
    progress.warn(
        "manifests contradict each other about the size of a blob, and the source bears out the "
        "later ones: all is looked at again without the others");
    if (request.spool != nullptr) request.spool->clear();
  }
}

}  // namespace seabag::exporting
