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
#include "importing/read_back.h"
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

class DiskPush : public DiskWork {
 public:
  DiskPush(const bundle::OpenedBundle& bundle, const std::vector<std::uint32_t>& disks,
           target::Target& target, const NameOptions& names, const PushOptions& options,
           std::uint64_t chunk_size, transfer::Progress& progress, const std::stop_token& stop,
           Receipt& receipt)
      : DiskWork(progress, receipt),
        bundle_(bundle),
        target_(target),
        options_(options),
        chunk_size_(chunk_size),
        stop_(stop),
        limit_(options.max_rate, stop) {
    const index::Index& index = bundle.index();
    for (const std::uint32_t i : disks) {
      const DiskInfo& disk = index.disks[i];
      disks_.push_back({&disk, mapped(disk_reference(disk), names.mappings)});
      std::uint64_t bytes = 0;
      for (const std::uint32_t file : disk.files) bytes += index.files[file].size;
      enter({.name = disk.name, .content = disk.content, .target = disks_.back().name.text()},
            bytes);
    }
  }

 private:
  struct Disk {
    const DiskInfo* info;
    oci::Reference name;
    std::optional<oci::RawManifest> there = {};  ///< what its tag means at the target already
  };

  // Chunks have no digests before they are read, so that is done only where there is a tag.
  std::optional<Error> find_conflict(std::size_t i) override {
    if (options_.on_existing_tag != OnExistingTag::kFail) return std::nullopt;
    Disk& disk = disks_[i];
    const auto there = target_.find_tag(disk.name.repository, disk.name.tag);
    if (!there) return std::nullopt;
    DiskArtifact artifact = make_disk_artifact(bundle_, *disk.info, chunk_size_);
    if (*there != artifact.manifest.digest()) {
      return tag_conflict(disk.name, *there, artifact.manifest.digest());
    }
    if (is_whole(artifact)) disk.there = std::move(artifact.manifest);
    return std::nullopt;
  }

  PushOutcome bring(std::size_t i, RestoredDisk& result) override {
    const Disk& disk = disks_[i];
    if (const auto objection = target_.objection(disk.name)) throw Error(Code::kUsage, *objection);
    if (disk.there) {
      if (options_.read_back) require_given_back(target_, disk.name, *disk.there);
      return PushOutcome::kAlreadyThere;
    }
    const DiskArtifact artifact = make_disk_artifact(bundle_, *disk.info, chunk_size_);
    auto settled = look_at_tag(target_, disk.name, artifact.manifest.digest(),
                               options_.on_existing_tag, result.detail);
    if (settled == PushOutcome::kAlreadyThere && !is_whole(artifact)) settled.reset();
    if (settled == PushOutcome::kSkipped) return *settled;
    if (!settled) send(disk.name, artifact);
    if (options_.read_back) require_given_back(target_, disk.name, artifact.manifest);
    return settled.value_or(PushOutcome::kPushed);
  }

  bool is_whole(const DiskArtifact& artifact) const {
    return target_.keeps(artifact.manifest.descriptor()) &&
           target_.keeps(config_descriptor(artifact.config)) &&
           std::ranges::all_of(artifact.pieces,
                               [&](const DiskPiece& piece) { return target_.keeps(piece.blob); });
  }

  void send(const oci::Reference& name, const DiskArtifact& artifact) {
    for (const DiskPiece& piece : artifact.pieces) put(name.repository, piece);
    const io::MemoryBlob config(io::bytes_of(artifact.config));
    put_blob(name.repository, config_descriptor(artifact.config), config);
    target_.put_manifest(name.repository, artifact.manifest, std::nullopt, name.tag);
  }

  void put(const std::string& repository, const DiskPiece& piece) {
    if (stop_.stop_requested()) throw Error(Code::kCancelled, "stopped");
    const io::FileBlob bytes(payload_of(bundle_, piece.file), piece.offset, piece.blob.size);
    put_blob(repository, piece.blob, transfer::MeteredSource(bytes, progress_, limit_));
  }

  void put_blob(const std::string& repository, const oci::Descriptor& blob,
                const io::BlobSource& bytes) {
    if (target_.put_blob(repository, blob, bytes, {}) == target::PutOutcome::kWasThere) {
      ++receipt_.blobs_there;
      progress_.skip_bytes(blob.size);
    } else {
      ++receipt_.blobs_uploaded;
      receipt_.bytes_uploaded += blob.size;
    }
  }

  const bundle::OpenedBundle& bundle_;
  target::Target& target_;
  const PushOptions& options_;
  std::uint64_t chunk_size_;
  const std::stop_token& stop_;
  transfer::RateLimit limit_;
  std::vector<Disk> disks_;
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
