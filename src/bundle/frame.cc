// SPDX-License-Identifier: Apache-2.0
#include "bundle/frame.h"

#include <algorithm>

#include "base/error.h"
#include "bundle/documents.h"
#include "oci/image_layout.h"
#include "tar/header.h"

namespace seabag::bundle {
namespace {

using index::Presence;

class Zeros : public io::BlobSource {
 public:
  explicit Zeros(std::uint64_t size) : size_(size) {}
  std::uint64_t size() const override { return size_; }
  void read_at(std::uint64_t /*offset*/, std::span<std::byte> out) const override {
    std::ranges::fill(out, std::byte{0});
  }

 private:
  std::uint64_t size_;
};

// As it was when the plan was frozen: what could not be had after that still has its place.
index::Content planned_content(const index::Index& index) {
  index::Content content = index.content;
  for (const index::Location& at : index.locations) {
    content.blobs[at.blob].presence = Presence::kPresent;
  }
  return content;
}

BundlePlan plan_of(const index::Index& index) try {
  const auto layout = index.metadata.find("layout");
  const auto options = find_plan_options(layout == index.metadata.end() ? "" : layout->second);
  if (!options) return {};
  const index::Content content = planned_content(index);
  BundlePlan plan = plan_bundle(content, index::Graph(content), *options);
  return is_plan_of(plan, index) ? std::move(plan) : BundlePlan();
} catch (const Error&) {
  return {};  // an index that no writer of this version makes
}

}  // namespace

Frames::Frames(const index::Index& index)
    : index_(index), graph_(index.content), plan_(plan_of(index)) {}

bool Frames::has(std::uint32_t file) const {
  return file < plan_.tarballs.size();
}

void Frames::for_each(
    std::uint32_t file,
    const std::function<void(std::uint64_t, const io::BlobSource&)>& visit) const {
  check(has(file), "the frame is known");
  const PlannedTarball& tarball = plan_.tarballs[file];
  std::uint64_t start = 0;  // of the range that is being made
  io::Bytes gap;
  const auto add_at = [&](std::uint64_t offset, std::span<const std::byte> bytes) {
    gap.resize(offset - start);
    gap.insert(gap.end(), bytes.begin(), bytes.end());
  };
  const auto flush = [&](std::uint64_t next) {
    if (!gap.empty()) visit(start, io::MemoryBlob(gap));
    gap.clear();
    start = next;
  };
  const auto add_table = [&](std::size_t member, std::string_view path, const std::string& text) {
    const tar::Placement& at = tarball.plan.placements[member];
    add_at(at.header_offset, tar::encode_header(path, text.size()));
    add_at(at.data_offset, io::bytes_of(text));
  };
  const index::Content& content = index_.content;
  add_table(0, oci::kLayoutPath, std::string(oci::kLayoutText));
  add_table(1, oci::kIndexPath,
            padded(layout_index(content, graph_, tarball.references), tarball.index_json_size));
  add_table(
      2, oci::kDockerManifestPath,
      padded(docker_manifest(content, graph_, tarball.references), tarball.docker_manifest_size));
  for (std::size_t i = 0; i < tarball.blobs.size(); ++i) {
    const index::Blob& blob = content.blobs[tarball.blobs[i]];
    const tar::Placement& at = tarball.placement_of_blob(i);
    const bool is_present = blob.presence == Presence::kPresent;
    const std::string path = is_present ? oci::blob_path(blob.digest) : missing_path(blob.digest);
    add_at(at.header_offset, tar::encode_header(path, blob.size));
    flush(at.data_offset + blob.size);
    if (!is_present) visit(at.data_offset, Zeros(blob.size));
  }
  gap.resize(tarball.plan.tarball_size - start);
  flush(tarball.plan.tarball_size);
}

}  // namespace seabag::bundle
