// SPDX-License-Identifier: Apache-2.0
#include "importing/bundle_disk.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"
#include "conversion/open_disk.h"
#include "digest/verifying_sink.h"
#include "io/file_blob.h"
#include "transfer/rate_limit.h"
#include "transfer/stages.h"

namespace seabag::importing {
namespace {

// A handle of the bundle for a reader that wants a file of its own. Only read.
class PayloadHandle : public io::File {
 public:
  explicit PayloadHandle(const io::File& file) : file_(file) {}

  const std::string& path() const override { return file_.path(); }
  std::uint64_t size() const override { return file_.size(); }
  void read_at(std::uint64_t offset, std::span<std::byte> out) const override {
    file_.read_at(offset, out);
  }
  io::FileExtent extent_at(std::uint64_t offset) const override { return file_.extent_at(offset); }
  int descriptor() const override { return file_.descriptor(); }
  void close() override {}  // the bundle does

  void write_at(std::uint64_t /*offset*/, std::span<const std::byte> /*bytes*/) override {
    refuse();
  }
  void resize(std::uint64_t /*size*/) override { refuse(); }
  void reserve(std::uint64_t /*size*/) override { refuse(); }
  void sync() override { refuse(); }

 private:
  [[noreturn]] static void refuse() { throw Error(Code::kInternal, "a bundle is not written to"); }

  const io::File& file_;
};

}  // namespace

conversion::OutputFormat format_of(const index::DiskInfo& disk) {
  const auto format = conversion::find_output_format(disk.format);
  check(format.has_value(), "the index has the formats that there are");
  return *format;
}

const io::File& payload_of(const bundle::OpenedBundle& bundle, std::uint32_t file) {
  const io::File* opened = bundle.payload(file);
  if (opened != nullptr) return *opened;
  throw Error(Code::kIntegrity,
              fmt::format("{} is damaged", seabag::quoted(bundle.index().files[file].path)));
}

void require_checksum(const bundle::OpenedBundle& bundle, std::uint32_t file,
                      const digest::Digest& actual) {
  const index::PayloadFile& info = bundle.index().files[file];
  if (actual.hex() == info.sha256) return;
  throw Error(Code::kIntegrity, fmt::format("{}: expected SHA-256 {}, got {}",
                                            seabag::quoted(info.path), info.sha256, actual.hex()))
      .add_next_step("the bundle is damaged: get this file again from where it was made");
}

digest::Digest checksum_of(const io::File& file, transfer::Progress& progress,
                           const std::stop_token& stop) {
  transfer::RateLimit unlimited(0, stop);
  const io::FileBlob blob(file, 0, file.size());
  return digest::digest_of(transfer::MeteredSource(blob, progress, unlimited));
}

void require_content(const index::DiskInfo& disk, const std::string& actual) {
  if (actual == disk.content) return;
  throw Error(Code::kIntegrity,
              fmt::format("content digest: expected {}, got {}", disk.content, actual));
}

std::unique_ptr<disk::DiskSource> open_bundle_disk(const bundle::OpenedBundle& bundle,
                                                   const index::DiskInfo& disk) {
  const auto open_listed = [&](const std::string& name) -> std::unique_ptr<io::File> {
    for (const std::uint32_t file : disk.files) {
      if (io::base_name_of(bundle.index().files[file].path) != name) continue;
      return std::make_unique<PayloadHandle>(payload_of(bundle, file));
    }
    throw Error(Code::kNotABundle, fmt::format("{} is not among the files of disk {}",
                                               seabag::quoted(name), disk.name));
  };
  // The handle keeps the file that was verified, but not its bytes: who can write to that very file
  // can change them between the two readings. The readers take such bytes as they take any
  // stranger's; that the disk is another is told by its content digest, which every caller compares
  // before what it made gets a name.
  return conversion::open_disk(
      std::make_unique<PayloadHandle>(payload_of(bundle, disk.files.front())),
      conversion::source_format_of(format_of(disk)), open_listed);
}

std::unique_ptr<disk::DiskSource> open_verified_disk(const bundle::OpenedBundle& bundle,
                                                     const index::DiskInfo& disk,
                                                     transfer::Progress& progress,
                                                     const std::stop_token& stop) {
  for (const std::uint32_t file : disk.files) {
    require_checksum(bundle, file, checksum_of(payload_of(bundle, file), progress, stop));
  }
  return open_bundle_disk(bundle, disk);
}

}  // namespace seabag::importing
