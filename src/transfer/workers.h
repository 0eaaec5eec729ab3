// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <stop_token>

namespace seabag::transfer {

/// Runs `work(i)` for i = 0 .. count-1 on `jobs` threads, in that order of starting, and waits for
/// all. An exception from one ends the taking of further ones; when all have stopped the first
/// exception is rethrown. Work that may fail on its own catches for itself. Errors: kCancelled if
/// stop was asked for before all were done.
void for_each_parallel(std::size_t count, int jobs, const std::stop_token& stop,
                       const std::function<void(std::size_t)>& work);

/// Below this, what a request costs beside its bytes is the larger part.
inline constexpr std::uint64_t kLargeTransfer = 1U << 20U;

/// The same for transfers of `sizes` bytes each, but for the order: at most so many of
/// kLargeTransfer or more are on their way at once that the largest, at an equal share of the
/// speed, is done no later than all are. Smaller ones take the other threads, and may overtake.
///
/// Requires: `sizes` are in descending order.
void for_each_transfer(std::span<const std::uint64_t> sizes, int jobs, const std::stop_token& stop,
                       const std::function<void(std::size_t)>& work);

}  // namespace seabag::transfer
