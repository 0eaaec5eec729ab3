// SPDX-License-Identifier: Apache-2.0
#include "source/foreign_layer.h"

#include <optional>

#include <fmt/format.h>

#include "base/error.h"
#include "base/limits.h"
#include "base/text.h"
#include "source/range_reader.h"

namespace seabag::source {
namespace {

// Too many requests and failures of the server may pass; http has used up its tries for them.
Code code_of_status(int status) {
  return status == 408 || status == 429 || status >= 500 ? Code::kUnavailable : Code::kRefused;
}

// Without what may be a password in front of an "@" or a signature behind a "?".
std::string shown(std::string_view url) {
  url = url.substr(0, url.find('?'));
  const auto at = url.rfind('@');
  return quoted(at == std::string_view::npos ? url : url.substr(at));
}

void read_from(http::Client& client, const http::Url& url, LocalUrls local_urls,
               RangeReader& reader) {
  const http::Request request{.url = url,
                              .headers = reader.headers(),
                              .max_body_bytes = limits::kErrorBodyBytes,
                              .avoids_this_machine = local_urls == LocalUrls::kRefused};
  const auto accepts = [&reader](const http::Response& answer) { return reader.accepts(answer); };
  const http::Response answer = client.send(request, &reader, accepts);
  reader.require_range(answer);
  if (answer.status != 200 && answer.status != 206) {
    throw Error(code_of_status(answer.status),
                fmt::format("expected status 200, got {}", answer.status));
  }
}

http::Url parse_layer_url(const std::string& text, LocalUrls local_urls) {
  http::Url url = http::parse_url(text);
  if (local_urls == LocalUrls::kRefused && http::is_local_address(url.origin)) {
    throw Error(Code::kProtocol,
                "a foreign layer may not be fetched from this machine or its link");
  }
  return url;
}

}  // namespace

void read_foreign_layer(const ForeignClient& foreign_client, const oci::Descriptor& layer,
                        LocalUrls local_urls, std::uint64_t offset, io::ByteSink& sink) {
  if (!foreign_client) {
    throw Error(Code::kRefused, "a foreign layer, which its registry does not distribute")
        .add_next_step("--foreign-layers fetches it from the URLs in the manifest");
  }
  std::optional<Error> last;
  const auto client = foreign_client();
  for (const std::string& text : layer.urls) {
    RangeReader reader(offset, sink);
    try {
      read_from(*client, parse_layer_url(text, local_urls), local_urls, reader);
      return;
    } catch (Error& error) {
      error.add_context(fmt::format("foreign layer from {}", shown(text)));
      // What was passed on is right, and another URL would have to begin behind it: the caller asks
      // again.
      if (reader.passed_on() > 0 || error.code() == Code::kCancelled) throw;
      last = error;
    }
  }
  throw last.value_or(Error(Code::kRefused, "a foreign layer without any URL"));
}

}  // namespace seabag::source
