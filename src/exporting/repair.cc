// SPDX-License-Identifier: Apache-2.0
#include "exporting/repair.h"

#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/limits.h"
#include "base/text.h"
#include "bundle/landed_log.h"
#include "bundle/manifest_spool.h"
#include "bundle/patch_label.h"
#include "bundle/seal.h"
#include "bundle/tarball_writer.h"
#include "bundle/unfinished.h"
#include "digest/hasher.h"
#include "digest/verifying_sink.h"
#include "exporting/disks.h"
#include "exporting/fetch.h"
#include "exporting/landing.h"
#include "exporting/repair_source.h"
#include "index/content_builder.h"
#include "io/clean_up.h"
#include "io/file_blob.h"
#include "io/user_file.h"
#include "oci/media_types.h"

// The patch is a bundle like any other. Its images are artifacts whose layers are the damaged
// blobs, so that planning, fetching, sealing and verifying need not know what a patch is.

namespace seabag::exporting {
namespace {

using bundle::DamagedBlob;
using bundle::UnfinishedBundle;
using index::Graph;
using index::Presence;

// Blobs of one artifact: at most 400 bytes each, so its manifest stays under the limit of 4 MiB.
constexpr std::size_t kBlobsOfOneManifest = 8000;
constexpr std::string_view kEmptyConfig = "{}";
constexpr const char* kArtifactType = "application/vnd.seabag.patch.v1";

digest::Digest empty_config() {
  return digest::digest_of(io::bytes_of(kEmptyConfig));
}

oci::RawManifest manifest_over(std::span<const DamagedBlob> blobs) {
  const auto descriptor = [](std::string_view type, const digest::Digest& digest,
                             std::uint64_t size) {
    return nlohmann::ordered_json{{"mediaType", type}, {"digest", digest.text()}, {"size", size}};
  };
  nlohmann::ordered_json layers = nlohmann::ordered_json::array();
  for (const DamagedBlob& blob : blobs) {
    const bool has_type =
        !blob.media_type.empty() && blob.media_type.size() <= limits::kMediaTypeBytes;
    layers.push_back(descriptor(has_type ? blob.media_type : "application/octet-stream",
                                blob.digest, blob.size));
  }
  const nlohmann::ordered_json document = {
      {"schemaVersion", 2},
      {"mediaType", oci::media_type::kImageManifest},
      {"artifactType", kArtifactType},
      {"config", descriptor(oci::media_type::kEmpty, empty_config(), kEmptyConfig.size())},
      {"layers", std::move(layers)}};
  const std::string text = document.dump();
  const auto bytes = io::bytes_of(text);
  return oci::verified({bytes.begin(), bytes.end()}, std::string(oci::media_type::kImageManifest),
                       std::nullopt);
}

// Gives the empty config of the artifacts, and everything else from where it is.
class SourceOfPatch : public RepairSource {
 public:
  using RepairSource::RepairSource;
  void read_blob(const oci::Reference& repository, const oci::Descriptor& blob,
                 std::uint64_t offset, io::ByteSink& sink) override {
    if (blob.digest == empty_config()) {
      sink.write(io::bytes_of(kEmptyConfig).subspan(offset));
    } else {
      RepairSource::read_blob(repository, blob, offset, sink);
    }
  }
};

class Repair {
 public:
  Repair(const RepairRequest& request, Means& means) : request_(request), means_(means) {}

  RepairReport run() {
    require_work();
    if (means_.files.find(bundle::unfinished_path(request_.patch))) {
      throw Error(Code::kUsage,
                  fmt::format("an unfinished patch or bundle lies at {}",
                              seabag::quoted(bundle::unfinished_path(request_.patch))))
          .add_next_step("remove it; a patch is made anew, in one go");
    }
    UnfinishedBundle unfinished = UnfinishedBundle::create(means_.files, request_.patch);
    try {
      return make(unfinished);
    } catch (const Error& error) {
      io::clean_up([&] { unfinished.discard(); });
      // What others say of --resume does not hold for a patch.
      Error told(error.code(), error.what());
      const bool is_about_resuming = error.next_step().find("--resume") != std::string::npos;
      told.add_next_step(is_about_resuming ? "run the same command again; nothing was kept"
                                           : error.next_step());
      throw told;
    }
  }

