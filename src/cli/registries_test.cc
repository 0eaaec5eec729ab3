// SPDX-License-Identifier: Apache-2.0
#include "cli/registries.h"

#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "io/posix_file_system.h"

namespace seabag::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class RegistriesTest : public testing::Test {
 protected:
  RegistriesTest() {
    surroundings_.files = files_.get();
    std::ofstream(password_file_) << "secret\n";
  }

  const std::unique_ptr<io::FileSystem> files_ = io::posix_file_system();
  const std::string password_file_ = testing::TempDir() + "registries_password";
  RegistryOptions options_;
  RegistrySurroundings surroundings_;
};

TEST(AuthFiles, LieWhereContainersAndDockerPutThem) {
  Environment environment;
  environment.home = "/home/me";
  environment.xdg_runtime_dir = "/run/user/1000";
  EXPECT_THAT(auth_files({}, environment),
              ElementsAre("/run/user/1000/containers/auth.json",
                          "/home/me/.config/containers/auth.json", "/home/me/.docker/config.json"));
  environment.xdg_config_home = "/cfg";
  environment.docker_config = "/docker";
  EXPECT_THAT(auth_files({}, environment),
              ElementsAre("/run/user/1000/containers/auth.json", "/cfg/containers/auth.json",
                          "/docker/config.json"));
}

TEST(AuthFiles, DoWithoutAHomeAndARuntimeDirectory) {
  Environment environment;
  environment.user_id = 1000;
  EXPECT_THAT(auth_files({}, environment), ElementsAre("/run/containers/1000/auth.json"));
}

TEST(AuthFiles, AreThoseOfTheUserAloneIfAnyAreNamed) {
  Environment environment;
  environment.home = "/home/me";
  environment.registry_auth_file = "/mine.json";
  EXPECT_THAT(auth_files({}, environment), ElementsAre("/mine.json"));
  RegistryOptions options;
  options.auth_files = {"a.json", "b.json"};
  EXPECT_THAT(auth_files(options, environment), ElementsAre("a.json", "b.json"));
}

TEST_F(RegistriesTest, GiveTheUserToTheOneRegistryOfTheCommandLine) {
  surroundings_.named_registries = {"a.local:5000", "a.local:5000"};
  options_.users = {{"", "me"}};
  options_.password_files = {{"", password_file_}};
  const auto given = credential_sources(options_, surroundings_).given;
  ASSERT_EQ(given.size(), 1U);
  EXPECT_EQ(given.at("a.local:5000").user, "me");
  EXPECT_EQ(given.at("a.local:5000").password, "secret");
}

TEST_F(RegistriesTest, AskWhichRegistryAUserIsForIfThereAreSeveralOrNone) {
  options_.users = {{"", "me"}};
  options_.password_files = {{"", password_file_}};
  for (const auto& named : {std::vector<std::string>{}, {"a", "b"}}) {
    surroundings_.named_registries = named;
    try {
      credential_sources(options_, surroundings_);
      ADD_FAILURE();
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Code::kUsage);
      EXPECT_THAT(error.next_step(), HasSubstr("--user HOST[:PORT]=NAME"));
    }
  }
}

TEST_F(RegistriesTest, RefuseTwoUsersForOneRegistry) {
  surroundings_.named_registries = {"a"};
  options_.users = {{"", "me"}, {"a", "you"}};
  options_.password_files = {{"", password_file_}, {"a", password_file_}};
  EXPECT_THROW(credential_sources(options_, surroundings_), Error);
}

TEST_F(RegistriesTest, RefuseFilesThatDoNotExist) {
  const std::string none = testing::TempDir() + "no_such_file";
  for (std::string RegistryOptions::*const option :
       {&RegistryOptions::ca_file, &RegistryOptions::client_certificate,
        &RegistryOptions::client_key}) {
    RegistryOptions options;
    options.*option = none;
    EXPECT_THROW(http_settings(options, surroundings_), Error);
  }
  options_.auth_files = {none};
  EXPECT_THROW(open_registries(options_, surroundings_, {}), Error);
}

TEST_F(RegistriesTest, GoThroughTheEnvironmentsProxiesOnlyIfToldTo) {
  surroundings_.environment.https_proxy = "http://secure:1";
  surroundings_.environment.http_proxy = "http://plain:1";
  surroundings_.environment.no_proxy = "local";
  EXPECT_EQ(http_settings(options_, surroundings_).https_proxy, "");
  EXPECT_EQ(http_settings(options_, surroundings_).no_proxy, "");
  surroundings_.goes_elsewhere = true;
  EXPECT_EQ(http_settings(options_, surroundings_).https_proxy, "http://secure:1");
  EXPECT_EQ(http_settings(options_, surroundings_).http_proxy, "http://plain:1");
  EXPECT_EQ(http_settings(options_, surroundings_).no_proxy, "local");
  options_.proxy = "http://mine:1";
  EXPECT_EQ(http_settings(options_, surroundings_).https_proxy, "http://mine:1");
  EXPECT_EQ(http_settings(options_, surroundings_).http_proxy, "http://mine:1");
}

TEST_F(RegistriesTest, LogInAtTheProxyThatIsNamed) {
  options_.proxy_user = "us@site";
  options_.proxy_password_file = password_file_;
  options_.proxy = "http://proxy:3128";
  EXPECT_EQ(http_settings(options_, surroundings_).https_proxy,
            "http://us%40site:secret@proxy:3128");
  options_.proxy = "proxy:3128";
  EXPECT_EQ(http_settings(options_, surroundings_).http_proxy, "us%40site:secret@proxy:3128");
}

TEST_F(RegistriesTest, MakeOneRegistryForEachName) {
  options_.plain_http = {"a.local:5000"};
  const auto open = open_registries(options_, surroundings_, {});
  EXPECT_EQ(open("A.local:5000")->url("/v2/").text(), "http://a.local:5000/v2/");
  EXPECT_EQ(open("b.local")->url("/v2/").origin.scheme, "https");
  EXPECT_EQ(open("b.local"), open("b.local"));
  EXPECT_NE(open("b.local"), open("a.local:5000"));
}

}  // namespace
}  // namespace seabag::cli
