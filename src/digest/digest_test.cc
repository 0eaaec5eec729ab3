// SPDX-License-Identifier: Apache-2.0
#include "digest/digest.h"

#include <array>
#include <unordered_set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "digest/hasher.h"
#include "io/bytes.h"

namespace seabag::digest {
namespace {

using io::bytes_of;
using testing::AllOf;
using testing::Property;
using testing::StrEq;
using testing::Throws;

// The digests of "abc" and of nothing. Source: FIPS 180-4, examples.
const std::string kAbc256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
const std::string kAbc512 =
    "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
    "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f";
const std::string kEmpty256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

TEST(DigestOf, ComputesBothAlgorithms) {
  EXPECT_EQ(digest_of(bytes_of("abc")).text(), "sha256:" + kAbc256);
  EXPECT_EQ(digest_of(bytes_of("abc"), Algorithm::kSha512).text(), "sha512:" + kAbc512);
  EXPECT_EQ(digest_of({}).text(), "sha256:" + kEmpty256);
}

TEST(Hasher, IsCopiedAsFarAsItStands) {
  Hasher one;
  one.update(bytes_of("ab"));
  Hasher other = one;
  other.update(bytes_of("d"));
  one.update(bytes_of("c"));
  EXPECT_EQ(one.finish(), digest_of(bytes_of("abc")));
  EXPECT_EQ(other.finish(), digest_of(bytes_of("abd")));
}

TEST(Hasher, TakesBytesInAnyPieces) {
  Hasher hasher;
  hasher.update(bytes_of("a"));
  hasher.update({});
  hasher.update(bytes_of("bc"));
  EXPECT_EQ(hasher.finish().hex(), kAbc256);
}

TEST(ParseDigest, ReadsWhatTextWrites) {
  for (const std::string& text : {"sha256:" + kAbc256, "sha512:" + kAbc512}) {
    const Digest digest = parse_digest(text);
    EXPECT_EQ(digest.text(), text);
    EXPECT_EQ(find_digest(text), digest);
  }
}

TEST(Digest, ComparesAlgorithmAndBytes) {
  const Digest abc = digest_of(bytes_of("abc"));
  EXPECT_EQ(abc, parse_digest("sha256:" + kAbc256));
  EXPECT_NE(abc, digest_of({}));
  EXPECT_NE(abc, digest_of(bytes_of("abc"), Algorithm::kSha512));
  EXPECT_LT(abc, digest_of({}, Algorithm::kSha512));
  // The first half is the same.
  const std::string long_one = "sha512:" + std::string(128, 'a');
  std::string other = long_one;
  other.back() = 'b';
  EXPECT_EQ(parse_digest(long_one), parse_digest(long_one));
  EXPECT_NE(parse_digest(long_one), parse_digest(other));
  EXPECT_LT(parse_digest(long_one), parse_digest(other));
  EXPECT_EQ(abc.raw().size(), 32U);
  EXPECT_EQ(digest_of({}, Algorithm::kSha512).raw().size(), 64U);
}

TEST(Digest, CanBeAKeyOfHashedContainers) {
  const std::unordered_set<Digest> set = {digest_of(bytes_of("abc")), digest_of({})};
  EXPECT_TRUE(set.contains(parse_digest("sha256:" + kEmpty256)));
  EXPECT_FALSE(set.contains(digest_of(bytes_of("a"))));
}

struct Case {
  std::string name;
  std::string text;
  Code code = Code::kMalformed;
};

class ParseDigestRefuses : public testing::TestWithParam<Case> {};

// What a manifest says are digests may begin or end alike.
TEST(Digest, FallsElsewhereForEachOfItsBytes) {
  std::unordered_set<std::size_t> ends;
  std::array<std::byte, 32> raw = {};
  for (std::size_t at = 0; at < raw.size(); ++at) {
    for (int value = 1; value < 256; ++value) {
      raw[at] = static_cast<std::byte>(value);
      ends.insert(std::hash<Digest>()(Digest(Algorithm::kSha256, raw)) % (1U << 30U));
    }
    raw[at] = std::byte{0};
  }
  EXPECT_GT(ends.size(), raw.size() * 255 - 20);
}

TEST_P(ParseDigestRefuses, It) {
  const Case& row = GetParam();
  const std::string message =
      row.code == Code::kUnsupported
          ? "digest \"" + row.text + "\" uses an algorithm other than sha256 and sha512"
          : "\"" + row.text +
                "\" is not a digest, expected sha256: and 64 or sha512: and 128 lower-case "
                "hexadecimal digits";
  EXPECT_THAT([&] { parse_digest(row.text); },
              Throws<Error>(
                  AllOf(Property(&Error::code, row.code), Property(&Error::what, StrEq(message)))));
  EXPECT_EQ(find_digest(row.text), std::nullopt);
}

const std::string kUpper256 = "BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD";

const Case kCases[] = {
    {"Empty", ""},
    {"NoAlgorithm", kAbc256},
    {"EmptyAlgorithm", ":" + kAbc256},
    {"NoDigits", "sha256:"},
    {"PathTraversal", "sha256:../../x"},
    {"UpperCaseDigits", "sha256:" + kUpper256},
    {"UpperCaseAlgorithm", "SHA256:" + kAbc256},
    {"OneDigitShort", "sha256:" + kAbc256.substr(1)},
    {"OneDigitLong", "sha256:0" + kAbc256},
    {"LengthOfTheOther", "sha512:" + kAbc256},
    {"BlankInFront", " sha256:" + kAbc256},
    {"BlankBehind", "sha256:" + kAbc256 + " "},
    {"AlgorithmTwice", "sha256:sha256:" + kAbc256},
    {"Md5WithoutDigits", "md5:"},
    {"OtherAlgorithmWithASlash", "md5:a/b"},
    {"OtherAlgorithmWithTwoSeparators", "multihash++x:abc"},
    {"OtherAlgorithmEndingInASeparator", "multihash+:abc"},
    {"Md5", "md5:900150983cd24fb0d6963f7d28e17f72", Code::kUnsupported},
    {"Blake3", "blake3:af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262",
     Code::kUnsupported},
    {"Compound", "multihash+base58:QmRZxt2b1FVZPNqd8hsiykDL3TdBDeTSPX9Kv46HmX4Gx8",
     Code::kUnsupported},
};

INSTANTIATE_TEST_SUITE_P(, ParseDigestRefuses, testing::ValuesIn(kCases),
                         [](const auto& test) { return test.param.name; });

TEST(ParseDigest, ShowsHostileTextHarmless) {
  EXPECT_THAT([] { parse_digest("sha256:\x1b[2J" + std::string(1'000'000, 'x')); },
              testing::ThrowsMessage<Error>(AllOf(testing::StartsWith("\"sha256:\\x1b[2Jxx"),
                                                  testing::HasSubstr("xx...\" is"))));
}

}  // namespace
}  // namespace seabag::digest
