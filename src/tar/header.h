// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "io/bytes.h"

/// ustar headers with pax where a path or a size needs it: the subset of POSIX.1-2017 "pax
/// interchange format" that we write, and the only one that we read back. format-spec/tarball.md
/// has the rules.
namespace seabag::tar {

inline constexpr std::size_t kBlockSize = 512;

/// Whether a path may stand in our tarballs: 1 to limits::kTarPathBytes bytes, components of
/// POSIX's portable filename character set [A-Za-z0-9._-], none of them empty, "." or "..".
bool is_portable_path(std::string_view path);

/// Errors: kMalformed if `path` is not portable or `size` is above limits::kTarMemberBytes.
void require_writable(std::string_view path, std::uint64_t size);

/// What stands in the header of a member besides its path and size.
struct Attributes {
  char type = '0';  ///< '0': a regular file, '5': a directory
  std::uint32_t mode = 0644;
  std::uint32_t owner = 0;  ///< user and group alike
};

/// The header blocks of a regular file: one block, or three with a pax extended header in front
/// when `path` is over 100 bytes or `size` is 8 GiB or more. Mode 0644, owner 0, time 0: nothing of
/// the machine that wrote it.
/// Errors: as require_writable().
io::Bytes encode_header(std::string_view path, std::uint64_t size);

/// The same with other attributes: for layers, not for the tarballs of a bundle.
io::Bytes encode_header(std::string_view path, std::uint64_t size, const Attributes& attributes);

/// Size of what encode_header() returns. Errors: never.
std::uint64_t header_size(std::string_view path, std::uint64_t size);

/// What a header block says, before it is held against the rest of the profile.
struct Header {
  char type = '0';   ///< '0': a regular file, 'x': a pax extended header, else: not ours
  std::string name;  ///< up to its first NUL; at most 100 bytes
  std::uint64_t size = 0;
};

/// Errors: kMalformed if checksum, magic or version is wrong, or the size has another form.
Header decode_header(std::span<const std::byte, kBlockSize> block);

struct PaxRecords {
  std::optional<std::string> path;
  std::optional<std::uint64_t> size;
};

/// Errors: kMalformed for records that break their grammar, come twice or are not path or size.
/// Source: POSIX.1-2017, pax, "pax Extended Header".
PaxRecords decode_pax(std::string_view records);

/// The name of the field of a header block that `offset` (from the start of the block) lies in.
std::string_view field_at(std::size_t offset);

}  // namespace seabag::tar
