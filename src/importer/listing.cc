// SPDX-License-Identifier: Apache-2.0
#include "importer/listing.h"

#include <algorithm>
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

Json to_json(const Content& content, const Graph& graph, const index::ReferenceInfo& reference) {
  const Entry entry = entry_of(content, graph, reference);
  return {{"name", entry.name},
          {"kind", entry.kind},
          {"digest", entry.digest.text()},
          {"size", entry.size},
          {"artifactType", entry.artifact_type},
          {"created", entry.created},
          {"platforms", entry.platforms},
          {"leftOut", entry.left_out},
          {"incomplete", entry.missing},
          {"source", content.sources[reference.source].uri},
          {"readAt", to_rfc3339(reference.read_at)}};
}

// As it stands so many blanks to the right.
std::string text_of(const Json& json, int indentation) {
  const std::string text = json.dump(2, ' ', true, Json::error_handler_t::replace);
  std::string indented;
  for (const char c : text) {
    indented += c;
    if (c == '\n') indented.append(static_cast<std::size_t>(indentation), ' ');
  }
  return indented;
}

// Element by element: the list of a large bundle would be several times its index as a tree.
template <class Item, class ToJson>
void print_list(std::string_view name, const std::vector<Item>& items,
                const std::function<void(std::string_view)>& print, ToJson to_json) {
  print(fmt::format("  \"{}\": [", name));
  std::string_view before = "\n    ";
  for (const Item& item : items) {
    print(fmt::format("{}{}", before, text_of(to_json(item), 4)));
    before = ",\n    ";
  }
  print(items.empty() ? "]" : "\n  ]");
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
  const auto blobs = std::ranges::count(content.blobs, Presence::kPresent, &index::Blob::presence);
  print(fmt::format("\n{}, {}, {}, {} in {}, {}\n", cli::plural(content.references.size(), "name"),
                    cli::plural(content.manifests.size(), "manifest"),
                    cli::plural(static_cast<std::uint64_t>(blobs), "blob"),
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

void list_json(const bundle::OpenedBundle& bundle,
               const std::function<void(std::string_view)>& print) {
  const index::Index& index = bundle.index();
  const Content& content = index.content;
  print("{\n");
  print(fmt::format("  \"seal\": {},\n", text_of(bundle.seal().text(), 2)));
  print(fmt::format("  \"metadata\": {},\n", text_of(index.metadata, 2)));
  print_list("files", index.files, print, [](const index::PayloadFile& file) {
    return Json{{"path", file.path}, {"size", file.size}, {"sha256", file.sha256}};
  });
  print(",\n");
  print_list("references", content.references, print, [&](const index::ReferenceInfo& reference) {
    return to_json(content, bundle.graph(), reference);
  });
  print(",\n");
  print_list("disks", index.disks, print,
             [&](const index::DiskInfo& disk) { return to_json(index, disk); });
  print(",\n");
  print_list("absences", content.absences, print, [&](const index::Absence& absence) {
    return Json{{"blob", absence.blob ? Json(content.blobs[*absence.blob].digest.text()) : Json()},
                {"reference", absence.reference},
                {"reason", absence.reason},
                {"detail", absence.detail}};
  });
  print("\n}\n");
}

}  // namespace seabag::importer
