// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>
#include <stop_token>

namespace seabag::transfer {

/// Runs `work(i)` for i = 0 .. count-1 on `jobs` threads, in that order of starting, and waits for
/// all. An exception from one ends the taking of further ones; when all have stopped the first
/// exception is rethrown. Work that may fail on its own catches for itself. Errors: kCancelled if
/// stop was asked for before all were done.
void for_each_parallel(std::size_t count, int jobs, const std::stop_token& stop,
                       const std::function<void(std::size_t)>& work);

}  // namespace seabag::transfer
