// SPDX-License-Identifier: Apache-2.0
#include "bundle/verify.h"

#include <algorithm>
#include <functional>
#include <iterator>
#include <map>
#include <mutex>
#include <numeric>
#include <unordered_map>
#include <unordered_set>

#include <fmt/format.h>

#include "base/error.h"
#include "base/grouped.h"
#include "base/limits.h"
#include "base/text.h"
#include "bundle/documents.h"
#include "bundle/manifest_check.h"
#include "digest/parts_hasher.h"
#include "digest/verifying_sink.h"
#include "io/file_blob.h"
#include "oci/image_layout.h"
#include "tar/reader.h"
#include "transfer/rate_limit.h"
#include "transfer/read_ahead.h"
#include "transfer/stages.h"
#include "transfer/workers.h"

// Two SHA-256 go over every payload byte: the file's for the bag, the blob's for OCI. A file's own
// can only be computed in order, so a file is one task, the largest first; the blobs in it take
// part in its pass (digest::PartsHasher). Blobs that cannot, because the index has them overlap or
// they have SHA-512, that the end of a cut file cuts, or that come behind a sector which cannot be
// read, are read on their own.

namespace seabag::bundle {
namespace {

using index::BlobId;
using index::Presence;

constexpr std::uint64_t kLargeTable = 1U << 20U;

// Holds a table of contents in a tarball against what it should be, piece by piece: that of 20,000
// images has megabytes.
class TableComparison {
 public:
  TableComparison(const io::BlobSource& tarball, const digest::Part& table)
      : tarball_(tarball),
        at_(table.offset),
        end_(table.offset + table.size),
        room_(std::min<std::uint64_t>(limits::kBufferBytes, table.size), '\0') {}

  void expect(std::string_view text) {
    while (is_same_ && !text.empty()) {
      const std::string_view here = next(text.size());
      is_same_ = !here.empty() && text.starts_with(here);
      text.remove_prefix(std::min(text.size(), here.size()));
    }
  }

  /// Blanks at its end do not count.
  bool is_same() {
    while (is_same_) {
      const std::string_view here = next(room_.size());
      if (here.empty()) break;
      is_same_ = here.find_first_not_of(' ') == std::string_view::npos;
    }
    return is_same_;
  }

 private:
  // The next bytes, at most so many; none at the end.
  std::string_view next(std::size_t max_bytes) {
    if (used_ == held_) {
      held_ = static_cast<std::size_t>(std::min<std::uint64_t>(room_.size(), end_ - at_));
      tarball_.read_at(at_, std::as_writable_bytes(std::span(room_).first(held_)));
      at_ += held_;
      used_ = 0;
    }
    const std::size_t count = std::min(max_bytes, held_ - used_);
    used_ += count;
    return std::string_view(room_).substr(used_ - count, count);
  }

  const io::BlobSource& tarball_;
  std::uint64_t at_;
  std::uint64_t end_;
  std::string room_;
  std::size_t held_ = 0;
  std::size_t used_ = 0;  // of those held
  bool is_same_ = true;
};

// References by their names. A hash of each name is kept and not the name: a large registry's would
// take tens of megabytes.
class ReferencesByName {
 public:
  explicit ReferencesByName(const index::Content& content) : content_(content) {
    for (std::uint32_t i = 0; i < content.references.size(); ++i) {
      hashes_.emplace_back(hash_of(content.name_of(content.references[i])), i);
    }
    std::ranges::sort(hashes_);
  }

  /// Adds those that go by `name` to `found`.
  void find(const std::string& name, std::vector<std::uint32_t>& found) const {
    const auto same_hash = std::ranges::equal_range(hashes_, hash_of(name), {},
                                                    &std::pair<std::size_t, std::uint32_t>::first);
    for (const auto& [hash, reference] : same_hash) {
      if (content_.name_of(content_.references[reference]) == name) found.push_back(reference);
    }
  }

 private:
  static std::size_t hash_of(const std::string& name) { return std::hash<std::string>()(name); }

