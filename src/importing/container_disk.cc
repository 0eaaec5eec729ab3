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
#include "importing/tagged_disks_internal.h"
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

// A disk with the layer that it would become, all but its bytes.
struct MeasuredDisk {
  std::unique_ptr<disk::DiskSource> disk;
  conversion::ContainerLayer layer;
  std::string config;
  oci::Descriptor config_blob;
  oci::Descriptor layer_blob;
  oci::RawManifest manifest;
};

MeasuredDisk make_image(const DiskInfo& disk, const std::string& architecture,
                        std::unique_ptr<disk::DiskSource> opened,
                        conversion::ContainerLayer layer) {
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
  return {.disk = std::move(opened),
          .layer = std::move(layer),
          .config = std::move(config),
          .config_blob = config_blob,
          .layer_blob = layer_blob,
          .manifest = oci::verified({bytes.begin(), bytes.end()},
                                    std::string(oci::media_type::kImageManifest), std::nullopt)};
}

class ContainerPush : public TaggedDisks<MeasuredDisk> {
 public:
  ContainerPush(const bundle::OpenedBundle& bundle, const std::vector<std::uint32_t>& disks,
                target::Target& target, const NameOptions& names, const PushOptions& options,
                const std::string& architecture, transfer::Progress& progress,
                const std::stop_token& stop, Receipt& receipt)
      : TaggedDisks(bundle, target, options, progress, receipt),
        architecture_(architecture),
        stop_(stop),
        limit_(options.max_rate, stop) {
    for (const std::uint32_t i : disks) {
      const DiskInfo& disk = bundle.index().disks[i];
      add(disk, names, disk.size);
    }
  }

 private:
  MeasuredDisk make(const DiskInfo& disk) override {
    auto opened = open_verified_disk(bundle_, disk, progress_, stop_);
    conversion::ContainerLayerMeasure measure(disk.name, opened->size(), stop_);
    const auto report =
        conversion::copy_disk(*opened, &measure, {.jobs = options_.jobs}, progress_, stop_);
    require_content(disk, report.content.text());
    return make_image(disk, architecture_, std::move(opened), measure.take_layer());
  }

  std::vector<oci::Descriptor> blobs_of(const MeasuredDisk& made) const override {
    return {made.layer_blob, made.config_blob};
  }

  void send(const oci::Reference& name, const MeasuredDisk& made) override {
    const conversion::ContainerLayerSource layer(*made.disk, made.layer);
    const transfer::MeteredSource metered(layer, unseen_, limit_);
    const io::MemoryBlob config(io::bytes_of(made.config));
    if (target_.takes_whole_images()) {
      const io::MemoryBlob manifest(made.manifest.bytes());
      target_.put_image({.name = name,
                         .root = made.manifest.descriptor(),
                         .members = {{made.manifest.descriptor(), manifest},
                                     {made.config_blob, config},
                                     {made.layer_blob, metered}}});
      return;
    }
    put_blob(name.repository, made.layer_blob, metered);
    put_blob(name.repository, made.config_blob, config);
    target_.put_manifest(name.repository, made.manifest, std::nullopt, name.tag);
  }

  const std::string& architecture_;
  const std::stop_token& stop_;
  transfer::NoProgress unseen_;  // how much is sent is not known when the phase begins
  transfer::RateLimit limit_;
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
