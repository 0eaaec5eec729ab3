// SPDX-License-Identifier: Apache-2.0
#include "registry/credentials.h"

#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "io/posix_file_system.h"
#include "testing/temp_dir.h"

namespace seabag::registry {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// "user:secret" and "other:hidden" in base64.
constexpr const char* kUser = R"({"auth":"dXNlcjpzZWNyZXQ="})";
constexpr const char* kOther = R"({"auth":"b3RoZXI6aGlkZGVu"})";

class FindCredential : public ::testing::Test {
 protected:
  /// Writes an auth file, to be asked after those that were written before.
  std::string write(const std::string& text) {
    const std::string path = folder_ / (std::to_string(sources_.files.size()) + ".json");
    std::ofstream(path) << text;
    sources_.files.push_back(path);
    return path;
  }

  std::optional<Credential> find(const std::string& registry, const std::string& repository = "") {
    return find_credential(sources_, registry, repository, *files_,
                           [this](const auto& helper, const auto& name) {
                             asked_.push_back(helper + " " + name);
                             return helper_answer_;
                           });
  }

  /// "USER:PASSWORD", or "-" for nobody.
  std::string found(const std::string& registry, const std::string& repository = "") {
    const auto credential = find(registry, repository);
    return credential ? credential->user + ":" + credential->password : "-";
  }

  CredentialSources sources_;
  std::optional<std::string> helper_answer_;
  std::vector<std::string> asked_;

 private:
  testing::TempDir folder_;
  std::unique_ptr<io::FileSystem> files_ = io::posix_file_system();
};

TEST_F(FindCredential, FindsNobodyWithoutSources) {
  EXPECT_EQ(found("r.example"), "-");
}

TEST_F(FindCredential, PrefersWhatWasGiven) {
  write(std::string(R"({"auths":{"r.example":)") + kUser + "}}");
  sources_.given["R.example"] = {.user = "me", .password = "mine", .identity_token = ""};
  EXPECT_EQ(found("r.example"), "me:mine");
  EXPECT_EQ(found("r.example:5000"), "-");
}

TEST_F(FindCredential, AsksTheFilesInOrder) {
  sources_.files.push_back("/nonexistent/auth.json");
  write(R"({"auths":{"elsewhere.example":{"auth":"dXNlcjpzZWNyZXQ="}}})");
  write(std::string(R"({"auths":{"r.example":)") + kUser + "}}");
  write(std::string(R"({"auths":{"r.example":)") + kOther + "}}");
  EXPECT_EQ(found("r.example"), "user:secret");
}

TEST_F(FindCredential, FollowsALinkToAFile) {
  const std::string path = write(std::string(R"({"auths":{"r.example":)") + kUser + "}}");
  std::filesystem::create_symlink(path, path + ".link");
  sources_.files = {path + ".link"};
  EXPECT_EQ(found("r.example"), "user:secret");
}

struct KeyCase {
  std::string key;
  std::string registry;
  bool matches;
};

const KeyCase kKeyCases[] = {
    {"r.example:5000", "r.example:5000", true},
    {"r.example:5000/", "r.example:5000", true},
    {"https://r.example:5000", "r.example:5000", true},
    {"https://r.example:5000/v1/", "r.example:5000", true},
    {"https://r.example:5000/v2/", "r.example:5000", true},
    {"https://r.example:5000/v2", "R.EXAMPLE:5000", true},
    {"https://index.docker.io/v1/", "docker.io", true},
    {"https://index.docker.io/v1/", "registry-1.docker.io", true},
    {"docker.io", "index.docker.io", true},
    {"r.example", "r.example:5000", false},
    {"r.example:5000", "r.example", false},
    {"https://r.example/other/", "r.example", false},
    {"r.example/team", "r.example", false},
    {"evil-r.example", "r.example", false},
};

TEST_F(FindCredential, KnowsTheFormsOfKeys) {
  for (const KeyCase& row : kKeyCases) {
    sources_.files.clear();
    write(R"({"auths":{")" + row.key + "\":" + kUser + "}}");
    EXPECT_EQ(found(row.registry), row.matches ? "user:secret" : "-")
        << row.key << " for " << row.registry;
  }
}

TEST_F(FindCredential, TakesTheLongestRepositoryPrefix) {
  write(std::string(R"({"auths":{"r.example":)") + kUser + R"(,"r.example/team/a":)" + kOther +
        "}}");
  EXPECT_EQ(found("r.example", "team/a"), "other:hidden");
  EXPECT_EQ(found("r.example", "team/a/b"), "other:hidden");
  EXPECT_EQ(found("r.example", "team/ab"), "user:secret");
  EXPECT_EQ(found("r.example", "team"), "user:secret");
  EXPECT_EQ(found("r.example"), "user:secret");
}