  const index::Content& content_;
  std::vector<std::pair<std::size_t, std::uint32_t>>
      hashes_;  // of names, and whose they are; sorted
};

class Verification {
 public:
  Verification(const OpenedBundle& bundle, const VerifyOptions& options,
               transfer::Progress& progress, const std::stop_token& stop)
      : bundle_(bundle),
        options_(options),
        progress_(progress),
        stop_(stop),
        unlimited_(0, stop),
        references_(bundle.index().content),
        places_(bundle.index().files.size(), [&](const auto& put) {
          std::uint32_t place = 0;
          for (const index::Location& at : bundle.index().locations) put(at.file, place++);
        }) {}

  VerifyReport run(std::vector<std::string> payload_problems) {
    if (!bundle_.index_defect().empty()) {
      add({.text = bundle_.index_defect(), .file = index::kIndexFile});
    }
    for (std::string& text : payload_problems) add({.text = std::move(text)});
    check_presence();
    progress_.begin("structure", index().files.size(), 0);
    transfer::for_each_parallel(index().files.size(), options_.jobs, stop_, [&](std::size_t i) {
      check_structure(static_cast<std::uint32_t>(i));
      progress_.item_done(index().files[i].path);
    });
    progress_.end();
    check_listed();
    if (!options_.quick) check_bytes();
    std::ranges::sort(report_.damaged_files);
    report_.files = index().files.size();
    report_.blobs = count_blobs();
    name_references();
    std::ranges::sort(report_.findings, {},
                      [](const Finding& f) { return std::pair(f.file, f.text); });
    return std::move(report_);
  }

 private:
  const index::Index& index() const { return bundle_.index(); }
  const index::Content& content() const { return bundle_.index().content; }

  void add(Finding finding) {
    const std::scoped_lock lock(mutex_);
    report_.findings.push_back(std::move(finding));
  }

  void add_damaged(std::uint32_t file) {
    const std::scoped_lock lock(mutex_);
    report_.damaged_files.push_back(file);
  }

  void add_damaged(const index::Location& blob) {
    const std::scoped_lock lock(mutex_);
    report_.damaged_blobs.push_back(blob);
  }

  // Every blob that the index calls present has a place, and no other has one.
  void check_presence() {
    for (BlobId blob = 0; blob < content().blobs.size(); ++blob) {
      const index::Blob& known = content().blobs[blob];
      const bool placed = !bundle_.locations_of(blob).empty();
      if (placed == (known.presence == Presence::kPresent)) continue;
      if (placed && known.presence == Presence::kMissing) continue;
      add({.text = fmt::format("blob {} is {} the bundle, the index says otherwise",
                               known.digest.text(), placed ? "in" : "not in"),
           .blob = known.digest});
    }
  }

  // The members of one tarball against the places in the index, and its tables of contents against
  // the references.
  void check_structure(std::uint32_t file) try {
    const index::PayloadFile& payload = index().files[file];
    if (bundle_.payload(file) == nullptr) return;
    if (!is_image_tarball(payload.path)) return;
    const auto places = places_.of(file);
    std::vector<bool> is_found(places.size(), false);
    Tables tables;
    const io::FileBlob tarball(*bundle_.payload(file), 0, bundle_.payload(file)->size());
    std::size_t position = 0;
    tar::read_members(tarball, [&](const tar::FoundMember& found) {
      require_table_order(found.member.path, position++);
      const auto place = find_place(places, found.member.path);
      if (place && !is_found[*place]) {
        const index::Location& known = index().locations[places[*place]];
        check_member(payload.path, found, known.blob, known.offset);
        is_found[*place] = true;
      } else if (!take_table(found, tables)) {
        add({.text = fmt::format("{} holds {}, which the index does not know", quoted(payload.path),
                                 quoted(found.member.path)),
             .file = payload.path});
      }
    });
    for (std::size_t i = 0; i < places.size(); ++i) {
      if (is_found[i]) continue;
      const BlobId blob = index().locations[places[i]].blob;
      add({.text = fmt::format("{} lacks {}", quoted(payload.path), member_path(blob)),
           .file = payload.path,
           .blob = content().blobs[blob].digest});
    }
    check_tables(file, tarball, tables);
  } catch (Error& error) {
    if (error.code() == Code::kCancelled) throw;
    add({.text = fmt::format("{}: {}", quoted(index().files[file].path), error.what()),
         .file = index().files[file].path});
  }

