// SPDX-License-Identifier: Apache-2.0
// An index that somebody has changed: the bytes say which values of a sound one become which
// others, and then which bytes of the file. SQLite's own constraints are off. What is accepted can
// be used.

#include <cstring>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include <sys/mman.h>
#include <unistd.h>

#include <fmt/format.h>
#include <sqlite3.h>

#include "base/limits.h"
#include "bundle/documents.h"
#include "bundle/plan.h"
#include "harness.h"
#include "index/index_file.h"
#include "index/sample_internal.h"
#include "io/posix_file_system.h"
#include "testing/temp_dir.h"

using namespace seabag;

namespace {

struct FreeSqlite {
  void operator()(void* memory) const { sqlite3_free(memory); }
  void operator()(sqlite3* connection) const { sqlite3_close(connection); }
  void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};
using Connection = std::unique_ptr<sqlite3, FreeSqlite>;
using Prepared = std::unique_ptr<sqlite3_stmt, FreeSqlite>;

io::Bytes sound_index() {
  const testing::TempDir directory;
  const std::string path = directory / "index.sqlite";
  const auto files = io::posix_file_system();
  db::Database database = db::Database::create(*files, path);
  index::write_index(database, index::Sample().index());
  database.close();
  std::ifstream file(path, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const auto bytes = io::bytes_of(text);
  return {bytes.begin(), bytes.end()};
}

/// Takes numbers and texts off the input; zeros and nothing at its end.
class Input {
 public:
  explicit Input(std::span<const std::byte> rest) : rest_(rest) {}
  bool at_end() const { return rest_.empty(); }
  std::span<const std::byte> take(std::size_t count) {
    const auto taken = rest_.first(std::min(count, rest_.size()));
    rest_ = rest_.subspan(taken.size());
    return taken;
  }
  std::uint8_t byte() {
    const auto one = take(1);
    return one.empty() ? std::uint8_t{0} : std::to_integer<std::uint8_t>(one.front());
  }
  std::int64_t number() {
    std::int64_t value = 0;
    const auto bytes = take(sizeof(value));
    std::memcpy(&value, bytes.data(), bytes.size());
    return value;
  }

 private:
  std::span<const std::byte> rest_;
};

/// A copy of a database in memory, to be changed.
class Changed {
 public:
  explicit Changed(const io::Bytes& bytes) {
    sqlite3* connection = nullptr;
    fuzz::require(sqlite3_open(":memory:", &connection) == SQLITE_OK, "SQLite opens");
    connection_.reset(connection);
    auto* copy = static_cast<unsigned char*>(sqlite3_malloc64(bytes.size()));
    std::memcpy(copy, bytes.data(), bytes.size());
    const auto size = static_cast<sqlite3_int64>(bytes.size());
    sqlite3_deserialize(connection, "main", copy, size, size,
                        SQLITE_DESERIALIZE_FREEONCLOSE | SQLITE_DESERIALIZE_RESIZEABLE);
    sqlite3_exec(connection, "PRAGMA foreign_keys = OFF; PRAGMA ignore_check_constraints = ON",
                 nullptr, nullptr, nullptr);
    read_columns();
  }

  void change(Input& input) {
    const auto& [table, column, key] = columns_[input.byte() % columns_.size()];
    const int row = input.byte() % 16;
    const bool removes = input.byte() % 8 == 7;
    const std::string where =
        fmt::format("WHERE {0} IS (SELECT {0} FROM {1} LIMIT 1 OFFSET ?2)", key, table);
    const Prepared statement =
        prepare(removes ? fmt::format("DELETE FROM {} {} AND ?1 IS ?1", table, where)
                        : fmt::format("UPDATE {} SET {} = ?1 {}", table, column, where));
    if (!statement) return;
    bind(statement.get(), input);
    sqlite3_bind_int(statement.get(), 2, row);
    sqlite3_step(statement.get());  // may fail: it is no change then
  }

  io::Bytes bytes() const {
    sqlite3_int64 size = 0;
    const std::unique_ptr<unsigned char, FreeSqlite> image(
        sqlite3_serialize(connection_.get(), "main", &size, 0));
    const auto view = std::as_bytes(std::span(image.get(), static_cast<std::size_t>(size)));
    return {view.begin(), view.end()};
  }

 private:
  struct Column {
    std::string table;
    std::string name;
    std::string key;  // the table's first column
  };

  Prepared prepare(const std::string& sql) const {
    sqlite3_stmt* statement = nullptr;
    sqlite3_prepare_v2(connection_.get(), sql.c_str(), -1, &statement, nullptr);
    return Prepared(statement);
  }

  void read_columns() {
    const Prepared statement = prepare(
        "SELECT s.name, c.name, (SELECT name FROM pragma_table_info(s.name) WHERE cid = 0) "
        "FROM sqlite_schema s, pragma_table_info(s.name) c WHERE s.type = 'table'");
    const auto text = [&](int column) {
      return std::string(
          reinterpret_cast<const char*>(sqlite3_column_text(statement.get(), column)));
    };
    while (sqlite3_step(statement.get()) == SQLITE_ROW) {
      columns_.push_back({text(0), text(1), text(2)});
    }
    fuzz::require(columns_.size() > 50, "the schema has its columns");
  }

  static void bind(sqlite3_stmt* statement, Input& input) {
    switch (input.byte() % 4) {
      case 0:
        sqlite3_bind_int(statement, 1, static_cast<std::int8_t>(input.byte()));
        break;
      case 1:
        sqlite3_bind_int64(statement, 1, input.number());
        break;
      case 2: {
        const auto text = io::text_of(input.take(input.byte()));
        sqlite3_bind_text(statement, 1, text.data(), static_cast<int>(text.size()),
                          SQLITE_TRANSIENT);
        break;
      }
      default:
        sqlite3_bind_null(statement, 1);
    }
  }

  Connection connection_;
  std::vector<Column> columns_;
};

io::Bytes changed_index(Input& input) {
  static const io::Bytes sound = sound_index();
  Changed database(sound);
  for (int changes = input.byte() % 16; changes > 0; --changes) database.change(input);
  io::Bytes bytes = database.bytes();
  while (!input.at_end()) {
    const std::size_t place = input.byte() * 65536U + input.byte() * 256U + input.byte();
    bytes[place % bytes.size()] = static_cast<std::byte>(input.byte());
  }
  return bytes;
}

/// What the importer does with an index before it reads a blob.
void use(const index::Index& index) {
  const index::Content& content = index.content;
  fuzz::require(index::find_disorder(content).empty(), "the content is in its order");
  const index::Graph graph(content);
  std::vector<std::uint32_t> references;
  for (std::uint32_t i = 0; i < content.references.size(); ++i) {
    references.push_back(i);
    graph.closure_of(content.references[i].manifest);
    graph.referrers_of(content.references[i].manifest);
    content.name_of(content.references[i]);
  }
  for (const index::Location& location : index.locations) {
    fuzz::require(location.file < index.files.size() && location.blob < content.blobs.size(),
                  "locations are of files and blobs");
  }
  for (const index::DiskInfo& disk : index.disks) {
    fuzz::require(index::is_disk_name(disk.name), "disks have names");
    for (const std::uint32_t file : disk.files) {
      fuzz::require(file < index.files.size(), "disks have files");
    }
    fuzz::require(!disk.config || *disk.config < index.files.size(), "disks have files");
  }
  bundle::layout_index(content, graph, references);
  bundle::docker_manifest(content, graph, references);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const int descriptor = ::memfd_create("index", MFD_CLOEXEC);
  Input input(fuzz::bytes_of(data, size));
  const io::Bytes file = changed_index(input);
  fuzz::require(::ftruncate(descriptor, 0) == 0 && ::pwrite(descriptor, file.data(), file.size(),
                                                            0) == static_cast<ssize_t>(file.size()),
                "there is memory");
  fuzz::accept_or_refuse([&] {
    db::Database database =
        db::Database::open_untrusted(fmt::format("/proc/self/fd/{}", descriptor));
    const index::Index index = index::read_index(database);
    database.close();
    use(index);
  });
  return 0;
}
