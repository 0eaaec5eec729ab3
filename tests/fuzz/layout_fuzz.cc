// SPDX-License-Identifier: Apache-2.0
// Any text as index.json, oci-layout, and the manifest.json of docker save.

#include "harness.h"
#include "oci/image_layout.h"
#include "source/entry_name.h"

using namespace seabag;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::text_of(data, size);
  fuzz::accept_or_refuse([&] {
    const auto entries = oci::parse_layout_index(text);
    const std::string written = oci::write_layout_index(entries);
    const auto again = oci::parse_layout_index(written);
    fuzz::require(again.size() == entries.size(), "entries survive being written");
    for (std::size_t i = 0; i < entries.size(); ++i) {
      fuzz::require(again[i].name == entries[i].name, "names survive being written");
      fuzz::require(again[i].manifest.digest == entries[i].manifest.digest, "so do digests");
      const auto name = source::reference_of_entry(entries[i].name, "base");
      fuzz::require(oci::is_repository(name.repository), "an entry goes by a name that can be one");
      fuzz::require(name.tag.empty() || oci::is_tag(name.tag), "so it does with a tag");
    }
    fuzz::require(oci::write_layout_index(again) == written, "what is written is settled");
  });
  fuzz::accept_or_refuse([&] { oci::require_layout_version(text); });
  fuzz::accept_or_refuse([&] { oci::parse_docker_manifest(text); });
  return 0;
}
