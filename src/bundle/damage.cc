// SPDX-License-Identifier: Apache-2.0
#include "bundle/damage.h"

#include <algorithm>
#include <map>
#include <unordered_map>
#include <unordered_set>

#include "base/error.h"
#include "base/limits.h"
#include "base/text.h"
#include "bundle/frame.h"
#include "bundle/tag_files.h"
#include "io/file_blob.h"

namespace seabag::bundle {
namespace {

using index::BlobId;

// `"A"` of `"A": expected ...`, as seabag::quoted() writes it; empty if the text begins otherwise.
std::string leading_quoted(const std::string& text) {
  if (!text.starts_with('"')) return {};
  std::size_t end = 1;
  while (end < text.size() && text[end] != '"') end += text[end] == '\\' ? 2U : 1U;
  return end < text.size() ? text.substr(0, end + 1) : std::string();
}

class Assessment {
 public:
  Assessment(const OpenedBundle& bundle, const VerifyReport& report)
      : bundle_(bundle), report_(report), damage_{.seal = bundle.seal()} {}

  Damage run() {
    for (const std::uint32_t file : report_.damaged_files) {
      damage_.files.push_back({index().files[file], bundle_.payload(file) == nullptr});
    }
    find_blobs();
    find_disks();
    find_frames();
    find_unexplained();
    return std::move(damage_);
  }

 private:
  const index::Index& index() const { return bundle_.index(); }
  const index::Content& content() const { return bundle_.index().content; }
  bool is_damaged(std::uint32_t file) const {
    return std::ranges::binary_search(report_.damaged_files, file);
  }

  void find_blobs() {
    std::map<BlobId, std::vector<DamagedPlace>> places;
    const auto add = [&](const index::Location& at) {
      places[at.blob].push_back({index().files[at.file].path, at.offset});
    };
    for (const index::Location& at : report_.damaged_blobs) add(at);
    for (const index::Location& at : index().locations) {
      const bool is_present = content().blobs[at.blob].presence == index::Presence::kPresent;
      if (is_present && bundle_.payload(at.file) == nullptr) add(at);
    }
    std::unordered_map<BlobId, std::string> media_types = media_types_of(places);
    std::unordered_map<BlobId, std::vector<std::string>> references = references_of(places);
    for (auto& [blob, where] : places) {
      std::ranges::sort(
          where, {}, [](const DamagedPlace& place) { return std::pair(place.file, place.offset); });
      damage_.blobs.push_back({.digest = content().blobs[blob].digest,
                               .size = content().blobs[blob].size,
                               .media_type = std::move(media_types[blob]),
                               .is_manifest = bundle_.graph().find_manifest(blob) != nullptr,
                               .places = std::move(where),
                               .references = std::move(references[blob])});
    }
  }

  using Places = std::map<BlobId, std::vector<DamagedPlace>>;

  std::unordered_map<BlobId, std::string> media_types_of(const Places& places) const {
    std::unordered_map<BlobId, std::string> types;
    if (places.empty()) return types;
    for (const index::Edge& edge : content().edges) {
      if (places.contains(edge.child)) {
        types.try_emplace(edge.child, content().media_types[edge.media_type]);
      }
    }
    for (const index::ManifestInfo& manifest : content().manifests) {
      if (places.contains(manifest.blob)) {
        types[manifest.blob] = content().media_types[manifest.media_type];
      }
    }
    return types;
  }

  std::unordered_map<BlobId, std::vector<std::string>> references_of(const Places& places) const {
    std::unordered_map<BlobId, std::vector<std::string>> names;
    if (places.empty()) return names;
    for (const index::ReferenceInfo& reference : content().references) {
      for (const BlobId blob : bundle_.graph().closure_of(reference.manifest)) {
        if (places.contains(blob)) names[blob].push_back(content().name_of(reference));
      }
    }
    return names;
  }

