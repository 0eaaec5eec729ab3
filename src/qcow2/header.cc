// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "base/arith.h"
#include "base/endian.h"
#include "base/error.h"
#include "base/limits.h"
#include "base/text.h"
#include "disk/disk_source.h"
#include "io/bytes.h"
#include "qcow2/header_internal.h"

namespace seabag::qcow2 {
namespace {

constexpr std::uint32_t kMagic = 0x514649FB;  // "QFI" 0xFB
constexpr std::size_t kVersion2Bytes = 72;
constexpr std::size_t kVersion3Bytes = 104;
constexpr std::size_t kCompressionType = 104;     // where that byte lies, if the header is longer
constexpr std::uint32_t kMinClusterBits = 9;      // 512 bytes
constexpr std::uint32_t kMaxClusterBits = 21;     // 2 MiB
constexpr std::uint32_t kExtendedL2MinBits = 14;  // so that each of 32 parts is a sector

enum IncompatibleBit : std::uint64_t {
  kDirty = 1U << 0U,
  kCorrupt = 1U << 1U,
  kDataFile = 1U << 2U,
  kCompressionBit = 1U << 3U,
  kExtendedL2 = 1U << 4U,
};
constexpr std::uint64_t kKnownBits = kDirty | kCorrupt | kDataFile | kCompressionBit | kExtendedL2;

enum ExtensionType : std::uint32_t {
  kEndOfExtensions = 0,
  kDataFileName = 0x44415441,
  kEncryptionHeader = 0x0537BE77,
  kFeatureNames = 0x6803F857,
};

constexpr std::string_view kFlatten =
    "if you trust every file that the image names, make one that stands alone: "
    "qemu-img convert -O qcow2 IMAGE NEW.qcow2";

class HeaderReader {
 public:
  explicit HeaderReader(const io::File& file) : file_(file), file_size_(file.size()) {}

  Header read() {
    load();
    refuse_other_files();
    read_geometry();
    if (header_.version == 3) read_features();
    walk_extensions();
    refuse_unknown_features();
    return header_;
  }

 private:
  struct Extension {
    std::uint32_t type = 0;
    std::uint64_t offset = 0;  // of its data
    std::uint32_t length = 0;
  };

  [[nodiscard]] Error error(Code code, std::string_view text) const {
    return {code, fmt::format("{}: {}", quoted(file_.path()), text)};
  }
  [[nodiscard]] Error malformed(std::string_view text) const {
    return error(Code::kMalformed, text);
  }

  std::uint32_t u32(std::size_t offset) const {
    return load_big_endian<std::uint32_t>(bytes_, offset);
  }
  std::uint64_t u64(std::size_t offset) const {
    return load_big_endian<std::uint64_t>(bytes_, offset);
  }

  void load() {
    const std::size_t there = std::min<std::uint64_t>(bytes_.size(), file_size_);
    file_.read_at(0, std::span(bytes_).first(there));
    if (there < 8 || u32(0) != kMagic) {
      throw malformed("does not begin with the mark of a qcow2 image, \"QFI\\xFB\"");
    }
    header_.version = u32(4);
    if (header_.version != 2 && header_.version != 3) {
      throw error(Code::kUnsupported,
                  fmt::format("qcow2 version {}, this build reads 2 and 3", header_.version))
          .add_next_step("convert it: qemu-img convert -O qcow2 IMAGE NEW.qcow2");
    }
    header_bytes_ = header_.version == 2 ? kVersion2Bytes : kVersion3Bytes;
    if (there < header_bytes_) {
      throw malformed(
          fmt::format("the header has {} bytes, the file only {}", header_bytes_, file_size_));
    }
  }

