// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"

#include <set>

#include <gtest/gtest.h>

namespace seabag {
namespace {

TEST(Error, ReadsOutermostContextFirst) {
  Error error(Code::kIntegrity, "expected 5 bytes, got 4");
  error.add_context("blob sha256:6c3c").add_context("sending library/nginx:1.25");
  EXPECT_STREQ(error.what(),
               "sending library/nginx:1.25: blob sha256:6c3c: expected 5 bytes, got 4");
  EXPECT_EQ(error.code(), Code::kIntegrity);
}

TEST(Error, KeepsTheInnermostNextStep) {
  Error error(Code::kUsage, "no such file");
  EXPECT_EQ(error.next_step(), "");
  error.add_next_step("name another").add_next_step("try again");
  EXPECT_EQ(error.next_step(), "name another");
}

TEST(Check, PassesWhatIsTrue) {
  EXPECT_NO_THROW(check(true, "the sky is up"));
}

TEST(Check, ThrowsAnInternalErrorForWhatIsFalse) {
  try {
    check(false, "the sky is up");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::kInternal);
    EXPECT_STREQ(error.what(), "bug: the sky is up");
  }
}

TEST(NameOf, GivesEveryCodeItsOwnName) {
  std::set<std::string_view> names;
  for (const Code code :
       {Code::kInternal, Code::kUsage, Code::kPartial, Code::kNotABundle, Code::kLocked,
        Code::kIntegrity, Code::kMalformed, Code::kUnsupported, Code::kDenied, Code::kUnavailable,
        Code::kProtocol, Code::kRefused, Code::kNoSpace, Code::kIo, Code::kPermission,
        Code::kMediumUnfit, Code::kCancelled}) {
    EXPECT_TRUE(names.insert(name_of(code)).second) << name_of(code);
  }
  EXPECT_FALSE(names.contains("unknown"));
}

}  // namespace
}  // namespace seabag
