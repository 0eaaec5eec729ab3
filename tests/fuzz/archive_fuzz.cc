// SPDX-License-Identifier: Apache-2.0
// Any bytes as somebody else's archive: its members, and the images of docker save and of a layout
// in it. What a source says of an image is what its bytes are.

#include "base/limits.h"
#include "digest/verifying_sink.h"
#include "harness.h"
#include "http/client.h"
#include "io/memory_sink.h"
#include "source/docker_archive_source.h"
#include "source/layout_archive.h"
#include "source/layout_source.h"
#include "tar/foreign_archive.h"
#include "temp_file.h"

using namespace seabag;

namespace {

constexpr std::uint64_t kMemberBytes = 1U << 20U;
constexpr int kMembers = 20;

void read_members(const std::string& path) {
  const tar::ForeignArchive archive(path);
  int count = 0;
  archive.for_each_member([&](const std::string& member, std::uint64_t size) {
    fuzz::require(!member.empty() && member.front() != '/', "members have relative paths");
    fuzz::require(archive.contains(member) && archive.size_of(member) == size, "members are there");
    if (size > kMemberBytes || ++count > kMembers) return;
    const io::Bytes whole = archive.read_member(member, kMemberBytes);
    fuzz::require(whole.size() == size, "a member has its size");
    io::MemorySink rest(kMemberBytes, "member");
    archive.read_member(member, size / 2, rest);
    fuzz::require(std::ranges::equal(rest.bytes(), std::span(whole).subspan(size / 2)),
                  "a member reads the same from its middle");
  });
}

void read_blob(source::ImageSource& source, const oci::Reference& name,
               const oci::Descriptor& blob) {
  if (blob.size > kMemberBytes) return;
  io::MemorySink memory(kMemberBytes, "blob");
  digest::VerifyingSink sink(blob.digest, blob.size, memory);
  source.read_blob(name, blob, 0, sink);
}

void read_images(source::ImageSource& source) {
  for (const oci::Reference& repository : source.repositories()) {
    for (const oci::Reference& name : source.references(repository)) {
      fuzz::accept_or_refuse([&] {
        const oci::RawManifest raw = source.manifest(name);
        const oci::Manifest manifest = oci::parse_manifest(raw);
        source.attached(name, raw.digest());
        if (manifest.config) read_blob(source, name, *manifest.config);
        for (const oci::Descriptor& layer : manifest.layers) {
          if (layer.urls.empty()) read_blob(source, name, layer);
        }
      });
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string path = fuzz::file_with(fuzz::bytes_of(data, size));
  fuzz::accept_or_refuse([&] { read_members(path); });
  fuzz::accept_or_refuse([&] {
    source::DockerArchiveSource source("docker-archive:input", path, "");
    read_images(source);
  });
  for (const char* name : {"localhost:5000/library/busybox:1.35", "app", "@0"}) {
    fuzz::accept_or_refuse([&] {
      source::DockerArchiveSource source("docker-archive:input", path, name);
      read_images(source);
      source.answers();
    });
  }
  fuzz::accept_or_refuse([&] {
    source::LayoutSource source("oci-archive:input", source::open_layout_archive(path), "",
                                []() -> std::unique_ptr<http::Client> { __builtin_trap(); });
    read_images(source);
  });
  return 0;
}
