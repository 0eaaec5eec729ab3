// SPDX-License-Identifier: Apache-2.0
// VMDK descriptor files, in a folder where every name is a file: an empty sparse extent if it
// begins with "s", else zeros.

#include <string>

#include "only_opens.h"
#include "read_disk.h"
#include "vmdk/descriptor.h"
#include "vmdk/header.h"
#include "vmdk/vmdk.h"

using namespace seabag;

namespace {

constexpr std::string_view kFolder = "/disks/";
constexpr std::uint64_t kExtentBytes = 64U << 10U;

io::Bytes extent_named(std::string_view name) {
  io::Bytes file(kExtentBytes);
  if (name.starts_with('s')) {
    const auto header = vmdk::encode_header({.capacity = 1024, .directory_sector = 1});
    std::ranges::copy(header, file.begin());
  }
  return file;
}

// Falls over what is no plain name in the folder.
std::unique_ptr<io::File> open_extent(const std::string& path) {
  fuzz::require(path.starts_with(kFolder), "extents lie beside the descriptor");
  const std::string name = path.substr(kFolder.size());
  fuzz::require(name.find('/') == std::string::npos && name != "." && name != "..",
                "extents lie beside the descriptor");
  return std::make_unique<testing::MemoryFile>(extent_named(name), path);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // The first line is given, so that everything behind it is tried.
  std::string text = "# Disk DescriptorFile\n";
  text += fuzz::text_of(data, size);
  const auto bytes = io::bytes_of(text);
  fuzz::accept_or_refuse([&] {
    fuzz::OnlyOpens files(open_extent);
    const auto disk = vmdk::open(
        files, std::make_unique<testing::MemoryFile>(io::Bytes(bytes.begin(), bytes.end()),
                                                     std::string(kFolder) + "disk.vmdk"));
    fuzz::read_disk(*disk);
    if (text.find('\0') != std::string::npos) return;  // where it ends is the reader's to say
    fuzz::require(disk->size() == vmdk::parse_descriptor(text).sectors() * disk::kSectorBytes,
                  "a disk is as large as its extents");
  });
  return 0;
}
