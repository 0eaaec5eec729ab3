// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "digest/verifying_sink.h"
#include "target/target.h"

/// A target in memory for tests: keeps what it gets and the order of it, and fails where told.
namespace seabag::importing {

class MemoryTarget : public target::Target {
 public:
  void object_to(const std::string& repository) { objectionable_ = repository; }
  void set_tag(const std::string& repository, const std::string& tag,
               const digest::Digest& digest) {
    tags_.insert_or_assign({repository, tag}, digest);
  }
  void refuse_blob(const digest::Digest& digest) { refused_.insert(digest); }
  void go_down() { down_ = true; }
  /// From now on it does not give back what it has under that digest.
  void lose(const digest::Digest& digest) { lost_.insert(digest); }
  /// Its file is gone, whatever leads to it.
  void remove_file(const digest::Digest& digest) {
    removed_.insert(digest);
    std::erase_if(blobs_, [&](const auto& blob) { return blob.second == digest; });
  }
  void refuse_links(std::optional<Code> code) { refuse_links_ = code; }
  void have_no_referrers_api() { referrers_api_ = false; }

  std::string uri() const override { return "memory:"; }
  std::optional<std::string> objection(const oci::Reference& name) const override {
    return name.repository == objectionable_ ? std::optional<std::string>("too deep")
                                             : std::nullopt;
  }
  std::optional<digest::Digest> find_tag(const std::string& repository,
                                         const std::string& tag) override {
    const std::scoped_lock lock(mutex_);
    require_up();
    const auto found = tags_.find({repository, tag});
    return found == tags_.end() ? std::nullopt : std::optional(found->second);
  }
  bool has_manifest(const std::string& repository, const digest::Digest& digest) override {
    const std::scoped_lock lock(mutex_);
    return manifests_.contains({repository, digest});
  }
  bool keeps(const oci::Descriptor& blob) override {
    const std::scoped_lock lock(mutex_);
    return !removed_.contains(blob.digest);
  }
  target::PutOutcome put_blob(const std::string& repository, const oci::Descriptor& blob,
                              const io::BlobSource& bytes,
                              const std::vector<std::string>& mount_from) override {
    digest::verify(bytes, blob.digest);
    const std::scoped_lock lock(mutex_);
    require_up();
    if (refused_.contains(blob.digest)) throw Error(Code::kRefused, "413 too large");
    const bool mounts = !mount_from.empty() && blobs_.contains({mount_from.front(), blob.digest});
    removed_.erase(blob.digest);
    if (!blobs_.insert({repository, blob.digest}).second) return target::PutOutcome::kWasThere;
    events_.push_back((mounts ? "mount " : "blob ") + repository);
    return mounts ? target::PutOutcome::kMounted : target::PutOutcome::kUploaded;
  }
  void put_manifest(const std::string& repository, const oci::RawManifest& manifest,
                    const std::optional<oci::Descriptor>& /*subject*/,
                    const std::string& tag) override {
    const oci::Manifest parsed = oci::parse_manifest(manifest);
    const std::scoped_lock lock(mutex_);
    require_up();
    for (const auto& layer : parsed.layers) require(repository, layer.digest);
    if (parsed.config) require(repository, parsed.config->digest);
    for (const auto& child : parsed.manifests) {
      if (!manifests_.contains({repository, child.digest}))
        throw Error(Code::kRefused, "manifest blob unknown");
    }
    manifests_.insert({repository, manifest.digest()});
    if (!tag.empty()) tags_.insert_or_assign({repository, tag}, manifest.digest());
    events_.push_back((tag.empty() ? "manifest " : "tag " + tag + " ") + repository);
  }
  bool link_referrers(const std::string& repository, const digest::Digest& subject,
                      const std::vector<oci::Descriptor>& referrers) override {
    const std::scoped_lock lock(mutex_);
    if (refuse_links_) throw Error(*refuse_links_, "no list of referrers");
    if (referrers_api_) return false;
    auto& list = linked_[{repository, subject}];
    for (const auto& referrer : referrers) list.insert(referrer.digest);
    events_.push_back("link " + repository);
    return true;
  }
  void read_back_blob(const std::string& repository, const oci::Descriptor& blob) override {
    read_back(repository, blob.digest, blobs_);
  }
  void read_back_manifest(const std::string& repository, const digest::Digest& digest) override {
    read_back(repository, digest, manifests_);
  }
  void finish() override { finished_ = true; }

  std::size_t reads() const { return reads_; }
  const std::vector<std::string>& events() const { return events_; }
  bool finished() const { return finished_; }
  std::size_t linked() const { return linked_.size(); }

 private:
  void read_back(const std::string& repository, const digest::Digest& digest,
                 const std::set<std::pair<std::string, digest::Digest>>& in) {
    const std::scoped_lock lock(mutex_);
    require_up();
    ++reads_;
    if (lost_.contains(digest) || !in.contains({repository, digest})) {
      throw Error(Code::kIntegrity, "it is not there any more");
    }
  }
  void require(const std::string& repository, const digest::Digest& digest) const {
    if (!blobs_.contains({repository, digest}))
      throw Error(Code::kRefused, "blob unknown: " + digest.text());
  }
  void require_up() const {
    if (down_) throw Error(Code::kUnavailable, "connection refused");
  }

  std::mutex mutex_;
  std::string objectionable_;
  std::map<std::pair<std::string, std::string>, digest::Digest> tags_;
  std::set<std::pair<std::string, digest::Digest>> blobs_;
  std::set<std::pair<std::string, digest::Digest>> manifests_;
  std::map<std::pair<std::string, digest::Digest>, std::set<digest::Digest>> linked_;
  std::set<digest::Digest> refused_;
  std::set<digest::Digest> lost_;
  std::set<digest::Digest> removed_;
  std::size_t reads_ = 0;
  std::optional<Code> refuse_links_;
  std::vector<std::string> events_;
  bool down_ = false;
  bool referrers_api_ = true;
  bool finished_ = false;
};

}  // namespace seabag::importing
