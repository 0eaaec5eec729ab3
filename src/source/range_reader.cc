// SPDX-License-Identifier: Apache-2.0
#include "source/range_reader.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"

namespace seabag::source {
namespace {

// The first position of "bytes 100-199/200". A multipart answer has no Content-Range and is not
// understood.
std::optional<std::uint64_t> first_position(const http::Response& answer) {
  static constexpr std::string_view kUnit = "bytes ";
  const std::string header = answer.header("content-range").value_or("");
  if (!to_lower(header).starts_with(kUnit)) return std::nullopt;
  const char* const begin = header.data() + kUnit.size();
  const char* const end = header.data() + header.size();
  std::uint64_t first = 0;
  const auto [stop, error] = std::from_chars(begin, end, first);
  if (error != std::errc() || stop == end || *stop != '-') return std::nullopt;
  return first;
}

}  // namespace

http::Headers RangeReader::headers() const {
  if (offset_ == 0) return {};
  return {{"Range", fmt::format("bytes={}-", offset_)}};
}

bool RangeReader::accepts(const http::Response& answer) {
  if (answer.status == 206) return first_position(answer) == offset_;
  skip_ = offset_;
  return answer.status == 200;
}

void RangeReader::require_range(const http::Response& answer) const {
  const bool other_range = answer.status == 206 && first_position(answer) != offset_;
  if (!other_range && answer.status != 416) return;
  throw Error(Code::kProtocol,
              fmt::format("asked for bytes from {}, got status {} with Content-Range {}", offset_,
                          answer.status, quoted(answer.header("content-range").value_or(""), 60)));
}

void RangeReader::write(std::span<const std::byte> chunk) {
  const auto dropped = std::min<std::uint64_t>(skip_, chunk.size());
  skip_ -= dropped;
  const auto rest = chunk.subspan(dropped);
  if (rest.empty()) return;
  passed_on_ += rest.size();
  next_.write(rest);
}

}  // namespace seabag::source
