// SPDX-License-Identifier: Apache-2.0
#include <string>
#include <string_view>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "vhdx/test_disk_internal.h"
#include "vhdx/vhdx.h"

namespace seabag::vhdx {
namespace {

using ::testing::HasSubstr;

constexpr std::string_view kLogGuid = "log GUID of disk";
constexpr std::size_t kLog = TestDisk::kLog;

class VhdxLog : public ::testing::Test {
 protected:
  VhdxLog() { disk_.set_log_guid(kLogGuid); }

  // An entry of two sectors at `offset` in the log.
  void put_entry(std::size_t offset) {
    disk_.put(kLog + offset, "loge");
    disk_.set_u32(kLog + offset + 8, 8192);
    disk_.set_u64(kLog + offset + 16, 7);
    disk_.put(kLog + offset + 32, kLogGuid);
    disk_.put(kLog + offset + 4096, "data");
    disk_.seal(kLog + offset, 8192);
  }
  std::string refusal() {
    try {
      open(disk_.file());
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Code::kUnsupported);
      EXPECT_THAT(error.next_step(), HasSubstr("qemu-img check -r all"));
      return error.what();
    }
    return "";
  }

  TestDisk disk_;
};

TEST_F(VhdxLog, WithAnEntryToReplayIsRefused) {
  put_entry(0);
  EXPECT_THAT(refusal(), HasSubstr("\"a.vhdx\": was not closed: the log has an entry"));
}

TEST_F(VhdxLog, IsSearchedToItsEnd) {
  put_entry(TestDisk::kMiB - 8192);
  EXPECT_THAT(refusal(), HasSubstr("entry to replay at 4186112"));
}

TEST_F(VhdxLog, GoesOnAtItsBeginning) {
  // The second sector of the entry lies at the beginning of the log.
  const std::size_t last = kLog + TestDisk::kMiB - 4096;
  io::Bytes entry(8192);
  std::ranges::copy(io::bytes_of("loge"), entry.begin());
  store_little_endian(std::span(entry), 8, std::uint32_t{8192});
  store_little_endian(std::span(entry), 16, std::uint64_t{7});
  std::ranges::copy(io::bytes_of(kLogGuid), entry.begin() + 32);
  std::ranges::copy(io::bytes_of("data"), entry.begin() + 4096);
  store_little_endian(std::span(entry), 4, crc32c(entry));
  disk_.put(last, io::text_of(std::span(entry).first(4096)));
  disk_.put(kLog, io::text_of(std::span(entry).last(4096)));
  EXPECT_THAT(refusal(), HasSubstr("was not closed"));
}

TEST_F(VhdxLog, OfZerosIsEmpty) {
  EXPECT_EQ(refusal(), "");
}

TEST_F(VhdxLog, WithoutGuidIsEmptyWhateverItHolds) {
  put_entry(0);
  disk_.set_log_guid(std::string(16, '\0'));
  EXPECT_EQ(refusal(), "");
}

TEST_F(VhdxLog, OfAnotherGuidIsEmpty) {
  put_entry(0);
  disk_.set_log_guid("GUID of next log");
  EXPECT_EQ(refusal(), "");
}

TEST_F(VhdxLog, WithATornEntryIsEmpty) {
  put_entry(0);
  disk_.set_u32(kLog + 5000, 1);
  EXPECT_EQ(refusal(), "");
}

// Each sector claims to begin an entry as long as the log.
TEST_F(VhdxLog, CostsNoMoreThanAFewPassesOverIt) {
  for (std::size_t at = kLog; at < kLog + TestDisk::kMiB; at += 4096) {
    disk_.put(at, "loge");
    disk_.set_u32(at + 8, TestDisk::kMiB);
    disk_.set_u64(at + 16, 7);
    disk_.put(at + 32, kLogGuid);
  }
  EXPECT_THAT(refusal(), HasSubstr("overlaps"));
}

TEST_F(VhdxLog, InUseThatIsTooLargeToBeSearchedIsRefused) {
  constexpr std::uint32_t kLogBytes = 65 * TestDisk::kMiB;
  const std::uint64_t offset = disk_.append(std::byte{0}, kLogBytes);
  disk_.set_u32((128U << 10U) + 68, kLogBytes);
  disk_.set_u64((128U << 10U) + 72, offset);
  EXPECT_THAT(refusal(), HasSubstr("a log in use of 68157440 bytes"));
  disk_.set_log_guid(std::string(16, '\0'));
  EXPECT_EQ(refusal(), "");
}

}  // namespace
}  // namespace seabag::vhdx
