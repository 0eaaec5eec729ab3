// SPDX-License-Identifier: Apache-2.0
// Any text as the value of a header: WWW-Authenticate, Link, Retry-After, Date, Content-Range,
// Content-Type, Location.

#include "base/limits.h"
#include "harness.h"
#include "http/redirect_internal.h"
#include "http/retry_internal.h"
#include "io/memory_sink.h"
#include "registry/answer_internal.h"
#include "registry/challenge.h"
#include "registry/link.h"
#include "source/range_reader.h"

using namespace seabag;

namespace {

void read_location(const std::string& value) {
  http::Response response = {.status = 307, .headers = {{"location", value}}};
  response.url = http::parse_url("https://registry.local/v2/");
  const auto target = http::redirect_target(http::Method::kGet, response);
  if (!target) return;
  fuzz::require(target->origin.scheme == "https", "no redirect leaves https");
  fuzz::require(!http::is_local_address(target->origin), "none leads to an address of ours");
  fuzz::require(fuzz::is_harmless(target->shown()), "URLs are shown as harmless text");
  const http::Url again = http::parse_url(target->text());
  fuzz::require(again == *target, "a URL means the same when it is written and read");
}

void read_range(const std::string& value) {
  io::MemorySink sink(16, "range");
  source::RangeReader reader(100, sink);
  const http::Response response = {.status = 206, .headers = {{"content-range", value}}};
  const bool accepted = reader.accepts(response);
  fuzz::require(!accepted || value.find("100") != std::string::npos, "the range is as asked for");
  bool has_thrown = false;
  try {
    reader.require_range(response);
  } catch (const Error& error) {
    has_thrown = true;
    fuzz::require(fuzz::is_harmless(error.what()), "errors are harmless text");
  }
  fuzz::require(accepted != has_thrown, "a range is accepted or told");
}

void read_wait(const std::string& value) {
  for (const http::Headers& headers :
       {http::Headers{{"retry-after", value}},
        http::Headers{{"retry-after", value}, {"date", "Sat, 21 Nov 2026 05:13:00 GMT"}},
        http::Headers{{"retry-after", "Sat, 21 Nov 2026 05:13:00 GMT"}, {"date", value}}}) {
    const auto wait = http::retry_after_of({.status = 503, .headers = headers});
    fuzz::require(!wait || (wait->count() >= 0 && wait->count() <= limits::kRetryAfterSeconds),
                  "no server makes us wait for long");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string value(fuzz::text_of(data, size));
  for (const registry::Challenge& challenge : registry::parse_challenges(value)) {
    if (challenge.scheme != registry::Challenge::Scheme::kBearer) continue;
    fuzz::accept_or_refuse([&] { http::parse_url(challenge.realm); });
  }
  if (const auto next = registry::next_link(value)) {
    fuzz::accept_or_refuse([&] {
      const auto base = http::parse_url("https://registry.local/v2/_catalog?n=100");
      http::resolve(base, *next);
    });
  }
  fuzz::accept_or_refuse([&] { read_location(value); });
  read_range(value);
  read_wait(value);
  registry::content_type_of({.headers = {{"content-type", value}}});
  return 0;
}
