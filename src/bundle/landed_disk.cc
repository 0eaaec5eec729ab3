// SPDX-License-Identifier: Apache-2.0
#include "bundle/landed_disk.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/limits.h"
#include "base/text.h"
#include "digest/hasher.h"

// Lines of words, the last one the SHA-256 of those before it:
//   content disk-v1:...
//   file SIZE PATH
//   zeroed OFFSET LENGTH
//   sha256:...

namespace seabag::bundle {
namespace {

// Takes the word before `end` off the front of `text`.
std::string_view take(std::string_view& text, char end) {
  const auto at = std::min(text.find(end), text.size());
  const std::string_view word = text.substr(0, at);
  text.remove_prefix(std::min(at + 1, text.size()));
  return word;
}

bool add_line(LandedDisk& landed, std::string_view line) {
  const std::string_view word = take(line, ' ');
  if (word == "content") {
    landed.content = line;
    return true;
  }
  const auto number = find_number(take(line, ' '));
  if (!number) return false;
  if (word == "file") {
    landed.files.push_back({std::string(line), *number, {}});
    return true;
  }
  const auto length = find_number(line);
  if (word != "zeroed" || !length) return false;
  landed.zeroed.push_back({*number, *length});
  return true;
}

}  // namespace

void write_landed_disk(io::FileSystem& files, const std::string& path, const LandedDisk& landed) {
  std::string text = fmt::format("content {}\n", landed.content);
  for (const index::PayloadFile& file : landed.files) {
    text += fmt::format("file {} {}\n", file.size, file.path);
  }
  for (const index::ZeroedRange& range : landed.zeroed) {
    text += fmt::format("zeroed {} {}\n", range.offset, range.length);
  }
  text += digest::digest_of(io::bytes_of(text)).text() + '\n';
  io::replace_file(files, path, io::bytes_of(text));
}

std::optional<LandedDisk> find_landed_disk(io::FileSystem& files, const std::string& path) {
  if (!files.find(path)) return std::nullopt;
  const io::Bytes bytes = io::read_file(files, path, limits::kBagManifestBytes);
  const std::string_view text = io::text_of(bytes);
  const auto last = text.rfind("sha256:");
  if (last == std::string_view::npos) return std::nullopt;
  std::string_view lines = text.substr(0, last);
  if (text.substr(last) != digest::digest_of(io::bytes_of(lines)).text() + '\n') {
    return std::nullopt;
  }
  LandedDisk landed;
  while (!lines.empty()) {
    if (!add_line(landed, take(lines, '\n'))) return std::nullopt;
  }
  return landed;
}

}  // namespace seabag::bundle
