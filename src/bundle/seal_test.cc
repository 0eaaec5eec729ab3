// SPDX-License-Identifier: Apache-2.0
#include "bundle/seal.h"

#include <gtest/gtest.h>

#include "testing/crash_fs.h"
#include "transfer/progress.h"

namespace seabag::bundle {
namespace {

// Where checksums stand when they are handed over makes no difference.
TEST(Seal, GoesOnWithBegunChecksums) {
  const std::string one(700'000, '1');
  const std::string other(300, '2');
  const auto seal_with = [&](std::vector<BegunChecksum> begun) {
    testing::CrashFs files;
    io::create_directories(files, "/bag/data");
    io::write_new_file(files, "/bag/data/one", io::bytes_of(one));
    io::write_new_file(files, "/bag/data/other", io::bytes_of(other));
    transfer::NoProgress quiet;
    return seal(
               files,
               {.directory = "/bag",
                .index = {.metadata = {},
                          .files = {{"data/one", one.size(), {}}, {"data/other", other.size(), {}}},
                          .locations = {},
                          .content = {}},
                .begun = std::move(begun),
                .bag_info = {}},
               quiet, {})
        .index.files;
  };
  const std::vector<index::PayloadFile> expected = seal_with({});
  EXPECT_EQ(expected.front().sha256, digest::digest_of(io::bytes_of(one)).hex());
  for (const std::size_t taken : {std::size_t{0}, std::size_t{1}, one.size() / 2, one.size()}) {
    BegunChecksum begun;
    begun.hasher.update(io::bytes_of(one).first(taken));
    begun.bytes = taken;
    EXPECT_EQ(seal_with({begun}), expected) << taken;
    EXPECT_EQ(seal_with({begun, BegunChecksum()}), expected) << taken;
  }
}

}  // namespace
}  // namespace seabag::bundle
