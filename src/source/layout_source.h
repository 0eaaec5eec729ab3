// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <ranges>
#include <span>
#include <string>
#include <unordered_set>
#include <vector>

#include "base/error.h"
#include "oci/image_layout.h"
#include "source/foreign_layer.h"
#include "source/image_source.h"
#include "source/layout_files.h"

namespace seabag::source {

/// Images of an OCI image layout. An entry of index.json goes by the name it has there
/// (entry_name.h); one whose name cannot be a reference goes by its digest, in a repository called
/// like the directory or archive. So does one without a name, unless another entry leads to it: it
/// has a name as well, is the child of an index, or is about a manifest of the layout and so
/// attached to that.
/// Source: OCI image-spec v1.1, image-layout.md.
class LayoutSource : public ImageSource {
 public:
  /// `name`: the entry that the user asked for, or "@N"; empty: all.
  /// Errors: kMalformed (no layout, index.json breaks its grammar), kUnsupported (another version),
  ///         kRefused (no entry or several of that name; the text has those there are).
  LayoutSource(std::string uri, std::unique_ptr<LayoutFiles> files, const std::string& name,
               ForeignClient foreign_client);

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
  bool answers() override;

 private:
  /// A tenth of the room of a name and a descriptor, of which a large layout has 100,000.
  struct Entry {
    std::uint32_t repository = 0;  ///< position in repositories_
    std::uint32_t media_type = 0;  ///< of the manifest; position in media_types_
    bool is_named = false;
    std::string tag;  ///< empty: it goes by its digest
    digest::Digest digest;
    std::uint64_t size = 0;
  };
  using Positions = std::vector<std::uint32_t>;
  /// What the manifests of the entries say about each other.
  struct Relations {
    std::unordered_set<digest::Digest> children;
    std::multimap<digest::Digest, oci::Descriptor> referrers;  ///< by subject
    std::map<digest::Digest, digest::Digest> subjects;         ///< by referrer
    std::optional<Error> failure;  ///< why some manifest could not be asked
    Positions listed;              ///< of the entries that are listed, sorted by name, one of each
  };

  void read_entries(const std::string& name);
  void sort_positions();
  const oci::Reference& repository_of(const Entry& entry) const {
    return repositories_[entry.repository];
  }
  oci::Reference name_of(const Entry& entry) const;  ///< with a tag or a digest
  /// Positions in entries_, ascending, of those that have this name; digests in names do not count.
  std::ranges::subrange<Positions::const_iterator> positions_of(const oci::Reference& name) const;
  std::span<const std::uint32_t> listed();  ///< positions in entries_, sorted by name
  const Relations& relations();
  Relations read_relations() const;
  Positions listed_entries(const Relations& known) const;
  oci::RawManifest read_manifest(const Entry& manifest) const;
  oci::RawManifest read_manifest(const digest::Digest& digest) const;
  std::string require_blob(const digest::Digest& digest, std::optional<std::uint64_t> size) const;

  std::string uri_;
  std::unique_ptr<LayoutFiles> files_;
  ForeignClient foreign_client_;
  std::vector<oci::Reference> repositories_;  // of entries_, without tags
  std::vector<std::string> media_types_;      // of entries_
  std::vector<Entry> entries_;                // all, in the order of index.json
  Positions by_name_;  // of entries_; a large layout is asked for each of its names
  Positions by_digest_;
  std::optional<std::uint32_t> asked_;  // position in entries_
  std::mutex mutex_;                    // guards relations_
  std::optional<Relations> relations_;  // read on first use
};

}  // namespace seabag::source
