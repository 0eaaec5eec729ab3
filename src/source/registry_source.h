// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "registry/registry.h"
#include "source/attached_list.h"
#include "source/foreign_layer.h"
#include "source/image_source.h"

namespace seabag::source {

/// Images in a registry.
/// Source: OCI distribution-spec v1.1, "Pull", "Content Discovery"; `_catalog` is Docker's.
class RegistrySource : public ImageSource {
 public:
  /// `asked`: a registry, a repository in it, or a tag or digest of that.
  RegistrySource(std::string uri, oci::Reference asked,
                 std::shared_ptr<registry::Registry> registry, ForeignClient foreign_client);

  const std::string& uri() const override { return uri_; }
  std::vector<oci::Reference> repositories() override;
  std::vector<oci::Reference> references(const oci::Reference& repository) override;
  oci::RawManifest manifest(const oci::Reference& name) override;
  std::vector<Attached> attached(const oci::Reference& repository,
                                 const digest::Digest& subject) override;
  void read_blob(const oci::Reference& repository, const oci::Descriptor& blob,
                 std::uint64_t offset, io::ByteSink& sink) override;
  std::optional<std::uint64_t> find_size(const oci::Reference& repository,
                                         const oci::Descriptor& blob) override;
  bool answers() override { return registry_->answers(); }

 private:
  /// How to find what is attached to the manifests of one repository.
  struct Discovery {
    std::mutex mutex;                       ///< guards all below
    std::optional<bool> has_referrers_api;  ///< nothing: it was not asked yet
    bool lists_tags = true;                 ///< until an answer says otherwise
    /// Of its tags those that name something attached; nothing until they were listed.
    std::optional<std::set<std::string>> tags;

    void learn(const std::vector<std::string>& all);
  };

  std::vector<std::string> list_catalog();
  /// Nothing if the registry does not know the repository.
  std::optional<std::vector<std::string>> list_tags(const std::string& repository);
  std::optional<std::uint64_t> find_manifest_size(const std::string& repository,
                                                  const digest::Digest& digest);
  std::optional<std::uint64_t> find_blob_size(const std::string& repository,
                                              const digest::Digest& digest);
  Discovery& discovery_of(const std::string& repository);
  void learn_tags(const std::string& repository, Discovery& discovery);
  bool read_referrers(const std::string& repository, const digest::Digest& subject, bool is_api,
                      AttachedList& list);

  std::string uri_;
  oci::Reference asked_;
  std::shared_ptr<registry::Registry>
      registry_;  // shared with other sources and targets of the same host
  ForeignClient foreign_client_;
  std::mutex mutex_;                              // guards the map, not what is in it
  std::map<std::string, Discovery> discoveries_;  // by repository; nodes do not move
};

}  // namespace seabag::source
