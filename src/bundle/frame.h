// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>

#include "bundle/plan.h"
#include "index/index_file.h"
#include "io/blob_source.h"

namespace seabag::bundle {

/// The frames of a bundle's tarballs: all their bytes that are no blob. Headers, tables of
/// contents, padding, the end, and the zeros where a blob could not be had follow from the index,
/// so they can be made again.
class Frames {
 public:
  /// Plans the bundle anew. `index` outlives this.
  explicit Frames(const index::Index& index);

  /// Whether the frame of this payload file is known: it is a tarball, and the plan puts everything
  /// where the index says it lies.
  bool has(std::uint32_t file) const;

  /// Every range of the frame of a tarball, ascending. The ranges and the present blobs cover the
  /// tarball from its first byte to its last. Requires: has(file).
  void for_each(
      std::uint32_t file,
      const std::function<void(std::uint64_t offset, const io::BlobSource& bytes)>& visit) const;

 private:
  const index::Index& index_;
  index::Graph graph_;
  BundlePlan plan_;  // its tarballs are the first payload files; empty: not the plan of the bundle
};

}  // namespace seabag::bundle
