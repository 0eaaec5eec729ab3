// SPDX-License-Identifier: Apache-2.0
#include "base/text.h"

#include <array>
#include <charconv>

#include <fmt/format.h>

namespace seabag {
namespace {

struct Scalar {
  char32_t value = 0;
  std::size_t length = 0;  // bytes; 0: not UTF-8
};

// Well-formed UTF-8 only: Unicode 15, table 3-7 (no overlong forms, no surrogates).
Scalar decode_scalar(std::string_view text) {
  const auto at = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned lead = at(0);
  if (lead < 0x80) return {lead, 1};
  const std::size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || text.size() < length) return {};
  char32_t value = lead & (0x7FU >> length);
  for (std::size_t i = 1; i < length; ++i) {
    if ((at(i) & 0xC0U) != 0x80U) return {};
    value = (value << 6U) | (at(i) & 0x3FU);
  }
  static constexpr std::array<char32_t, 5> kSmallest = {0, 0, 0x80, 0x800, 0x10000};
  const bool surrogate = value >= 0xD800 && value <= 0xDFFF;
  if (value < kSmallest[length] || surrogate || value > 0x10FFFF) return {};
  return {value, length};
}

// Characters that move the cursor, reorder or hide text: C0, DEL, C1, and Unicode's bidirectional
// controls, zero-width characters, line separators, the soft hyphen, tags and the byte order mark.
bool is_harmful(char32_t c) {
  return c < 0x20 || (c >= 0x7F && c < 0xA0) || c == 0xAD || c == 0x61C ||
         (c >= 0x200B && c <= 0x200F) || (c >= 0x2028 && c <= 0x202E) || c == 0x180E ||
         (c >= 0x2060 && c <= 0x206F) || c == 0xFEFF || (c >= 0xE0000 && c <= 0xE007F);
}

std::string escaped(std::string_view text, std::size_t max_characters, char quote) {
  std::string out;
  std::size_t shown = 0;
  for (std::size_t i = 0; i < text.size(); ++shown) {
    if (shown == max_characters) return out + "...";
    const Scalar scalar = decode_scalar(text.substr(i));
    if (scalar.length == 0) {
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(text[i]));
      ++i;
      continue;
    }
    if (is_harmful(scalar.value)) {
      out += scalar.value < 0x100
                 ? fmt::format("\\x{:02x}", static_cast<unsigned>(scalar.value))
                 : fmt::format("\\u{{{:04x}}}", static_cast<unsigned>(scalar.value));
    } else {
      if (scalar.value == U'\\' || (quote != '\0' && text[i] == quote)) out += '\\';
      out += text.substr(i, scalar.length);
    }
    i += scalar.length;
  }
  return out;
}

bool matches_one(char pattern, char text) {
  return pattern == text || (pattern == '?' && text != '/');
}

// Where to go on after a star's run was made one character longer.
struct Retry {
  std::size_t pattern = std::string_view::npos;  // npos: there was no star yet
  std::size_t text = 0;

  bool can_grow(std::string_view whole_text) const {
    return pattern != std::string_view::npos && text < whole_text.size();
  }
};

}  // namespace

std::string printable(std::string_view text, std::size_t max_characters) {
  return escaped(text, max_characters, '\0');
}

std::string quoted(std::string_view text, std::size_t max_characters) {
  return '"' + escaped(text, max_characters, '"') + '"';
}

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const Scalar scalar = decode_scalar(text);
    if (scalar.length == 0) return false;
    text.remove_prefix(scalar.length);
  }
  return true;
}

std::string readable_size(std::uint64_t bytes) {
  static constexpr std::array<std::string_view, 6> kUnits = {"KiB", "MiB", "GiB",
                                                             "TiB", "PiB", "EiB"};
  if (bytes < 1024) return fmt::format("{} byte{}", bytes, bytes == 1 ? "" : "s");
  auto value = static_cast<double>(bytes) / 1024;
  std::size_t unit = 0;
  while (value >= 999.5) {
    value /= 1024;
    ++unit;
  }
  const int decimals = value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
  return fmt::format("{:.{}f} {}", value, decimals, kUnits[unit]);
}

std::string to_lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

// Iterative with one point to go back to for each kind of star: the shortest run of an earlier star
// is never worse than a longer one. So a hostile pattern costs at most |pattern| * |text|^2 steps
// and not an exponential number.
bool glob_matches(std::string_view pattern, std::string_view text) {
  Retry star;
  Retry globstar;
  std::size_t p = 0;
  std::size_t t = 0;
  while (t < text.size() || p < pattern.size()) {
    if (pattern.substr(p).starts_with("**")) {
      p += 2;
      globstar = {p, t};
      star = {};
    } else if (pattern.substr(p).starts_with('*')) {
      star = {++p, t};
    } else if (p < pattern.size() && t < text.size() && matches_one(pattern[p], text[t])) {
      ++p;
      ++t;
    } else if (star.can_grow(text) && text[star.text] != '/') {
      p = star.pattern;
      t = ++star.text;
    } else if (globstar.can_grow(text)) {
      p = globstar.pattern;
      t = ++globstar.text;
      star = {};
    } else {
      return false;
    }
  }
  return true;
}

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

std::optional<std::uint64_t> find_number(std::string_view text) {
  std::uint64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || stop != end) return std::nullopt;
  return number;
}

}  // namespace seabag
