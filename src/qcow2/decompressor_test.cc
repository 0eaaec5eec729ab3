// SPDX-License-Identifier: Apache-2.0
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <libdeflate.h>
#include <zstd.h>

#include "base/error.h"
#include "io/bytes.h"
#include "qcow2/decompressor_internal.h"

namespace seabag::qcow2 {
namespace {

using ::testing::HasSubstr;

io::Bytes sample(std::size_t size) {
  io::Bytes bytes(size);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::byte>(i * i / 7);
  return bytes;
}

io::Bytes compressed(Compression compression, const io::Bytes& bytes) {
  io::Bytes out(ZSTD_compressBound(bytes.size()) + 64);
  std::size_t size = 0;
  if (compression == Compression::kZstd) {
    size = ZSTD_compress(out.data(), out.size(), bytes.data(), bytes.size(), 3);
  } else {
    auto* deflater = libdeflate_alloc_compressor(6);
    size =
        libdeflate_deflate_compress(deflater, bytes.data(), bytes.size(), out.data(), out.size());
    libdeflate_free_compressor(deflater);
  }
  out.resize(size);
  return out;
}

class Decompressing : public ::testing::TestWithParam<Compression> {
 protected:
  std::string refusal(const io::Bytes& in, std::size_t size) {
    io::Bytes out(size);
    try {
      Decompressor(GetParam()).decompress(in, out);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Code::kMalformed);
      return error.what();
    }
    return "";
  }
};

TEST_P(Decompressing, GivesBackOneClusterAfterTheOther) {
  Decompressor decompressor(GetParam());
  for (const std::size_t size : {512U, 65536U, 4096U}) {
    io::Bytes out(size);
    decompressor.decompress(compressed(GetParam(), sample(size)), out);
    EXPECT_EQ(out, sample(size));
  }
}

TEST_P(Decompressing, IgnoresWhatFollows) {
  io::Bytes in = compressed(GetParam(), sample(4096));
  in.insert(in.end(), 700, std::byte{0xA5});
  EXPECT_EQ(refusal(in, 4096), "");
}

TEST_P(Decompressing, RefusesMoreAndLessThanACluster) {
  const io::Bytes in = compressed(GetParam(), sample(4096));
  EXPECT_NE(refusal(in, 4095), "");
  EXPECT_NE(refusal(in, 4097), "");
  EXPECT_EQ(refusal(in, 4096), "");
}

TEST_P(Decompressing, RefusesDataThatAreCutOff) {
  io::Bytes in = compressed(GetParam(), sample(4096));
  in.resize(in.size() / 2);
  EXPECT_NE(refusal(in, 4096), "");
  EXPECT_NE(refusal({}, 4096), "");
}

TEST_P(Decompressing, RefusesABombAtItsBound) {
  const io::Bytes in = compressed(GetParam(), io::Bytes(16U << 20U));
  EXPECT_NE(refusal(in, 65536), "");
}

INSTANTIATE_TEST_SUITE_P(, Decompressing,
                         ::testing::Values(Compression::kDeflate, Compression::kZstd),
                         [](const auto& row) {
                           return row.param == Compression::kZstd ? "Zstd" : "Deflate";
                         });

TEST(DecompressingZstd, JoinsFrames) {
  const io::Bytes whole = sample(4096);
  io::Bytes in = compressed(Compression::kZstd, io::Bytes(whole.begin(), whole.begin() + 1000));
  const io::Bytes rest =
      compressed(Compression::kZstd, io::Bytes(whole.begin() + 1000, whole.end()));
  in.insert(in.end(), rest.begin(), rest.end());
  io::Bytes out(whole.size());
  Decompressor(Compression::kZstd).decompress(in, out);
  EXPECT_EQ(out, whole);
}

}  // namespace
}  // namespace seabag::qcow2
