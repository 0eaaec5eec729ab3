// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>
#include <span>

namespace seabag::disk {

bool is_zero(std::span<const std::byte> bytes);

/// Calls `visit(begin, length)` for each longest run of blocks of which none is all zeros, in
/// order. The last block may be short.
void for_each_data_run(std::span<const std::byte> bytes, std::size_t block,
                       const std::function<void(std::size_t begin, std::size_t length)>& visit);

}  // namespace seabag::disk
