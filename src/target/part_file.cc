// SPDX-License-Identifier: Apache-2.0
#include "target/part_file.h"

#include <utility>

#include "base/error.h"

namespace seabag::target {

PartFile::PartFile(io::FileSystem& files, std::string path)
    : files_(files), path_(std::move(path)), part_(path_ + ".part") {
  if (files_.find(part_)) files_.remove_file(part_);
  file_ = files_.open(part_, io::OpenMode::kCreateNew);
}

PartFile::~PartFile() {
  if (has_landed_) return;
  file_.reset();
  try {
    files_.remove_file(part_);
  } catch (const Error&) {
    // Its name says what it is, and the next run makes room. What led here is the error that
    // counts.
    return;
  }
}

void PartFile::land() {
  file_->sync();
  file_->close();
  files_.rename(part_, path_);
  has_landed_ = true;
}

}  // namespace seabag::target
