// SPDX-License-Identifier: Apache-2.0
#include "importer/outcome.h"

#include <algorithm>
#include <string_view>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "bagit/check.h"
#include "base/text.h"
#include "bundle/damage_file.h"
#include "cli/plural.h"

namespace seabag::importer {
namespace {

using importing::PushedReference;
using importing::PushOutcome;
using Json = nlohmann::ordered_json;

constexpr std::size_t kImagesShown = 20;

// What could not be had when the bundle was made; empty: nothing.
std::string gaps_text(const bundle::OpenedBundle& bundle) {
  std::uint64_t blobs = 0;
  std::uint64_t names = 0;
  for (const index::Absence& absence : bundle.index().content.absences) {
    if (!absence.is_on_purpose()) ++(absence.blob ? blobs : names);
  }
  if (blobs + names == 0) return {};
  std::string gaps = blobs == 0 ? "" : cli::plural(blobs, "blob");
  if (names > 0) gaps += (gaps.empty() ? "" : " and ") + cli::plural(names, "name");
  return fmt::format(
      "note     {} could not be had when the bundle was made; seabag-import list --json says "
      "which\n",
      gaps);
}

std::size_t left_out_count(const bundle::OpenedBundle& bundle) {
  return static_cast<std::size_t>(std::ranges::count(
      bundle.index().content.blobs, index::Presence::kLeftOut, &index::Blob::presence));
}

// Nothing mends what does not belong there: it is removed.
bool is_stray(std::string_view finding) {
  return finding.ends_with(bagit::kInNoManifest);
}

// What to do about damage: the commands, ready to be copied.
std::string mending_text(const Verified& verified) {
  const bundle::Damage& damage = verified.damage;
  if (verified.quick || !damage.is_any()) return {};
  std::string text;
  for (const std::string& problem : damage.beyond_repair) {
    if (is_stray(problem)) continue;
    text += fmt::format("no patch mends: {}\n", problem);
  }
  const std::string bundle = printable(verified.bundle.path(), 4096);
  if (!verified.bundle.index_defect().empty()) {  // a patch would be refused without the index
    return text + fmt::format("another copy of the bundle mends it: seabag-import patch {} COPY\n",
                              bundle);
  }
  if (damage.files.empty()) return text;
  if (!damage.needs_patch()) {
    return text +
           fmt::format("nothing must be fetched to mend it: seabag-import patch {}\n", bundle);
  }
  const std::string list =
      verified.damage_file.empty() ? "LIST" : printable(verified.damage_file, 4096);
  if (verified.damage_file.empty()) {
    text += fmt::format("to mend it: seabag-import verify {} --damage {}, then\n", bundle, list);
  } else {
    text += fmt::format("to mend it: {} says what is damaged\n", list);
  }
  return text + fmt::format(
                    "  seabag-export PATCH --repair {} SOURCE...   where the sources are\n"
                    "  seabag-import patch {} PATCH\n"
                    "or, with another copy of the bundle: seabag-import patch {} COPY\n",
                    list, bundle, bundle);
}

}  // namespace

std::string verify_text(const Verified& verified) {
  const bundle::VerifyReport& report = verified.report;
  std::string text;
  for (const bundle::Finding& finding : report.findings) {
    text += fmt::format("DAMAGED  {}\n", finding.text);
    for (std::size_t i = 0; i < finding.references.size() && i < kImagesShown; ++i) {
      text += fmt::format("         needed by {}\n", printable(finding.references[i]));
    }
    if (finding.references.size() > kImagesShown) {
      text += fmt::format("         and by {} more\n", finding.references.size() - kImagesShown);
    }
  }
  text += gaps_text(verified.bundle);
  if (const auto count = left_out_count(verified.bundle); count > 0) {
    text += fmt::format(
        "note     {} blob{} left out on purpose (foreign layers, other platforms); seabag-import "
        "list tells of which images\n",
        count, count == 1 ? " was" : "s were");
  }
  const char* verdict = report.findings.empty() ? "ok" : "FAILED";
  if (verified.quick) {
    text +=
        fmt::format("{}: names, structure and sizes of {} and {}; no content was read (--quick)\n",
                    verdict, cli::plural(report.files, "file"), cli::plural(report.blobs, "blob"));
  } else {
    text += fmt::format("{}: {}, {}, {} read; every checksum and digest was compared\n", verdict,
                        cli::plural(report.files, "file"), cli::plural(report.blobs, "blob"),
                        readable_size(report.bytes));
  }
  text += fmt::format("seal  {}\n", verified.bundle.seal().text()) + mending_text(verified);
  if (std::ranges::any_of(report.findings, is_stray, &bundle::Finding::text)) {
    text += "remove what is in no manifest: it is no part of the bundle\n";
  }
  return text;
}

namespace {

Json to_json(const Verified& verified) {
  const bundle::VerifyReport& report = verified.report;
  Json findings = Json::array();
  for (const bundle::Finding& finding : report.findings) {
    findings.push_back({{"text", finding.text},
                        {"file", finding.file},
                        {"blob", finding.blob ? Json(finding.blob->text()) : Json()},
                        {"references", finding.references}});
  }
  const bool is_listed = verified.damage.is_any() && !verified.quick;
  return {{"ok", report.findings.empty()},
          {"quick", verified.quick},
          {"seal", verified.bundle.seal().text()},
          {"files", report.files},
          {"blobs", report.blobs},
          {"bytes", report.bytes},
          {"findings", std::move(findings)},
          {"damage", is_listed ? bundle::damage_json(verified.damage) : Json()}};
}

}  // namespace

std::string verify_json(const Verified& verified) {
  return to_json(verified).dump(2, ' ', true, Json::error_handler_t::replace) + '\n';
}

std::string patch_text(const importing::MendReport& mended) {
  std::string text;
  for (const importing::MendedFile& file : mended.files) {
    text += fmt::format("mended   {}: {} bytes written{}\n", printable(file.path), file.bytes,
                        file.was_missing ? "; it was missing" : "");
  }
  for (const std::string& problem : mended.not_mended) {
    text += fmt::format("not mended: {}\n", problem);
  }
  if (mended.files.empty()) text += "nothing was mended, and nothing was changed\n";
  return text;
}

std::string patch_json(const importing::MendReport& mended, const Verified& verified) {
  Json files = Json::array();
  for (const importing::MendedFile& file : mended.files) {
    files.push_back({{"path", file.path}, {"bytes", file.bytes}, {"wasMissing", file.was_missing}});
  }
  Json json = to_json(verified);
  json["mended"] = std::move(files);
  json["notMended"] = mended.not_mended;
  return json.dump(2, ' ', true, Json::error_handler_t::replace) + '\n';
}

std::string dry_run_text(const index::Content& content, const importing::NamePlan& names,
                         const importing::DiskPlan& disks, const target::Target& target) {
  std::string text;
  for (const importing::NamedReference& name : names.names) {
    text +=
        fmt::format("{} -> {}\n", printable(content.name_of(content.references[name.reference])),
                    printable(target.location(name.target)));
  }
  for (const importing::PlannedDisk& disk : disks.disks) {
    text += fmt::format(
        "disk {} -> {}\n", printable(disk.name),
        printable(disk.reference ? target.location(*disk.reference) : disk.paths.front()));
  }
  return text + "nothing was sent (--dry-run)\n";
}

std::string dry_run_json(const index::Content& content, const importing::NamePlan& names,
                         const importing::DiskPlan& disks, const target::Target& target) {
  Json name_list = Json::array();
  for (const importing::NamedReference& name : names.names) {
    name_list.push_back({{"source", content.name_of(content.references[name.reference])},
                         {"target", name.target.text()}});
  }
  Json disk_list = Json::array();
  for (const importing::PlannedDisk& disk : disks.disks) {
    disk_list.push_back({{"name", disk.name},
                         {"target", disk.reference ? disk.reference->text() : disk.paths.front()}});
  }
  const Json json = {
      {"target", target.uri()}, {"names", std::move(name_list)}, {"disks", std::move(disk_list)}};
  return json.dump(2, ' ', true, Json::error_handler_t::replace) + '\n';
}

std::string rebuild_text(const bundle::OpenedBundle& bundle, const std::string& output) {
  if (output.empty()) {
    return fmt::format("{} is as it was sealed; nothing was made\n", index::kIndexFile);
  }
  return fmt::format(
      "{}: {}, {}, {}\nthe bundle was left as it is: its seal covers the index that is lost\n",
      printable(output), cli::plural(bundle.index().content.references.size(), "name"),
      cli::plural(bundle.index().content.blobs.size(), "blob"),
      cli::plural(bundle.index().disks.size(), "disk"));
}

std::string rebuild_json(const bundle::OpenedBundle& bundle, const std::string& output) {
  const Json json = {{"seal", bundle.seal().text()},
                     {"defect", bundle.index_defect()},
                     {"index", output.empty() ? Json() : Json(output)},
                     {"references", bundle.index().content.references.size()},
                     {"blobs", bundle.index().content.blobs.size()},
                     {"disks", bundle.index().disks.size()}};
  return json.dump(2, ' ', true, Json::error_handler_t::replace) + '\n';
}

std::string push_text(const importing::Receipt& receipt) {
  const auto count = [&](PushOutcome outcome) {
    return std::ranges::count(receipt.references, outcome, &PushedReference::outcome);
  };
  std::string text;
  for (const PushedReference& reference : receipt.references) {
    if (reference.outcome != PushOutcome::kFailed && reference.outcome != PushOutcome::kSkipped) {
      continue;
    }
    text += fmt::format("{}  {}: {}\n", importing::name_of(reference.outcome),
                        printable(reference.source), printable(reference.detail, 2000));
  }
  for (const importing::RestoredDisk& disk : receipt.disks) {
    text += fmt::format("{}  disk {} -> {}", importing::name_of(disk.outcome), printable(disk.name),
                        printable(disk.target));
    text += disk.detail.empty() ? "\n" : fmt::format(": {}\n", printable(disk.detail, 2000));
  }
  if (receipt.references.empty() && !receipt.disks.empty()) return text;
  return text + fmt::format(
                    "{} pushed, {} already there, {} skipped, {} failed; {} uploaded ({}), "
                    "{} mounted, {} already there\n",
                    count(PushOutcome::kPushed), count(PushOutcome::kAlreadyThere),
                    count(PushOutcome::kSkipped), count(PushOutcome::kFailed),
                    cli::plural(receipt.blobs_uploaded, "blob"),
                    readable_size(receipt.bytes_uploaded), receipt.blobs_mounted,
                    receipt.blobs_there);
}

}  // namespace seabag::importer
