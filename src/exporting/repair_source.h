// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <vector>

#include "base/error.h"
#include "bundle/damage.h"
#include "source/image_source.h"
#include "source/source_name.h"

namespace seabag::exporting {

/// All sources of a repair as one that gives blobs, manifests too, by their digest: whoever asks
/// need not know where a blob is. In a registry the repositories are asked that the list of what is
/// damaged names, or the one that the user named.
class RepairSource : public source::ImageSource {
 public:
  /// `sources` are parallel to `names`; all outlive this.
  RepairSource(const bundle::Damage& damage, const std::vector<source::SourceName>& names,
               std::vector<source::ImageSource*> sources);

  const std::string& uri() const override { return uri_; }
  std::vector<oci::Reference> repositories() override { return {}; }
  std::vector<oci::Reference> references(const oci::Reference& /*repository*/) override {
    return {};
  }
  oci::RawManifest manifest(const oci::Reference& name) override;
  std::vector<source::Attached> attached(const oci::Reference& /*repository*/,
                                         const digest::Digest& /*subject*/) override {
    return {};
  }
  /// `repository` is not looked at. One place after the other is asked; the one that broke off, or
  /// gave bytes that were not the blob's, is asked last.
  void read_blob(const oci::Reference& repository, const oci::Descriptor& blob,
                 std::uint64_t offset, io::ByteSink& sink) override;
  std::optional<std::uint64_t> find_size(const oci::Reference& /*repository*/,
                                         const oci::Descriptor& /*blob*/) override {
    return std::nullopt;
  }
  bool answers() override;

 private:
  struct Place {
    source::ImageSource* source = nullptr;
    oci::Reference repository;
  };
  // Where a blob was asked for last, and whether all of it came from there.
  struct Attempt {
    std::size_t place = 0;
    bool is_done = false;
  };

  std::vector<Place> places_of(const bundle::DamagedBlob& blob) const;
  const bundle::DamagedBlob* find(const digest::Digest& digest) const;
  Attempt& attempt_of(const digest::Digest& digest);
  static void read_from(const Place& place, const bundle::DamagedBlob& blob, std::uint64_t offset,
                        io::ByteSink& sink);

  const bundle::Damage& damage_;
  const std::vector<source::SourceName>& names_;
  std::vector<source::ImageSource*> sources_;
  std::string uri_ = "the sources of the repair";
  std::mutex mutex_;  // guards the shape of attempts_; each one belongs to who reads that blob
  std::map<digest::Digest, Attempt> attempts_;
};

}  // namespace seabag::exporting