  std::string member_path(BlobId blob) const {
    const index::Blob& known = content().blobs[blob];
    return known.presence == Presence::kMissing ? missing_path(known.digest)
                                                : oci::blob_path(known.digest);
  }

  // Which of the places in a file is that of what should lie there under this name, if anything.
  std::optional<std::size_t> find_place(std::span<const std::uint32_t> places,
                                        const std::string& member) const {
    auto digest = digest_of_member(member, kBlobsFolder);
    if (!digest) digest = digest_of_member(member, kMissingFolder);
    const auto blob = digest ? bundle_.graph().find(*digest) : std::nullopt;
    if (!blob || member != member_path(*blob)) return std::nullopt;
    const auto blob_at = [&](std::uint32_t place) { return index().locations[place].blob; };
    const auto at = std::ranges::lower_bound(places, *blob, {}, blob_at);
    if (at == places.end() || blob_at(*at) != *blob) return std::nullopt;
    return static_cast<std::size_t>(at - places.begin());
  }

  void check_member(const std::string& file, const tar::FoundMember& found, BlobId blob,
                    std::uint64_t offset) {
    const index::Blob& known = content().blobs[blob];
    if (found.member.size == known.size && found.placement.data_offset == offset) return;
    add({.text = fmt::format("{}: {} lies at {} with {} bytes, the index says at {} with {} bytes",
                             quoted(file), found.member.path, found.placement.data_offset,
                             found.member.size, offset, known.size),
         .file = file,
         .blob = known.digest});
  }

  // Where they lie, by their path.
  using Tables = std::map<std::string_view, digest::Part>;

  static bool take_table(const tar::FoundMember& found, Tables& tables) {
    const auto name = std::ranges::find(kTables, found.member.path);
    if (name == kTables.end() || found.member.size > limits::kLayoutIndexBytes) return false;
    tables[*name] = {found.placement.data_offset, found.member.size};
    return true;
  }

  // A tarball's references are those whose manifests it holds: in one tarball all, in split ones
  // the repository's.
  void check_tables(std::uint32_t file, const io::BlobSource& tarball, const Tables& tables) {
    const std::string& path = index().files[file].path;
    const auto complain = [&](std::string_view name, const char* what) {
      add({.text = fmt::format("{}: {} is {}", quoted(path), name, what), .file = path});
    };
    const auto compare = [&](std::string_view name, const auto& write_expected) {
      const auto found = tables.find(name);
      if (found == tables.end()) return complain(name, "missing");
      TableComparison comparison(tarball, found->second);
      write_expected([&](std::string_view part) { comparison.expect(part); });
      if (!comparison.is_same()) complain(name, "not what the index says");
    };
    compare(oci::kLayoutPath, [](const oci::TextSink& write) { write(oci::kLayoutText); });
    const auto names = tables.find(oci::kIndexPath);
    if (names == tables.end()) return complain(oci::kIndexPath, "missing");
    const auto references = references_in(tarball, names->second);
    compare(oci::kIndexPath, [&](const oci::TextSink& write) {
      write_layout_index(content(), bundle_.graph(), references, write);
    });
    compare(oci::kDockerManifestPath, [&](const oci::TextSink& write) {
      write_docker_manifest(content(), bundle_.graph(), references, write);
    });
    const std::scoped_lock lock(mutex_);
    listed_.insert(references.begin(), references.end());
  }

  static std::string read_text(const io::BlobSource& tarball, const digest::Part& part) {
    std::string text(part.size, '\0');
    tarball.read_at(part.offset, std::as_writable_bytes(std::span(text)));
    return text;
  }

  std::vector<std::uint32_t> references_in(const io::BlobSource& tarball,
                                           const digest::Part& table) {
    // One at a time of those that are large: with all that comes of it, each takes a hundred MiB.
    std::unique_lock alone(large_table_, std::defer_lock);
    if (table.size > kLargeTable) alone.lock();
    const std::string layout_json = read_text(tarball, table);
    std::unordered_set<std::string> names;  // which may be there twice, and belong to several
    std::vector<std::uint32_t> references;
    oci::visit_layout_index(layout_json, [&](const oci::NamedManifest& entry) {
      if (names.insert(entry.name).second) references_.find(entry.name, references);
    });
    std::ranges::sort(references);
    references.erase(std::ranges::unique(references).begin(), references.end());
    return references;
  }

