// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "digest/hasher.h"
#include "index/index_file.h"
#include "io/bytes.h"

/// For tests alone: a small bundle that has one of everything.
namespace seabag::index {

inline digest::Digest digest_of(std::string_view name) {
  return digest::digest_of(io::bytes_of(name));
}

/// Blobs in the order they are made, not yet canonical:
///   library/busybox:1.35   index -> amd64 (config, base layer, tools layer), arm64 (left out)
///   library/app:2.0        image -> config, the same base layer, a foreign layer (left out), a
///   lost layer an SBOM about amd64 (a referrer without a name), a signature of the index (cosign's
///   tag) library/gone:1         could not be resolved
class Sample {
 public:
  Sample() {
    content_.sources = {{"docker://localhost:5000"}};
    content_.repositories = {{"localhost:5000", "library/busybox"},
                             {"localhost:5000", "library/app"}};
    content_.media_types = {"", "application/vnd.oci.image.index.v1+json",
                            "application/vnd.oci.image.manifest.v1+json",
                            "application/vnd.oci.image.layer.v1.tar+gzip", "application/spdx+json"};
    content_.platforms = {{}, {"linux", "arm64", "v8", ""}, {"linux", "amd64", "", ""}};
    add_busybox();
    add_app();
    add_attachments();
  }

  const Content& content() const { return content_; }

