// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "db/database.h"
#include "index/content.h"
#include "index/disks.h"

/// The SQLite index of a bundle. format-spec/index.md explains the tables and format-spec/index.sql
/// is the schema, compiled in. The index is derived: digests are the authority.
namespace seabag::index {

inline constexpr std::int32_t kApplicationId = 0x53424147;  // "SBAG"
inline constexpr std::int32_t kSchemaVersion = 1;
inline constexpr const char* kIndexFile = "index.sqlite";

/// A file under data/.
struct PayloadFile {
  std::string path;  ///< relative to the bag: "data/images/images.tar"
  std::uint64_t size = 0;
  std::string sha256;  ///< the checksum that the payload manifest has, 64 digits; empty while it is
                       ///< being made

  friend bool operator==(const PayloadFile&, const PayloadFile&) = default;
};

/// Where the bytes of a blob lie; a blob may lie in several tarballs (--split-by).
struct Location {
  BlobId blob = 0;
  std::uint32_t file = 0;    ///< position in payload files
  std::uint64_t offset = 0;  ///< bytes from the start of the file to the blob's first byte
};

struct Index {
  std::map<std::string, std::string> metadata;  ///< "format-version", "created", "tool", ...
  std::vector<PayloadFile> files;
  std::vector<Location> locations;  ///< sorted by blob, then file
  Content content;
  std::vector<DiskInfo> disks = {};  ///< sorted by name
};

/// Writes `index` into an empty database, schema and views included. The same value gives the same
/// rows in the same order. Requires: index.content is canonical().
void write_index(db::Database& database, const Index& index);

/// Reads all of it back.
/// Errors: kUnsupported (another application_id or user_version), kMalformed: the schema is not
/// exactly ours, a
///         column of another type, an id that points nowhere, a digest that is none, a number out
///         of range.
Index read_index(db::Database& database);

}  // namespace seabag::index
