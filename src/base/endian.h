// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <concepts>
#include <cstddef>
#include <span>

#include "base/error.h"

/// Numbers in the byte orders of foreign formats, wherever they lie.
/// Errors: kInternal if the number does not lie wholly within `bytes`: lengths are checked before.
namespace seabag {

template <std::unsigned_integral Number>
constexpr Number load_big_endian(std::span<const std::byte> bytes, std::size_t offset) {
  check(offset <= bytes.size() && sizeof(Number) <= bytes.size() - offset, "load within bytes");
  Number value = 0;
  for (std::size_t i = 0; i < sizeof(Number); ++i) {
    value = static_cast<Number>((value << 8U) | std::to_integer<Number>(bytes[offset + i]));
  }
  return value;
}

template <std::unsigned_integral Number>
constexpr Number load_little_endian(std::span<const std::byte> bytes, std::size_t offset) {
  check(offset <= bytes.size() && sizeof(Number) <= bytes.size() - offset, "load within bytes");
  Number value = 0;
  for (std::size_t i = sizeof(Number); i-- > 0;) {
    value = static_cast<Number>((value << 8U) | std::to_integer<Number>(bytes[offset + i]));
  }
  return value;
}

template <std::unsigned_integral Number>
constexpr void store_big_endian(std::span<std::byte> bytes, std::size_t offset, Number value) {
  check(offset <= bytes.size() && sizeof(Number) <= bytes.size() - offset, "store within bytes");
  for (std::size_t i = sizeof(Number); i-- > 0;) {
    bytes[offset + i] = static_cast<std::byte>(value & 0xFFU);
    value = static_cast<Number>(value >> 4U >> 4U);  // twice: 8 is too far for one byte
  }
}

template <std::unsigned_integral Number>
constexpr void store_little_endian(std::span<std::byte> bytes, std::size_t offset, Number value) {
  check(offset <= bytes.size() && sizeof(Number) <= bytes.size() - offset, "store within bytes");
  for (std::size_t i = 0; i < sizeof(Number); ++i) {
    bytes[offset + i] = static_cast<std::byte>(value & 0xFFU);
    value = static_cast<Number>(value >> 4U >> 4U);
  }
}

}  // namespace seabag
