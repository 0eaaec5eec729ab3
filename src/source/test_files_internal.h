// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "digest/hasher.h"
#include "io/bytes.h"
#include "io/memory_sink.h"
#include "oci/image_layout.h"
#include "oci/media_types.h"
#include "source/image_source.h"
#include "tar/header.h"
#include "testing/temp_dir.h"

/// Layouts and archives for the tests of this module.
namespace seabag::source {

/// A folder that goes with its test.
class TestFolder {
 public:
  std::string path(const std::string& name) const { return folder_ / name; }

  void write(const std::string& name, std::string_view text) const {
    const std::filesystem::path file = path(name);
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file, std::ios::binary) << text;
  }

 private:
  testing::TempDir folder_;
};

using FileTexts = std::vector<std::pair<std::string, std::string>>;

/// An uncompressed tar archive.
inline std::string tar_of(const FileTexts& files) {
  std::string tar;
  for (const auto& [path, text] : files) {
    tar += io::text_of(tar::encode_header(path, text.size()));
    tar += text;
    tar.resize((tar.size() + tar::kBlockSize - 1) / tar::kBlockSize * tar::kBlockSize);
  }
  tar.resize(tar.size() + 2 * tar::kBlockSize);
  return tar;
}

inline digest::Digest digest_of_text(std::string_view text) {
  return digest::digest_of(io::bytes_of(text));
}

/// The files of an image layout, put together piece by piece.
class LayoutText {
 public:
  oci::Descriptor add_blob(std::string media_type, const std::string& text) {
    const digest::Digest digest = digest_of_text(text);
    blobs_[oci::blob_path(digest)] = text;
    return {.media_type = std::move(media_type), .digest = digest, .size = text.size()};
  }

  /// An image manifest over one layer, with members of its own.
  oci::Descriptor add_image(const std::string& layer, const std::string& more_members = {}) {
    const auto config = add_blob(std::string(oci::media_type::kImageConfig), "{}");
    const auto blob = add_blob("application/vnd.oci.image.layer.v1.tar", layer);
    return add_blob(std::string(oci::media_type::kImageManifest),
                    fmt::format(R"({{"schemaVersion":2,"config":{},"layers":[{}]{}}})",
                                text_of(config), text_of(blob), more_members));
  }

  oci::Descriptor add_index(const std::vector<oci::Descriptor>& children) {
    std::vector<std::string> texts;
    for (const auto& child : children) texts.push_back(text_of(child));
    return add_blob(std::string(oci::media_type::kImageIndex),
                    fmt::format(R"({{"schemaVersion":2,"mediaType":"{}","manifests":[{}]}})",
                                oci::media_type::kImageIndex, fmt::join(texts, ",")));
  }

  /// `name`: of the image-spec's annotation; empty: none.
  void add_entry(const std::string& name, const oci::Descriptor& manifest,
                 const std::string& containerd_name = {}) {
    std::vector<std::string> annotations;
    const auto annotate = [&](std::string_view key, const std::string& value) {
      if (!value.empty()) annotations.push_back(fmt::format(R"("{}":"{}")", key, value));
    };
    annotate(oci::kRefNameAnnotation, name);
    annotate(oci::kContainerdNameAnnotation, containerd_name);
    entries_.push_back(fmt::format(R"({{{},"annotations":{{{}}}}})", members_of(manifest),
                                   fmt::join(annotations, ",")));
  }

  void remove_blob(const digest::Digest& digest) { blobs_.erase(oci::blob_path(digest)); }
  void replace_blob(const digest::Digest& digest, const std::string& text) {
    blobs_[oci::blob_path(digest)] = text;
  }

  FileTexts files() const {
    FileTexts files(blobs_.begin(), blobs_.end());
    files.emplace_back(oci::kLayoutPath, oci::kLayoutText);
    files.emplace_back(oci::kIndexPath, fmt::format(R"({{"schemaVersion":2,"manifests":[{}]}})",
                                                    fmt::join(entries_, ",")));
    return files;
  }

  void write(const TestFolder& folder, const std::string& name) const {
    for (const auto& [path, text] : files()) folder.write(name + "/" + path, text);
  }

  static std::string text_of(const oci::Descriptor& descriptor) {
    return fmt::format("{{{}}}", members_of(descriptor));
  }

 private:
  static std::string members_of(const oci::Descriptor& descriptor) {
    return fmt::format(R"("mediaType":"{}","digest":"{}","size":{})", descriptor.media_type,
                       descriptor.digest.text(), descriptor.size);
  }

  std::map<std::string, std::string> blobs_;
  std::vector<std::string> entries_;
};

/// The names in all repositories of `source`, in its order.
inline std::vector<std::string> names_in(ImageSource& source) {
  std::vector<std::string> names;
  for (const oci::Reference& repository : source.repositories()) {
    for (const oci::Reference& name : source.references(repository)) names.push_back(name.text());
  }
  return names;
}

inline std::string read_blob_text(ImageSource& source, const oci::Reference& repository,
                                  const oci::Descriptor& blob, std::uint64_t offset = 0) {
  io::MemorySink memory(1U << 20U, "blob");
  source.read_blob(repository, blob, offset, memory);
  return std::string(io::text_of(memory.bytes()));
}

}  // namespace seabag::source
