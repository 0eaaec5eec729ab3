// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "conversion/gzip_pieces.h"
#include "digest/digest.h"
#include "digest/hasher.h"
#include "disk/disk_source.h"
#include "disk/disk_writer.h"
#include "io/blob_source.h"
#include "vmdk/grain_codec.h"

/// A disk as the layer of a KubeVirt containerDisk, made while it is read and kept nowhere.
/// Source: format-spec/disk.md, "As a container image".
namespace seabag::conversion {

/// Where each piece of a layer begins. Memory: 4 bytes a chunk for each GiB that has data, and 16
/// bytes for each other.
class LayerMap {
 public:
  /// `zero_size`: of a chunk of zeros, compressed; `first`: of what precedes the first chunk.
  LayerMap(std::uint32_t zero_size, std::uint64_t first) : zero_size_(zero_size), end_(first) {}
  /// In the order of the disk.
  void add(std::uint32_t size);
  std::uint64_t end() const { return end_; }  ///< of all chunks so far
  struct Place {
    std::uint64_t chunk = 0;
    std::uint64_t offset = 0;  ///< where it begins
  };
  /// The chunk that holds the byte at `offset`. Requires: it lies in one.
  Place find(std::uint64_t offset) const;

 private:
  static constexpr std::uint64_t kGroup = 1024;
  struct Group {
    std::uint64_t offset = 0;
    std::vector<std::uint32_t> sizes;  ///< empty: all are zero_size_
  };

  std::uint32_t zero_size_;
  std::uint64_t end_;
  std::uint64_t chunks_ = 0;
  std::vector<Group> groups_;
};

/// What is known of a layer when the disk was read once.
struct ContainerLayer {
  digest::Digest digest;   ///< of the layer as it is stored
  std::uint64_t size = 0;  ///< the same
  digest::Digest diff_id;  ///< of the tarball in it
  io::Bytes head;          ///< gzip's header and those of the tarball
  LayerMap map;
  io::Bytes tail;  ///< the tarball's end and gzip's trailer
};

/// Takes the measure of a disk's layer: given to copy_disk() in place of a writer. Has no files.
/// The layer is the same for any number of threads.
///
/// Errors: kCancelled.
class ContainerLayerMeasure : public disk::DiskWriter {
 public:
  /// `name`: the disk is /disk/NAME.img in the image. Errors: kMalformed if that can be no path.
  ContainerLayerMeasure(const std::string& name, std::uint64_t size, const std::stop_token& stop);

  void encode(disk::EncodedChunk& chunk) const override;
  void place(disk::EncodedChunk& chunk) override;
  void finish(const disk::ContentDigest& content) override;
  const std::vector<std::unique_ptr<io::File>>& files() const override { return files_; }

  /// After finish(), once.
  ContainerLayer take_layer();

 private:
  void add_plain(std::span<const std::byte> bytes);
  void add_piece(std::span<const std::byte> plain, std::span<const std::byte> compressed);
  void add_zeros_up_to(std::uint64_t offset);

  std::uint64_t size_;
  const std::stop_token& stop_;
  mutable vmdk::Pool<PieceEncoder> encoders_;
  io::Bytes zeros_;
  io::Bytes compressed_zeros_;
  std::uint64_t next_ = 0;  // of the disk; all before it is in the digests
  std::uint32_t crc_ = 0;
  std::uint64_t plain_bytes_ = 0;
  digest::Hasher plain_;
  digest::Hasher compressed_;
  io::Bytes head_;
  LayerMap map_;
  io::Bytes tail_;
  std::vector<std::unique_ptr<io::File>> files_;  // none
};

/// The bytes of a measured layer, made anew from the disk wherever they are asked for. What is read
/// in order is compressed once. A disk that has changed meanwhile gives other bytes: who reads them
/// holds them against the digest.
///
/// Errors: those of the disk; kIntegrity if a chunk has another compressed size than before.
class ContainerLayerSource : public io::BlobSource {
 public:
  /// Both outlive it.
  ContainerLayerSource(const disk::DiskSource& disk, const ContainerLayer& layer);
  ~ContainerLayerSource() override;
  ContainerLayerSource(const ContainerLayerSource&) = delete;
  ContainerLayerSource& operator=(const ContainerLayerSource&) = delete;

  std::uint64_t size() const override { return layer_.size; }
  void read_at(std::uint64_t offset, std::span<std::byte> out) const override;

 private:
  struct Work;

  std::size_t read_some(std::uint64_t offset, std::span<std::byte> out) const;

  const disk::DiskSource& disk_;
  const ContainerLayer& layer_;
  std::unique_ptr<Work> work_;
};

}  // namespace seabag::conversion