  // Every image that should be in a table of contents is in one.
  void check_listed() {
    for (std::uint32_t i = 0; i < content().references.size(); ++i) {
      const index::ReferenceInfo& reference = content().references[i];
      if (listed_.contains(i) || !is_listed(content(), bundle_.graph(), reference.manifest)) {
        continue;
      }
      add({.text = fmt::format("{} is in no tarball's index.json",
                               quoted(content().name_of(reference))),
           .blob = content().blobs[reference.manifest].digest});
    }
  }

  void check_bytes() {
    std::vector<std::uint32_t> by_size(index().files.size());
    std::iota(by_size.begin(), by_size.end(), 0U);
    std::ranges::stable_sort(by_size, std::ranges::greater{},
                             [&](std::uint32_t file) { return index().files[file].size; });
    for (const index::PayloadFile& file : index().files) report_.bytes += file.size;
    progress_.begin("verifying", index().locations.size() + index().files.size(), report_.bytes);
    transfer::for_each_parallel(by_size.size(), options_.jobs, stop_,
                                [&](std::size_t i) { check_file(by_size[i]); });
    progress_.end();
    check_references();
  }

  bool is_here(const index::Location& at) const {
    return content().blobs[at.blob].presence == Presence::kPresent &&
           bundle_.payload(at.file) != nullptr;
  }

  std::uint64_t count_blobs() const {
    std::uint64_t count = 0;
    for (BlobId blob = 0; blob < content().blobs.size(); ++blob) {
      const auto places = bundle_.locations_of(blob);
      if (std::ranges::any_of(places, [&](const auto& at) { return is_here(at); })) ++count;
    }
    return count;
  }

  // The blobs that should be in a file, by offset.
  std::vector<index::Location> blobs_in(std::uint32_t file) const {
    std::vector<index::Location> blobs;
    for (const std::uint32_t place : places_.of(file)) {
      if (is_here(index().locations[place])) blobs.push_back(index().locations[place]);
    }
    std::ranges::stable_sort(blobs, {}, &index::Location::offset);
    return blobs;
  }

  void check_file(std::uint32_t file) {
    if (bundle_.payload(file) == nullptr) {
      add_damaged(file);
      return;
    }
    const std::uint64_t size = bundle_.payload(file)->size();  // it may be cut
    std::vector<index::Location> within = blobs_in(file);      // the pass over the file
    std::vector<index::Location> on_their_own;
    std::vector<digest::Part> parts;
    std::uint64_t end = 0;
    for (const index::Location at : within) {
      const index::Blob& blob = content().blobs[at.blob];
      const digest::Part part{at.offset, blob.size};
      const bool fits = digest::may_follow(end, part) && part.offset + part.size <= size &&
                        blob.digest.algorithm() == digest::Algorithm::kSha256;
      if (!fits) {
        on_their_own.push_back(at);
        continue;
      }
      within[parts.size()] = at;
      parts.push_back(part);
      end = part.offset + part.size;
    }
    within.resize(parts.size());
    const std::size_t passed = check_in_one_pass(file, within, std::move(parts));
    on_their_own.insert(on_their_own.end(), within.begin() + static_cast<std::ptrdiff_t>(passed),
                        within.end());
    for (const index::Location& at : on_their_own) {
      check_digest(at, [&] {
        return digest::digest_of(
            io::FileBlob(*bundle_.payload(file), at.offset, content().blobs[at.blob].size),
            content().blobs[at.blob].digest.algorithm());
      });
    }
  }

