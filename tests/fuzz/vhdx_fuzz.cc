// SPDX-License-Identifier: Apache-2.0
// Any bytes as the pieces of a VHDX (vhdx/test_pieces_internal.h). Checksums are mended first: what
// lies behind them is what is to be tried.

#include <array>
#include <string>
#include <vector>

#include "base/endian.h"
#include "read_disk.h"
#include "vhdx/crc32c.h"
#include "vhdx/vhdx.h"

using namespace seabag;

namespace {

constexpr std::uint64_t kMaxFileBytes = 1ULL << 40U;
constexpr std::size_t kHeaderBytes = 4096;
constexpr std::size_t kRegionTableBytes = 64U << 10U;

/// A file that is zeros but for its pieces, of which the later count. To join them in memory, as
/// the unit tests do, takes longer than to read the disk.
class Pieces : public io::File {
 public:
  explicit Pieces(std::span<const std::byte> input) {
    if (input.size() < 8) return;
    size_ = std::min(load_little_endian<std::uint64_t>(input, 0), kMaxFileBytes);
    for (input = input.subspan(8); input.size() >= 12;) {
      const auto offset = load_little_endian<std::uint64_t>(input, 0);
      const auto length = load_little_endian<std::uint32_t>(input, 8);
      input = input.subspan(12);
      const auto bytes = input.first(std::min<std::size_t>(length, input.size()));
      input = input.subspan(bytes.size());
      if (offset >= size_) continue;
      pieces_.push_back({offset, bytes.first(std::min(bytes.size(), size_ - offset))});
    }
  }

  /// A checksum over itself, at byte 4 of a structure with that signature.
  bool mend(std::uint64_t offset, std::size_t length, std::string_view signature) {
    if (offset + length > size_) return false;
    io::Bytes bytes(length);
    read_at(offset, bytes);
    if (!io::text_of(bytes).starts_with(signature)) return false;
    store_little_endian(std::span(bytes), 4, std::uint32_t{0});
    store_little_endian(std::span(sums_.at(used_)), 0, vhdx::crc32c(bytes));
    pieces_.push_back({offset + 4, sums_.at(used_)});
    ++used_;
    return true;
  }

  const std::string& path() const override { return path_; }
  std::uint64_t size() const override { return size_; }
  void read_at(std::uint64_t offset, std::span<std::byte> out) const override {
    if (offset > size_ || out.size() > size_ - offset) throw Error(Code::kIntegrity, "it ends");
    std::ranges::fill(out, std::byte{0});
    for (const auto& [at, bytes] : pieces_) {
      const std::uint64_t begin = std::max(at, offset);
      const std::uint64_t end = std::min(at + bytes.size(), offset + out.size());
      if (begin >= end) continue;
      std::ranges::copy(bytes.subspan(begin - at, end - begin),
                        out.subspan(begin - offset).begin());
    }
  }
  void write_at(std::uint64_t /*offset*/, std::span<const std::byte> /*bytes*/) override {
    __builtin_trap();
  }
  void resize(std::uint64_t /*size*/) override { __builtin_trap(); }
  void reserve(std::uint64_t /*size*/) override { __builtin_trap(); }
  void sync() override { __builtin_trap(); }
  void close() override { __builtin_trap(); }
  int descriptor() const override { return -1; }

 private:
  struct Piece {
    std::uint64_t offset = 0;
    std::span<const std::byte> bytes;  // of the input, or of sums_
  };

  std::string path_ = "pieces";
  std::uint64_t size_ = 0;
  std::vector<Piece> pieces_;
  std::array<std::array<std::byte, 4>, 3> sums_ = {};
  std::size_t used_ = 0;
};

std::unique_ptr<io::File> file_of(std::span<const std::byte> input) {
  auto file = std::make_unique<Pieces>(input);
  for (const std::uint64_t header : {64U << 10U, 128U << 10U}) {
    file->mend(header, kHeaderBytes, "head");
  }
  for (const std::uint64_t table : {192U << 10U, 256U << 10U}) {
    if (file->mend(table, kRegionTableBytes, "regi")) break;  // the other one is not looked at
  }
  return file;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto file = file_of(fuzz::bytes_of(data, size));
  fuzz::accept_or_refuse([&] { fuzz::read_disk(*vhdx::open(std::move(file))); });
  return 0;
}
