// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include <gtest/gtest.h>

#include "bundle/opened.h"
#include "bundle/seal.h"
#include "bundle/unfinished.h"
#include "conversion/copy_disk.h"
#include "conversion/formats.h"
#include "disk/raw_disk.h"
#include "io/posix_file_system.h"
#include "testing/memory_file.h"
#include "testing/temp_dir.h"

/// What the tests of disks in bundles share.
namespace seabag::importing {

class DiskBundles : public ::testing::Test {
 protected:
  testing::TempDir dir_;
  std::unique_ptr<io::FileSystem> files_ = io::posix_file_system();
  std::string path_ = io::join(dir_.path(), "disk.bag");
  transfer::NoProgress quiet_;

  /// Bytes that no format takes for a hole, with a hole of a chunk and a half behind the first.
  static io::Bytes guest_bytes(std::size_t size = (3U << 20U) + 1536, unsigned seed = 1) {
    io::Bytes bytes(size);
    for (std::size_t i = 0; i < size; ++i) {
      const bool is_hole = i >= (1U << 20U) && i < (2U << 20U) + (1U << 19U);
      if (!is_hole) bytes[i] = static_cast<std::byte>(seed + i * 7 + i / 509);
    }
    return bytes;
  }

  static std::unique_ptr<disk::DiskSource> raw_disk(const io::Bytes& bytes) {
    return disk::open_raw(std::make_unique<testing::MemoryFile>(bytes));
  }

  /// A sealed bundle with one disk "web01" of those bytes.
  bundle::OpenedBundle make(const io::Bytes& bytes, conversion::OutputFormat format) {
    bundle::UnfinishedBundle unfinished = bundle::UnfinishedBundle::create(*files_, path_);
    io::create_directories(*files_, unfinished.path("data/disks"));
    index::DiskInfo disk{.name = "web01",
                         .server = {},
                         .format = std::string(conversion::name_of(format)),
                         .size = bytes.size(),
                         .content = {},
                         .files = {},
                         .source = "disk:web01.raw",
                         .source_format = "raw",
                         .source_size = bytes.size(),
                         .read_at = {1700000000}};
    std::vector<index::PayloadFile> payload;
    std::vector<std::unique_ptr<io::File>> made;
    for (const std::string& name : conversion::file_names(format, disk.name, bytes.size())) {
      disk.files.push_back(static_cast<std::uint32_t>(payload.size()));
      payload.push_back({.path = "data/disks/" + name, .size = 0, .sha256 = {}});
      made.push_back(files_->open(unfinished.path(payload.back().path), io::OpenMode::kCreateNew));
    }
    const auto writer = conversion::create_writer(format, std::move(made), bytes.size());
    disk.content =
        conversion::copy_disk(*raw_disk(bytes), writer.get(), {}, quiet_, {}).content.text();
    for (std::size_t i = 0; i < payload.size(); ++i) payload[i].size = writer->files()[i]->size();
    bundle::seal(*files_,
                 {.directory = unfinished.directory(),
                  .index = {.metadata = {{"format-version", bundle::kFormatVersion},
                                         {"created", "2024-01-01T00:00:00Z"}},
                            .files = payload,
                            .locations = {},
                            .content = index::canonical({}),
                            .disks = {disk}},
                  .bag_info = {{"Bagging-Date", "2024-01-01"}}},
                 quiet_, std::stop_token());
    unfinished.publish();
    return bundle::OpenedBundle::open(*files_, path_, std::nullopt);
  }

  std::string in_bundle(const std::string& name) const {
    return io::join(path_, "data/disks/" + name);
  }

  /// Another file at the path of one of the bundle's, as large and with other bytes.
  void swap(const std::string& name) {
    const std::uint64_t size = files_->find(in_bundle(name))->size;
    files_->remove_file(in_bundle(name));
    io::write_new_file(*files_, in_bundle(name), io::Bytes(size, std::byte{0x55}));
  }

  static io::Bytes read(const disk::DiskSource& disk) {
    io::Bytes bytes(disk.size());
    disk.read_at(0, bytes);
    return bytes;
  }
};

}  // namespace seabag::importing
