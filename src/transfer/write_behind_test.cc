// SPDX-License-Identifier: Apache-2.0
#include "transfer/write_behind.h"

#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/limits.h"
#include "io/bytes.h"

namespace seabag::transfer {
namespace {

constexpr std::uint64_t kChunk = limits::kBufferBytes;
constexpr std::uint64_t kLong = 64 * kChunk;

std::byte byte_at(std::uint64_t offset) {
  return std::byte(offset % 251 + offset / kChunk);
}

// Holds each byte against what it should be; fails at a chunk if it is told to.
class CheckingSink : public io::ByteSink {
 public:
  explicit CheckingSink(std::uint64_t bad_chunk = ~0ULL) : bad_chunk_(bad_chunk) {}
  void write(std::span<const std::byte> chunk) override {
    EXPECT_LE(chunk.size(), kChunk);
    if (chunks_++ >= bad_chunk_) throw Error(Code::kNoSpace, "full");
    for (const std::byte byte : chunk) right_ = right_ && byte == byte_at(received_++);
    thread_ = std::this_thread::get_id();
  }
  void finish() override { finished_ = true; }

  std::uint64_t received() const { return received_; }
  std::uint64_t chunks() const { return chunks_; }
  bool is_right() const { return right_; }
  bool is_finished() const { return finished_; }
  std::thread::id thread() const { return thread_; }

 private:
  std::uint64_t bad_chunk_;
  std::uint64_t chunks_ = 0;
  std::uint64_t received_ = 0;
  bool right_ = true;
  bool finished_ = false;
  std::thread::id thread_;
};

// In drops as libcurl gives them.
void send(WriteBehindSink& sink, std::uint64_t begin, std::uint64_t end) {
  constexpr std::uint64_t kDrop = 16000;
  io::Bytes drop;
  for (std::uint64_t at = begin; at < end; at += drop.size()) {
    drop.resize(std::min(kDrop, end - at));
    for (std::size_t i = 0; i < drop.size(); ++i) drop[i] = byte_at(at + i);
    sink.write(drop);
  }
}

TEST(WriteBehindSink, PassesEveryByteOnInOrderWhateverIsExpected) {
  for (const std::uint64_t size : {std::uint64_t{0}, std::uint64_t{1}, kChunk, 9 * kChunk + 5}) {
    for (const std::uint64_t expected : {std::uint64_t{0}, size, kLong}) {
      CheckingSink checking;
      WriteBehindSink behind(checking, expected);
      send(behind, 0, size);
      behind.finish();
      EXPECT_EQ(checking.received(), size) << "expected " << expected;
      EXPECT_TRUE(checking.is_right() && checking.is_finished()) << size;
    }
  }
}

TEST(WriteBehindSink, PassesALongTransferOnOnAnotherThread) {
  for (const std::uint64_t expected : {kChunk, kLong}) {
    CheckingSink checking;
    WriteBehindSink behind(checking, expected);
    send(behind, 0, 3 * kChunk);
    behind.finish();
    EXPECT_EQ(checking.thread() == std::this_thread::get_id(), expected < kLong);
  }
}

TEST(WriteBehindSink, HasPassedAllOnWhenItIsFlushedAndGoesOn) {
  CheckingSink checking;
  WriteBehindSink behind(checking, kLong);
  std::uint64_t sent = 0;
  for (const std::uint64_t end : {std::uint64_t{7}, kChunk, 5 * kChunk + 1, 5 * kChunk + 1}) {
    send(behind, sent, end);
    sent = end;
    behind.flush();
    EXPECT_EQ(checking.received(), sent);
  }
  EXPECT_TRUE(checking.is_right());
}

TEST(WriteBehindSink, ThrowsWhatTheNextThrewAndPassesNothingOnBehindIt) {
  for (const std::uint64_t bad : {0U, 3U, 9U}) {
    CheckingSink checking(bad);
    WriteBehindSink behind(checking, kLong);
    EXPECT_THROW(send(behind, 0, kLong), Error);
    EXPECT_THROW(behind.flush(), Error);
    EXPECT_THROW(behind.finish(), Error);
    EXPECT_EQ(checking.chunks(), bad + 1);
    EXPECT_FALSE(checking.is_finished());
  }
}

TEST(WriteBehindSink, TellsAtItsEndWhatTheLastChunkFailedWith) {
  CheckingSink checking(2);
  WriteBehindSink behind(checking, kLong);
  send(behind, 0, 2 * kChunk + 1);
  EXPECT_THROW(behind.finish(), Error);
}

TEST(WriteBehindSink, CanBeLeftAtAnyTime) {
  for (const std::uint64_t size : {std::uint64_t{0}, std::uint64_t{1}, 2 * kChunk, 9 * kChunk}) {
    CheckingSink checking;
    WriteBehindSink behind(checking, kLong);
    send(behind, 0, size);
  }
}

}  // namespace
}  // namespace seabag::transfer
