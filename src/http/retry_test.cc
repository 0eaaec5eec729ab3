// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include "base/error.h"
#include "base/limits.h"
#include "http/client.h"
#include "http/redirect_internal.h"
#include "http/retry_internal.h"

namespace seabag::http {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

struct DelayCase {
  std::string name;
  int attempt;
  std::optional<seconds> retry_after;
  double random;
  milliseconds expected;
};

class RetryDelay : public ::testing::TestWithParam<DelayCase> {};

TEST_P(RetryDelay, Is) {
  const auto& row = GetParam();
  EXPECT_EQ(retry_delay(row.attempt, row.retry_after, row.random), row.expected);
}

const DelayCase kDelays[] = {
    {"SecondTryWaitsUpToASecond", 2, {}, 1.0, milliseconds(1000)},
    {"ThirdTryUpToTwo", 3, {}, 1.0, milliseconds(2000)},
    {"FifthTryUpToEight", 5, {}, 1.0, milliseconds(8000)},
    {"BackoffEndsAtHalfAMinute", 7, {}, 1.0, milliseconds(30'000)},
    {"ManyTriesDoNotOverflow", 1'000'000, {}, 1.0, milliseconds(30'000)},
    {"JitterIsFull", 5, {}, 0.0, milliseconds(0)},
    {"JitterScales", 3, {}, 0.25, milliseconds(500)},
    {"RetryAfterIsAFloor", 2, seconds(7), 0.0, milliseconds(7000)},
    {"RetryAfterIsSpread", 2, seconds(7), 0.5, milliseconds(7500)},
    {"RetryAfterOfZero", 5, seconds(0), 0.5, milliseconds(500)},
};

INSTANTIATE_TEST_SUITE_P(, RetryDelay, ::testing::ValuesIn(kDelays),
                         [](const auto& test) { return test.param.name; });

struct RetryAfterCase {
  std::string name;
  std::string value;
  std::optional<int> expected;
};

class ParseRetryAfter : public ::testing::TestWithParam<RetryAfterCase> {};

constexpr std::int64_t kNow = 1'445'412'480;  // Wed, 21 Oct 2015 07:28:00 GMT

TEST_P(ParseRetryAfter, Gives) {
  const auto& expected = GetParam().expected;
  EXPECT_EQ(parse_retry_after(GetParam().value, kNow),
            expected ? std::optional(seconds(*expected)) : std::nullopt);
}

const RetryAfterCase kRetryAfter[] = {
    {"Seconds", "5", 5},
    {"Zero", "0", 0},
    {"BlanksAround", " 5 ", 5},
    {"TooLongIsBounded", "1000000000", limits::kRetryAfterSeconds},
    {"BeyondSixtyFourBits", "99999999999999999999999", limits::kRetryAfterSeconds},
    {"Date", "Wed, 21 Oct 2015 07:28:30 GMT", 30},
    {"DateInThePast", "Wed, 21 Oct 2015 07:27:00 GMT", 0},
    {"DateFarAway", "Wed, 21 Oct 2065 07:28:00 GMT", limits::kRetryAfterSeconds},
    {"Rfc850Date", "Wednesday, 21-Oct-15 07:28:10 GMT", 10},
    {"AsctimeDate", "Wed Oct 21 07:28:10 2015", 10},
    {"Negative", "-5", {}},
    {"Fraction", "1.5", {}},
    {"Empty", "", {}},
    {"Words", "soon", {}},
    {"NumberWithUnit", "5s", {}},
    {"HalfADate", "Wed, 21", {}},
};

INSTANTIATE_TEST_SUITE_P(, ParseRetryAfter, ::testing::ValuesIn(kRetryAfter),
                         [](const auto& test) { return test.param.name; });

TEST(RetryAfterOf, CountsADateFromTheAnswersOwnDate) {
  const Response response = {.status = 503,
                             .headers = {{"retry-after", "Wed, 21 Oct 2015 07:28:30 GMT"},
                                         {"date", "Wed, 21 Oct 2015 07:28:10 GMT"}}};
  EXPECT_EQ(retry_after_of(response), seconds(20));
}

TEST(RetryAfterOf, IgnoresADateWithoutOne) {
  const Response response = {.status = 503,
                             .headers = {{"retry-after", "Wed, 21 Oct 2015 07:28:30 GMT"}}};
  EXPECT_EQ(retry_after_of(response), std::nullopt);
}

TEST(MayRepeat, DependsOnStatusAndIdempotence) {
  struct Row {
    int status;
    bool idempotent;
    bool retry_after;
    bool expected;
  };
  const Row rows[] = {
      {200, true, false, false},  {404, true, true, false},  {501, true, false, false},
      {408, true, false, true},   {429, true, false, true},  {500, true, false, true},
      {502, true, false, true},   {503, true, false, true},  {504, true, false, true},
      {429, false, true, true},   {503, false, true, true},  {503, false, false, false},
      {429, false, false, false}, {500, false, true, false}, {502, false, true, false},
  };
  for (const Row& row : rows) {
    const Request request = {.url = parse_url("http://h/"), .idempotent = row.idempotent};
    Response response = {.status = row.status};
    if (row.retry_after) response.headers.emplace_back("retry-after", "1");
    EXPECT_EQ(may_repeat(request, response), row.expected) << row.status << ' ' << row.idempotent;
  }
}

struct RedirectCase {
  std::string name;
  Method method;
  int status;
  std::string from;
  std::string location;
  std::optional<std::string> expected;  // nothing: refused
};

class RedirectTarget : public ::testing::TestWithParam<RedirectCase> {};

TEST_P(RedirectTarget, FollowsTheRules) {
  const auto& row = GetParam();
  const Response response = {
      .status = row.status, .headers = {{"location", row.location}}, .url = parse_url(row.from)};
  try {
    const auto target = redirect_target(row.method, response);
    ASSERT_TRUE(row.expected) << "followed";
    EXPECT_EQ(target->text(), *row.expected);
  } catch (const Error& error) {
    EXPECT_FALSE(row.expected) << error.what();
    EXPECT_EQ(error.code(), Code::kProtocol);
  }
}

const RedirectCase kRedirects[] = {
    {"GetToAnotherOrigin", Method::kGet, 307, "https://a/x", "https://b/y?s=1", "https://b/y?s=1"},
    {"HeadToAnotherOrigin", Method::kHead, 302, "https://a/x", "https://b/y", "https://b/y"},
    {"Relative", Method::kGet, 301, "https://a/x/y", "z", "https://a/x/z"},
    {"GetMayUse303", Method::kGet, 303, "https://a/x", "/y", "https://a/y"},
    {"FromHttpToHttps", Method::kGet, 308, "http://a/x", "https://a/x", "https://a/x"},
    {"FromHttpsToHttp", Method::kGet, 307, "https://a/x", "http://a/x", {}},
    {"FromElsewhereToLoopback", Method::kGet, 307, "http://a/x", "http://127.0.0.1/x", {}},
    {"FromElsewhereToMetadata",
     Method::kGet,
     307,
     "http://a/x",
     "http://169.254.169.254/latest",
     {}},
    {"FromElsewhereToZero", Method::kGet, 307, "http://a/x", "http://0.0.0.0/x", {}},
    {"FromElsewhereToLocalhost", Method::kGet, 307, "http://a/x", "http://localhost/x", {}},
    {"FromElsewhereToMappedLoopback",
     Method::kGet,
     307,
     "http://a/x",
     "http://[::ffff:7f00:1]/x",
     {}},
    {"FromLoopbackToLoopback", Method::kGet, 307, "http://127.0.0.1:1/x", "http://127.0.0.1:2/x",
     "http://127.0.0.1:2/x"},
    {"FileScheme", Method::kGet, 302, "http://a/x", "file:///etc/passwd", {}},
    {"UserInformation", Method::kGet, 302, "http://a/x", "http://u:p@b/", {}},
    {"PutWithinTheOrigin", Method::kPut, 307, "http://a/x", "/y", "http://a/y"},
    {"PutToAnotherOrigin", Method::kPut, 307, "http://a/x", "http://b/y", {}},
    {"PostToAnotherPort", Method::kPost, 307, "http://a/x", "http://a:81/x", {}},
    {"PostTold303", Method::kPost, 303, "http://a/x", "/y", {}},
    {"EmptyLocation", Method::kGet, 302, "http://a/x", " ", {}},
};

INSTANTIATE_TEST_SUITE_P(, RedirectTarget, ::testing::ValuesIn(kRedirects),
                         [](const auto& test) { return test.param.name; });

TEST(RedirectTargetIsNone, ForOtherAnswers) {
  for (const int status : {200, 201, 202, 206, 300, 304, 400, 404, 500}) {
    const Response response = {
        .status = status, .headers = {{"location", "/y"}}, .url = parse_url("http://a/x")};
    EXPECT_EQ(redirect_target(Method::kGet, response), std::nullopt) << status;
  }
}

TEST(RealPause, EndsAtOnceWhenToldToStop) {
  std::stop_source source;
  source.request_stop();
  const auto start = std::chrono::steady_clock::now();
  real_pause()(seconds(60), source.get_token());
  EXPECT_LT(std::chrono::steady_clock::now() - start, seconds(1));
}

TEST(StatusText, NamesTheCommonOnes) {
  EXPECT_EQ(status_text(503), "503 Service Unavailable");
  EXPECT_EQ(status_text(599), "599");
}

}  // namespace
}  // namespace seabag::http
