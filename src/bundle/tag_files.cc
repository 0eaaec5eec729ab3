// SPDX-License-Identifier: Apache-2.0
#include "bundle/tag_files.h"

#include <algorithm>
#include <memory>

#include "bagit/bag_files.h"
#include "base/error.h"
#include "base/limits.h"
#include "bundle/opened.h"
#include "bundle/seal.h"
#include "digest/hasher.h"
#include "digest/verifying_sink.h"
#include "index/index_file.h"
#include "io/file_blob.h"

namespace seabag::bundle {
namespace {

class TagFiles {
 public:
  TagFiles(io::FileSystem& files, const std::string& bundle) : files_(files), bundle_(bundle) {}

  std::vector<std::string> run(const std::optional<digest::Digest>& seal) {
    if (seal && checksum_of(bagit::kTagManifestPath) != seal) make_tag_manifest(*seal);
    const auto listed = read_tag_manifest();
    make(listed, bagit::kDeclarationPath,
         [](const index::Index&) { return bagit::write_declaration(); });
    make(listed, bagit::kBagInfoPath, bag_info_of);
    make(listed, bagit::kManifestPath, payload_manifest_of);
    return std::move(made_);
  }

 private:
  std::string at(std::string_view name) const { return io::join(bundle_, std::string(name)); }

  // Nothing where there is no such file.
  std::optional<digest::Digest> checksum_of(std::string_view name) const {
    const auto found = files_.find(at(name));
    if (!found || found->kind != io::FileKind::kRegular) return std::nullopt;
    const auto file = files_.open(at(name), io::OpenMode::kRead);
    return digest::digest_of(io::FileBlob(*file, 0, file->size()));
  }

  void put(std::string_view name, const std::string& text) {
    io::replace_file(files_, at(name), io::bytes_of(text));
    made_.emplace_back(name);
  }

  void make_tag_manifest(const digest::Digest& seal) {
    std::vector<bagit::ManifestEntry> entries;
    for (const std::string_view name :
         {bagit::kDeclarationPath, bagit::kBagInfoPath, bagit::kManifestPath,
          std::string_view(index::kIndexFile)}) {
      const auto checksum = checksum_of(name);
      if (!checksum) return;
      entries.push_back({*checksum, std::string(name)});
    }
    const std::string text = bagit::write_manifest(std::move(entries));
    if (digest::digest_of(io::bytes_of(text)) == seal) put(bagit::kTagManifestPath, text);
  }

  // Empty where it cannot be read: who opens the bundle says why.
  std::vector<bagit::ManifestEntry> read_tag_manifest() const try {
    if (!files_.find(at(bagit::kTagManifestPath))) return {};
    const io::Bytes bytes =
        io::read_file(files_, at(bagit::kTagManifestPath), limits::kBagManifestBytes);
    return bagit::parse_manifest(io::text_of(bytes), std::string(bagit::kTagManifestPath));
  } catch (const Error& error) {
    if (error.code() != Code::kMalformed) throw;
    return {};
  }

  template <class Text>
  void make(const std::vector<bagit::ManifestEntry>& listed, std::string_view name, Text text_of) {
    const auto entry = std::ranges::find(listed, name, &bagit::ManifestEntry::path);
    if (entry == listed.end() || checksum_of(name) == entry->checksum) return;
    const auto found = files_.find(at(name));
    if (found && found->kind != io::FileKind::kRegular) return;
    const index::Index* index = index_as_listed(listed);
    if (index == nullptr) return;
    const std::string text = text_of(*index);
    if (digest::digest_of(io::bytes_of(text)) == entry->checksum) put(name, text);
  }

  const index::Index* index_as_listed(const std::vector<bagit::ManifestEntry>& listed) try {
    if (index_) return index_.get();
    const auto entry = std::ranges::find(listed, index::kIndexFile, &bagit::ManifestEntry::path);
    if (entry == listed.end() || !files_.find(at(index::kIndexFile))) return nullptr;
    index_ = read_sealed_index(files_, bundle_, entry->checksum);
    return index_.get();
  } catch (const Error& error) {
    if (error.code() == Code::kIo || error.code() == Code::kPermission) throw;
    return nullptr;
  }

  // As the exporter writes it.
  static std::string bag_info_of(const index::Index& index) {
    const auto fact = [&](const char* name) {
      const auto found = index.metadata.find(name);
      return found == index.metadata.end() ? std::string() : found->second;
    };
    std::uint64_t bytes = 0;
    for (const index::PayloadFile& file : index.files) bytes += file.size;
    return bagit::write_bag_info(
        {{"Bag-Software-Agent", fact("tool")},
         {"Bagging-Date", fact("created").substr(0, 10)},
         {"Seabag-Format-Version", kFormatVersion},
         {"Payload-Oxum", bagit::payload_oxum(bytes, index.files.size())}});
  }

  static std::string payload_manifest_of(const index::Index& index) {
    std::vector<bagit::ManifestEntry> entries;
    for (const index::PayloadFile& file : index.files) {
      entries.push_back({digest::parse_digest("sha256:" + file.sha256), file.path});
    }
    return bagit::write_manifest(std::move(entries));
  }

  io::FileSystem& files_;
  const std::string& bundle_;
  std::unique_ptr<const index::Index> index_;
  std::vector<std::string> made_;
};

}  // namespace

std::vector<std::string> mend_tag_files(io::FileSystem& files, const std::string& bundle,
                                        const std::optional<digest::Digest>& seal) {
  return TagFiles(files, bundle).run(seal);
}

}  // namespace seabag::bundle
