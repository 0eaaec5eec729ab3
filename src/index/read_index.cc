// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <limits>
#include <set>
#include <tuple>
#include <utility>

#include <fmt/format.h>

#include "base/arith.h"
#include "base/error.h"
#include "base/hex.h"
#include "base/text.h"
#include "index/index_file.h"
#include "index/rows_internal.h"
#include "index/schema_internal.h"

// The file may come from a stranger, and a right SHA-256 says only which stranger. So nothing is
// used before it is known to be exactly our schema in a sound file (a table could be a view that
// never ends, a column could be computed), and then every value is held against its type, its range
// and its place. What the rows claim about the bundle is not believed here either: whoever uses
// them reads blobs by their digests.
//
// Memory: a row of each table takes more bytes in the file than in these vectors take twice, and
// the check of the file has shown that no page is used twice, so counting the rows first bounds the
// vectors by the file.

namespace seabag::index {
namespace {

std::int64_t pragma(db::Database& database, const char* sql) {
  db::Statement statement(database, sql);
  check(statement.step(), "a PRAGMA gives a row");
  return statement.integer(0);
}

void require_ours(db::Database& database) {
  const std::int64_t application = pragma(database, "PRAGMA application_id");
  if (application != kApplicationId) {
    throw Error(Code::kUnsupported, fmt::format("application id: expected {:#x}, got {:#x}",
                                                kApplicationId, application));
  }
  const std::int64_t version = pragma(database, "PRAGMA user_version");
  if (version != kSchemaVersion) {
    throw Error(Code::kUnsupported,
                fmt::format("schema version: expected {}, got {}", kSchemaVersion, version))
        .add_next_step(version > kSchemaVersion
                           ? "use a newer seabag-import"
                           : "make the index anew: seabag-import index BUNDLE --rebuild");
  }
}

// Compares with what our own text makes of an empty database.
void require_schema(db::Database& database) {
  static constexpr const char* kSelect =
      "SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name";
  db::Database fresh = db::Database::create_in_memory();
  fresh.execute(kSchema);
  db::Statement expected(fresh, kSelect);
  db::Statement actual(database, kSelect);
  while (expected.step()) {
    if (!actual.step()) {
      throw malformed(fmt::format("schema: {} is missing", quoted(expected.text(1))));
    }
    bool is_same = actual.find_text(3) == expected.find_text(3);
    for (const int column : {0, 1, 2}) {
      is_same = is_same && actual.text_view(column) == expected.text_view(column);
    }
    if (!is_same) {
      throw malformed(fmt::format(
          "schema: expected {} {} as format-spec/index.sql has it, got {} {}", expected.text(0),
          quoted(expected.text(1)), printable(actual.text(0)), quoted(actual.text(1))));
    }
  }
  if (actual.step()) {
    throw malformed(fmt::format("schema: {} does not belong there", quoted(actual.text(1))));
  }
}

// Every page is used once, and its cells are sound and in order. CHECK constraints are not looked
// at: SQLite forgets them in a read-only database.
void require_sound(db::Database& database) {
  db::Statement statement(database, "PRAGMA quick_check(1)");
  check(statement.step(), "a PRAGMA gives a row");
  if (statement.text_view(0) != "ok") throw malformed(printable(statement.text_view(0)));
}

// Of a list whose first entry means none: NULL.
std::uint32_t id_or_none_at(const db::Statement& row, int column, std::size_t count) {
  if (row.is_null(column)) return 0;
  const std::uint32_t id = id_at(row, column, count);
  if (id == 0) throw malformed("id 0 means none, which is NULL");
  return id;
}

// A text that goes into JSON.
std::string utf8_at(const db::Statement& row, int column) {
  std::string text = row.text(column);
  if (!is_utf8(text)) throw malformed(fmt::format("{} is not UTF-8", quoted(text, 80)));
  return text;
}

// A name that goes into paths and requests. Source: format-spec/index.md, IDX-9.
std::string name_at(const db::Statement& row, int column) {
  std::string name = utf8_at(row, column);
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7F) {
      throw malformed(fmt::format("control character in {}", quoted(name)));
    }
  }
  return name;
}

std::string path_at(const db::Statement& row, int column) {
  std::string path = name_at(row, column);
  const bool climbs = ('/' + path + '/').find("/../") != std::string::npos;
  if (!path.starts_with("data/") || climbs) {
    throw malformed(fmt::format("{} is not a path below data/", quoted(path)));
  }
  return path;
}

