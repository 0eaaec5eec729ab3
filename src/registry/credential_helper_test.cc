// SPDX-License-Identifier: Apache-2.0
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <sys/wait.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "registry/credentials.h"
#include "testing/temp_dir.h"

namespace seabag::registry {
namespace {

using ::testing::HasSubstr;

/// Helpers of our own in a folder that the PATH begins with.
class CredentialHelper : public ::testing::Test {
 protected:
  void SetUp() override {
    path_ = ::getenv("PATH");
    ::setenv("PATH", (folder_.path() + ":" + path_).c_str(), 1);
  }

  void TearDown() override {
    // Nothing of ours is left to be waited for.
    EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);
    EXPECT_EQ(errno, ECHILD);
    ::setenv("PATH", path_.c_str(), 1);
  }

  void write(const std::string& helper, const std::string& script) const {
    const std::string path = folder_ / ("docker-credential-" + helper);
    std::ofstream(path) << "#!/bin/sh\n" << script << "\n";
    std::filesystem::permissions(path, std::filesystem::perms::owner_all);
  }

  void expect_denied(const std::string& helper, const std::string& text,
                     std::chrono::milliseconds time_limit = std::chrono::seconds(30)) const {
    try {
      run_credential_helper(time_limit)(helper, "r.example");
      ADD_FAILURE();
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Code::kDenied);
      EXPECT_THAT(error.what(), HasSubstr("docker-credential-" + helper));
      EXPECT_THAT(error.what(), HasSubstr(text));
    }
  }

 private:
  testing::TempDir folder_;
  std::string path_;
};

TEST_F(CredentialHelper, GetsTheRegistryAndGivesItsOutput) {
  write("echo", R"(read -r name; printf '%s|%s|' "$1" "$name"; cat)");
  EXPECT_EQ(run_credential_helper()("echo", "r.example:5000"), "get|r.example:5000|");
}

TEST_F(CredentialHelper, MayHaveNothing) {
  write("none", "echo credentials not found in native keychain; exit 1");
  EXPECT_EQ(run_credential_helper()("none", "r.example"), std::nullopt);
}

TEST_F(CredentialHelper, MayEndWithoutReadingItsInput) {
  write("deaf", "exec <&-; echo '{}'");
  EXPECT_EQ(run_credential_helper()("deaf", "r.example"), "{}\n");
}

TEST_F(CredentialHelper, IsNotRunByAShell) {
  write("plain", "echo \"$#\"");
  EXPECT_EQ(run_credential_helper()("plain", "$(touch evil) `touch evil`"), "1\n");
}

TEST_F(CredentialHelper, FailsWithWhatItSays) {
  write("broken", R"(printf 'no \033[31mkeychain\n'; echo noise >&2; exit 3)");
  expect_denied("broken", R"(failed with exit status 3: "no \x1b[31mkeychain\x0a")");
}

TEST_F(CredentialHelper, FailsWhenASignalEndsIt) {
  write("killed", "kill -9 $$");
  expect_denied("killed", "failed with signal 9");
}

TEST_F(CredentialHelper, IsMissed) {
  expect_denied("not-there", "cannot run");
}

TEST_F(CredentialHelper, IsEndedWhenItSaysTooMuch) {
  write("endless", "exec cat /dev/zero");
  expect_denied("endless", "more than the limit of 1048576 bytes");
}

TEST_F(CredentialHelper, IsEndedWhenItSaysNothing) {
  write("silent", "exec sleep 60");
  expect_denied("silent", "gave no answer in time", std::chrono::milliseconds(40));
}

TEST_F(CredentialHelper, IsEndedWhenItStaysOn) {
  write("lingering", "exec >&-; exec sleep 60");
  expect_denied("lingering", "did not end in time", std::chrono::milliseconds(40));
}

}  // namespace
}  // namespace seabag::registry
