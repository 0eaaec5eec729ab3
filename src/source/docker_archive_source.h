// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "oci/image_layout.h"
#include "source/image_source.h"
#include "source/saved_image.h"
#include "tar/foreign_archive.h"

namespace seabag::source {

/// Images of an archive that `docker save` made. It has configs and layers but no manifests, so one
/// is made for each, always the same: docs/decisions/0008-docker-archive-manifests.md says how.
/// Source: Docker image specification v1.2, "Combined Image JSON + Filesystem Changeset Format".
class DockerArchiveSource : public ImageSource {
 public:
  /// `name`: the image that the user asked for, or "@N"; empty: all.
  /// Errors: those of tar::ForeignArchive; kMalformed (no archive of docker save), kRefused (no
  /// image of that name).
  DockerArchiveSource(std::string uri, const std::string& path, const std::string& name);

  const std::string& uri() const override { return uri_; }
  std::vector<oci::Reference> repositories() override;
  std::vector<oci::Reference> references(const oci::Reference& repository) override;
  /// Errors: also kIntegrity if a config or an uncompressed layer is not what the archive says it
  /// is.
  oci::RawManifest manifest(const oci::Reference& name) override;
  std::vector<Attached> attached(const oci::Reference& repository,
                                 const digest::Digest& subject) override;
  void read_blob(const oci::Reference& repository, const oci::Descriptor& blob,
                 std::uint64_t offset, io::ByteSink& sink) override;
  std::optional<std::uint64_t> find_size(const oci::Reference& repository,
                                         const oci::Descriptor& blob) override;
  bool answers() override;

 private:
  struct Name {
    oci::Reference reference;  ///< without a tag if the image goes by its digest
    std::size_t image = 0;     ///< position in images_
  };

  void add_names(std::size_t image);
  void select(const std::string& name);

  // Require mutex_ held.
  oci::Reference full_name(const Name& name);
  const oci::RawManifest& manifest_of(std::size_t image);
  const oci::RawManifest& manifest_with(const digest::Digest& digest, const oci::Reference& name);
  Error no_image(const oci::Reference& name) const;
  oci::RawManifest read_image(const oci::DockerArchiveImage& image);
  const SavedLayer& measure(const std::string& member);
  const std::string* find_member(const digest::Digest& digest);

  std::string uri_;
  tar::ForeignArchive archive_;
  std::vector<oci::DockerArchiveImage> images_;
  std::vector<Name> names_;  // those that were asked for, sorted

  std::mutex mutex_;                                   // guards what follows
  std::map<std::size_t, oci::RawManifest> manifests_;  // by position in images_
  std::map<digest::Digest, std::size_t> image_of_;     // by the digest of its manifest
  std::map<std::string, SavedLayer> layers_;           // by member; each is read and hashed once
  std::map<digest::Digest, std::string> members_;  // of the blobs of the manifests that were made
};

}  // namespace seabag::source
