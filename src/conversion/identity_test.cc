// SPDX-License-Identifier: Apache-2.0
#include "conversion/identity.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "conversion/destination.h"
#include "conversion/formats.h"

namespace seabag::conversion {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

template <class Work>
std::string refusal_of(Work work) {
  try {
    work();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::kUsage);
    return std::string(error.what()) + " | " + error.next_step();
  }
  return "";
}

std::string complaint(std::string_view key, std::string_view value) {
  return refusal_of([&] {
    Identity identity;
    set_identity(identity, key, value);
  });
}

TEST(Identity, IsEmptyWhereNothingIsGiven) {
  EXPECT_EQ(text_of({}), "");
  EXPECT_EQ(parse_identity(""), Identity{});
}

TEST(Identity, ComesBackFromItsText) {
  const std::string text =
      "adapter=legacyESX,cid=0badcafe,timestamp=2026-11-25T08:00:00Z,"
      "uuid=6b1ff1d4-39a9-4f0c-8d3f-0d7b0e5f9a11";
  const Identity identity = parse_identity(text);
  EXPECT_EQ(identity.adapter, vmdk::Adapter::kLegacyEsx);
  EXPECT_EQ(identity.cid, 0x0BADCAFEU);
  EXPECT_EQ(identity.uuid->front(), std::byte{0x6B});
  EXPECT_EQ(identity.uuid->back(), std::byte{0x11});
  EXPECT_EQ(text_of(identity), text);
}

TEST(Identity, CountsTimeStampsFromTheYear2000) {
  EXPECT_EQ(parse_identity("timestamp=2000-01-01T00:00:42Z").timestamp, 42U);
  EXPECT_EQ(parse_identity("timestamp=2000-01-01T01:00:00+01:00").timestamp, 0U);
  EXPECT_EQ(parse_identity("timestamp=2136-02-07T06:28:15Z").timestamp, 0xFFFFFFFFU);
}

TEST(Identity, TakesCapitalsInNumbers) {
  EXPECT_EQ(text_of(parse_identity("cid=0BADCAFE,uuid=6B1FF1D4-39A9-4F0C-8D3F-0D7B0E5F9A11")),
            "cid=0badcafe,uuid=6b1ff1d4-39a9-4f0c-8d3f-0d7b0e5f9a11");
}

TEST(Identity, SaysWhatIsWrong) {
  EXPECT_THAT(complaint("adapter", "scsi"),
              HasSubstr("one of lsilogic, buslogic, ide, legacyESX, got \"scsi\""));
  for (const char* cid : {"", "1", "0badcafg", "00badcafe", "ffffffff", "FFFFFFFE"}) {
    EXPECT_THAT(complaint("cid", cid), HasSubstr("8 hexadecimal digits")) << cid;
  }
  for (const char* uuid :
       {"", "6b1ff1d439a94f0c8d3f0d7b0e5f9a11", "00000000-0000-0000-0000-000000000000",
        "6b1ff1d4-39a9-4f0c-8d3f-0d7b0e5f9a1g", "6b1ff1d43-9a9-4f0c-8d3f-0d7b0e5f9a11",
        "6b1ff1d4-39a9-4f0c-8d3f-0d7b0e5f9a112"}) {
    EXPECT_THAT(complaint("uuid", uuid), HasSubstr("expected a UUID")) << uuid;
  }
  for (const char* time : {"", "now", "1999-12-31T23:59:59Z", "2136-02-07T06:28:16Z"}) {
    EXPECT_THAT(complaint("timestamp", time), HasSubstr("a time from 2000 to 2135")) << time;
  }
  EXPECT_THAT(refusal_of([] { parse_identity("name=a"); }), HasSubstr("no identifier of a disk"));
}

TEST(Identity, IsRefusedWhereTheFormatHasNoPlaceForIt) {
  const auto refusal = [](OutputFormat format, const char* text) {
    return refusal_of([&] { require_holds(format, parse_identity(text)); });
  };
  constexpr const char* kVmdkOptions = "adapter=ide,cid=0badcafe";
  constexpr const char* kVhdOptions =
      "timestamp=2026-11-25T08:00:00Z,uuid=6b1ff1d4-39a9-4f0c-8d3f-0d7b0e5f9a11";
  for (const auto format : {OutputFormat::kVmdk, OutputFormat::kVmdkSparse, OutputFormat::kVmdkFlat,
                            OutputFormat::kVmdk2Gb}) {
    EXPECT_THAT(refusal(format, kVmdkOptions), IsEmpty());
    EXPECT_THAT(refusal(format, "uuid=6b1ff1d4-39a9-4f0c-8d3f-0d7b0e5f9a11"),
                HasSubstr("leave out uuid=, or pass format=vhd or vhd-fixed"));
  }
  for (const auto format : {OutputFormat::kVhd, OutputFormat::kVhdFixed}) {
    EXPECT_THAT(refusal(format, kVhdOptions), IsEmpty());
    EXPECT_THAT(refusal(format, "cid=0badcafe"),
                HasSubstr("leave out cid=, or pass format=vmdk, vmdk-sparse, vmdk-flat or "));
  }
  EXPECT_THAT(refusal(OutputFormat::kRaw, "adapter=ide"),
              HasSubstr("raw has no place for adapter"));
  EXPECT_THAT(refusal(OutputFormat::kRaw, ""), IsEmpty());
}

TEST(Identity, HasNoTimeStampInTheFutureOfXenServer) {
  const Identity identity = parse_identity("timestamp=2026-11-25T08:00:00Z");
  const UtcTime then = time_of_timestamp(*identity.timestamp);
  for (const auto destination : {Destination::kXenServer, Destination::kIbmClassic}) {
    EXPECT_THAT(refusal_of([&] { require_takes(destination, identity, then); }), IsEmpty());
    EXPECT_THAT(refusal_of([&] { require_takes(destination, identity, {then.seconds - 1}); }),
                HasSubstr("refuses a time stamp in the future, 2026-11-25T08:00:00Z"));
  }
  EXPECT_THAT(refusal_of([&] { require_takes(Destination::kHyperV, identity, {}); }), IsEmpty());
}

}  // namespace
}  // namespace seabag::conversion
