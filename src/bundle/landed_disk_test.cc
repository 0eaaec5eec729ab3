// SPDX-License-Identifier: Apache-2.0
#include "bundle/landed_disk.h"

#include <gtest/gtest.h>

#include "io/posix_file_system.h"
#include "testing/temp_dir.h"

namespace seabag::bundle {
namespace {

class LandedDiskFile : public ::testing::Test {
 protected:
  testing::TempDir directory_;
  std::string path_ = directory_ / "web01.landed";
  std::unique_ptr<io::FileSystem> files_ = io::posix_file_system();
  LandedDisk disk_ = {
      .content = "disk-v1:" + std::string(64, 'a'),
      .files = {{"data/disks/web01.vmdk", 700, {}}, {"data/disks/web01-flat.vmdk", 8192, {}}},
      .zeroed = {{4096, 512}}};
};

TEST_F(LandedDiskFile, IsReadBackAsItWasWritten) {
  write_landed_disk(*files_, path_, disk_);
  write_landed_disk(*files_, path_, disk_);
  const auto found = find_landed_disk(*files_, path_);
  ASSERT_TRUE(found.has_value());
  EXPECT_TRUE(*found == disk_);
}

TEST_F(LandedDiskFile, MeansNothingUntilItIsThere) {
  EXPECT_FALSE(find_landed_disk(*files_, path_).has_value());
}

TEST_F(LandedDiskFile, MeansNothingWhenItWasCutOrChangedAnywhere) {
  write_landed_disk(*files_, path_, disk_);
  const io::Bytes whole = io::read_file(*files_, path_, 4096);
  for (std::size_t i = 0; i < whole.size(); ++i) {
    files_->remove_file(path_);
    io::write_new_file(*files_, path_, std::span(whole).first(i));
    EXPECT_FALSE(find_landed_disk(*files_, path_).has_value()) << "cut at " << i;
    io::Bytes changed = whole;
    changed[i] ^= std::byte{1};
    io::replace_file(*files_, path_, changed);
    EXPECT_FALSE(find_landed_disk(*files_, path_).has_value()) << "changed at " << i;
  }
}

}  // namespace
}  // namespace seabag::bundle
