// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <atomic>
#include <map>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "base/error.h"
#include "bundle/manifest_spool.h"
#include "digest/hasher.h"
#include "exporting/resolve.h"
#include "source/image_source.h"

/// An image source in memory for tests: repositories that are filled by hand, and that fail where
/// told.
namespace seabag::exporting {

class MemorySource : public source::ImageSource {
 public:
  explicit MemorySource(std::string uri = "docker://test:5000") : uri_(std::move(uri)) {}

  /// Stores bytes in all repositories; gives their descriptor as JSON.
  std::string put(const std::string& bytes, const std::string& media_type,
                  const std::string& more = "") {
    const auto digest = digest::digest_of(io::bytes_of(bytes));
    blobs_[digest.text()] = bytes;
    types_[digest.text()] = media_type;
    return fmt::format(R"({{"mediaType":"{}","digest":"{}","size":{}{}}})", media_type,
                       digest.text(), bytes.size(), more);
  }
  std::string put_image(const std::string& config, const std::vector<std::string>& layers,
                        const std::string& more = "", const std::string& descriptor_more = "") {
    std::string list;
    for (const std::string& layer : layers) list += (list.empty() ? "" : ",") + layer;
    return put(
        fmt::format(R"({{"schemaVersion":2,"mediaType":"{}","config":{},"layers":[{}]{}}})", kImage,
                    put(config, "application/vnd.oci.image.config.v1+json"), list, more),
        kImage, descriptor_more);
  }
  std::string put_index(const std::vector<std::string>& children) {
    std::string list;
    for (const std::string& child : children) list += (list.empty() ? "" : ",") + child;
    return put(
        fmt::format(R"({{"schemaVersion":2,"mediaType":"{}","manifests":[{}]}})", kIndex, list),
        kIndex);
  }
  void tag(const std::string& repository, const std::string& tag, const std::string& descriptor) {
    tags_[repository][tag] = digest_in(descriptor);
  }
  void attach(const std::string& subject, const std::string& descriptor,
              const std::string& tag = "") {
    attached_[digest_in(subject)].emplace_back(digest_in(descriptor), tag);
  }
  void remove(const std::string& descriptor) { blobs_.erase(digest_in(descriptor)); }
  void go_down() { down_ = true; }
  /// Gives that manifest so many times, and says then that it is busy.
  void refuse_after_reads_of(const std::string& manifest, int reads) {
    busy_[digest_in(manifest)] = reads;
  }
  /// Gives so many blobs more, and is gone.
  void go_down_after_reads(int reads) { reads_left_ = reads; }
  static std::string digest_in(const std::string& descriptor) {
    return descriptor.substr(descriptor.find("sha256:"), 71);
  }

  const std::string& uri() const override { return uri_; }
  std::vector<oci::Reference> repositories() override {
    std::vector<oci::Reference> found;
    for (const auto& [name, tags] : tags_) found.push_back({"test:5000", name, "", std::nullopt});
    return found;
  }
  std::vector<oci::Reference> references(const oci::Reference& repository) override {
    std::vector<oci::Reference> found;
    for (const auto& [tag, digest] : tags_[repository.repository]) {
      found.push_back({repository.registry, repository.repository, tag, std::nullopt});
    }
    return found;
  }
  oci::RawManifest manifest(const oci::Reference& name) override {
    const std::string digest = name.digest ? name.digest->text() : tags_[name.repository][name.tag];
    const auto busy = busy_.find(digest);
    if (busy != busy_.end() && busy->second-- <= 0) throw Error(Code::kUnavailable, "429");
    const auto bytes = io::bytes_of(find(digest));
    return oci::verified({bytes.begin(), bytes.end()}, types_[digest], name.digest);
  }
  std::vector<source::Attached> attached(const oci::Reference& /*repository*/,
                                         const digest::Digest& subject) override {
    std::vector<source::Attached> found;
    for (const auto& [digest, tag] : attached_[subject.text()]) {
      found.push_back({{.media_type = types_[digest],
                        .digest = digest::parse_digest(digest),
                        .size = find(digest).size()},
                       tag});
    }
    return found;
  }
  void read_blob(const oci::Reference& /*repository*/, const oci::Descriptor& blob,
                 std::uint64_t offset, io::ByteSink& sink) override {
    ++reads_;
    const std::string& bytes = find(blob.digest.text());
    if (reads_left_ > 0 && --reads_left_ == 0) down_ = true;
    sink.write(io::bytes_of(bytes).subspan(offset));
  }
  std::optional<std::uint64_t> find_size(const oci::Reference& /*repository*/,
                                         const oci::Descriptor& blob) override {
    const auto found = blobs_.find(blob.digest.text());
    if (found == blobs_.end()) return std::nullopt;
    return found->second.size();
  }
  bool answers() override { return !down_; }
  int reads() const { return reads_; }

 private:
  static constexpr const char* kImage = "application/vnd.oci.image.manifest.v1+json";
  static constexpr const char* kIndex = "application/vnd.oci.image.index.v1+json";

  const std::string& find(const std::string& digest) const {
    if (down_) throw Error(Code::kUnavailable, "connection refused");
    const auto found = blobs_.find(digest);
    if (found == blobs_.end()) throw Error(Code::kRefused, "404 not found: " + digest);
    return found->second;
  }

  std::string uri_;
  std::map<std::string, std::string> blobs_;
  std::map<std::string, std::string> types_;
  std::map<std::string, std::map<std::string, std::string>> tags_;
  std::map<std::string, std::vector<std::pair<std::string, std::string>>> attached_;
  std::map<std::string, int> busy_;  // how many times more, by digest; for runs with one job
  std::atomic<int> reads_ = 0;
  int reads_left_ = 0;
  bool down_ = false;
};

/// All that `source` has, its manifests in `spool`.
inline index::Content content_of(source::ImageSource& source, bundle::ManifestSpool& spool) {
  transfer::NoProgress quiet;
  const Selection selection;
  return resolve({.sources = {&source},
                  .selection = selection,
                  .jobs = 1,
                  .spool = &spool,
                  .now = [] { return UtcTime{}; }},
                 quiet, std::stop_token())
      .content;
}

}  // namespace seabag::exporting
