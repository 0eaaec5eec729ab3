// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <span>

#include "io/blob_source.h"

namespace seabag::transfer {

using TakeChunk = std::function<void(std::span<const std::byte>)>;

/// Gives `take` all bytes of `from` in order, in chunks of at most limits::kBufferBytes, which
/// another thread reads meanwhile: a hash that needs all of a core then waits for no read.
///
/// Errors:  what reading throws, after `take` was given all bytes before; what `take` throws.
/// Threads: `take` is called on the caller's; `from` is read on the other, or, where the system
///          grants none or a chunk or two are all, on the caller's.
void read_ahead(const io::BlobSource& from, const TakeChunk& take);

/// The same with half of the work on the thread that reads: `first` is given each chunk there,
/// before `take` is. Errors: what `first` throws is as if the chunk could not be read.
void read_ahead(const io::BlobSource& from, const TakeChunk& first, const TakeChunk& take);

}  // namespace seabag::transfer
