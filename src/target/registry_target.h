// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "registry/registry.h"
#include "target/open_target.h"
#include "target/target.h"

namespace seabag::target {

/// "docker://HOST[:PORT][/PREFIX]": an OCI distribution registry.
///
/// Errors: also kMalformed for a repository or tag that objection() objects to.
/// Source: OCI distribution-spec v1.1, "Push".
class RegistryTarget : public Target {
 public:
  /// `chunk_size`: as in Surroundings.
  RegistryTarget(TargetName name, std::shared_ptr<registry::Registry> registry,
                 std::uint64_t chunk_size);

  std::string uri() const override { return name_.text; }
  std::string location(const oci::Reference& name) const override;
  std::optional<std::string> objection(const oci::Reference& name) const override;
  std::optional<digest::Digest> find_tag(const std::string& repository,
                                         const std::string& tag) override;
  bool has_manifest(const std::string& repository, const digest::Digest& digest) override;
  PutOutcome put_blob(const std::string& repository, const oci::Descriptor& blob,
                      const io::BlobSource& bytes,
                      const std::vector<std::string>& mount_from) override;
  void put_manifest(const std::string& repository, const oci::RawManifest& manifest,
                    const std::optional<oci::Descriptor>& subject, const std::string& tag) override;
  bool link_referrers(const std::string& repository, const digest::Digest& subject,
                      const std::vector<oci::Descriptor>& referrers) override;
  void read_back_blob(const std::string& repository, const oci::Descriptor& blob) override;
  void read_back_manifest(const std::string& repository, const digest::Digest& digest) override;
  /// Nothing is left to do: each request was durable when it was answered.
  void finish() override {}

 private:
  std::string prefixed(const std::string& repository) const;
  std::string remote_name(const std::string& repository, const std::string& tag = {}) const;
  http::Response head_manifest(const std::string& remote, const std::string& tag_or_digest);
  http::Response push_manifest(const std::string& remote, const std::string& tag_or_digest,
                               const oci::RawManifest& manifest);
  bool has_all_below(const std::string& remote, const oci::RawManifest& manifest);
  bool has_referrers_api(const std::string& remote, const digest::Digest& subject);
  void note_referrers_api(const std::string& remote, bool is_there);

  TargetName name_;
  std::shared_ptr<registry::Registry>
      registry_;  // shared with whoever opened it, to reuse connections and tokens
  std::uint64_t chunk_size_;

  std::mutex mutex_;  // guards what follows
  // By repository, what was shown last of it: behind one name there may be several registries.
  std::map<std::string, bool> referrers_api_;
};

}  // namespace seabag::target
