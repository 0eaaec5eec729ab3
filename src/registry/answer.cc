// SPDX-License-Identifier: Apache-2.0
#include <optional>
#include <string_view>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "json/json.h"
#include "registry/answer_internal.h"

namespace seabag::registry {
namespace {

/// Of several errors this many are shown: registries send one, or the same for every blob.
constexpr std::size_t kShownErrors = 3;

std::string text_of_errors(const json::Value& document) {
  std::string text;
  const json::Value* errors = json::find_array(document, "errors");
  for (std::size_t i = 0; errors != nullptr && i < errors->size() && i < kShownErrors; ++i) {
    const auto code = json::find_string(errors->at(i), "code");
    const auto message = json::find_string(errors->at(i), "message");
    text += i == 0 ? ": " : "; ";
    text += printable(code.value_or("no code"), 60);
    if (message && !message->empty()) text += ' ' + seabag::quoted(*message);
  }
  return text;
}

}  // namespace

Code code_of(int status) {
  if (status == 401 || status == 403) return Code::kDenied;
  if (status == 408 || status == 429) return Code::kUnavailable;
  // Not implemented, HTTP version, out of storage: waiting changes nothing.
  if (status == 501 || status == 505 || status == 507) return Code::kRefused;
  if (status >= 500 && status < 600) return Code::kUnavailable;
  if (status >= 400 && status < 500) return Code::kRefused;
  return Code::kProtocol;
}

std::string answer_text(const http::Response& response) {
  std::string text = http::status_text(response.status);
  try {
    text += text_of_errors(json::parse(io::text_of(response.body), "errors"));
  } catch (const Error& error) {
    // A page for people, a proxy's text, a body that was cut: the status has to do.
    if (error.code() != Code::kMalformed) throw;
  }
  return text;
}

std::string content_type_of(const http::Response& response) {
  const std::string value = response.header("content-type").value_or("");
  return to_lower(trimmed(std::string_view(value).substr(0, value.find(';'))));
}

}  // namespace seabag::registry
