// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "io/file_system.h"
#include "oci/image_layout.h"
#include "target/open_target.h"
#include "target/target.h"

namespace seabag::target {

/// "oci:DIR": an OCI image layout, made anew or added to. Shared blobs lie there once, whatever
/// repository they came for; names in index.json are "REPOSITORY:TAG".
///
/// A blob that is there already is read, and counts only if it has its digest; a damaged one is
/// replaced. Entries of index.json that others wrote are kept as they are, but for one that has the
/// name of a new one.
///
/// What gets an entry in index.json: tags; manifests put without one if they have a subject (an
/// entry without name is how they are found) or if nothing else leads to them
/// ("REPOSITORY@DIGEST").
///
/// Errors: also kLocked at the first put if another run adds to the same layout.
/// Source: OCI image-spec v1.1, image-layout.md.
class LayoutTarget : public Target {
 public:
  /// Looks at the directory, and changes nothing before something is put or finish().
  /// Errors: kUsage (not a directory, or one with something else in it), kMalformed, kUnsupported
  ///         (its version).
  LayoutTarget(TargetName name, io::FileSystem& files);
  ~LayoutTarget() override;
  LayoutTarget(const LayoutTarget&) = delete;
  LayoutTarget& operator=(const LayoutTarget&) = delete;

  std::string uri() const override { return name_.text; }
  std::string location(const oci::Reference& name) const override;
  std::optional<std::string> objection(const oci::Reference& name) const override;
  std::optional<digest::Digest> find_tag(const std::string& repository,
                                         const std::string& tag) override;
  /// Whether put_manifest() without a tag would change nothing: children that no entry names are
  /// put again.
  bool has_manifest(const std::string& repository, const digest::Digest& digest) override;
  bool keeps(const oci::Descriptor& blob) override;
  PutOutcome put_blob(const std::string& repository, const oci::Descriptor& blob,
                      const io::BlobSource& bytes,
                      const std::vector<std::string>& mount_from) override;
  void put_manifest(const std::string& repository, const oci::RawManifest& manifest,
                    const std::optional<oci::Descriptor>& subject, const std::string& tag) override;
  /// Nothing to do: entries without name are the layout's way to find referrers.
  bool link_referrers(const std::string& repository, const digest::Digest& subject,
                      const std::vector<oci::Descriptor>& referrers) override;
  void finish() override;

 private:
  class Turn;
  /// Many repositories may have the same many children of indexes: a name for each of these would
  /// take gigabytes, and hardly any gets an entry.
  struct Untagged {
    oci::Descriptor manifest;
    std::vector<const std::string*> repositories;
  };

  std::string place(std::string_view relative_path) const;
  bool is_layout();
  std::string read_index();
  void prepare();
  void require_directory(const std::string& path);
  bool is_intact(const std::string& path, const digest::Digest& digest);
  void write_blob(const std::string& path, const oci::Descriptor& blob,
                  const io::BlobSource& bytes);
  std::string index_with_new_entries(const std::string& existing) const;

  TargetName name_;
  io::FileSystem& files_;
  std::once_flag prepared_;
  std::unique_ptr<io::Lock> lock_;

  std::mutex mutex_;  // guards all below
  std::condition_variable turn_is_free_;
  std::set<digest::Digest> in_turn_;               // blobs that a thread works on
  std::set<digest::Digest> landed_;                // blobs that are there, verified in this run
  std::set<digest::Digest> listed_;                // manifests with an entry, or put in this run
  std::map<std::string, digest::Digest> names_;    // of all entries and of this run's tags
  std::map<std::string, oci::Descriptor> tagged_;  // put in this run, by name
  std::map<digest::Digest, Untagged> untagged_;    // without tag and subject
  std::set<std::string> repositories_;             // those in untagged_
  std::map<digest::Digest, oci::Descriptor> referrers_;
  std::set<digest::Digest> children_;  // of indexes that were put
};

}  // namespace seabag::target
