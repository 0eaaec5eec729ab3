// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <tuple>

#include <fmt/format.h>

#include "base/error.h"
#include "base/limits.h"
#include "base/text.h"
#include "disk/raw_disk.h"
#include "io/bytes.h"
#include "vmdk/descriptor.h"
#include "vmdk/sparse_extent.h"
#include "vmdk/vmdk.h"

namespace seabag::vmdk {
namespace {

// The extents of a disk, one behind the other.
class VmdkDisk : public disk::DiskSource {
 public:
  void add_zeros(std::uint64_t length) { add(nullptr, 0, length); }
  // `offset`: where the part begins in `source`.
  void add(std::unique_ptr<disk::DiskSource> source, std::uint64_t offset, std::uint64_t length) {
    const std::uint64_t begin = size();
    parts_.push_back({begin, begin + length, offset, std::move(source)});
  }
  void warn(const std::string& text) { warnings_.push_back(text); }

  std::uint64_t size() const override { return parts_.empty() ? 0 : parts_.back().end; }

  void read_at(std::uint64_t offset, std::span<std::byte> out) const override {
    check(offset <= size() && out.size() <= size() - offset, "reads stay within the disk");
    for (auto part = part_at(offset); !out.empty(); ++part) {
      const auto there = out.first(std::min<std::uint64_t>(out.size(), part->end - offset));
      if (part->source) {
        part->source->read_at(part->offset + (offset - part->begin), there);
      } else {
        std::ranges::fill(there, std::byte{0});
      }
      offset += there.size();
      out = out.subspan(there.size());
    }
  }

  disk::Extent extent_at(std::uint64_t offset) const override {
    disk::Extent extent = extent_in(*part_at(offset), offset);
    // Holes go on over the ends of extents: a disk may be thousands of empty ones.
    for (auto part = part_at(offset); !extent.has_data; ++part) {
      if (extent.offset + extent.length != part->end || part + 1 == parts_.end()) break;
      const disk::Extent next = extent_in(*(part + 1), part->end);
      if (next.has_data) break;
      extent.length += next.length;
    }
    return extent;
  }

  std::optional<disk::StoredRange> stored_at(std::uint64_t offset) const override {
    const auto part = part_at(offset);
    if (!part->source) return std::nullopt;
    auto stored = part->source->stored_at(part->offset + (offset - part->begin));
    if (stored) stored->length = std::min(stored->length, part->end - offset);
    return stored;
  }

  std::vector<std::string> warnings() const override {
    std::vector<std::string> all = warnings_;
    for (const Part& part : parts_) {
      if (!part.source) continue;
      const auto more = part.source->warnings();
      all.insert(all.end(), more.begin(), more.end());
    }
    return all;
  }

 private:
  struct Part {
    std::uint64_t begin = 0;
    std::uint64_t end = 0;
    std::uint64_t offset = 0;                  // of the begin in `source`
    std::unique_ptr<disk::DiskSource> source;  // nothing: zeros
  };

  std::vector<Part>::const_iterator part_at(std::uint64_t offset) const {
    return std::ranges::upper_bound(parts_, offset, {}, &Part::end);
  }

  static disk::Extent extent_in(const Part& part, std::uint64_t offset) {
    const std::uint64_t length = part.end - offset;
    if (!part.source) return {offset, length, false};
    const disk::Extent extent = part.source->extent_at(part.offset + (offset - part.begin));
    return {offset, std::min(extent.length, length), extent.has_data};
  }

