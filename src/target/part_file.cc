// SPDX-License-Identifier: Apache-2.0
#include "target/part_file.h"

#include <utility>

#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"

namespace seabag::target {

PartFile::PartFile(io::FileSystem& files, std::string path)
    : files_(files), path_(std::move(path)), part_(path_ + ".part") {
  if (files_.find(part_)) files_.remove_file(part_);
  file_ = files_.open(part_, io::OpenMode::kCreateNew);
  id_ = file_->id();
}

PartFile::~PartFile() {
  if (has_landed_) return;
  try {
    if (files_.identify(part_) == id_) files_.remove_file(part_);
  } catch (const Error&) {
    // Its name says what it is, and the next run makes room. What led here is the error that
    // counts.
    return;
  }
}

std::unique_ptr<io::File> PartFile::open_again() {
  auto again = files_.open(part_, io::OpenMode::kReadWrite);
  require_ours();
  return again;
}

// Another run takes what lies there for what an interrupted one left, and makes its own.
void PartFile::require_ours() const {
  if (files_.identify(part_) == id_) return;
  throw Error(Code::kLocked,
              fmt::format("{} is not the file that was made there any more", seabag::quoted(part_)))
      .add_next_step("another run writes to the same place: run this again when it has ended");
}

void PartFile::land() {
  file_->sync();
  require_ours();  // while it is open: FAT gives a file another inode when it is looked up anew
  file_->close();
  files_.rename(part_, path_);
  has_landed_ = true;
}

}  // namespace seabag::target