  // How many of the blobs were looked at: not all where the file cannot be read to its end.
  std::size_t check_in_one_pass(std::uint32_t file, const std::vector<index::Location>& blobs,
                                std::vector<digest::Part> parts) {
    const index::PayloadFile& payload = index().files[file];
    std::size_t passed = 0;
    try {
      const io::FileBlob bytes(*bundle_.payload(file), 0, bundle_.payload(file)->size());
      digest::PartsHasher hasher(std::move(parts),
                                 [&](std::size_t part, const digest::Digest& actual) {
                                   check_digest(blobs[part], [&] { return actual; });
                                   ++passed;
                                 });
      transfer::read_ahead(
          transfer::MeteredSource(bytes, progress_, unlimited_),
          [&](std::span<const std::byte> chunk) { hasher.ahead(chunk); },
          [&](std::span<const std::byte> chunk) { hasher.update(chunk); });
      digest::require_equal(digest::parse_digest("sha256:" + payload.sha256), hasher.finish());
      progress_.item_done(payload.path);
    } catch (Error& error) {
      if (error.code() == Code::kCancelled) throw;
      add_damaged(file);
      add({.text = fmt::format("{}: {}", quoted(payload.path), error.what()),
           .file = payload.path});
    }
    return passed;
  }

  template <class Actual>
  void check_digest(const index::Location& at, Actual actual) {
    const index::Blob& blob = content().blobs[at.blob];
    try {
      digest::require_equal(blob.digest, actual());
      progress_.item_done(blob.digest.text());
    } catch (Error& error) {
      if (error.code() == Code::kCancelled) throw;
      add_damaged(at);
      add_blob_finding(at, error);
    }
  }

  void add_blob_finding(const index::Location& at, const Error& error) {
    const index::Blob& blob = content().blobs[at.blob];
    const std::string& path = index().files[at.file].path;
    add({.text = fmt::format("{}, {} bytes at {}: blob {}: {}", quoted(path), blob.size, at.offset,
                             blob.digest.text(), error.what()),
         .file = path,
         .blob = blob.digest});
  }

  // The manifests, which are right by now or known to be wrong, against the edges of the index.
  void check_references() {
    std::unordered_set<BlobId> damaged;
    for (const index::Location& at : report_.damaged_blobs) damaged.insert(at.blob);
    std::vector<index::Location> manifests;
    std::ranges::copy_if(index().locations, std::back_inserter(manifests),
                         [&](const index::Location& at) {
                           return bundle_.graph().find_manifest(at.blob) != nullptr &&
                                  is_here(at) && !damaged.contains(at.blob);
                         });
    transfer::for_each_parallel(manifests.size(), options_.jobs, stop_, [&](std::size_t i) {
      const BlobId blob = manifests[i].blob;
      try {
        require_same_edges(content(), bundle_.graph(), blob, bundle_.manifest(blob));
      } catch (Error& error) {
        if (error.code() == Code::kCancelled) throw;
        add_damaged(manifests[i]);
        add_blob_finding(manifests[i], error);
      }
    });
  }

  // One walk over all names, whatever the number of findings.
  void name_references() {
    std::unordered_map<digest::Digest, std::vector<std::string>> names;
    for (const Finding& finding : report_.findings) {
      if (finding.blob) names[*finding.blob];
    }
    if (names.empty()) return;
    for (const index::ReferenceInfo& reference : content().references) {
      for (const BlobId blob : bundle_.graph().closure_of(reference.manifest)) {
        const auto wanted = names.find(content().blobs[blob].digest);
        if (wanted != names.end()) wanted->second.push_back(content().name_of(reference));
      }
    }
    for (Finding& finding : report_.findings) {
      if (finding.blob) finding.references = names[*finding.blob];
    }
  }

  const OpenedBundle& bundle_;
  const VerifyOptions& options_;
  transfer::Progress& progress_;
  const std::stop_token& stop_;
  transfer::RateLimit unlimited_;
  const ReferencesByName references_;
  // By file, as positions in the index's locations; ascending, so by blob.
  const Grouped<std::uint32_t> places_;
  std::mutex large_table_;  // held by the task that reads one
  std::mutex mutex_;        // guards report_ and listed_ while tasks run
  VerifyReport report_;
  std::unordered_set<std::uint32_t> listed_;
};

}  // namespace

VerifyReport verify(const OpenedBundle& bundle, std::vector<std::string> payload_problems,
                    const VerifyOptions& options, transfer::Progress& progress,
                    const std::stop_token& stop) {
  return Verification(bundle, options, progress, stop).run(std::move(payload_problems));
}

}  // namespace seabag::bundle
