// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "base/error.h"
#include "base/limits.h"
#include "base/text.h"
#include "http/exchange_internal.h"

namespace seabag::http {
namespace {

std::string_view without_line_end(std::string_view line) {
  while (line.ends_with('\n') || line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

/// 0 if there is none.
int status_of_line(std::string_view line) {
  const auto blank = line.find(' ');
  if (blank == std::string_view::npos) return 0;
  int status = 0;
  std::from_chars(line.data() + blank + 1, line.data() + line.size(), status);
  return status;
}

bool is_success(int status) {
  return status >= 200 && status < 300;
}

}  // namespace

Exchange::Exchange(const Request& request, const Url& url, io::ByteSink* sink, const Accept& accept)
    : request_(request), sink_(sink), accept_(accept) {
  response_.url = url;
}

void Exchange::take_header(std::string_view line) {
  header_bytes_ += line.size();
  if (header_bytes_ > limits::kHeaderBytes || response_.headers.size() == limits::kHeaderCount) {
    throw Error(Code::kProtocol,
                fmt::format("{}: headers are more than {} bytes or {} lines", response_.url.shown(),
                            limits::kHeaderBytes, limits::kHeaderCount));
  }
  line = without_line_end(line);
  if (line.empty()) has_whole_head_ = true;
  if (destination_ != Destination::kUndecided || line.empty()) {
    return;  // trailers say nothing to us
  }
  if (line.starts_with("HTTP/")) {  // also the answer proper after 1xx
    response_.headers.clear();
    has_whole_head_ = false;
    response_.status = status_of_line(line);
    return;
  }
  if (line.starts_with(' ') || line.starts_with('\t')) {  // obs-fold: RFC 9112 section 5.2
    if (!response_.headers.empty()) {
      response_.headers.back().second += fmt::format(" {}", trimmed(line));
    }
    return;
  }
  const auto colon = line.find(':');
  if (colon == std::string_view::npos) return;
  response_.headers.emplace_back(to_lower(trimmed(line.substr(0, colon))),
                                 trimmed(line.substr(colon + 1)));
}

Exchange::Destination Exchange::decide() const {
  const bool has_content = response_.status == 200 || response_.status == 206;
  if (sink_ == nullptr || !has_content) return Destination::kMemory;
  return !accept_ || accept_(response_) ? Destination::kSink : Destination::kMemory;
}

bool Exchange::take_body(std::span<const std::byte> chunk) {
  if (destination_ == Destination::kUndecided) destination_ = decide();
  if (destination_ == Destination::kMemory) return keep(chunk);
  sink_->write(chunk);
  passed_on_ += chunk.size();
  return true;
}

bool Exchange::keep(std::span<const std::byte> chunk) {
  const std::uint64_t room = request_.max_body_bytes - response_.body.size();
  const auto kept = chunk.first(std::min<std::uint64_t>(room, chunk.size()));
  response_.body.insert(response_.body.end(), kept.begin(), kept.end());
  dropped_ += chunk.size() - kept.size();
  const bool is_wanted =
      sink_ == nullptr && is_success(response_.status) && request_.max_body_bytes > 0;
  if (is_wanted && dropped_ > 0) {
    throw Error(Code::kProtocol, fmt::format("{}: answer is longer than the limit of {} bytes",
                                             response_.url.shown(), request_.max_body_bytes));
  }
  // A short rest is read, so that the connection can be used again; a long one is not worth it.
  has_enough_ = dropped_ > limits::kBufferBytes;
  return !has_enough_;
}

std::size_t Exchange::give_body(std::span<std::byte> out) {
  if (!request_.body) return 0;
  const auto rest = request_.body->length - given_;
  out = out.first(std::min<std::uint64_t>(rest, out.size()));
  if (out.empty()) return 0;
  request_.body->blob->read_at(request_.body->offset + given_, out);
  given_ += out.size();
  return out.size();
}

}  // namespace seabag::http
