// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include <fmt/format.h>

#include "base/error.h"
#include "base/limits.h"
#include "base/text.h"
#include "digest/verifying_sink.h"
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

std::unique_ptr<io::BlobSource> open(const bundle::OpenedBundle& bundle,
                                     const oci::Descriptor& blob) {
  const auto id = bundle.graph().find(blob.digest);
  if (!id) {
    throw Error(Code::kIntegrity, fmt::format("blob {} is not in the bundle", blob.digest.text()));
  }
  return bundle.open_blob(*id);
}

io::Bytes read_small(const bundle::OpenedBundle& bundle, const oci::Descriptor& blob) {
  io::MemorySink memory(limits::kManifestBytes, "the config of the disk");
  digest::VerifyingSink sink(blob.digest, blob.size, memory);
  io::copy_all(*open(bundle, blob), sink);
  return memory.take();
}

class ArtifactRestore : public DiskWork {
 public:
  ArtifactRestore(const bundle::OpenedBundle& bundle, io::FileSystem& files,
                  const std::vector<NamedReference>& names, const std::string& directory,
                  OnExistingTag on_existing, transfer::Progress& progress,
                  const std::stop_token& stop, Receipt& receipt)
      : DiskWork(progress, receipt),
        bundle_(bundle),
        files_(files),
        directory_(disk_directory(directory)),
        on_existing_(on_existing),
        stop_(stop) {
    const index::Content& content = bundle.index().content;
    for (const NamedReference& name : names) {
      const index::ReferenceInfo& reference = content.references[name.reference];
      disks_.push_back({reference.manifest});
      std::uint64_t bytes = 0;
      for (const index::BlobId blob : bundle.graph().closure_of(reference.manifest)) {
        bytes += content.blobs[blob].size;
      }
      enter({.name = content.name_of(reference), .content = {}, .target = directory_}, bytes);
    }
  }

 private:
  struct Disk {
    index::BlobId root;
    bool is_there = false;  ///< its files are in the directory already
  };

  std::optional<Error> find_conflict(std::size_t i) override {
    if (on_existing_ != OnExistingTag::kFail) return std::nullopt;
    const DiskLayers disk = read_disk_layers(bundle_, disks_[i].root);
    disks_[i].is_there = is_there(disk);
    for (const DiskLayersFile& file : disk.files) {
      const std::string path = io::join(directory_, file.name);
      if (!disks_[i].is_there && files_.find(path)) return conflict_at(path);
    }
    return std::nullopt;
  }

  PushOutcome bring(std::size_t i, RestoredDisk& result) override {
    const DiskLayers disk = read_disk_layers(bundle_, disks_[i].root);
    result.content = disk.content;
    result.target = io::join(directory_, main_file(disk));
    io::create_directories(files_, directory_);
    return disks_[i].is_there ? PushOutcome::kAlreadyThere : restore(disk);
  }

  bool is_there(const DiskLayers& disk) const {
    return std::ranges::all_of(disk.files, [&](const auto& file) { return is_there(file); });
  }

  PushOutcome restore(const DiskLayers& disk) {
    if (is_there(disk)) return PushOutcome::kAlreadyThere;
    std::vector<std::unique_ptr<target::PartFile>> parts;
    for (const DiskLayersFile& file : disk.files) {
      const std::string path = io::join(directory_, file.name);
      if (files_.find(path) && on_existing_ == OnExistingTag::kSkip) return PushOutcome::kSkipped;
      if (files_.find(path) && on_existing_ == OnExistingTag::kFail) throw conflict_at(path);
      parts.push_back(std::make_unique<target::PartFile>(files_, path));
      write(file, parts.back()->file());
    }
    for (const auto& part : parts) part->land();
    files_.sync_directory(directory_);
    return PushOutcome::kPushed;
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
      io::copy_all(*open(bundle_, piece), sink);
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
  const std::stop_token& stop_;
  std::vector<Disk> disks_;
};

}  // namespace

bool is_disk_artifact(const bundle::OpenedBundle& bundle, const NamedReference& name) {
  const index::Content& content = bundle.index().content;
  const index::ManifestInfo* manifest =
      bundle.graph().find_manifest(content.references[name.reference].manifest);
  return manifest != nullptr && content.media_types[manifest->artifact_type] == kDiskArtifactType;
}

DiskLayers read_disk_layers(const bundle::OpenedBundle& bundle, index::BlobId root) {
  const oci::Manifest manifest = oci::parse_manifest(bundle.manifest(root));
  if (!manifest.config) throw Error(Code::kMalformed, "the disk has no config");
  return parse_disk_layers(manifest, read_small(bundle, *manifest.config));
}

std::string main_file(const DiskLayers& disk) {
  for (const DiskLayersFile& file : disk.files) {
    // All others have something behind the disk's name, "web01-flat.vmdk".
    if (file.name.starts_with(disk.name + '.') && file.name != disk.name + ".json") {
      return file.name;
    }
  }
  return disk.files.front().name;
}

std::unique_ptr<DiskWork> restore_disk_artifacts(const bundle::OpenedBundle& bundle,
                                                 io::FileSystem& files,
                                                 const std::vector<NamedReference>& names,
                                                 const std::string& directory,
                                                 OnExistingTag on_existing,
                                                 transfer::Progress& progress,
                                                 const std::stop_token& stop, Receipt& receipt) {
  return std::make_unique<ArtifactRestore>(bundle, files, names, directory, on_existing, progress,
                                           stop, receipt);
}

}  // namespace seabag::importing
