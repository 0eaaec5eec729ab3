// SPDX-License-Identifier: Apache-2.0
#include "io/gathering_sink.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>

#include "base/error.h"
#include "io/bytes.h"

namespace seabag::io {
namespace {

class ListingSink : public ByteSink {
 public:
  void write(std::span<const std::byte> chunk) override { chunks.emplace_back(text_of(chunk)); }
  void finish() override { chunks.emplace_back("end"); }
  std::vector<std::string> chunks;
};

TEST(GatheringSink, PassesFullChunksOnAndTheRestAtTheEnd) {
  ListingSink listing;
  GatheringSink gathering(listing, 4);
  for (const std::string_view drop : {"ab", "c", "defgh", "", "i"}) gathering.write(bytes_of(drop));
  EXPECT_THAT(listing.chunks, testing::ElementsAre("abcd", "efgh"));
  gathering.finish();
  EXPECT_THAT(listing.chunks, testing::ElementsAre("abcd", "efgh", "i", "end"));
}

TEST(GatheringSink, CutsWhatIsLongerThanItsRoom) {
  ListingSink listing;
  GatheringSink gathering(listing, 4);
  gathering.write(bytes_of("abcdefghij"));
  gathering.finish();
  EXPECT_THAT(listing.chunks, testing::ElementsAre("abcd", "efgh", "ij", "end"));
}

TEST(GatheringSink, GoesOnAfterAFlush) {
  ListingSink listing;
  GatheringSink gathering(listing, 4);
  gathering.write(bytes_of("ab"));
  gathering.flush();
  gathering.flush();
  gathering.write(bytes_of("cdefg"));
  gathering.finish();
  EXPECT_THAT(listing.chunks, testing::ElementsAre("ab", "cdef", "g", "end"));
}

class RefusingSink : public ByteSink {
 public:
  void write(std::span<const std::byte> /*chunk*/) override {
    ++writes;
    throw Error(Code::kNoSpace, "full");
  }
  void finish() override {}
  int writes = 0;
};

TEST(GatheringSink, PassesNothingOnTwice) {
  RefusingSink refusing;
  GatheringSink gathering(refusing, 4);
  EXPECT_THROW(gathering.write(bytes_of("abcd")), Error);
  gathering.flush();
  EXPECT_EQ(refusing.writes, 1);
}

}  // namespace
}  // namespace seabag::io
