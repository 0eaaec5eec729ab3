// SPDX-License-Identifier: Apache-2.0
#include "importing/disk_account.h"

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

}  // namespace

void account_for(RestoredDisk& result, transfer::Progress& progress,
                 const std::function<PushOutcome()>& work) {
  try {
    result.detail.clear();
    result.outcome = work();
    progress.item_done(result.name);
  } catch (const Error& error) {
    result.outcome = PushOutcome::kFailed;
    result.code = error.code();
    result.detail = error.what();
    if (!error.next_step().empty()) result.detail += "; " + error.next_step();
    progress.warn(fmt::format("disk {}: {}", printable(result.name), result.detail));
    if (ends_the_run(error)) throw;
  }
}

std::optional<PushOutcome> look_at_tag(target::Target& target, const oci::Reference& name,
                                       const digest::Digest& wanted, OnExistingTag on_existing,
                                       std::string& detail) {
  const auto there = target.find_tag(name.repository, name.tag);
  if (!there || (*there != wanted && on_existing == OnExistingTag::kReplace)) return std::nullopt;
  if (*there == wanted) return PushOutcome::kAlreadyThere;
  if (on_existing == OnExistingTag::kSkip) {
    detail = fmt::format("the tag means {} there", there->text());
    return PushOutcome::kSkipped;
  }
  throw Error(Code::kRefused, fmt::format("{} means {} there, expected {}", name.text(),
                                          there->text(), wanted.text()))
      .add_next_step("pass --on-existing-tag skip or replace, or --map");
}

}  // namespace seabag::importing
