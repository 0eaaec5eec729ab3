// SPDX-License-Identifier: Apache-2.0
#include "json/json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/limits.h"

namespace seabag::json {
namespace {

using std::string_literals::operator""s;
using testing::AllOf;
using testing::ElementsAre;
using testing::Property;
using testing::StrEq;
using testing::Throws;

auto malformed(const std::string& text) {
  return Throws<Error>(
      AllOf(Property(&Error::code, Code::kMalformed), Property(&Error::what, StrEq(text))));
}

std::string repeated(const std::string& part, std::size_t count) {
  std::string text;
  for (std::size_t i = 0; i < count; ++i) text += part;
  return text;
}

struct Case {
  std::string name;
  std::string text;
  std::string message;  ///< empty: accepted
};

class Parse : public testing::TestWithParam<Case> {};

TEST_P(Parse, TakesOrRefuses) {
  const Case& row = GetParam();
  if (row.message.empty()) {
    EXPECT_NO_THROW(parse(row.text, "x.json"));
  } else {
    EXPECT_THAT([&] { parse(row.text, "x.json"); }, malformed("x.json: " + row.message));
  }
}

const Case kCases[] = {
    {"Object", R"({"a":[1,-2,3.5,true,null,"x"]})", ""},
    {"BlanksAround", " {}\r\n\t ", ""},
    {"SameNameInTwoObjects", R"([{"size":1},{"size":2}])", ""},
    {"SameNameInside", R"({"size":{"size":1}})", ""},
    {"LabelsThatDifferInCase", R"({"Maintainer":"a","maintainer":"b"})", ""},
    {"Empty", "", "not JSON at byte 1"},
    {"WebPage", "<!DOCTYPE html>", "not JSON at byte 1"},
    {"CutShort", R"({"a":)", "not JSON at byte 6"},
    {"SomethingAfterIt", "{} x", "not JSON at byte 4"},
    {"TwoDocuments", "{}{}", "not JSON at byte 3"},
    {"NulAfterIt", "{}\0"s, "not JSON at byte 3"},
    {"SecondDocumentBehindANul", "{}\0{}"s, "not JSON at byte 3"},
    {"NulInAString", "\"a\0b\""s, "not JSON at byte 3"},
    {"Comment", "{/*a*/}", "not JSON at byte 2"},
    {"TrailingComma", "[1,]", "not JSON at byte 4"},
    {"SingleQuotes", "{'a':1}", "not JSON at byte 2"},
    {"ByteOrderMark", "\xEF\xBB\xBF{}", "starts with a byte order mark"},
    {"Utf16", "{\0}\0"s, "not JSON at byte 2"},
    {"NotUtf8", "\"\xff\"", "not JSON at byte 2"},
    {"OverlongUtf8", "\"\xc0\xaf\"", "not JSON at byte 2"},
    {"LoneSurrogate", R"("\ud800")", "not JSON at byte 8"},
    {"LineBreakInAString", "\"a\nb\"", "not JSON at byte 3"},
    {"NotANumber", "[NaN]", "not JSON at byte 2"},
    {"Infinity", "[1e400]", "not JSON at byte 6"},
    {"LeadingZero", "[01]", "not JSON at byte 3"},
    {"NameTwice", R"({"a":1,"a":2})", R"(the name "a" stands twice in one object)"},
    {"NameTwiceByEscape", R"({"a":1,"\u0061":2})", R"(the name "a" stands twice in one object)"},
    {"NameTwiceDeepDown", R"([{"x":{"a":1,"a":1}}])", R"(the name "a" stands twice in one object)"},
    {"MediaTypeInTwoCases", R"({"mediaType":"a","mediatype":"b"})",
     R"(the name "mediatype" stands twice in one object)"},
    {"LayersInTwoCases", R"({"Layers":[],"layers":[]})",
     R"(the name "layers" stands twice in one object)"},
    {"LongSIsAnS", R"({"size":1,"ſize":2})", R"(the name "ſize" stands twice in one object)"},
    {"KelvinSignIsNoKHere", R"({"x":1,"K":2})", ""},
    {"NamesInMessagesAreHarmless", "{\"\\u001b\":1,\"\\u001b\":2}",
     R"(the name "\x1b" stands twice in one object)"},
    {"DeepestAllowed", repeated("[", 32) + repeated("]", 32), ""},
    {"OneDeeper", repeated("[", 33) + repeated("]", 33), "deeper than 32"},
    {"ObjectsCountAsDepth", repeated(R"({"a":)", 33) + "1" + repeated("}", 33), "deeper than 32"},
};

INSTANTIATE_TEST_SUITE_P(, Parse, testing::ValuesIn(kCases),
                         [](const auto& test) { return test.param.name; });

TEST(ParseLarge, RefusesDepthBeforeItCosts) {
  EXPECT_THAT([] { parse(std::string(limits::kManifestBytes, '['), "x"); },
              malformed("x: deeper than 32"));
}

TEST(ParseLarge, RefusesTooManyValues) {
  EXPECT_NO_THROW(parse("[" + repeated("0,", limits::kJsonValues - 2) + "0]", "x"));
  EXPECT_THAT([] { parse("[" + repeated("0,", limits::kJsonValues - 1) + "0]", "x"); },
              malformed("x: more than 250000 values"));
}

TEST(ParseLarge, RefusesTooManyNames) {
  std::string text = "{";
  for (int i = 0; i < 1'000'000; ++i) text += "\"" + std::to_string(i) + "\":0,";
  EXPECT_THAT([&] { parse(text, "x"); }, malformed("x: more than 250000 values"));
}

TEST(ParseLarge, LeavesLongStringsToTheGetters) {
  const Value value = parse("{\"a\":\"" + std::string(limits::kManifestBytes, 'x') + "\"}", "x");
  EXPECT_THAT([&] { find_string(value, "a"); },
              malformed("\"a\": 4194304 bytes, more than the limit of 4096"));
}

struct SizeCase {
  std::string name;
  std::string number;
  std::string message;
};

class FindSizeRefuses : public testing::TestWithParam<SizeCase> {};

TEST_P(FindSizeRefuses, It) {
  const Value value = parse("{\"size\":" + GetParam().number + "}", "x");
  EXPECT_THAT([&] { find_size(value, "size"); }, malformed(GetParam().message));
}

const SizeCase kSizes[] = {
    {"Negative", "-1", R"("size": expected a whole number from 0, got number)"},
    {"NegativeZero", "-0", R"("size": expected a whole number from 0, got number)"},
    {"Fraction", "1.5", R"("size": expected a whole number from 0, got number)"},
    {"WholeFraction", "1.0", R"("size": expected a whole number from 0, got number)"},
    {"Exponent", "1e3", R"("size": expected a whole number from 0, got number)"},
    {"TwoToThe63", "9223372036854775808", R"("size": 9223372036854775808 is more than 2^63 - 1)"},
    {"TwoToThe64", "18446744073709551616", R"("size": expected a whole number from 0, got number)"},
    {"String", "\"12\"", R"("size": expected a whole number from 0, got string)"},
    {"True", "true", R"("size": expected a whole number from 0, got boolean)"},
    {"Array", "[1]", R"("size": expected a whole number from 0, got array)"},
};

INSTANTIATE_TEST_SUITE_P(, FindSizeRefuses, testing::ValuesIn(kSizes),
                         [](const auto& test) { return test.param.name; });

TEST(FindSize, ReadsWholeNumbers) {
  EXPECT_EQ(find_size(parse(R"({"size":0})", "x"), "size"), 0U);
  EXPECT_EQ(find_size(parse(R"({"size":9007199254740993})", "x"), "size"), 9007199254740993U);
  EXPECT_EQ(find_size(parse(R"({"size":9223372036854775807})", "x"), "size"), 9223372036854775807U);
}

TEST(FindSize, TakesNullForNone) {
  EXPECT_EQ(find_size(parse(R"({"size":null})", "x"), "size"), std::nullopt);
  EXPECT_EQ(find_size(parse("{}", "x"), "size"), std::nullopt);
  EXPECT_THAT([] { require_size(parse(R"({"size":null})", "x"), "size"); },
              malformed("\"size\" is missing"));
}

TEST(FindString, ReadsAString) {
  const Value value = parse(R"({"a":"x","b":null,"c":1,"d":""})", "x");
  EXPECT_EQ(find_string(value, "a"), "x");
  EXPECT_EQ(find_string(value, "b"), std::nullopt);
  EXPECT_EQ(find_string(value, "d"), "");
  EXPECT_EQ(find_string(value, "z"), std::nullopt);
  EXPECT_EQ(require_string(value, "a"), "x");
  EXPECT_THAT([&] { require_string(value, "z"); }, malformed("\"z\" is missing"));
  EXPECT_THAT([&] { find_string(value, "c"); }, malformed("\"c\": expected a string, got number"));
}

TEST(FindString, HoldsTheLengthAgainstTheLimit) {
  const Value value = parse(R"({"a":"xyz"})", "x");
  EXPECT_EQ(find_string(value, "a", 3), "xyz");
  EXPECT_THAT([&] { find_string(value, "a", 2); },
              malformed("\"a\": 3 bytes, more than the limit of 2"));
}

TEST(FindObjectAndArray, TakeTheirOwnKindAlone) {
  const Value value = parse(R"({"o":{},"a":[],"n":null})", "x");
  EXPECT_NE(find_object(value, "o"), nullptr);
  EXPECT_EQ(find_object(value, "n"), nullptr);
  EXPECT_NE(find_array(value, "a"), nullptr);
  EXPECT_EQ(find_array(value, "z"), nullptr);
  EXPECT_THAT([&] { find_object(value, "a"); }, malformed("\"a\": expected an object, got array"));
  EXPECT_THAT([&] { find_array(value, "o"); }, malformed("\"o\": expected an array, got object"));
}

TEST(Getters, RefuseWhatIsNoObject) {
  const Value value = parse("[]", "x");
  EXPECT_THAT([&] { find_string(value, "a"); },
              malformed("expected a JSON object with \"a\", got array"));
}

std::vector<std::string> elements_of(const std::string& text, const char* key,
                                     std::size_t max_elements = 10) {
  std::vector<std::string> elements;
  const Value rest = parse_list(text, "x.json", key, max_elements,
                                [&](const Value& element) { elements.push_back(element.dump()); });
  elements.push_back(rest.dump());
  return elements;
}

TEST(ParseList, VisitsTheElementsInOrderAndGivesTheRest) {
  EXPECT_THAT(elements_of(R"({"a":[1],"list":[{"b":{"c":[2]}},[3],4,"x",null],"z":5})", "list"),
              ElementsAre(R"({"b":{"c":[2]}})", "[3]", "4", R"("x")", "null",
                          R"({"a":[1],"list":[],"z":5})"));
  EXPECT_THAT(elements_of(R"([{"a":[1]},{}])", nullptr), ElementsAre(R"({"a":[1]})", "{}", "[]"));
}

TEST(ParseList, VisitsNothingWhereThereIsNoList) {
  EXPECT_THAT(elements_of(R"({"list":{"list":[1]}})", "list"),
              ElementsAre(R"({"list":{"list":[1]}})"));
  EXPECT_THAT(elements_of(R"({"other":[[1]]})", "list"), ElementsAre(R"({"other":[[1]]})"));
  EXPECT_THAT(elements_of(R"({"a":[1]})", nullptr), ElementsAre(R"({"a":[1]})"));
  EXPECT_THAT(elements_of("[[1]]", "list"), ElementsAre("[[1]]"));
}

TEST(ParseList, BoundsEachElementAndTheirNumber) {
  const std::string large = "[" + repeated("0,", limits::kJsonValues / 2) + "0]";
  EXPECT_NO_THROW(elements_of("[" + large + "," + large + "," + large + "]", nullptr));
  EXPECT_THROW(elements_of("[[" + large + "," + large + "," + large + "]]", nullptr), Error);
  EXPECT_THAT([] { elements_of("[[],[],[]]", nullptr, 2); },
              malformed("x.json: more than 2 elements in one list"));
}

// Other lists are what is around it.
TEST(ParseList, BoundsWhatIsAroundTheList) {
  const std::string half = "[" + repeated("0,", limits::kJsonValues / 2) + "0]";
  EXPECT_NO_THROW(elements_of(R"({"list":[],"x":)" + half + "}", "list"));
  for (const std::string& lists : {"[" + half + "," + half + "," + half + "]",
                                   "[" + repeated("[],", limits::kJsonValues) + "[]]"}) {
    EXPECT_THROW(elements_of(R"({"list":[],"x":)" + lists + "}", "list"), Error);
    EXPECT_THROW(elements_of(R"({"x":)" + lists + R"(,"list":[]})", "list"), Error);
    EXPECT_THROW(elements_of(R"({"x":{"list":)" + lists + "}}", "list"), Error);
  }
}

TEST(ParseList, FindsItsWayThroughAnyText) {
  EXPECT_THAT(
      elements_of(
          "\t{ \"a}\\\"]\" : \"[{\\\\\" ,\n\"l\\u0069st\" : [ 1e5 ,{ \"b\" : \"]}\" } , true ] } ",
          "list"),
      ElementsAre("100000.0", R"({"b":"]}"})", "true", R"({"a}\"]":"[{\\","list":[]})"));
}

