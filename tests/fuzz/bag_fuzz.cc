// SPDX-License-Identifier: Apache-2.0
// Any text as each of the tag files of a bag.

#include "bagit/bag_files.h"
#include "base/limits.h"
#include "harness.h"

using namespace seabag;

namespace {

void read_manifest(std::string_view text, std::string_view file) {
  const auto entries = bagit::parse_manifest(text, std::string(file));
  fuzz::require(entries.size() <= limits::kBagEntries, "entries are bounded");
  for (const bagit::ManifestEntry& entry : entries) {
    const bool is_payload = entry.path.starts_with("data/");
    fuzz::require(is_payload == (file == bagit::kManifestPath), "each path is in its manifest");
    const std::string path = '/' + entry.path + '/';  // "..a" is a name like another
    fuzz::require(path.find("//") == std::string::npos, "none is absolute");
    fuzz::require(path.find("/../") == std::string::npos, "none leads out");
  }
  auto again = bagit::parse_manifest(bagit::write_manifest(entries), std::string(file));
  auto sorted = entries;
  std::ranges::sort(sorted);
  std::ranges::sort(again);
  fuzz::require(again == sorted, "a manifest survives being written");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::text_of(data, size);
  fuzz::accept_or_refuse([&] { read_manifest(text, bagit::kManifestPath); });
  fuzz::accept_or_refuse([&] { read_manifest(text, bagit::kTagManifestPath); });
  fuzz::accept_or_refuse([&] { bagit::require_declaration(text); });
  fuzz::accept_or_refuse([&] {
    const auto info = bagit::parse_bag_info(text);
    const std::string written = bagit::write_bag_info(info);
    fuzz::require(bagit::write_bag_info(bagit::parse_bag_info(written)) == written,
                  "what is written is settled");
  });
  return 0;
}
