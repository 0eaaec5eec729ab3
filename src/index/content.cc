// SPDX-License-Identifier: Apache-2.0
#include "index/content.h"

#include <algorithm>
#include <functional>
#include <numeric>
#include <tuple>
#include <unordered_set>
#include <utility>

#include <fmt/format.h>

#include "base/arith.h"
#include "base/error.h"
#include "base/limits.h"
#include "base/text.h"

namespace seabag::index {
namespace {

// What each list is sorted by; no two items of a canonical list have equal keys.
const digest::Digest& key_of(const Blob& blob) {
  return blob.digest;
}
const std::string& key_of(const Source& source) {
  return source.uri;
}
const std::string& key_of(const std::string& media_type) {
  return media_type;
}
const Repository& key_of(const Repository& repository) {
  return repository;
}
const oci::Platform& key_of(const oci::Platform& platform) {
  return platform;
}
BlobId key_of(const ManifestInfo& manifest) {
  return manifest.blob;
}
auto key_of(const Edge& edge) {
  return std::tuple(edge.parent, edge.role, edge.position);
}
auto key_of(const Absence& absence) {
  return std::tuple(absence.blob, std::string_view(absence.reference),
                    std::string_view(absence.reason), std::string_view(absence.detail));
}
// The untagged come after the tagged, as "@" does after ":".
auto key_of(const ReferenceInfo& reference) {
  return std::tuple(reference.repository, reference.tag.empty(), std::string_view(reference.tag),
                    reference.manifest);
}

struct ByKey {
  template <class Item>
  bool operator()(const Item& a, const Item& b) const {
    return key_of(a) < key_of(b);
  }
};

struct SameKey {
  template <class Item>
  bool operator()(const Item& a, const Item& b) const {
    return key_of(a) == key_of(b);
  }
};

template <class Item>
bool is_strictly_ascending(const std::vector<Item>& items) {
  return std::ranges::adjacent_find(items, std::not_fn(ByKey())) == items.end();
}

using NewIds = std::vector<std::uint32_t>;  // parallel to the old list

std::uint32_t renumbered(const NewIds& new_ids, std::uint32_t old) {
  check(old < new_ids.size(), "an id is a position in its list");
  return new_ids[old];
}

// Puts the item at order[i] to i. In place, one circle of moves after the other: a second list of
// the blobs of a large registry would be the most that an export has in memory.
template <class Item>
void reorder(std::vector<Item>& items, const std::vector<std::uint32_t>& order) {
  std::vector<bool> is_done(items.size(), false);
  for (std::uint32_t first = 0; first < items.size(); ++first) {
    if (is_done[first]) continue;
    Item held = std::move(items[first]);
    std::uint32_t to = first;
    for (; order[to] != first; to = order[to]) {
      items[to] = std::move(items[order[to]]);
      is_done[to] = true;
    }
    items[to] = std::move(held);
    is_done[to] = true;
  }
}

// Sorts by key, makes one of those that are equal, and says where everything went.
template <class Item>
NewIds sort_and_merge(std::vector<Item>& items) {
  std::vector<std::uint32_t> order(narrow<std::uint32_t>(items.size()));
  std::iota(order.begin(), order.end(), 0U);
  std::ranges::sort(order, ByKey(), [&](std::uint32_t i) -> const Item& { return items[i]; });
  reorder(items, order);
  NewIds new_ids(items.size());
  std::uint32_t id = 0;
  for (std::uint32_t i = 0; i < order.size(); ++i) {
    if (i > 0 && ByKey()(items[i - 1], items[i])) ++id;
    new_ids[order[i]] = id;
  }
  items.erase(std::ranges::unique(items, SameKey()).begin(), items.end());
  return new_ids;
}

NewIds sort_blobs(std::vector<Blob>& blobs) {
  const std::size_t count = blobs.size();
  NewIds new_ids = sort_and_merge(blobs);
  check(blobs.size() == count, "no two blobs have one digest");
  return new_ids;
}

template <class Item>
NewIds sort_with_none(std::vector<Item>& items) {
  check(!items.empty() && items.front() == Item(), "the first entry means none");
  return sort_and_merge(items);
}

// The first of two neighbours with one tag, else the end.
auto find_ambiguous(const std::vector<ReferenceInfo>& references) {
  return std::ranges::adjacent_find(references, [](const ReferenceInfo& a, const ReferenceInfo& b) {
    return a.repository == b.repository && !a.tag.empty() && a.tag == b.tag;
  });
}

void require_one_meaning(const Content& content) {
  const auto found = find_ambiguous(content.references);
  if (found == content.references.end()) return;
  const auto described = [&](const ReferenceInfo& reference) {
    return fmt::format("{} in {}", content.blobs[reference.manifest].digest.text(),
                       quoted(content.sources[reference.source].uri));
  };
  throw Error(Code::kUsage,
              fmt::format("{} has two meanings: {} and {}", quoted(content.name_of(*found)),
                          described(*found), described(*std::next(found))))
      .add_next_step("export the two sources into two bundles");
}

void sort_references(Content& content) {
  // Of equal ones the first stays: that it does must not depend on the order they came in.
  std::ranges::sort(content.references, {}, [](const ReferenceInfo& reference) {
    return std::tuple(key_of(reference), reference.kind, reference.source, reference.read_at);
  });
  const auto [first, last] = std::ranges::unique(content.references, SameKey());
  content.references.erase(first, last);
  require_one_meaning(content);
}

}  // namespace

std::string Content::name_of(const ReferenceInfo& reference) const {
  const Repository& repository = repositories[reference.repository];
  return fmt::format(
      "{}{}{}{}{}", repository.registry, repository.registry.empty() ? "" : "/", repository.name,
      reference.tag.empty() ? "@" : ":",
      reference.tag.empty() ? blobs[reference.manifest].digest.text() : reference.tag);
}

Content canonical(Content content) {
  const NewIds blobs = sort_blobs(content.blobs);
  const NewIds repositories = sort_and_merge(content.repositories);
  const NewIds sources = sort_and_merge(content.sources);
  const NewIds media_types = sort_with_none(content.media_types);
  const NewIds platforms = sort_with_none(content.platforms);

  for (ManifestInfo& manifest : content.manifests) {
    manifest.blob = renumbered(blobs, manifest.blob);
    manifest.media_type = renumbered(media_types, manifest.media_type);
    manifest.artifact_type = renumbered(media_types, manifest.artifact_type);
  }
  std::ranges::sort(content.manifests, ByKey());
  check(is_strictly_ascending(content.manifests), "no two manifests have one blob");

  for (Edge& edge : content.edges) {
    edge.parent = renumbered(blobs, edge.parent);
    edge.child = renumbered(blobs, edge.child);
    edge.media_type = renumbered(media_types, edge.media_type);
    edge.platform = renumbered(platforms, edge.platform);
  }
  std::ranges::sort(content.edges, ByKey());

  for (ReferenceInfo& reference : content.references) {
    reference.repository = renumbered(repositories, reference.repository);
    reference.manifest = renumbered(blobs, reference.manifest);
    reference.source = renumbered(sources, reference.source);
  }
  sort_references(content);

  for (Absence& absence : content.absences) {
    if (absence.blob) absence.blob = renumbered(blobs, *absence.blob);
  }
  sort_and_merge(content.absences);
  return content;
}

// Each round that is not the last one makes something higher by one: so there are few, and a circle
// soon reaches the limit.
std::vector<std::uint8_t> nesting_of(const Content& content) {
  std::vector<std::uint8_t> levels(content.blobs.size(), 0);
  for (bool has_grown = true; has_grown;) {
    has_grown = false;
    for (const Edge& edge : content.edges) {
      if (edge.role != EdgeRole::kChild || levels[edge.parent] > levels[edge.child]) continue;
      if (levels[edge.child] == limits::kIndexDepth) {
        throw Error(Code::kMalformed,
                    fmt::format("indexes are nested deeper than {}", limits::kIndexDepth));
      }
      levels[edge.parent] = static_cast<std::uint8_t>(levels[edge.child] + 1);
      has_grown = true;
    }
  }
  return levels;
}

std::string_view find_disorder(const Content& content) {
  if (!is_strictly_ascending(content.blobs)) return "blobs";
  if (!is_strictly_ascending(content.manifests)) return "manifests";
  if (!is_strictly_ascending(content.edges)) return "edges";
  if (!is_strictly_ascending(content.repositories)) return "repositories";
  if (!is_strictly_ascending(content.references)) return "references";
  if (find_ambiguous(content.references) != content.references.end()) return "references";
  if (!is_strictly_ascending(content.sources)) return "sources";
  if (!is_strictly_ascending(content.absences)) return "absences";
  if (!is_strictly_ascending(content.media_types)) return "media types";
  if (!is_strictly_ascending(content.platforms)) return "platforms";
  return {};
}

Graph::Graph(const Content& content)
    : content_(content),
      is_findable_(std::ranges::is_sorted(content.blobs, {}, &Blob::digest)),
      manifest_of_(content.blobs.size(), 0) {
  for (std::uint32_t i = 0; i < content.manifests.size(); ++i) {
    manifest_of_.at(content.manifests[i].blob) = i + 1;
  }
  link_edges();
}

// The edges lie by parent already: counted, and the counts added up to positions.
void Graph::link_edges() {
  check(std::ranges::is_sorted(content_.edges, ByKey()), "the edges are in canonical order");
  first_edge_.assign(content_.blobs.size() + 1, 0);
  for (const Edge& edge : content_.edges) ++first_edge_.at(edge.parent + 1);
  std::partial_sum(first_edge_.begin(), first_edge_.end(), first_edge_.begin());
  referrers_ = Grouped<BlobId>(content_.blobs.size(), [&](const auto& put) {
    for (const Edge& edge : content_.edges) {
      if (edge.role == EdgeRole::kSubject) put(edge.child, edge.parent);
    }
  });
}

std::optional<BlobId> Graph::find(const digest::Digest& digest) const {
  check(is_findable_, "the blobs are in canonical order");
  const auto found = std::ranges::lower_bound(content_.blobs, digest, {}, &Blob::digest);
  if (found == content_.blobs.end() || found->digest != digest) return std::nullopt;
  return static_cast<BlobId>(found - content_.blobs.begin());
}

const ManifestInfo* Graph::find_manifest(BlobId blob) const {
  const std::uint32_t position = manifest_of_[blob];
  return position == 0 ? nullptr : &content_.manifests[position - 1];
}

std::span<const Edge> Graph::edges_of(BlobId parent) const {
  return std::span(content_.edges)
      .subspan(first_edge_[parent], first_edge_[parent + 1] - first_edge_[parent]);
}

std::span<const BlobId> Graph::referrers_of(BlobId blob) const {
  return referrers_.of(blob);
}

// The reverse of depth-first postorder has parents before children; taking the edges from the back
// keeps children in their order. No recursion: an index that lies can be as deep as it is long, and
// have cycles.
std::vector<BlobId> Graph::closure_of(BlobId root) const {
  std::vector<BlobId> postorder;
  std::unordered_set<BlobId> seen = {root};  // few of very many
  std::vector<std::pair<BlobId, std::span<const Edge>>> path = {{root, edges_of(root)}};
  while (!path.empty()) {
    auto& [blob, edges] = path.back();
    if (edges.empty()) {
      postorder.push_back(blob);
      path.pop_back();
      continue;
    }
    const Edge& edge = edges.back();
    edges = edges.first(edges.size() - 1);
    if (edge.role == EdgeRole::kSubject || !seen.insert(edge.child).second) continue;
    path.emplace_back(edge.child, edges_of(edge.child));
  }
  std::ranges::reverse(postorder);
  return postorder;
}

}  // namespace seabag::index
