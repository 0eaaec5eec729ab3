// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

/// Numbers of the command line. `option` is what a message names: "--max-rate".
namespace seabag::cli {

/// Bytes, with a suffix as GNU tools have them, in either case: none or B for bytes; K, M, G, T or
/// KiB, MiB, GiB, TiB for powers of 1024; KB, MB, GB, TB for powers of 1000. No sign, no fraction,
/// no blank. Errors: kUsage, also if it does not fit 63 bits.
std::uint64_t parse_size(std::string_view text, std::string_view option);

/// A decimal number from `smallest` to `largest`. Errors: kUsage.
std::uint64_t parse_number(std::string_view text, std::string_view option, std::uint64_t smallest,
                           std::uint64_t largest);

}  // namespace seabag::cli
