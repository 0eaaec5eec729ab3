// SPDX-License-Identifier: Apache-2.0
// Any bytes as a VHD. If the length says so, checksums are mended first: what lies behind them is
// what is to be tried, but damaged ones are, too.

#include "base/endian.h"
#include "read_disk.h"
#include "vhd/dynamic_header.h"
#include "vhd/footer.h"
#include "vhd/vhd.h"

using namespace seabag;

namespace {

constexpr std::size_t kFooterChecksumAt = 64;
constexpr std::size_t kHeaderChecksumAt = 36;
constexpr std::size_t kHeaderOffsetAt = 16;  // in the footer

void mend_checksum(io::Bytes& file, std::uint64_t offset, std::size_t size, std::size_t at) {
  if (offset > file.size() || size > file.size() - offset) return;
  const auto range = std::span(file).subspan(offset, size);
  store_big_endian(range, at, vhd::checksum_of(range, at));
}

void mend_checksums(io::Bytes& file) {
  // Old footers lack the last byte, which is zero.
  const bool is_old = file.size() % disk::kSectorBytes == vhd::kFooterBytes - 1;
  const std::size_t footer_bytes = is_old ? vhd::kFooterBytes - 1 : vhd::kFooterBytes;
  if (file.size() < footer_bytes) return;
  for (const std::uint64_t footer : {std::uint64_t{0}, file.size() - footer_bytes}) {
    mend_checksum(file, footer, footer_bytes, kFooterChecksumAt);
    mend_checksum(file, load_big_endian<std::uint64_t>(file, footer + kHeaderOffsetAt),
                  vhd::kDynamicHeaderBytes, kHeaderChecksumAt);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto input = fuzz::bytes_of(data, size);
  io::Bytes file(input.begin(), input.end());
  if (size % disk::kSectorBytes != 1) {
    mend_checksums(file);
  } else {
    file.pop_back();
  }
  fuzz::accept_or_refuse([&] { fuzz::read_disk(*vhd::open(fuzz::memory_file(file))); });
  return 0;
}
