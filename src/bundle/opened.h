// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "bagit/bag_files.h"
#include "bundle/rebuild.h"
#include "digest/digest.h"
#include "index/index_file.h"
#include "io/blob_source.h"
#include "io/file_system.h"
#include "oci/manifest.h"

namespace seabag::bundle {

/// A sealed bundle whose tag files and index match the tag manifest, and whose payload files are
/// there with their sizes. The payload itself is verified as it is read: manifest() verifies, and
/// who reads open_blob() must hold the bytes against the digest before anything is committed.
///
/// Threads: const methods may run concurrently.
class OpenedBundle {
 public:
  /// Nothing is parsed before its checksum was compared, but for the tag manifest itself.
  /// Errors: kNotABundle (no bundle, or one that is not sealed: the next step says which),
  /// kIntegrity (a tag file is
  ///   missing, extra or different, or the seal is not the expected one), kMalformed, kUnsupported
  ///   (another format version).
  /// `expected_seal`: what the user was told apart from the medium; nothing: not compared.
  /// `rebuild`: what to do where index.sqlite is missing, or not what the tag manifest says: a
  /// warning, and the index is made anew (bundle/rebuild.h); null: kIntegrity.
  /// `payload_problems`: where problems of payload files go (missing, extra, of another size), a
  /// sentence each, so
  ///   that verify can tell all of them; null: the first one is thrown.
  /// `unexpected_files`: the same for files beside the payload that no manifest lists. Only who
  ///   looks for damage gives it: others refuse such a bundle.
  static OpenedBundle open(io::FileSystem& files, const std::string& path,
                           const std::optional<digest::Digest>& expected_seal,
                           std::vector<std::string>* payload_problems = nullptr,
                           const RebuildMeans* rebuild = nullptr,
                           std::vector<std::string>* unexpected_files = nullptr);

  const std::string& path() const { return path_; }
  const digest::Digest& seal() const { return seal_; }
  const index::Index& index() const { return *index_; }
  /// What is wrong with index.sqlite, so that index() was made anew; empty: it is the sealed one.
  const std::string& index_defect() const { return index_defect_; }
  const index::Graph& graph() const { return *graph_; }
  const bagit::BagInfo& bag_info() const { return bag_info_; }
  /// Null where payload_problems has it.
  const io::File* payload(std::uint32_t file) const { return payload_[file].get(); }

  /// All places of a blob; empty if it is not in the bundle.
  std::span<const index::Location> locations_of(index::BlobId blob) const;
  /// The blob's bytes where they lie. Errors: kIntegrity if it is not in the bundle.
  std::unique_ptr<io::BlobSource> open_blob(index::BlobId blob) const;
  /// A manifest, verified. Errors: kIntegrity.
  oci::RawManifest manifest(index::BlobId blob) const;

 private:
  OpenedBundle(std::string path, digest::Digest seal)
      : path_(std::move(path)), seal_(std::move(seal)) {}
  void open_payload(io::FileSystem& files, const std::vector<bagit::ManifestEntry>& listed,
                    std::vector<std::string>* problems);

  std::string path_;
  digest::Digest seal_;
  bagit::BagInfo bag_info_;
  std::string index_defect_;
  std::unique_ptr<const index::Index> index_;  // on the heap: graph_ refers to it, and bundles move
  std::unique_ptr<const index::Graph> graph_;
  std::vector<std::unique_ptr<io::File>>
      payload_;  // parallel to index_->files; null: could not be opened
};

/// The index of the bundle at `bundle`, compared with `checksum` before it is read.
/// Errors: kIntegrity, kMalformed, kUnsupported (another format version).
std::unique_ptr<const index::Index> read_sealed_index(io::FileSystem& files,
                                                      const std::string& bundle,
                                                      const digest::Digest& checksum);

}  // namespace seabag::bundle
