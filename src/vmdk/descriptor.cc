// SPDX-License-Identifier: Apache-2.0
#include "vmdk/descriptor.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <set>

#include <fmt/format.h>

#include "base/arith.h"
#include "base/error.h"
#include "base/limits.h"
#include "base/text.h"

namespace seabag::vmdk {
namespace {

constexpr std::size_t kNameBytes = 255;  // NAME_MAX of Linux
constexpr std::uint32_t kNoParent = 0xFFFFFFFF;

template <class Number>
std::optional<Number> find_number(std::string_view text, int base = 10) {
  Number number = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), number, base);
  if (failed != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

// Takes the first word off `text`.
std::string_view take_word(std::string_view& text) {
  text = trimmed(text);
  const std::string_view word = text.substr(0, text.find_first_of(" \t"));
  text.remove_prefix(word.size());
  return word;
}

std::string_view without_quotes(std::string_view text) {
  if (text.size() >= 2 && text.front() == '"' && text.back() == '"') {
    return text.substr(1, text.size() - 2);
  }
  return text;
}

struct CreateTypeRow {
  std::string_view name;  // lower case
  bool is_read;
  std::string_view reason;
};

constexpr std::string_view kDevice = "its extents are devices of the host that made it";
constexpr std::string_view kDelta = "it is a delta format of ESX";

// Source: VMware Virtual Disk Format 5.0, "The Header" (createType); ESX's from libvmdk's
// documentation.
constexpr std::array kCreateTypes = {
    CreateTypeRow{"monolithicsparse", true, {}},
    CreateTypeRow{"monolithicflat", true, {}},
    CreateTypeRow{"twogbmaxextentsparse", true, {}},
    CreateTypeRow{"twogbmaxextentflat", true, {}},
    CreateTypeRow{"2gbmaxextentsparse", true, {}},
    CreateTypeRow{"2gbmaxextentflat", true, {}},
    CreateTypeRow{"streamoptimized", true, {}},
    CreateTypeRow{"vmfs", true, {}},
    CreateTypeRow{"vmfspreallocated", true, {}},
    CreateTypeRow{"vmfseagerzeroedthick", true, {}},
    CreateTypeRow{"vmfsthin", true, {}},
    CreateTypeRow{"custom", true, {}},
    CreateTypeRow{"fulldevice", false, kDevice},
    CreateTypeRow{"partitioneddevice", false, kDevice},
    CreateTypeRow{"vmfsraw", false, kDevice},
    CreateTypeRow{"vmfsrdm", false, kDevice},
    CreateTypeRow{"vmfsrdmp", false, kDevice},
    CreateTypeRow{"vmfsrawdevicemap", false, kDevice},
    CreateTypeRow{"vmfspassthroughrawdevicemap", false, kDevice},
    CreateTypeRow{"vmfssparse", false, kDelta},
    CreateTypeRow{"sesparse", false, kDelta},
    CreateTypeRow{"vmfssesparse", false, kDelta},
};

void require_readable_type(std::string_view create_type) {
  const auto* const found =
      std::ranges::find(kCreateTypes, to_lower(create_type), &CreateTypeRow::name);
  if (found != kCreateTypes.end() && found->is_read) return;
  Error error(Code::kUnsupported,
              fmt::format("createType {}{}{}", quoted(create_type),
                          found == kCreateTypes.end() ? " is not known" : " is not read: ",
                          found == kCreateTypes.end() ? std::string_view() : found->reason));
  error.add_next_step(
      "clone the disk into a file of its own with the hypervisor (vmkfstools -i, or an export as "
      "OVF)");
  throw error;
}

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  Descriptor parse() {
    while (!text_.empty()) {
      if (++line_ > limits::kVmdkDescriptorLines) {
        throw Error(Code::kUnsupported,
                    fmt::format("descriptor: more than {} lines", limits::kVmdkDescriptorLines));
      }
      const std::size_t end = text_.find('\n');
      std::string_view line = text_.substr(0, end);
      text_.remove_prefix(end == std::string_view::npos ? text_.size() : end + 1);
      if (line.ends_with('\r')) line.remove_suffix(1);
      take(line);
    }
    require_complete();
    return std::move(descriptor_);
  }

 private:
  Error malformed(const std::string& what) const {
    return {Code::kMalformed, fmt::format("descriptor, line {}: {}", line_, what)};
  }
  Error unsupported(const std::string& what) const {
    return {Code::kUnsupported, fmt::format("descriptor, line {}: {}", line_, what)};
  }

  void take(std::string_view line) {
    const auto is_control = [](char c) {
      return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7F;
    };
    if (std::ranges::any_of(line, is_control)) {
      throw malformed("control characters: " + quoted(line));
    }
    line = trimmed(line);
    if (line.empty() || line.front() == '#') return;
    std::string_view rest = line;
    const std::string first = to_lower(take_word(rest));
    if (first == "rw" || first == "rdonly" || first == "noaccess") {
      take_extent(first, rest, line);
    } else {
      take_key(line);
    }
  }

  void take_key(std::string_view line) {
    const std::size_t equals = line.find('=');
    const std::string key = to_lower(trimmed(line.substr(0, equals)));
    if (equals == std::string_view::npos || key.empty()) {
      throw malformed("neither a key with a value nor an extent: " + quoted(line));
    }
    // Programs do write keys of the data base twice, and none of them means anything to us.
    if (key.starts_with("ddb.")) return;
    if (!keys_.insert(key).second) throw malformed(quoted(key) + " a second time");
    take_value(key, without_quotes(trimmed(line.substr(equals + 1))));
  }

  void take_value(const std::string& key, std::string_view value) {
    if (key == "version") {
      const auto version = find_number<std::uint32_t>(value);
      if (!version) throw malformed("a version that is no number: " + quoted(value));
      if (*version < 1 || *version > 3) {
        throw unsupported(fmt::format("version {}, this build reads 1 to 3", *version));
      }
    } else if (key == "encoding") {
      is_utf8_ = to_lower(value) == "utf-8";
    } else if (key == "createtype") {
      require_readable_type(value);
      descriptor_.create_type = value;
    } else if (key == "parentcid") {
      const auto parent = find_number<std::uint32_t>(value, 16);
      if (!parent) throw malformed("a parentCID that is no number: " + quoted(value));
      if (*parent != kNoParent) throw has_parent(fmt::format("parentCID {:08x}", *parent));
    } else if (key == "parentfilenamehint") {
      throw has_parent("parentFileNameHint " + quoted(value));
    }
  }

  Error has_parent(const std::string& what) const {
    Error error = unsupported(what + ": holds the differences to another disk alone");
    error.add_next_step(
        "consolidate the snapshots, or export the virtual machine, with the hypervisor first");
    return error;
  }

  void take_extent(std::string_view access, std::string_view rest, std::string_view line) {
    if (descriptor_.extents.size() == limits::kVmdkExtents) {
      throw unsupported(fmt::format("more than {} extents", limits::kVmdkExtents));
    }
    ExtentLine extent;
    extent.access = access == "rw"       ? Access::kReadWrite
                    : access == "rdonly" ? Access::kReadOnly
                                         : Access::kNoAccess;
    const auto sectors = find_number<std::uint64_t>(take_word(rest));
    if (!sectors || *sectors == 0) throw malformed("an extent without sectors: " + quoted(line));
    extent.sectors = *sectors;
    extent.type = extent_type(take_word(rest));
    if (extent.type != ExtentType::kZero) extent.file = take_name(rest, line);
    rest = trimmed(rest);
    if (extent.type == ExtentType::kFlat && !rest.empty()) {
      const auto offset = find_number<std::uint64_t>(take_word(rest));
      if (!offset) throw malformed("an extent whose offset is no number: " + quoted(line));
      extent.offset_sectors = *offset;
    }
    if (!trimmed(rest).empty()) {
      throw malformed("an extent with something behind it: " + quoted(line));
    }
    require_range(extent);
    descriptor_.extents.push_back(std::move(extent));
  }

  ExtentType extent_type(std::string_view word) const {
    const std::string type = to_lower(word);
    if (type == "flat" || type == "vmfs") return ExtentType::kFlat;
    if (type == "sparse") return ExtentType::kSparse;
    if (type == "zero") return ExtentType::kZero;
    if (type == "vmfssparse" || type == "sesparse" || type == "vmfsrdm" || type == "vmfsraw") {
      Error error = unsupported("extents of type " + quoted(word) + " are not read");
      error.add_next_step("clone the disk with the hypervisor (vmkfstools -i)");
      throw error;
    }
    throw malformed("an extent of type " + quoted(word) + ", which is none");
  }

  std::string take_name(std::string_view& rest, std::string_view line) const {
    rest = trimmed(rest);
    const std::size_t end = rest.starts_with('"') ? rest.find('"', 1) : std::string_view::npos;
    if (end == std::string_view::npos) {
      throw malformed("an extent without the name of its file in quotes: " + quoted(line));
    }
    const std::string_view name = rest.substr(1, end - 1);
    rest.remove_prefix(end + 1);
    if (!is_plain_name(name)) {
      Error error =
          malformed("an extent in " + quoted(name) + ", expected the name of a file beside it");
      error.add_next_step("put the extents beside the descriptor and name them without a folder");
      throw error;
    }
    return std::string(name);
  }

  void require_range(const ExtentLine& extent) {
    constexpr std::uint64_t kMaxSectors = limits::kVmdkDiskBytes / disk::kSectorBytes;
    // Each number is held against the limit on its own, so that the sums cannot overflow.
    if (extent.sectors > kMaxSectors || extent.offset_sectors > kMaxSectors ||
        sectors_ + extent.sectors > kMaxSectors) {
      throw unsupported(
          fmt::format("extents of {} and {} sectors at {} pass what this build reads "
                      "(at most {} sectors)",
                      sectors_, extent.sectors, extent.offset_sectors, kMaxSectors));
    }
    sectors_ += extent.sectors;
  }

  void require_complete() const {
    for (const char* key : {"version", "createtype"}) {
      if (!keys_.contains(key)) {
        throw Error(Code::kMalformed, fmt::format("descriptor: no {}", quoted(key)));
      }
    }
    if (descriptor_.extents.empty()) throw Error(Code::kMalformed, "descriptor: no extents");
    for (const ExtentLine& extent : descriptor_.extents) {
      const auto is_ascii = [](char c) { return static_cast<unsigned char>(c) < 0x80; };
      if (!is_utf8_ && !std::ranges::all_of(extent.file, is_ascii)) {
        Error error(Code::kUnsupported,
                    fmt::format("descriptor: an extent in {}, in an encoding that is not UTF-8",
                                quoted(extent.file)));
        error.add_next_step("rename the extent, here and in the descriptor, to an ASCII name");
        throw error;
      }
    }
  }

  std::string_view text_;
  std::size_t line_ = 0;
  std::set<std::string> keys_;
  bool is_utf8_ = false;
  std::uint64_t sectors_ = 0;
  Descriptor descriptor_;
};

}  // namespace

std::uint64_t Descriptor::sectors() const {
  std::uint64_t sum = 0;
  for (const ExtentLine& extent : extents) sum = checked_add(sum, extent.sectors);
  return sum;
}

Descriptor parse_descriptor(std::string_view text) {
  if (text.size() > limits::kVmdkDescriptorBytes) {
    throw Error(Code::kUnsupported, fmt::format("descriptor: {} bytes, expected at most {}",
                                                text.size(), limits::kVmdkDescriptorBytes));
  }
  return Parser(text).parse();
}

bool is_plain_name(std::string_view name) {
  if (name.empty() || name.size() > kNameBytes || name == "." || name == "..") return false;
  if (name.find_first_of("/\\:\"") != std::string_view::npos) return false;
  // What had to be escaped is no plain character: controls, bidirectional marks, no UTF-8.
  return printable(name, kNameBytes) == name;
}

}  // namespace seabag::vmdk
