// SPDX-License-Identifier: Apache-2.0
// Lists a bundle, and reads one manifest of it.

#include <cstdio>

#include <seabag/bundle.h>

int main(int argc, char** argv) try {
  if (argc != 2) {
    std::fprintf(stderr, "usage: list-bundle BUNDLE\n");
    return 2;
  }
  const seabag::Bundle bundle = seabag::Bundle::open(argv[1]);
  if (const std::string defect = bundle.index_defect(); !defect.empty()) {
    std::fprintf(stderr, "list-bundle: %s; listed is what its payload has\n", defect.c_str());
  }
  for (const seabag::Image& image : bundle.images()) {
    std::size_t manifest_bytes = 0;
    bundle.read_blob(image.digest,
                     [&](std::span<const std::byte> piece) { manifest_bytes += piece.size(); });
    std::printf("%s  %s  %s  %llu bytes, manifest of %zu\n", image.name.c_str(), image.kind.c_str(),
                image.digest.c_str(), static_cast<unsigned long long>(image.size), manifest_bytes);
  }
  std::printf("seal %s\n", bundle.seal().c_str());
  return 0;
} catch (const seabag::BundleError& error) {
  std::fprintf(stderr, "list-bundle: %s\n", error.what());
  return error.exit_status();
}
