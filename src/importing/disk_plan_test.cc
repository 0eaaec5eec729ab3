// SPDX-License-Identifier: Apache-2.0
#include "importing/disk_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "importing/disk_bundle_internal.h"
#include "importing/memory_target_internal.h"

namespace seabag::importing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class PlanDisks : public DiskBundles {
 protected:
  MemoryTarget target_;
  NameOptions names_;
  RestoreOptions restore_;

  DiskPlan plan(const std::string& directory = {}, const std::string& receipt = {}) {
    if (!files_->find(path_)) make(guest_bytes(), conversion::OutputFormat::kVmdkFlat);
    const auto bundle = bundle::OpenedBundle::open(*files_, path_, std::nullopt);
    NamePlan images;
    return plan_disks(
        bundle, images,
        {.names = names_, .restore = restore_, .directory = directory, .receipt = receipt}, target_,
        *files_);
  }

  std::string complaint(const std::string& directory) {
    try {
      plan(directory);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Code::kUsage);
      return error.what();
    }
    ADD_FAILURE() << "no Error";
    return {};
  }
};

TEST_F(PlanDisks, NamesWhatIsWrittenInADirectory) {
  EXPECT_THAT(plan("out").disks.front().paths,
              ElementsAre("out/disks/web01.vmdk", "out/disks/web01-flat.vmdk"));
  restore_.as = conversion::OutputFormat::kRaw;
  EXPECT_THAT(plan("out/").disks.front().paths, ElementsAre("out/disks/web01.raw"));
}

TEST_F(PlanDisks, ReportsWhatTheTargetCannotHave) {
  names_.mappings = {{"disks", "deep"}};
  EXPECT_EQ(plan().disks.front().reference->text(), "deep/web01:20231114T221320Z");
  target_.object_to("deep/web01");
  EXPECT_THAT(plan().problems, ElementsAre("disk web01: too deep"));
}

TEST_F(PlanDisks, ReportsAPlaceThatCannotBe) {
  io::write_new_file(*files_, dir_ / "file", {});
  for (const char* parent : {"none", "file"}) {
    restore_.to = {{"web01", dir_ / parent + "/x"}};
    EXPECT_THAT(plan("out").problems, ElementsAre(HasSubstr("there is no directory"))) << parent;
  }
  restore_.to = {{"web01", dir_ / "x"}};
  EXPECT_THAT(plan("out").problems, IsEmpty());
  restore_.to = {{"web01", "/dev/null"}};
  EXPECT_THAT(plan("out").problems, ElementsAre(HasSubstr("--overwrite-device")));
}

TEST_F(PlanDisks, ReportsThatTheReceiptWouldReplaceADisk) {
  restore_.to = {{"web01", dir_ / "x"}};
  EXPECT_THAT(plan("out", dir_ / "./x").problems,
              ElementsAre(HasSubstr("the receipt and disk web01 would both become")));
}

TEST_F(PlanDisks, RefusesOptionsForDisksThatAreNotPushed) {
  restore_.to = {{"nope", dir_ / "x"}};
  EXPECT_THAT(complaint("out"), HasSubstr("there is no disk \"nope\""));
  restore_.to = {{"web01", dir_ / "x"}};
  names_.except = {"disks/**"};
  EXPECT_THAT(complaint("out"), HasSubstr("not among those"));
}

}  // namespace
}  // namespace seabag::importing
