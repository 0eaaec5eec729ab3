// SPDX-License-Identifier: Apache-2.0
#include "bundle/plan.h"

#include <algorithm>
#include <charconv>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include <fmt/format.h>

#include "base/arith.h"
#include "base/error.h"
#include "base/limits.h"
#include "base/text.h"
#include "bundle/documents.h"
#include "oci/image_layout.h"

// A reference is placed with its whole closure, so a tarball is found by grouping references; the
// members of a group are the union of the closures. With one group that union is every blob, each
// once.
//
// The size of a group is needed before its documents exist (--tarball-size). index.json and
// manifest.json grow with each reference by the reference's own entries alone, so the sum of
// one-reference documents bounds the size of the group's: a bound that is a few bytes too large
// splits a little early and is never wrong.

namespace seabag::bundle {
namespace {

using index::BlobId;
using index::Content;
using index::Graph;
using index::Presence;

using Group = std::vector<std::uint32_t>;  // positions in Content::references

std::uint64_t blob_space(const Content& content, BlobId blob) {
  const index::Blob& found = content.blobs[blob];
  return tar::space_of({oci::blob_path(found.digest), found.size});
}

std::uint64_t documents_space(const Content& content, const Graph& graph, std::uint32_t reference) {
  return layout_index(content, graph, {reference}).size() +
         docker_manifest(content, graph, {reference}).size();
}

// What every tarball has, whatever is in it: three members' headers, padding and the end of the
// archive.
constexpr std::uint64_t kFixedSpace = 10ULL * 512;

// Cuts `group` where the next reference would exceed the limit. References that share layers are
// neighbours in canonical order (same repository), so the first-fit in that order repeats few
// blobs.
std::vector<Group> split_by_size(const Content& content, const Graph& graph, const Group& group,
                                 std::uint64_t limit) {
  std::vector<Group> parts;
  std::vector<bool> in_part;
  std::uint64_t used = 0;
  for (const std::uint32_t reference : group) {
    const auto closure = graph.closure_of(content.references[reference].manifest);
    const auto added = [&](bool anew) {
      std::uint64_t bytes = documents_space(content, graph, reference);
      for (const BlobId blob : closure) {
        const bool there = !anew && in_part[blob];
        if (!there && content.blobs[blob].presence == Presence::kPresent) {
          bytes = checked_add(bytes, blob_space(content, blob));
        }
      }
      return bytes;
    };
    if (parts.empty() || checked_add(used, added(false)) > limit) {
      const std::uint64_t alone = checked_add(kFixedSpace, added(true));
      if (alone > limit) {
        throw Error(
            Code::kUsage,
            fmt::format("{} needs a tarball of {} bytes, more than --tarball-size {}",
                        quoted(content.name_of(content.references[reference])), alone, limit))
            .add_next_step("pass a larger --tarball-size; an image is never cut in two");
      }
      parts.emplace_back();
      in_part.assign(content.blobs.size(), false);
      used = kFixedSpace;
    }
    used = checked_add(used, added(false));
    for (const BlobId blob : closure) in_part[blob] = true;
    parts.back().push_back(reference);
  }
  return parts;
}

// What a reader refuses must not be written.
void require_readable_tables(const PlannedTarball& tarball, std::size_t images) {
  const std::uint64_t largest = std::max(tarball.index_json_size, tarball.docker_manifest_size);
  if (images <= limits::kLayoutImages && largest <= limits::kLayoutIndexBytes) return;
  throw Error(Code::kUsage,
              fmt::format("{} images need a table of {} bytes in one tarball; readers take at most "
                          "{} images and {} bytes",
                          images, largest, limits::kLayoutImages, limits::kLayoutIndexBytes))
      .add_next_step("pass --split-by repository, or a --tarball-size");
}

// What the tarball of `group` holds, in member order. `seen`: parallel to the blobs, false before
// and after: the groups may be thousands, and a list of all blobs for each would be the most of
// planning.
std::vector<BlobId> blobs_of(const Content& content, const Graph& graph, const Group& group,
                             std::vector<bool>& seen) {
  std::vector<BlobId> blobs;
  for (const std::uint32_t reference : group) {
    for (const BlobId blob : graph.closure_of(content.references[reference].manifest)) {
      if (seen[blob]) continue;
      seen[blob] = true;
      blobs.push_back(blob);
    }
  }
  for (const BlobId blob : blobs) seen[blob] = false;
  std::erase_if(blobs,
                [&](BlobId blob) { return content.blobs[blob].presence != Presence::kPresent; });
  std::ranges::sort(blobs, {}, [&](BlobId blob) {
    return std::pair(graph.find_manifest(blob) == nullptr, blob);
  });
  return blobs;
}

PlannedTarball plan_group(const Content& content, const Graph& graph, Group group, std::string path,
                          std::vector<bool>& seen) {
  PlannedTarball tarball;
  tarball.path = std::move(path);
  tarball.blobs = blobs_of(content, graph, group, seen);
  write_layout_index(content, graph, group,
                     [&](std::string_view part) { tarball.index_json_size += part.size(); });
  write_docker_manifest(content, graph, group, [&](std::string_view part) {
    tarball.docker_manifest_size += part.size();
  });
  require_readable_tables(tarball, group.size());
  std::vector<tar::Member> members = {
      {std::string(oci::kLayoutPath), oci::kLayoutText.size()},
      {std::string(oci::kIndexPath), tarball.index_json_size},
      {std::string(oci::kDockerManifestPath), tarball.docker_manifest_size}};
  members.reserve(members.size() + tarball.blobs.size());
  for (const BlobId blob : tarball.blobs) {
    members.push_back({oci::blob_path(content.blobs[blob].digest), content.blobs[blob].size});
  }
  tarball.plan = tar::plan_tarball(members);
  tarball.references = std::move(group);
  return tarball;
}

// A repository's name as a file name that every file system takes: [a-z0-9._-], at most 64 bytes.
std::string file_stem(const index::Repository& repository) {
  std::string stem;
  for (const char c :
       to_lower(repository.registry.empty() ? repository.name
                                            : repository.registry + '/' + repository.name)) {
    const bool portable =
        (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
    stem += portable ? c : '-';
  }
  if (stem.size() > 64) stem = stem.substr(stem.size() - 64);
  return stem.erase(0, stem.find_first_not_of(".-"));
}

class UniquePaths {
 public:
  /// "data/images/STEM.tar", with the least number from 2 on where that is taken.
  std::string take(const std::string& stem) {
    std::string path = fmt::format("data/images/{}.tar", stem);
    if (taken_.insert(path).second) return path;
    std::uint32_t& number = next_.try_emplace(stem, 2).first->second;
    do {
      path = fmt::format("data/images/{}-{}.tar", stem, number++);
    } while (!taken_.insert(path).second);
    return path;
  }

 private:
  std::unordered_set<std::string> taken_;
  std::unordered_map<std::string, std::uint32_t> next_;  // by stem: all below are taken
};

std::vector<std::pair<std::string, Group>> groups_by_repository(const Content& content) {
  std::vector<Group> of_repository(content.repositories.size());
  for (std::uint32_t i = 0; i < content.references.size(); ++i) {
    of_repository[content.references[i].repository].push_back(i);
  }
  std::vector<std::pair<std::string, Group>> groups;
  for (std::size_t i = 0; i < of_repository.size(); ++i) {
    if (of_repository[i].empty()) continue;
    groups.emplace_back(file_stem(content.repositories[i]), std::move(of_repository[i]));
  }
  return groups;
}

constexpr std::string_view kByRepository = "--split-by=repository";
constexpr std::string_view kTarballSize = "--tarball-size=";

}  // namespace

std::string text_of(const PlanOptions& options) {
  std::string text(options.by_repository ? kByRepository : "");
  if (options.tarball_size != 0) {
    text += fmt::format("{}{}{}", text.empty() ? "" : " ", kTarballSize, options.tarball_size);
  }
  return text;
}

std::optional<PlanOptions> find_plan_options(std::string_view text) {
  PlanOptions options;
  options.by_repository = text.starts_with(kByRepository);
  const auto size = text.find(kTarballSize);
  if (size != std::string_view::npos) {
    const std::string_view digits = text.substr(size + kTarballSize.size());
    std::from_chars(digits.data(), digits.data() + digits.size(), options.tarball_size);
  }
  return text_of(options) == text ? std::optional(options) : std::nullopt;
}

BundlePlan plan_bundle(const Content& content, const Graph& graph, const PlanOptions& options) {
  std::vector<std::pair<std::string, Group>> groups;
  if (options.by_repository) {
    groups = groups_by_repository(content);
  } else if (!content.references.empty()) {
    Group all(content.references.size());
    for (std::uint32_t i = 0; i < all.size(); ++i) all[i] = i;
    groups.emplace_back("images", std::move(all));
  }
  UniquePaths paths;
  std::vector<bool> seen(content.blobs.size(), false);
  BundlePlan plan;
  for (auto& [stem, group] : groups) {
    std::vector<Group> parts;
    if (options.tarball_size == 0) {
      parts.push_back(std::move(group));
    } else {
      parts = split_by_size(content, graph, group, options.tarball_size);
    }
    for (std::size_t i = 0; i < parts.size(); ++i) {
      const std::string number = parts.size() == 1 ? "" : fmt::format("-{:04}", i + 1);
      plan.tarballs.push_back(
          plan_group(content, graph, std::move(parts[i]), paths.take(stem + number), seen));
      check(options.tarball_size == 0 ||
                plan.tarballs.back().plan.tarball_size <= options.tarball_size,
            "a split tarball keeps to its size");
    }
  }
  return plan;
}

std::uint64_t BundlePlan::payload_bytes() const {
  std::uint64_t bytes = 0;
  for (const PlannedTarball& tarball : tarballs) {
    bytes = checked_add(bytes, tarball.plan.tarball_size);
  }
  return bytes;
}

std::vector<index::PayloadFile> BundlePlan::files() const {
  std::vector<index::PayloadFile> files;
  for (const PlannedTarball& tarball : tarballs) {
    files.push_back({tarball.path, tarball.plan.tarball_size, {}});
  }
  return files;
}

std::vector<index::Location> BundlePlan::locations() const {
  std::vector<index::Location> locations;
  for (std::uint32_t file = 0; file < tarballs.size(); ++file) {
    const PlannedTarball& tarball = tarballs[file];
    for (std::size_t i = 0; i < tarball.blobs.size(); ++i) {
      locations.push_back({tarball.blobs[i], file, tarball.placement_of_blob(i).data_offset});
    }
  }
  std::ranges::sort(locations, {},
                    [](const index::Location& at) { return std::pair(at.blob, at.file); });
  return locations;
}

bool is_plan_of(const BundlePlan& plan, const index::Index& index) {
  const auto files = plan.files();
  const auto same_file = [](const index::PayloadFile& a, const index::PayloadFile& b) {
    return a.path == b.path && a.size == b.size;
  };
  const auto same_place = [](const index::Location& a, const index::Location& b) {
    return a.blob == b.blob && a.file == b.file && a.offset == b.offset;
  };
  return files.size() <= index.files.size() &&
         std::ranges::equal(files, std::span(index.files).first(files.size()), same_file) &&
         std::ranges::equal(plan.locations(), index.locations, same_place);
}

}  // namespace seabag::bundle
