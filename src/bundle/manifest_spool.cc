// SPDX-License-Identifier: Apache-2.0
#include "bundle/manifest_spool.h"

#include <array>

#include "base/error.h"
#include "base/limits.h"

namespace seabag::bundle {
namespace {

constexpr std::uint64_t kLengthBytes = 8;

}  // namespace

ManifestSpool ManifestSpool::create(io::FileSystem& files, const std::string& path) {
  return {files.open(path, io::OpenMode::kCreateNew), 0};
}

ManifestSpool ManifestSpool::reopen(io::FileSystem& files, const std::string& path) {
  auto file = files.open(path, io::OpenMode::kReadWrite);
  const std::uint64_t size = file->size();
  return {std::move(file), size};
}

void ManifestSpool::add(const oci::RawManifest& manifest) {
  io::Bytes record;
  record.reserve(kLengthBytes + manifest.bytes().size());
  for (unsigned shift = 64; shift > 0; shift -= 8) {
    record.push_back(static_cast<std::byte>(manifest.bytes().size() >> (shift - 8)));
  }
  record.insert(record.end(), manifest.bytes().begin(), manifest.bytes().end());
  file_->write_at(end_, record);
  end_ += record.size();
}

void ManifestSpool::clear() {
  file_->resize(0);
  end_ = 0;
}

void ManifestSpool::sync() {
  file_->sync();
}

void ManifestSpool::for_each(const std::function<void(const io::Bytes&)>& visit) const {
  for (std::uint64_t at = 0; end_ - at >= kLengthBytes;) {
    std::array<std::byte, kLengthBytes> head = {};
    file_->read_at(at, head);
    std::uint64_t length = 0;
    for (const std::byte byte : head) {
      length = (length << 8U) | std::to_integer<std::uint64_t>(byte);
    }
    at += kLengthBytes;
    if (length > limits::kManifestBytes || length > end_ - at) return;
    io::Bytes manifest(length);
    file_->read_at(at, manifest);
    at += length;
    visit(manifest);
  }
}

}  // namespace seabag::bundle
