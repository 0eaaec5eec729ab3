// SPDX-License-Identifier: Apache-2.0
#include "importing/container_disk.h"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/utc_time.h"
#include "conversion/container_layer.h"
#include "conversion/copy_disk.h"
#include "importing/bundle_disk.h"
#include "importing/disk_artifact.h"
#include "importing/read_back.h"
#include "oci/manifest.h"
#include "oci/media_types.h"
#include "transfer/rate_limit.h"
#include "transfer/stages.h"

namespace seabag::importing {
namespace {

using index::DiskInfo;
using ImageJson = nlohmann::ordered_json;

// Those that KubeVirt is built for, and those of its nodes that may come.
constexpr std::array<std::string_view, 5> kArchitectures = {"amd64", "arm64", "ppc64le", "riscv64",
                                                            "s390x"};

constexpr const char* kLayerType = "application/vnd.oci.image.layer.v1.tar+gzip";
constexpr const char* kContentAnnotation = "vnd.seabag.disk.content";
constexpr const char* kCreatedAnnotation = "org.opencontainers.image.created";

// As labels of the image and as annotations of its manifest.
ImageJson notes_of(const DiskInfo& disk) {
  return {{kCreatedAnnotation, to_rfc3339(disk.read_at)},
          {kTitleAnnotation, disk.name},
          {kContentAnnotation, disk.content}};
}

std::string config_text(const DiskInfo& disk, const std::string& architecture,
                        const digest::Digest& diff_id) {
  const std::string created = to_rfc3339(disk.read_at);
  const ImageJson json = {
      {"created", created},
      {"architecture", architecture},
      {"os", "linux"},
      {"config", {{"Labels", notes_of(disk)}}},
      {"rootfs", {{"type", "layers"}, {"diff_ids", ImageJson::array({diff_id.text()})}}},
      {"history", ImageJson::array({{{"created", created}, {"comment", "disk " + disk.name}}})}};
  return json.dump();
}

// A disk's image, all but the layer's bytes.
struct DiskImage {
  std::string config;
  oci::Descriptor config_blob;
  oci::Descriptor layer_blob;
  oci::RawManifest manifest;
};

DiskImage make_image(const DiskInfo& disk, const std::string& architecture,
                     const conversion::ContainerLayer& layer) {
  std::string config = config_text(disk, architecture, layer.diff_id);
  const oci::Descriptor config_blob{.media_type = std::string(oci::media_type::kImageConfig),
                                    .digest = digest::digest_of(io::bytes_of(config)),
                                    .size = config.size()};
  const oci::Descriptor layer_blob{
      .media_type = kLayerType, .digest = layer.digest, .size = layer.size};
  const std::string text = fmt::format(
      R"({{"schemaVersion":2,"mediaType":"{}","config":{},"layers":[{}],"annotations":{}}})",
      oci::media_type::kImageManifest, oci::to_json_text(config_blob),
      oci::to_json_text(layer_blob), notes_of(disk).dump());
  const auto bytes = io::bytes_of(text);
  return {.config = std::move(config),
          .config_blob = config_blob,
          .layer_blob = layer_blob,
          .manifest = oci::verified({bytes.begin(), bytes.end()},
                                    std::string(oci::media_type::kImageManifest), std::nullopt)};
}

class ContainerPush : public DiskWork {
 public:
  ContainerPush(const bundle::OpenedBundle& bundle, const std::vector<std::uint32_t>& disks,
                target::Target& target, const NameOptions& names, const PushOptions& options,
                const std::string& architecture, transfer::Progress& progress,
                const std::stop_token& stop, Receipt& receipt)
      : DiskWork(progress, receipt),
        bundle_(bundle),
        target_(target),
        options_(options),
        architecture_(architecture),
        stop_(stop),
        limit_(options.max_rate, stop) {
    const index::Index& index = bundle.index();
    for (const std::uint32_t i : disks) {
      const DiskInfo& disk = index.disks[i];
      disks_.push_back({&disk, mapped(disk_reference(disk), names.mappings)});
      std::uint64_t bytes = disk.size;
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

  // A disk with the layer that it would become, all but its bytes.
  struct Measured {
    std::unique_ptr<disk::DiskSource> disk;
    conversion::ContainerLayer layer;
    DiskImage image;
  };

  // Only where there is a tag: the whole disk is read to learn what the image would be.
  std::optional<Error> find_conflict(std::size_t i) override {
    if (options_.on_existing_tag != OnExistingTag::kFail) return std::nullopt;
    Disk& disk = disks_[i];
    const auto there = target_.find_tag(disk.name.repository, disk.name.tag);
    if (!there) return std::nullopt;
    Measured measured = measure(*disk.info);
    if (*there != measured.image.manifest.digest()) {
      return tag_conflict(disk.name, *there, measured.image.manifest.digest());
    }
    if (is_whole(measured.image)) disk.there = std::move(measured.image.manifest);
    return std::nullopt;
  }

  PushOutcome bring(std::size_t i, RestoredDisk& result) override {
    const Disk& disk = disks_[i];
    if (const auto objection = target_.objection(disk.name)) throw Error(Code::kUsage, *objection);
    if (disk.there) {
      if (options_.read_back) require_given_back(target_, disk.name, *disk.there);
      return PushOutcome::kAlreadyThere;
    }
    const auto [opened, layer, image] = measure(*disk.info);
    auto settled = look_at_tag(target_, disk.name, image.manifest.digest(),
                               options_.on_existing_tag, result.detail);
    if (settled == PushOutcome::kAlreadyThere && !is_whole(image)) settled.reset();
    if (settled == PushOutcome::kSkipped) return *settled;
    if (!settled) send(disk.name, image, conversion::ContainerLayerSource(*opened, layer));
    if (options_.read_back) require_given_back(target_, disk.name, image.manifest);
    return settled.value_or(PushOutcome::kPushed);
  }

  Measured measure(const DiskInfo& disk) const {
    auto opened = open_verified_disk(bundle_, disk, progress_, stop_);
    conversion::ContainerLayerMeasure measure(disk.name, opened->size(), stop_);
    const auto report =
        conversion::copy_disk(*opened, &measure, {.jobs = options_.jobs}, progress_, stop_);
    require_content(disk, report.content.text());
    conversion::ContainerLayer layer = measure.take_layer();
    DiskImage image = make_image(disk, architecture_, layer);
    return {std::move(opened), std::move(layer), std::move(image)};
  }

  bool is_whole(const DiskImage& image) const {
    return target_.keeps(image.manifest.descriptor()) && target_.keeps(image.layer_blob) &&
           target_.keeps(image.config_blob);
  }

  void send(const oci::Reference& name, const DiskImage& image, const io::BlobSource& layer) {
    const transfer::MeteredSource metered(layer, unseen_, limit_);
    const io::MemoryBlob config(io::bytes_of(image.config));
    if (target_.takes_whole_images()) {
      const io::MemoryBlob manifest(image.manifest.bytes());
      target_.put_image({.name = name,
                         .root = image.manifest.descriptor(),
                         .members = {{image.manifest.descriptor(), manifest},
                                     {image.config_blob, config},
                                     {image.layer_blob, metered}}});
      return;
    }
    put_blob(name.repository, image.layer_blob, metered);
    put_blob(name.repository, image.config_blob, config);
    target_.put_manifest(name.repository, image.manifest, std::nullopt, name.tag);
  }

  void put_blob(const std::string& repository, const oci::Descriptor& blob,
                const io::BlobSource& bytes) {
    if (target_.put_blob(repository, blob, bytes, {}) == target::PutOutcome::kWasThere) {
      ++receipt_.blobs_there;
    } else {
      ++receipt_.blobs_uploaded;
      receipt_.bytes_uploaded += blob.size;
    }
  }

  const bundle::OpenedBundle& bundle_;
  target::Target& target_;
  const PushOptions& options_;
  const std::string& architecture_;
  const std::stop_token& stop_;
  transfer::NoProgress unseen_;  // how much is sent is not known when the phase begins
  transfer::RateLimit limit_;
  std::vector<Disk> disks_;
};

}  // namespace

bool is_container_architecture(std::string_view name) {
  return std::ranges::find(kArchitectures, name) != kArchitectures.end();
}

std::string container_architectures() {
  return fmt::format("{}", fmt::join(kArchitectures, ", "));
}

std::unique_ptr<DiskWork> push_container_disks(const bundle::OpenedBundle& bundle,
                                               const std::vector<std::uint32_t>& disks,
                                               target::Target& target, const NameOptions& names,
                                               const PushOptions& options,
                                               const std::string& architecture,
                                               transfer::Progress& progress,
                                               const std::stop_token& stop, Receipt& receipt) {
  return std::make_unique<ContainerPush>(bundle, disks, target, names, options, architecture,
                                         progress, stop, receipt);
}

}  // namespace seabag::importing
