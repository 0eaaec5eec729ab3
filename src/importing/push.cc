// SPDX-License-Identifier: Apache-2.0
#include "importing/push.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>
#include <optional>
#include <set>

#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"
#include "bundle/documents.h"
#include "bundle/manifest_check.h"
#include "importing/push_work.h"
#include "oci/referrers.h"
#include "transfer/rate_limit.h"
#include "transfer/stages.h"
#include "transfer/workers.h"

namespace seabag::importing {
namespace {

using index::BlobId;
using index::Content;
using index::Graph;
using index::Presence;

// So many requests in a row that stayed without an answer, all retries included, mean that the
// target is gone.
constexpr int kSilentTries = 3;

bool ends_the_push(const Error& error) {
  const Code code = error.code();
  return code == Code::kInternal || code == Code::kUsage || code == Code::kCancelled ||
         code == Code::kNoSpace || code == Code::kIo || code == Code::kPermission ||
         code == Code::kMediumUnfit;
}

bool is_fallback_tag(const std::string& tag) {
  const auto subject = oci::subject_of_tag(tag);
  return subject && oci::referrers_tag(*subject) == tag;
}

class Push {
 public:
  Push(const bundle::OpenedBundle& bundle, const std::vector<NamedReference>& names,
       target::Target& target, const PushOptions& options, transfer::Progress& progress,
       const std::stop_token& stop, Receipt& receipt)
      : bundle_(bundle),
        content_(bundle.index().content),
        graph_(bundle.graph()),
        names_(names),
        target_(target),
        options_(options),
        progress_(progress),
        stop_(stop),
        receipt_(receipt),
        limit_(options.max_rate, stop),
        kept_(content_.blobs.size()) {}

  void run(const std::function<int()>& look_elsewhere) {
    for (const NamedReference& name : names_) {
      const index::ReferenceInfo& reference = content_.references[name.reference];
      receipt_.references.push_back({.source = content_.name_of(reference),
                                     .target = name.target.text(),
                                     .digest = content_.blobs[reference.manifest].digest,
                                     .detail = "not reached"});
    }
    if (!names_.empty()) {
      refuse_incomplete();
      look_up_tags();
    }
    if (look_elsewhere) conflicts_ += look_elsewhere();
    refuse_conflicts();
    if (names_.empty()) {
      receipt_.complete = true;
      return;
    }
    if (target_.takes_whole_images()) {
      push_whole_images();
    } else {
      push_pieces();
    }
    target_.finish();
    receipt_.complete = true;
  }

 private:
  enum class State { kNeeded, kMerge, kDone };
  enum class Rank { kImage, kAttached, kList };

  BlobId root_of(std::size_t i) const { return content_.references[names_[i].reference].manifest; }

  // An image that the exporter could not get in full is not pushed in part.
  void refuse_incomplete() {
    states_.assign(names_.size(), State::kNeeded);
    for (std::size_t i = 0; i < names_.size(); ++i) {
      if (graph_.find_manifest(root_of(i)) == nullptr ||
          content_.blobs[root_of(i)].presence == Presence::kLeftOut) {
        fail(i, Error(Code::kIntegrity, "its manifest is not in the bundle"));
        continue;
      }
      for (const BlobId blob : graph_.closure_of(root_of(i))) {
        if (content_.blobs[blob].presence != Presence::kMissing) continue;
        fail(i, Error(Code::kIntegrity,
                      fmt::format("blob {} could not be had when the bundle was made",
                                  content_.blobs[blob].digest.text())));
        break;
      }
    }
  }

  void fail(std::size_t i, const Error& error) {
    const std::scoped_lock lock(mutex_);
    states_[i] = State::kDone;
    PushedReference& result = receipt_.references[i];
    result.outcome = PushOutcome::kFailed;
    result.code = error.code();
    result.detail = error.what();
    if (!error.next_step().empty()) result.detail += "; " + error.next_step();
    progress_.warn(fmt::format("{}: {}", printable(result.source), result.detail));
  }

  void done(std::size_t i, PushOutcome outcome, std::string detail = {}) {
    const std::scoped_lock lock(mutex_);
    states_[i] = State::kDone;
    receipt_.references[i].outcome = outcome;
    receipt_.references[i].detail = std::move(detail);
  }

