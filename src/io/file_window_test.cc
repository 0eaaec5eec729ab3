// SPDX-License-Identifier: Apache-2.0
#include "io/file_window.h"

#include <gmock/gmock.h>

#include "base/error.h"
#include "io/copy.h"
#include "io/file_blob.h"
#include "io/memory_sink.h"
#include "io/posix_file_system.h"
#include "testing/temp_dir.h"

namespace seabag::io {
namespace {

/// The code of the Error that `action` throws.
template <class Action>
Code code_of(Action action) {
  try {
    action();
  } catch (const Error& error) {
    return error.code();
  }
  ADD_FAILURE() << "no Error";
  return Code::kInternal;
}

class FileWindowTest : public ::testing::Test {
 protected:
  std::string content() { return std::string(text_of(read_file(*files_, dir_ / "f", 100))); }

  testing::TempDir dir_;
  std::unique_ptr<FileSystem> files_ = posix_file_system();
  std::unique_ptr<File> file_ = [this] {
    auto file = files_->open(dir_ / "f", OpenMode::kCreateNew);
    file->write_at(0, bytes_of("........"));
    return file;
  }();
};

TEST_F(FileWindowTest, WritesItsRangeAndNothingElse) {
  FileWindow window(*file_, 2, 4);
  window.write(bytes_of("ab"));
  window.write({});
  window.write(bytes_of("cd"));
  window.finish();
  EXPECT_EQ(content(), "..abcd..");
}

TEST_F(FileWindowTest, GoesOnBehindWhatLiesThereAlready) {
  FileWindow window(*file_, 2, 4, 3);
  window.write(bytes_of("d"));
  window.finish();
  EXPECT_EQ(content(), ".....d..");
}

TEST_F(FileWindowTest, RefusesToLeaveItsRange) {
  FileWindow window(*file_, 2, 4);
  window.write(bytes_of("abc"));
  EXPECT_EQ(code_of([&] { window.write(bytes_of("de")); }), Code::kInternal);
  EXPECT_EQ(content(), "..abc...");
}

TEST_F(FileWindowTest, RefusesToFinishHalfFull) {
  FileWindow window(*file_, 2, 4);
  window.write(bytes_of("abc"));
  EXPECT_EQ(code_of([&] { window.finish(); }), Code::kInternal);
}

TEST_F(FileWindowTest, RefusesMoreThanFullAtTheStart) {
  EXPECT_EQ(code_of([&] { FileWindow(*file_, 2, 4, 5); }), Code::kInternal);
}

TEST_F(FileWindowTest, TakesNothingIntoAnEmptyRange) {
  FileWindow window(*file_, 8, 0);
  window.finish();
  EXPECT_EQ(code_of([&] { window.write(bytes_of("x")); }), Code::kInternal);
}

TEST_F(FileWindowTest, IsReadBackAsABlob) {
  const FileBlob blob(*file_, 1, 3);
  file_->write_at(1, bytes_of("abc"));
  MemorySink sink(3, "the blob");
  copy_all(blob, sink);
  EXPECT_EQ(text_of(sink.bytes()), "abc");
  MemorySink rest(3, "the rest");
  copy_all(blob, rest, 2);
  EXPECT_EQ(text_of(rest.bytes()), "c");
  Bytes beyond(2);
  EXPECT_EQ(code_of([&] { blob.read_at(2, beyond); }), Code::kInternal);
}

TEST(MemorySinkTest, RefusesMoreThanItsLimit) {
  MemorySink sink(3, "the answer");
  sink.write(bytes_of("abc"));
  EXPECT_EQ(code_of([&] { sink.write(bytes_of("d")); }), Code::kMalformed);
}

TEST(MemoryBlobTest, ReadsAtOffsets) {
  const MemoryBlob blob(bytes_of("abc"));
  Bytes out(2);
  blob.read_at(1, out);
  EXPECT_EQ(text_of(out), "bc");
  blob.read_at(3, std::span(out).first(0));
  EXPECT_EQ(code_of([&] { blob.read_at(2, out); }), Code::kInternal);
}

}  // namespace
}  // namespace seabag::io
