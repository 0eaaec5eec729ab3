// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "base/arith.h"
#include "base/error.h"
#include "index/index_file.h"
#include "index/schema_internal.h"

namespace seabag::index {
namespace {

// SQLite's integers are signed; a size beyond them was refused when it was parsed.
std::int64_t number(std::uint64_t value) {
  return narrow<std::int64_t>(value);
}

// NULL for the id that means none.
void bind_id(db::Statement& statement, int parameter, std::uint32_t id) {
  if (id == 0) {
    statement.bind_null(parameter);
  } else {
    statement.bind(parameter, number(id));
  }
}

// NULL for the text that means none.
void bind_text(db::Statement& statement, int parameter, std::string_view text) {
  if (text.empty()) {
    statement.bind_null(parameter);
  } else {
    statement.bind(parameter, text);
  }
}

void write_metadata(db::Database& database, const std::map<std::string, std::string>& metadata) {
  db::Statement insert(database, "INSERT INTO metadata VALUES (?, ?)");
  for (const auto& [name, value] : metadata) insert.bind(1, name).bind(2, value).run();
}

void write_files(db::Database& database, const std::vector<PayloadFile>& files) {
  db::Statement insert(database, "INSERT INTO files VALUES (?, ?, ?, ?)");
  for (std::size_t id = 0; id < files.size(); ++id) {
    insert.bind(1, number(id)).bind(2, files[id].path).bind(3, number(files[id].size));
    bind_text(insert, 4, files[id].sha256);
    insert.run();
  }
}

void write_names(db::Database& database, const Content& content) {
  db::Statement media_type(database, "INSERT INTO media_types VALUES (?, ?)");
  for (std::size_t id = 1; id < content.media_types.size(); ++id) {
    media_type.bind(1, number(id)).bind(2, content.media_types[id]).run();
  }
  db::Statement platform(database, "INSERT INTO platforms VALUES (?, ?, ?, ?, ?)");
  for (std::size_t id = 1; id < content.platforms.size(); ++id) {
    const oci::Platform& known = content.platforms[id];
    platform.bind(1, number(id))
        .bind(2, known.os)
        .bind(3, known.architecture)
        .bind(4, known.variant);
    platform.bind(5, known.os_version).run();
  }
}

void write_blobs(db::Database& database, const Index& index) {
  const std::vector<Blob>& blobs = index.content.blobs;
  db::Statement blob(database, "INSERT INTO blobs VALUES (?, ?, ?, ?)");
  for (std::size_t id = 0; id < blobs.size(); ++id) {
    blob.bind(1, number(id)).bind(2, blobs[id].digest.text()).bind(3, number(blobs[id].size));
    blob.bind(4, word_for(kPresenceWords, blobs[id].presence)).run();
  }
  db::Statement location(database, "INSERT INTO locations VALUES (?, ?, ?)");
  for (const Location& at : index.locations) {
    location.bind(1, number(at.blob)).bind(2, number(at.file)).bind(3, number(at.offset)).run();
  }
}

void write_graph(db::Database& database, const Content& content) {
  db::Statement manifest(database, "INSERT INTO manifests VALUES (?, ?, ?, ?, ?)");
  for (const ManifestInfo& known : content.manifests) {
    manifest.bind(1, number(known.blob)).bind(2, word_for(kManifestWords, known.kind));
    bind_id(manifest, 3, known.media_type);
    bind_id(manifest, 4, known.artifact_type);
    bind_text(manifest, 5, known.created);
    manifest.run();
  }
  db::Statement edge(database, "INSERT INTO edges VALUES (?, ?, ?, ?, ?, ?)");
  for (const Edge& known : content.edges) {
    edge.bind(1, number(known.parent))
        .bind(2, word_for(kRoleWords, known.role))
        .bind(3, number(known.position));
    edge.bind(4, number(known.child));
    bind_id(edge, 5, known.media_type);
    bind_id(edge, 6, known.platform);
    edge.run();
  }
}

void write_references(db::Database& database, const Content& content) {
  db::Statement repository(database, "INSERT INTO repositories VALUES (?, ?, ?)");
  for (std::size_t id = 0; id < content.repositories.size(); ++id) {
    const Repository& known = content.repositories[id];
    repository.bind(1, number(id)).bind(2, known.registry).bind(3, known.name).run();
  }
  db::Statement source(database, "INSERT INTO sources VALUES (?, ?)");
  for (std::size_t id = 0; id < content.sources.size(); ++id) {
    source.bind(1, number(id)).bind(2, content.sources[id].uri).run();
  }
  db::Statement reference(database, "INSERT INTO image_references VALUES (?, ?, ?, ?, ?, ?, ?)");
  for (std::size_t id = 0; id < content.references.size(); ++id) {
    const ReferenceInfo& known = content.references[id];
    reference.bind(1, number(id))
        .bind(2, number(known.repository))
        .bind(3, word_for(kReferenceWords, known.kind));
    bind_text(reference, 4, known.tag);
    reference.bind(5, number(known.manifest))
        .bind(6, number(known.source))
        .bind(7, to_rfc3339(known.read_at))
        .run();
  }
}

void write_absences(db::Database& database, const std::vector<Absence>& absences) {
  db::Statement insert(database, "INSERT INTO absences VALUES (?, ?, ?, ?, ?)");
  for (std::size_t id = 0; id < absences.size(); ++id) {
    const Absence& absence = absences[id];
    insert.bind(1, number(id));
    if (absence.blob) {
      insert.bind(2, number(*absence.blob)).bind_null(3);
    } else {
      insert.bind_null(2).bind(3, absence.reference);
    }
    insert.bind(4, absence.reason).bind(5, absence.detail).run();
  }
}

void write_disk(const DiskInfo& disk, std::size_t id, db::Statement& insert, db::Statement& file,
                db::Statement& zeroed) {
  insert.bind(1, number(id)).bind(2, disk.name).bind(3, disk.server);
  insert.bind(4, number(disk.position)).bind(5, std::int64_t{disk.boots ? 1 : 0});
  insert.bind(6, disk.format).bind(7, number(disk.size));
  bind_text(insert, 8, disk.content);
  if (disk.config) {
    insert.bind(9, number(*disk.config));
  } else {
    insert.bind_null(9);
  }
  insert.bind(10, disk.source).bind(11, disk.source_format).bind(12, number(disk.source_size));
  insert.bind(13, to_rfc3339(disk.read_at)).run();
  for (std::size_t position = 0; position < disk.files.size(); ++position) {
    file.bind(1, number(id)).bind(2, number(position)).bind(3, number(disk.files[position])).run();
  }
  for (const ZeroedRange& range : disk.zeroed) {
    zeroed.bind(1, number(id)).bind(2, number(range.offset)).bind(3, number(range.length)).run();
  }
}

void write_disks(db::Database& database, const std::vector<DiskInfo>& disks) {
  db::Statement insert(database,
                       "INSERT INTO disks VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
  db::Statement file(database, "INSERT INTO disk_files VALUES (?, ?, ?)");
  db::Statement zeroed(database, "INSERT INTO disk_zeroed VALUES (?, ?, ?)");
  for (std::size_t id = 0; id < disks.size(); ++id) write_disk(disks[id], id, insert, file, zeroed);
}

}  // namespace

void write_index(db::Database& database, const Index& index) {
  check(find_disorder(index.content).empty(), "the content of an index is in canonical order");
  check(std::ranges::is_sorted(index.disks, {}, &DiskInfo::name), "disks are in order");
  // One transaction, and always the same statements in the same order: SQLite then makes the same
  // file.
  db::Transaction transaction(database);
  database.execute(kSchema);
  write_metadata(database, index.metadata);
  write_files(database, index.files);
  write_names(database, index.content);
  write_blobs(database, index);
  write_graph(database, index.content);
  write_references(database, index.content);
  write_absences(database, index.content.absences);
  write_disks(database, index.disks);
  transaction.commit();
}

}  // namespace seabag::index
