// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace seabag::vhdx {

/// The CRC-32C (Castagnoli) of bytes that come in pieces: pass the result for what came before.
/// "123456789" has 0xE3069283. Source: RFC 3720, appendix B.4.
std::uint32_t crc32c(std::span<const std::byte> bytes, std::uint32_t before = 0);

}  // namespace seabag::vhdx
