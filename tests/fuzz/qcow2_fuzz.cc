// SPDX-License-Identifier: Apache-2.0
// Any bytes as a qcow2 image.

#include "qcow2/qcow2.h"
#include "read_disk.h"

using namespace seabag;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto file = fuzz::bytes_of(data, size);
  fuzz::accept_or_refuse([&] { fuzz::read_disk(*qcow2::open(fuzz::memory_file(file))); });
  return 0;
}
