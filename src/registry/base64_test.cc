// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "registry/base64_internal.h"

namespace seabag::registry {
namespace {

struct Vector {
  std::string bytes;
  std::string text;
};

// RFC 4648 section 10, and the two digits that differ from other alphabets.
const Vector kVectors[] = {
    {"", ""},
    {"f", "Zg=="},
    {"fo", "Zm8="},
    {"foo", "Zm9v"},
    {"foob", "Zm9vYg=="},
    {"fooba", "Zm9vYmE="},
    {"foobar", "Zm9vYmFy"},
    {"\xFB\xFF\xBF", "+/+/"},
};

TEST(Base64, GoesThereAndBack) {
  for (const Vector& vector : kVectors) {
    EXPECT_EQ(to_base64(vector.bytes), vector.text);
    EXPECT_EQ(from_base64(vector.text), vector.bytes) << vector.text;
  }
}

TEST(Base64, MayLackItsPadding) {
  EXPECT_EQ(from_base64("Zg"), "f");
  EXPECT_EQ(from_base64("Zm8"), "fo");
}

TEST(Base64, RefusesOtherText) {
  for (const char* text :
       {"Z", "Zg=", "Zg===", "Zm9v=", "=", "Zg==Zg==", "Zm 9v", "Zm9v\n", "Zm9-", "Zm9_"}) {
    EXPECT_EQ(from_base64(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace seabag::registry
