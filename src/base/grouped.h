// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <numeric>
#include <span>
#include <vector>

#include "base/arith.h"

namespace seabag {

/// Values by a key below a given number, those of one key side by side: four bytes a key and the
/// values, where a list for each key would take a node or a heap block of its own.
template <class Value>
class Grouped {
 public:
  Grouped() = default;
  /// `each` calls what it is given with every key and value; it is run twice, and gives the same
  /// both times. Order: the values of a key as they came. Errors: kMalformed if there are 2^32 or
  /// more.
  template <class Each>
  Grouped(std::size_t keys, const Each& each) : first_(keys + 1, 0) {
    std::size_t count = 0;
    each([&](std::size_t key, const Value&) {
      ++first_.at(key + 1);
      ++count;
    });
    narrow<std::uint32_t>(count);
    std::partial_sum(first_.begin(), first_.end(), first_.begin());
    values_.resize(count);
    std::vector<std::uint32_t> next = first_;
    each([&](std::size_t key, const Value& value) { values_[next[key]++] = value; });
  }

  std::span<const Value> of(std::size_t key) const {
    return std::span(values_).subspan(first_[key], first_[key + 1] - first_[key]);
  }

 private:
  std::vector<std::uint32_t> first_;  // parallel to the keys, and one more; positions in values_
  std::vector<Value> values_;
};

}  // namespace seabag
