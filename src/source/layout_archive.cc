// SPDX-License-Identifier: Apache-2.0
#include "source/layout_archive.h"

#include "tar/foreign_archive.h"

namespace seabag::source {
namespace {

class LayoutArchive : public LayoutFiles {
 public:
  explicit LayoutArchive(const std::string& path) : archive_(path) {}

  const std::string& path() const override { return archive_.path(); }

  std::optional<std::uint64_t> find_size(const std::string& file) const override {
    if (!archive_.contains(file)) return std::nullopt;
    return archive_.size_of(file);
  }

  io::Bytes read(const std::string& file, std::uint64_t max_bytes) const override {
    return archive_.read_member(file, max_bytes);
  }

  void stream(const std::string& file, std::uint64_t offset, io::ByteSink& sink) const override {
    UnfinishedSink unfinished(sink);
    archive_.read_member(file, offset, unfinished);
  }

 private:
  tar::ForeignArchive archive_;
};

}  // namespace

std::unique_ptr<LayoutFiles> open_layout_archive(const std::string& path) {
  return std::make_unique<LayoutArchive>(path);
}

}  // namespace seabag::source
