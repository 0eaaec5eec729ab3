// SPDX-License-Identifier: Apache-2.0
#include "bundle/damage_file.h"

#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/limits.h"
#include "base/text.h"
#include "json/json.h"

namespace seabag::bundle {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::uint64_t kVersion = 1;

Json file_json(const index::PayloadFile& file) {
  return {{"path", file.path}, {"size", file.size}, {"sha256", file.sha256}};
}

Json blob_json(const DamagedBlob& blob) {
  Json places = Json::array();
  for (const DamagedPlace& place : blob.places) {
    places.push_back({{"file", place.file}, {"offset", place.offset}});
  }
  return {{"digest", blob.digest.text()}, {"size", blob.size},
          {"mediaType", blob.media_type}, {"manifest", blob.is_manifest},
          {"places", std::move(places)},  {"references", blob.references}};
}

Json disk_json(const DamagedDisk& damaged) {
  const index::DiskInfo& disk = damaged.disk;
  Json files = Json::array();
  for (const index::PayloadFile& file : damaged.files) files.push_back(file_json(file));
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
          {"source", disk.source},
          {"sourceFormat", disk.source_format},
          {"sourceSize", disk.source_size},
          {"zeroed", std::move(zeroed)},
          {"identifiers", damaged.identifiers},
          {"files", std::move(files)}};
}

[[noreturn]] void refuse_member(const char* key, const std::string& value) {
  throw Error(Code::kMalformed, fmt::format("{} is {}", key, seabag::quoted(value)));
}

digest::Digest read_digest(const json::Value& object, const char* key) {
  const std::string text = json::require_string(object, key);
  const auto digest = digest::find_digest(text);
  if (!digest) refuse_member(key, text);
  return *digest;
}

bool read_bool(const json::Value& object, const char* key) {
  const auto found = object.find(key);
  if (found != object.end() && found->is_boolean()) return found->get<bool>();
  throw Error(Code::kMalformed, fmt::format("{}: expected true or false", key));
}

template <class Visit>
void for_each_in(const json::Value& object, const char* key, Visit visit) {
  const json::Value* list = json::find_array(object, key);
  if (list == nullptr) throw Error(Code::kMalformed, fmt::format("{} is missing", key));
  std::size_t position = 0;
  for (const json::Value& element : *list) {
    try {
      visit(element);
    } catch (Error& error) {
      error.add_context(fmt::format("{}[{}]", key, position));
      throw;
    }
    ++position;
  }
}

std::vector<std::string> read_texts(const json::Value& object, const char* key) {
  std::vector<std::string> texts;
  for_each_in(object, key, [&](const json::Value& element) {
    const auto* text = element.get_ptr<const json::Value::string_t*>();
    if (text == nullptr) throw Error(Code::kMalformed, "expected a string");
    texts.push_back(*text);
  });
  return texts;
}

index::PayloadFile read_file(const json::Value& object) {
  index::PayloadFile file{.path = json::require_string(object, "path"),
                          .size = json::require_size(object, "size"),
                          .sha256 = json::require_string(object, "sha256")};
  if (!digest::find_digest("sha256:" + file.sha256)) refuse_member("sha256", file.sha256);
  if (!file.path.starts_with("data/")) refuse_member("path", file.path);
  return file;
}

DamagedBlob read_blob(const json::Value& object) {
  DamagedBlob blob{.digest = read_digest(object, "digest"),
                   .size = json::require_size(object, "size"),
                   .media_type = json::require_string(object, "mediaType"),
                   .is_manifest = read_bool(object, "manifest"),
                   .places = {},
                   .references = read_texts(object, "references")};
  if (blob.size > limits::kTarMemberBytes) refuse_member("size", std::to_string(blob.size));
  for_each_in(object, "places", [&](const json::Value& place) {
    blob.places.push_back(
        {json::require_string(place, "file"), json::require_size(place, "offset")});
  });
  return blob;
}

DamagedDisk read_disk(const json::Value& object) {
  DamagedDisk damaged;
  index::DiskInfo& disk = damaged.disk;
  disk.name = json::require_string(object, "name");
  if (!index::is_disk_name(disk.name)) refuse_member("name", disk.name);
  disk.server = json::require_string(object, "server");
  if (!disk.server.empty() && !index::is_disk_name(disk.server)) {
    refuse_member("server", disk.server);
  }
  const std::uint64_t position = json::require_size(object, "position");
  disk.position = static_cast<std::uint32_t>(position);
  if (disk.position != position) refuse_member("position", std::to_string(position));
  disk.boots = read_bool(object, "boots");
  disk.format = json::require_string(object, "format");
  disk.size = json::require_size(object, "size");
  disk.content = json::require_string(object, "content");
  disk.source = json::require_string(object, "source");
  disk.source_format = json::require_string(object, "sourceFormat");
  disk.source_size = json::require_size(object, "sourceSize");
  for_each_in(object, "zeroed", [&](const json::Value& range) {
    disk.zeroed.push_back(
        {json::require_size(range, "offset"), json::require_size(range, "length")});
  });
  // Lists of before this was in them have none.
  damaged.identifiers = json::find_string(object, "identifiers").value_or("");
  for_each_in(object, "files",
              [&](const json::Value& file) { damaged.files.push_back(read_file(file)); });
  return damaged;
}

