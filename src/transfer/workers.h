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

/// The same for transfers of `sizes` bytes each, so that the largest does not end alone: of those
/// from a mebibyte on there are never more at a time than get it done by when the others are, if
/// all are equally fast. Fewer large ones than `jobs` are on their way only where the largest is
/// more than a `jobs`th of what is left.
///
/// Requires: `sizes` are in descending order.
void for_each_transfer(std::span<const std::uint64_t> sizes, int jobs, const std::stop_token& stop,
                       const std::function<void(std::size_t)>& work);

}  // namespace seabag::transfer
