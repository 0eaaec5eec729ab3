// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <charconv>
#include <condition_variable>
#include <mutex>

#include <curl/curl.h>

#include "base/limits.h"
#include "base/text.h"
#include "http/client.h"
#include "http/retry_internal.h"

namespace seabag::http {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr milliseconds kFirstBackoff{1000};
constexpr milliseconds kLongestBackoff{30'000};
// Workers that were all told to wait for the same time would otherwise come back all at once.
constexpr milliseconds kRetryAfterSpread{1000};

// Seconds since 1970 of an HTTP-date; nothing if it is none. Names begin each of its three forms
// (RFC 9110 section 5.6.7), and curl_getdate() alone would also take "20261121".
std::optional<std::int64_t> parse_http_date(const std::string& text) {
  if (text.empty() || text[0] < 'A' || text[0] > 'Z') return std::nullopt;
  const std::int64_t time = curl_getdate(text.c_str(), nullptr);
  if (time < 0) return std::nullopt;
  return time;
}

}  // namespace

milliseconds retry_delay(int attempt, std::optional<seconds> retry_after, double random) {
  if (retry_after) {
    return *retry_after + std::chrono::duration_cast<milliseconds>(kRetryAfterSpread * random);
  }
  milliseconds backoff = kFirstBackoff;
  for (int i = 2; i < attempt && backoff < kLongestBackoff; ++i) backoff *= 2;
  return std::chrono::duration_cast<milliseconds>(std::min(backoff, kLongestBackoff) * random);
}

std::optional<seconds> parse_retry_after(std::string_view value, std::int64_t now) {
  const std::string text(trimmed(value));
  constexpr std::int64_t kLongest = limits::kRetryAfterSeconds;
  if (!text.empty() && text.find_first_not_of("0123456789") == std::string::npos) {
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    return seconds(error == std::errc() ? std::min(number, kLongest) : kLongest);
  }
  const auto date = parse_http_date(text);
  if (!date) return std::nullopt;
  return seconds(std::clamp<std::int64_t>(*date - now, 0, kLongest));
}

bool is_transient(int status) {
  return status == 408 || status == 429 || status == 500 || (status >= 502 && status <= 504);
}

std::optional<seconds> retry_after_of(const Response& response) {
  const auto value = response.header("retry-after");
  if (!value) return std::nullopt;
  const auto date = parse_http_date(response.header("date").value_or(""));
  const bool is_number = !value->empty() && value->front() >= '0' && value->front() <= '9';
  if (!date && !is_number) return std::nullopt;
  return parse_retry_after(*value, date.value_or(0));
}

bool may_repeat(const Request& request, const Response& response) {
  if (!is_transient(response.status)) return false;
  if (request.idempotent) return true;
  const bool did_nothing = response.status == 429 || response.status == 503;
  return did_nothing && retry_after_of(response).has_value();
}

Pause real_pause() {
  return [](milliseconds time, const std::stop_token& stop) {
    std::mutex mutex;
    std::unique_lock lock(mutex);
    std::condition_variable_any condition;
    condition.wait_for(lock, stop, time, [] { return false; });
  };
}

}  // namespace seabag::http