  void refuse_other_files() const {
    if (const std::uint64_t offset = u64(8); offset != 0) {
      throw error(
          Code::kUnsupported,
          fmt::format("has a backing file (named at {}): it is only what changed since", offset))
          .add_next_step(fmt::format("{}; or in place: qemu-img rebase -b \"\" IMAGE", kFlatten));
    }
    if (const std::uint32_t method = u32(32); method != 0) {
      throw encrypted(fmt::format("encryption method {} ({})", method,
                                  method == 1   ? "AES"
                                  : method == 2 ? "LUKS"
                                                : "unknown"));
    }
  }

  [[nodiscard]] Error encrypted(std::string_view how) const {
    return error(Code::kUnsupported, fmt::format("is encrypted: {}", how))
        .add_next_step(
            "decrypt it: qemu-img convert --object secret,id=key,file=PASSPHRASE --image-opts "
            "driver=qcow2,encrypt.key-secret=key,file.filename=IMAGE -O qcow2 NEW.qcow2");
  }

  void read_geometry() {
    header_.cluster_bits = u32(20);
    if (header_.cluster_bits < kMinClusterBits || header_.cluster_bits > kMaxClusterBits) {
      throw malformed(fmt::format("clusters of 2^{} bytes, expected 2^{} to 2^{}",
                                  header_.cluster_bits, kMinClusterBits, kMaxClusterBits));
    }
    header_.disk_size = u64(24);
    if (header_.disk_size > limits::kQcow2DiskBytes) {
      throw error(Code::kUnsupported, fmt::format("a disk of {} bytes, this build reads up to {}",
                                                  header_.disk_size, limits::kQcow2DiskBytes))
          .add_next_step("make it smaller: qemu-img resize --shrink IMAGE SIZE");
    }
    header_.l1_entries = u32(36);
    header_.l1_offset = u64(40);
    header_.refcount_table_offset = u64(48);
    header_.refcount_table_bytes = std::uint64_t{u32(56)} << header_.cluster_bits;
    header_.snapshots = u32(60);
    if (header_.l1_entries > limits::kQcow2L1Bytes / 8) {
      throw malformed(fmt::format("an L1 table of {} entries, at most {} are sane",
                                  header_.l1_entries, limits::kQcow2L1Bytes / 8));
    }
    if (header_.refcount_table_bytes > limits::kQcow2RefcountTableBytes) {
      throw malformed(fmt::format("a refcount table of {} bytes, at most {} are sane",
                                  header_.refcount_table_bytes, limits::kQcow2RefcountTableBytes));
    }
  }

  void read_features() {
    const std::uint32_t length = u32(100);
    if (length < kVersion3Bytes || length % 8 != 0 || length > header_.cluster_bytes()) {
      throw malformed(fmt::format("header length {}, expected a multiple of 8 from {} to {}",
                                  length, kVersion3Bytes, header_.cluster_bytes()));
    }
    if (length > file_size_) {
      throw malformed(fmt::format("the header has {} bytes, the file only {}", length, file_size_));
    }
    header_bytes_ = length;
    incompatible_ = u64(72);
    if ((incompatible_ & kCorrupt) != 0) {
      throw malformed("is marked as corrupt (incompatible feature bit 1)")
          .add_next_step(
              "repair a copy of it and look at what was lost: qemu-img check -r all COPY");
    }
    if ((incompatible_ & kDataFile) != 0) throw data_file("incompatible feature bit 2");
    header_.is_dirty = (incompatible_ & kDirty) != 0;
    read_compression(length);
    header_.has_extended_l2 = (incompatible_ & kExtendedL2) != 0;
    if (header_.has_extended_l2 && header_.cluster_bits < kExtendedL2MinBits) {
      throw malformed(
          fmt::format("extended L2 entries with clusters of {} bytes, expected {} or more",
                      header_.cluster_bytes(), 1U << kExtendedL2MinBits));
    }
  }

