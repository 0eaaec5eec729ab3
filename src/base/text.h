// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace seabag {

/// `text` made harmless for a terminal or a log: control characters (C0, DEL, C1), bidirectional
/// and zero-width characters and invalid UTF-8 become \xNN or \u{NNNN}; backslashes are doubled;
/// cut after `max_characters` with "...".
std::string printable(std::string_view text, std::size_t max_characters = 300);

/// printable() between double quotes, inner quotes escaped.
std::string quoted(std::string_view text, std::size_t max_characters = 300);

/// Whether all of it is UTF-8: JSON can hold nothing else.
bool is_utf8(std::string_view text);

/// "1.5 GiB", "17 bytes": three digits at most, binary units, for people only.
std::string readable_size(std::uint64_t bytes);

/// ASCII lower case, whatever the locale says.
std::string to_lower(std::string_view text);

/// "HOST:PORT", a path, or a pattern: `*` any run without `/`, `**` any run, `?` one character but
/// `/`.
bool glob_matches(std::string_view pattern, std::string_view text);

/// Without leading and trailing blanks and tabs.
std::string_view trimmed(std::string_view text);

/// The decimal number that all of `text` is; nothing if it is none, or too large.
std::optional<std::uint64_t> find_number(std::string_view text);

}  // namespace seabag
