// SPDX-License-Identifier: Apache-2.0
#include "oci/descriptor.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "base/error.h"

namespace seabag::oci {
namespace {

using testing::AllOf;
using testing::Property;
using testing::StrEq;
using testing::Throws;

// The digest of "abc", and one that is not.
const std::string kDigest =
    "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

Descriptor parse(const std::string& text) {
  return parse_descriptor(json::parse(text, "x"));
}

// A descriptor of "abc" with `members` added.
std::string abc(const std::string& members) {
  return fmt::format(R"({{"mediaType":"text/plain","digest":"{}","size":3{}}})", kDigest, members);
}

TEST(ParseDescriptor, ReadsTheRequiredProperties) {
  EXPECT_EQ(
      parse(abc("")),
      Descriptor({.media_type = "text/plain", .digest = digest::parse_digest(kDigest), .size = 3}));
}

TEST(ParseDescriptor, ReadsAllProperties) {
  const Descriptor descriptor = parse(abc(
      R"(,"artifactType":"a/b","urls":["https://a/1","https://b/2"],"annotations":{"k":"v","":""},
          "platform":{"os":"windows","architecture":"amd64","os.version":"10.0","variant":"v1",
                      "os.features":["win32k"],"features":["sse4"]},
          "data":"YWJj")"));
  EXPECT_EQ(descriptor.artifact_type, "a/b");
  EXPECT_EQ(descriptor.urls, (std::vector<std::string>{"https://a/1", "https://b/2"}));
  EXPECT_EQ(descriptor.annotations, (Annotations{{"", ""}, {"k", "v"}}));
  EXPECT_EQ(
      descriptor.platform,
      Platform({.os = "windows", .architecture = "amd64", .variant = "v1", .os_version = "10.0"}));
}

struct Case {
  std::string name;
  std::string text;
  std::string message;  ///< empty: accepted
  Code code = Code::kMalformed;
};

class ParseDescriptorCases : public testing::TestWithParam<Case> {};

TEST_P(ParseDescriptorCases, TakesOrRefuses) {
  const Case& row = GetParam();
  if (row.message.empty()) {
    EXPECT_NO_THROW(parse(row.text));
  } else {
    EXPECT_THAT([&] { parse(row.text); },
                Throws<Error>(AllOf(Property(&Error::code, row.code),
                                    Property(&Error::what, StrEq(row.message)))));
  }
}

// A descriptor with one of its required properties replaced.
std::string with_digest(const std::string& digest) {
  return fmt::format(R"({{"mediaType":"a/b","digest":"{}","size":3}})", digest);
}

std::string with_size(const std::string& size) {
  return fmt::format(R"({{"mediaType":"a/b","digest":"{}","size":{}}})", kDigest, size);
}

std::string with_media_type(const std::string& type) {
  return fmt::format(R"({{"mediaType":{},"digest":"{}","size":3}})", type, kDigest);
}

const std::string kNoSize = R"("size": expected a whole number from 0, got )";
const std::string kExpectedDigest =
    " is not a digest, expected sha256: and 64 or sha512: and 128 lower-case hexadecimal digits";

const Case kCases[] = {
    {"UnknownProperty", abc(R"(,"x":[{"y":1}],"os":1)"), ""},
    {"UnknownMediaType", with_media_type(R"("made/up; charset=x")"), ""},
    {"NoObject", "[]", R"(expected a JSON object with "mediaType", got array)"},
    {"NoMediaType", R"({"digest":"x","size":3})", "\"mediaType\" is missing"},
    {"EmptyMediaType", with_media_type("\"\""), "\"mediaType\" is missing"},
    {"MediaTypeOfAnotherKind", with_media_type("1"),
     "\"mediaType\": expected a string, got number"},
    {"MediaTypeWithALineBreak", with_media_type(R"("a/b\r\nX: y")"),
     R"("mediaType": "a/b\x0d\x0aX: y" is not a media type)"},
    {"MediaTypeTooLong", with_media_type("\"" + std::string(256, 'x') + "\""),
     "\"mediaType\": 256 bytes, more than the limit of 255"},
    {"NoDigest", R"({"mediaType":"a/b","size":3})", "\"digest\" is missing"},
    {"DigestThatLeavesTheLayout", with_digest("sha256:../../x"),
     "\"sha256:../../x\"" + kExpectedDigest},
    {"DigestOfAnotherAlgorithm", with_digest("blake3:af13"),
     "digest \"blake3:af13\" uses an algorithm other than sha256 and sha512", Code::kUnsupported},
    {"DigestTooLong", with_digest(std::string(5000, 'a')),
     "\"digest\": 5000 bytes, more than the limit of 4096"},
    {"NoSize", R"({"mediaType":"a/b","digest":")" + kDigest + "\"}", "\"size\" is missing"},
    {"NegativeSize", with_size("-1"), kNoSize + "number"},
    {"FractionalSize", with_size("1.5"), kNoSize + "number"},
    {"ExponentialSize", with_size("1e3"), kNoSize + "number"},
    {"SizeBeyondDoubles", with_size("9007199254740993"), ""},
    {"SizeOf2To64", with_size("18446744073709551616"), kNoSize + "number"},
    {"SizeOf2To63", with_size("9223372036854775808"),
     "\"size\": 9223372036854775808 is more than 2^63 - 1"},
    {"SizeInQuotes", with_size("\"12\""), kNoSize + "string"},
    {"SizeTrue", with_size("true"), kNoSize + "boolean"},
    {"SizeNull", with_size("null"), "\"size\" is missing"},
    {"ForeignPlatform", abc(R"(,"platform":{"os":"Plan 9 \u001b","x":{}})"), ""},
    {"PlatformOfAnotherKind", abc(R"(,"platform":"linux/amd64")"),
     "\"platform\": expected an object, got string"},
    {"PlatformMemberOfAnotherKind", abc(R"(,"platform":{"os":["linux"]})"),
     "\"os\": expected a string, got array"},
    {"UrlsOfAnotherKind", abc(R"(,"urls":"https://a")"), "\"urls\": expected an array, got string"},
    {"UrlOfAnotherKind", abc(R"(,"urls":[null])"), "\"urls\": expected strings, got null"},
    {"NullsForNone", abc(R"(,"urls":null,"annotations":null,"platform":null,"data":null)"), ""},
    {"LongAnnotation", abc(R"(,"annotations":{"a":")" + std::string(1'000'000, 'x') + "\"}"), ""},
    {"AnnotationOfAnotherKind", abc(R"(,"annotations":{"a\n":1})"),
     R"("annotations": "a\x0a": expected a string, got number)"},
    {"AnnotationsOfAnotherKind", abc(R"(,"annotations":[])"),
     "\"annotations\": expected an object, got array"},
    {"DataOfOtherBytes", abc(R"(,"data":"ZGVm")"),
     "\"data\": expected digest " + kDigest +
         ", got sha256:cb8379ac2098aa165029e3938a51da0bcecfc008fd6795f401178647f96c5b34",
     Code::kIntegrity},
    {"DataTooShort", abc(R"(,"data":"YWI=")"), "\"data\": expected 3 bytes, got 2",
     Code::kIntegrity},
    {"DataTooLong", abc(R"(,"data":"YWJjZA==")"), "\"data\": expected 3 bytes, got 4",
     Code::kIntegrity},
    {"DataEmpty", abc(R"(,"data":"")"), "\"data\": expected 3 bytes, got 0", Code::kIntegrity},
    {"DataWithoutPadding", abc(R"(,"data":"YWI")"), "\"data\": expected base64"},
    {"DataOfPaddingAlone", abc(R"(,"data":"====")"), "\"data\": expected base64"},
    {"DataOfTheUrlAlphabet", abc(R"(,"data":"YW-_")"), "\"data\": expected base64"},
    {"DataOfAnotherKind", abc(R"(,"data":7)"), "\"data\": expected a string, got number"},
};

INSTANTIATE_TEST_SUITE_P(, ParseDescriptorCases, testing::ValuesIn(kCases),
                         [](const auto& test) { return test.param.name; });

TEST(ParseDescriptor, VerifiesEmbeddedDataOfEveryLength) {
  struct Row {
    std::string data;
    int size;
    std::string sha256;
  };
  const Row kRows[] = {
      {"", 0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
      {"YQ==", 1, "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"},
      {"YWI=", 2, "fb8e20fc2e4c3f248c60c39bd652f3c1347298bb977b8b4d5903b85055620603"},
      {"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", 48,
       "7dca1a2994f17d00fcc9c34b67e2b9cb0d073e178756730403c5ac0195869c01"},
  };
  for (const Row& row : kRows) {
    EXPECT_NO_THROW(
        parse(fmt::format(R"({{"mediaType":"a/b","digest":"sha256:{}","size":{},"data":"{}"}})",
                          row.sha256, row.size, row.data)))
        << row.data;
  }
}

TEST(ParseDescriptor, TakesAPlatformThatSaysNothingForNone) {
  EXPECT_EQ(parse(abc(R"(,"platform":{})")).platform, std::nullopt);
  EXPECT_EQ(parse(abc(R"(,"platform":{"features":[]})")).platform, std::nullopt);
}

TEST(ParseDescriptors, NamesThePosition) {
  const json::Value document = json::parse(
      fmt::format(R"({{"layers":[{},{}],"none":null,"object":{{}}}})", abc(""), with_size("-1")),
      "x");
  EXPECT_THAT([&] { parse_descriptors(document, "layers"); },
              testing::ThrowsMessage<Error>(StrEq("layers[1]: " + kNoSize + "number")));
  EXPECT_TRUE(parse_descriptors(document, "none").empty());
  EXPECT_TRUE(parse_descriptors(document, "absent").empty());
  EXPECT_THAT([&] { parse_descriptors(document, "object"); },
              testing::ThrowsMessage<Error>(StrEq("\"object\": expected an array, got object")));
}

TEST(ToJson, WritesMembersInTheOrderOfTheSpecification) {
  EXPECT_EQ(to_json_text(parse(abc(""))), abc(""));
  const std::string all =
      abc(R"(,"urls":["https://a"],"annotations":{"a":"1","b":"\u001b"},"artifactType":"a/b",)"
          R"("platform":{"architecture":"arm","os":"linux","os.version":"1","variant":"v7"})");
  EXPECT_EQ(to_json_text(parse(all)), all);
}

TEST(ToJson, IsWhatParseDescriptorReads) {
  const Descriptor descriptor = parse(abc(R"(,"annotations":{"k":"é"},"platform":{"os":"linux"})"));
  EXPECT_EQ(parse_descriptor(to_json(descriptor)), descriptor);
}

}  // namespace
}  // namespace seabag::oci
