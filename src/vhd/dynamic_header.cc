// SPDX-License-Identifier: Apache-2.0
#include "vhd/dynamic_header.h"

#include <algorithm>
#include <string_view>

#include <fmt/format.h>

#include "base/endian.h"
#include "base/error.h"
#include "io/bytes.h"

namespace seabag::vhd {
namespace {

constexpr std::string_view kHeaderCookie = "cxsparse";

constexpr std::size_t kHeaderDataOffsetAt = 8;
constexpr std::size_t kTableOffsetAt = 16;
constexpr std::size_t kHeaderVersionAt = 24;
constexpr std::size_t kMaxTableEntriesAt = 28;
constexpr std::size_t kBlockBytesAt = 32;
constexpr std::size_t kHeaderChecksumAt = 36;
constexpr std::size_t kParentIdAt = 40;
constexpr std::size_t kParentNameAt = 64;
constexpr std::size_t kParentNameBytes = 512;

void append_utf8(std::string& text, std::uint32_t code_point) {
  const auto append = [&](std::uint32_t byte) { text += static_cast<char>(byte); };
  const auto append_rest = [&](std::uint32_t shift) {
    append(0x80U | ((code_point >> shift) & 0x3FU));
  };
  if (code_point < 0x80) {
    append(code_point);
  } else if (code_point < 0x800) {
    append(0xC0U | (code_point >> 6U));
    append_rest(0);
  } else if (code_point < 0x10000) {
    append(0xE0U | (code_point >> 12U));
    append_rest(6);
    append_rest(0);
  } else {
    append(0xF0U | (code_point >> 18U));
    append_rest(12);
    append_rest(6);
    append_rest(0);
  }
}

// UTF-16BE up to the first zero; what is no character becomes U+FFFD.
std::string decode_utf16(std::span<const std::byte> bytes) {
  constexpr std::uint32_t kReplacement = 0xFFFD;
  std::string text;
  for (std::size_t at = 0; at + 2 <= bytes.size(); at += 2) {
    std::uint32_t unit = load_big_endian<std::uint16_t>(bytes, at);
    if (unit == 0) break;
    if (unit >= 0xD800 && unit < 0xE000) {
      const std::uint32_t next =
          at + 4 <= bytes.size() ? load_big_endian<std::uint16_t>(bytes, at + 2) : 0;
      const bool is_pair = unit < 0xDC00 && next >= 0xDC00 && next < 0xE000;
      unit = is_pair ? 0x10000U + ((unit - 0xD800U) << 10U) + (next - 0xDC00U) : kReplacement;
      if (is_pair) at += 2;
    }
    append_utf8(text, unit);
  }
  return text;
}

}  // namespace

DynamicHeaderBytes encode_dynamic_header(const DynamicHeader& header) {
  check(header.parent_name.empty() && header.parent_id == UniqueId{}, "no parent is written");
  DynamicHeaderBytes bytes = {};
  std::ranges::copy(io::bytes_of(kHeaderCookie), bytes.begin());
  // 64 bits, where the specification's text has 32: as all writers have it.
  store_big_endian(bytes, kHeaderDataOffsetAt, kNoOffset);
  store_big_endian(bytes, kTableOffsetAt, header.table_offset);
  store_big_endian(bytes, kHeaderVersionAt, header.version);
  store_big_endian(bytes, kMaxTableEntriesAt, header.max_table_entries);
  store_big_endian(bytes, kBlockBytesAt, header.block_bytes);
  store_big_endian(bytes, kHeaderChecksumAt, checksum_of(bytes, kHeaderChecksumAt));
  return bytes;
}

bool has_dynamic_header_cookie(std::span<const std::byte> bytes) {
  return io::text_of(bytes).starts_with(kHeaderCookie);
}

std::optional<std::string> find_dynamic_header_fault(const DynamicHeaderBytes& bytes) {
  if (!has_dynamic_header_cookie(bytes)) {
    return fmt::format("no \"{}\" at its beginning", kHeaderCookie);
  }
  const auto stored = load_big_endian<std::uint32_t>(bytes, kHeaderChecksumAt);
  const std::uint32_t computed = checksum_of(bytes, kHeaderChecksumAt);
  if (stored == computed) return std::nullopt;
  return fmt::format("checksum {:#010x}, expected {:#010x}", stored, computed);
}

DynamicHeader decode_dynamic_header(const DynamicHeaderBytes& bytes) {
  DynamicHeader header;
  header.table_offset = load_big_endian<std::uint64_t>(bytes, kTableOffsetAt);
  header.version = load_big_endian<std::uint32_t>(bytes, kHeaderVersionAt);
  header.max_table_entries = load_big_endian<std::uint32_t>(bytes, kMaxTableEntriesAt);
  header.block_bytes = load_big_endian<std::uint32_t>(bytes, kBlockBytesAt);
  std::copy_n(bytes.begin() + kParentIdAt, header.parent_id.size(), header.parent_id.begin());
  header.parent_name = decode_utf16(std::span(bytes).subspan(kParentNameAt, kParentNameBytes));
  return header;
}

}  // namespace seabag::vhd
