// SPDX-License-Identifier: Apache-2.0
// Any bytes as what --resume reads in an unfinished bundle: the log of landed blobs, the record of
// a landed disk (its checksum mended), the spool of manifests.

#include "bundle/landed_disk.h"
#include "bundle/landed_log.h"
#include "bundle/manifest_spool.h"
#include "digest/hasher.h"
#include "harness.h"
#include "only_opens.h"
#include "testing/memory_file.h"

using namespace seabag;

namespace {

std::string with_checksums(std::string_view input) {
  std::string text;
  while (!input.empty()) {
    const auto end = std::min(input.find('\n'), input.size());
    const std::string_view line = input.substr(0, end);
    const std::string check = digest::digest_of(io::bytes_of(line)).hex().substr(0, 8);
    text.append(line).append(" ").append(check).append("\n");
    input.remove_prefix(std::min(end + 1, input.size()));
  }
  return text;
}

fuzz::OnlyOpens files_with(std::string_view text) {
  const io::Bytes bytes(io::bytes_of(text).begin(), io::bytes_of(text).end());
  return fuzz::OnlyOpens(
      [bytes](const std::string&) { return std::make_unique<testing::MemoryFile>(bytes); });
}

bundle::LandedBytes read_log(std::string_view text) {
  fuzz::OnlyOpens files = files_with(text);
  bundle::LandedBytes found;
  bundle::LandedLog::reopen(
      files, "landed.log",
      [&](const digest::Digest& blob, std::uint64_t bytes) { found[blob] = bytes; });
  return found;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input = fuzz::text_of(data, size);
  fuzz::accept_or_refuse([&] { read_log(input); });
  fuzz::accept_or_refuse([&] {
    const std::string whole = with_checksums(input);
    const auto found = read_log(whole);
    const auto torn =
        read_log(whole.substr(0, whole.size() - std::min<std::size_t>(whole.size(), 1)));
    for (const auto& [blob, bytes] : torn) {
      fuzz::require(found.contains(blob), "a torn line adds nothing");
    }
  });
  fuzz::accept_or_refuse([&] {
    fuzz::OnlyOpens files =
        files_with(std::string(input) + digest::digest_of(io::bytes_of(input)).text() + '\n');
    bundle::find_landed_disk(files, "disk");
  });
  fuzz::accept_or_refuse([&] {
    fuzz::OnlyOpens files = files_with(input);
    std::size_t bytes = 0;
    bundle::ManifestSpool::reopen(files, "manifests.spool")
        .for_each([&](const io::Bytes& manifest) { bytes += manifest.size() + 8; });
    fuzz::require(bytes <= size, "the spool gives what is in it");
  });
  return 0;
}
