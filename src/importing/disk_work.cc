// SPDX-License-Identifier: Apache-2.0
#include "importing/disk_work.h"

#include <utility>

#include <fmt/format.h>

#include "base/text.h"

namespace seabag::importing {
namespace {

bool ends_the_run(const Error& error) {
  switch (error.code()) {
    case Code::kCancelled:
    case Code::kInternal:
    case Code::kNoSpace:
    case Code::kIo:
    case Code::kPermission:
    case Code::kUnavailable:
      return true;
    default:
      return false;
  }
}

void fail(RestoredDisk& result, const Error& error, transfer::Progress& progress) {
  result.outcome = PushOutcome::kFailed;
  result.code = error.code();
  result.detail = error.what();
  if (!error.next_step().empty()) result.detail += "; " + error.next_step();
  progress.warn(fmt::format("disk {}: {}", printable(result.name), result.detail));
}

}  // namespace

void DiskWork::enter(RestoredDisk disk, std::uint64_t bytes) {
  disk.detail = "not reached";
  rows_.push_back(receipt_.disks.size());
  receipt_.disks.push_back(std::move(disk));
  bytes_ += bytes;
}

int DiskWork::look() {
  if (rows_.empty()) return 0;
  int conflicts = 0;
  progress_.begin("looking for disks at the target", rows_.size(), 0);
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    RestoredDisk& result = receipt_.disks[rows_[i]];
    try {
      if (const auto conflict = find_conflict(i)) {
        fail(result, *conflict, progress_);
        ++conflicts;
      }
    } catch (const Error& error) {
      if (!ends_the_run(error)) continue;  // run() meets it again, and it stops no other disk
      fail(result, error, progress_);
      throw;
    }
    progress_.item_done(result.name);
  }
  progress_.end();
  return conflicts;
}

void DiskWork::run() {
  if (rows_.empty()) return;
  progress_.begin("disks", rows_.size(), bytes_);
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    RestoredDisk& result = receipt_.disks[rows_[i]];
    try {
      result.detail.clear();
      result.outcome = bring(i, result);
      progress_.item_done(result.name);
    } catch (const Error& error) {
      fail(result, error, progress_);
      if (ends_the_run(error)) throw;
    }
  }
  progress_.end();
}

Error tag_conflict(const oci::Reference& name, const digest::Digest& there,
                   const digest::Digest& wanted) {
  return Error(Code::kRefused, fmt::format("{} means {} there, expected {}", name.text(),
                                           there.text(), wanted.text()))
      .add_next_step("pass --on-existing-tag skip or replace, or --map");
}

Error conflict_at(const std::string& path) {
  return Error(Code::kRefused,
               fmt::format("{} is there already, with another content", seabag::quoted(path)))
      .add_next_step("pass --on-existing-tag skip or replace, or another directory");
}

std::optional<PushOutcome> look_at_tag(target::Target& target, const oci::Reference& name,
                                       const digest::Digest& wanted, OnExistingTag on_existing,
                                       std::string& detail) {
  const auto there = target.find_tag(name.repository, name.tag);
  if (!there || (*there != wanted && on_existing == OnExistingTag::kReplace)) return std::nullopt;
  if (*there == wanted) return PushOutcome::kAlreadyThere;
  if (on_existing == OnExistingTag::kFail) throw tag_conflict(name, *there, wanted);
  detail = fmt::format("the tag means {} there", there->text());
  return PushOutcome::kSkipped;
}

}  // namespace seabag::importing