 private:
  void require_work() const {
    if (request_.damage.needs_patch()) return;
    const std::vector<std::string>& beyond_repair = request_.damage.beyond_repair;
    if (request_.damage.files.empty() && beyond_repair.empty()) {
      throw Error(Code::kUsage, "the list says that nothing is damaged");
    }
    if (request_.damage.files.empty()) {
      throw Error(Code::kUsage, fmt::format("no source has what is damaged: {}",
                                            printable(beyond_repair.front())))
          .add_next_step("another copy of the bundle may mend it: seabag-import patch BUNDLE COPY");
    }
    throw Error(Code::kUsage, "nothing must be fetched for what is damaged")
        .add_next_step("mend it where the bundle is: seabag-import patch BUNDLE");
  }

  RepairReport make(UnfinishedBundle& unfinished) {
    index::Index patch{.metadata = {{"format-version", bundle::kFormatVersion},
                                    {"created", to_rfc3339(means_.now())},
                                    {"tool", request_.tool},
                                    {"selection", ""},
                                    {"layout", ""}},
                       .files = {},
                       .locations = {},
                       .content = {}};
    land_blobs(unfinished, patch);
    land_configs(unfinished, patch);
    for (const bundle::DamagedDisk& damaged : request_.damage.disks) {
      land_disk(unfinished, patch, damaged);
    }
    require_anything();
    return seal(unfinished, std::move(patch));
  }

  void miss(std::vector<std::string> references, std::string reason, std::string detail) {
    means_.progress.warn(detail);
    report_.missing.push_back({std::move(references), std::move(reason), std::move(detail)});
  }

  void land_blobs(UnfinishedBundle& unfinished, index::Index& patch) {
    const auto& blobs = request_.damage.blobs;
    if (blobs.empty()) return;
    if (request_.sources.empty()) {
      for (const DamagedBlob& blob : blobs) {
        miss(blob.references, "refused",
             fmt::format("blob {}: no SOURCE of images was named", blob.digest.text()));
      }
      return;
    }
    auto spool = bundle::ManifestSpool::create(means_.files, unfinished.path(bundle::kSpoolFile));
    index::Content content = gather(spool);
    const Graph graph(content);
    const bundle::BundlePlan plan = bundle::plan_bundle(content, graph, {});
    bundle::TarballWriter tarballs(means_.files, unfinished.directory(), content, graph, plan);
    tarballs.prepare(spool);
    fetch_all(unfinished, content, graph, tarballs);
    tarballs.finish();
    for (const index::Absence& absence : content.absences) {
      const digest::Digest& digest = content.blobs[*absence.blob].digest;
      const auto lost = std::ranges::lower_bound(blobs, digest, {}, &DamagedBlob::digest);
      report_.missing.push_back({lost->references, absence.reason,
                                 fmt::format("blob {}: {}", digest.text(), absence.detail)});
    }
    report_.blobs = blobs.size() - content.absences.size();
    patch.files = plan.files();
    patch.locations = plan.locations();
    patch.content = index::canonical(std::move(content));
  }

  index::Content gather(bundle::ManifestSpool& spool) {
    index::ContentBuilder builder;
    std::vector<std::string> uris;
    for (const source::SourceName& name : request_.sources) uris.push_back(source::uri_of(name));
    std::ranges::sort(uris);
    uris.erase(std::ranges::unique(uris).begin(), uris.end());
    for (const std::string& uri : uris) builder.add_source(uri);
    const std::uint32_t repository = builder.add_repository(
        {.registry = "", .repository = "seabag/patch", .tag = "", .digest = std::nullopt});
    const std::span<const DamagedBlob> blobs = request_.damage.blobs;
    for (std::size_t at = 0; at < blobs.size(); at += kBlobsOfOneManifest) {
      const auto raw =
          manifest_over(blobs.subspan(at, std::min(kBlobsOfOneManifest, blobs.size() - at)));
      const oci::Manifest manifest = oci::parse_manifest(raw);
      spool.add(raw);
      builder.add_manifest(raw, manifest);
      builder.require(builder.add_blob(manifest.config->digest, manifest.config->size));
      for (const oci::Descriptor& layer : manifest.layers) {
        builder.require(builder.add_blob(layer.digest, layer.size));
      }
      builder.add_reference({.repository = repository,
                             .tag = fmt::format("{}-{}", request_.damage.seal.hex().substr(0, 12),
                                                at / kBlobsOfOneManifest + 1),
                             .manifest = builder.add_blob(raw.digest(), raw.bytes().size()),
                             .kind = index::ReferenceKind::kTag,
                             .source = 0,
                             .read_at = means_.now()});
    }
    spool.sync();
    return builder.take();
  }