  void read_compression(std::uint32_t length) {
    const auto type =
        length > kCompressionType ? std::to_integer<unsigned>(bytes_[kCompressionType]) : 0U;
    const bool has_bit = (incompatible_ & kCompressionBit) != 0;
    if (has_bit != (type != 0)) {
      throw malformed(fmt::format("compression type {} with incompatible feature bit 3 {}", type,
                                  has_bit ? "set" : "clear"));
    }
    if (type > 1) {
      throw error(Code::kUnsupported,
                  fmt::format("compression type {}, this build reads 0 (zlib) and 1 (zstd)", type))
          .add_next_step("convert it: qemu-img convert -O qcow2 IMAGE NEW.qcow2");
    }
    header_.compression = type == 1 ? Compression::kZstd : Compression::kDeflate;
  }

  [[nodiscard]] Error data_file(std::string_view where) const {
    return error(Code::kUnsupported, fmt::format("keeps its data in another file ({})", where))
        .add_next_step(kFlatten);
  }

  // The extensions lie between the header and the end of the first cluster.
  std::optional<Extension> extension_at(std::uint64_t offset) const {
    const std::uint64_t end = std::min(header_.cluster_bytes(), file_size_);
    std::array<std::byte, 8> head = {};
    if (end - std::min(offset, end) < head.size()) return std::nullopt;
    file_.read_at(offset, head);
    const Extension found = {load_big_endian<std::uint32_t>(head, 0), offset + head.size(),
                             load_big_endian<std::uint32_t>(head, 4)};
    if (found.type == kEndOfExtensions) return std::nullopt;
    if (found.length > end - found.offset) {
      throw malformed(fmt::format("header extension 0x{:08X} at {} has {} bytes, {} are left",
                                  found.type, offset, found.length, end - found.offset));
    }
    return found;
  }

  void walk_extensions() {
    std::uint64_t offset = header_bytes_;
    while (const auto extension = extension_at(offset)) {
      if (extension->type == kDataFileName) {
        throw data_file(fmt::format("header extension at {}", offset));
      }
      if (extension->type == kEncryptionHeader) {
        throw encrypted(fmt::format("LUKS header extension at {}", offset));
      }
      if (extension->type == kFeatureNames && !feature_names_) feature_names_ = extension;
      offset = round_up(extension->offset + extension->length, 8);
    }
  }

  // After the extensions, which may hold the features' names.
  void refuse_unknown_features() const {
    const std::uint64_t unknown = incompatible_ & ~std::uint64_t{kKnownBits};
    if (unknown == 0) return;
    std::string names;
    for (unsigned bit = 0; bit < 64; ++bit) {
      if ((unknown >> bit & 1U) == 0) continue;
      names += fmt::format("{}bit {}{}", names.empty() ? "" : ", ", bit, name_of_feature(bit));
    }
    throw error(Code::kUnsupported,
                fmt::format("needs features that this build does not know: {}", names))
        .add_next_step(
            "convert it with the program that wrote it, to a plain one: qemu-img convert -O qcow2 "
            "-o compat=0.10 IMAGE NEW.qcow2");
  }

  std::string name_of_feature(unsigned bit) const {
    if (!feature_names_) return "";
    std::array<std::byte, 48> entry = {};  // type (0: incompatible), bit, name padded with zeros
    for (std::uint32_t at = 0; at + entry.size() <= feature_names_->length; at += 48) {
      file_.read_at(feature_names_->offset + at, entry);
      if (entry[0] != std::byte{0} || std::to_integer<unsigned>(entry[1]) != bit) continue;
      const std::string_view name = io::text_of(std::span(entry).subspan(2));
      return fmt::format(" ({})", quoted(name.substr(0, name.find('\0'))));
    }
    return "";
  }

  const io::File& file_;
  std::uint64_t file_size_;
  std::array<std::byte, kCompressionType + 1> bytes_ = {};
  std::uint64_t header_bytes_ = 0;
  std::uint64_t incompatible_ = 0;
  std::optional<Extension> feature_names_;
  Header header_;
};

}  // namespace

Header read_header(const io::File& file) {
  return HeaderReader(file).read();
}

}  // namespace seabag::qcow2
