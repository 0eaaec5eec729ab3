// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <stop_token>
#include <string>

#include <fmt/format.h>

#include "base/error.h"
#include "bundle/opened.h"
#include "bundle/verify.h"
#include "digest/hasher.h"
#include "exporting/export.h"
#include "oci/image_layout.h"
#include "testing/crash_fs.h"

/// An export of two images and a disk that fits into memory, for tests that break its medium. The
/// images come from elsewhere; the disk lies on the medium, beside the bundle.
namespace seabag::exporting {

class SmallExport {
 public:
  static constexpr const char* kBundle = "/bundles/b.bag";
  static constexpr const char* kUnfinished = "/bundles/b.bag.unfinished";
  static constexpr const char* kDisks = "/disks";

  using Tree = std::map<std::string, std::string>;

  SmallExport() {
    io::create_directories(sources_, "/layout/blobs/sha256");
    const std::string shared = layer("shared " + std::string(2000, 's'));
    const std::string names = named("team/app:1", image({shared, layer(std::string(5000, 'a'))})) +
                              ',' + named("team/tool:2", image({shared, layer("tool")}));
    put("/layout/oci-layout", std::string(oci::kLayoutText));
    put("/layout/index.json", fmt::format(R"({{"schemaVersion":2,"manifests":[{}]}})", names));
    request_.bundle = kBundle;
    request_.sources = {source::parse_source("oci:/layout")};
    request_.disks = {parse_disk(fmt::format("disk:{}/web.raw", kDisks))};
    request_.jobs = 1;
    request_.tool = "test";
  }

  /// Puts the disk on a new medium.
  static void prepare(testing::CrashFs& medium) {
    io::create_directories(medium, "/bundles");
    io::create_directories(medium, kDisks);
    io::Bytes disk(96U << 10U);
    std::fill_n(disk.begin() + 4096, 70'000, std::byte{'d'});
    io::write_new_file(medium, io::join(kDisks, "web.raw"), disk);
    medium.sync_all();
  }

  /// The source has a layer of one of the images no more.
  void lose_layer() {
    sources_.remove_file(
        io::join("/layout", oci::blob_path(digest::digest_of(io::bytes_of("tool")))));
  }

  /// What the user would run: a new export, or one that resumes; nothing if the bundle is there.
  std::optional<ExportReport> run(io::FileSystem& files) {
    transfer::NoProgress quiet;
    return run(files, quiet);
  }
  std::optional<ExportReport> run(io::FileSystem& files, transfer::Progress& progress) {
    if (files.find(kBundle)) return std::nullopt;
    request_.resume = files.find(kUnfinished).has_value();
    Means means{.files = files,
                .surroundings = {.files = &sources_, .registry = {}, .foreign_client = {}},
                .now = [] { return UtcTime{1700000000}; },
                .pause = [](auto, const auto&) {},
                .progress = progress,
                .stop = {}};
    return run_export(request_, means);
  }

  /// The digest of every file below.
  static Tree tree_of(io::FileSystem& files, const std::string& path) {
    Tree tree;
    add_to(tree, files, path, "");
    return tree;
  }

  /// Whether verify has nothing to say against it.
  static bool is_verified(io::FileSystem& files, const std::string& path) {
    transfer::NoProgress quiet;
    try {
      std::vector<std::string> problems;
      const auto opened = bundle::OpenedBundle::open(files, path, std::nullopt, &problems);
      return bundle::verify(opened, problems, {}, quiet, {}).findings.empty();
    } catch (const Error&) {
      return false;
    }
  }

 private:
  static void add_to(Tree& tree, io::FileSystem& files, const std::string& path,
                     const std::string& relative) {
    for (const io::DirectoryEntry& entry : files.list(path)) {
      const std::string inner = io::join(path, entry.name);
      const std::string name = relative + entry.name;
      if (entry.kind == io::FileKind::kDirectory) {
        add_to(tree, files, inner, name + '/');
      } else {
        tree[name] = digest::digest_of(io::read_file(files, inner, 16U << 20U)).text();
      }
    }
  }

  void put(const std::string& path, const std::string& text) {
    if (!sources_.find(path)) io::write_new_file(sources_, path, io::bytes_of(text));
  }

  std::string blob(const std::string& bytes, const char* media_type, const std::string& more = "") {
    const auto digest = digest::digest_of(io::bytes_of(bytes));
    put(io::join("/layout", oci::blob_path(digest)), bytes);
    return fmt::format(R"({{"mediaType":"{}","digest":"{}","size":{}{}}})", media_type,
                       digest.text(), bytes.size(), more);
  }
  std::string layer(const std::string& bytes) {
    return blob(bytes, "application/vnd.oci.image.layer.v1.tar");
  }
  std::string image(const std::vector<std::string>& layers) {
    return fmt::format(R"({{"schemaVersion":2,"mediaType":"{}","config":{},"layers":[{}]}})",
                       kImage,
                       blob(R"({"os":"linux","architecture":"amd64"})",
                            "application/vnd.oci.image.config.v1+json"),
                       fmt::join(layers, ","));
  }
  std::string named(const std::string& name, const std::string& manifest) {
    return blob(manifest, kImage,
                fmt::format(R"(,"annotations":{{"{}":"{}"}})", oci::kRefNameAnnotation, name));
  }

  static constexpr const char* kImage = "application/vnd.oci.image.manifest.v1+json";

  testing::CrashFs sources_;
  ExportRequest request_;
};

}  // namespace seabag::exporting
