// SPDX-License-Identifier: Apache-2.0
#include "io/file_system.h"

#include <algorithm>
#include <limits>

#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"

namespace seabag::io {

std::string join(const std::string& directory, const std::string& name) {
  return directory.ends_with('/') ? directory + name : directory + '/' + name;
}

std::string parent_of(const std::string& path) {
  const auto end = path.find_last_not_of('/');
  if (end == std::string::npos) return path.empty() ? "." : "/";
  const auto slash = path.find_last_of('/', end);
  if (slash == std::string::npos) return ".";
  const auto last = path.find_last_not_of('/', slash);
  return last == std::string::npos ? "/" : path.substr(0, last + 1);
}

std::string base_name_of(const std::string& path) {
  const auto end = path.find_last_not_of('/');
  if (end == std::string::npos) return path.empty() ? "." : "/";
  const auto slash = path.find_last_of('/', end);
  const auto begin = slash == std::string::npos ? 0 : slash + 1;
  return path.substr(begin, end - begin + 1);
}

std::string FileSystem::place_of(const std::string& path) {
  return path;
}

std::uint64_t FileSystem::largest_file(const std::string& /*path*/) {
  return std::numeric_limits<std::uint64_t>::max();
}

FileExtent File::extent_at(std::uint64_t offset) const {
  return {size() - offset, true};
}

void File::zero(std::uint64_t offset, std::uint64_t length) {
  const Bytes zeros(std::min<std::uint64_t>(length, 1U << 20U));
  while (length > 0) {
    const auto part = std::min<std::uint64_t>(length, zeros.size());
    write_at(offset, std::span(zeros).first(part));
    offset += part;
    length -= part;
  }
}

bool File::share(const File& /*from*/, std::uint64_t /*from_offset*/, std::uint64_t /*offset*/,
                 std::uint64_t /*length*/) {
  return false;
}

Bytes read_file(FileSystem& files, const std::string& path, std::uint64_t max_bytes) {
  const auto file = files.open(path, OpenMode::kRead);
  const std::uint64_t size = file->size();
  if (size > max_bytes) {
    throw Error(Code::kMalformed, fmt::format("{} has {} bytes, more than the limit of {}",
                                              quoted(path), size, max_bytes));
  }
  Bytes bytes(size);
  file->read_at(0, bytes);
  return bytes;
}

void write_new_file(FileSystem& files, const std::string& path, std::span<const std::byte> bytes) {
  const auto file = files.open(path, OpenMode::kCreateNew);
  file->write_at(0, bytes);
  file->sync();
  file->close();
}

void replace_file(FileSystem& files, const std::string& path, std::span<const std::byte> bytes) {
  const std::string beside = path + ".part";
  if (files.find(beside)) files.remove_file(beside);
  write_new_file(files, beside, bytes);
  files.rename(beside, path);
  files.sync_directory(parent_of(path));
}

void create_directories(FileSystem& files, const std::string& path) {
  if (const auto found = files.find(path)) {
    // A symbolic link is followed here: "/tmp/x" may well lie under one, and the user named it.
    if (found->kind != FileKind::kRegular) return;
    throw Error(Code::kUsage, fmt::format("{} is a file, expected a directory", quoted(path)));
  }
  create_directories(files, parent_of(path));
  files.create_directory(path);
  files.sync_directory(parent_of(path));
}

bool lies_in(FileSystem& files, const std::string& directory, const std::string& path) {
  const auto wanted = files.identify(directory);
  // The nearest directory that is there. "/." leads on from directories alone.
  std::string above = path;
  while (!files.identify(join(above, "."))) {
    std::string parent = parent_of(above);
    if (parent == above) return false;
    above = std::move(parent);
  }
  // "..", not the text before the last slash: behind a link that is another directory.
  for (auto id = files.identify(join(above, ".")); id;) {
    if (id == wanted) return true;
    above = join(above, "..");
    const auto next = files.identify(above);
    if (next == id) return false;  // the root
    id = next;
  }
  return false;
}

void remove_tree(FileSystem& files, const std::string& path) {
  const auto found = files.find(path);
  if (!found) return;
  if (found->kind != FileKind::kDirectory) {
    files.remove_file(path);
    return;
  }
  for (const DirectoryEntry& entry : files.list(path)) remove_tree(files, join(path, entry.name));
  files.remove_directory(path);
}

}  // namespace seabag::io