struct EntryCase {
  std::string entry;
  std::string user;
  std::string password;
  std::string identity_token;
};

const EntryCase kEntryCases[] = {
    {R"({"auth":"dXNlcjphOmI="})", "user", "a:b", ""},
    {R"({"auth":"dXNlcjo=","identitytoken":"tok"})", "user", "", "tok"},
    {R"({"identitytoken":"tok"})", "", "", "tok"},
    {R"({"username":"user","password":"plain"})", "user", "plain", ""},
};

TEST_F(FindCredential, ReadsTheFormsOfEntries) {
  for (const EntryCase& row : kEntryCases) {
    sources_.files.clear();
    write(R"({"auths":{"r.example":)" + row.entry + "}}");
    const auto credential = find("r.example");
    ASSERT_TRUE(credential) << row.entry;
    EXPECT_EQ(credential->user, row.user) << row.entry;
    EXPECT_EQ(credential->password, row.password) << row.entry;
    EXPECT_EQ(credential->identity_token, row.identity_token) << row.entry;
  }
}

TEST_F(FindCredential, AsksTheHelperOfTheHostFirst) {
  write(std::string(R"({"auths":{"r.example":)") + kUser +
        R"(},"credsStore":"all","credHelpers":{"r.example":"one"}})");
  helper_answer_ = R"({"ServerURL":"r.example","Username":"me","Secret":"mine"})";
  EXPECT_EQ(found("r.example"), "me:mine");
  EXPECT_THAT(asked_, ElementsAre("one r.example"));
}

TEST_F(FindCredential, AsksTheStoreForWhatTheFileLacks) {
  write(R"({"auths":{"r.example":{}},"credsStore":"all","credHelpers":{"other.example":"one"}})");
  helper_answer_ = R"({"Username":"me","Secret":"mine"})";
  EXPECT_EQ(found("r.example"), "me:mine");
  EXPECT_THAT(asked_, ElementsAre("all r.example"));
}

TEST_F(FindCredential, AsksHelpersForDockerHubByItsOldName) {
  write(R"({"credsStore":"all"})");
  helper_answer_ = R"({"Username":"<token>","Secret":"tok"})";
  const auto credential = find("docker.io");
  ASSERT_TRUE(credential);
  EXPECT_EQ(credential->identity_token, "tok");
  EXPECT_EQ(credential->user, "");
  EXPECT_THAT(asked_, ElementsAre("all https://index.docker.io/v1/"));
}

TEST_F(FindCredential, GoesOnWhenAHelperHasNothing) {
  write(R"({"credHelpers":{"r.example":"one"},"credsStore":"all"})");
  write(std::string(R"({"auths":{"r.example":)") + kUser + "}}");
  EXPECT_EQ(found("r.example"), "user:secret");
  EXPECT_THAT(asked_, ElementsAre("one r.example", "all r.example"));
}

TEST_F(FindCredential, RefusesAHelperThatAnswersNonsense) {
  write(R"({"credsStore":"all"})");
  helper_answer_ = "secret words";
  try {
    find("r.example");
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::kDenied);
    EXPECT_THAT(error.what(), HasSubstr("docker-credential-all"));
    EXPECT_THAT(error.what(), ::testing::Not(HasSubstr("secret words")));
  }
}

TEST_F(FindCredential, NamesTheFileThatIsWrong) {
  const char* const texts[] = {
      "",
      "{",
      "[]",
      R"({"auths":[]})",
      R"({"auths":{"r.example":"x"}})",
      R"({"auths":{"r.example":{"auth":5}}})",
      R"({"auths":{"r.example":{"auth":"%%%"}}})",
      R"({"auths":{"r.example":{"auth":"bm9jb2xvbg=="}}})",
      R"({"credHelpers":{"r.example":5}})",
      R"({"credHelpers":{"r.example":"../evil"}})",
      R"({"credsStore":"a b"})",
      R"({"credsStore":"a;b"})",
  };
  for (const char* text : texts) {
    sources_.files.clear();
    const std::string path = write(text);
    try {
      find("r.example");
      ADD_FAILURE() << text;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Code::kUsage) << text;
      EXPECT_THAT(error.what(), HasSubstr(path)) << text;
    }
  }
  EXPECT_TRUE(asked_.empty());
}

}  // namespace
}  // namespace seabag::registry
