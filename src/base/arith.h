// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <limits>
#include <utility>

#include "base/error.h"

namespace seabag {

/// a + b. Errors: kMalformed if it does not fit 64 bits.
constexpr std::uint64_t checked_add(std::uint64_t a, std::uint64_t b) {
  if (b > std::numeric_limits<std::uint64_t>::max() - a) {
    throw Error(Code::kMalformed, "sum of sizes does not fit 64 bits");
  }
  return a + b;
}

/// `value` raised to a multiple of `unit`. Errors: kMalformed if it does not fit 64 bits.
constexpr std::uint64_t round_up(std::uint64_t value, std::uint64_t unit) {
  const std::uint64_t rest = value % unit;
  return rest == 0 ? value : checked_add(value, unit - rest);
}

/// `value` as another integer type. Errors: kMalformed if it does not fit.
template <class To, class From>
constexpr To narrow(From value) {
  if (!std::in_range<To>(value)) throw Error(Code::kMalformed, "number out of range");
  return static_cast<To>(value);
}

}  // namespace seabag
