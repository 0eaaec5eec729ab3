// SPDX-License-Identifier: Apache-2.0
#include "bundle/unfinished.h"

#include <algorithm>
#include <array>
#include <set>
#include <string_view>

#include <fmt/format.h>

#include "bagit/bag_files.h"
#include "base/error.h"
#include "base/text.h"

namespace seabag::bundle {
namespace {

constexpr const char* kUnfinishedSuffix = ".unfinished";

// Of what a run that was cut off leaves. Nothing else is ever removed.
constexpr std::array<std::string_view, 11> kOwnNames = {"data",
                                                        "index.sqlite",
                                                        "plan.sqlite.part",
                                                        kPlanFile,
                                                        kSpoolFile,
                                                        kLogFile,
                                                        kDisksDirectory,
                                                        bagit::kDeclarationPath,
                                                        bagit::kBagInfoPath,
                                                        bagit::kManifestPath,
                                                        bagit::kTagManifestPath};

std::string without_slash(std::string path) {
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  return path;
}

std::unique_ptr<io::Lock> lock_or_refuse(io::FileSystem& files, const std::string& directory) {
  auto held = files.try_lock(directory);
  if (held) return held;
  throw Error(Code::kLocked, fmt::format("another run works on {}", quoted(directory)))
      .add_next_step("wait for it to end");
}

constexpr const char* kPayload = "data";

Error not_of_it(const std::string& directory, const std::string& path) {
  Error error(Code::kUsage, fmt::format("{} holds {}, which is not of an unfinished bundle",
                                        quoted(directory), quoted(path)));
  error.add_next_step("move it away, or choose another name for the bundle");
  return error;
}

}  // namespace

bool is_unfinished_path(const std::string& path) {
  return without_slash(path).ends_with(kUnfinishedSuffix);
}

std::string unfinished_path(const std::string& bundle) {
  return without_slash(bundle) + kUnfinishedSuffix;
}

UnfinishedBundle::UnfinishedBundle(io::FileSystem& files, std::string bundle)
    : files_(&files),
      bundle_(without_slash(std::move(bundle))),
      directory_(unfinished_path(bundle_)) {}

UnfinishedBundle UnfinishedBundle::create(io::FileSystem& files, const std::string& bundle) {
  UnfinishedBundle made(files, bundle);
  if (is_unfinished_path(bundle)) {
    throw Error(Code::kUsage, fmt::format("{} is the name of an unfinished bundle", quoted(bundle)))
        .add_next_step("choose a name that does not end so");
  }
  if (files.find(made.bundle_)) {
    throw Error(Code::kUsage, fmt::format("{} exists already", quoted(made.bundle_)))
        .add_next_step("choose another name; a sealed bundle is never changed");
  }
  if (files.find(made.directory_)) {
    throw Error(Code::kUsage,
                fmt::format("an unfinished bundle lies at {}", quoted(made.directory_)))
        .add_next_step("continue it with --resume, or remove it");
  }
  const auto parent = files.find(io::parent_of(made.bundle_));
  if (parent && parent->kind == io::FileKind::kRegular) {
    throw Error(Code::kUsage, fmt::format("{} is a file", quoted(io::parent_of(made.bundle_))))
        .add_next_step("choose a directory for the bundle");
  }
  if (!parent) {
    throw Error(Code::kUsage,
                fmt::format("there is no directory {}", quoted(io::parent_of(made.bundle_))))
        .add_next_step("create it, or choose another place for the bundle");
  }
  files.create_directory(made.directory_);
  files.sync_directory(io::parent_of(made.directory_));
  made.lock_ = lock_or_refuse(files, made.directory_);
  return made;
}

UnfinishedBundle UnfinishedBundle::reopen(io::FileSystem& files, const std::string& bundle) {
  UnfinishedBundle found(files, bundle);
  if (const auto there = files.find(found.directory_)) {
    if (there->kind != io::FileKind::kDirectory) {
      throw Error(Code::kMalformed,
                  fmt::format("{} is not a directory (a link is not followed here)",
                              quoted(found.directory_)));
    }
    found.lock_ = lock_or_refuse(files, found.directory_);
    return found;
  }
  if (files.find(found.bundle_)) {
    throw Error(Code::kNotABundle,
                fmt::format("{} is finished, there is nothing to resume", quoted(found.bundle_)))
        .add_next_step("check it with: seabag-import verify");
  }
  throw Error(Code::kNotABundle,
              fmt::format("there is no unfinished bundle at {}", quoted(found.directory_)))
      .add_next_step("leave out --resume to begin one");
}

bool UnfinishedBundle::is_planned() const {
  return files_->find(path(kPlanFile)).has_value();
}

// seal() writes the tag manifest last of all, and publish() removes the plan first of all.
bool UnfinishedBundle::is_sealed() const {
  return !is_planned() && files_->find(path(std::string(bagit::kTagManifestPath)));
}

void UnfinishedBundle::require_own_names() const {
  for (const io::DirectoryEntry& entry : files_->list(directory_)) {
    if (std::ranges::find(kOwnNames, entry.name) == kOwnNames.end()) {
      throw not_of_it(directory_, entry.name);
    }
  }
}

void UnfinishedBundle::clear() {
  require_own_names();
  for (const io::DirectoryEntry& entry : files_->list(directory_)) {
    io::remove_tree(*files_, path(entry.name));
  }
}

void UnfinishedBundle::require_nothing_else(const std::vector<index::PayloadFile>& payload) const {
  require_own_names();
  std::set<std::string> own;  // files, and the directories that they lie in
  for (const index::PayloadFile& file : payload) {
    for (std::string at = file.path; own.insert(at).second;) at = io::parent_of(at);
  }
  std::vector<std::string> pending;
  if (files_->find(path(kPayload))) pending.emplace_back(kPayload);
  while (!pending.empty()) {
    const std::string directory = std::move(pending.back());
    pending.pop_back();
    for (const io::DirectoryEntry& entry : files_->list(path(directory))) {
      const std::string at = io::join(directory, entry.name);
      if (!own.contains(at)) throw not_of_it(directory_, at);
      if (entry.kind == io::FileKind::kDirectory) pending.push_back(at);
    }
  }
}

void UnfinishedBundle::discard() {
  io::remove_tree(*files_, directory_);
}

// What is left without the plan is sealed. What is left with it may lack nothing that it speaks of.
void UnfinishedBundle::publish() {
  if (is_planned()) files_->remove_file(path(kPlanFile));
  files_->sync_directory(directory_);
  for (const char* name : {kLogFile, kSpoolFile}) {
    if (files_->find(path(name))) files_->remove_file(path(name));
  }
  io::remove_tree(*files_, path(kDisksDirectory));
  files_->sync_directory(directory_);
  files_->rename(directory_, bundle_);
  files_->sync_directory(io::parent_of(bundle_));
}

}  // namespace seabag::bundle
