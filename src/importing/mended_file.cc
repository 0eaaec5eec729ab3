// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include <fmt/format.h>

#include "base/error.h"
#include "base/limits.h"
#include "digest/hasher.h"
#include "digest/verifying_sink.h"
#include "importing/mended_file_internal.h"
#include "io/file_blob.h"

namespace seabag::importing {
namespace {

// What a file answers where its bytes are gone: it ends before, or the medium cannot read them.
bool is_about_the_bytes(const Error& error) {
  return error.code() == Code::kIntegrity || error.code() == Code::kIo;
}

}  // namespace

FileInRepair::FileInRepair(io::FileSystem& files, std::string path, const io::File& there)
    : files_(&files), path_(std::move(path)), readable_(&there) {}

FileInRepair::FileInRepair(io::File& created) : readable_(&created), writable_(&created) {}

io::File& FileInRepair::writable() {
  if (writable_ == nullptr) {
    opened_ = files_->open(path_, io::OpenMode::kReadWrite);
    writable_ = opened_.get();
    readable_ = opened_.get();
  }
  was_changed_ = true;
  return *writable_;
}

void FileInRepair::fit(std::uint64_t size) {
  if (readable_->size() != size) writable().resize(size);
}

bool FileInRepair::reads_as(std::uint64_t offset, std::span<const std::byte> expected,
                            std::span<std::byte> buffer) const try {
  readable_->read_at(offset, buffer.first(expected.size()));
  return std::equal(expected.begin(), expected.end(), buffer.begin());
} catch (const Error& error) {
  if (!is_about_the_bytes(error)) throw;
  return false;
}

void FileInRepair::put(std::uint64_t offset, const io::BlobSource& bytes,
                       const std::optional<digest::Digest>& digest, const std::stop_token& stop) {
  const auto length =
      static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size(), limits::kBufferBytes));
  io::Bytes good(length);
  io::Bytes there(length);
  digest::Hasher hasher(digest ? digest->algorithm() : digest::Algorithm::kSha256);
  for (std::uint64_t at = 0; at < bytes.size(); at += length) {
    if (stop.stop_requested()) throw Error(Code::kCancelled, "stopped");
    const auto chunk = std::span(good).first(std::min<std::uint64_t>(length, bytes.size() - at));
    bytes.read_at(at, chunk);
    hasher.update(chunk);
    if (reads_as(offset + at, chunk, there)) continue;
    writable().write_at(offset + at, chunk);
    bytes_written_ += chunk.size();
    if (!reads_as(offset + at, chunk, there)) {
      throw Error(Code::kIo, fmt::format("{} bytes at {} do not read back as they were written",
                                         chunk.size(), offset + at))
          .add_next_step(
              "the medium is failing: copy the bundle to another one, and mend the copy");
    }
  }
  if (!digest) return;
  const digest::Digest actual = hasher.finish();
  if (actual == *digest) return;
  throw Error(Code::kIntegrity,
              fmt::format("the patch or copy gave {}, expected {}", actual.text(), digest->text()))
      .add_next_step("its medium is failing: copy it to another one");
}

void FileInRepair::finish() {
  if (writable_ != nullptr) writable_->sync();
  if (opened_) opened_->close();
}

}  // namespace seabag::importing
