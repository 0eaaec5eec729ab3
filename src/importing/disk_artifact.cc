// SPDX-License-Identifier: Apache-2.0
#include "importing/disk_artifact.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/limits.h"
#include "base/text.h"
#include "digest/hasher.h"
#include "importing/bundle_disk.h"
#include "importing/tagged_disks_internal.h"
#include "io/file_blob.h"
#include "oci/media_types.h"
#include "transfer/rate_limit.h"
#include "transfer/stages.h"

namespace seabag::importing {
namespace {

using index::DiskInfo;
using Json = nlohmann::ordered_json;

constexpr const char* kCreated = "org.opencontainers.image.created";

oci::Descriptor layer(const char* media_type, const digest::Digest& digest, std::uint64_t size,
                      const std::string& title) {
  return {.media_type = media_type,
          .digest = digest,
          .size = size,
          .annotations = {{kTitleAnnotation, title}}};
}

DiskPiece whole_file(const bundle::OpenedBundle& bundle, std::uint32_t file,
                     const char* media_type) {
  const index::PayloadFile& info = bundle.index().files[file];
  return {.file = file,
          .offset = 0,
          .blob = layer(media_type, digest::parse_digest("sha256:" + info.sha256), info.size,
                        io::base_name_of(info.path))};
}

// The whole file's checksum is held on the way: what is damaged gets no digests of its own.
std::vector<DiskPiece> chunks_of(const bundle::OpenedBundle& bundle, std::uint32_t file,
                                 std::uint64_t chunk_size) {
  const index::PayloadFile& info = bundle.index().files[file];
  const io::File& from = payload_of(bundle, file);
  io::Bytes buffer(limits::kBufferBytes);
  digest::Hasher whole;
  std::vector<DiskPiece> pieces;
  for (std::uint64_t offset = 0; offset < info.size;) {
    const std::uint64_t size = std::min(chunk_size, info.size - offset);
    digest::Hasher chunk;
    for (std::uint64_t done = 0; done < size;) {
      const auto bytes =
          std::span(buffer).first(std::min<std::uint64_t>(buffer.size(), size - done));
      from.read_at(offset + done, bytes);
      whole.update(bytes);
      chunk.update(bytes);
      done += bytes.size();
    }
    DiskPiece piece{
        .file = file,
        .offset = offset,
        .blob = layer(kDiskFileType, chunk.finish(), size, io::base_name_of(info.path))};
    piece.blob.annotations.emplace(kChunkOffsetAnnotation, std::to_string(offset));
    pieces.push_back(std::move(piece));
    offset += size;
  }
  require_checksum(bundle, file, whole.finish());
  return pieces;
}

std::string config_of(const bundle::OpenedBundle& bundle, const DiskInfo& disk) {
  Json files = Json::array();
  for (const std::uint32_t file : disk.files) {
    const index::PayloadFile& info = bundle.index().files[file];
    files.push_back(
        {{"name", io::base_name_of(info.path)}, {"size", info.size}, {"sha256", info.sha256}});
  }
  Json zeroed = Json::array();
  for (const index::ZeroedRange& range : disk.zeroed) {
    zeroed.push_back({{"offset", range.offset}, {"length", range.length}});
  }
  const Json json = {{"name", disk.name},
                     {"server", disk.server},
                     {"position", disk.position},
                     {"boots", disk.boots},
                     {"format", disk.format},
                     {"size", disk.size},
                     {"content", disk.content},
                     {"files", std::move(files)},
                     {"source", disk.source},
                     {"sourceFormat", disk.source_format},
                     {"sourceSize", disk.source_size},
                     {"readAt", to_rfc3339(disk.read_at)},
                     {"zeroed", std::move(zeroed)}};
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string manifest_text(const DiskInfo& disk, const oci::Descriptor& config,
                          const std::vector<DiskPiece>& pieces) {
  std::string layers;
  for (const DiskPiece& piece : pieces) {
    layers += (layers.empty() ? "" : ",") + oci::to_json_text(piece.blob);
  }
  return fmt::format(
      R"({{"schemaVersion":2,"mediaType":"{}","artifactType":"{}","config":{},"layers":[{}],)"
      R"("annotations":{{"{}":"{}","{}":"{}"}}}})",
      oci::media_type::kImageManifest, kDiskArtifactType, oci::to_json_text(config), layers,
      kCreated, to_rfc3339(disk.read_at), kTitleAnnotation, disk.name);
}

oci::Descriptor config_descriptor(const std::string& config) {
  return {.media_type = kDiskConfigType,
          .digest = digest::digest_of(io::bytes_of(config)),
          .size = config.size()};
}

class DiskPush : public TaggedDisks<DiskArtifact> {
 public:
  DiskPush(const bundle::OpenedBundle& bundle, const std::vector<std::uint32_t>& disks,
           target::Target& target, const NameOptions& names, const PushOptions& options,
           std::uint64_t chunk_size, transfer::Progress& progress, const std::stop_token& stop,
           Receipt& receipt)
      : TaggedDisks(bundle, target, options, progress, receipt),
        chunk_size_(chunk_size),
        stop_(stop),
        limit_(options.max_rate, stop) {
    for (const std::uint32_t i : disks) add(bundle.index().disks[i], names, 0);
  }

 private:
  DiskArtifact make(const DiskInfo& disk) override {
    return make_disk_artifact(bundle_, disk, chunk_size_);
  }

  std::vector<oci::Descriptor> blobs_of(const DiskArtifact& artifact) const override {
    std::vector<oci::Descriptor> blobs = {config_descriptor(artifact.config)};
    for (const DiskPiece& piece : artifact.pieces) blobs.push_back(piece.blob);
    return blobs;
  }

  void send(const oci::Reference& name, const DiskArtifact& artifact) override {
    for (const DiskPiece& piece : artifact.pieces) {
      if (stop_.stop_requested()) throw Error(Code::kCancelled, "stopped");
      const io::FileBlob bytes(payload_of(bundle_, piece.file), piece.offset, piece.blob.size);
      put(name.repository, piece.blob, transfer::MeteredSource(bytes, progress_, limit_));
    }
    put(name.repository, config_descriptor(artifact.config),
        io::MemoryBlob(io::bytes_of(artifact.config)));
    target_.put_manifest(name.repository, artifact.manifest, std::nullopt, name.tag);
  }

  void put(const std::string& repository, const oci::Descriptor& blob,
           const io::BlobSource& bytes) {
    if (put_blob(repository, blob, bytes)) progress_.skip_bytes(blob.size);
  }

  std::uint64_t chunk_size_;
  const std::stop_token& stop_;
  transfer::RateLimit limit_;
};

}  // namespace

DiskArtifact make_disk_artifact(const bundle::OpenedBundle& bundle, const DiskInfo& disk,
                                std::uint64_t chunk_size) {
  std::vector<DiskPiece> pieces;
  for (const std::uint32_t file : disk.files) {
    if (chunk_size == 0 || bundle.index().files[file].size <= chunk_size) {
      pieces.push_back(whole_file(bundle, file, kDiskFileType));
    } else {
      std::ranges::move(chunks_of(bundle, file, chunk_size), std::back_inserter(pieces));
    }
  }
  if (disk.config) pieces.push_back(whole_file(bundle, *disk.config, kServerConfigType));
  std::string config = config_of(bundle, disk);
  const std::string text = manifest_text(disk, config_descriptor(config), pieces);
  const auto bytes = io::bytes_of(text);
  return {.config = std::move(config),
          .pieces = std::move(pieces),
          .manifest = oci::verified({bytes.begin(), bytes.end()},
                                    std::string(oci::media_type::kImageManifest), std::nullopt)};
}

std::unique_ptr<DiskWork> push_disks(const bundle::OpenedBundle& bundle,
                                     const std::vector<std::uint32_t>& disks,
                                     target::Target& target, const NameOptions& names,
                                     const PushOptions& options, std::uint64_t chunk_size,
                                     transfer::Progress& progress, const std::stop_token& stop,
                                     Receipt& receipt) {
  return std::make_unique<DiskPush>(bundle, disks, target, names, options, chunk_size, progress,
                                    stop, receipt);
}

}  // namespace seabag::importing
