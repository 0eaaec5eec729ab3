// SPDX-License-Identifier: Apache-2.0
#include "transfer/stages.h"

#include <array>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "io/bytes.h"
#include "io/memory_sink.h"

namespace seabag::transfer {
namespace {

class CountedBytes : public NoProgress {
 public:
  void add_bytes(std::uint64_t bytes) override { total += bytes; }
  std::uint64_t total = 0;
};

class FullSink : public io::ByteSink {
 public:
  void write(std::span<const std::byte>) override { throw Error(Code::kNoSpace, "full"); }
  void finish() override {}
};

class MockSink : public io::ByteSink {
 public:
  MOCK_METHOD(void, write, (std::span<const std::byte>), (override));
  MOCK_METHOD(void, finish, (), (override));
};

TEST(MeteredSink, CountsWhatPasses) {
  CountedBytes progress;
  RateLimit limit(0);
  io::MemorySink to(100, "blob");
  MeteredSink sink(to, progress, limit);
  sink.write(io::bytes_of("abc"));
  sink.write(io::bytes_of("de"));
  EXPECT_EQ(progress.total, 5U);
  EXPECT_EQ(io::text_of(to.bytes()), "abcde");
}

TEST(MeteredSink, DoesNotCountWhatTheNextRefuses) {
  CountedBytes progress;
  RateLimit limit(0);
  FullSink to;
  MeteredSink sink(to, progress, limit);
  EXPECT_THROW(sink.write(io::bytes_of("abc")), Error);
  EXPECT_EQ(progress.total, 0U);
}

TEST(MeteredSink, PassesNothingOnAfterStopWasAskedFor) {
  CountedBytes progress;
  std::stop_source stop;
  RateLimit limit(0, stop.get_token());
  testing::StrictMock<MockSink> to;
  MeteredSink sink(to, progress, limit);
  stop.request_stop();
  EXPECT_THROW(sink.write(io::bytes_of("abc")), Error);
}

TEST(MeteredSink, FinishesTheNext) {
  CountedBytes progress;
  RateLimit limit(0);
  testing::StrictMock<MockSink> to;
  EXPECT_CALL(to, finish());
  MeteredSink(to, progress, limit).finish();
}

TEST(MeteredSource, CountsWhatIsRead) {
  CountedBytes progress;
  RateLimit limit(0);
  const io::MemoryBlob blob(io::bytes_of("abcdef"));
  const MeteredSource source(blob, progress, limit);
  std::array<std::byte, 3> out{};
  source.read_at(2, out);
  EXPECT_EQ(io::text_of(out), "cde");
  EXPECT_EQ(source.size(), 6U);
  EXPECT_EQ(progress.total, 3U);
}

TEST(MeteredSource, DoesNotCountWhatCannotBeRead) {
  CountedBytes progress;
  RateLimit limit(0);
  const io::MemoryBlob blob(io::bytes_of("ab"));
  std::array<std::byte, 3> out{};
  EXPECT_THROW(MeteredSource(blob, progress, limit).read_at(0, out), Error);
  EXPECT_EQ(progress.total, 0U);
}

}  // namespace
}  // namespace seabag::transfer
