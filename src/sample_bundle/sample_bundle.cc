// SPDX-License-Identifier: Apache-2.0
#include "sample_bundle/sample_bundle.h"

#include <algorithm>
#include <stop_token>

#include <fmt/format.h>

#include "bundle/manifest_spool.h"
#include "bundle/seal.h"
#include "bundle/tarball_writer.h"
#include "bundle/unfinished.h"
#include "digest/hasher.h"

namespace seabag::sample_bundle {
namespace {

using index::BlobId;
using index::EdgeRole;

class SampleMaker {
 public:
  SampleMaker() {
    sample_.content.sources = {{"docker://localhost:5000"}};
    sample_.content.repositories = {{"localhost:5000", "library/app"},
                                    {"localhost:5000", "team/tool"}};
    sample_.content.media_types = {"", kImage, kIndex, kConfig, kLayer};
    sample_.content.platforms = {
        {},
        {.os = "linux", .architecture = "amd64", .variant = "", .os_version = ""},
        {.os = "linux", .architecture = "arm64", .variant = "", .os_version = ""}};
  }

  Sample make() {
    const std::string shared = blob(std::string(3000, 'b'));
    const std::string app =
        image(R"({"os":"linux","architecture":"amd64"})", {shared, blob("app layer")}, "");
    const std::string arm =
        image(R"({"os":"linux","architecture":"arm64"})", {blob(std::string(513, 'a'))}, "");
    const std::string tool =
        image(R"({"os":"linux","created":"2024-05-06T07:08:09Z"})", {shared, blob("")}, "");
    const std::string multi = index_of({app, arm});
    const std::string sbom = image("{}", {blob("an SBOM")}, app);
    name(0, "1.0", app);
    name(0, "multi", multi);
    name(1, "v1", tool);
    name(1, "latest", tool);
    sample_.content.references.push_back({.repository = 0,
                                          .tag = "",
                                          .manifest = ids_.at(sbom),
                                          .kind = index::ReferenceKind::kReferrer,
                                          .source = 0,
                                          .read_at = {1700000000}});
    sample_.content = index::canonical(std::move(sample_.content));
    return std::move(sample_);
  }

 private:
  static constexpr const char* kImage = "application/vnd.oci.image.manifest.v1+json";
  static constexpr const char* kIndex = "application/vnd.oci.image.index.v1+json";
  static constexpr const char* kConfig = "application/vnd.oci.image.config.v1+json";
  static constexpr const char* kLayer = "application/vnd.oci.image.layer.v1.tar";

  // A blob's digest as text; the blob is in the content.
  std::string blob(const std::string& bytes) {
    const auto digest = digest::digest_of(io::bytes_of(bytes));
    if (ids_.try_emplace(digest.text(), static_cast<BlobId>(sample_.content.blobs.size())).second) {
      sample_.content.blobs.push_back({digest, bytes.size(), index::Presence::kPresent});
      sample_.bytes[digest] = bytes;
    }
    return digest.text();
  }

  std::string descriptor(const char* media_type, const std::string& digest,
                         const std::string& more = "") const {
    return fmt::format(R"({{"mediaType":"{}","digest":"{}","size":{}{}}})", media_type, digest,
                       sample_.content.blobs[ids_.at(digest)].size, more);
  }

  void edge(const std::string& parent, const std::string& child, EdgeRole role,
            std::uint32_t position, std::uint32_t media_type, std::uint32_t platform = 0) {
    sample_.content.edges.push_back(
        {ids_.at(parent), ids_.at(child), position, media_type, platform, role});
  }

  std::string manifest(const std::string& text, const char* media_type, std::uint32_t type,
                       oci::ManifestKind kind) {
    const std::string digest = blob(text);
    const auto bytes = io::bytes_of(text);
    sample_.manifests.push_back(
        oci::verified({bytes.begin(), bytes.end()}, media_type, std::nullopt));
    sample_.content.manifests.push_back({.blob = ids_.at(digest),
                                         .kind = kind,
                                         .media_type = type,
                                         .artifact_type = 0,
                                         .created = ""});
    return digest;
  }