std::string sha256_at(const db::Statement& row, int column) {
  if (row.is_null(column)) return {};
  std::string text = row.text(column);
  std::array<std::byte, 32> raw = {};
  if (!from_hex(text, raw)) throw malformed(fmt::format("{} is not a SHA-256", quoted(text, 80)));
  return text;
}

class Reader {
 public:
  explicit Reader(db::Database& database) : database_(database) {}

  Index run() {
    read_metadata();
    read_files();
    read_names();
    read_blobs();
    read_locations();
    read_manifests();
    read_edges();
    read_references();
    read_absences();
    require_order();
    nesting_of(content_);
    read_disks(database_, index_);
    return std::move(index_);
  }

 private:
  template <class Item>
  void reserve(std::vector<Item>& items, const std::string& table) {
    db::Statement count(database_, "SELECT count(*) FROM " + table);
    check(count.step(), "count() gives a row");
    const std::uint64_t rows = size_at(count, 0);
    if (rows >= std::numeric_limits<std::uint32_t>::max()) {
      throw malformed(fmt::format("{} rows in {}", rows, table));
    }
    items.reserve(rows);
  }

  void read_metadata() {
    for_each_row(database_, "metadata", "SELECT name, value FROM metadata",
                 [&](const db::Statement& row, std::uint64_t) {
                   index_.metadata.emplace(name_at(row, 0), row.text(1));
                 });
  }

  void read_files() {
    std::set<std::string> paths;
    for_each_id(database_, "files", "SELECT id, path, size, sha256 FROM files ORDER BY id", 0,
                [&](const db::Statement& row) {
                  std::string path = path_at(row, 1);
                  if (!paths.insert(path).second) {
                    throw malformed(fmt::format("{} is there twice", quoted(path)));
                  }
                  index_.files.push_back({std::move(path), size_at(row, 2), sha256_at(row, 3)});
                });
  }

  void read_names() {
    for_each_id(database_, "media_types", "SELECT id, name FROM media_types ORDER BY id", 1,
                [&](const db::Statement& row) { content_.media_types.push_back(utf8_at(row, 1)); });
    for_each_id(database_, "platforms",
                "SELECT id, os, architecture, variant, os_version FROM platforms ORDER BY id", 1,
                [&](const db::Statement& row) {
                  content_.platforms.push_back(
                      {utf8_at(row, 1), utf8_at(row, 2), utf8_at(row, 3), utf8_at(row, 4)});
                });
  }

  void read_blobs() {
    reserve(content_.blobs, "blobs");
    for_each_id(
        database_, "blobs", "SELECT id, digest, size, presence FROM blobs ORDER BY id", 0,
        [&](const db::Statement& row) {
          const std::string_view text = row.text_view(1);
          const auto digest = digest::find_digest(text);
          if (!digest) throw malformed(fmt::format("{} is not a digest", quoted(text, 160)));
          content_.blobs.push_back(
              {*digest, size_at(row, 2), meaning_of<Presence>(kPresenceWords, row.text_view(3))});
        });
  }

  void read_locations() {
    reserve(index_.locations, "locations");
    for_each_row(database_, "locations",
                 "SELECT blob, file, offset FROM locations ORDER BY blob, file",
                 [&](const db::Statement& row, std::uint64_t) {
                   const Location at = {id_at(row, 0, content_.blobs.size()),
                                        id_at(row, 1, index_.files.size()), size_at(row, 2)};
                   const std::uint64_t end = checked_add(at.offset, content_.blobs[at.blob].size);
                   if (end > index_.files[at.file].size) {
                     throw malformed(fmt::format("blob ends at {} in a file of {} bytes", end,
                                                 index_.files[at.file].size));
                   }
                   require_next(at);
                   index_.locations.push_back(at);
                 });
  }

  void require_next(const Location& at) const {
    if (index_.locations.empty()) return;
    const Location& last = index_.locations.back();
    if (std::pair(last.blob, last.file) >= std::pair(at.blob, at.file)) {
      throw malformed("is not in order");
    }
  }

  void read_manifests() {
    reserve(content_.manifests, "manifests");
    for_each_row(
        database_, "manifests",
        "SELECT blob, kind, media_type, artifact_type, created FROM manifests ORDER BY blob",
        [&](const db::Statement& row, std::uint64_t) {
          ManifestInfo manifest;
          manifest.blob = id_at(row, 0, content_.blobs.size());
          manifest.kind = meaning_of<oci::ManifestKind>(kManifestWords, row.text_view(1));
          manifest.media_type = id_or_none_at(row, 2, content_.media_types.size());
          manifest.artifact_type = id_or_none_at(row, 3, content_.media_types.size());
          manifest.created = row.find_text(4).value_or("");
          content_.manifests.push_back(std::move(manifest));
        });
  }

