// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace seabag::oci {

/// What an image runs on. Source: OCI image-spec v1.1, image-index.md, "platform".
struct Platform {
  std::string os;
  std::string architecture;
  std::string variant = {};     ///< empty: none
  std::string os_version = {};  ///< empty: none

  std::string text() const;  ///< "linux/arm64/v8"; empty for no platform at all

  friend auto operator<=>(const Platform&, const Platform&) = default;
};

/// "OS/ARCH[/VARIANT]", as docker and podman write it. Errors: kUsage.
Platform parse_platform(std::string_view text);

/// Whether an image for `has` is one that `--platform wanted` asks for. A variant that is not asked
/// for matches any; "arm64" has the variant v8 unless it says another. "unknown/unknown"
/// (attestations that build tools put beside images) never matches.
bool satisfies(const Platform& has, const Platform& wanted);

}  // namespace seabag::oci
