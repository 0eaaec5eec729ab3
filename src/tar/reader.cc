// SPDX-License-Identifier: Apache-2.0
#include "tar/reader.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "base/arith.h"
#include "base/error.h"
#include "base/limits.h"
#include "base/text.h"
#include "io/bytes.h"
#include "tar/header.h"
#include "tar/path_set.h"

// tar is ambiguous: of 18 crafted archives, GNU tar 1.34, bsdtar 3.6.2 and CPython 3.11 read half
// differently. So what is read here is first taken apart, to say what is wrong with it, and then
// held byte for byte against what encode_header() gives for the path and the size that were found.
// The second step needs no list of all that could be wrong.

namespace seabag::tar {
namespace {

using Block = std::array<std::byte, kBlockSize>;

bool is_zero(std::span<const std::byte> bytes) {
  return std::ranges::all_of(bytes, [](std::byte b) { return b == std::byte{0}; });
}

Block read_block(const io::BlobSource& tarball, std::uint64_t offset, std::string_view what) {
  if (offset > tarball.size() || tarball.size() - offset < kBlockSize) {
    throw Error(Code::kIntegrity,
                fmt::format("tarball ends at {}, expected {} at {}", tarball.size(), what, offset));
  }
  Block block = {};
  tarball.read_at(offset, block);
  return block;
}

std::string describe_type(char type) {
  switch (type) {
    case '\0':
      return "a regular file of the old format";
    case '1':
      return "a hard link";
    case '2':
      return "a symbolic link";
    case '3':
      return "a character device";
    case '4':
      return "a block device";
    case '5':
      return "a directory";
    case '6':
      return "a FIFO";
    case '7':
      return "a contiguous file";
    case 'g':
      return "a global pax header";
    case 'x':
      return "a pax header";
    case 'K':
      return "a GNU long link";
    case 'L':
      return "a GNU long name";
    case 'M':
      return "a GNU continuation from another volume";
    case 'S':
      return "a GNU sparse file";
    case 'V':
      return "a GNU volume label";
    case 'X':
      return "a Solaris extended header";
    default:
      return "unknown";
  }
}

void require_regular(char type) {
  if (type == '0') return;
  throw Error(Code::kMalformed,
              fmt::format("type flag is {} ({}), expected \"0\" (a regular file)",
                          seabag::quoted(std::string_view(&type, 1)), describe_type(type)));
}

void require_same(std::span<const std::byte> header, std::string_view path, std::uint64_t size) {
  const io::Bytes expected = encode_header(path, size);
  if (header.size() != expected.size()) {
    throw Error(Code::kMalformed,
                fmt::format("member {} of {} bytes has a header of {} bytes, expected {}",
                            seabag::quoted(path), size, header.size(), expected.size()));
  }
  const auto place = [&](std::size_t at) -> std::string_view {
    const bool in_records = at / kBlockSize == 1 && header.size() > kBlockSize;
    return in_records ? "pax records" : field_at(at % kBlockSize);
  };
  for (std::size_t at = 0; at < header.size(); ++at) {
    // The checksum was found right for its block: it differs because something behind it does.
    if (header[at] == expected[at] || place(at) == "chksum") continue;
    throw Error(Code::kMalformed,
                fmt::format("header of member {} differs in {}, {} bytes from its start: byte "
                            "{:#04x}, expected {:#04x}",
                            seabag::quoted(path), place(at), at, std::to_integer<int>(header[at]),
                            std::to_integer<int>(expected[at])));
  }
}

// The member whose header starts with `first`, at `offset`.
FoundMember decode_member(const io::BlobSource& tarball, std::uint64_t offset, const Block& first) {
  io::Bytes bytes(first.begin(), first.end());
  Header header = decode_header(first);
  PaxRecords pax;
  if (header.type == 'x') {
    if (header.size > kBlockSize) {
      throw Error(Code::kMalformed,
                  fmt::format("pax header has {} bytes of records, expected at most {}",
                              header.size, kBlockSize));
    }
    const Block records = read_block(tarball, offset + kBlockSize, "pax records");
    pax = decode_pax(io::text_of(records).substr(0, header.size));
    const Block second =
        read_block(tarball, offset + 2 * kBlockSize, "the header that the pax header is for");
    header = decode_header(second);
    std::ranges::copy(records, std::back_inserter(bytes));
    std::ranges::copy(second, std::back_inserter(bytes));
  }
  require_regular(header.type);
  const std::uint64_t size = pax.size.value_or(header.size);
  if (size != header.size) {
    throw Error(Code::kMalformed,
                fmt::format("pax size is {}, the header's size field says {}", size, header.size));
  }
  const std::string path = pax.path.value_or(header.name);
  require_same(bytes, path, size);
  return {.member = {path, size}, .placement = {offset, offset + bytes.size()}};
}

// Offset behind the member's content and padding.
std::uint64_t end_of(const io::BlobSource& tarball, const FoundMember& found) {
  const std::uint64_t data_end = checked_add(found.placement.data_offset, found.member.size);
  const std::uint64_t end = round_up(data_end, kBlockSize);
  if (end > tarball.size()) {
    throw Error(Code::kIntegrity,
                fmt::format("tarball ends at {}, expected {} bytes of member {} from {} on",
                            tarball.size(), found.member.size, seabag::quoted(found.member.path),
                            found.placement.data_offset));
  }
  Block buffer = {};
  const auto padding = std::span(buffer).first(end - data_end);
  tarball.read_at(data_end, padding);
  if (!is_zero(padding)) {
    throw Error(Code::kMalformed,
                fmt::format("padding of member {} is not zero", seabag::quoted(found.member.path)));
  }
  return end;
}

void require_end(const io::BlobSource& tarball, std::uint64_t offset) {
  const std::uint64_t second = offset + kBlockSize;
  if (!is_zero(read_block(tarball, second, "a second zero block"))) {
    throw Error(Code::kMalformed, "one zero block, expected a header or two zero blocks");
  }
  if (tarball.size() != second + kBlockSize) {
    throw Error(Code::kMalformed,
                fmt::format("{} bytes after the end of the archive, expected none",
                            tarball.size() - second - kBlockSize));
  }
}

// The member at `cursor`, which moves behind it; nothing at the end of the archive.
std::optional<FoundMember> take_member(const io::BlobSource& tarball, std::uint64_t& cursor,
                                       PathSet& seen) try {
  const Block first = read_block(tarball, cursor, "a header or the end of the archive");
  if (is_zero(first)) {
    require_end(tarball, cursor);
    return std::nullopt;
  }
  FoundMember found = decode_member(tarball, cursor, first);
  if (!seen.insert(found.member.path)) {
    throw Error(Code::kMalformed,
                fmt::format("path {} is there twice, or differs from another in case alone",
                            seabag::quoted(found.member.path)));
  }
  cursor = end_of(tarball, found);
  return found;
} catch (Error& error) {
  error.add_context(fmt::format("tarball at offset {}", cursor));
  throw;
}

}  // namespace

void read_members(const io::BlobSource& tarball,
                  const std::function<void(const FoundMember&)>& found) {
  PathSet seen;
  std::uint64_t cursor = 0;
  std::size_t count = 0;
  for (auto next = take_member(tarball, cursor, seen); next.has_value();
       next = take_member(tarball, cursor, seen)) {
    if (++count > limits::kTarMembers) {
      throw Error(Code::kMalformed,
                  fmt::format("tarball has more than {} members", limits::kTarMembers));
    }
    found(*next);
  }
}

}  // namespace seabag::tar
