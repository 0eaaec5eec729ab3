// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "io/blob_source.h"
#include "io/byte_sink.h"

namespace seabag::io {

/// Writes the bytes of `from`, from `offset` on, into `to`, and finishes `to`.
void copy_all(const BlobSource& from, ByteSink& to, std::uint64_t offset = 0);

}  // namespace seabag::io
