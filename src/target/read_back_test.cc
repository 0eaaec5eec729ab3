// SPDX-License-Identifier: Apache-2.0
#include "target/read_back.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "testing/scripted_registry.h"

namespace seabag::target {
namespace {

using ::testing::HasSubstr;
using testing::Reply;

class ReadBackBlob : public ::testing::Test {  // G5
 protected:
  ReadBackBlob() {
    registry::Access access;
    access.registry = server_.name();
    access.plain_http = true;
    access.http.user_agent = "seabag-test";
    access.http.attempts = 2;
    access.own_origin_only = true;
    access.pause = [](auto, const auto&) {};
    registry_ = std::make_unique<registry::Registry>(std::move(access));
  }
  void read() { read_back_blob(*registry_, "a", blob_); }
  void expect_error(Code code, const std::string& text) {
    try {
      read();
      ADD_FAILURE() << "expected an Error with " << text;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), code) << error.what();
      EXPECT_THAT(error.what(), HasSubstr(text));
    }
  }
  void script(int count, Reply reply) {
    server_.script({.method = "GET", .target = ".*/blobs/.*", .count = count}, std::move(reply));
  }

  testing::ScriptedRegistry server_;
  const std::string bytes_ = std::string(200'000, 'x');
  const oci::Descriptor blob_{"application/octet-stream", server_.add_blob("a", bytes_),
                              bytes_.size()};
  std::unique_ptr<registry::Registry> registry_;
};

TEST_F(ReadBackBlob, IsContentWithTheRightBytes) {
  read();
  EXPECT_EQ(server_.count({.method = "GET"}), 1U);
}

TEST_F(ReadBackBlob, RefusesOtherBytes) {
  for (const std::string& other : {std::string(200'000, 'y'), std::string(199'999, 'x'),
                                   std::string(200'001, 'x'), std::string()}) {
    server_.damage("a", blob_.digest, other);
    expect_error(Code::kIntegrity, "expected");
  }
  server_.remove("a", blob_.digest);
  expect_error(Code::kIntegrity, "not there any more");
}

TEST_F(ReadBackBlob, GoesOnWhereATransferBrokeOff) {
  script(2, {.cut_after = 70'000});
  read();
  EXPECT_EQ(server_.requests().at(1).header("range"), "bytes=70000-");
  EXPECT_EQ(server_.count({.method = "GET"}), 3U);
}

TEST_F(ReadBackBlob, GivesUpATransferThatNeverGetsOn) {
  script(0, {.cut_after = 1});
  expect_error(Code::kUnavailable, "broke off");
  EXPECT_LT(server_.requests().size(), 10U);
}

TEST_F(ReadBackBlob, TakesNoOtherRangeThanItAskedFor) {
  script(1, {.cut_after = 70'000});
  script(1, {.ignore_range = true});
  expect_error(Code::kProtocol, "200");
}

TEST_F(ReadBackBlob, DoesNotReadElsewhere) {
  testing::ScriptedRegistry elsewhere;
  script(1, {.status = 307, .headers = {{"Location", elsewhere.url("/x").text()}}});
  expect_error(Code::kProtocol, "not followed");
  EXPECT_THAT(elsewhere.requests(), ::testing::IsEmpty());
}

}  // namespace
}  // namespace seabag::target
