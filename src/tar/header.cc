// SPDX-License-Identifier: Apache-2.0
#include "tar/header.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <iterator>

#include <fmt/format.h>

#include "base/error.h"
#include "base/limits.h"
#include "base/text.h"

namespace seabag::tar {
namespace {

struct Field {
  std::string_view name;
  std::size_t offset;
  std::size_t size;
};

// Source: POSIX.1-2017, pax, "ustar Interchange Format".
constexpr Field kName = {"name", 0, 100};
constexpr Field kMode = {"mode", 100, 8};
constexpr Field kUid = {"uid", 108, 8};
constexpr Field kGid = {"gid", 116, 8};
constexpr Field kSize = {"size", 124, 12};
constexpr Field kMtime = {"mtime", 136, 12};
constexpr Field kChecksum = {"chksum", 148, 8};
constexpr Field kType = {"typeflag", 156, 1};
constexpr Field kLinkName = {"linkname", 157, 100};
constexpr Field kMagic = {"magic", 257, 6};
constexpr Field kVersion = {"version", 263, 2};
constexpr Field kUname = {"uname", 265, 32};
constexpr Field kGname = {"gname", 297, 32};
constexpr Field kDevMajor = {"devmajor", 329, 8};
constexpr Field kDevMinor = {"devminor", 337, 8};
constexpr Field kPrefix = {"prefix", 345, 155};
constexpr Field kUnused = {"unused", 500, 12};

constexpr std::array kFields = {kName,     kMode,     kUid,      kGid,    kSize,    kMtime,
                                kChecksum, kType,     kLinkName, kMagic,  kVersion, kUname,
                                kGname,    kDevMajor, kDevMinor, kPrefix, kUnused};

constexpr std::string_view kMagicAndVersion("ustar\00000", 8);

// What 11 octal digits hold: one byte less than 8 GiB.
constexpr std::uint64_t kLargestOctalSize = (1ULL << 33U) - 1;

// Of the size field when 11 octal digits do not hold it. Readers that know pax take the pax size;
// those that know only GNU's base-256 find the same number here; those that know neither refuse the
// field. Zero, as some writers have it, would make the last two kinds take the content for headers.
constexpr std::byte kBase256{0x80};
constexpr std::size_t kBase256Digits = 8;

constexpr std::string_view kPaxName = "PaxHeader";

std::string_view text_in(std::span<const std::byte> block, const Field& field) {
  return io::text_of(block.subspan(field.offset, field.size));
}

void put(std::span<std::byte> block, const Field& field, std::string_view text) {
  std::ranges::copy(io::bytes_of(text), block.subspan(field.offset, field.size).begin());
}

void put_octal(std::span<std::byte> block, const Field& field, std::uint64_t value) {
  put(block, field, fmt::format("{:0{}o}", value, field.size - 1));
}

void put_size(std::span<std::byte> block, std::uint64_t size) {
  if (size <= kLargestOctalSize) {
    put_octal(block, kSize, size);
    return;
  }
  block[kSize.offset] = kBase256;
  for (std::size_t i = 0; i < kBase256Digits; ++i) {
    block[kSize.offset + kSize.size - 1 - i] = static_cast<std::byte>(size >> (8 * i));
  }
}

// The field's bytes. Source: as above, "chksum": the sum of all bytes, this field taken as blanks.
std::string checksum_of(std::span<const std::byte> block) {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < block.size(); ++i) {
    const bool in_field = i >= kChecksum.offset && i < kChecksum.offset + kChecksum.size;
    sum += in_field ? static_cast<std::uint32_t>(' ') : std::to_integer<std::uint32_t>(block[i]);
  }
  return fmt::format("{:06o}", sum) + std::string("\0 ", 2);
}

void append_block(io::Bytes& to, std::string_view name, std::uint64_t size,
                  const Attributes& attributes) {
  to.resize(to.size() + kBlockSize);
  const auto block = std::span(to).last(kBlockSize);
  put(block, kName, name.substr(0, kName.size));
  put_octal(block, kMode, attributes.mode);
  put_octal(block, kUid, attributes.owner);
  put_octal(block, kGid, attributes.owner);
  put_size(block, size);
  put_octal(block, kMtime, 0);
  put(block, kType, std::string_view(&attributes.type, 1));
  put(block, kMagic, kMagicAndVersion.substr(0, kMagic.size));
  put(block, kVersion, kMagicAndVersion.substr(kMagic.size));
  put_octal(block, kDevMajor, 0);
  put_octal(block, kDevMinor, 0);
  put(block, kChecksum, checksum_of(block));
}

// "LENGTH KEYWORD=VALUE\n", where LENGTH counts all of it, its own digits too.
std::string pax_record(std::string_view keyword, std::string_view value) {
  const std::size_t rest = keyword.size() + value.size() + 3;
  std::size_t length = rest + 1;
  while (fmt::formatted_size("{}", length) + rest != length) ++length;
  return fmt::format("{} {}={}\n", length, keyword, value);
}

std::string pax_records(std::string_view path, std::uint64_t size) {
  std::string records;
  if (path.size() > kName.size) records += pax_record("path", path);
  if (size > kLargestOctalSize) records += pax_record("size", fmt::format("{}", size));
  return records;
}

bool is_portable(std::string_view component) {
  const auto in_set = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  };
  return !component.empty() && component != "." && component != ".." &&
         std::ranges::all_of(component, in_set);
}

// The whole text as a number in its one form: no sign, no leading zeros.
std::optional<std::uint64_t> find_decimal(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  if (text.size() > 1 && text.front() == '0') return std::nullopt;
  return value;
}

