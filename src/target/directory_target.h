// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "io/file_system.h"
#include "target/open_target.h"
#include "target/target.h"

namespace seabag::target {

/// "dir:DIR": a tarball for each reference, DIR/REPOSITORY/TAG.tar or
/// DIR/REPOSITORY/@sha256-HEX.tar. Each is an OCI image layout with the Docker view beside it where
/// there is an image to run, and needs no other file.
///
/// The names are such that DIR can be copied to any file system that people carry things on:
/// objection() says which references have none. "@" in front of digests keeps them apart from tags
/// that look like one.
///
/// Errors: also kLocked at the first put if another run writes to the same directory.
/// Source: OCI image-spec v1.1, image-layout.md; format-spec/tarball.md.
class DirectoryTarget : public Target {
 public:
  /// Looks at the directory, and changes nothing before something is put.
  /// Errors: kUsage (not a directory; an image layout or a bag, which are no place for more files).
  DirectoryTarget(TargetName name, io::FileSystem& files);
  ~DirectoryTarget() override;
  DirectoryTarget(const DirectoryTarget&) = delete;
  DirectoryTarget& operator=(const DirectoryTarget&) = delete;

  std::string uri() const override { return name_.text; }
  std::string location(const oci::Reference& name) const override;
  std::optional<std::string> objection(const oci::Reference& name) const override;
  std::string collision_key(const oci::Reference& name) const override;
  /// Of a tarball that is there: what its index.json says.
  /// Errors: kMalformed if it is none of ours.
  std::optional<digest::Digest> find_tag(const std::string& repository,
                                         const std::string& tag) override;
  bool has_manifest(const std::string& repository, const digest::Digest& digest) override;

  /// Makes the directory.
  void lock() override;
  bool takes_whole_images() const override { return true; }
  void put_image(const WholeImage& image) override;
  /// Nothing is left to do: each tarball was durable when it got its name.
  void finish() override {}

  // Not for this target: takes_whole_images().
  PutOutcome put_blob(const std::string& repository, const oci::Descriptor& blob,
                      const io::BlobSource& bytes,
                      const std::vector<std::string>& mount_from) override;
  void put_manifest(const std::string& repository, const oci::RawManifest& manifest,
                    const std::optional<oci::Descriptor>& subject, const std::string& tag) override;
  bool link_referrers(const std::string& repository, const digest::Digest& subject,
                      const std::vector<oci::Descriptor>& referrers) override;

 private:
  std::string place_of(const oci::Reference& name) const;
  std::optional<digest::Digest> find_root(const oci::Reference& name);
  void prepare(const std::string& directory);

  TargetName name_;
  io::FileSystem& files_;
  std::mutex mutex_;  // guards lock_ and the making of directories
  std::unique_ptr<io::Lock> lock_;
};

}  // namespace seabag::target
