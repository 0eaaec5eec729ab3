// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <charconv>
#include <map>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/arith.h"
#include "base/error.h"
#include "base/limits.h"
#include "base/text.h"
#include "digest/verifying_sink.h"
#include "importing/disk_account.h"
#include "importing/disk_artifact.h"
#include "io/copy.h"
#include "io/file_blob.h"
#include "io/file_window.h"
#include "io/memory_sink.h"
#include "json/json.h"
#include "target/part_file.h"

// The other way of disk_artifact.cc. The manifest comes from a registry, so every name and number
// in it is a stranger's.

namespace seabag::importing {
namespace {

constexpr std::size_t kMostFiles = 40'000;  // 2047 MiB each: 80 TiB, more than any disk has

struct FileInfo {
  std::uint64_t size = 0;
  std::string sha256;
};

struct DiskConfig {
  std::string name;
  std::string content;
  std::map<std::string, FileInfo> files;
};

// A name of a file beside others, as disk_artifact.cc writes it.
std::string checked_file_name(const std::string& name) {
  if (index::is_disk_name(name.substr(0, 64)) && name.size() <= 80 &&
      name.find('/') == std::string::npos) {
    return name;
  }
  throw Error(Code::kMalformed,
              fmt::format("{} is no name of a disk's file", seabag::quoted(name, 100)));
}

DiskConfig parse_config(const io::Bytes& bytes) {
  const json::Value document = json::parse(io::text_of(bytes), "the config of the disk");
  DiskConfig config{.name = json::require_string(document, "name"),
                    .content = json::require_string(document, "content"),
                    .files = {}};
  if (!index::is_disk_name(config.name)) {
    throw Error(Code::kMalformed,
                fmt::format("{} is no name of a disk", seabag::quoted(config.name, 100)));
  }
  const json::Value* files = json::find_array(document, "files");
  if (files == nullptr || files->empty() || files->size() > kMostFiles) {
    throw Error(Code::kMalformed, "the config of the disk names no files, or too many");
  }
  for (const json::Value& file : *files) {
    config.files.emplace(
        checked_file_name(json::require_string(file, "name")),
        FileInfo{json::require_size(file, "size"), json::require_string(file, "sha256", 64)});
  }
  return config;
}

std::uint64_t chunk_offset(const oci::Descriptor& layer) {
  const auto found = layer.annotations.find(kChunkOffsetAnnotation);
  if (found == layer.annotations.end()) return 0;
  std::uint64_t offset = 0;
  const char* end = found->second.data() + found->second.size();
  const auto [rest, error] = std::from_chars(found->second.data(), end, offset);
  if (error == std::errc() && rest == end) return offset;
  throw Error(Code::kMalformed, fmt::format("{}: expected a number, got {}", kChunkOffsetAnnotation,
                                            seabag::quoted(found->second, 40)));
}

using Pieces = std::vector<const oci::Descriptor*>;

// The layers of one file must follow one another from its first byte to its last: a hole between
// them would be as large as the stranger likes. A file that the config does not name is the
// configuration of the server, in one piece.
void require_whole(const std::string& name, const FileInfo* file, const Pieces& pieces) {
  if (file == nullptr) {
    if (pieces.size() == 1 && pieces.front()->media_type == kServerConfigType &&
        chunk_offset(*pieces.front()) == 0) {
      return;
    }
    throw Error(Code::kMalformed,
                fmt::format("{} is a layer that the config of the disk does not name",
                            seabag::quoted(name)));
  }
  std::uint64_t end = 0;
  for (const oci::Descriptor* piece : pieces) {
    const std::uint64_t offset = chunk_offset(*piece);
    if (offset != end) {
      throw Error(Code::kMalformed, fmt::format("{}: a layer begins at {}, expected {}",
                                                seabag::quoted(name), offset, end));
    }
    end = checked_add(end, piece->size);
  }
  if (end != file->size) {
    throw Error(Code::kMalformed, fmt::format("{}: expected {} bytes, its layers have {}",
                                              seabag::quoted(name), file->size, end));
  }
}

class ArtifactRestore {
 public:
  ArtifactRestore(const bundle::OpenedBundle& bundle, io::FileSystem& files,
                  const std::string& directory, OnExistingTag on_existing,
                  transfer::Progress& progress, const std::stop_token& stop)
      : bundle_(bundle),
        files_(files),
        directory_(io::join(directory, "disks")),
        on_existing_(on_existing),
        progress_(progress),
        stop_(stop) {}

  PushOutcome run(index::BlobId root, RestoredDisk& result) {
    const oci::Manifest manifest = oci::parse_manifest(bundle_.manifest(root));
    if (!manifest.config) throw Error(Code::kMalformed, "the disk has no config");
    const DiskConfig config = parse_config(read_small(*manifest.config));
    result.content = config.content;
    io::create_directories(files_, directory_);
    Layers layers;
    for (const oci::Descriptor& layer : manifest.layers) {
      const auto title = layer.annotations.find(kTitleAnnotation);
      if (title == layer.annotations.end()) throw Error(Code::kMalformed, "a layer without a name");
      layers[checked_file_name(title->second)].push_back(&layer);
    }
    for (const auto& [name, file] : config.files) {
      if (!layers.contains(name)) {
        throw Error(Code::kMalformed, fmt::format("{} has no layer", seabag::quoted(name)));
      }
    }
    for (auto& [name, pieces] : layers) {
      std::ranges::sort(pieces, {}, [](const auto* piece) { return chunk_offset(*piece); });
      const auto file = config.files.find(name);
      require_whole(name, file == config.files.end() ? nullptr : &file->second, pieces);
    }
    result.target = io::join(directory_, config.name);
    return restore(config, layers);
  }

