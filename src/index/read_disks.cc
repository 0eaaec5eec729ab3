// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <vector>

#include <fmt/format.h>

#include "base/arith.h"
#include "base/error.h"
#include "base/text.h"
#include "disk/content_digest.h"
#include "index/index_file.h"
#include "index/rows_internal.h"
#include "index/schema_internal.h"

namespace seabag::index {
namespace {

constexpr std::uint64_t kSector = 512;

std::string disk_name_at(const db::Statement& row, int column) {
  std::string name = row.text(column);
  if (!is_disk_name(name)) {
    throw malformed(fmt::format("{} is no name of a disk or server", quoted(name, 80)));
  }
  return name;
}

template <std::size_t count>
std::string word_at(const std::array<std::string_view, count>& words, const db::Statement& row,
                    int column) {
  const std::string_view text = row.text_view(column);
  if (std::ranges::find(words, text) == words.end()) {
    throw malformed(
        fmt::format("expected one of {}, got {}", fmt::join(words, ", "), quoted(text, 40)));
  }
  return std::string(text);
}

DiskInfo disk_of(const db::Statement& row, const Index& index) {
  DiskInfo disk;
  disk.name = disk_name_at(row, 1);
  if (!row.text_view(2).empty()) disk.server = disk_name_at(row, 2);
  disk.position = id_at(row, 3, std::numeric_limits<std::uint32_t>::max());
  disk.boots = id_at(row, 4, 2) == 1;
  disk.format = word_at(kDiskFormats, row, 5);
  disk.size = size_at(row, 6);
  if (disk.size == 0 || disk.size % kSector != 0) {
    throw malformed(fmt::format("{} bytes are no whole number of sectors", disk.size));
  }
  if (!row.is_null(7)) {
    disk.content = row.text(7);
    if (!disk::find_content_digest(disk.content)) {
      throw malformed(fmt::format("{} is no content digest", quoted(disk.content, 80)));
    }
  }
  if (!row.is_null(8)) disk.config = id_at(row, 8, index.files.size());
  disk.source = row.text(9);
  disk.source_format = word_at(kDiskSourceFormats, row, 10);
  disk.source_size = size_at(row, 11);
  if (disk.source_size > disk.size) {
    throw malformed(fmt::format("{} bytes at the source, {} here", disk.source_size, disk.size));
  }
  disk.read_at = time_at(row, 12);
  return disk;
}

void read_files(db::Database& database, Index& index) {
  std::vector<bool> taken(index.files.size(), false);
  for_each_row(database, "disk_files",
               "SELECT disk, position, file FROM disk_files ORDER BY disk, position",
               [&](const db::Statement& row, std::uint64_t) {
                 DiskInfo& disk = index.disks[id_at(row, 0, index.disks.size())];
                 if (size_at(row, 1) != disk.files.size()) {
                   throw malformed(fmt::format("expected position {}, got {}", disk.files.size(),
                                               row.integer(1)));
                 }
                 const std::uint32_t file = id_at(row, 2, index.files.size());
                 if (taken[file]) throw malformed(fmt::format("file {} is of two disks", file));
                 taken[file] = true;
                 disk.files.push_back(file);
               });
}

void read_zeroed(db::Database& database, Index& index) {
  for_each_row(
      database, "disk_zeroed", "SELECT disk, offset, length FROM disk_zeroed ORDER BY disk, offset",
      [&](const db::Statement& row, std::uint64_t) {
        DiskInfo& disk = index.disks[id_at(row, 0, index.disks.size())];
        const ZeroedRange range = {size_at(row, 1), size_at(row, 2)};
        const std::uint64_t begin =
            disk.zeroed.empty() ? 0 : disk.zeroed.back().offset + disk.zeroed.back().length;
        if (range.length == 0 || range.offset < begin ||
            checked_add(range.offset, range.length) > disk.size) {
          throw malformed(fmt::format("{} bytes at {} of {} bytes, after those up to {}",
                                      range.length, range.offset, disk.size, begin));
        }
        disk.zeroed.push_back(range);
      });
}

}  // namespace

void read_disks(db::Database& database, Index& index) {
  for_each_id(database, "disks",
              "SELECT id, name, server, position, boots, format, size, content, config, source, "
              "source_format, source_size, read_at FROM disks ORDER BY id",
              0, [&](const db::Statement& row) {
                DiskInfo disk = disk_of(row, index);
                if (!index.disks.empty() && index.disks.back().name >= disk.name) {
                  throw malformed(fmt::format("{} stands after {}", quoted(disk.name),
                                              quoted(index.disks.back().name)));
                }
                index.disks.push_back(std::move(disk));
              });
  read_files(database, index);
  read_zeroed(database, index);
}

}  // namespace seabag::index
