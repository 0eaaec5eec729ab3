// SPDX-License-Identifier: Apache-2.0
#include "exporting/begun.h"

#include <algorithm>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/error.h"
#include "base/limits.h"
#include "base/text.h"
#include "digest/hasher.h"
#include "io/user_file.h"

namespace seabag::exporting {
namespace {

constexpr const char* kDiskOptions = "disks";

using Options = std::map<std::string, std::string>;

// Those that are given, of all disks.
Options given_disk_options(const DiskOptions& options) {
  Options given;
  if (options.format_is_given) given["disk-format"] = conversion::name_of(options.format);
  if (options.destination) given["for"] = conversion::name_of(*options.destination);
  if (options.fit) given["fit"] = "yes";
  if (options.source_format) given["source-format"] = conversion::name_of(*options.source_format);
  return given;
}

std::string text_of(const Options& options) {
  std::string text;
  for (const auto& [name, value] : options) {
    text += fmt::format("{}--{}={}", text.empty() ? "" : " ", name, value);
  }
  return text;
}

std::string value_of(const Options& options, const std::string& name) {
  const auto found = options.find(name);
  return found == options.end() ? "" : found->second;
}

// Of "--NAME=VALUE --NAME=VALUE"; no value has a space.
Options options_in(std::string_view text) {
  Options options;
  while (!text.empty()) {
    const std::string_view word = text.substr(0, text.find(' '));
    text.remove_prefix(std::min(word.size() + 1, text.size()));
    const auto equals = word.find('=');
    if (!word.starts_with("--") || equals == std::string_view::npos) continue;
    options[std::string(word.substr(2, equals - 2))] = word.substr(equals + 1);
  }
  return options;
}

std::string value_text(const std::string& value) {
  return value.empty() ? "none" : seabag::quoted(value);
}

Error differs(const std::string& what, const std::string& begun, const std::string& given) {
  Error error(Code::kUsage,
              fmt::format("the bundle was begun with {} {}, now it is {}", what, begun, given));
  error.add_next_step(
      "resume with the options that it was begun with, or export into another bundle");
  return error;
}

void require_same_options(const ExportRequest& request, const index::Index& plan) {
  for (const auto& [name, given] : options_of(request)) {
    const std::string begun = value_of(plan.metadata, name);
    const bool is_of_disks = name == kDiskOptions || name == index::kIdentifiers;
    if (is_of_disks || given.empty() || begun == given) continue;
    throw differs(name, seabag::quoted(begun), seabag::quoted(given));
  }
  if (plan.disks.empty()) return;
  const Options begun = options_in(value_of(plan.metadata, kDiskOptions));
  for (const auto& [name, given] : given_disk_options(request.disk_options)) {
    if (value_of(begun, name) == given) continue;
    throw differs("--" + name, value_text(value_of(begun, name)), seabag::quoted(given));
  }
}

void require_same_sources(const ExportRequest& request, const index::Index& plan) {
  std::vector<std::string> given;
  for (const source::SourceName& name : request.sources) given.push_back(source::uri_of(name));
  for (const DiskRequest& disk : request.disks) given.push_back(disk.uri());
  std::ranges::sort(given);
  given.erase(std::ranges::unique(given).begin(), given.end());
  std::vector<std::string> begun;
  for (const index::Source& source : plan.content.sources) begun.push_back(source.uri);
  for (const index::DiskInfo& disk : plan.disks) begun.push_back(disk.source);
  std::ranges::sort(begun);
  begun.erase(std::ranges::unique(begun).begin(), begun.end());
  if (given == begun) return;
  const auto [was, is] = std::ranges::mismatch(begun, given);
  throw Error(Code::kUsage,
              fmt::format("the bundle was begun with {} sources, now there are {}; where they "
                          "differ it was {}, now it is {}",
                          begun.size(), given.size(), value_text(was == begun.end() ? "" : *was),
                          value_text(is == given.end() ? "" : *is)))
      .add_next_step("resume with the same sources, or with none: the bundle knows them");
}

// What a command line says, or what holds, of one disk.
Options said_of(const DiskRequest& disk) {
  Options said = conversion::options_of(disk.identity);
  if (!disk.server.empty()) said["server"] = disk.server;
  if (disk.boots) said["boot"] = "yes";
  if (disk.format) said["format"] = conversion::name_of(*disk.format);
  if (disk.source_format) said["source-format"] = conversion::name_of(*disk.source_format);
  return said;
}

Options held_of(const index::DiskInfo& disk, const index::Index& plan) {
  Options held = conversion::options_of(
      identity_of(index::identifiers_in(plan.metadata, disk.name), disk.name));
  held["server"] = disk.server;
  if (disk.boots) held["boot"] = "yes";
  held["format"] = disk.format;
  held["source-format"] = disk.source_format;
  return held;
}

void require_same_names(const ExportRequest& request, const index::Index& plan) {
  std::vector<std::string> given;
  for (const DiskRequest& disk : request.disks) given.push_back(disk.name + " " + disk.uri());
  std::ranges::sort(given);
  std::vector<std::string> begun;
  for (const index::DiskInfo& disk : plan.disks) begun.push_back(disk.name + " " + disk.source);
  std::ranges::sort(begun);
  if (given == begun) return;
  const auto [was, is] = std::ranges::mismatch(begun, given);
  throw differs("the disks (where they differ)", value_text(was == begun.end() ? "" : *was),
                value_text(is == given.end() ? "" : *is));
}

const index::DiskInfo& disk_named(const index::Index& plan, const std::string& name) {
  const auto found = std::ranges::find(plan.disks, name, &index::DiskInfo::name);
  check(found != plan.disks.end(), "the disks have the same names");
  return *found;
}

void require_same_disks(const ExportRequest& request, const index::Index& plan) {
  require_same_names(request, plan);
  Options last_of_server;
  for (const DiskRequest& disk : request.disks) {
    const index::DiskInfo& begun = disk_named(plan, disk.name);
    const Options held = held_of(begun, plan);
    for (const auto& [name, given] : said_of(disk)) {
      if (value_of(held, name) == given) continue;
      throw differs(fmt::format("{} of {}", name, disk.name), value_text(value_of(held, name)),
                    seabag::quoted(given));
    }
    if (disk.server.empty()) continue;
    const std::string before = std::exchange(last_of_server[disk.server], disk.name);
    if (before.empty() || disk_named(plan, before).position < begun.position) continue;
    throw differs("the disks of " + disk.server, disk.name + " before " + before,
                  before + " before " + disk.name);
  }
}

std::string size_and_digest(const io::Bytes& bytes) {
  return fmt::format("{} bytes, {}", bytes.size(), digest::digest_of(bytes).text());
}

void require_same_config(const std::string& file, const Means& means,
                         const bundle::UnfinishedBundle& unfinished, const index::Index& plan,
                         const index::DiskInfo& disk) {
  const io::Bytes given = io::read_user_file(file, limits::kManifestBytes);
  const std::string what = "the configuration of " + disk.name;
  const std::string now = fmt::format("{} ({})", seabag::quoted(file), size_and_digest(given));
  if (!disk.config) throw differs(what, "none", now);
  const std::string& path = plan.files[*disk.config].path;
  const io::Bytes begun = io::read_file(means.files, unfinished.path(path), limits::kManifestBytes);
  if (begun != given) throw differs(what, size_and_digest(begun), now);
}

}  // namespace

Options options_of(const ExportRequest& request) {
  Options options = {{"selection", request.selection.text()},
                     {"layout", bundle::text_of(request.layout)}};
  if (request.disks.empty()) return options;
  Options of_disks = given_disk_options(request.disk_options);
  // What it is where no option says it: --resume may say it.
  of_disks["disk-format"] = conversion::name_of(default_format(request.disk_options));
  options[kDiskOptions] = text_of(of_disks);
  const std::string identifiers = identifiers_of(request.disks);
  if (!identifiers.empty()) options[index::kIdentifiers] = identifiers;
  return options;
}

void require_begun_with(const ExportRequest& request, const Means& means,
                        const bundle::UnfinishedBundle& unfinished, const index::Index& plan) {
  require_same_options(request, plan);
  if (!request.sources.empty() || !request.disks.empty()) {
    require_same_sources(request, plan);
    require_same_disks(request, plan);
  }
  std::vector<std::string> names;
  for (const index::DiskInfo& disk : plan.disks) names.push_back(disk.name);
  for (const DiskRequest& disk : request.disks) {
    if (disk.config.empty()) continue;
    require_same_config(disk.config, means, unfinished, plan, disk_named(plan, disk.name));
  }
  for (const std::string& config : request.configs) {
    const DiskConfig found = find_disk_config(config, names);
    require_same_config(found.file, means, unfinished, plan, disk_named(plan, found.disk));
  }
}

}  // namespace seabag::exporting
