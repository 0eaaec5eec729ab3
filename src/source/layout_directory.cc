// SPDX-License-Identifier: Apache-2.0
#include "source/layout_directory.h"

#include <array>
#include <utility>

#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"
#include "io/copy.h"
#include "io/file_blob.h"

namespace seabag::source {
namespace {

Error not_a_file(const std::string& path, const char* expected) {
  return {Code::kMalformed,
          fmt::format("{} is not {} (links are not followed here)", quoted(path), expected)};
}

class LayoutDirectory : public LayoutFiles {
 public:
  LayoutDirectory(io::FileSystem& files, std::string path) : files_(files), path_(std::move(path)) {
    static constexpr std::array<const char*, 3> kFolders = {"blobs", "blobs/sha256",
                                                            "blobs/sha512"};
    for (const char* folder : kFolders) {
      const auto found = files_.find(io::join(path_, folder));
      if (found && found->kind != io::FileKind::kDirectory) {
        throw not_a_file(io::join(path_, folder), "a directory");
      }
    }
  }

  const std::string& path() const override { return path_; }

  std::optional<std::uint64_t> find_size(const std::string& file) const override {
    const auto found = files_.find(io::join(path_, file));
    if (!found) return std::nullopt;
    if (found->kind != io::FileKind::kRegular) {
      throw not_a_file(io::join(path_, file), "a regular file");
    }
    return found->size;
  }

  io::Bytes read(const std::string& file, std::uint64_t max_bytes) const override {
    return io::read_file(files_, io::join(path_, file), max_bytes);
  }

  void stream(const std::string& file, std::uint64_t offset, io::ByteSink& sink) const override {
    const auto opened = files_.open(io::join(path_, file), io::OpenMode::kRead);
    UnfinishedSink unfinished(sink);
    io::copy_all(io::FileBlob(*opened, 0, opened->size()), unfinished, offset);
  }

 private:
  io::FileSystem& files_;
  std::string path_;
};

}  // namespace

std::unique_ptr<LayoutFiles> open_layout_directory(io::FileSystem& files, const std::string& path) {
  const auto found = files.find(path);
  if (!found) throw Error(Code::kUsage, fmt::format("there is no directory {}", quoted(path)));
  if (found->kind == io::FileKind::kRegular) {
    throw Error(Code::kUsage, fmt::format("{} is a file, expected a directory", quoted(path)))
        .add_next_step("for an archive write oci-archive: or docker-archive: in front");
  }
  return std::make_unique<LayoutDirectory>(files, path);
}

}  // namespace seabag::source
