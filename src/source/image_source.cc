// SPDX-License-Identifier: Apache-2.0
#include "source/image_source.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/limits.h"
#include "digest/verifying_sink.h"
#include "io/memory_sink.h"

namespace seabag::source {

io::Bytes ImageSource::read_small_blob(const oci::Reference& repository,
                                       const oci::Descriptor& blob) try {
  if (blob.size > limits::kManifestBytes) {
    throw Error(Code::kMalformed, fmt::format("{} bytes, more than the limit of {}", blob.size,
                                              limits::kManifestBytes));
  }
  io::MemorySink memory(limits::kManifestBytes, blob.digest.text());
  digest::VerifyingSink verifying(blob.digest, blob.size, memory);
  read_blob(repository, blob, 0, verifying);
  verifying.finish();
  return memory.take();
} catch (Error& error) {
  error.add_context(fmt::format("blob {}", blob.digest.text()));
  throw;
}

}  // namespace seabag::source