  std::vector<Part> parts_;
  std::vector<std::string> warnings_;
};

Descriptor parse(const std::string& path, std::string_view text) {
  try {
    return parse_descriptor(text);
  } catch (Error& error) {
    error.add_context(quoted(path));
    throw;
  }
}

void require_capacity(VmdkDisk& disk, const std::string& path, std::uint64_t sectors,
                      std::uint64_t capacity) {
  if (capacity < sectors) {
    throw Error(Code::kMalformed,
                fmt::format("{}: header: a capacity of {} sectors, the descriptor says {}",
                            quoted(path), capacity, sectors));
  }
  if (capacity > sectors) {
    // VirtualBox raises the capacity to whole grains, and goes by the descriptor.
    disk.warn(fmt::format("{}: the header says {} sectors, the descriptor {}, which are read",
                          quoted(path), capacity, sectors));
  }
}

// One file with header, descriptor and data.
std::unique_ptr<disk::DiskSource> open_monolithic(std::unique_ptr<io::File> file) {
  const std::string path = file->path();
  std::vector<std::string> warnings;
  const SparseHeader header = read_sparse_header(*file, warnings);
  if (header.descriptor_sectors == 0) {
    throw Error(
        Code::kUnsupported,
        fmt::format("{}: has no descriptor: it is one extent of a split disk", quoted(path)))
        .add_next_step("pass the disk's descriptor file: the same name without -s and the number");
  }
  const Descriptor descriptor = parse(path, read_embedded_descriptor(*file, header));
  if (descriptor.extents.size() != 1 || descriptor.extents.front().type != ExtentType::kSparse ||
      descriptor.extents.front().access == Access::kNoAccess) {
    throw Error(
        Code::kMalformed,
        fmt::format("{}: descriptor: lists {} extents, expected one SPARSE extent: the file "
                    "itself",
                    quoted(path), descriptor.extents.size()));
  }
  auto disk = std::make_unique<VmdkDisk>();
  for (const std::string& warning : warnings) disk->warn(warning);
  const std::uint64_t sectors = descriptor.sectors();
  require_capacity(*disk, path, sectors, header.capacity);
  disk->add(open_sparse_extent(std::move(file), header), 0, sectors * kSectorBytes);
  return disk;
}

// Two lines may lie in one flat file, but not on the same bytes of it: else a small file makes a
// large disk.
void require_disjoint(const std::string& path, const Descriptor& descriptor) {
  std::vector<const ExtentLine*> lines;
  for (const ExtentLine& line : descriptor.extents) {
    if (line.type != ExtentType::kZero) lines.push_back(&line);
  }
  std::ranges::sort(
      lines, {}, [](const ExtentLine* line) { return std::tie(line->file, line->offset_sectors); });
  for (std::size_t i = 1; i < lines.size(); ++i) {
    const ExtentLine& before = *lines[i - 1];
    const ExtentLine& line = *lines[i];
    if (line.file != before.file) continue;
    if (line.type != ExtentType::kFlat || before.type != ExtentType::kFlat ||
        before.offset_sectors + before.sectors > line.offset_sectors) {
      throw Error(Code::kMalformed,
                  fmt::format("{}: descriptor: two extents on the same bytes of {}", quoted(path),
                              quoted(line.file)));
    }
  }
}

// Opens what a descriptor file lists.
class ExtentFiles {
 public:
  ExtentFiles(const OpenExtent& open_extent, std::string descriptor_path, VmdkDisk& disk)
      : open_extent_(open_extent), path_(std::move(descriptor_path)), disk_(disk) {}

  void add(const ExtentLine& line) {
    const std::uint64_t length = line.sectors * kSectorBytes;
    if (line.type == ExtentType::kZero || line.access == Access::kNoAccess) {
      disk_.add_zeros(length);
    } else if (line.type == ExtentType::kSparse) {
      add_sparse(line);
    } else {
      add_flat(line);
    }
  }

 private:
  std::unique_ptr<io::File> open(const std::string& name) {
    try {
      return open_extent_(name);
    } catch (Error& error) {
      if (error.code() != Code::kNotABundle) throw;
      throw Error(Code::kIntegrity, fmt::format("{}: its extent {} is missing: {}", quoted(path_),
                                                quoted(name), error.what()))
          .add_next_step("put all files of the disk into one folder");
    }
  }

