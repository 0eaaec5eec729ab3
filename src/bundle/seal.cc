// SPDX-License-Identifier: Apache-2.0
#include "bundle/seal.h"

#include <vector>

#include "base/error.h"
#include "digest/verifying_sink.h"
#include "io/file_blob.h"
#include "transfer/rate_limit.h"
#include "transfer/read_ahead.h"
#include "transfer/stages.h"
#include "transfer/workers.h"

namespace seabag::bundle {
namespace {

void take_checksums(io::FileSystem& files, SealRequest& request, transfer::Progress& progress,
                    const std::stop_token& stop) {
  std::vector<BegunChecksum>& checksums = request.begun;
  check(checksums.size() <= request.index.files.size(), "each begun checksum is of a file");
  checksums.resize(request.index.files.size());
  std::uint64_t bytes = 0;
  for (std::size_t i = 0; i < checksums.size(); ++i) {
    check(checksums[i].bytes <= request.index.files[i].size, "it covers no more than the file");
    bytes += request.index.files[i].size - checksums[i].bytes;
  }
  progress.begin("checksums", checksums.size(), bytes);
  transfer::RateLimit unlimited(0, stop);
  transfer::for_each_parallel(checksums.size(), request.jobs, stop, [&](std::size_t i) {
    index::PayloadFile& payload = request.index.files[i];
    auto& [hasher, taken] = checksums[i];
    const auto file = files.open(io::join(request.directory, payload.path), io::OpenMode::kRead);
    check(file->size() == payload.size, "a payload file has its planned size");
    const io::FileBlob rest(*file, taken, payload.size - taken);
    transfer::read_ahead(transfer::MeteredSource(rest, progress, unlimited),
                         [&](std::span<const std::byte> chunk) { hasher.update(chunk); });
    payload.sha256 = hasher.finish().hex();
    progress.item_done(payload.path);
  });
  progress.end();
}

void write_index_file(io::FileSystem& files, const std::string& path, const index::Index& content) {
  if (files.find(path)) files.remove_file(path);
  db::Database database = db::Database::create(files, path);
  index::write_index(database, content);
  database.close();
}

bagit::ManifestEntry write_tag_file(io::FileSystem& files, const std::string& directory,
                                    std::string_view name, const std::string& text) {
  const std::string path = io::join(directory, std::string(name));
  if (files.find(path)) files.remove_file(path);
  io::write_new_file(files, path, io::bytes_of(text));
  return {digest::digest_of(io::bytes_of(text)), std::string(name)};
}

digest::Digest digest_of_file(io::FileSystem& files, const std::string& path) {
  const auto file = files.open(path, io::OpenMode::kRead);
  return digest::digest_of(io::FileBlob(*file, 0, file->size()));
}

}  // namespace

Sealed seal(io::FileSystem& files, SealRequest request, transfer::Progress& progress,
            const std::stop_token& stop) {
  take_checksums(files, request, progress, stop);
  const std::string index_path = io::join(request.directory, index::kIndexFile);
  write_index_file(files, index_path, request.index);

  std::vector<bagit::ManifestEntry> payload;
  std::uint64_t bytes = 0;
  for (const index::PayloadFile& file : request.index.files) {
    payload.push_back({digest::parse_digest("sha256:" + file.sha256), file.path});
    bytes += file.size;
  }
  request.bag_info.emplace_back("Payload-Oxum", bagit::payload_oxum(bytes, payload.size()));

  const auto write = [&](std::string_view name, const std::string& text) {
    return write_tag_file(files, request.directory, name, text);
  };
  std::vector<bagit::ManifestEntry> tags = {{digest_of_file(files, index_path), index::kIndexFile}};
  tags.push_back(write(bagit::kDeclarationPath, bagit::write_declaration()));
  tags.push_back(write(bagit::kBagInfoPath, bagit::write_bag_info(request.bag_info)));
  tags.push_back(write(bagit::kManifestPath, bagit::write_manifest(std::move(payload))));
  const bagit::ManifestEntry sealed =
      write(bagit::kTagManifestPath, bagit::write_manifest(std::move(tags)));
  files.sync_directory(request.directory);
  return {sealed.checksum, std::move(request.index)};
}

}  // namespace seabag::bundle
