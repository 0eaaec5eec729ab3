// SPDX-License-Identifier: Apache-2.0
#include "target/verifying_source.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/limits.h"
#include "io/bytes.h"

namespace seabag::target {
namespace {

using ::testing::HasSubstr;

oci::Descriptor descriptor_of(const std::string& bytes) {
  return {"application/octet-stream", digest::digest_of(io::bytes_of(bytes)), bytes.size()};
}

std::string read(const io::BlobSource& blob, std::uint64_t offset, std::size_t length) {
  std::string text(length, '\0');
  blob.read_at(offset, std::as_writable_bytes(std::span(text)));
  return text;
}

/// Whether reading `length` bytes at `offset` is refused for the digest.
bool is_held_back(const io::BlobSource& blob, std::uint64_t offset, std::size_t length) {
  try {
    read(blob, offset, length);
    return false;
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::kIntegrity) << error.what();
    EXPECT_THAT(error.what(), HasSubstr("expected digest sha256:"));
    EXPECT_THAT(error.what(), HasSubstr("got sha256:"));
    return true;
  }
}

TEST(VerifyingSource, HandsOutWhatHasTheDigest) {
  const std::string text = "all is well";
  const io::MemoryBlob blob(io::bytes_of(text));
  const VerifyingSource source(descriptor_of(text), blob);
  EXPECT_EQ(read(source, 0, 4), "all ");
  EXPECT_EQ(read(source, 4, 7), "is well");
}

TEST(VerifyingSource, HoldsBackTheLastBytesOfADamagedBlob) {
  const std::string text = "all is well";
  const std::string damaged = "All is well";
  const io::MemoryBlob blob(io::bytes_of(damaged));
  const VerifyingSource in_parts(descriptor_of(text), blob);
  EXPECT_EQ(read(in_parts, 0, 10), "All is wel");
  EXPECT_TRUE(is_held_back(in_parts, 10, 1));
  EXPECT_TRUE(is_held_back(in_parts, 10, 1)) << "asking again does not help";
  const VerifyingSource at_once(descriptor_of(text), blob);
  EXPECT_TRUE(is_held_back(at_once, 0, text.size()));
}

TEST(VerifyingSource, StartsAnewWhenReadAgain) {
  const std::string text = "all is well";
  const io::MemoryBlob blob(io::bytes_of(text));
  const VerifyingSource source(descriptor_of(text), blob);
  EXPECT_EQ(read(source, 0, 5), "all i");
  EXPECT_EQ(read(source, 0, 11), text);
  EXPECT_EQ(read(source, 4, 3), "is ");
  EXPECT_EQ(read(source, 7, 4), "well");
}

TEST(VerifyingSource, ReadsWhatWasPassedOver) {
  const std::string text(3 * limits::kBufferBytes + 5, 'x');
  std::string damaged = text;
  damaged[limits::kBufferBytes + 1] = 'y';
  const io::MemoryBlob good(io::bytes_of(text));
  const io::MemoryBlob bad(io::bytes_of(damaged));
  EXPECT_EQ(read(VerifyingSource(descriptor_of(text), good), text.size() - 5, 5), "xxxxx");
  EXPECT_TRUE(is_held_back(VerifyingSource(descriptor_of(text), bad), text.size() - 5, 5));
}

TEST(VerifyingSource, RefusesAnotherSizeAtOnce) {
  const std::string text = "all is well";
  const io::MemoryBlob shorter(io::bytes_of("all is we"));
  try {
    const VerifyingSource source(descriptor_of(text), shorter);
    FAIL() << "expected an Error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::kIntegrity);
    EXPECT_THAT(error.what(), HasSubstr("expected 11 bytes, got 9"));
  }
}

TEST(VerifyingSource, KnowsTheDigestOfNothing) {
  const io::MemoryBlob nothing({});
  EXPECT_NO_THROW(VerifyingSource(descriptor_of(""), nothing));
  oci::Descriptor wrong = descriptor_of("something");
  wrong.size = 0;
  EXPECT_THROW(VerifyingSource(wrong, nothing), Error);
}

}  // namespace
}  // namespace seabag::target
