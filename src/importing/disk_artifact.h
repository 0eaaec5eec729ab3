// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "bundle/opened.h"
#include "importing/disk_layers.h"
#include "importing/disk_work.h"
#include "importing/names.h"
#include "importing/push.h"
#include "importing/restore_disks.h"
#include "index/disks.h"
#include "oci/manifest.h"
#include "target/target.h"

/// Disks as OCI artifacts, so that one registry holds images and disks.
/// Source: format-spec/disk.md, "As an artifact".
namespace seabag::importing {

inline constexpr const char* kDiskArtifactType = "application/vnd.seabag.disk.v1";
inline constexpr const char* kDiskConfigType = "application/vnd.seabag.disk.config.v1+json";
inline constexpr const char* kDiskFileType = "application/vnd.seabag.disk.file.v1";
inline constexpr const char* kServerConfigType = "application/json";
inline constexpr const char* kTitleAnnotation = "org.opencontainers.image.title";
inline constexpr const char* kChunkOffsetAnnotation = "vnd.seabag.chunk.offset";

/// A run of a payload file as a blob.
struct DiskPiece {
  std::uint32_t file = 0;  ///< position in Index::files
  std::uint64_t offset = 0;
  oci::Descriptor blob;
};

/// A disk as it is pushed: the manifest, the config that it names, and where its layers lie.
struct DiskArtifact {
  std::string config;
  std::vector<DiskPiece> pieces;
  oci::RawManifest manifest;
};

/// `chunk_size`: files larger than this become several layers; 0: each is one.
/// Reads the files where their digest is not known: for chunks. Errors: kIntegrity if a file is not
/// what its checksum says.
DiskArtifact make_disk_artifact(const bundle::OpenedBundle& bundle, const index::DiskInfo& disk,
                                std::uint64_t chunk_size);

/// The chosen disks as artifacts at `target`, under the names that `names` gives them, tags last.
/// All but `disks` and `names` outlives it.
std::unique_ptr<DiskWork> push_disks(const bundle::OpenedBundle& bundle,
                                     const std::vector<std::uint32_t>& disks,
                                     target::Target& target, const NameOptions& names,
                                     const PushOptions& options, std::uint64_t chunk_size,
                                     transfer::Progress& progress, const std::stop_token& stop,
                                     Receipt& receipt);

/// Whether a reference of the bundle is a disk that came from a registry.
bool is_disk_artifact(const bundle::OpenedBundle& bundle, const NamedReference& name);

/// What such an artifact says of its disk: its config and the names of its layers.
/// Errors: kIntegrity, kMalformed.
DiskLayers read_disk_layers(const bundle::OpenedBundle& bundle, index::BlobId root);
/// The file of the disk that is opened first.
std::string main_file(const DiskLayers& disk);

/// The files of disk artifacts in `directory`/disks, as they were before they were pushed. Each
/// layer is held against its digest, and each file against the checksum in the config. `bundle`,
/// `files`, `progress`, `stop` and `receipt` outlive it.
std::unique_ptr<DiskWork> restore_disk_artifacts(const bundle::OpenedBundle& bundle,
                                                 io::FileSystem& files,
                                                 const std::vector<NamedReference>& names,
                                                 const std::string& directory,
                                                 OnExistingTag on_existing,
                                                 transfer::Progress& progress,
                                                 const std::stop_token& stop, Receipt& receipt);

}  // namespace seabag::importing
