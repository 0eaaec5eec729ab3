// SPDX-License-Identifier: Apache-2.0
#include "importing/bundle_disk.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "importing/disk_bundle_internal.h"
#include "importing/restore_disks.h"

namespace seabag::importing {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class BundleDisk : public DiskBundles {};

TEST_F(BundleDisk, IsReadFromTheFilesThatWereVerifiedWhateverTheirPathsMeanByThen) {
  for (const auto format : {conversion::OutputFormat::kRaw, conversion::OutputFormat::kVmdkFlat,
                            conversion::OutputFormat::kVmdk2Gb}) {
    const auto bundle = make(guest_bytes(), format);
    const auto& disk = bundle.index().disks.front();
    for (const std::uint32_t file : disk.files) {
      require_checksum(bundle, file, checksum_of(payload_of(bundle, file), quiet_, {}));
      swap(io::base_name_of(bundle.index().files[file].path));
    }
    EXPECT_EQ(read(*open_bundle_disk(bundle, disk)), guest_bytes()) << disk.format;
    EXPECT_THAT(verify_disks(bundle, 2, quiet_, {}), IsEmpty()) << disk.format;
    io::remove_tree(*files_, path_);
  }
}

TEST_F(BundleDisk, IsRestoredFromTheFilesThatWereOpened) {
  const auto bundle = make(guest_bytes(), conversion::OutputFormat::kVmdkFlat);
  swap("web01.vmdk");
  swap("web01-flat.vmdk");
  Receipt receipt{.tool = "test",
                  .bundle = "disk.bag",
                  .seal = bundle.seal(),
                  .target = "dir:",
                  .started = {},
                  .finished = {},
                  .references = {}};
  restore_disks(bundle, *files_, {0}, dir_ / "out", {.as = conversion::OutputFormat::kRaw}, quiet_,
                {}, receipt)
      ->run();
  EXPECT_EQ(receipt.disks.front().outcome, PushOutcome::kPushed) << receipt.disks.front().detail;
  EXPECT_EQ(io::read_file(*files_, dir_ / "out/disks/web01.raw", 1U << 30U), guest_bytes());
}

TEST_F(BundleDisk, TakesNoExtentThatTheIndexDoesNotHaveForIt) {
  // As a bundle has it whose maker lists less than the descriptor names.
  const auto bundle = make(guest_bytes(), conversion::OutputFormat::kVmdkFlat);
  index::DiskInfo disk = bundle.index().disks.front();
  disk.files.pop_back();
  try {
    open_bundle_disk(bundle, disk);
    FAIL() << "the extent lies beside the descriptor, and was opened";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::kIntegrity);
    EXPECT_THAT(error.what(), HasSubstr("is not among the files of disk web01"));
  }
}

// The one change that a handle does not keep out: in the file itself, after it was verified.
TEST_F(BundleDisk, ThatChangesWhileItIsReadIsToldByItsContentDigest) {
  const auto bundle = make(guest_bytes(), conversion::OutputFormat::kRaw);
  const auto& disk = bundle.index().disks.front();
  const auto opened = open_verified_disk(bundle, disk, quiet_, {});
  const auto file = files_->open(in_bundle("web01.raw"), io::OpenMode::kReadWrite);
  file->write_at(4096, io::Bytes(1, std::byte{0xAA}));
  EXPECT_NE(conversion::copy_disk(*opened, nullptr, {}, quiet_, {}).content.text(), disk.content);
  EXPECT_THAT(verify_disks(bundle, 1, quiet_, {}), SizeIs(1));
}

}  // namespace
}  // namespace seabag::importing
