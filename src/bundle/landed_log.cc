// SPDX-License-Identifier: Apache-2.0
#include "bundle/landed_log.h"

#include <optional>
#include <string_view>

#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"
#include "digest/hasher.h"

namespace seabag::bundle {
namespace {

// 20 bytes of number, 135 of digest, 8 of check, blanks: a line for each blob of the largest plan
// stays far below.
constexpr std::uint64_t kLogBytes = 4ULL << 30U;

std::string check_of(std::string_view text) {
  return digest::digest_of(io::bytes_of(text)).hex().substr(0, 8);
}

using Visit = std::function<void(const digest::Digest&, std::uint64_t)>;

bool take_line(std::string_view line, const Visit& visit) {
  const auto last = line.rfind(' ');
  const auto first = line.find(' ');
  if (first == std::string_view::npos || first == last) return false;
  const std::string_view before = line.substr(0, last);
  const auto blob = digest::find_digest(line.substr(0, first));
  if (!blob || line.substr(last + 1) != check_of(before)) return false;
  const auto bytes = find_number(before.substr(first + 1));
  if (!bytes) return false;
  visit(*blob, *bytes);
  return true;
}

// Takes whole lines up to the first wrong one. The bytes of those it took.
std::size_t take_lines(std::string_view text, const Visit& visit, bool& is_sound) {
  std::size_t begin = 0;
  for (std::size_t newline = 0; (newline = text.find('\n', begin)) != std::string_view::npos;
       begin = newline + 1) {
    is_sound = take_line(text.substr(begin, newline - begin), visit);
    if (!is_sound) break;
  }
  return begin;
}

}  // namespace

LandedLog LandedLog::create(io::FileSystem& files, const std::string& path) {
  return {files.open(path, io::OpenMode::kCreateNew), 0};
}

LandedLog LandedLog::reopen(io::FileSystem& files, const std::string& path, const Visit& visit) {
  auto file = files.open(path, io::OpenMode::kReadWrite);
  const std::uint64_t size = file->size();
  if (size > kLogBytes) throw Error(Code::kMalformed, fmt::format("{} is too large", quoted(path)));
  std::string pending;
  std::uint64_t end = 0;
  bool is_sound = true;
  io::Bytes buffer(64U << 10U);
  for (std::uint64_t at = 0; is_sound && at < size; at += buffer.size()) {
    const auto chunk = std::span(buffer).first(std::min<std::uint64_t>(buffer.size(), size - at));
    file->read_at(at, chunk);
    pending += io::text_of(chunk);
    const std::size_t taken = take_lines(pending, visit, is_sound);
    end += taken;
    pending.erase(0, taken);
  }
  // Or it could come to stand behind lines that are added.
  if (end < size) file->resize(end);
  return {std::move(file), end};
}

void LandedLog::append(const LandedBytes& landed) {
  std::string lines;
  for (const auto& [blob, bytes] : landed) {
    const std::string before = fmt::format("{} {}", blob.text(), bytes);
    lines += fmt::format("{} {}\n", before, check_of(before));
  }
  if (lines.empty()) return;
  file_->write_at(end_, io::bytes_of(lines));
  end_ += lines.size();
  file_->sync();
}

void LandedLog::close() {
  file_->close();
}

}  // namespace seabag::bundle
