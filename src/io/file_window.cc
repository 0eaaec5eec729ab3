// SPDX-License-Identifier: Apache-2.0
#include "io/file_window.h"

#include "base/error.h"

namespace seabag::io {

FileWindow::FileWindow(File& file, std::uint64_t offset, std::uint64_t size, std::uint64_t already)
    : file_(file), position_(offset + already), end_(offset + size) {
  check(already <= size, "what lies there is not larger than the window");
}

void FileWindow::write(std::span<const std::byte> chunk) {
  check(chunk.size() <= end_ - position_, "write inside the window");
  file_.write_at(position_, chunk);
  position_ += chunk.size();
}

void FileWindow::finish() {
  check(position_ == end_, "window is full at finish");
}

}  // namespace seabag::io
