// SPDX-License-Identifier: Apache-2.0
// VMDK descriptor files, in a folder where every name is a file.

#include <algorithm>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"
#include "io/bytes.h"
#include "io/file_system.h"
#include "testing/memory_file.h"
#include "vmdk/descriptor.h"
#include "vmdk/vmdk.h"

namespace {

using namespace seabag;

constexpr std::string_view kFolder = "/disks/";
constexpr std::uint64_t kExtentBytes = 64U << 10U;

/// Gives a file for every name, and falls over what is no plain name in the folder.
class AnyFile : public io::FileSystem {
 public:
  std::unique_ptr<io::File> open(const std::string& path, io::OpenMode mode) override {
    if (mode != io::OpenMode::kRead || !path.starts_with(kFolder) ||
        path.find('/', kFolder.size()) != std::string::npos || path.ends_with("/..")) {
      __builtin_trap();
    }
    return std::make_unique<testing::MemoryFile>(io::Bytes(kExtentBytes), path);
  }
  std::optional<io::FileInfo> find(const std::string& /*path*/) override { __builtin_trap(); }
  std::vector<io::DirectoryEntry> list(const std::string& /*path*/) override { __builtin_trap(); }
  void create_directory(const std::string& /*path*/) override { __builtin_trap(); }
  void rename(const std::string& /*from*/, const std::string& /*to*/) override { __builtin_trap(); }
  void remove_file(const std::string& /*path*/) override { __builtin_trap(); }
  void remove_directory(const std::string& /*path*/) override { __builtin_trap(); }
  void sync_directory(const std::string& /*path*/) override { __builtin_trap(); }
  std::uint64_t available_bytes(const std::string& /*path*/) override { __builtin_trap(); }
  std::unique_ptr<io::Lock> try_lock(const std::string& /*path*/) override { __builtin_trap(); }
};

void read_ends(const disk::DiskSource& disk) {
  io::Bytes bytes(std::min<std::uint64_t>(disk.size(), disk::kChunkBytes));
  disk.read_at(0, bytes);
  disk.read_at(disk.size() - bytes.size(), bytes);
  for (std::uint64_t at = 0; at < disk.size();) {
    const disk::Extent extent = disk.extent_at(at);
    if (extent.length == 0 || extent.length > disk.size() - at) __builtin_trap();
    at += extent.length;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // The first line is given, so that everything behind it is tried.
  std::string text = "# Disk DescriptorFile\n";
  text.append(reinterpret_cast<const char*>(data), size);
  try {
    AnyFile files;
    const auto disk =
        vmdk::open(files, std::make_unique<testing::MemoryFile>(
                              io::Bytes(io::bytes_of(text).begin(), io::bytes_of(text).end()),
                              std::string(kFolder) + "disk.vmdk"));
    read_ends(*disk);
    if (disk->size() != vmdk::parse_descriptor(text.substr(0, text.find('\0'))).sectors() * 512) {
      __builtin_trap();
    }
  } catch (const Error& error) {
    if (error.code() == Code::kInternal) __builtin_trap();  // input has reached a check()
  }
  return 0;
}
