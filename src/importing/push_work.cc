// SPDX-License-Identifier: Apache-2.0
#include "importing/push_work.h"

#include <algorithm>

#include "base/error.h"

namespace seabag::importing {

using index::BlobId;
using index::Content;
using index::Graph;
using index::Presence;

std::uint32_t PushWork::repository_of(const std::string& name) const {
  const auto found = std::ranges::lower_bound(repositories, name);
  check(found != repositories.end() && *found == name, "the repository is one of the work's");
  return static_cast<std::uint32_t>(found - repositories.begin());
}

bool PushWork::is_named_alone(const Piece& piece) const {
  return std::ranges::binary_search(named_alone, piece);
}

std::uint64_t PushWork::upload_bytes(const Content& content) const {
  std::uint64_t bytes = 0;
  for (const Piece& piece : first_blobs) bytes += content.blobs[piece.blob].size;
  return bytes;
}

namespace {

void sort_and_merge(std::vector<Piece>& pieces) {
  std::ranges::sort(pieces);
  pieces.erase(std::ranges::unique(pieces).begin(), pieces.end());
}

// Sorted, each once. Images of one repository share most of their layers, so it is merged whenever
// it has doubled: neither grows with the names nor takes a set's node for each.
std::vector<Piece> pieces_of(const Content& content, const Graph& graph,
                             const std::vector<const NamedReference*>& references,
                             const PushWork& work) {
  std::vector<Piece> pieces;
  std::size_t merge_at = 1U << 16U;
  for (const NamedReference* reference : references) {
    const std::uint32_t repository = work.repository_of(reference->target.repository);
    for (const BlobId blob : graph.closure_of(content.references[reference->reference].manifest)) {
      if (content.blobs[blob].presence == Presence::kPresent) pieces.push_back({repository, blob});
    }
    if (pieces.size() < merge_at) continue;
    sort_and_merge(pieces);
    merge_at = std::max(merge_at, 2 * pieces.size());
  }
  sort_and_merge(pieces);
  return pieces;
}

// By the edges of what is pushed: a set of all that is below each reference would grow with their
// number times their size.
std::vector<Piece> named_alone(const Content& content, const Graph& graph,
                               const std::vector<const NamedReference*>& references,
                               const PushWork& work) {
  std::vector<Piece> roots;
  for (const NamedReference* reference : references) {
    roots.push_back({work.repository_of(reference->target.repository),
                     content.references[reference->reference].manifest});
  }
  sort_and_merge(roots);
  std::vector<bool> is_below(roots.size(), false);
  for (const std::vector<Piece>& level : work.manifests) {
    for (const Piece& parent : level) {
      for (const index::Edge& edge : graph.edges_of(parent.blob)) {
        if (edge.role == index::EdgeRole::kSubject) continue;
        const Piece child{parent.repository, edge.child};
        const auto found = std::ranges::lower_bound(roots, child);
        if (found == roots.end() || *found != child) continue;
        is_below[static_cast<std::size_t>(found - roots.begin())] = true;
      }
    }
  }
  std::vector<Piece> alone;
  for (std::size_t i = 0; i < roots.size(); ++i) {
    if (!is_below[i]) alone.push_back(roots[i]);
  }
  return alone;
}

}  // namespace

PushWork plan_work(const Content& content, const Graph& graph,
                   const std::vector<const NamedReference*>& references) {
  PushWork work;
  for (const NamedReference* reference : references) {
    work.repositories.push_back(reference->target.repository);
  }
  std::ranges::sort(work.repositories);
  work.repositories.erase(std::ranges::unique(work.repositories).begin(), work.repositories.end());

  const std::vector<std::uint8_t> levels = index::nesting_of(content);
  const std::vector<Piece> pieces = pieces_of(content, graph, references, work);
  work.home.assign(content.blobs.size(), kNoRepository);
  for (const Piece& piece : pieces) {
    if (graph.find_manifest(piece.blob) != nullptr) {
      const std::size_t level = levels[piece.blob];
      if (work.manifests.size() <= level) work.manifests.resize(level + 1);
      work.manifests[level].push_back(piece);
    } else if (work.home[piece.blob] == kNoRepository) {
      work.home[piece.blob] = piece.repository;
      work.first_blobs.push_back(piece);
    } else {
      work.other_blobs.push_back(piece);
    }
  }
  work.named_alone = named_alone(content, graph, references, work);
  const auto size_of = [&](const Piece& piece) { return content.blobs[piece.blob].size; };
  std::ranges::stable_sort(work.first_blobs, std::ranges::greater{}, size_of);
  std::ranges::stable_sort(work.other_blobs, std::ranges::greater{}, size_of);
  return work;
}

}  // namespace seabag::importing
