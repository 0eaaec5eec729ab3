// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "importing/names.h"
#include "index/content.h"

namespace seabag::importing {

/// One blob in one repository of the target.
struct Piece {
  std::uint32_t repository = 0;  ///< position in PushWork::repositories
  index::BlobId blob = 0;

  friend auto operator<=>(const Piece&, const Piece&) = default;
};

inline constexpr std::uint32_t kNoRepository = std::numeric_limits<std::uint32_t>::max();

/// What there is to do for a set of references, in its order. Pure.
struct PushWork {
  std::vector<std::string> repositories;
  std::vector<Piece> first_blobs;  ///< each blob once, largest first: uploaded
  std::vector<Piece> other_blobs;  ///< the same blobs in further repositories: mounted
  std::vector<std::vector<Piece>>
      manifests;  ///< by level: what level n refers to is in levels below
  /// Parallel to Content::blobs: the repository of the first piece of each blob; kNoRepository of
  /// manifests and of what is not pushed.
  std::vector<std::uint32_t> home;

  /// Manifests that references mean and that no other one has below it in the same repository:
  /// these are put under their names, and not by digest before. Sorted.
  std::vector<Piece> named_alone;

  bool is_named_alone(const Piece& piece) const;
  std::uint32_t repository_of(const std::string& name) const;
  std::uint64_t upload_bytes(const index::Content& content) const;
};

/// Requires: nothing that the references need is missing from the bundle.
PushWork plan_work(const index::Content& content, const index::Graph& graph,
                   const std::vector<const NamedReference*>& references);

}  // namespace seabag::importing
