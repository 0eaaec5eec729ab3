// SPDX-License-Identifier: Apache-2.0
#include "target/read_back.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/limits.h"
#include "digest/verifying_sink.h"

namespace seabag::target {
namespace {

// Times in a row that the transfer may break off without having come further.
constexpr int kBarrenReads = 4;

class Nowhere : public io::ByteSink {
 public:
  void write(std::span<const std::byte> /*chunk*/) override {}
  void finish() override {}
};

// Whether the answer begins with the byte at `offset`, and so may go into the sink.
bool begins_at(const http::Response& answer, std::uint64_t offset) {
  if (offset == 0) return answer.status == 200;
  const auto range = answer.header("content-range").value_or("");
  return answer.status == 206 && range.starts_with(fmt::format("bytes {}-", offset));
}

}  // namespace

void read_back_blob(registry::Registry& registry, const std::string& repository,
                    const oci::Descriptor& blob) {
  const registry::Scope scope{repository, false, {}};
  Nowhere nowhere;
  digest::VerifyingSink verifying(blob.digest, blob.size, nowhere);
  for (int barren = 0; verifying.received() < blob.size;) {
    const std::uint64_t offset = verifying.received();
    http::Request request{
        .url = registry.url(fmt::format("/v2/{}/blobs/{}", repository, blob.digest.text())),
        .max_body_bytes = limits::kErrorBodyBytes};
    if (offset > 0) request.headers = {{"Range", fmt::format("bytes={}-", offset)}};
    try {
      const http::Response answer =
          registry.send(std::move(request), scope, &verifying,
                        [&](const http::Response& head) { return begins_at(head, offset); });
      if (answer.status == 404) throw Error(Code::kIntegrity, "it is not there any more");
      if (!begins_at(answer, offset)) throw registry.failure(answer, "reading it back");
      if (verifying.received() < blob.size) {
        throw Error(Code::kIntegrity,
                    fmt::format("expected {} bytes, got {}", blob.size, verifying.received()));
      }
    } catch (const Error& error) {
      if (error.code() != Code::kUnavailable) throw;
      const bool got_on = verifying.received() - offset >= limits::kLeastProgressBytes;
      barren = got_on ? 0 : barren + 1;
      if (barren == kBarrenReads) throw;
    }
  }
  verifying.finish();
}

}  // namespace seabag::target
