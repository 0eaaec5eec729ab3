// SPDX-License-Identifier: Apache-2.0
#include "bagit/check.h"

#include <algorithm>
#include <array>
#include <set>
#include <string_view>

#include <fmt/format.h>

#include "base/limits.h"
#include "base/text.h"

namespace seabag::bagit {
namespace {

// A list of sentences that a hostile directory cannot grow without end.
class Findings {
 public:
  explicit Findings(std::vector<std::string>& list) : list_(list) {}

  void add(std::string_view path, std::string_view what) {
    if (++count_ <= limits::kBagFindings) list_.push_back(fmt::format("{} {}", quoted(path), what));
  }

  void close() {
    if (count_ > limits::kBagFindings) {
      list_.push_back(fmt::format("{} {}", count_ - limits::kBagFindings, kMoreLeftOut));
    }
  }

 private:
  std::vector<std::string>& list_;
  std::size_t count_ = 0;
};

// Why a tag file of that name is refused, listed or not; empty: it is not.
std::string_view ban_of(std::string_view name) {
  if (name == "fetch.txt") return "is refused: nothing is ever fetched to complete a bundle";
  if (name.ends_with("-journal") || name.ends_with("-wal") || name.ends_with("-shm")) {
    return "is refused: beside a database it would change what is read from it";
  }
  const bool is_manifest = name.starts_with("manifest-") || name.starts_with("tagmanifest-");
  if (is_manifest && name.ends_with(".txt") && name != kManifestPath && name != kTagManifestPath) {
    return "is refused: a second manifest could say something else";
  }
  return {};
}

class Completeness {
 public:
  Completeness(io::FileSystem& files, const std::string& bag) : files_(files), bag_(bag) {}

  BagReport run(const std::vector<ManifestEntry>& payload, const std::vector<ManifestEntry>& tags) {
    directories_.emplace(kPayloadDirectory);
    for (const auto* entries : {&payload, &tags}) {
      for (const ManifestEntry& entry : *entries) expect(entry.path);
    }
    for (const std::string_view required : {kDeclarationPath, kBagInfoPath, kManifestPath}) {
      if (!missing_.contains(required)) {
        malformed_.add(required, fmt::format("is not listed in {}", kTagManifestPath));
      }
    }
    // RFC 8493 section 2.2.1: a tag manifest does not list itself.
    expect(kTagManifestPath);

    std::vector<std::string> pending = {""};
    while (!pending.empty()) {
      const std::string directory = std::move(pending.back());
      pending.pop_back();
      look_into(directory, pending);
    }
    for (const std::string_view path : missing_) missing_list_.add(path, "is missing");
    if (!found_payload_) missing_list_.add("data/", "is missing");
    for (Findings* list : {&missing_list_, &unexpected_, &malformed_}) list->close();
    return std::move(report_);
  }

 private:
  void expect(std::string_view path) {
    missing_.insert(path);
    for (std::size_t slash = path.find('/'); slash != std::string_view::npos;
         slash = path.find('/', slash + 1)) {
      directories_.insert(path.substr(0, slash));
    }
  }

  void look_into(const std::string& directory, std::vector<std::string>& pending) {
    for (const io::DirectoryEntry& entry :
         files_.list(directory.empty() ? bag_ : io::join(bag_, directory))) {
      const std::string path = directory.empty() ? entry.name : io::join(directory, entry.name);
      if (directory.empty() && !ban_of(entry.name).empty()) {
        malformed_.add(path, ban_of(entry.name));
        missing_.erase(path);
      } else if (directories_.contains(path)) {
        meet_directory(path, entry.kind, pending);
      } else {
        meet_file(path, entry.kind);
      }
    }
  }

  void meet_directory(const std::string& path, io::FileKind kind,
                      std::vector<std::string>& pending) {
    if (path == kPayloadDirectory) found_payload_ = true;
    if (kind == io::FileKind::kDirectory) {
      pending.push_back(path);
    } else {
      malformed_.add(path + '/',
                     "is refused: expected a directory, got a file, a link or the like");
    }
  }

  void meet_file(const std::string& path, io::FileKind kind) {
    const bool is_listed = missing_.erase(path) != 0;
    if (is_listed && kind != io::FileKind::kRegular) {
      malformed_.add(
          path, "is refused: expected a regular file, got a directory, a link, a pipe or the like");
    } else if (!is_listed) {
      unexpected_.add(kind == io::FileKind::kDirectory ? path + '/' : path, kInNoManifest);
    }
  }

  io::FileSystem& files_;
  const std::string& bag_;
  BagReport report_;
  Findings missing_list_{report_.missing};
  Findings unexpected_{report_.unexpected};
  Findings malformed_{report_.malformed};
  // Views of the manifests' paths, less what was met on the way.
  std::set<std::string_view> missing_;
  std::set<std::string_view> directories_;  // that a listed file lies in
  bool found_payload_ = false;
};

}  // namespace

BagReport check_complete(io::FileSystem& files, const std::string& bag,
                         const std::vector<ManifestEntry>& payload,
                         const std::vector<ManifestEntry>& tags) {
  return Completeness(files, bag).run(payload, tags);
}

}  // namespace seabag::bagit
