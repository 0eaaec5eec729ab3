// SPDX-License-Identifier: Apache-2.0
// Any two texts as the manifest and the config of a disk that came as an artifact: the first ends
// at a NUL.

#include "harness.h"
#include "importing/disk_layers.h"
#include "index/disks.h"
#include "oci/manifest.h"
#include "oci/media_types.h"

using namespace seabag;

namespace {

void read_artifact(std::span<const std::byte> manifest, std::span<const std::byte> config) {
  const auto raw = oci::verified({manifest.begin(), manifest.end()},
                                 std::string(oci::media_type::kImageManifest), std::nullopt);
  const oci::Manifest parsed = oci::parse_manifest(raw);
  const auto disk = importing::parse_disk_layers(parsed, config);
  fuzz::require(index::is_disk_name(disk.name), "a disk has a plain name");
  std::size_t pieces = 0;
  for (const importing::DiskLayersFile& file : disk.files) {
    std::uint64_t size = 0;
    for (const oci::Descriptor& piece : file.pieces) size += piece.size;
    fuzz::require(size == file.size, "a file is as large as its layers");
    fuzz::require(fuzz::is_harmless(file.name) && file.name.find('/') == std::string::npos,
                  "names lead nowhere");
    fuzz::require(digest::find_digest("sha256:" + file.sha256).has_value(), "files have checksums");
    pieces += file.pieces.size();
  }
  fuzz::require(pieces == parsed.layers.size(), "each layer is of one file");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto input = fuzz::bytes_of(data, size);
  const auto end = static_cast<std::size_t>(std::ranges::find(input, std::byte{0}) - input.begin());
  fuzz::accept_or_refuse(
      [&] { read_artifact(input.first(end), input.subspan(std::min(end + 1, input.size()))); });
  return 0;
}