TEST(SplitList, GivesTheTextsAsTheyStandThere) {
  std::vector<std::string> elements;
  const std::string text = R"({"x" : 1, "list" : [ {"b" :2,"a":[ ]},3 ] })";
  const auto around = split_list(text, "x.json", "list", 9,
                                 [&](std::string_view element) { elements.emplace_back(element); });
  ASSERT_TRUE(around);
  EXPECT_EQ(around->before, R"({"x" : 1, "list" : [)");
  EXPECT_EQ(around->after, "] }");
  EXPECT_THAT(elements, ElementsAre(R"({"b" :2,"a":[ ]})", "3"));
  EXPECT_FALSE(split_list("[1]", "x.json", "list", 9, [](std::string_view) {}));
}

TEST(ParseList, SaysWhichElementWasRefused) {
  const auto refuse = [](const Value& /*element*/) { throw Error(Code::kMalformed, "no"); };
  EXPECT_THAT([&] { parse_list(R"({"list":[1]})", "x.json", "list", 9, refuse); },
              malformed("x.json: list[0]: no"));
  EXPECT_THAT([&] { parse_list(R"({"list":[1],"list":[]})", "x.json", "list", 9, refuse); },
              malformed(R"(x.json: the name "list" stands twice in one object)"));
}

}  // namespace
}  // namespace seabag::json
