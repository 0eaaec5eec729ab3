// SPDX-License-Identifier: Apache-2.0
#include "qcow2/qcow2.h"

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"
#include "io/bytes.h"
#include "qcow2/cluster_map_internal.h"
#include "qcow2/decompressor_internal.h"
#include "qcow2/header_internal.h"

namespace seabag::qcow2 {
namespace {

// Table pages that one extent_at() may read: 4096 clusters, 256 MiB of a disk in the usual ones.
constexpr int kExtentPages = 8;

class Qcow2Disk : public disk::DiskSource {
 public:
  explicit Qcow2Disk(std::unique_ptr<io::File> file)
      : file_(std::move(file)),
        file_size_(file_->size()),
        header_(read_header(*file_)),
        map_(*file_, header_) {
    map_.validate();
  }

  std::uint64_t size() const override { return map_.disk_size(); }
  void read_at(std::uint64_t offset, std::span<std::byte> out) const override;
  disk::Extent extent_at(std::uint64_t offset) const override;
  std::optional<disk::StoredRange> stored_at(std::uint64_t offset) const override;
  std::vector<std::string> warnings() const override;

 private:
  // What reading compressed clusters needs, and others do not.
  struct Scratch {
    explicit Scratch(Compression compression) : decompressor(compression) {}
    Decompressor decompressor;
    io::Bytes in;
    io::Bytes cluster;
  };

  void read_plain(std::uint64_t host_offset, std::span<std::byte> out) const;
  void read_compressed(const Run& run, std::span<std::byte> out, Scratch& scratch) const;

  std::unique_ptr<io::File> file_;
  std::uint64_t file_size_;
  Header header_;
  ClusterMap map_;
};

void Qcow2Disk::read_at(std::uint64_t offset, std::span<std::byte> out) const {
  check(offset <= size() && out.size() <= size() - offset, "reads stay within the disk");
  TablePage page;
  std::optional<Scratch> scratch;
  while (!out.empty()) {
    const Run run = map_.run_at(offset, page);
    const auto part = out.first(std::min<std::uint64_t>(run.length, out.size()));
    if (run.storage == Storage::kZeros) {
      std::ranges::fill(part, std::byte{0});
    } else if (run.storage == Storage::kPlain) {
      read_plain(run.host_offset, part);
    } else {
      if (!scratch) scratch.emplace(header_.compression);
      read_compressed(run, part, *scratch);
    }
    offset += part.size();
    out = out.subspan(part.size());
  }
}

// The last cluster may end with the file; what is not there is zeros, as in qemu.
void Qcow2Disk::read_plain(std::uint64_t host_offset, std::span<std::byte> out) const {
  const auto there =
      std::min<std::uint64_t>(file_size_ - std::min(host_offset, file_size_), out.size());
  if (there > 0) file_->read_at(host_offset, out.first(there));
  std::ranges::fill(out.subspan(there), std::byte{0});
}

void Qcow2Disk::read_compressed(const Run& run, std::span<std::byte> out, Scratch& scratch) const {
  const std::uint64_t cluster_bytes = header_.cluster_bytes();
  scratch.in.resize(run.host_length);  // two clusters at most: the entry has no bits for more
  file_->read_at(run.host_offset, scratch.in);
  try {
    if (out.size() == cluster_bytes) {
      scratch.decompressor.decompress(scratch.in, out);
      return;
    }
    scratch.cluster.resize(cluster_bytes);
    scratch.decompressor.decompress(scratch.in, scratch.cluster);
  } catch (Error& error) {
    error.add_context(fmt::format("{}: compressed cluster for {}, {} bytes at {}",
                                  quoted(file_->path()), run.offset - run.offset % cluster_bytes,
                                  run.host_length, run.host_offset));
    throw;
  }
  const auto wanted = std::span(scratch.cluster).subspan(run.offset % cluster_bytes, out.size());
  io::copy_bytes(wanted, out);
}

disk::Extent Qcow2Disk::extent_at(std::uint64_t offset) const {
  TablePage page;
  const Run first = map_.run_at(offset, page);
  disk::Extent extent = {offset, first.length, first.storage != Storage::kZeros};
  for (int pages = 1; offset + extent.length < size();) {
    if (offset + extent.length >= page.end && ++pages > kExtentPages) break;
    const Run next = map_.run_at(offset + extent.length, page);
    if ((next.storage != Storage::kZeros) != extent.has_data) break;
    extent.length += next.length;
  }
  return extent;
}

std::optional<disk::StoredRange> Qcow2Disk::stored_at(std::uint64_t offset) const {
  TablePage page;
  const Run run = map_.run_at(offset, page);
  if (run.storage != Storage::kPlain || run.host_offset >= file_size_) return std::nullopt;
  return disk::StoredRange{file_.get(), run.host_offset,
                           std::min(run.length, file_size_ - run.host_offset)};
}

std::vector<std::string> Qcow2Disk::warnings() const {
  std::vector<std::string> sentences;
  const std::string path = quoted(file_->path());
  if (header_.is_dirty) {
    sentences.push_back(fmt::format(
        "{}: is marked as in use (dirty): whoever wrote it did not close it, and the last writes "
        "may be missing",
        path));
  }
  if (header_.snapshots > 0) {
    sentences.push_back(
        fmt::format("{}: has {} internal snapshot(s): only the active state of the disk is read",
                    path, header_.snapshots));
  }
  if (header_.disk_size != map_.disk_size()) {
    sentences.push_back(fmt::format(
        "{}: {} bytes are no whole number of sectors: the disk is read to the end of its last "
        "sector, {} bytes",
        path, header_.disk_size, map_.disk_size()));
  }
  return sentences;
}

}  // namespace

std::unique_ptr<disk::DiskSource> open(std::unique_ptr<io::File> file) {
  return std::make_unique<Qcow2Disk>(std::move(file));
}

}  // namespace seabag::qcow2