void read_rest(const json::Value& document, Damage& damage) {
  for_each_in(document, "files", [&](const json::Value& file) {
    const std::string state = json::require_string(file, "state");
    if (state != "missing" && state != "changed") refuse_member("state", state);
    damage.files.push_back({read_file(file), state == "missing"});
  });
  for_each_in(document, "disks",
              [&](const json::Value& disk) { damage.disks.push_back(read_disk(disk)); });
  for_each_in(document, "configurations", [&](const json::Value& config) {
    damage.configs.push_back({json::require_string(config, "disk"), read_file(config)});
    if (!index::is_disk_name(damage.configs.back().disk)) {
      refuse_member("disk", damage.configs.back().disk);
    }
  });
  for_each_in(document, "frames", [&](const json::Value& range) {
    damage.frames.push_back({json::require_string(range, "file"),
                             json::require_size(range, "offset"),
                             json::require_size(range, "length")});
  });
  damage.frame_ranges = json::require_size(document, "frameRanges");
  damage.beyond_repair = read_texts(document, "beyondRepair");
}

}  // namespace

nlohmann::ordered_json damage_json(const Damage& damage) {
  Json blobs = Json::array();
  for (const DamagedBlob& blob : damage.blobs) blobs.push_back(blob_json(blob));
  Json files = Json::array();
  for (const DamagedFile& file : damage.files) {
    files.push_back(file_json(file.file));
    files.back()["state"] = file.is_missing ? "missing" : "changed";
  }
  Json disks = Json::array();
  for (const DamagedDisk& disk : damage.disks) disks.push_back(disk_json(disk));
  Json configs = Json::array();
  for (const DamagedConfig& config : damage.configs) {
    configs.push_back(file_json(config.file));
    configs.back()["disk"] = config.disk;
  }
  Json frames = Json::array();
  for (const DamagedRange& range : damage.frames) {
    frames.push_back({{"file", range.file}, {"offset", range.offset}, {"length", range.length}});
  }
  return {{"damageVersion", kVersion},           {"seal", damage.seal.text()},
          {"files", std::move(files)},           {"blobs", std::move(blobs)},
          {"disks", std::move(disks)},           {"configurations", std::move(configs)},
          {"frames", std::move(frames)},         {"frameRanges", damage.frame_ranges},
          {"beyondRepair", damage.beyond_repair}};
}

std::string write_damage(const Damage& damage) {
  std::string text = damage_json(damage).dump(1, ' ', false, Json::error_handler_t::replace) + '\n';
  if (text.size() <= limits::kLayoutIndexBytes) return text;
  throw Error(Code::kUnsupported, fmt::format("the list of what is damaged would have {} bytes, "
                                              "more than the limit of {}",
                                              text.size(), limits::kLayoutIndexBytes))
      .add_next_step("so much is damaged that the bundle is better exported anew");
}

Damage parse_damage(std::string_view text, const std::string& what) try {
  if (text.size() > limits::kLayoutIndexBytes) {
    throw Error(Code::kMalformed, fmt::format("{} bytes, more than the limit of {}", text.size(),
                                              limits::kLayoutIndexBytes));
  }
  std::vector<DamagedBlob> blobs;
  const json::Value document =
      json::parse_list(text, "the list", "blobs", limits::kTarMembers,
                       [&](const json::Value& blob) { blobs.push_back(read_blob(blob)); });
  if (json::find_array(document, "blobs") == nullptr) {
    throw Error(Code::kMalformed, "blobs is missing");
  }
  const auto version = json::require_size(document, "damageVersion");
  if (version != kVersion) {
    throw Error(Code::kUnsupported,
                fmt::format("version {}, this program reads {}", version, kVersion))
        .add_next_step("use programs of one version on both sides");
  }
  Damage damage{.seal = read_digest(document, "seal"), .blobs = std::move(blobs)};
  const auto twin = std::ranges::adjacent_find(
      damage.blobs, [](const auto& a, const auto& b) { return a.digest >= b.digest; });
  if (twin != damage.blobs.end()) {
    throw Error(Code::kMalformed, "blobs: not in the order of their digests, or one stands twice");
  }
  read_rest(document, damage);
  return damage;
} catch (Error& error) {
  error.add_context(what);
  error.add_next_step("expected is what seabag-import verify --damage wrote");
  throw;
}

}  // namespace seabag::bundle
