// SPDX-License-Identifier: Apache-2.0
#include "bagit/bag_files.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>
#include <unordered_map>
#include <unordered_set>

#include <fmt/format.h>

#include "base/error.h"
#include "base/hex.h"
#include "base/limits.h"
#include "base/text.h"

namespace seabag::bagit {
namespace {

constexpr std::string_view kVersionLabel = "BagIt-Version: ";
constexpr std::string_view kVersion = "1.0";
constexpr std::string_view kEncodingLabel = "Tag-File-Character-Encoding: ";
constexpr std::string_view kEncoding = "UTF-8";
constexpr std::size_t kChecksumDigits = 64;
constexpr std::string_view kSeparator = "  ";  // two blanks: what sha256sum -c reads

Error malformed(std::string text) {
  return {Code::kMalformed, std::move(text)};
}

// Takes the first line off `text`. Errors: kMalformed if it has no line feed or is too long.
std::string_view take_line(std::string_view& text) {
  const std::size_t end = text.find('\n');
  if (std::min(end, text.size()) > limits::kBagLineBytes) {
    throw malformed(fmt::format("longer than the limit of {} bytes", limits::kBagLineBytes));
  }
  if (end == std::string_view::npos) throw malformed("does not end with a line feed");
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end + 1);
  return line;
}

// Calls `take` with each line; its errors get the line's number.
template <class Take>
void for_each_line(std::string_view text, std::string_view file_name, Take take) {
  for (std::size_t number = 1; !text.empty(); ++number) {
    try {
      take(take_line(text), number);
    } catch (Error& error) {
      error.add_context(fmt::format("{} line {}", printable(file_name), number));
      throw;
    }
  }
}

void require_value(std::string_view& text, std::string_view label, std::string_view expected) {
  const std::string_view line = text.empty() ? text : take_line(text);
  if (!line.starts_with(label)) {
    throw malformed(fmt::format("expected {}, got {}", quoted(label), quoted(line, 80)));
  }
  const std::string_view value = line.substr(label.size());
  if (value == expected) return;
  throw Error(Code::kUnsupported,
              fmt::format("{}expected {}, got {}", label, expected, quoted(value, 80)));
}

std::string encoded(std::string_view path) {
  std::string text;
  for (const char c : path) {
    text += c;
    if (c == '%') text += "25";
  }
  return text;
}

// Decoded once, and %25 alone: RFC 8493 section 2.1.3 encodes %, CR and LF, and the profile has no
// names with the last two.
std::string decoded(std::string_view text) {
  std::string path;
  for (std::size_t i = 0; i < text.size(); ++i) {
    path += text[i];
    if (text[i] != '%') continue;
    if (text.substr(i, 3) != "%25") {
      throw malformed(fmt::format("path {}: only % is written with %, as %25", quoted(text)));
    }
    i += 2;
  }
  return path;
}

bool is_control(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte < 0x20 || byte == 0x7F;
}

bool is_printable_ascii(char c) {
  return !is_control(c) && static_cast<unsigned char>(c) < 0x80;
}

// What is wrong with one component of a path; null: nothing.
const char* defect_of(std::string_view component) {
  if (component.empty()) return "an empty component";
  if (component == "." || component == "..") return "a component that is \".\" or \"..\"";
  if (component.front() == '~' || component.front() == '$') {
    return "a component that a shell may expand";
  }
  for (const char c : component) {
    if (c == '\\') return "a backslash";
    if (c == ':') return "a colon";
    if (!is_printable_ascii(c)) return "a character that is not printable ASCII";
  }
  return nullptr;
}

// What is wrong with a path; empty: nothing.
std::string find_path_defect(std::string_view path) {
  if (path.starts_with('/')) return "is absolute";
  for (std::size_t begin = 0; begin <= path.size();) {
    const std::size_t end = std::min(path.find('/', begin), path.size());
    if (const char* defect = defect_of(path.substr(begin, end - begin))) {
      return fmt::format("has {}", defect);
    }
    begin = end + 1;
  }
  return {};
}

void require_path(std::string_view path, bool is_payload) {
  std::string defect = find_path_defect(path);
  const bool is_below_data =
      path.starts_with(kPayloadDirectory) && path.substr(kPayloadDirectory.size()).starts_with('/');
  if (defect.empty() && is_below_data != is_payload) {
    defect = is_payload ? "is not below data/" : "is below data/, in a list of tag files";
  }
  if (!defect.empty()) throw malformed(fmt::format("path {}: {}", quoted(path), defect));
}

ManifestEntry parse_entry(std::string_view line, bool is_payload) {
  std::array<std::byte, kChecksumDigits / 2> raw = {};
  if (!from_hex(line.substr(0, kChecksumDigits), raw) ||
      line.substr(kChecksumDigits, kSeparator.size()) != kSeparator) {
    throw malformed(fmt::format("expected 64 lower-case hexadecimal digits and two blanks, got {}",
                                quoted(line, 80)));
  }
  std::string path = decoded(line.substr(kChecksumDigits + kSeparator.size()));
  require_path(path, is_payload);
  return {digest::Digest(digest::Algorithm::kSha256, raw), std::move(path)};
}

bool is_blank(char c) {
  return c == ' ' || c == '\t';
}

// A line of bag-info.txt may have any text but control characters: CR among them, which other tools
// could take for the end of a line.
void require_text(std::string_view line) {
  const auto is_refused = [](char c) { return is_control(c) && c != '\t'; };
  if (std::ranges::any_of(line, is_refused)) {
    throw malformed(fmt::format("has a control character: {}", quoted(line, 80)));
  }
}

std::pair<std::string, std::string> parse_field(std::string_view line) {
  const std::size_t colon = line.find(':');
  const std::string_view label = line.substr(0, std::min(colon, line.size()));
  if (colon == std::string_view::npos || label.empty() || is_blank(label.back())) {
    throw malformed(fmt::format("expected \"Label: value\", got {}", quoted(line, 80)));
  }
  return {std::string(label), std::string(trimmed(line.substr(colon + 1)))};
}

}  // namespace

