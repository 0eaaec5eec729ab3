// SPDX-License-Identifier: Apache-2.0
#include "http/proxy.h"

#include <algorithm>
#include <array>
#include <memory>
#include <string_view>

#include <curl/curl.h>
#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"
#include "http/parsed_url_internal.h"

namespace seabag::http {
namespace {

constexpr std::array<std::string_view, 6> kSchemes = {"http",    "https",  "socks4",
                                                      "socks4a", "socks5", "socks5h"};

Error unusable(std::string_view why) {
  return Error(Code::kUsage, fmt::format("the proxy cannot be used: {}", why))
      .add_next_step(
          "write it as http://[USER:PASSWORD@]HOST[:PORT], special characters of the password as "
          "%40 and so on; it comes from --proxy, https_proxy, http_proxy or all_proxy");
}

/// Empty if the URL has no such part.
std::string part_of(const ParsedUrl& url, CURLUPart part) {
  char* text = nullptr;
  if (curl_url_get(url.get(), part, &text, 0) != CURLUE_OK) return {};
  const std::unique_ptr<char, decltype(&curl_free)> owned(text, &curl_free);
  return text;
}

}  // namespace

std::string proxy_address(const std::string& proxy) {
  const ParsedUrl url(curl_url());
  check(url != nullptr, "memory for a URL");
  // As libcurl itself reads the setting: its own errors about it would repeat the password.
  const CURLUcode result = curl_url_set(url.get(), CURLUPART_URL, proxy.c_str(),
                                        CURLU_NON_SUPPORT_SCHEME | CURLU_GUESS_SCHEME);
  if (result != CURLUE_OK) throw unusable(to_lower(curl_url_strerror(result)));
  const std::string scheme = part_of(url, CURLUPART_SCHEME);
  if (std::ranges::find(kSchemes, scheme) == kSchemes.end()) {
    throw unusable(
        fmt::format("expected http, https or socks5, got the scheme {}", quoted(scheme)));
  }
  // A password with a bare slash: what stands before it would be taken for the host.
  for (const CURLUPart part : {CURLUPART_PATH, CURLUPART_QUERY, CURLUPART_FRAGMENT}) {
    if (part_of(url, part).find('@') != std::string::npos) {
      throw unusable("there is an @ behind the host");
    }
  }
  std::string port = part_of(url, CURLUPART_PORT);
  if (port.empty()) port = scheme == "https" ? "443" : "1080";  // CURLOPT_PROXY(3)
  return printable(fmt::format("{}:{}", part_of(url, CURLUPART_HOST), port));
}

}  // namespace seabag::http
