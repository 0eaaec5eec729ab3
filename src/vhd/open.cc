// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <bit>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "base/error.h"
#include "base/limits.h"
#include "base/text.h"
#include "disk/disk_source.h"
#include "io/bytes.h"
#include "vhd/dynamic_disk.h"
#include "vhd/dynamic_header.h"
#include "vhd/footer.h"
#include "vhd/vhd.h"

namespace seabag::vhd {
namespace {

using disk::kSectorBytes;

struct StoredFooter {
  std::uint64_t offset = 0;
  FooterBytes bytes = {};
  std::optional<std::string> fault;

  bool has_cookie() const { return io::text_of(bytes).starts_with("conectix"); }
};

class FixedDisk : public disk::DiskSource {
 public:
  /// Requires: `file` has `size` bytes and more.
  FixedDisk(std::unique_ptr<io::File> file, std::uint64_t size, std::vector<std::string> warnings)
      : file_(std::move(file)), size_(size), warnings_(std::move(warnings)) {}

  std::uint64_t size() const override { return size_; }

  void read_at(std::uint64_t offset, std::span<std::byte> out) const override {
    check(offset <= size_ && out.size() <= size_ - offset, "reads stay within the disk");
    file_->read_at(offset, out);
  }

  disk::Extent extent_at(std::uint64_t offset) const override {
    const io::FileExtent extent = file_->extent_at(offset);
    return {offset, std::min(extent.length, size_ - offset), extent.is_stored};
  }

  std::optional<disk::StoredRange> stored_at(std::uint64_t offset) const override {
    if (offset >= size_) return std::nullopt;
    return disk::StoredRange{file_.get(), offset, size_ - offset};
  }

  std::vector<std::string> warnings() const override { return warnings_; }

 private:
  std::unique_ptr<io::File> file_;
  std::uint64_t size_;
  std::vector<std::string> warnings_;
};

/// A VHD while it is opened.
class Opening {
 public:
  explicit Opening(std::unique_ptr<io::File> file)
      : file_(std::move(file)), file_size_(file_->size()) {}

  std::unique_ptr<disk::DiskSource> run() {
    read_footers();
    choose_footer();
    require_supported();
    warn_of_state();
    return footer_.type == DiskType::kFixed ? open_fixed() : open_dynamic();
  }

 private:
  Error error(Code code, const std::string& text) const {
    return {code, fmt::format("{}: {}", quoted(file_->path()), text)};
  }
  Error malformed(const std::string& text) const { return error(Code::kMalformed, text); }
  void warn(const std::string& text) {
    warnings_.push_back(fmt::format("{}: {}", quoted(file_->path()), text));
  }

  void read_footers();
  void choose_footer();
  void warn_of_differing_footers();
  void require_supported() const;
  [[noreturn]] void refuse_differencing() const;
  void warn_of_state();
  bool has_dynamic_header_at(std::uint64_t offset) const;
  std::unique_ptr<disk::DiskSource> open_fixed();
  std::unique_ptr<disk::DiskSource> open_dynamic();
  DynamicHeader read_dynamic_header() const;
  void require_supported(const DynamicHeader& header) const;
  void warn_of(const DynamicHeader& header);