  // An error of one thing is noted by the caller; here it is decided whether the run goes on.
  void require_going_on(const Error& error) {
    if (ends_the_push(error)) throw error;
    if (error.code() != Code::kUnavailable) {
      silent_ = 0;
    } else if (++silent_ >= kSilentTries) {
      throw Error(error).add_next_step(
          "run the same command again when the target answers: what is there is skipped");
    }
  }

  void look_up_tags() {
    const auto looked_at = std::ranges::count(states_, State::kNeeded);
    progress_.begin("looking at the target", static_cast<std::uint64_t>(looked_at), 0);
    transfer::for_each_parallel(names_.size(), options_.jobs, stop_, [&](std::size_t i) {
      if (states_[i] == State::kDone) return;
      try {
        look_up(i);
      } catch (const Error& error) {
        require_going_on(error);
        fail(i, error);
      }
      progress_.item_done(receipt_.references[i].target);
    });
    progress_.end();
  }

  void refuse_conflicts() const {
    if (conflicts_ == 0) return;
    throw Error(
        Code::kRefused,
        fmt::format("{} name{} at the target mean{} something else already; nothing was pushed",
                    conflicts_, conflicts_ == 1 ? "" : "s", conflicts_ == 1 ? "s" : ""))
        .add_next_step(
            "pass --on-existing-tag skip or replace, or give them other names with --map");
  }

  void look_up(std::size_t i) {
    const oci::Reference& name = names_[i].target;
    const digest::Digest& wanted = receipt_.references[i].digest;
    if (name.tag.empty()) {
      if (target_.has_manifest(name.repository, wanted) && is_whole(i)) already_there(i);
      return;
    }
    const auto there = target_.find_tag(name.repository, name.tag);
    silent_ = 0;
    if (!there) return;
    if (*there == wanted) {
      if (is_whole(i)) already_there(i);  // else it is needed, and what lacks is put
    } else if (is_fallback_tag(name.tag)) {
      states_[i] = State::kMerge;  // a list of referrers: both sides' entries belong in it
    } else if (options_.on_existing_tag == OnExistingTag::kSkip) {
      done(i, PushOutcome::kSkipped, fmt::format("the tag means {} there", there->text()));
    } else if (options_.on_existing_tag == OnExistingTag::kReplace) {
      receipt_.references[i].replaced = *there;
    } else {
      ++conflicts_;
      fail(i, Error(Code::kRefused,
                    fmt::format("{} means {} there, expected {}", printable(name.text()),
                                there->text(), wanted.text())));
    }
  }

  // A name in a layout leads on when a file below it is gone.
  bool is_whole(std::size_t i) {
    return std::ranges::all_of(graph_.closure_of(root_of(i)), [&](BlobId blob) {
      if (kept_[blob] || content_.blobs[blob].presence != Presence::kPresent) return true;
      kept_[blob] = target_.keeps(descriptor_of(blob));
      return kept_[blob].load();
    });
  }

  // The run that put a referrer there may have ended before it was entered in the list of them.
  void already_there(std::size_t i) {
    done(i, PushOutcome::kAlreadyThere);
    remember_referrer(names_[i].target.repository, root_of(i));
  }

  void push_whole_images() {
    std::uint64_t images = 0;
    std::uint64_t bytes = 0;
    for (std::size_t i = 0; i < names_.size(); ++i) {
      if (states_[i] == State::kDone) continue;
      ++images;
      for (const BlobId blob : members_of(i)) bytes += content_.blobs[blob].size;
    }
    progress_.begin("pushing", images, bytes);
    transfer::for_each_parallel(names_.size(), options_.jobs, stop_, [&](std::size_t i) {
      if (states_[i] == State::kDone) return;
      try {
        push_whole_image(i);
        done(i, PushOutcome::kPushed);
        progress_.item_done(receipt_.references[i].target);
      } catch (const Error& error) {
        require_going_on(error);
        fail(i, error);
      }
    });
    progress_.end();
  }

