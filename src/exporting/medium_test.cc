// SPDX-License-Identifier: Apache-2.0
#include "exporting/medium.h"

#include <gmock/gmock.h>

#include "exporting/small_export_internal.h"
#include "testing/fault_fs.h"

namespace seabag::exporting {
namespace {

using testing::CrashFs;
using ::testing::ElementsAre;
using testing::FaultFs;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class Warnings : public transfer::NoProgress {
 public:
  void warn(std::string_view text) override { texts.emplace_back(text); }
  std::vector<std::string> texts;
};

class SmallFiles : public ::testing::Test {
 protected:
  static constexpr std::uint64_t kFat32 = 0xFFFF'FFFF;

  SmallFiles() { io::create_directories(medium_, "/fat"); }

  void require(std::uint64_t tarball_size, const std::string& format, std::uint64_t disk_size) {
    bundle::BundlePlan plan;
    plan.tarballs.resize(1);
    plan.tarballs[0].path = "data/images/images.tar";
    plan.tarballs[0].plan.tarball_size = tarball_size;
    const index::DiskInfo disk{.name = "web",
                               .server = "",
                               .position = 0,
                               .boots = false,
                               .format = format,
                               .size = disk_size,
                               .content = "",
                               .files = {},
                               .source = "",
                               .source_format = "raw",
                               .source_size = disk_size,
                               .read_at = {}};
    require_files_fit(files_, "/fat", plan, {disk}, warnings_);
  }

  Error error_of(std::uint64_t tarball_size, const std::string& format, std::uint64_t disk_size) {
    try {
      require(tarball_size, format, disk_size);
    } catch (const Error& error) {
      return error;
    }
    ADD_FAILURE() << "nothing was thrown";
    return {Code::kInternal, ""};
  }

  CrashFs medium_;
  FaultFs files_{medium_};
  Warnings warnings_;
};

TEST_F(SmallFiles, HoldWhatIsNotLarger) {
  files_.limit_files(kFat32);
  EXPECT_NO_THROW(require(kFat32, "raw", kFat32 - 511));
  EXPECT_NO_THROW(require(1, "vmdk-2gb", 1ULL << 40U));
  EXPECT_THAT(warnings_.texts, IsEmpty());
}

TEST_F(SmallFiles, AreToldInNumbersForATarball) {
  files_.limit_files(kFat32);
  const Error error = error_of(kFat32 + 1, "raw", 512);
  EXPECT_EQ(error.code(), Code::kMediumUnfit);
  EXPECT_THAT(error.what(), HasSubstr("data/images/images.tar"));
  EXPECT_THAT(error.what(), HasSubstr("4294967296"));
  EXPECT_THAT(error.what(), HasSubstr("4294967295"));
  EXPECT_THAT(error.next_step(), HasSubstr("--tarball-size 4294967295"));
}

TEST_F(SmallFiles, AreToldForADiskOfAKnownSize) {
  files_.limit_files(kFat32);
  for (const char* format : {"raw", "vhd-fixed", "vmdk-flat"}) {
    const Error error = error_of(1, format, 1ULL << 32U);
    EXPECT_EQ(error.code(), Code::kMediumUnfit) << format;
    EXPECT_THAT(error.next_step(), HasSubstr("vmdk-2gb"));
  }
}

TEST_F(SmallFiles, AreWarnedOfForADiskThatMayGrow) {
  files_.limit_files(kFat32);
  require(1, "vmdk", 1ULL << 32U);
  EXPECT_THAT(warnings_.texts, ElementsAre(HasSubstr("vmdk-2gb")));
}

TEST_F(SmallFiles, LeaveNothingOfAnExportThatWasRefused) {
  CrashFs medium;
  SmallExport::prepare(medium);
  FaultFs files(medium);
  files.limit_files(5000);
  try {
    SmallExport().run(files);
    ADD_FAILURE() << "it went on";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::kMediumUnfit);
  }
  EXPECT_EQ(files.calls(testing::Operation::kReserve), 0);
  EXPECT_FALSE(medium.find(SmallExport::kUnfinished));
}

TEST(LittleSpace, IsWarnedOfInNumbersBeforeDisksAreCopied) {
  CrashFs medium;
  Warnings warnings;
  warn_of_space(medium, "/b.bag", 1ULL << 40U, warnings);
  EXPECT_THAT(warnings.texts, IsEmpty());
  warn_of_space(medium, "/b.bag", (1ULL << 40U) + 1, warnings);
  EXPECT_THAT(warnings.texts, ElementsAre(HasSubstr("1099511627777")));
}

}  // namespace
}  // namespace seabag::exporting