  std::string image(const std::string& config_text, const std::vector<std::string>& layers,
                    const std::string& subject) {
    const std::string config = blob(config_text);
    std::string list;
    for (const std::string& layer : layers)
      list += (list.empty() ? "" : ",") + descriptor(kLayer, layer);
    const std::string about =
        subject.empty() ? "" : fmt::format(R"(,"subject":{})", descriptor(kImage, subject));
    const std::string digest = manifest(
        fmt::format(R"({{"schemaVersion":2,"mediaType":"{}","config":{},"layers":[{}]{}}})", kImage,
                    descriptor(kConfig, config), list, about),
        kImage, 1, oci::ManifestKind::kImage);
    edge(digest, config, EdgeRole::kConfig, 0, 3);
    for (std::uint32_t i = 0; i < layers.size(); ++i)
      edge(digest, layers[i], EdgeRole::kLayer, i, 4);
    if (!subject.empty()) edge(digest, subject, EdgeRole::kSubject, 0, 1);
    return digest;
  }

  std::string index_of(const std::vector<std::string>& images) {
    static const char* const kPlatforms[] = {"amd64", "arm64"};
    std::string list;
    for (std::size_t i = 0; i < images.size(); ++i) {
      list += (i == 0 ? "" : ",") +
              descriptor(kImage, images[i],
                         fmt::format(R"(,"platform":{{"os":"linux","architecture":"{}"}})",
                                     kPlatforms[i]));
    }
    const std::string digest = manifest(
        fmt::format(R"({{"schemaVersion":2,"mediaType":"{}","manifests":[{}]}})", kIndex, list),
        kIndex, 2, oci::ManifestKind::kIndex);
    for (std::uint32_t i = 0; i < images.size(); ++i)
      edge(digest, images[i], EdgeRole::kChild, i, 1, i + 1);
    return digest;
  }

  void name(std::uint32_t repository, const std::string& tag, const std::string& digest) {
    sample_.content.references.push_back({.repository = repository,
                                          .tag = tag,
                                          .manifest = ids_.at(digest),
                                          .kind = index::ReferenceKind::kTag,
                                          .source = 0,
                                          .read_at = {1700000000}});
  }

  Sample sample_;
  std::map<std::string, BlobId> ids_;
};

}  // namespace

Sample make_sample() {
  return SampleMaker().make();
}

digest::Digest write_sample(io::FileSystem& files, const std::string& path, Sample& sample,
                            const bundle::PlanOptions& options,
                            const std::vector<digest::Digest>& lost,
                            const std::function<void(index::Index&)>& lie) {
  bundle::UnfinishedBundle unfinished = bundle::UnfinishedBundle::create(files, path);
  auto spool = bundle::ManifestSpool::create(files, unfinished.path(bundle::kSpoolFile));
  for (const oci::RawManifest& manifest : sample.manifests) spool.add(manifest);
  const index::Graph graph(sample.content);
  const bundle::BundlePlan plan = bundle::plan_bundle(sample.content, graph, options);
  bundle::TarballWriter tarballs(files, unfinished.directory(), sample.content, graph, plan);
  tarballs.prepare(spool);
  for (BlobId blob = 0; blob < sample.content.blobs.size(); ++blob) {
    index::Blob& known = sample.content.blobs[blob];
    if (std::ranges::find(lost, known.digest) != lost.end()) {
      known.presence = index::Presence::kMissing;
      sample.content.absences.push_back({blob, "", "refused", "gone"});
      continue;
    }
    const auto window = tarballs.open_window(blob, 0);
    window->write(io::bytes_of(sample.bytes.at(known.digest)));
    window->finish();
  }
  tarballs.finish();
  transfer::NoProgress quiet;
  index::Index index{
      .metadata = {{"format-version", bundle::kFormatVersion}, {"created", "2024-01-01T00:00:00Z"}},
      .files = plan.files(),
      .locations = plan.locations(),
      .content = sample.content};
  if (lie) lie(index);
  const auto sealed =
      bundle::seal(files,
                   {.directory = unfinished.directory(),
                    .index = std::move(index),
                    .bag_info = {{"Bagging-Date", "2024-01-01"},
                                 {"Seabag-Format-Version", bundle::kFormatVersion}}},
                   quiet, std::stop_token())
          .seal;
  unfinished.publish();
  return sealed;
}

}  // namespace seabag::sample_bundle