std::string write_declaration() {
  return fmt::format("{}{}\n{}{}\n", kVersionLabel, kVersion, kEncodingLabel, kEncoding);
}

void require_declaration(std::string_view text) try {
  require_value(text, kVersionLabel, kVersion);
  require_value(text, kEncodingLabel, kEncoding);
  if (!text.empty()) {
    throw malformed(fmt::format("expected two lines, got more: {}", quoted(text, 80)));
  }
} catch (Error& error) {
  error.add_context(kDeclarationPath);
  throw;
}

std::string write_manifest(std::vector<ManifestEntry> entries) {
  std::ranges::sort(entries, {}, &ManifestEntry::path);
  std::string text;
  std::unordered_set<std::string> paths;  // in lower case
  for (const ManifestEntry& entry : entries) {
    check(entry.checksum.algorithm() == digest::Algorithm::kSha256,
          "the checksums of a manifest are SHA-256");
    check(find_path_defect(entry.path).empty(), "the names in a bag are portable");
    check(paths.insert(to_lower(entry.path)).second, "the names in a bag differ not in case alone");
    text += fmt::format("{}{}{}\n", entry.checksum.hex(), kSeparator, encoded(entry.path));
  }
  return text;
}

std::vector<ManifestEntry> parse_manifest(std::string_view text, const std::string& file_name) {
  if (text.size() > limits::kBagManifestBytes) {
    throw malformed(fmt::format("{}: {} bytes, more than the limit of {}", printable(file_name),
                                text.size(), limits::kBagManifestBytes));
  }
  const bool is_payload = file_name == kManifestPath;
  std::vector<ManifestEntry> entries;
  std::unordered_map<std::string, std::size_t> line_of;  // by path in lower case
  for_each_line(text, file_name, [&](std::string_view line, std::size_t number) {
    if (number > limits::kBagEntries) {
      throw malformed(fmt::format("more than the limit of {} entries", limits::kBagEntries));
    }
    ManifestEntry entry = parse_entry(line, is_payload);
    const auto [found, is_new] = line_of.try_emplace(to_lower(entry.path), number);
    if (!is_new) {
      const bool is_same = entries[found->second - 1].path == entry.path;
      throw malformed(fmt::format(
          "path {} {} line {}", quoted(entry.path),
          is_same ? "is already in" : "differs in case alone from the one in", found->second));
    }
    entries.push_back(std::move(entry));
  });
  return entries;
}

std::string write_bag_info(const BagInfo& info) {
  std::string text;
  for (const auto& [label, value] : info) {
    std::string line = value;
    std::ranges::replace_if(
        line, [](char c) { return c == '\n' || c == '\r'; }, ' ');
    text += fmt::format("{}: {}\n", label, line);
  }
  return text;
}

BagInfo parse_bag_info(std::string_view text) {
  BagInfo info;
  for_each_line(text, kBagInfoPath, [&](std::string_view line, std::size_t number) {
    require_text(line);
    if (line.empty() || !is_blank(line.front())) {
      info.push_back(parse_field(line));
      return;
    }
    if (number == 1) throw malformed("continues a value, and there is none before it");
    std::string& value = info.back().second;
    if (!value.empty() && !trimmed(line).empty()) value += ' ';
    value += trimmed(line);
  });
  return info;
}

std::string payload_oxum(std::uint64_t bytes, std::uint64_t files) {
  return fmt::format("{}.{}", bytes, files);
}

}  // namespace seabag::bagit
