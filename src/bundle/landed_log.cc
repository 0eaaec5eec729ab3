// SPDX-License-Identifier: Apache-2.0
#include "bundle/landed_log.h"

#include <charconv>
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

bool take_line(std::string_view line, LandedBytes& found) {
  const auto last = line.rfind(' ');
  const auto first = line.find(' ');
  if (first == std::string_view::npos || first == last) return false;
  const std::string_view before = line.substr(0, last);
  const auto blob = digest::find_digest(line.substr(0, first));
  if (!blob || line.substr(last + 1) != check_of(before)) return false;
  std::uint64_t bytes = 0;
  const auto [end, error] =
      std::from_chars(before.data() + first + 1, before.data() + before.size(), bytes);
  if (error != std::errc() || end != before.data() + before.size()) return false;
  found[*blob] = bytes;
  return true;
}

}  // namespace

LandedLog LandedLog::create(io::FileSystem& files, const std::string& path) {
  return {files.open(path, io::OpenMode::kCreateNew), 0};
}

LandedLog LandedLog::reopen(io::FileSystem& files, const std::string& path, LandedBytes& found) {
  auto file = files.open(path, io::OpenMode::kReadWrite);
  const std::uint64_t size = file->size();
  if (size > kLogBytes) throw Error(Code::kMalformed, fmt::format("{} is too large", quoted(path)));
  std::string pending;
  std::uint64_t end = 0;
  io::Bytes buffer(64U << 10U);
  for (std::uint64_t at = 0; at < size; at += buffer.size()) {
    const auto chunk = std::span(buffer).first(std::min<std::uint64_t>(buffer.size(), size - at));
    file->read_at(at, chunk);
    pending += io::text_of(chunk);
    std::size_t begin = 0;
    for (std::size_t newline = 0; (newline = pending.find('\n', begin)) != std::string::npos;
         begin = newline + 1) {
      const bool is_last = at + chunk.size() == size && newline + 1 == pending.size();
      if (!take_line(std::string_view(pending).substr(begin, newline - begin), found) && !is_last) {
        throw Error(Code::kMalformed, fmt::format("{} is damaged at byte {}", quoted(path), end))
            .add_next_step("remove the unfinished bundle and export again");
      }
      end += newline + 1 - begin;
    }
    pending.erase(0, begin);
  }
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
