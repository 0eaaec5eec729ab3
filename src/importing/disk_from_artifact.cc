// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include <fmt/format.h>

#include "base/error.h"
#include "base/limits.h"
#include "base/text.h"
#include "digest/verifying_sink.h"
#include "importing/disk_account.h"
#include "importing/disk_artifact.h"
#include "importing/disk_layers.h"
#include "io/copy.h"
#include "io/file_blob.h"
#include "io/file_window.h"
#include "io/memory_sink.h"
#include "target/part_file.h"

// The other way of disk_artifact.cc.

namespace seabag::importing {
namespace {

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
    result.target = directory_;
    const oci::Manifest manifest = oci::parse_manifest(bundle_.manifest(root));
    if (!manifest.config) throw Error(Code::kMalformed, "the disk has no config");
    const DiskLayers disk = parse_disk_layers(manifest, read_small(*manifest.config));
    result.content = disk.content;
    result.target = io::join(directory_, disk.name);
    io::create_directories(files_, directory_);
    return restore(disk);
  }

 private:
  PushOutcome restore(const DiskLayers& disk) {
    if (std::ranges::all_of(disk.files, [&](const auto& file) { return is_there(file); })) {
      return PushOutcome::kAlreadyThere;
    }
    std::vector<std::unique_ptr<target::PartFile>> parts;
    for (const DiskLayersFile& file : disk.files) {
      const std::string path = io::join(directory_, file.name);
      if (files_.find(path) && on_existing_ == OnExistingTag::kSkip) return PushOutcome::kSkipped;
      if (files_.find(path) && on_existing_ == OnExistingTag::kFail) {
        throw Error(Code::kRefused,
                    fmt::format("{} is there already, with another content", seabag::quoted(path)))
            .add_next_step("pass --on-existing-tag skip or replace, or another directory");
      }
      parts.push_back(std::make_unique<target::PartFile>(files_, path));
      write(file, parts.back()->file());
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

  bool is_there(const DiskLayersFile& wanted) const {
    const std::string path = io::join(directory_, wanted.name);
    if (!files_.find(path)) return false;
    const auto file = files_.open(path, io::OpenMode::kRead);
    return digest::digest_of(io::FileBlob(*file, 0, file->size())).hex() == wanted.sha256;
  }

  void write(const DiskLayersFile& wanted, io::File& file) const {
    std::uint64_t offset = 0;
    for (const oci::Descriptor& piece : wanted.pieces) {
      if (stop_.stop_requested()) throw Error(Code::kCancelled, "stopped");
      io::FileWindow window(file, offset, piece.size);
      digest::VerifyingSink sink(piece.digest, piece.size, window);
      io::copy_all(*open(piece), sink);
      progress_.add_bytes(piece.size);
      offset += piece.size;
    }
    file.sync();  // FileBlob wants it
    const digest::Digest actual = digest::digest_of(io::FileBlob(file, 0, file.size()));
    if (file.size() == wanted.size && actual.hex() == wanted.sha256) return;
    throw Error(Code::kIntegrity, fmt::format("{}: expected {} bytes with SHA-256 {}, got {} bytes "
                                              "with {}",
                                              seabag::quoted(wanted.name), wanted.size,
                                              wanted.sha256, file.size(), actual.hex()));
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
    receipt.disks.push_back(
        {.name = content.name_of(content.references[name.reference]), .content = {}});
    RestoredDisk& result = receipt.disks.back();
    account_for(result, progress,
                [&] { return restore.run(content.references[name.reference].manifest, result); });
  }
  progress.end();
}

}  // namespace seabag::importing
