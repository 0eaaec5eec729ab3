// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"
#include "http/redirect_internal.h"

namespace seabag::http {
namespace {

bool is_redirect(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

Error forbidden(const Response& response, const Url& target, std::string_view why) {
  return {Code::kProtocol,
          fmt::format("{} redirects to {}: {}", response.url.shown(), target.shown(), why)};
}

}  // namespace

std::optional<Url> redirect_target(Method method, const Response& response) {
  if (!is_redirect(response.status)) return std::nullopt;
  const Url& from = response.url;
  const auto location = response.header("location");
  if (!location) {
    throw Error(Code::kProtocol, fmt::format("{}: {} without a Location", from.shown(),
                                             status_text(response.status)));
  }
  Url to;
  try {
    to = resolve(from, *location);
  } catch (Error& error) {
    error.add_context(from.shown() + " redirects");
    throw;
  }
  if (from.origin.scheme == "https" && to.origin.scheme == "http") {
    throw forbidden(response, to, "from https to http is not followed");
  }
  if (is_local_address(to.origin) && !is_local_address(from.origin)) {
    throw forbidden(response, to, "from elsewhere to an address of this machine is not followed");
  }
  const bool reads = method == Method::kGet || method == Method::kHead;
  if (!reads && to.origin != from.origin) {
    throw forbidden(response, to, "a request that writes is not taken to another origin");
  }
  // RFC 9110 section 15.4.4: it points at something to GET instead, which no registry means.
  if (!reads && response.status == 303) {
    throw forbidden(response, to, "303 for a request that writes");
  }
  return to;
}

}  // namespace seabag::http
