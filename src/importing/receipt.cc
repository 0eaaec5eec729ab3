// SPDX-License-Identifier: Apache-2.0
#include "importing/receipt.h"

#include <nlohmann/json.hpp>

namespace seabag::importing {
namespace {

using Json = nlohmann::ordered_json;

Json to_json(const PushedReference& reference) {
  Json json = {{"source", reference.source},
               {"target", reference.target},
               {"digest", reference.digest.text()},
               {"outcome", name_of(reference.outcome)}};
  if (reference.replaced) json["replaced"] = reference.replaced->text();
  if (reference.outcome == PushOutcome::kFailed) json["error"] = seabag::name_of(reference.code);
  if (!reference.detail.empty()) json["detail"] = reference.detail;
  return json;
}

Json to_json(const RestoredDisk& disk) {
  Json json = {{"name", disk.name},
               {"target", disk.target},
               {"content", disk.content},
               {"outcome", name_of(disk.outcome)}};
  if (disk.outcome == PushOutcome::kFailed) json["error"] = seabag::name_of(disk.code);
  if (!disk.detail.empty()) json["detail"] = disk.detail;
  return json;
}

}  // namespace

std::string_view name_of(PushOutcome outcome) {
  switch (outcome) {
    case PushOutcome::kPushed:
      return "pushed";
    case PushOutcome::kAlreadyThere:
      return "already-there";
    case PushOutcome::kSkipped:
      return "skipped";
    case PushOutcome::kFailed:
      return "failed";
  }
  return "unknown";
}

std::string write_receipt(const Receipt& receipt) {
  Json references = Json::array();
  for (const PushedReference& reference : receipt.references) {
    references.push_back(to_json(reference));
  }
  Json disks = Json::array();
  for (const RestoredDisk& disk : receipt.disks) disks.push_back(to_json(disk));
  const Json json = {{"receiptVersion", 1},
                     {"tool", receipt.tool},
                     {"bundle", {{"name", receipt.bundle}, {"seal", receipt.seal.text()}}},
                     {"target", receipt.target},
                     {"started", to_rfc3339(receipt.started)},
                     {"finished", to_rfc3339(receipt.finished)},
                     {"complete", receipt.complete},
                     {"blobs",
                      {{"uploaded", receipt.blobs_uploaded},
                       {"mounted", receipt.blobs_mounted},
                       {"alreadyThere", receipt.blobs_there},
                       {"bytesUploaded", receipt.bytes_uploaded}}},
                     {"references", std::move(references)},
                     {"disks", std::move(disks)}};
  return json.dump(2, ' ', true, Json::error_handler_t::replace) + '\n';
}

}  // namespace seabag::importing
