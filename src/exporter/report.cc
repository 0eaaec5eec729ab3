// SPDX-License-Identifier: Apache-2.0
#include "exporter/report.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "cli/output.h"
#include "cli/plural.h"

namespace seabag::exporter {
namespace {

using exporting::ExportReport;
using exporting::Missing;
using Json = nlohmann::ordered_json;

std::uint64_t size_of(const index::Content& content, const index::Graph& graph,
                      index::BlobId root) {
  std::uint64_t bytes = 0;
  for (const index::BlobId blob : graph.closure_of(root)) {
    if (content.blobs[blob].presence == index::Presence::kPresent) {
      bytes += content.blobs[blob].size;
    }
  }
  return bytes;
}

std::string names(const Missing& missing) {
  if (missing.references.empty()) return "?";
  const std::string first = printable(missing.references.front());
  return missing.references.size() == 1
             ? first
             : fmt::format("{} and {} more", first, missing.references.size() - 1);
}

void add_absences(std::string& text, const std::vector<Missing>& list, const char* heading) {
  if (list.empty()) return;
  text += fmt::format("{}:\n", heading);
  constexpr std::size_t kShown = 50;
  for (std::size_t i = 0; i < list.size() && i < kShown; ++i) {
    text +=
        fmt::format("  {}: {} ({})\n", names(list[i]), printable(list[i].detail), list[i].reason);
  }
  if (list.size() > kShown) {
    text += fmt::format("  and {} more; index.sqlite has all of them\n", list.size() - kShown);
  }
}

std::string reference_table(const ExportReport& report) {
  const index::Graph graph(report.content);
  std::string text;
  cli::TablePrinter table({{"REFERENCE"}, {"DIGEST"}, {"SIZE", true}},
                          [&](std::string_view part) { text += part; });
  for (const index::ReferenceInfo& reference : report.content.references) {
    table.add({printable(report.content.name_of(reference)),
               report.content.blobs[reference.manifest].digest.text().substr(0, 19),
               readable_size(size_of(report.content, graph, reference.manifest))});
  }
  table.finish();
  return text;
}

std::string image_line(const ExportReport& report) {
  return fmt::format("{} of {} in {}: {} in {}, {}\n",
                     cli::plural(report.content.references.size(), "name"),
                     cli::plural(report.content.manifests.size(), "manifest"),
                     cli::plural(report.content.repositories.size(), "repository", "repositories"),
                     cli::plural(report.blobs, "blob"), cli::plural(report.files.size(), "file"),
                     readable_size(report.payload_bytes));
}

std::string disk_lines(const ExportReport& report) {
  std::string text;
  for (const index::DiskInfo& disk : report.disks) {
    std::uint64_t stored = 0;
    for (const std::uint32_t file : disk.files) stored += report.files[file].size;
    text += fmt::format("disk {}: {} from {} {}, as {}", disk.name, readable_size(disk.size),
                        disk.source_format, printable(disk.source), disk.format);
    if (!disk.files.empty()) text += fmt::format(", {} in the bundle", readable_size(stored));
    if (disk.size != disk.source_size) {
      text += fmt::format("; {} zeros were put behind it", disk.size - disk.source_size);
    }
    text += '\n';
    for (const index::ZeroedRange& range : disk.zeroed) {
      text += fmt::format("  could not be read, zeros instead: {} bytes at {}\n", range.length,
                          range.offset);
    }
  }
  return text;
}

Json to_json(const index::DiskInfo& disk) {
  Json zeroed = Json::array();
  for (const index::ZeroedRange& range : disk.zeroed) {
    zeroed.push_back({{"offset", range.offset}, {"length", range.length}});
  }
  return {{"name", disk.name},
          {"server", disk.server},
          {"source", disk.source},
          {"sourceFormat", disk.source_format},
          {"sourceSize", disk.source_size},
          {"format", disk.format},
          {"size", disk.size},
          {"content", disk.content},
          {"zeroed", std::move(zeroed)}};
}

Json to_json(const std::vector<Missing>& list) {
  Json json = Json::array();
  for (const Missing& missing : list) {
    json.push_back({{"references", missing.references},
                    {"reason", missing.reason},
                    {"detail", missing.detail}});
  }
  return json;
}

}  // namespace

std::string report_text(const ExportReport& report) {
  std::string text;
  if (!report.seal && !report.content.references.empty()) text += reference_table(report) + '\n';
  text += disk_lines(report);
  if (report.disks.empty() || !report.content.references.empty()) text += image_line(report);
  if (report.shared_bytes > 0) {
    text += fmt::format("{} more would be needed if images did not share layers\n",
                        readable_size(report.shared_bytes));
  }
  add_absences(text, report.left_out, "left out on purpose");
  add_absences(text, report.missing, "missing");
  if (report.seal) {
    text += fmt::format("bundle  {}\nseal    {}\n", printable(report.bundle), report.seal->text());
  } else {
    text += "nothing was written (--dry-run)\n";
  }
  return text;
}

std::string report_json(const ExportReport& report) {
  const index::Graph graph(report.content);
  Json references = Json::array();
  for (const index::ReferenceInfo& reference : report.content.references) {
    references.push_back({{"name", report.content.name_of(reference)},
                          {"digest", report.content.blobs[reference.manifest].digest.text()},
                          {"size", size_of(report.content, graph, reference.manifest)}});
  }
  Json files = Json::array();
  for (const index::PayloadFile& file : report.files) {
    files.push_back({{"path", file.path}, {"size", file.size}});
  }
  Json disks = Json::array();
  for (const index::DiskInfo& disk : report.disks) disks.push_back(to_json(disk));
  Json json = {{"bundle", report.bundle},
               {"seal", report.seal ? Json(report.seal->text()) : Json()},
               {"blobs", report.blobs},
               {"payloadBytes", report.payload_bytes},
               {"sharedBytes", report.shared_bytes},
               {"files", std::move(files)},
               {"references", std::move(references)},
               {"disks", std::move(disks)},
               {"missing", to_json(report.missing)},
               {"leftOut", to_json(report.left_out)}};
  return json.dump(2, ' ', true, Json::error_handler_t::replace) + '\n';
}

std::string repair_text(const exporting::RepairReport& report) {
  std::string text = fmt::format(
      "{}, {} and {} for the bundle with the seal {}: {}\n", cli::plural(report.blobs, "blob"),
      cli::plural(report.disks, "disk"), cli::plural(report.configs, "configuration"),
      report.patched.text(), readable_size(report.payload_bytes));
  add_absences(text, report.missing, "missing");
  for (const std::string& problem : report.beyond_repair) {
    text += fmt::format("no patch mends: {}\n", printable(problem));
  }
  return text + fmt::format("patch   {}\nseal    {}\nmend    seabag-import patch BUNDLE {}\n",
                            printable(report.patch), report.seal.text(), printable(report.patch));
}

std::string repair_json(const exporting::RepairReport& report) {
  const Json json = {{"patch", report.patch},
                     {"seal", report.seal.text()},
                     {"patchFor", report.patched.text()},
                     {"blobs", report.blobs},
                     {"disks", report.disks},
                     {"configurations", report.configs},
                     {"payloadBytes", report.payload_bytes},
                     {"missing", to_json(report.missing)},
                     {"beyondRepair", report.beyond_repair}};
  return json.dump(2, ' ', true, Json::error_handler_t::replace) + '\n';
}

}  // namespace seabag::exporter
