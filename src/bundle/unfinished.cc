// SPDX-License-Identifier: Apache-2.0
#include "bundle/unfinished.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"

namespace seabag::bundle {
namespace {

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

}  // namespace

std::string unfinished_path(const std::string& bundle) {
  return without_slash(bundle) + ".unfinished";
}

UnfinishedBundle::UnfinishedBundle(io::FileSystem& files, std::string bundle)
    : files_(&files),
      bundle_(without_slash(std::move(bundle))),
      directory_(unfinished_path(bundle_)) {}

UnfinishedBundle UnfinishedBundle::create(io::FileSystem& files, const std::string& bundle) {
  UnfinishedBundle made(files, bundle);
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
  if (files.find(found.directory_)) {
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

void UnfinishedBundle::clear() {
  for (const io::DirectoryEntry& entry : files_->list(directory_)) {
    io::remove_tree(*files_, path(entry.name));
  }
}

void UnfinishedBundle::discard() {
  io::remove_tree(*files_, directory_);
}

void UnfinishedBundle::publish() {
  for (const char* name : {kSpoolFile, kLogFile, kPlanFile}) {
    if (files_->find(path(name))) files_->remove_file(path(name));
  }
  io::remove_tree(*files_, path(kDisksDirectory));
  files_->sync_directory(directory_);
  files_->rename(directory_, bundle_);
  files_->sync_directory(io::parent_of(bundle_));
}

}  // namespace seabag::bundle
