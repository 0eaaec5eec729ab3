// SPDX-License-Identifier: Apache-2.0
#include "conversion/identity.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <limits>
#include <utility>

#include <fmt/format.h>

#include "base/endian.h"
#include "base/error.h"
#include "base/hex.h"
#include "base/text.h"

namespace seabag::conversion {
namespace {

constexpr std::array<std::string_view, 4> kKeys = {"adapter", "cid", "timestamp", "uuid"};
constexpr UtcTime kFirstTimestamp{946'684'800};  // 2000-01-01T00:00:00Z

// Of a UUID's text, where its dashes are.
constexpr std::array<std::size_t, 4> kDashes = {8, 13, 18, 23};
constexpr std::size_t kUuidChars = 36;

std::string lower_case(std::string_view text) {
  std::string lower(text);
  std::ranges::transform(lower, lower.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return lower;
}

Error unexpected(std::string_view key, std::string_view expected, std::string_view value) {
  return {Code::kUsage,
          fmt::format("{}: expected {}, got {}", key, expected, seabag::quoted(value))};
}

vmdk::Adapter adapter_in(std::string_view value) {
  const auto adapter = vmdk::find_adapter(value);
  if (!adapter) throw unexpected("adapter", "one of " + vmdk::adapter_names(), value);
  return *adapter;
}

std::uint32_t cid_in(std::string_view value) {
  std::array<std::byte, 4> raw = {};
  const bool is_hex = from_hex(lower_case(value), raw);
  const auto cid = load_big_endian<std::uint32_t>(raw, 0);
  if (!is_hex || !vmdk::is_cid(cid)) {
    throw unexpected(
        "cid", "8 hexadecimal digits, not ffffffff and not fffffffe, which mean something else",
        value);
  }
  return cid;
}

vhd::UniqueId uuid_in(std::string_view value) {
  std::string digits;
  bool has_dashes = value.size() == kUuidChars;
  for (std::size_t i = 0; i < value.size(); ++i) {
    const bool is_dash = std::ranges::find(kDashes, i) != kDashes.end();
    has_dashes = has_dashes && is_dash == (value[i] == '-');
    if (!is_dash) digits += value[i];
  }
  vhd::UniqueId id = {};
  if (!has_dashes || !from_hex(lower_case(digits), id) || id == vhd::UniqueId{}) {
    throw unexpected(
        "uuid", "a UUID such as 6b1ff1d4-39a9-4f0c-8d3f-0d7b0e5f9a11, and not the one of zeros",
        value);
  }
  return id;
}

std::uint32_t timestamp_in(std::string_view value) {
  const auto time = parse_rfc3339(value);
  const std::int64_t seconds = time ? time->seconds - kFirstTimestamp.seconds : -1;
  if (seconds < 0 || seconds > std::numeric_limits<std::uint32_t>::max()) {
    throw unexpected("timestamp", "a time from 2000 to 2135 such as 2026-11-25T08:00:00Z", value);
  }
  return static_cast<std::uint32_t>(seconds);
}

std::string uuid_text(const vhd::UniqueId& id) {
  std::string text = to_hex(id);
  for (const std::size_t dash : kDashes) text.insert(dash, 1, '-');
  return text;
}

}  // namespace

bool is_identity_option(std::string_view key) {
  return std::ranges::find(kKeys, key) != kKeys.end();
}

void set_identity(Identity& identity, std::string_view key, std::string_view value) {
  if (key == "adapter") {
    identity.adapter = adapter_in(value);
  } else if (key == "cid") {
    identity.cid = cid_in(value);
  } else if (key == "uuid") {
    identity.uuid = uuid_in(value);
  } else {
    check(key == "timestamp", "an option of the identity");
    identity.timestamp = timestamp_in(value);
  }
}

std::map<std::string, std::string> options_of(const Identity& identity) {
  std::map<std::string, std::string> options;
  if (identity.adapter) options["adapter"] = vmdk::name_of(*identity.adapter);
  if (identity.cid) options["cid"] = fmt::format("{:08x}", *identity.cid);
  if (identity.uuid) options["uuid"] = uuid_text(*identity.uuid);
  if (identity.timestamp) {
    options["timestamp"] = to_rfc3339(time_of_timestamp(*identity.timestamp));
  }
  return options;
}

std::string text_of(const Identity& identity) {
  std::string text;
  for (const auto& [key, value] : options_of(identity)) {
    text += fmt::format("{}{}={}", text.empty() ? "" : ",", key, value);
  }
  return text;
}

Identity parse_identity(std::string_view text) {
  Identity identity;
  while (!text.empty()) {
    const std::string_view part = text.substr(0, text.find(','));
    text.remove_prefix(std::min(part.size() + 1, text.size()));
    const std::string_view key = part.substr(0, part.find('='));
    if (!is_identity_option(key)) {
      throw Error(Code::kUsage, fmt::format("{} is no identifier of a disk", seabag::quoted(part)));
    }
    set_identity(identity, key, part.substr(std::min(key.size() + 1, part.size())));
  }
  return identity;
}

UtcTime time_of_timestamp(std::uint32_t timestamp) {
  return {kFirstTimestamp.seconds + timestamp};
}

}  // namespace seabag::conversion