 private:
  using Layers = std::map<std::string, Pieces>;

  PushOutcome restore(const DiskConfig& config, const Layers& layers) {
    bool is_there = true;
    for (const auto& [name, pieces] : layers) is_there = is_there && is_same(config, name, pieces);
    if (is_there) return PushOutcome::kAlreadyThere;
    std::vector<std::unique_ptr<target::PartFile>> parts;
    for (const auto& [name, pieces] : layers) {
      const std::string path = io::join(directory_, name);
      if (files_.find(path) && on_existing_ == OnExistingTag::kSkip) return PushOutcome::kSkipped;
      if (files_.find(path) && on_existing_ == OnExistingTag::kFail) {
        throw Error(Code::kRefused,
                    fmt::format("{} is there already, with another content", seabag::quoted(path)))
            .add_next_step("pass --on-existing-tag skip or replace, or another directory");
      }
      parts.push_back(std::make_unique<target::PartFile>(files_, path));
      write(config, name, pieces, parts.back()->file());
    }
    for (const auto& part : parts) part->land();
    files_.sync_directory(directory_);
    return PushOutcome::kPushed;
  }

  io::Bytes read_small(const oci::Descriptor& blob) const {
    io::MemorySink memory(limits::kManifestBytes, "the config of the disk");
    digest::VerifyingSink sink(blob.digest, blob.size, memory);
    io::copy_all(*open(blob), sink);
    return memory.take();
  }

  std::unique_ptr<io::BlobSource> open(const oci::Descriptor& blob) const {
    const auto id = bundle_.graph().find(blob.digest);
    if (!id) {
      throw Error(Code::kIntegrity,
                  fmt::format("blob {} is not in the bundle", blob.digest.text()));
    }
    return bundle_.open_blob(*id);
  }

  static std::optional<FileInfo> info_of(const DiskConfig& config, const std::string& name) {
    const auto found = config.files.find(name);
    return found == config.files.end() ? std::nullopt : std::optional(found->second);
  }

  bool is_same(const DiskConfig& config, const std::string& name, const Pieces& pieces) const {
    const std::string path = io::join(directory_, name);
    if (!files_.find(path)) return false;
    const auto file = files_.open(path, io::OpenMode::kRead);
    const auto info = info_of(config, name);
    const std::string expected = info ? info->sha256 : pieces.front()->digest.hex();
    return digest::digest_of(io::FileBlob(*file, 0, file->size())).hex() == expected;
  }

  void write(const DiskConfig& config, const std::string& name, const Pieces& pieces,
             io::File& file) const {
    for (const oci::Descriptor* piece : pieces) {
      if (stop_.stop_requested()) throw Error(Code::kCancelled, "stopped");
      io::FileWindow window(file, chunk_offset(*piece), piece->size);
      digest::VerifyingSink sink(piece->digest, piece->size, window);
      io::copy_all(*open(*piece), sink);
      progress_.add_bytes(piece->size);
    }
    const auto info = info_of(config, name);
    if (!info) return;
    const digest::Digest actual = digest::digest_of(io::FileBlob(file, 0, file.size()));
    if (file.size() == info->size && actual.hex() == info->sha256) return;
    throw Error(Code::kIntegrity,
                fmt::format("{}: expected {} bytes with SHA-256 {}, got {} bytes with {}",
                            seabag::quoted(name), info->size, printable(info->sha256), file.size(),
                            actual.hex()));
  }

  const bundle::OpenedBundle& bundle_;
  io::FileSystem& files_;
  std::string directory_;
  OnExistingTag on_existing_;
  transfer::Progress& progress_;
  const std::stop_token& stop_;
};

}  // namespace

bool is_disk_artifact(const bundle::OpenedBundle& bundle, const NamedReference& name) {
  const index::Content& content = bundle.index().content;
  const index::ManifestInfo* manifest =
      bundle.graph().find_manifest(content.references[name.reference].manifest);
  return manifest != nullptr && content.media_types[manifest->artifact_type] == kDiskArtifactType;
}

void restore_disk_artifacts(const bundle::OpenedBundle& bundle, io::FileSystem& files,
                            const std::vector<NamedReference>& names, const std::string& directory,
                            OnExistingTag on_existing, transfer::Progress& progress,
                            const std::stop_token& stop, Receipt& receipt) {
  if (names.empty()) return;
  const index::Content& content = bundle.index().content;
  std::uint64_t bytes = 0;
  for (const NamedReference& name : names) {
    for (const index::BlobId blob :
         bundle.graph().closure_of(content.references[name.reference].manifest)) {
      bytes += content.blobs[blob].size;
    }
  }
  progress.begin("disks", names.size(), bytes);
  ArtifactRestore restore(bundle, files, directory, on_existing, progress, stop);
  for (const NamedReference& name : names) {
    receipt.disks.push_back({.name = name.source.text(), .content = {}});
    RestoredDisk& result = receipt.disks.back();
    account_for(result, progress,
                [&] { return restore.run(content.references[name.reference].manifest, result); });
  }
  progress.end();
}

}  // namespace seabag::importing
