// SPDX-License-Identifier: Apache-2.0
#include "digest/verifying_sink.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "io/bytes.h"

namespace seabag::digest {
namespace {

using io::bytes_of;
using testing::AllOf;
using testing::Property;
using testing::StrEq;
using testing::Throws;

// Remembers what it received and whether it was finished.
class RecordingSink : public io::ByteSink {
 public:
  void write(std::span<const std::byte> chunk) override { text += io::text_of(chunk); }
  void finish() override { finished = true; }

  std::string text;
  bool finished = false;
};

auto breaks_integrity(const std::string& text) {
  return Throws<Error>(
      AllOf(Property(&Error::code, Code::kIntegrity), Property(&Error::what, StrEq(text))));
}

const std::string kDigestsDiffer =
    "expected digest sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad, "
    "got sha256:cb8379ac2098aa165029e3938a51da0bcecfc008fd6795f401178647f96c5b34";

class VerifyingSinkTest : public testing::Test {
 protected:
  RecordingSink next_;
  VerifyingSink sink_{digest_of(bytes_of("abc")), 3, next_};
};

TEST_F(VerifyingSinkTest, PassesOnAndFinishesWhatIsRight) {
  sink_.write(bytes_of("a"));
  EXPECT_EQ(sink_.received(), 1U);
  sink_.write(bytes_of("bc"));
  EXPECT_FALSE(next_.finished);
  sink_.finish();
  EXPECT_EQ(next_.text, "abc");
  EXPECT_TRUE(next_.finished);
}

TEST_F(VerifyingSinkTest, CountsAbsorbedBytesWithoutPassingThemOn) {
  sink_.absorb(bytes_of("ab"));
  EXPECT_EQ(sink_.received(), 2U);
  sink_.write(bytes_of("c"));
  sink_.finish();
  EXPECT_EQ(next_.text, "c");
  EXPECT_TRUE(next_.finished);
}

TEST_F(VerifyingSinkTest, RefusesOtherBytesOfTheRightSize) {
  sink_.write(bytes_of("def"));
  EXPECT_THAT([&] { sink_.finish(); }, breaks_integrity(kDigestsDiffer));
  EXPECT_FALSE(next_.finished);
}

TEST_F(VerifyingSinkTest, RefusesTooFewBytes) {
  sink_.write(bytes_of("ab"));
  EXPECT_THAT([&] { sink_.finish(); }, breaks_integrity("expected 3 bytes, got 2"));
  EXPECT_FALSE(next_.finished);
}

TEST_F(VerifyingSinkTest, RefusesTooManyBytesBeforeTheyArePassedOn) {
  sink_.write(bytes_of("ab"));
  EXPECT_THAT([&] { sink_.write(bytes_of("cd")); }, breaks_integrity("expected 3 bytes, got more"));
  EXPECT_EQ(next_.text, "ab");
}

TEST(VerifyingSink, RefusesARightDigestOfAnotherSize) {
  RecordingSink next;
  VerifyingSink sink(digest_of(bytes_of("abc")), 4, next);
  sink.write(bytes_of("abc"));
  EXPECT_THAT([&] { sink.finish(); }, breaks_integrity("expected 4 bytes, got 3"));
}

TEST(VerifyingSink, TakesAnEmptyBlob) {
  RecordingSink next;
  VerifyingSink sink(digest_of({}), 0, next);
  sink.finish();
  EXPECT_TRUE(next.finished);
}

TEST(Verify, HoldsABlobAgainstItsDigest) {
  const io::MemoryBlob blob(bytes_of("def"));
  EXPECT_NO_THROW(verify(blob, digest_of(bytes_of("def"))));
  EXPECT_NO_THROW(verify(blob, digest_of(bytes_of("def"), Algorithm::kSha512)));
  EXPECT_THAT([&] { verify(blob, digest_of(bytes_of("abc"))); }, breaks_integrity(kDigestsDiffer));
}

TEST(DigestOfBlob, IsThatOfItsBytes) {
  EXPECT_EQ(digest_of(io::MemoryBlob(bytes_of("abc"))), digest_of(bytes_of("abc")));
}

}  // namespace
}  // namespace seabag::digest