  // The image and the referrers that have no name of their own.
  std::vector<BlobId> members_of(std::size_t i) const {
    std::set<BlobId> members;
    std::vector<BlobId> roots = {root_of(i)};
    while (!roots.empty()) {
      const BlobId root = roots.back();
      roots.pop_back();
      for (const BlobId blob : graph_.closure_of(root)) {
        if (content_.blobs[blob].presence != Presence::kPresent || !members.insert(blob).second) {
          continue;
        }
        for (const BlobId referrer : graph_.referrers_of(blob)) roots.push_back(referrer);
      }
    }
    return {members.begin(), members.end()};
  }

  void push_whole_image(std::size_t i) {
    const std::vector<BlobId> blobs = members_of(i);
    std::vector<std::unique_ptr<io::BlobSource>> sources;
    std::vector<std::unique_ptr<transfer::MeteredSource>> metered;
    const index::ManifestInfo* root = graph_.find_manifest(root_of(i));
    check(root != nullptr, "a reference means a manifest");
    target::WholeImage image{
        .name = names_[i].target, .root = bundle::descriptor_of(content_, *root), .members = {}};
    for (const BlobId blob : blobs) {
      if (graph_.find_manifest(blob) != nullptr) {
        bundle::require_same_edges(content_, graph_, blob, bundle_.manifest(blob));
      }
      sources.push_back(bundle_.open_blob(blob));
      metered.push_back(
          std::make_unique<transfer::MeteredSource>(*sources.back(), progress_, limit_));
      image.members.push_back({descriptor_of(blob), *metered.back()});
      for (const BlobId referrer : graph_.referrers_of(blob)) {
        const index::ManifestInfo* info = graph_.find_manifest(referrer);
        if (info != nullptr) image.referrers.push_back(bundle::descriptor_of(content_, *info));
      }
    }
    target_.put_image(image);
  }

  oci::Descriptor descriptor_of(BlobId blob) const {
    if (const index::ManifestInfo* manifest = graph_.find_manifest(blob)) {
      return bundle::descriptor_of(content_, *manifest);
    }
    return {.media_type = "application/octet-stream",
            .digest = content_.blobs[blob].digest,
            .size = content_.blobs[blob].size};
  }

  void push_pieces() {
    std::vector<const NamedReference*> needed;
    for (std::size_t i = 0; i < names_.size(); ++i) {
      if (states_[i] == State::kNeeded) needed.push_back(&names_[i]);
    }
    const PushWork work = plan_work(content_, graph_, needed);
    progress_.begin("pushing", work.first_blobs.size() + work.other_blobs.size() + needed.size(),
                    work.upload_bytes(content_));
    put_blobs(work, work.first_blobs);
    put_blobs(work, work.other_blobs);
    for (const std::vector<Piece>& level : work.manifests) put_manifests(work, level);
    // Names of images first; what is attached to them becomes visible when they are; lists of it
    // last, because a registry may want everything that a list names, and because linking must find
    // the lists there.
    for (const Rank rank : {Rank::kImage, Rank::kAttached, Rank::kList}) put_names(work, rank);
    link_referrers();
    progress_.end();
  }

  void put_blobs(const PushWork& work, const std::vector<Piece>& pieces) {
    std::vector<std::uint64_t> sizes;
    for (const Piece& piece : pieces) sizes.push_back(content_.blobs[piece.blob].size);
    transfer::for_each_transfer(sizes, options_.jobs, stop_, [&](std::size_t i) {
      const Piece& piece = pieces[i];
      attempt(piece, [&] {
        const auto source = bundle_.open_blob(piece.blob);
        const transfer::MeteredSource metered(*source, progress_, limit_);
        const std::uint32_t home = work.home[piece.blob];
        std::vector<std::string> mount_from;
        if (home != piece.repository && !find_failure({home, piece.blob})) {
          mount_from.push_back(work.repositories[home]);
        }
        const auto outcome = target_.put_blob(work.repositories[piece.repository],
                                              descriptor_of(piece.blob), metered, mount_from);
        count(outcome, piece.blob);
        // Of a blob in several repositories the bytes are planned once.
        if (outcome == target::PutOutcome::kWasThere && home == piece.repository) {
          progress_.skip_bytes(content_.blobs[piece.blob].size);
        }
        progress_.item_done(content_.blobs[piece.blob].digest.text());
      });
    });
  }