  void read_edges() {
    std::vector<bool> is_manifest(content_.blobs.size(), false);
    for (const ManifestInfo& manifest : content_.manifests) is_manifest[manifest.blob] = true;
    reserve(content_.edges, "edges");
    for_each_row(database_, "edges",
                 "SELECT parent, role, position, child, media_type, platform FROM edges ORDER BY "
                 "parent, role, position",
                 [&](const db::Statement& row, std::uint64_t) {
                   Edge edge;
                   edge.parent = id_at(row, 0, content_.blobs.size());
                   if (!is_manifest[edge.parent]) {
                     throw malformed(fmt::format("blob {} is no manifest", edge.parent));
                   }
                   edge.role = meaning_of<EdgeRole>(kRoleWords, row.text_view(1));
                   edge.position = id_at(row, 2, std::numeric_limits<std::uint32_t>::max());
                   edge.child = id_at(row, 3, content_.blobs.size());
                   edge.media_type = id_or_none_at(row, 4, content_.media_types.size());
                   edge.platform = id_or_none_at(row, 5, content_.platforms.size());
                   content_.edges.push_back(edge);
                 });
    // The table has the roles in the order of the alphabet.
    std::ranges::sort(content_.edges, {}, [](const Edge& edge) {
      return std::tuple(edge.parent, edge.role, edge.position);
    });
  }

  void read_references() {
    for_each_id(database_, "repositories",
                "SELECT id, registry, name FROM repositories ORDER BY id", 0,
                [&](const db::Statement& row) {
                  content_.repositories.push_back({name_at(row, 1), name_at(row, 2)});
                });
    for_each_id(database_, "sources", "SELECT id, uri FROM sources ORDER BY id", 0,
                [&](const db::Statement& row) { content_.sources.push_back({row.text(1)}); });
    reserve(content_.references, "image_references");
    for_each_id(database_, "image_references",
                "SELECT id, repository, kind, tag, manifest, source, read_at FROM image_references "
                "ORDER BY id",
                0, [&](const db::Statement& row) {
                  ReferenceInfo reference;
                  reference.repository = id_at(row, 1, content_.repositories.size());
                  reference.kind = meaning_of<ReferenceKind>(kReferenceWords, row.text_view(2));
                  if ((reference.kind == ReferenceKind::kTag) == row.is_null(3)) {
                    throw malformed(fmt::format("kind {} {} a tag", row.text_view(2),
                                                row.is_null(3) ? "without" : "with"));
                  }
                  if (!row.is_null(3)) reference.tag = name_at(row, 3);
                  if (!row.is_null(3) && reference.tag.empty()) throw malformed("the tag is empty");
                  reference.manifest = id_at(row, 4, content_.blobs.size());
                  reference.source = id_at(row, 5, content_.sources.size());
                  reference.read_at = time_at(row, 6);
                  content_.references.push_back(std::move(reference));
                });
  }

  void read_absences() {
    for_each_id(database_, "absences",
                "SELECT id, blob, reference, reason, detail FROM absences ORDER BY id", 0,
                [&](const db::Statement& row) {
                  if (row.is_null(1) == row.is_null(2)) {
                    throw malformed("expected either a blob or a reference");
                  }
                  Absence absence;
                  if (!row.is_null(1)) absence.blob = id_at(row, 1, content_.blobs.size());
                  absence.reference = row.find_text(2).value_or("");
                  absence.reason = name_at(row, 3);
                  absence.detail = row.text(4);
                  content_.absences.push_back(std::move(absence));
                });
  }

  // So no digest, name or tag is there twice, and binary search works on what was read.
  void require_order() {
    const std::string_view part = find_disorder(content_);
    if (!part.empty()) {
      throw malformed(fmt::format("the {} are not in order, or not all different", part));
    }
  }

  db::Database& database_;
  Index index_;
  Content& content_ = index_.content;
};

}  // namespace

Index read_index(db::Database& database) try {
  require_ours(database);
  require_schema(database);
  require_sound(database);
  return Reader(database).run();
} catch (Error& error) {
  error.add_context(kIndexFile);
  throw;
}

}  // namespace seabag::index