  /// The whole index, canonical, blobs one after the other in the first file and the base layer in
  /// the second too.
  Index index() const {
    Index index;
    index.metadata = {{"created", "2026-11-21T05:13:00Z"},
                      {"format-version", "1"},
                      {"tool", "seabag-export 0.1.0"}};
    index.content = canonical(content_);
    index.files = {{"data/images/images-0001.tar", 1'000'000, std::string(64, 'a')},
                   {"data/images/images-0002.tar", 20'000, ""},
                   {"data/disks/db.vhd", 4'000, ""},
                   {"data/disks/web01.vmdk", 700, ""},
                   {"data/disks/web01-flat.vmdk", 8'192, ""},
                   {"data/config/disks/web01.json", 30, ""}};
    index.disks = disks();
    std::uint64_t offset = 512;
    for (BlobId blob = 0; blob < index.content.blobs.size(); ++blob) {
      const Blob& known = index.content.blobs[blob];
      if (known.presence != Presence::kPresent) continue;
      index.locations.push_back({blob, 0, offset});
      if (known.digest == digest_of("base layer")) index.locations.push_back({blob, 1, 1536});
      offset += known.size + 512;
    }
    return index;
  }

  /// A server's two disks: one with a configuration and two files, one that was padded and could
  /// not be read everywhere.
  static std::vector<DiskInfo> disks() {
    DiskInfo db = {.name = "db",
                   .server = "web01",
                   .position = 1,
                   .format = "vhd",
                   .size = 1'048'576,
                   .content = "disk-v1:" + std::string(64, 'b'),
                   .files = {2},
                   .source = "disk:/dev/sdb",
                   .source_format = "raw",
                   .source_size = 1'048'064,
                   .read_at = {1'795'237'980},
                   .zeroed = {{4096, 512}, {8192, 1024}}};
    DiskInfo web01 = {.name = "web01",
                      .server = "web01",
                      .boots = true,
                      .format = "vmdk-flat",
                      .size = 8192,
                      .content = "disk-v1:" + std::string(64, 'a'),
                      .files = {3, 4},
                      .config = 5,
                      .source = "disk:web01.qcow2",
                      .source_format = "qcow2",
                      .source_size = 8192,
                      .read_at = {1'795'237'980}};
    return {std::move(db), std::move(web01)};
  }

 private:
  BlobId blob(std::string_view name, std::uint64_t size, Presence presence = Presence::kPresent) {
    content_.blobs.push_back({digest_of(name), size, presence});
    return static_cast<BlobId>(content_.blobs.size() - 1);
  }

  void edges(BlobId parent, EdgeRole role, std::initializer_list<BlobId> children) {
    std::uint32_t position = 0;
    for (const BlobId child : children) {
      const std::uint32_t platform = role == EdgeRole::kChild ? 2 - position : 0;
      content_.edges.push_back(
          {parent, child, position++, role == EdgeRole::kChild ? 2U : 3U, platform, role});
    }
  }

  void reference(std::uint32_t repository, std::string tag, BlobId manifest, ReferenceKind kind) {
    content_.references.push_back({repository, std::move(tag), manifest, kind, 0, {1'795'237'980}});
  }

  void absent(BlobId blob, std::string reason, std::string detail) {
    content_.absences.push_back({blob, "", std::move(reason), std::move(detail)});
  }

  void add_busybox() {
    const BlobId list = blob("index", 700);
    const BlobId arm64 = blob("arm64", 600, Presence::kLeftOut);
    amd64_ = blob("amd64", 500);
    const BlobId config = blob("config", 1500);
    base_ = blob("base layer", 4000);
    const BlobId tools = blob("tools layer", 300);
    content_.manifests.push_back({list, oci::ManifestKind::kIndex, 1, 0, ""});
    content_.manifests.push_back({amd64_, oci::ManifestKind::kImage, 2, 0, "2022-12-29T00:00:00Z"});
    edges(amd64_, EdgeRole::kConfig, {config});
    edges(amd64_, EdgeRole::kLayer, {base_, tools});
    edges(list, EdgeRole::kChild, {amd64_, arm64});
    reference(0, "1.35", list, ReferenceKind::kTag);
    absent(arm64, "platform", "linux/arm64/v8");
  }

  void add_app() {
    const BlobId image = blob("app", 800);
    const BlobId config = blob("app config", 1200);
    const BlobId foreign = blob("foreign layer", 90'000, Presence::kLeftOut);
    const BlobId lost = blob("lost layer", 70'000, Presence::kMissing);
    content_.manifests.push_back({image, oci::ManifestKind::kImage, 2, 0, ""});
    edges(image, EdgeRole::kLayer, {base_, foreign, lost});
    edges(image, EdgeRole::kConfig, {config});
    reference(1, "2.0", image, ReferenceKind::kTag);
    absent(foreign, "foreign", "https://example.com/layer");
    absent(lost, "refused", "blob unknown to registry");
    content_.absences.push_back(
        {std::nullopt, "localhost:5000/library/gone:1", "refused", "manifest unknown"});
  }

  void add_attachments() {
    const BlobId sbom = blob("sbom", 400);
    content_.manifests.push_back({sbom, oci::ManifestKind::kArtifact, 2, 4, ""});
    edges(sbom, EdgeRole::kLayer, {blob("sbom layer", 5000)});
    edges(sbom, EdgeRole::kSubject, {amd64_});
    reference(0, "", sbom, ReferenceKind::kReferrer);
    const BlobId signature = blob("signature", 450);
    content_.manifests.push_back({signature, oci::ManifestKind::kImage, 2, 0, ""});
    reference(0, "sha256-" + digest_of("index").hex() + ".sig", signature, ReferenceKind::kTag);
  }

  Content content_;
  BlobId amd64_ = 0;
  BlobId base_ = 0;
};

/// All of a content as text, ids included.
inline std::string dump(const Content& content) {
  std::string text;
  for (const Blob& b : content.blobs)
    text += fmt::format("blob {} {} {}\n", b.digest.text(), b.size, static_cast<int>(b.presence));
  for (const ManifestInfo& m : content.manifests) {
    text += fmt::format("manifest {} {} {} {} {}\n", m.blob, static_cast<int>(m.kind), m.media_type,
                        m.artifact_type, m.created);
  }
  for (const Edge& e : content.edges) {
    text += fmt::format("edge {} {} {} {} {} {}\n", e.parent, e.child, e.position, e.media_type,
                        e.platform, static_cast<int>(e.role));
  }
  for (const ReferenceInfo& r : content.references) {
    text += fmt::format("reference {} {} {} {} {} {}\n", r.repository, r.tag, r.manifest,
                        static_cast<int>(r.kind), r.source, r.read_at.seconds);
  }
  for (const Repository& r : content.repositories)
    text += fmt::format("repository {} {}\n", r.registry, r.name);
  for (const Source& s : content.sources) text += fmt::format("source {}\n", s.uri);
  for (const std::string& m : content.media_types) text += fmt::format("media type {}\n", m);
  for (const oci::Platform& p : content.platforms) text += fmt::format("platform {}\n", p.text());
  for (const Absence& a : content.absences) {
    text += fmt::format("absence {} {} {} {}\n", a.blob ? std::to_string(*a.blob) : "", a.reference,
                        a.reason, a.detail);
  }
  return text;
}

}  // namespace seabag::index
