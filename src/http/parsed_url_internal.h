// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include <curl/curl.h>

namespace seabag::http {

struct FreeUrl {
  void operator()(CURLU* url) const noexcept { curl_url_cleanup(url); }
};

/// A URL that libcurl takes apart.
using ParsedUrl = std::unique_ptr<CURLU, FreeUrl>;

}  // namespace seabag::http
