// SPDX-License-Identifier: Apache-2.0
#include "conversion/open_disk.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/endian.h"
#include "base/text.h"
#include "disk/raw_disk.h"
#include "qcow2/qcow2.h"
#include "vhd/vhd.h"
#include "vhdx/vhdx.h"
#include "vmdk/vmdk.h"

namespace seabag::conversion {
namespace {

struct Ending {
  std::string_view text;
  SourceFormat format;
};

constexpr std::array kEndings = {
    Ending{".raw", SourceFormat::kRaw},    Ending{".img", SourceFormat::kRaw},
    Ending{".dd", SourceFormat::kRaw},     Ending{".qcow2", SourceFormat::kQcow2},
    Ending{".qcow", SourceFormat::kQcow2}, Ending{".vhd", SourceFormat::kVhd},
    Ending{".vpc", SourceFormat::kVhd},    Ending{".vhdx", SourceFormat::kVhdx},
    Ending{".vmdk", SourceFormat::kVmdk}};

struct Magic {
  std::string_view text;
  SourceFormat format;
};

using std::string_view_literals::operator""sv;
constexpr std::array kMagics = {
    Magic{"QFI\xFB"sv, SourceFormat::kQcow2}, Magic{"KDMV"sv, SourceFormat::kVmdk},
    Magic{"COWD"sv, SourceFormat::kVmdk},     Magic{"# Disk DescriptorF"sv, SourceFormat::kVmdk},
    Magic{"vhdxfile"sv, SourceFormat::kVhdx}, Magic{"conectix"sv, SourceFormat::kVhd}};

constexpr std::size_t kFooterBytes = 512;

// Fixed VHDs have their mark at the end alone: the footer's type (offset 60) is 2, and its size
// (offset 48) is that of all before it.
bool has_fixed_vhd_footer(const io::File& file) {
  const std::uint64_t size = file.size();
  if (size < kFooterBytes) return false;
  std::array<std::byte, kFooterBytes> footer = {};
  file.read_at(size - kFooterBytes, footer);
  return io::text_of(footer).starts_with("conectix") &&
         load_big_endian<std::uint32_t>(footer, 60) == 2 &&
         load_big_endian<std::uint64_t>(footer, 48) == size - kFooterBytes;
}

std::optional<SourceFormat> find_marked_format(const io::File& file) {
  std::array<std::byte, 32> head = {};
  file.read_at(0, std::span(head).first(std::min<std::uint64_t>(head.size(), file.size())));
  for (const Magic& magic : kMagics) {
    if (io::text_of(head).starts_with(magic.text)) return magic.format;
  }
  if (has_fixed_vhd_footer(file)) return SourceFormat::kVhd;
  return std::nullopt;
}

std::optional<SourceFormat> find_named_format(const std::string& path) {
  const std::string name = to_lower(path);
  for (const Ending& ending : kEndings) {
    if (name.ends_with(ending.text)) return ending.format;
  }
  return std::nullopt;
}

SourceFormat tell_format(io::FileSystem& files, const io::File& file) {
  // A link to a device is looked at as what it leads to: it has no holes, and its name says
  // nothing.
  const auto info = files.find(file.path());
  auto named = find_named_format(file.path());
  if (!named && info && info->kind != io::FileKind::kRegular) return SourceFormat::kRaw;
  if (!named) {
    throw Error(Code::kUsage, fmt::format("{}: the name does not say in which format the disk is",
                                          seabag::quoted(file.path())))
        .add_next_step(fmt::format("pass --source-format, or source-format= behind the path: {}",
                                   source_format_names()));
  }
  const auto marked = find_marked_format(file);
  if (marked && *marked != *named) {
    throw Error(Code::kUsage,
                fmt::format("{}: the name says {}, the content says {}",
                            seabag::quoted(file.path()), name_of(*named), name_of(*marked)))
        .add_next_step(fmt::format(
            "pass source-format={} behind the path if you know it to be so, or source-format={} if "
            "the guest may have written what it starts or ends with",
            name_of(*marked), name_of(*named)));
  }
  return *named;
}

class PaddedDisk : public disk::DiskSource {
 public:
  PaddedDisk(std::unique_ptr<disk::DiskSource> inner, std::uint64_t size)
      : inner_(std::move(inner)), size_(size) {}

  std::uint64_t size() const override { return size_; }

  void read_at(std::uint64_t offset, std::span<std::byte> out) const override {
    const std::uint64_t inner = inner_->size();
    const auto there = std::min<std::uint64_t>(inner - std::min(offset, inner), out.size());
    if (there > 0) inner_->read_at(offset, out.first(there));
    std::ranges::fill(out.subspan(there), std::byte{0});
  }

  disk::Extent extent_at(std::uint64_t offset) const override {
    if (offset < inner_->size()) return inner_->extent_at(offset);
    return {offset, size_ - offset, false};
  }

  std::optional<disk::StoredRange> stored_at(std::uint64_t offset) const override {
    return offset < inner_->size() ? inner_->stored_at(offset) : std::nullopt;
  }

  std::vector<std::string> warnings() const override { return inner_->warnings(); }

 private:
  std::unique_ptr<disk::DiskSource> inner_;
  std::uint64_t size_;
};

std::unique_ptr<disk::DiskSource> open_as(std::unique_ptr<io::File> file, SourceFormat format,
                                          const OpenSibling& open_sibling) {
  switch (format) {
    case SourceFormat::kRaw:
      return disk::open_raw(std::move(file));
    case SourceFormat::kQcow2:
      return qcow2::open(std::move(file));
    case SourceFormat::kVhd:
      return vhd::open(std::move(file));
    case SourceFormat::kVhdx:
      return vhdx::open(std::move(file));
    case SourceFormat::kVmdk:
      return vmdk::open(std::move(file), open_sibling);
  }
  throw Error(Code::kInternal, "a source format without a reader");
}

}  // namespace

OpenedDisk open_disk(io::FileSystem& files, const std::string& path,
                     std::optional<SourceFormat> format) {
  std::unique_ptr<io::File> file;
  try {
    file = files.open(path, io::OpenMode::kReadDisk);
  } catch (const Error& error) {
    // "Not a bundle" is what a missing file is elsewhere.
    throw Error(error.code() == Code::kNotABundle ? Code::kUsage : error.code(), error.what())
        .add_next_step(error.next_step());
  }
  if (!format) format = tell_format(files, *file);
  const auto open_beside = [&](const std::string& name) {
    return files.open(io::join(io::parent_of(path), name), io::OpenMode::kRead);
  };
  return {.disk = open_disk(std::move(file), *format, open_beside), .format = *format};
}

std::unique_ptr<disk::DiskSource> open_disk(std::unique_ptr<io::File> file, SourceFormat format,
                                            const OpenSibling& open_sibling) {
  const std::string path = file->path();
  auto disk = open_as(std::move(file), format, open_sibling);
  if (disk->size() == 0) {
    throw Error(Code::kUsage, fmt::format("{}: the disk has no bytes", seabag::quoted(path)));
  }
  return disk;
}

std::unique_ptr<disk::DiskSource> pad_disk(std::unique_ptr<disk::DiskSource> inner,
                                           std::uint64_t size) {
  check(size >= inner->size(), "a disk is not made shorter");
  return std::make_unique<PaddedDisk>(std::move(inner), size);
}

}  // namespace seabag::conversion
