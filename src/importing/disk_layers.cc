// SPDX-License-Identifier: Apache-2.0
#include "importing/disk_layers.h"

#include <algorithm>
#include <map>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/arith.h"
#include "base/error.h"
#include "base/text.h"
#include "digest/digest.h"
#include "importing/disk_artifact.h"
#include "io/bytes.h"
#include "json/json.h"

// Every name and number here is a stranger's.

namespace seabag::importing {
namespace {

constexpr std::size_t kMostFiles = 40'000;  // 2047 MiB each: 80 TiB, more than any disk has

using Files = std::map<std::string, DiskLayersFile>;

// As disk_artifact.cc writes it: the disk's name, and what its format adds ("-f001.vmdk").
std::string checked_file_name(const std::string& name) {
  constexpr std::size_t kLongestName = 64;
  const bool is_plain =
      index::is_disk_name(name.substr(0, kLongestName)) &&
      (name.size() <= kLongestName || index::is_disk_name("_" + name.substr(kLongestName)));
  if (is_plain && name.size() <= 80) return name;
  throw Error(Code::kMalformed,
              fmt::format("{} is no name of a disk's file", seabag::quoted(name, 100)));
}

DiskLayersFile parse_file(const json::Value& object) {
  DiskLayersFile file{.name = checked_file_name(json::require_string(object, "name")),
                      .sha256 = json::require_string(object, "sha256", 64),
                      .size = json::require_size(object, "size"),
                      .pieces = {}};
  if (digest::find_digest("sha256:" + file.sha256)) return file;
  throw Error(Code::kMalformed, fmt::format("{}: {} is no SHA-256", seabag::quoted(file.name),
                                            seabag::quoted(file.sha256)));
}

Files parse_files(const json::Value& document) {
  const json::Value* list = json::find_array(document, "files");
  if (list == nullptr || list->empty() || list->size() > kMostFiles) {
    throw Error(Code::kMalformed, "the config of the disk names no files, or too many");
  }
  Files files;
  for (const json::Value& object : *list) {
    DiskLayersFile file = parse_file(object);
    const std::string name = file.name;
    if (files.emplace(name, std::move(file)).second) continue;
    throw Error(Code::kMalformed,
                fmt::format("the config of the disk names {} twice", seabag::quoted(name)));
  }
  return files;
}

std::uint64_t chunk_offset(const oci::Descriptor& layer) {
  const auto found = layer.annotations.find(kChunkOffsetAnnotation);
  if (found == layer.annotations.end()) return 0;
  if (const auto offset = find_number(found->second)) return *offset;
  throw Error(Code::kMalformed, fmt::format("{}: expected a number, got {}", kChunkOffsetAnnotation,
                                            seabag::quoted(found->second, 40)));
}

// A file that the config does not name is the configuration of the disk's server, in one piece.
DiskLayersFile server_config(const std::string& name, const oci::Descriptor& layer) {
  if (layer.media_type == kServerConfigType) {
    return {.name = name, .sha256 = layer.digest.hex(), .size = layer.size, .pieces = {}};
  }
  throw Error(
      Code::kMalformed,
      fmt::format("{} is a layer that the config of the disk does not name", seabag::quoted(name)));
}

void give_layers(const oci::Manifest& manifest, Files& files) {
  for (const oci::Descriptor& layer : manifest.layers) {
    const auto title = layer.annotations.find(kTitleAnnotation);
    if (title == layer.annotations.end()) throw Error(Code::kMalformed, "a layer without a name");
    const std::string name = checked_file_name(title->second);
    if (!files.contains(name)) files.emplace(name, server_config(name, layer));
    files.at(name).pieces.push_back(layer);
  }
}

// The layers of a file must follow one another from its first byte to its last: a hole between them
// would be as large as the stranger likes.
void put_in_order(DiskLayersFile& file) {
  if (file.pieces.empty()) {
    throw Error(Code::kMalformed, fmt::format("{} has no layer", seabag::quoted(file.name)));
  }
  std::ranges::stable_sort(file.pieces, {}, chunk_offset);
  std::uint64_t end = 0;
  for (const oci::Descriptor& piece : file.pieces) {
    const std::uint64_t offset = chunk_offset(piece);
    if (offset != end) {
      throw Error(Code::kMalformed, fmt::format("{}: a layer begins at {}, expected {}",
                                                seabag::quoted(file.name), offset, end));
    }
    end = checked_add(end, piece.size);
  }
  if (end == file.size) return;
  throw Error(Code::kMalformed, fmt::format("{}: expected {} bytes, its layers have {}",
                                            seabag::quoted(file.name), file.size, end));
}

}  // namespace

DiskLayers parse_disk_layers(const oci::Manifest& manifest, std::span<const std::byte> config) {
  const json::Value document = json::parse(io::text_of(config), "the config of the disk");
  DiskLayers disk{.name = json::require_string(document, "name"),
                  .content = json::require_string(document, "content"),
                  .files = {}};
  if (!index::is_disk_name(disk.name)) {
    throw Error(Code::kMalformed,
                fmt::format("{} is no name of a disk", seabag::quoted(disk.name, 100)));
  }
  Files files = parse_files(document);
  give_layers(manifest, files);
  for (auto& [name, file] : files) {
    put_in_order(file);
    disk.files.push_back(std::move(file));
  }
  return disk;
}

}  // namespace seabag::importing