  std::unique_ptr<io::File> file_;
  std::uint64_t file_size_;
  StoredFooter head_;
  StoredFooter tail_;
  Footer footer_;  // the one that counts
  std::vector<std::string> warnings_;
};

void Opening::read_footers() {
  // Virtual PC before 2004 wrote footers of 511 bytes; the last one is reserved.
  const std::uint64_t length =
      file_size_ % kSectorBytes == kFooterBytes - 1 ? kFooterBytes - 1 : kFooterBytes;
  if (file_size_ < length) {
    throw malformed(fmt::format("{} bytes, a VHD has a footer of {} alone", file_size_, length));
  }
  tail_.offset = file_size_ - length;
  file_->read_at(tail_.offset, std::span(tail_.bytes).first(length));
  tail_.fault = find_footer_fault(tail_.bytes);
  file_->read_at(0, std::span(head_.bytes).first(length));
  head_.fault = find_footer_fault(head_.bytes);
}

void Opening::choose_footer() {
  if (!tail_.fault) {
    footer_ = decode_footer(tail_.bytes);
    if (footer_.type != DiskType::kFixed) warn_of_differing_footers();
    return;
  }
  if (head_.fault) {
    throw malformed(fmt::format("no VHD footer: at {}: {}; at 0: {}", tail_.offset, *tail_.fault,
                                *head_.fault));
  }
  footer_ = decode_footer(head_.bytes);
  if (footer_.type == DiskType::kFixed) {
    throw malformed(
        fmt::format("no VHD footer: at {}: {}; the one at 0 is of a fixed disk, which "
                    "has it at the end",
                    tail_.offset, *tail_.fault));
  }
  warn(fmt::format("footer at {}: {}; the copy at 0 is used. The file may be cut off", tail_.offset,
                   *tail_.fault));
}

void Opening::warn_of_differing_footers() {
  if (head_.fault) {
    warn(fmt::format("copy of the footer at 0: {}; the footer at {} is used", *head_.fault,
                     tail_.offset));
  } else if (head_.bytes != tail_.bytes) {
    warn(fmt::format("the copy of the footer at 0 differs from the footer at {}, which is used",
                     tail_.offset));
  }
}

void Opening::require_supported() const {
  if (footer_.version >> 16U != 1) {
    throw error(
        Code::kUnsupported,
        fmt::format("footer: version {:#010x}, expected 1.x (0x00010000)", footer_.version));
  }
  if (footer_.type == DiskType::kDifferencing) refuse_differencing();
  if (footer_.type != DiskType::kFixed && footer_.type != DiskType::kDynamic) {
    throw error(Code::kUnsupported,
                fmt::format("footer: disk type {}, expected 2 (fixed) or 3 (dynamic)",
                            static_cast<std::uint32_t>(footer_.type)));
  }
  if (footer_.current_size == 0 || footer_.current_size % kSectorBytes != 0) {
    throw malformed(fmt::format("footer: a disk of {} bytes, expected a multiple of {}, not 0",
                                footer_.current_size, kSectorBytes));
  }
}

void Opening::refuse_differencing() const {
  std::string parent;
  DynamicHeaderBytes bytes = {};
  if (file_size_ >= bytes.size() && footer_.data_offset <= file_size_ - bytes.size()) {
    file_->read_at(footer_.data_offset, bytes);
    if (!find_dynamic_header_fault(bytes)) {
      parent = fmt::format(" {}", quoted(decode_dynamic_header(bytes).parent_name));
    }
  }
  throw error(
      Code::kUnsupported,
      fmt::format("differencing disk (type 4): it has only what differs from its parent{}", parent))
      .add_next_step("merge it into its parent with the program that made it, and pass the result");
}

void Opening::warn_of_state() {
  if ((footer_.features & Footer::kTemporary) != 0) {
    warn("footer: a temporary disk, which its program may delete");
  }
  if (footer_.has_saved_state) {
    warn("footer: a saved state: the guest was not shut down, and its memory is not in this file");
  }
  // Virtual PC and old QEMUs take the geometry for the size. Their files that were made by QEMU
  // have a size that is the geometry's.
  const std::string_view creator(footer_.creator.data(), footer_.creator.size());
  const bool is_by_geometry = creator == "vpc " || creator == "qemu";
  if (is_by_geometry && footer_.geometry != kLargestGeometry &&
      footer_.geometry.bytes() < footer_.current_size) {
    warn(
        fmt::format("footer: creator {}: the disk is read with its size of {} bytes; programs that "
                    "go by the geometry see {}",
                    quoted(creator), footer_.current_size, footer_.geometry.bytes()));
  }
}

bool Opening::has_dynamic_header_at(std::uint64_t offset) const {
  std::array<std::byte, 8> cookie = {};
  if (offset > file_size_ || cookie.size() > file_size_ - offset) return false;
  file_->read_at(offset, cookie);
  return has_dynamic_header_cookie(cookie);
}

std::unique_ptr<disk::DiskSource> Opening::open_fixed() {
  const std::uint64_t size = footer_.current_size;
  if (size > tail_.offset) {
    throw malformed(fmt::format("footer: a fixed disk of {} bytes, only {} come before the footer",
                                size, tail_.offset));
  }
  // A guest can write whatever it likes to its disk, even a VHD. A file whose footers are twins, or
  // whose size is not that of a fixed disk, was not made by a guest.
  if ((size < tail_.offset || head_.bytes == tail_.bytes) && has_dynamic_header_at(kFooterBytes)) {
    throw malformed("footer: a fixed disk (type 2), but there is a dynamic header at 512");
  }
  if (head_.has_cookie()) {
    warn(
        "the content of this fixed disk begins like a VHD: programs that look there first, such as "
        "QEMU, see another disk or none");
  }
  if (size < tail_.offset) {
    warn(fmt::format("{} bytes between the disk's end at {} and the footer are not read",
                     tail_.offset - size, size));
  }
  return std::make_unique<FixedDisk>(std::move(file_), size, std::move(warnings_));
}

DynamicHeader Opening::read_dynamic_header() const {
  const std::uint64_t offset = footer_.data_offset;
  DynamicHeaderBytes bytes = {};
  if (offset % kSectorBytes != 0 || file_size_ < bytes.size() ||
      offset > file_size_ - bytes.size()) {
    throw malformed(
        fmt::format("footer: the dynamic header is at {:#x}, expected a multiple of {} "
                    "within the file's {} bytes",
                    offset, kSectorBytes, file_size_));
  }
  file_->read_at(offset, bytes);
  if (const auto fault = find_dynamic_header_fault(bytes)) {
    throw malformed(fmt::format("dynamic header at {}: {}", offset, *fault));
  }
  return decode_dynamic_header(bytes);
}

void Opening::require_supported(const DynamicHeader& header) const {
  if (header.version != DynamicHeader().version) {
    throw error(Code::kUnsupported,
                fmt::format("dynamic header: version {:#010x}, expected {:#010x}", header.version,
                            DynamicHeader().version));
  }
  if (!std::has_single_bit(header.block_bytes)) {
    throw malformed(fmt::format("dynamic header: blocks of {} bytes, expected a power of two",
                                header.block_bytes));
  }
  if (header.block_bytes < limits::kVhdMinBlockBytes ||
      header.block_bytes > limits::kVhdMaxBlockBytes) {
    throw error(
        Code::kUnsupported,
        fmt::format("dynamic header: blocks of {} bytes, this build reads {} to {}",
                    header.block_bytes, limits::kVhdMinBlockBytes, limits::kVhdMaxBlockBytes));
  }
}

void Opening::warn_of(const DynamicHeader& header) {
  const std::uint64_t blocks = (footer_.current_size - 1) / header.block_bytes + 1;
  if (header.max_table_entries > blocks) {
    warn(
        fmt::format("dynamic header: the BAT has {} entries, the disk {} blocks: the others are "
                    "ignored",
                    header.max_table_entries, blocks));
  }
  if (header.parent_id != UniqueId{}) {
    warn(
        "dynamic header: it has the id of a parent, but the footer says that the disk is whole "
        "(type 3), which is how it is read");
  }
}

std::unique_ptr<disk::DiskSource> Opening::open_dynamic() {
  const std::uint64_t size = footer_.current_size;
  if (size > limits::kVhdDynamicBytes) {
    throw error(Code::kUnsupported, fmt::format("footer: a dynamic disk of {} bytes, the format's "
                                                "programs stop at {} (2040 GiB)",
                                                size, limits::kVhdDynamicBytes));
  }
  const DynamicHeader header = read_dynamic_header();
  require_supported(header);
  warn_of(header);
  // A damaged footer is still none of the blocks.
  const std::uint64_t end = tail_.has_cookie() ? tail_.offset : file_size_;
  return std::make_unique<DynamicDisk>(
      std::move(file_), header, size, end,
      std::vector<BlockTable::Metadata>{
          {0, kFooterBytes, "copy of the footer"},
          {footer_.data_offset, kDynamicHeaderBytes, "dynamic header"}},
      std::move(warnings_));
}

}  // namespace

std::unique_ptr<disk::DiskSource> open(std::unique_ptr<io::File> file) {
  return Opening(std::move(file)).run();
}

}  // namespace seabag::vhd