  void add_sparse(const ExtentLine& line) {
    auto file = open(line.file);
    const std::string path = file->path();
    std::vector<std::string> warnings;
    const SparseHeader header = read_sparse_header(*file, warnings);
    for (const std::string& warning : warnings) disk_.warn(warning);
    require_capacity(disk_, path, line.sectors, header.capacity);
    disk_.add(open_sparse_extent(std::move(file), header), 0, line.sectors * kSectorBytes);
  }

  void add_flat(const ExtentLine& line) {
    auto file = open(line.file);
    const std::uint64_t offset = line.offset_sectors * kSectorBytes;
    const std::uint64_t length = line.sectors * kSectorBytes;
    if (offset + length > file->size()) {
      throw Error(Code::kMalformed,
                  fmt::format("{}: has {} bytes, the descriptor says {} bytes at {}",
                              quoted(file->path()), file->size(), length, offset))
          .add_next_step("the extent may have been cut off: copy it again");
    }
    disk_.add(disk::open_raw(std::move(file), offset + length), offset, length);
  }

  const OpenExtent& open_extent_;
  std::string path_;
  VmdkDisk& disk_;
};

std::unique_ptr<disk::DiskSource> open_descriptor_file(std::unique_ptr<io::File> file,
                                                       const OpenExtent& open_extent) {
  const std::string path = file->path();
  const std::uint64_t size = file->size();
  if (size > limits::kVmdkDescriptorBytes) {
    throw Error(Code::kUnsupported,
                fmt::format("{}: a descriptor file of {} bytes, expected at most {}", quoted(path),
                            size, limits::kVmdkDescriptorBytes));
  }
  io::Bytes bytes(size);
  file->read_at(0, bytes);
  std::string_view text = io::text_of(bytes);
  // The text ends where a line would begin with NUL: qemu-img fills the sector with zeros, and when
  // it puts a shorter CID in, the last bytes of the longer text stay behind the NUL.
  static constexpr std::string_view kEnd("\n\0", 2);
  text = text.substr(0, text.find(kEnd));
  text = text.substr(0, text.find_last_not_of('\0') + 1);
  const Descriptor descriptor = parse(path, text);
  require_disjoint(path, descriptor);
  auto disk = std::make_unique<VmdkDisk>();
  ExtentFiles extents(open_extent, path, *disk);
  for (const ExtentLine& line : descriptor.extents) extents.add(line);
  return disk;
}

Error unsupported(const io::File& file, const char* what) {
  Error error(Code::kUnsupported, fmt::format("{}: {}", quoted(file.path()), what));
  error.add_next_step("clone the disk into a file of its own with the hypervisor (vmkfstools -i)");
  return error;
}

}  // namespace

std::unique_ptr<disk::DiskSource> open(io::FileSystem& files, std::unique_ptr<io::File> file) {
  const std::string directory = io::parent_of(file->path());
  return open(std::move(file), [&](const std::string& name) {
    return files.open(io::join(directory, name), io::OpenMode::kRead);
  });
}

std::unique_ptr<disk::DiskSource> open(std::unique_ptr<io::File> file,
                                       const OpenExtent& open_extent) {
  io::Bytes begin(std::min<std::uint64_t>(kSignatureBytes, file->size()));
  file->read_at(0, begin);
  switch (signature_of(begin)) {
    case Signature::kSparse:
      return open_monolithic(std::move(file));
    case Signature::kText:
      return open_descriptor_file(std::move(file), open_extent);
    case Signature::kCowd:
      throw unsupported(*file, "an extent of ESX in the format COWD is not read");
    case Signature::kSeSparse:
      throw unsupported(*file, "an extent of ESX in the format seSparse is not read");
    case Signature::kUnknown:
      break;
  }
  throw Error(Code::kMalformed, fmt::format("{}: neither a sparse extent nor a descriptor file",
                                            quoted(file->path())))
      .add_next_step("if the disk has a small .vmdk beside it, that is the one to pass");
}

}  // namespace seabag::vmdk
