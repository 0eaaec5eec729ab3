// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"

#include <utility>

namespace seabag {

std::string_view name_of(Code code) {
  switch (code) {
    case Code::kInternal:
      return "internal";
    case Code::kUsage:
      return "usage";
    case Code::kPartial:
      return "partial";
    case Code::kNotABundle:
      return "not-a-bundle";
    case Code::kLocked:
      return "locked";
    case Code::kIntegrity:
      return "integrity";
    case Code::kMalformed:
      return "malformed";
    case Code::kUnsupported:
      return "unsupported";
    case Code::kDenied:
      return "denied";
    case Code::kUnavailable:
      return "unavailable";
    case Code::kProtocol:
      return "protocol";
    case Code::kRefused:
      return "refused";
    case Code::kNoSpace:
      return "no-space";
    case Code::kIo:
      return "io";
    case Code::kPermission:
      return "permission";
    case Code::kMediumUnfit:
      return "medium-unfit";
    case Code::kCancelled:
      return "cancelled";
  }
  return "unknown";
}

Error::Error(Code code, std::string text) : code_(code), text_(std::move(text)) {}

Error& Error::add_context(std::string_view context) {
  text_.insert(0, ": ");
  text_.insert(0, context);
  return *this;
}

Error& Error::add_next_step(std::string_view next_step) {
  if (next_step_.empty()) next_step_ = next_step;
  return *this;
}

void check(bool condition, const char* what) {
  if (!condition) throw Error(Code::kInternal, std::string("bug: ") + what);
}

}  // namespace seabag
