// SPDX-License-Identifier: Apache-2.0
#include "importing/read_back.h"

#include <atomic>
#include <map>
#include <mutex>
#include <optional>

#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"
#include "bundle/documents.h"
#include "importing/push_work.h"
#include "oci/referrers.h"
#include "transfer/workers.h"

namespace seabag::importing {
namespace {

using index::BlobId;

// So many reads in a row that stayed without an answer, all retries included, mean that the target
// is gone.
constexpr int kSilentReads = 3;

constexpr const char* kNotGivenBack = "the target does not give back what it got";

void require_tag(target::Target& target, const oci::Reference& name,
                 const digest::Digest& expected) {
  const auto meant = target.find_tag(name.repository, name.tag);
  if (meant == expected) return;
  throw Error(Code::kIntegrity, fmt::format("reading back the tag: expected {}, got {}",
                                            expected.text(), meant ? meant->text() : "none"));
}

// A list of referrers is merged with the one that was there, so it need not be as it is in the
// bundle.
bool is_list_of_referrers(const oci::Reference& name) {
  const auto subject = oci::subject_of_tag(name.tag);
  return subject && oci::referrers_tag(*subject) == name.tag;
}

class ReadBack {
 public:
  ReadBack(const bundle::OpenedBundle& bundle, const std::vector<NamedReference>& names,
           target::Target& target, Receipt& receipt)
      : content_(bundle.index().content),
        graph_(bundle.graph()),
        names_(names),
        target_(target),
        receipt_(receipt) {
    check(names.size() == receipt.references.size(), "one entry of the receipt for each name");
    std::vector<const NamedReference*> there;
    for (std::size_t i = 0; i < names.size(); ++i) {
      const PushOutcome outcome = receipt.references[i].outcome;
      const bool is_there =
          outcome == PushOutcome::kPushed || outcome == PushOutcome::kAlreadyThere;
      if (!is_there || is_list_of_referrers(names[i].target)) continue;
      chosen_.push_back(i);
      there.push_back(&names[i]);
    }
    work_ = plan_work(content_, graph_, there);
    pieces_ = work_.first_blobs;
    for (const auto& level : work_.manifests) {
      pieces_.insert(pieces_.end(), level.begin(), level.end());
    }
  }

  void run(int jobs, transfer::Progress& progress, const std::stop_token& stop) {
    progress.begin("reading back", pieces_.size(), 0);
    transfer::for_each_parallel(pieces_.size(), jobs, stop, [&](std::size_t i) {
      read_piece(pieces_[i]);
      progress.item_done(content_.blobs[pieces_[i].blob].digest.text());
    });
    transfer::for_each_parallel(chosen_.size(), jobs, stop, [&](std::size_t i) {
      if (const auto failure = find_failure(chosen_[i])) enter(chosen_[i], *failure, progress);
    });
    progress.end();
  }

 private:
  void read_piece(const Piece& piece) {
    const index::ManifestInfo* manifest = graph_.find_manifest(piece.blob);
    const index::Blob& blob = content_.blobs[piece.blob];
    const std::string& repository = work_.repositories[piece.repository];
    try {
      if (manifest != nullptr) {
        target_.read_back_manifest(repository, blob.digest);
      } else {
        target_.read_back_blob(
            repository,
            {.media_type = "application/octet-stream", .digest = blob.digest, .size = blob.size});
      }
      silent_ = 0;
    } catch (Error& error) {
      if (error.code() == Code::kCancelled) throw;
      if (error.code() != Code::kUnavailable) {
        silent_ = 0;
      } else if (++silent_ >= kSilentReads) {
        throw;
      }
      error.add_context(fmt::format("reading back {}", blob.digest.text()));
      const std::scoped_lock lock(mutex_);
      failures_.emplace(piece, error);
    }
  }

  // What is wrong with a name or something below it.
  std::optional<Error> find_failure(std::size_t i) {
    const oci::Reference& name = names_[i].target;
    const std::uint32_t repository = work_.repository_of(name.repository);
    const BlobId root = content_.references[names_[i].reference].manifest;
    for (const BlobId blob : graph_.closure_of(root)) {
      const std::uint32_t home = work_.home[blob];
      const auto found = failures_.find({home == kNoRepository ? repository : home, blob});
      if (found != failures_.end()) return found->second;
    }
    if (name.tag.empty()) return std::nullopt;
    try {
      require_tag(target_, name, receipt_.references[i].digest);
      return std::nullopt;
    } catch (const Error& error) {
      if (error.code() == Code::kCancelled) throw;
      return error;
    }
  }

  void enter(std::size_t i, const Error& error, transfer::Progress& progress) {
    const std::scoped_lock lock(mutex_);
    PushedReference& result = receipt_.references[i];
    result.outcome = PushOutcome::kFailed;
    result.code = error.code();
    result.detail = fmt::format("{}: {}", kNotGivenBack, error.what());
    progress.warn(fmt::format("{}: {}", printable(result.target), result.detail));
  }

  const index::Content& content_;
  const index::Graph& graph_;
  const std::vector<NamedReference>& names_;
  target::Target& target_;
  Receipt& receipt_;
  std::vector<std::size_t> chosen_;  // positions in names_
  PushWork work_;
  std::vector<Piece> pieces_;
  std::atomic<int> silent_ = 0;
  std::mutex mutex_;  // guards failures_ while pieces are read, then receipt_
  std::map<Piece, Error> failures_;
};

}  // namespace

void read_back(const bundle::OpenedBundle& bundle, const std::vector<NamedReference>& names,
               target::Target& target, int jobs, transfer::Progress& progress,
               const std::stop_token& stop, Receipt& receipt) {
  if (names.empty()) return;  // disks alone
  ReadBack(bundle, names, target, receipt).run(jobs, progress, stop);
}

void require_given_back(target::Target& target, const oci::Reference& name,
                        const oci::RawManifest& manifest) try {
  const oci::Manifest parsed = oci::parse_manifest(manifest);
  target.read_back_manifest(name.repository, manifest.digest());
  if (parsed.config) target.read_back_blob(name.repository, *parsed.config);
  for (const oci::Descriptor& layer : parsed.layers) {
    target.read_back_blob(name.repository, layer);
  }
  require_tag(target, name, manifest.digest());
} catch (Error& error) {
  error.add_context(kNotGivenBack);
  throw;
}

}  // namespace seabag::importing
