// SPDX-License-Identifier: Apache-2.0
#include "importing/container_disk.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "importing/disk_bundle_internal.h"
#include "importing/memory_target_internal.h"

namespace seabag::importing {
namespace {

using ::testing::IsEmpty;
using ::testing::Not;

class ContainerDisk : public DiskBundles {
 protected:
  MemoryTarget target_;

  RestoredDisk push(const bundle::OpenedBundle& bundle) {
    Receipt receipt{.tool = "test",
                    .bundle = "disk.bag",
                    .seal = bundle.seal(),
                    .target = "memory:",
                    .started = {},
                    .finished = {},
                    .references = {}};
    push_container_disks(bundle, {0}, target_, {}, {.jobs = 2}, "amd64", quiet_, {}, receipt)
        ->run();
    return receipt.disks.front();
  }
};

TEST_F(ContainerDisk, IsPushedOnceFromAnyFormat) {
  for (const auto format : {conversion::OutputFormat::kRaw, conversion::OutputFormat::kVhd,
                            conversion::OutputFormat::kVmdkFlat}) {
    const auto bundle = make(guest_bytes(), format);
    const RestoredDisk disk = push(bundle);
    EXPECT_EQ(disk.outcome, format == conversion::OutputFormat::kRaw ? PushOutcome::kPushed
                                                                     : PushOutcome::kAlreadyThere)
        << disk.detail;
    io::remove_tree(*files_, path_);
  }
  EXPECT_THAT(target_.events(), Not(IsEmpty()));
}

TEST_F(ContainerDisk, OfADamagedFileSendsNothing) {
  const auto bundle = make(guest_bytes(), conversion::OutputFormat::kRaw);
  files_->open(in_bundle("web01.raw"), io::OpenMode::kReadWrite)
      ->write_at(100, io::Bytes(1, std::byte{0xAA}));
  const RestoredDisk disk = push(bundle);
  EXPECT_EQ(disk.outcome, PushOutcome::kFailed);
  EXPECT_EQ(disk.code, Code::kIntegrity);
  EXPECT_THAT(target_.events(), IsEmpty());
}

}  // namespace
}  // namespace seabag::importing
