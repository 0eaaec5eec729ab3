// SPDX-License-Identifier: Apache-2.0
#include "cli/password.h"

#include <array>
#include <filesystem>
#include <fstream>
#include <string>

#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"

namespace seabag::cli {
namespace {

std::string file_with(const std::string& content) {
  const std::string path = testing::TempDir() + "password";
  std::ofstream(path, std::ios::binary | std::ios::trunc) << content;
  return path;
}

TEST(Password, LosesTheLineEndAndNothingElse) {
  EXPECT_EQ(read_password(file_with("secret")), "secret");
  EXPECT_EQ(read_password(file_with("secret\n")), "secret");
  EXPECT_EQ(read_password(file_with("secret\r\n")), "secret");
  EXPECT_EQ(read_password(file_with(" two words \n\n")), " two words \n");
  EXPECT_EQ(read_password(file_with("{\n\"key\": 1\n}\n")), "{\n\"key\": 1\n}");
}

TEST(Password, IsReadThroughALink) {
  const std::string link = testing::TempDir() + "password_link";
  std::filesystem::remove(link);
  std::filesystem::create_symlink(file_with("secret\n"), link);
  EXPECT_EQ(read_password(link), "secret");
}

TEST(Password, IsReadFromAPipe) {
  std::array<int, 2> pipe{};
  ASSERT_EQ(::pipe(pipe.data()), 0);
  ASSERT_EQ(::write(pipe[1], "secret\n", 7), 7);
  ::close(pipe[1]);
  EXPECT_EQ(read_password("/dev/fd/" + std::to_string(pipe[0])), "secret");
  ::close(pipe[0]);
}

TEST(Password, IsRefusedWhereThereIsNone) {
  const struct {
    std::string path;
    Code code;
  } cases[] = {
      {file_with("\n"), Code::kUsage},
      {testing::TempDir() + "no_such_file", Code::kUsage},
      {testing::TempDir(), Code::kMalformed},
      {"/dev/zero", Code::kMalformed},
  };
  for (const auto& [path, code] : cases) {
    try {
      read_password(path);
      ADD_FAILURE() << path;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), code) << path;
      EXPECT_THAT(error.what(), testing::HasSubstr(path));
    }
  }
}

}  // namespace
}  // namespace seabag::cli