std::optional<std::uint64_t> find_octal_size(std::string_view field) {
  if (field.back() != '\0') return std::nullopt;
  std::uint64_t value = 0;
  for (const char c : field.substr(0, field.size() - 1)) {
    if (c < '0' || c > '7') return std::nullopt;
    value = value * 8 + static_cast<std::uint64_t>(c - '0');
  }
  return value;
}

std::optional<std::uint64_t> find_base256_size(std::span<const std::byte> field) {
  const auto digits = field.last(kBase256Digits);
  const auto unused = field.subspan(1, field.size() - 1 - kBase256Digits);
  if (field.front() != kBase256) return std::nullopt;
  const auto is_zero = [](std::byte b) { return b == std::byte{0}; };
  if (!std::ranges::all_of(unused, is_zero)) return std::nullopt;
  std::uint64_t value = 0;
  for (const std::byte digit : digits) value = value << 8U | std::to_integer<std::uint64_t>(digit);
  if (value <= kLargestOctalSize) return std::nullopt;
  return value;
}

std::uint64_t decode_size(std::span<const std::byte> block) {
  const auto octal = find_octal_size(text_in(block, kSize));
  if (octal) return *octal;
  const auto base256 = find_base256_size(block.subspan(kSize.offset, kSize.size));
  if (base256) return *base256;
  throw Error(
      Code::kMalformed,
      fmt::format("size field is {}, expected 11 octal digits and a NUL, or base-256 from 8 GiB on",
                  seabag::quoted(text_in(block, kSize))));
}

// Cuts the first record off `records`. The result is "KEYWORD=VALUE".
std::string_view take_record(std::string_view& records) {
  const auto blank = records.find(' ');
  const auto length = find_decimal(records.substr(0, blank));
  const bool fits = blank != std::string_view::npos && length && *length > blank + 1 &&
                    *length <= records.size() && records[*length - 1] == '\n';
  if (!fits) {
    throw Error(Code::kMalformed,
                fmt::format("pax record has a wrong length: {}", seabag::quoted(records)));
  }
  const auto record = records.substr(blank + 1, *length - blank - 2);
  records.remove_prefix(*length);
  return record;
}

}  // namespace

bool is_portable_path(std::string_view path) {
  if (path.size() > limits::kTarPathBytes) return false;
  for (;;) {
    const auto slash = path.find('/');
    if (!is_portable(path.substr(0, slash))) return false;
    if (slash == std::string_view::npos) return true;
    path.remove_prefix(slash + 1);
  }
}

std::uint64_t header_size(std::string_view path, std::uint64_t size) {
  // limits::kTarPathBytes and 20 digits keep the records inside one block.
  return pax_records(path, size).empty() ? kBlockSize : 3 * kBlockSize;
}

void require_writable(std::string_view path, std::uint64_t size) {
  if (!is_portable_path(path)) {
    throw Error(Code::kMalformed,
                fmt::format("path {} may not stand in a tarball", seabag::quoted(path)));
  }
  if (size > limits::kTarMemberBytes) {
    throw Error(Code::kMalformed, fmt::format("member {} has {} bytes, expected at most {}",
                                              seabag::quoted(path), size, limits::kTarMemberBytes));
  }
}

io::Bytes encode_header(std::string_view path, std::uint64_t size) {
  return encode_header(path, size, Attributes());
}

io::Bytes encode_header(std::string_view path, std::uint64_t size, const Attributes& attributes) {
  require_writable(path, size);
  io::Bytes header;
  const std::string records = pax_records(path, size);
  if (!records.empty()) {
    append_block(header, kPaxName, records.size(), {.type = 'x'});
    std::ranges::copy(io::bytes_of(records), std::back_inserter(header));
    header.resize(2 * kBlockSize);
  }
  append_block(header, path, size, attributes);
  return header;
}

Header decode_header(std::span<const std::byte, kBlockSize> block) {
  const std::string checksum = checksum_of(block);
  if (text_in(block, kChecksum) != checksum) {
    throw Error(Code::kMalformed,
                fmt::format("header checksum is {}, expected {}",
                            seabag::quoted(text_in(block, kChecksum)), seabag::quoted(checksum)));
  }
  const auto magic = io::text_of(block.subspan(kMagic.offset, kMagicAndVersion.size()));
  if (magic != kMagicAndVersion) {
    throw Error(Code::kMalformed,
                fmt::format("header magic and version are {}, expected {}", seabag::quoted(magic),
                            seabag::quoted(kMagicAndVersion)));
  }
  const auto name = text_in(block, kName);
  return {.type = text_in(block, kType).front(),
          .name = std::string(name.substr(0, name.find('\0'))),
          .size = decode_size(block)};
}

PaxRecords decode_pax(std::string_view records) {
  PaxRecords found;
  while (!records.empty()) {
    const auto record = take_record(records);
    const auto equals = record.find('=');
    if (equals == std::string_view::npos) {
      throw Error(Code::kMalformed,
                  fmt::format("pax record {} has no value", seabag::quoted(record)));
    }
    const auto keyword = record.substr(0, equals);
    const auto value = record.substr(equals + 1);
    if (keyword == "path" && !found.path) {
      found.path = value;
    } else if (keyword == "size" && !found.size) {
      found.size = find_decimal(value);
      if (!found.size) {
        throw Error(Code::kMalformed, fmt::format("pax size is {}, expected a decimal number",
                                                  seabag::quoted(value)));
      }
    } else {
      throw Error(Code::kMalformed, fmt::format("pax record {}, expected path or size, each once",
                                                seabag::quoted(record)));
    }
  }
  return found;
}

std::string_view field_at(std::size_t offset) {
  const auto after = std::ranges::upper_bound(kFields, offset, {}, &Field::offset);
  return std::prev(after)->name;
}

}  // namespace seabag::tar
