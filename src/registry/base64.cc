// SPDX-License-Identifier: Apache-2.0
#include <cstdint>

#include "registry/base64_internal.h"

namespace seabag::registry {
namespace {

constexpr std::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

}  // namespace

std::string to_base64(std::string_view bytes) {
  std::string text;
  std::uint32_t group = 0;
  unsigned bits = 0;  // of `group` that are not written yet
  for (const char byte : bytes) {
    group = (group << 8U) | static_cast<unsigned char>(byte);
    for (bits += 8; bits >= 6; bits -= 6) text += kAlphabet[(group >> (bits - 6)) & 0x3FU];
  }
  if (bits > 0) text += kAlphabet[(group << (6 - bits)) & 0x3FU];
  while (text.size() % 4 != 0) text += '=';
  return text;
}

std::optional<std::string> from_base64(std::string_view text) {
  const auto end = text.find('=');
  const std::string_view padding = end == std::string_view::npos ? "" : text.substr(end);
  const std::string_view digits = text.substr(0, end);
  const bool padded = padding == "=" || padding == "==";
  if (digits.size() % 4 == 1 || (!padding.empty() && (!padded || text.size() % 4 != 0))) {
    return std::nullopt;
  }
  std::string bytes;
  std::uint32_t group = 0;
  unsigned bits = 0;
  for (const char digit : digits) {
    const auto value = kAlphabet.find(digit);
    if (value == std::string_view::npos) return std::nullopt;
    group = (group << 6U) | static_cast<std::uint32_t>(value);
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    bytes += static_cast<char>((group >> bits) & 0xFFU);
  }
  return bytes;
}

}  // namespace seabag::registry