  void fetch_all(UnfinishedBundle& unfinished, index::Content& content, const Graph& graph,
                 bundle::TarballWriter& tarballs) {
    std::vector<std::unique_ptr<source::ImageSource>> opened;
    std::vector<source::ImageSource*> pointers;
    for (const source::SourceName& name : request_.sources) {
      opened.push_back(source::open_source(name, means_.surroundings));
      pointers.push_back(opened.back().get());
    }
    SourceOfPatch all(request_.damage, request_.sources, pointers);
    // Every reference has the source 0, so that one is asked for all.
    const std::vector<source::ImageSource*> sources(content.sources.size(), &all);
    Landing landing(content, tarballs,
                    bundle::LandedLog::create(means_.files, unfinished.path(bundle::kLogFile)));
    const std::vector<std::uint64_t> nothing_landed(content.blobs.size(), 0);
    fetch(content, graph, tarballs, landing,
          {.sources = sources,
           .landed = nothing_landed,
           .jobs = request_.jobs,
           .max_rate = request_.max_rate,
           .pause = means_.pause},
          means_.progress, means_.stop);
    landing.checkpoint();
    landing.close();
  }

  void land_configs(UnfinishedBundle& unfinished, index::Index& patch) {
    for (const bundle::DamagedConfig& damaged : request_.damage.configs) {
      try {
        land_config(unfinished, patch, damaged);
        ++report_.configs;
      } catch (const Error& error) {
        if (error.code() != Code::kIntegrity && error.code() != Code::kRefused) throw;
        miss({damaged.disk}, std::string(name_of(error.code())),
             fmt::format("configuration of {}: {}", damaged.disk, error.what()));
      }
    }
  }

  void land_config(UnfinishedBundle& unfinished, index::Index& patch,
                   const bundle::DamagedConfig& damaged) const {
    const std::string path = fmt::format("data/config/disks/{}.json", damaged.disk);
    if (path != damaged.file.path) {
      throw Error(Code::kMalformed, fmt::format("the list places it at {}, expected {}",
                                                seabag::quoted(damaged.file.path), path));
    }
    const io::Bytes bytes = io::read_user_file(config_file(damaged.disk), limits::kManifestBytes);
    require_checksum(digest::digest_of(bytes), damaged.file);
    io::create_directories(means_.files, unfinished.path("data/config/disks"));
    io::write_new_file(means_.files, unfinished.path(path), bytes);
    means_.files.sync_directory(unfinished.path("data/config/disks"));
    patch.files.push_back({path, bytes.size(), {}});
  }

  std::string config_file(const std::string& disk) const {
    const auto named = request_.configs.find(disk);
    if (named != request_.configs.end()) return named->second;
    const auto with = std::ranges::find(request_.disks, disk, &DiskRequest::name);
    if (with != request_.disks.end() && !with->config.empty()) return with->config;
    throw Error(Code::kRefused, "no file was named for it")
        .add_next_step(fmt::format("pass --disk-config {}=FILE", disk));
  }

  static void require_checksum(const digest::Digest& actual, const index::PayloadFile& expected) {
    if (actual.hex() == expected.sha256) return;
    throw Error(
        Code::kIntegrity,
        fmt::format("the source's content has changed since the bundle was made, or other "
                    "identifiers were given for it: {} would have the checksum {}, expected {}",
                    seabag::quoted(expected.path), actual.hex(), expected.sha256));
  }

  // A disk is made again from its source: the same disk gives the same files.
  void land_disk(UnfinishedBundle& unfinished, index::Index& patch,
                 const bundle::DamagedDisk& damaged) {
    const std::string& name = damaged.disk.name;
    const auto request = std::ranges::find_if(request_.disks, [&](const DiskRequest& disk) {
      return disk.name == name || disk.uri() == damaged.disk.source;
    });
    if (request == request_.disks.end()) {
      miss({name}, "refused",
           fmt::format("disk {}: no SOURCE was named for it; it was read from {}", name,
                       seabag::quoted(damaged.disk.source)));
      return;
    }
    DiskRequest named = *request;
    named.name = name;
    if (named.identity == conversion::Identity{}) {
      named.identity = identity_of(damaged.identifiers, name);
    }
    index::Index one{.metadata = {{index::kIdentifiers, identifiers_of({named})}},
                     .files = {},
                     .locations = {},
                     .content = {}};
    one.disks = {disk_again(damaged, *request)};
    exporting::land_disks({.bundle = request_.patch,
                           .sources = {},
                           .disks = {},
                           .disk_options = {.source_format = {},
                                            .destination = {},
                                            .zero_unreadable = request_.zero_unreadable},
                           .configs = {},
                           .selection = {},
                           .layout = {},
                           .jobs = request_.jobs,
                           .tool = request_.tool},
                          means_, unfinished, one);
    if (one.disks.empty()) {
      const index::Absence& absence = one.content.absences.front();
      report_.missing.push_back({{name}, absence.reason, absence.detail});
      return;
    }
    try {
      require_same_disk(unfinished, damaged, one);
    } catch (const Error& error) {
      if (error.code() != Code::kIntegrity) throw;
      for (const index::PayloadFile& file : one.files) {
        means_.files.remove_file(unfinished.path(file.path));
      }
      remove_unused_directory(means_, unfinished);
      miss({name}, "integrity", fmt::format("disk {}: {}", name, error.what()));
      return;
    }
    for (std::uint32_t& file : one.disks.front().files) {
      file += static_cast<std::uint32_t>(patch.files.size());
    }
    patch.files.insert(patch.files.end(), one.files.begin(), one.files.end());
    patch.disks.push_back(std::move(one.disks.front()));
    ++report_.disks;
  }

