// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace seabag {

/// Lower-case hexadecimal digits, two a byte.
std::string to_hex(std::span<const std::byte> bytes);

/// Fills `out` from exactly 2 * out.size() lower-case digits; false for anything else.
bool from_hex(std::string_view digits, std::span<std::byte> out);

}  // namespace seabag
