// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "io/file_system.h"
#include "oci/image_layout.h"
#include "tar/plan.h"
#include "target/target.h"

namespace seabag::target {

/// The tarball of one reference: an OCI image layout with its two tables of contents, then the
/// blobs in the order of their digests. The same image gives the same bytes.
class ImageTarball {
 public:
  /// Plans it, reading (and verifying) the manifests that the Docker view is made of.
  /// Requires: `image` outlives this.
  /// Errors: kIntegrity, kMalformed for a manifest.
  explicit ImageTarball(const WholeImage& image);

  std::uint64_t size() const { return plan_.tarball_size; }
  /// Writes all of it, verifying every blob on the way.
  /// Errors: kIntegrity, naming the blob; those of `file`.
  void write(io::File& file) const;

 private:
  using Runnables = std::map<digest::Digest, std::optional<oci::Descriptor>>;

  std::string layout_index(const WholeImage& image) const;
  std::optional<oci::DockerImage> docker_image(const WholeImage& image) const;
  std::optional<oci::Descriptor> find_runnable(const oci::Descriptor& descriptor, int depth,
                                               Runnables& known) const;
  std::optional<oci::Descriptor> look_for_runnable(const oci::Descriptor& descriptor, int depth,
                                                   Runnables& known) const;
  oci::Manifest read_manifest(const oci::Descriptor& descriptor) const;
  bool is_whole_image(const oci::Manifest& image) const;

  std::map<digest::Digest, const WholeImage::Member*> blobs_;
  std::vector<std::pair<std::string, std::string>>
      documents_;   // path and content, before the blobs
  tar::Plan plan_;  // of documents, then blobs
};

}  // namespace seabag::target