  void find_disks() {
    for (const index::DiskInfo& disk : index().disks) {
      if (disk.config && is_damaged(*disk.config)) {
        damage_.configs.push_back({disk.name, index().files[*disk.config]});
      }
      const auto damaged = [&](std::uint32_t file) { return is_damaged(file); };
      if (std::ranges::none_of(disk.files, damaged)) continue;
      DamagedDisk& found = damage_.disks.emplace_back();
      found.disk = disk;
      found.disk.files.clear();
      found.disk.config.reset();
      for (const std::uint32_t file : disk.files) found.files.push_back(index().files[file]);
      found.identifiers = index::identifiers_in(index().metadata, disk.name);
    }
  }

  void find_frames() {
    const auto is_tarball = [](const index::PayloadFile& file) {
      return file.path.starts_with("data/images/");
    };
    std::optional<Frames> frames;
    for (const std::uint32_t file : report_.damaged_files) {
      if (!is_tarball(index().files[file])) continue;
      if (!frames) frames.emplace(index());
      if (!frames->has(file)) {
        damage_.beyond_repair.push_back(
            quoted(index().files[file].path) +
            ": its headers and tables of contents do not follow from the index");
      } else if (bundle_.payload(file) != nullptr) {
        compare_frame(*frames, file);
      }
    }
  }

  void compare_frame(const Frames& frames, std::uint32_t file) {
    const io::File& tarball = *bundle_.payload(file);
    frames.for_each(file, [&](std::uint64_t offset, const io::BlobSource& expected) {
      if (is_same(io::FileBlob(tarball, offset, expected.size()), expected)) return;
      ++damage_.frame_ranges;
      if (damage_.frames.size() < kDamagedRanges) {
        damage_.frames.push_back({index().files[file].path, offset, expected.size()});
      }
    });
  }

  static bool is_same(const io::BlobSource& actual, const io::BlobSource& expected) try {
    const auto length = std::min<std::uint64_t>(expected.size(), limits::kBufferBytes);
    io::Bytes a(length);
    io::Bytes b(length);
    for (std::uint64_t at = 0; at < expected.size(); at += length) {
      const auto count = std::min<std::uint64_t>(length, expected.size() - at);
      actual.read_at(at, std::span(a).first(count));
      expected.read_at(at, std::span(b).first(count));
      if (!std::equal(a.begin(), a.begin() + static_cast<std::ptrdiff_t>(count), b.begin())) {
        return false;
      }
    }
    return true;
  } catch (const Error&) {
    return false;  // the file ends before, or cannot be read there
  }

  // Findings that no damaged byte of a payload file accounts for.
  void find_unexplained() {
    std::unordered_set<std::string> paths;  // of damaged files
    std::unordered_set<std::string> quoted_paths;
    for (const std::uint32_t file : report_.damaged_files) {
      paths.insert(index().files[file].path);
      quoted_paths.insert(quoted(index().files[file].path));
    }
    const auto is_of_damaged_file = [&](const Finding& finding) {
      return paths.contains(finding.file) || quoted_paths.contains(leading_quoted(finding.text));
    };
    const auto lies_in_damaged_file = [&](const digest::Digest& digest) {
      const auto blob = bundle_.graph().find(digest);
      return blob && std::ranges::any_of(bundle_.locations_of(*blob),
                                         [&](const auto& at) { return is_damaged(at.file); });
    };
    for (const Finding& finding : report_.findings) {
      if (is_of_damaged_file(finding)) continue;
      if (finding.blob && lies_in_damaged_file(*finding.blob)) continue;
      if (finding.text == "\"data/\" is missing" && !report_.damaged_files.empty()) continue;
      if (finding.text.ends_with(kLeftByMending)) continue;
      damage_.beyond_repair.push_back(finding.text);
    }
  }

  const OpenedBundle& bundle_;
  const VerifyReport& report_;
  Damage damage_;
};

}  // namespace

Damage find_damage(const OpenedBundle& bundle, const VerifyReport& report) {
  return Assessment(bundle, report).run();
}

}  // namespace seabag::bundle
