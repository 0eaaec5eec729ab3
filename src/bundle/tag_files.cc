// SPDX-License-Identifier: Apache-2.0
#include "bundle/tag_files.h"

#include <algorithm>
#include <array>
#include <functional>
#include <memory>
#include <span>

#include "bagit/bag_files.h"
#include "base/error.h"
#include "base/limits.h"
#include "base/text.h"
#include "bundle/opened.h"
#include "bundle/seal.h"
#include "digest/hasher.h"
#include "digest/verifying_sink.h"
#include "index/index_file.h"
#include "io/clean_up.h"
#include "io/copy.h"
#include "io/file_blob.h"
#include "io/file_window.h"
#include "transfer/progress.h"
#include "transfer/rate_limit.h"
#include "transfer/stages.h"

namespace seabag::bundle {
namespace {

// The tag manifest, last, lists the others.
constexpr std::array<std::string_view, 5> kTagFiles = {bagit::kDeclarationPath, bagit::kBagInfoPath,
                                                       bagit::kManifestPath, index::kIndexFile,
                                                       bagit::kTagManifestPath};

std::string mending_name(std::string_view name) {
  return std::string(name) + kMendingSuffix;
}

class TagFiles {
 public:
  TagFiles(io::FileSystem& files, const std::string& bundle, const std::vector<std::string>& others,
           const std::stop_token& stop)
      : files_(files), bundle_(bundle), others_(others), unlimited_(0, stop) {}

  std::vector<std::string> run(const std::optional<digest::Digest>& seal) {
    for (const std::string_view name : kTagFiles) {
      if (files_.find(at(mending_name(name)))) files_.remove_file(at(mending_name(name)));
    }
    if (seal && checksum_of(at(bagit::kTagManifestPath)) != seal) make_tag_manifest(*seal);
    const auto listed = read_tag_manifest();
    make(listed, index::kIndexFile, {});
    make(listed, bagit::kDeclarationPath,
         [](const index::Index&) { return bagit::write_declaration(); });
    make(listed, bagit::kBagInfoPath, bag_info_of);
    make(listed, bagit::kManifestPath, payload_manifest_of);
    return std::move(made_);
  }

 private:
  std::string at(std::string_view name) const { return io::join(bundle_, std::string(name)); }

  // Nothing where there is no such file, or the medium does not give its bytes.
  std::optional<digest::Digest> checksum_of(const std::string& path) try {
    const auto found = files_.find(path);
    if (!found || found->kind != io::FileKind::kRegular) return std::nullopt;
    const auto file = files_.open(path, io::OpenMode::kRead);
    const io::FileBlob bytes(*file, 0, file->size());
    return digest::digest_of(transfer::MeteredSource(bytes, nobody_, unlimited_));
  } catch (const Error& error) {
    if (error.code() != Code::kIo) throw;
    return std::nullopt;
  }

  bool take_from_others(std::string_view name, const digest::Digest& checksum) {
    return std::ranges::any_of(others_, [&](const std::string& other) {
      const auto file = open_other(io::join(other, std::string(name)), checksum);
      if (file) put(name, io::FileBlob(*file, 0, file->size()), checksum);
      return file != nullptr;
    });
  }

  std::unique_ptr<io::File> open_other(const std::string& path,
                                       const digest::Digest& checksum) try {
    if (checksum_of(path) != checksum) return nullptr;
    return files_.open(path, io::OpenMode::kRead);
  } catch (const Error& error) {
    if (error.code() == Code::kCancelled) throw;
    return nullptr;
  }

  // An index may have gigabytes: it is not held in memory.
  void put(std::string_view name, const io::BlobSource& bytes, const digest::Digest& checksum) {
    const std::string beside = at(mending_name(name));
    try {
      const auto created = files_.open(beside, io::OpenMode::kCreateNew);
      io::FileWindow window(*created, 0, bytes.size());
      digest::VerifyingSink verifying(checksum, bytes.size(), window);
      io::copy_all(transfer::MeteredSource(bytes, nobody_, unlimited_), verifying);
      created->sync();
      created->close();
      files_.rename(beside, at(name));
    } catch (const Error&) {
      io::clean_up([&] {
        if (files_.find(beside)) files_.remove_file(beside);
      });
      throw;
    }
    files_.sync_directory(bundle_);
    made_.emplace_back(name);
  }

  // If it is what it should be.
  void put_if_right(std::string_view name, const std::string& text,
                    const digest::Digest& checksum) {
    const auto bytes = io::bytes_of(text);
    if (digest::digest_of(bytes) != checksum) return;
    put(name, io::MemoryBlob(bytes), checksum);
  }

  void make_tag_manifest(const digest::Digest& seal) {
    if (take_from_others(bagit::kTagManifestPath, seal)) return;
    std::vector<bagit::ManifestEntry> entries;
    for (const std::string_view name : std::span(kTagFiles).first<4>()) {
      const auto checksum = checksum_of(at(name));
      if (!checksum) return;
      entries.push_back({*checksum, std::string(name)});
    }
    put_if_right(bagit::kTagManifestPath, bagit::write_manifest(std::move(entries)), seal);
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

  // `text_of`: what it is by the index; empty: that does not follow from anything.
  void make(const std::vector<bagit::ManifestEntry>& listed, std::string_view name,
            const std::function<std::string(const index::Index&)>& text_of) {
    const auto entry = std::ranges::find(listed, name, &bagit::ManifestEntry::path);
    if (entry == listed.end() || checksum_of(at(name)) == entry->checksum) return;
    const auto found = files_.find(at(name));
    if (found && found->kind != io::FileKind::kRegular) return;
    if (take_from_others(name, entry->checksum) || !text_of) return;
    const index::Index* index = index_as_listed(listed);
    if (index == nullptr) return;
    put_if_right(name, text_of(*index), entry->checksum);
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
  const std::vector<std::string>& others_;
  transfer::NoProgress nobody_;
  transfer::RateLimit unlimited_;
  std::unique_ptr<const index::Index> index_;
  std::vector<std::string> made_;
};

}  // namespace

std::optional<std::string> find_mending_leftover(std::string_view finding) {
  for (const std::string_view name : kTagFiles) {
    if (finding.starts_with(quoted(mending_name(name)))) return mending_name(name);
  }
  return std::nullopt;
}

std::vector<std::string> mend_tag_files(io::FileSystem& files, const std::string& bundle,
                                        const std::optional<digest::Digest>& seal,
                                        const std::vector<std::string>& others,
                                        const std::stop_token& stop) {
  return TagFiles(files, bundle, others, stop).run(seal);
}

}  // namespace seabag::bundle
