// SPDX-License-Identifier: Apache-2.0
#include "exporting/disk_request.h"

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"
#include "index/disks.h"
#include "io/file_system.h"

namespace seabag::exporting {
namespace {

// The parts between single commas; two commas are one in a part.
std::vector<std::string> parts_of(std::string_view text) {
  std::vector<std::string> parts(1);
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != ',') {
      parts.back() += text[i];
    } else if (i + 1 < text.size() && text[i + 1] == ',') {
      parts.back() += text[++i];
    } else {
      parts.emplace_back();
    }
  }
  return parts;
}

// "web01" from "/srv/web01.qcow2", "sda" from "/dev/sda": what is allowed in a name, from the
// front.
std::string name_from(const std::string& path) {
  std::string name = io::base_name_of(path);
  const auto dot = name.rfind('.');
  if (dot != std::string::npos && dot > 0) name.erase(dot);
  std::ranges::replace_if(
      name, [](char c) { return !index::is_disk_name(std::string("a") + c); }, '-');
  name.erase(0, name.find_first_not_of(".-"));
  return name.substr(0, 64);
}

std::string checked_name(const std::string& key, const std::string& value) {
  if (index::is_disk_name(value)) return value;
  throw Error(Code::kUsage,
              fmt::format("{}: {} is no name of a disk or server", key, seabag::quoted(value)))
      .add_next_step("1 to 64 letters, digits, dots, dashes and underscores; no dot or dash first");
}

void set_option(DiskRequest& disk, const std::string& key, const std::string& value) {
  if (key == "name") {
    disk.name = checked_name(key, value);
  } else if (key == "server") {
    disk.server = checked_name(key, value);
  } else if (key == "config") {
    disk.config = value;
  } else if (key == "format") {
    disk.format = conversion::find_output_format(value);
    if (!disk.format) {
      throw Error(Code::kUsage,
                  fmt::format("format: expected one of {}, got {}",
                              conversion::output_format_names(), seabag::quoted(value)));
    }
  } else if (key == "source-format") {
    disk.source_format = conversion::find_source_format(value);
    if (!disk.source_format) {
      throw Error(Code::kUsage,
                  fmt::format("source-format: expected one of {}, got {}",
                              conversion::source_format_names(), seabag::quoted(value)));
    }
  } else if (conversion::is_identity_option(key)) {
    conversion::set_identity(disk.identity, key, value);
  } else {
    throw Error(Code::kUsage, fmt::format("unknown option {} of a disk", seabag::quoted(key)))
        .add_next_step(
            "name=, server=, boot, format=, source-format=, config=, adapter=, cid=, uuid= and "
            "timestamp= are known; a comma that belongs to the path is written as two");
  }
}

}  // namespace

DiskRequest parse_disk(std::string_view text) try {
  if (!text.starts_with(kDiskPrefix)) {
    throw Error(Code::kUsage, "expected disk:PATH");
  }
  const std::vector<std::string> parts = parts_of(text.substr(kDiskPrefix.size()));
  DiskRequest disk;
  disk.path = parts.front();
  if (disk.path.empty()) throw Error(Code::kUsage, "expected a path behind disk:");
  for (std::size_t i = 1; i < parts.size(); ++i) {
    const auto equals = parts[i].find('=');
    if (parts[i] == "boot") {
      disk.boots = true;
    } else if (equals == std::string::npos) {
      set_option(disk, parts[i], "");
    } else {
      set_option(disk, parts[i].substr(0, equals), parts[i].substr(equals + 1));
    }
  }
  if (disk.name.empty()) disk.name = checked_name("name", name_from(disk.path));
  return disk;
} catch (Error& error) {
  error.add_context(seabag::quoted(text));
  throw;
}

conversion::OutputFormat default_format(const DiskOptions& options) {
  if (options.format_is_given || !options.destination) return options.format;
  return conversion::default_format(*options.destination);
}

DiskConfig find_disk_config(const std::string& text, const std::vector<std::string>& names) {
  const auto equals = text.find('=');
  if (equals != std::string::npos) {
    const auto named = std::ranges::find(names, text.substr(0, equals));
    if (named != names.end()) return {*named, text.substr(equals + 1)};
  }
  if (names.size() == 1) return {names.front(), text};
  throw Error(Code::kUsage, fmt::format("--disk-config {}: there is no disk of that name among {}",
                                        seabag::quoted(text), names.size()))
      .add_next_step("pass --disk-config NAME=FILE.json, with the name of one of the disks");
}

std::string identifiers_of(const std::vector<DiskRequest>& disks) {
  std::map<std::string, std::string> given;
  for (const DiskRequest& disk : disks) {
    if (disk.identity != conversion::Identity{}) given[disk.name] = text_of(disk.identity);
  }
  std::string text;
  for (const auto& [name, identity] : given) {
    text += fmt::format("{}{}:{}", text.empty() ? "" : " ", name, identity);
  }
  return text;
}

conversion::Identity identity_of(std::string_view given, std::string_view disk) try {
  return given.empty() ? conversion::Identity{} : conversion::parse_identity(given);
} catch (const Error& error) {
  throw Error(Code::kMalformed, fmt::format("identifiers of {}: {}", disk, error.what()));
}

}  // namespace seabag::exporting