  void count(target::PutOutcome outcome, BlobId blob) {
    const std::scoped_lock lock(mutex_);
    switch (outcome) {
      case target::PutOutcome::kWasThere:
        ++receipt_.blobs_there;
        break;
      case target::PutOutcome::kMounted:
        ++receipt_.blobs_mounted;
        break;
      case target::PutOutcome::kUploaded:
        ++receipt_.blobs_uploaded;
        receipt_.bytes_uploaded += content_.blobs[blob].size;
        break;
    }
  }

  // Runs `work` and notes what it fails with under its piece.
  template <class Work>
  void attempt(const Piece& piece, const Work& work) {
    try {
      work();
      silent_ = 0;
    } catch (const Error& error) {
      {
        const std::scoped_lock lock(mutex_);
        failures_.emplace(piece, error);
      }
      require_going_on(error);
    }
  }

  std::optional<Error> find_failure(const Piece& piece) {
    const std::scoped_lock lock(mutex_);
    const auto found = failures_.find(piece);
    return found == failures_.end() ? std::nullopt : std::optional(found->second);
  }

  // The first thing below `manifest` that is not at the target.
  std::optional<Error> find_failure_below(std::uint32_t repository, BlobId manifest) {
    for (const BlobId blob : graph_.closure_of(manifest)) {
      if (auto failure = find_failure({repository, blob})) {
        failure->add_context(fmt::format("blob {}", content_.blobs[blob].digest.text()));
        return failure;
      }
    }
    return std::nullopt;
  }

  oci::RawManifest verified_manifest(BlobId blob) const {
    oci::RawManifest raw = bundle_.manifest(blob);
    bundle::require_same_edges(content_, graph_, blob, raw);
    return raw;
  }

  std::optional<oci::Descriptor> subject_of(BlobId blob) const {
    for (const index::Edge& edge : graph_.edges_of(blob)) {
      if (edge.role != index::EdgeRole::kSubject) continue;
      return oci::Descriptor{.media_type = content_.media_types[edge.media_type],
                             .digest = content_.blobs[edge.child].digest,
                             .size = content_.blobs[edge.child].size};
    }
    return std::nullopt;
  }

  // By digest. What has nothing above it is put under its names later, and only then.
  void put_manifests(const PushWork& work, const std::vector<Piece>& level) {
    transfer::for_each_parallel(level.size(), options_.jobs, stop_, [&](std::size_t i) {
      const Piece& piece = level[i];
      if (work.is_named_alone(piece)) return;
      if (find_failure_below(piece.repository, piece.blob)) return;
      attempt(piece, [&] {
        target_.put_manifest(work.repositories[piece.repository], verified_manifest(piece.blob),
                             subject_of(piece.blob), "");
      });
    });
  }

  Rank rank_of(std::size_t i) const {
    const std::string& tag = names_[i].target.tag;
    if (is_fallback_tag(tag)) return Rank::kList;
    return oci::subject_of_tag(tag) || subject_of(root_of(i)) ? Rank::kAttached : Rank::kImage;
  }

  void put_names(const PushWork& work, Rank rank) {
    transfer::for_each_parallel(names_.size(), options_.jobs, stop_, [&](std::size_t i) {
      if (states_[i] != State::kNeeded || rank_of(i) != rank) return;
      const oci::Reference& name = names_[i].target;
      const std::uint32_t repository = work.repository_of(name.repository);
      if (const auto failure = find_failure_below(repository, root_of(i))) {
        fail(i, *failure);
        return;
      }
      try {
        if (!name.tag.empty() || work.is_named_alone({repository, root_of(i)})) {
          target_.put_manifest(name.repository, verified_manifest(root_of(i)),
                               subject_of(root_of(i)), name.tag);
        }
        silent_ = 0;
        done(i, PushOutcome::kPushed);
        progress_.item_done(receipt_.references[i].target);
        remember_referrer(name.repository, root_of(i));
      } catch (const Error& error) {
        require_going_on(error);
        fail(i, error);
      }
    });
  }

  void remember_referrer(const std::string& repository, BlobId manifest) {
    const auto subject = subject_of(manifest);
    if (!subject) return;
    const oci::RawManifest raw = bundle_.manifest(manifest);
    const std::scoped_lock lock(mutex_);
    referrers_[{repository, subject->digest}].push_back(
        oci::referrer_descriptor(raw, oci::parse_manifest(raw)));
  }

