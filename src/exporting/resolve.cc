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
// ContentBuilder under one lock, and ContentBuilder::take() gives everything its one order. So the
// order in which answers come matters only where manifests contradict each other about a size that
// no source tells.

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

// The second walk leaves out what is wrong about a size. A third is needed only where that had
// hidden another such manifest, and a registry may make up others without end.
constexpr int kWalks = 4;
// Places that are asked for one size. One has the blob, nearly always.
constexpr std::size_t kAsked = 4;

// What earlier walks found out. Something is proven from the second walk on: there is one for that
// alone.
struct Earlier {
  ContentBuilder::Sizes proven;
  std::set<std::string> unavailable;  // names
};

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
  Walk(const ResolveRequest& request, transfer::Progress& progress, const Earlier& earlier)
      : request_(request),
        selection_(request.selection),
        progress_(progress),
        earlier_(earlier),
        queue_(request.jobs),
        builder_(earlier.proven) {}

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
  // cost the others. Asks the sources, and gives the sizes that they bear out against it: these
  // cost what was right, and all must be walked again.
  ContentBuilder::Sizes settle_doubts(const std::stop_token& stop) {
    ContentBuilder::Sizes proven;
    for (const auto& [blob, doubt] : doubts_) {
      queue_.add([this, &proven, &blob, &doubt] {
        const auto size = settle(blob, doubt);
        const std::scoped_lock lock(mutex_);
        if (size) proven.emplace(blob, *size);
      });
    }
    queue_.run(stop);
    return proven;
  }

  const std::set<std::string>& unavailable() const { return unavailable_; }
  Resolution take() { return {builder_.take(), std::move(first_error_)}; }

 private:
  // Where a manifest gave a blob another size than one before it.
  struct Claimant {
    std::uint32_t source = 0;
    Reference repository;
    std::string media_type;
    bool operator==(const Claimant&) const = default;
  };
  struct Doubt {
    std::uint64_t believed = 0;
    std::set<std::uint64_t> others;
    std::optional<std::uint64_t> read;  // it is a manifest, and has so many
    std::vector<Claimant> claimants;    // the first kAsked
  };

  source::ImageSource& source(std::uint32_t id) const { return *request_.sources[id]; }

  // What could not be had is noted and the walk goes on, unless the source itself is gone: then
  // nothing that follows could be had either, and to seal a bundle without it would hide an outage.
  void fail(std::uint32_t source_id, const std::string& reference, const Error& error) {
    require_going_on(source_id, error);
    const std::scoped_lock lock(mutex_);
    require_had_before(reference, error);
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

  // What an earlier walk had and this one does not is no loss to be sealed. mutex_ is held.
  void require_had_before(const std::string& reference, const Error& error) {
    if (error.code() != Code::kUnavailable) return;
    if (!earlier_.proven.empty() && !earlier_.unavailable.contains(reference)) {
      throw Error(error)
          .add_context(reference + " was there a moment ago")
          .add_next_step(
              "run the same command again later, or leave out with --exclude what is wrong about "
              "the size of a blob");
    }
    unavailable_.insert(reference);
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
      add_manifest(source_id, repository, raw, manifest);
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
  void add_manifest(std::uint32_t source_id, const Reference& repository,
                    const oci::RawManifest& raw, const oci::Manifest& manifest) {
    bool is_new = false;
    try {
      is_new = builder_.add_manifest(raw, manifest);
    } catch (const Error&) {
      note_doubts(source_id, repository, raw, manifest);
      throw;
    }
    if (is_new && request_.spool != nullptr) request_.spool->add(raw);
  }

  // mutex_ is held.
  void note_doubts(std::uint32_t source_id, const Reference& repository,
                   const oci::RawManifest& raw, const oci::Manifest& manifest) {
    for (const auto& [blob, known] : builder_.contradictions(raw, manifest)) {
      Doubt& doubt = doubts_[blob.digest];
      doubt.believed = known;
      doubt.others.insert(blob.size);
      if (blob.digest == raw.digest()) doubt.read = blob.size;
      Claimant claimant{source_id, repository, blob.media_type};
      if (doubt.claimants.size() < kAsked &&
          std::ranges::find(doubt.claimants, claimant) == doubt.claimants.end()) {
        doubt.claimants.push_back(std::move(claimant));
      }
    }
  }

  // The size that is right and was not believed; nothing if nobody tells.
  std::optional<std::uint64_t> settle(const digest::Digest& blob, const Doubt& doubt) {
    if (doubt.read) return doubt.read;
    for (const Claimant& claimant : doubt.claimants) {
      try {
        const auto size =
            source(claimant.source)
                .find_size(claimant.repository, {claimant.media_type, blob, doubt.believed});
        if (size == doubt.believed) return std::nullopt;
        if (size && doubt.others.contains(*size)) return size;
      } catch (const Error& error) {
        require_going_on(claimant.source, error);
        progress_.warn(
            fmt::format("asking for the size of blob {}: {}", blob.text(), error.what()));
      }
    }
    return std::nullopt;
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
      require_had_before(name.text(), error);
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
  const Earlier& earlier_;
  transfer::TaskQueue queue_;

  std::mutex mutex_;  // guards all below, the spool, and what settle_doubts() gathers
  ContentBuilder builder_;
  std::map<std::pair<std::uint32_t, std::uint32_t>, std::uint32_t> places_;  // numbered
  std::set<std::pair<std::uint32_t, std::string>> roots_;                    // place, tag or digest
  std::unordered_set<std::uint64_t> visited_;                                // of visit_of()
  std::map<digest::Digest, Doubt> doubts_;                                   // by blob
  std::set<std::string> unavailable_;                                        // names
  std::optional<Error> first_error_;
};

}  // namespace

Resolution resolve(const ResolveRequest& request, transfer::Progress& progress,
                   const std::stop_token& stop) {
  Earlier earlier;
  for (int walks = 1;; ++walks) {
    Walk walk(request, progress, earlier);
    walk.run(stop);
    if (walks == kWalks) return walk.take();
    const ContentBuilder::Sizes proven = walk.settle_doubts(stop);
    if (proven.empty()) return walk.take();
    progress.warn(fmt::format(
        "manifests contradict each other about the size of blob {}{}, and the source bears out "
        "those that were not believed: all is looked at again without the others",
        proven.begin()->first.text(),
        proven.size() == 1 ? "" : fmt::format(" and of {} more", proven.size() - 1)));
    earlier.proven.insert(proven.begin(), proven.end());
    earlier.unavailable.insert(walk.unavailable().begin(), walk.unavailable().end());
    if (request.spool != nullptr) request.spool->clear();
  }
}

}  // namespace seabag::exporting
