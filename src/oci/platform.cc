// SPDX-License-Identifier: Apache-2.0
#include "oci/platform.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"

namespace seabag::oci {
namespace {

// What GOOS, GOARCH and the variants that the image-spec lists are made of.
bool is_component(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '-';
  });
}

// Takes what is in front of the next "/" off `rest`.
std::string take_component(std::string_view& rest) {
  const auto end = std::min(rest.find('/'), rest.size());
  std::string component(rest.substr(0, end));
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return component;
}

bool has_variant(const Platform& platform, std::string_view variant) {
  if (platform.variant.empty() && platform.architecture == "arm64") return variant == "v8";
  return platform.variant == variant;
}

}  // namespace

std::string Platform::text() const {
  if (os.empty() && architecture.empty()) return {};
  return fmt::format("{}/{}{}{}", os, architecture, variant.empty() ? "" : "/", variant);
}

Platform parse_platform(std::string_view text) {
  Platform platform;
  std::string_view rest = text;
  platform.os = take_component(rest);
  platform.architecture = take_component(rest);
  platform.variant = rest;
  const bool three_parts = std::ranges::count(text, '/') > 1;
  if (!is_component(platform.os) || !is_component(platform.architecture) ||
      three_parts != is_component(platform.variant)) {
    throw Error(Code::kUsage, fmt::format("{} is not a platform, expected OS/ARCH or "
                                          "OS/ARCH/VARIANT in lower case, such as linux/arm64/v8",
                                          quoted(text, 80)));
  }
  return platform;
}

bool satisfies(const Platform& has, const Platform& wanted) {
  return has.os != "unknown" && has.os == wanted.os && has.architecture == wanted.architecture &&
         (wanted.variant.empty() || has_variant(has, wanted.variant));
}

}  // namespace seabag::oci