  index::DiskInfo disk_again(const bundle::DamagedDisk& damaged, const DiskRequest& request) const {
    index::DiskInfo disk = damaged.disk;
    const auto format = conversion::find_output_format(disk.format);
    if (!format || disk.size == 0 || disk.size % 512 != 0 || disk.source_size > disk.size) {
      throw Error(Code::kMalformed, fmt::format("the list has the disk {} with {} bytes as {}",
                                                disk.name, disk.size, seabag::quoted(disk.format)));
    }
    conversion::require_fits(*format, disk.size);
    disk.content.clear();
    disk.zeroed.clear();
    disk.source = request.uri();
    if (request.source_format) {
      disk.source_format = std::string(conversion::name_of(*request.source_format));
    }
    disk.read_at = means_.now();
    return disk;
  }

  void require_same_disk(const UnfinishedBundle& unfinished, const bundle::DamagedDisk& damaged,
                         const index::Index& one) const {
    const index::DiskInfo& disk = one.disks.front();
    if (disk.content != damaged.disk.content) {
      throw Error(Code::kIntegrity,
                  fmt::format("the source's content has changed since the bundle was made: its "
                              "content digest is {}, expected {}",
                              disk.content, seabag::quoted(damaged.disk.content)));
    }
    for (const index::PayloadFile& file : one.files) {
      const auto expected = std::ranges::find(damaged.files, file.path, &index::PayloadFile::path);
      if (expected == damaged.files.end()) {
        throw Error(Code::kIntegrity, fmt::format("the list does not have {}", file.path));
      }
      const auto opened = means_.files.open(unfinished.path(file.path), io::OpenMode::kRead);
      require_checksum(digest::digest_of(io::FileBlob(*opened, 0, opened->size())), *expected);
    }
  }

  void require_anything() const {
    if (report_.blobs + report_.disks + report_.configs > 0) return;
    check(!report_.missing.empty(), "what is missing has a reason");
    throw Error(Code::kRefused, fmt::format("nothing of what is damaged could be had; first: {}",
                                            report_.missing.front().detail));
  }

  RepairReport seal(UnfinishedBundle& unfinished, index::Index patch) {
    std::ranges::sort(patch.disks, {}, &index::DiskInfo::name);
    for (const index::PayloadFile& file : patch.files) report_.payload_bytes += file.size;
    bagit::BagInfo info = {{"Bag-Software-Agent", request_.tool},
                           {"Bagging-Date", patch.metadata.at("created").substr(0, 10)},
                           {"Seabag-Format-Version", bundle::kFormatVersion},
                           {bundle::kPatchLabel, request_.damage.seal.text()}};
    report_.seal = bundle::seal(means_.files,
                                {.directory = unfinished.directory(),
                                 .index = std::move(patch),
                                 .bag_info = std::move(info),
                                 .jobs = request_.jobs},
                                means_.progress, means_.stop)
                       .seal;
    unfinished.publish();
    return std::move(report_);
  }

  const RepairRequest& request_;
  Means& means_;
  RepairReport report_{.patch = request_.patch,
                       .patched = request_.damage.seal,
                       .seal = request_.damage.seal,
                       .missing = {},
                       .beyond_repair = request_.damage.beyond_repair};
};

}  // namespace

RepairReport run_repair(const RepairRequest& request, Means& means) {
  return Repair(request, means).run();
}

}  // namespace seabag::exporting
