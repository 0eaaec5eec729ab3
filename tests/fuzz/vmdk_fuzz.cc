// SPDX-License-Identifier: Apache-2.0
// Sparse and stream-optimized VMDK files: everything in the bytes of one file.

#include "io/posix_file_system.h"
#include "read_disk.h"
#include "vmdk/header.h"
#include "vmdk/vmdk.h"

using namespace seabag;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto file = fuzz::bytes_of(data, size);
  // Descriptor files name others: vmdk_descriptor_fuzz.cc has files for them.
  if (vmdk::signature_of(file) == vmdk::Signature::kText) return 0;
  const auto files = io::posix_file_system();
  fuzz::accept_or_refuse([&] { fuzz::read_disk(*vmdk::open(*files, fuzz::memory_file(file))); });
  return 0;
}