  void link_referrers() {
    for (std::size_t i = 0; i < names_.size(); ++i) {
      if (states_[i] == State::kMerge) merge_fallback_tag(i);
    }
    for (auto& [where, descriptors] : referrers_) {
      std::ranges::sort(descriptors, {}, &oci::Descriptor::digest);
      try {
        target_.link_referrers(where.first, where.second, descriptors);
      } catch (const Error& error) {
        require_going_on(error);
        progress_.warn(fmt::format("what refers to {}@{} cannot be found at the target: {}",
                                   where.first, where.second.text(), error.what()));
        unlinked_.emplace(where, error);
      }
    }
    fail_unlinked();
  }

  // A referrer that nobody finds is lost for its users, so its push has failed.
  void fail_unlinked() {
    for (std::size_t i = 0; i < names_.size(); ++i) {
      const auto about = subject_of(root_of(i));
      if (!about) continue;
      const auto found = unlinked_.find({names_[i].target.repository, about->digest});
      if (found == unlinked_.end()) continue;
      fail(i, Error(found->second)
                  .add_context("it is at the target, but not entered in the list of referrers"));
    }
  }

  void merge_fallback_tag(std::size_t i) {
    try {
      const oci::Manifest list = oci::parse_manifest(bundle_.manifest(root_of(i)));
      const auto subject = oci::subject_of_tag(names_[i].target.tag);
      check(subject.has_value(), "a fallback tag names its subject");
      const bool merged =
          target_.link_referrers(names_[i].target.repository, *subject, list.manifests);
      done(i, merged ? PushOutcome::kPushed : PushOutcome::kAlreadyThere,
           "merged with the list that was there");
    } catch (const Error& error) {
      require_going_on(error);
      fail(i, error);
    }
  }

  const bundle::OpenedBundle& bundle_;
  const Content& content_;
  const Graph& graph_;
  const std::vector<NamedReference>& names_;
  target::Target& target_;
  const PushOptions& options_;
  transfer::Progress& progress_;
  const std::stop_token& stop_;
  Receipt& receipt_;
  transfer::RateLimit limit_;
  std::vector<State> states_;  // parallel to names_; each changed by the one task that has it
  std::vector<std::atomic<bool>> kept_;  // blobs that images which are there share, seen once
  std::atomic<int> silent_ = 0;
  std::atomic<int> conflicts_ = 0;

  std::mutex mutex_;  // guards all below, and receipt_
  std::map<Piece, Error> failures_;
  std::map<std::pair<std::string, digest::Digest>, std::vector<oci::Descriptor>> referrers_;
  std::map<std::pair<std::string, digest::Digest>, Error> unlinked_;
};

// The gravest first: reliability of what was read, then the medium, then the remote.
constexpr Code kGravity[] = {
    Code::kInternal,    Code::kMalformed,   Code::kIntegrity, Code::kNoSpace, Code::kIo,
    Code::kPermission,  Code::kMediumUnfit, Code::kProtocol,  Code::kRefused, Code::kDenied,
    Code::kUnavailable, Code::kUnsupported, Code::kLocked,    Code::kUsage};

}  // namespace

void push(const bundle::OpenedBundle& bundle, const std::vector<NamedReference>& names,
          target::Target& target, const PushOptions& options, transfer::Progress& progress,
          const std::stop_token& stop, Receipt& receipt,
          const std::function<int()>& look_elsewhere) {
  Push(bundle, names, target, options, progress, stop, receipt).run(look_elsewhere);
}

int exit_status(const Receipt& receipt) {
  std::set<Code> failures;
  for (const PushedReference& reference : receipt.references) {
    if (reference.outcome == PushOutcome::kFailed) failures.insert(reference.code);
  }
  for (const RestoredDisk& disk : receipt.disks) {
    if (disk.outcome == PushOutcome::kFailed) failures.insert(disk.code);
  }
  if (failures.empty()) return 0;
  for (const Code code : kGravity) {
    if (failures.contains(code)) return static_cast<int>(code);
  }
  return static_cast<int>(*failures.begin());  // a failure without a place in the order is one, too
}

}  // namespace seabag::importing
