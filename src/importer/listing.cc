// SPDX-License-Identifier: Apache-2.0
#include "importer/listing.h"

#include <set>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "cli/output.h"
#include "cli/plural.h"

namespace seabag::importer {
namespace {

using index::BlobId;
using index::Content;
using index::Graph;
using index::Presence;
using Json = nlohmann::ordered_json;

struct Entry {
  std::string name;
  std::string kind;  ///< "image", "index", "artifact"
  digest::Digest digest;
  std::uint64_t size = 0;           ///< of what the bundle has of it
  std::set<std::string> platforms;  ///< that are in the bundle
  std::set<std::string> left_out;   ///< platforms and layers that are not, on purpose
  bool missing = false;             ///< something of it could not be had
  std::string artifact_type;
  std::string created;
};

void add_platforms(const Content& content, const Graph& graph, BlobId blob, Entry& entry) {
  for (const index::Edge& edge : graph.edges_of(blob)) {
    const Presence presence = content.blobs[edge.child].presence;
    if (edge.role == index::EdgeRole::kChild) {
      const std::string platform = content.platforms[edge.platform].text();
      if (!platform.empty()) {
        (presence == Presence::kPresent ? entry.platforms : entry.left_out).insert(platform);
      }
    } else if (edge.role == index::EdgeRole::kLayer && presence == Presence::kLeftOut) {
      entry.left_out.insert("foreign layer");
    }
  }
}

Entry entry_of(const Content& content, const Graph& graph, const index::ReferenceInfo& reference) {
  Entry entry{.name = content.name_of(reference),
              .kind = "unknown",
              .digest = content.blobs[reference.manifest].digest,
              .platforms = {},
              .left_out = {},
              .artifact_type = {},
              .created = {}};
  if (const index::ManifestInfo* manifest = graph.find_manifest(reference.manifest)) {
    entry.kind = oci::name_of(manifest->kind);
    entry.artifact_type = content.media_types[manifest->artifact_type];
    entry.created = manifest->created;
  }
  for (const BlobId blob : graph.closure_of(reference.manifest)) {
    const index::Blob& known = content.blobs[blob];
    if (known.presence == Presence::kPresent) entry.size += known.size;
    if (known.presence == Presence::kMissing) entry.missing = true;
    if (known.presence == Presence::kPresent) add_platforms(content, graph, blob, entry);
  }
  return entry;
}

std::string joined(const std::set<std::string>& parts) {
  std::string text;
  for (const std::string& part : parts) text += (text.empty() ? "" : ",") + printable(part);
  return text;
}

std::string remark_of(const Entry& entry) {
  std::string text = joined(entry.platforms);
  if (!entry.artifact_type.empty() && entry.kind == "artifact") {
    text = printable(entry.artifact_type, 60);
  }
  if (!entry.left_out.empty()) {
    text += (text.empty() ? "" : "; ") + std::string("left out: ") + joined(entry.left_out);
  }
  if (entry.missing) text += (text.empty() ? "" : "; ") + std::string("INCOMPLETE");
  return text;
}

std::uint64_t stored_bytes(const index::Index& index, const index::DiskInfo& disk) {
  std::uint64_t bytes = 0;
  for (const std::uint32_t file : disk.files) bytes += index.files[file].size;
  return bytes;
}

void list_disks(const index::Index& index, const std::function<void(std::string_view)>& print) {
  if (index.disks.empty()) return;
  cli::TablePrinter table(
      {{"DISK"}, {"SERVER"}, {"FORMAT"}, {"SIZE", true}, {"STORED", true}, {"CONTENT"}, {"SOURCE"}},
      print);
  for (const index::DiskInfo& disk : index.disks) {
    std::string server = disk.server;
    if (!server.empty()) server += fmt::format("[{}]", disk.position);
    if (disk.boots) server += server.empty() ? "boot" : " boot";
    std::string source = printable(disk.source, 80);
    if (!disk.zeroed.empty()) source += "; UNREADABLE PARTS ARE ZEROS";
    table.add({disk.name, server, disk.format, readable_size(disk.size),
               readable_size(stored_bytes(index, disk)), disk.content.substr(0, 16), source});
  }
  table.finish();
}

Json to_json(const index::Index& index, const index::DiskInfo& disk) {
  Json files = Json::array();
  for (const std::uint32_t file : disk.files) files.push_back(index.files[file].path);
  Json zeroed = Json::array();
  for (const index::ZeroedRange& range : disk.zeroed) {
    zeroed.push_back({{"offset", range.offset}, {"length", range.length}});
  }
  return {{"name", disk.name},
          {"server", disk.server},
          {"position", disk.position},
          {"boots", disk.boots},
          {"format", disk.format},
          {"size", disk.size},
          {"content", disk.content},
          {"files", std::move(files)},
          {"config", disk.config ? Json(index.files[*disk.config].path) : Json()},
          {"source", disk.source},
          {"sourceFormat", disk.source_format},
          {"sourceSize", disk.source_size},
          {"readAt", to_rfc3339(disk.read_at)},
          {"zeroed", std::move(zeroed)}};
}

}  // namespace

void list_text(const bundle::OpenedBundle& bundle,
               const std::function<void(std::string_view)>& print) {
  const Content& content = bundle.index().content;
  cli::TablePrinter table(
      {{"NAME"}, {"KIND"}, {"DIGEST"}, {"SIZE", true}, {"CREATED"}, {"CONTENT"}}, print);
  for (const index::ReferenceInfo& reference : content.references) {
    const Entry entry = entry_of(content, bundle.graph(), reference);
    table.add({printable(entry.name), entry.kind, entry.digest.text().substr(0, 19),
               readable_size(entry.size), printable(entry.created.substr(0, 10)),
               remark_of(entry)});
  }
  if (!content.references.empty() || bundle.index().disks.empty()) table.finish();
  list_disks(bundle.index(), print);
  std::uint64_t bytes = 0;
  for (const index::PayloadFile& file : bundle.index().files) bytes += file.size;
  print(fmt::format("\n{}, {}, {}, {} in {}, {}\n", cli::plural(content.references.size(), "name"),
                    cli::plural(content.manifests.size(), "manifest"),
                    cli::plural(content.blobs.size(), "blob"),
                    cli::plural(bundle.index().disks.size(), "disk"),
                    cli::plural(bundle.index().files.size(), "file"), readable_size(bytes)));
  for (const index::Source& source : content.sources) {
    print(fmt::format("from  {}\n", printable(source.uri)));
  }
  const auto created = bundle.index().metadata.find("created");
  if (created != bundle.index().metadata.end()) {
    print(fmt::format("made  {}\n", printable(created->second)));
  }
  for (const index::Absence& absence : content.absences) {
    if (!absence.blob) {
      print(fmt::format("missing  {}: {} ({})\n", printable(absence.reference),
                        printable(absence.detail), printable(absence.reason)));
    }
  }
  print(fmt::format("seal  {}\n", bundle.seal().text()));
}

std::string list_json(const bundle::OpenedBundle& bundle) {
  const Content& content = bundle.index().content;
  Json references = Json::array();
  for (const index::ReferenceInfo& reference : content.references) {
    const Entry entry = entry_of(content, bundle.graph(), reference);
    references.push_back({{"name", entry.name},
                          {"kind", entry.kind},
                          {"digest", entry.digest.text()},
                          {"size", entry.size},
                          {"artifactType", entry.artifact_type},
                          {"created", entry.created},
                          {"platforms", entry.platforms},
                          {"leftOut", entry.left_out},
                          {"incomplete", entry.missing},
                          {"source", content.sources[reference.source].uri},
                          {"readAt", to_rfc3339(reference.read_at)}});
  }
  Json absences = Json::array();
  for (const index::Absence& absence : content.absences) {
    absences.push_back(
        {{"blob", absence.blob ? Json(content.blobs[*absence.blob].digest.text()) : Json()},
         {"reference", absence.reference},
         {"reason", absence.reason},
         {"detail", absence.detail}});
  }
  Json files = Json::array();
  for (const index::PayloadFile& file : bundle.index().files) {
    files.push_back({{"path", file.path}, {"size", file.size}, {"sha256", file.sha256}});
  }
  Json disks = Json::array();
  for (const index::DiskInfo& disk : bundle.index().disks) {
    disks.push_back(to_json(bundle.index(), disk));
  }
  const Json json = {{"seal", bundle.seal().text()}, {"metadata", bundle.index().metadata},
                     {"files", std::move(files)},    {"references", std::move(references)},
                     {"disks", std::move(disks)},    {"absences", std::move(absences)}};
  return json.dump(2, ' ', true, Json::error_handler_t::replace) + '\n';
}

}  // namespace seabag::importer
