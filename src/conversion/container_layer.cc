// SPDX-License-Identifier: Apache-2.0
#include "conversion/container_layer.h"

#include <algorithm>
#include <iterator>
#include <mutex>
#include <utility>

#include <fmt/format.h>

#include "base/arith.h"
#include "base/error.h"
#include "disk/zeros.h"
#include "tar/header.h"

namespace seabag::conversion {
namespace {

// KubeVirt runs a guest as the user qemu, which is 107 in its images, and mounts what it finds in
// /disk: exactly one file, that this user can read.
constexpr const char* kDiskDirectory = "disk";
constexpr std::uint32_t kQemuUser = 107;
constexpr tar::Attributes kDirectoryAttributes = {.type = '5', .mode = 0555, .owner = kQemuUser};
constexpr tar::Attributes kFileAttributes = {.type = '0', .mode = 0444, .owner = kQemuUser};

// POSIX.1-2017, pax: "at least two 512-octet blocks" of zeros.
constexpr std::size_t kTarEndBytes = 2 * tar::kBlockSize;

io::Bytes tar_headers(const std::string& name, std::uint64_t size) {
  io::Bytes headers = tar::encode_header(kDiskDirectory, 0, kDirectoryAttributes);
  const io::Bytes file =
      tar::encode_header(fmt::format("{}/{}.img", kDiskDirectory, name), size, kFileAttributes);
  headers.insert(headers.end(), file.begin(), file.end());
  return headers;
}

void append(io::Bytes& to, const io::Bytes& bytes) {
  to.insert(to.end(), bytes.begin(), bytes.end());
}

io::Bytes compressed(std::span<const std::byte> bytes) {
  PieceEncoder encoder;
  return encoder.encode(bytes);
}

}  // namespace

void LayerMap::add(std::uint32_t size) {
  const std::uint64_t position = chunks_++ % kGroup;
  if (position == 0) groups_.push_back({.offset = end_, .sizes = {}});
  std::vector<std::uint32_t>& sizes = groups_.back().sizes;
  if (size != zero_size_ && sizes.empty()) {
    sizes.reserve(kGroup);
    sizes.assign(position, zero_size_);
    sizes.push_back(size);
  } else if (!sizes.empty()) {
    sizes.push_back(size);
  }
  end_ += size;
}

LayerMap::Place LayerMap::find(std::uint64_t offset) const {
  const auto after = std::ranges::upper_bound(groups_, offset, {}, &Group::offset);
  check(after != groups_.begin() && offset < end_, "the byte lies in a chunk");
  const auto group = std::prev(after);
  Place place{.chunk = static_cast<std::uint64_t>(group - groups_.begin()) * kGroup,
              .offset = group->offset};
  if (group->sizes.empty()) {
    const std::uint64_t chunks = (offset - place.offset) / zero_size_;
    return {place.chunk + chunks, place.offset + chunks * zero_size_};
  }
  for (const std::uint32_t size : group->sizes) {
    if (offset - place.offset < size) break;
    place.offset += size;
    ++place.chunk;
  }
  return place;
}

ContainerLayerMeasure::ContainerLayerMeasure(const std::string& name, std::uint64_t size,
                                             const std::stop_token& stop)
    : size_(size),
      stop_(stop),
      zeros_(disk::kChunkBytes),
      compressed_zeros_(compressed(zeros_)),
      head_(gzip_header()),
      map_(narrow<std::uint32_t>(compressed_zeros_.size()), 0) {
  const io::Bytes headers = tar_headers(name, size);
  append(head_, compressed(headers));
  add_plain(headers);
  compressed_.update(head_);
  map_ = LayerMap(narrow<std::uint32_t>(compressed_zeros_.size()), head_.size());
}

void ContainerLayerMeasure::add_plain(std::span<const std::byte> bytes) {
  plain_.update(bytes);
  crc_ = crc32(crc_, bytes);
  plain_bytes_ += bytes.size();
}

void ContainerLayerMeasure::add_piece(std::span<const std::byte> plain,
                                      std::span<const std::byte> compressed) {
  if (stop_.stop_requested()) throw Error(Code::kCancelled, "stopped");
  add_plain(plain);
  compressed_.update(compressed);
  map_.add(narrow<std::uint32_t>(compressed.size()));
  next_ += plain.size();
}

// Nothing is compressed for a hole, but the tarball's digest has to have seen its zeros.
void ContainerLayerMeasure::add_zeros_up_to(std::uint64_t offset) {
  while (next_ < offset) {
    const auto length = std::min<std::uint64_t>(disk::kChunkBytes, offset - next_);
    const auto plain = std::span(zeros_).first(length);
    if (length == disk::kChunkBytes) {
      add_piece(plain, compressed_zeros_);
    } else {
      add_piece(plain, compressed(plain));
    }
  }
}

void ContainerLayerMeasure::encode(disk::EncodedChunk& chunk) const {
  chunk.buffer = encoders_.with([&](PieceEncoder& encoder) { return encoder.encode(chunk.data); });
}

void ContainerLayerMeasure::place(disk::EncodedChunk& chunk) {
  add_zeros_up_to(chunk.offset);
  add_piece(chunk.data, chunk.buffer);
}

void ContainerLayerMeasure::finish(const disk::ContentDigest& /*content*/) {
  add_zeros_up_to(size_);
  const io::Bytes end(kTarEndBytes);  // a disk is whole sectors, so the file needs no padding
  add_plain(end);
  tail_ = compressed(end);
  append(tail_, gzip_trailer(crc_, plain_bytes_));
  compressed_.update(tail_);
}

ContainerLayer ContainerLayerMeasure::take_layer() {
  const std::uint64_t size = map_.end() + tail_.size();
  return {.digest = compressed_.finish(),
          .size = size,
          .diff_id = plain_.finish(),
          .head = std::move(head_),
          .map = std::move(map_),
          .tail = std::move(tail_)};
}

struct ContainerLayerSource::Work {
  std::mutex mutex;  // guards what follows
  PieceEncoder encoder;
  io::Bytes plain;
  io::Bytes zero_chunk;  // a whole chunk of zeros, compressed: most of a sparse disk
  LayerMap::Place place;
  io::Bytes piece;  // the chunk at `place`; empty: none yet
};

ContainerLayerSource::ContainerLayerSource(const disk::DiskSource& disk,
                                           const ContainerLayer& layer)
    : disk_(disk), layer_(layer), work_(std::make_unique<Work>()) {
  work_->zero_chunk = work_->encoder.encode(io::Bytes(disk::kChunkBytes));
}

ContainerLayerSource::~ContainerLayerSource() = default;

void ContainerLayerSource::read_at(std::uint64_t offset, std::span<std::byte> out) const {
  check(offset <= layer_.size && out.size() <= layer_.size - offset, "reads stay within the layer");
  while (!out.empty()) {
    const std::size_t done = read_some(offset, out);
    offset += done;
    out = out.subspan(done);
  }
}

std::size_t ContainerLayerSource::read_some(std::uint64_t offset, std::span<std::byte> out) const {
  const auto copy_from = [&](const io::Bytes& bytes, std::uint64_t begin) {
    const auto part = std::span(bytes).subspan(offset - begin);
    const std::size_t length = std::min(part.size(), out.size());
    io::copy_bytes(part.first(length), out);
    return length;
  };
  if (offset < layer_.head.size()) return copy_from(layer_.head, 0);
  if (offset >= layer_.map.end()) return copy_from(layer_.tail, layer_.map.end());

  const std::scoped_lock lock(work_->mutex);
  Work& work = *work_;
  if (work.piece.empty() || offset < work.place.offset ||
      offset - work.place.offset >= work.piece.size()) {
    work.place = layer_.map.find(offset);
    const std::uint64_t at = work.place.chunk * disk::kChunkBytes;
    work.plain.resize(std::min<std::uint64_t>(disk::kChunkBytes, disk_.size() - at));
    const disk::Extent extent = disk_.extent_at(at);
    const bool is_hole = !extent.has_data && extent.length >= work.plain.size();
    if (!is_hole) disk_.read_at(at, work.plain);
    if (work.plain.size() == disk::kChunkBytes && (is_hole || disk::is_zero(work.plain))) {
      work.piece = work.zero_chunk;
    } else {
      if (is_hole) std::ranges::fill(work.plain, std::byte{0});
      work.piece = work.encoder.encode(work.plain);
    }
    if (offset - work.place.offset >= work.piece.size()) {
      work.piece.clear();
      throw Error(Code::kIntegrity, "the disk changed while it was read");
    }
  }
  return copy_from(work.piece, work.place.offset);
}

}  // namespace seabag::conversion
