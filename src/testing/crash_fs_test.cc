// SPDX-License-Identifier: Apache-2.0
#include "testing/crash_fs.h"

#include <gmock/gmock.h>

#include "base/error.h"

namespace seabag::testing {
namespace {

class PowerLoss : public ::testing::Test {
 protected:
  CrashFs files_;

  void write(const std::string& path, const std::string& text, bool sync) {
    const auto file = files_.open(path, io::OpenMode::kCreateNew);
    file->write_at(0, io::bytes_of(text));
    if (sync) file->sync();
  }
  std::string text(const std::string& path) {
    if (!files_.find(path)) return "(none)";
    return std::string(io::text_of(io::read_file(files_, path, 1U << 20U)));
  }
};

TEST_F(PowerLoss, KeepsWhatWasSyncedUnderANameThatWasSynced) {
  for (const Damage damage : kDamages) {
    CrashFs files;
    io::write_new_file(files, "/f", io::bytes_of("synced"));
    files.sync_directory("/");
    for (std::uint32_t seed = 0; seed < 10; ++seed) {
      files.restart(damage, seed);
      EXPECT_EQ(io::text_of(io::read_file(files, "/f", 100)), "synced") << name_of(damage);
    }
  }
}

TEST_F(PowerLoss, LosesANameThatWasNotSynced) {
  write("/f", "synced", true);
  files_.restart(Damage::kLost, 0);
  EXPECT_EQ(text("/f"), "(none)");
}

TEST_F(PowerLoss, LosesBytesThatWereNotSynced) {
  write("/f", "not synced", false);
  files_.sync_directory("/");
  files_.restart(Damage::kLost, 0);
  EXPECT_EQ(text("/f"), "");
}

TEST_F(PowerLoss, BringsBackAFileWhoseRemovalWasNotSynced) {
  write("/f", "synced", true);
  files_.sync_directory("/");
  files_.remove_file("/f");
  files_.restart(Damage::kLost, 0);
  EXPECT_EQ(text("/f"), "synced");
}

TEST_F(PowerLoss, MayKeepARenameWithoutTheBytes) {
  write("/f.part", "not synced", false);
  files_.rename("/f.part", "/f");
  files_.restart(Damage::kReordered, 0);
  EXPECT_EQ(text("/f"), "");
  EXPECT_EQ(text("/f.part"), "(none)");
}

TEST_F(PowerLoss, MayKeepTheBytesWithoutTheRename) {
  write("/f.part", "old", true);
  files_.sync_directory("/");
  files_.open("/f.part", io::OpenMode::kReadWrite)->write_at(0, io::bytes_of("new"));
  files_.rename("/f.part", "/f");
  files_.restart(Damage::kReordered, 1);
  EXPECT_EQ(text("/f"), "(none)");
  EXPECT_EQ(text("/f.part"), "new");
}

TEST_F(PowerLoss, NeverTearsARename) {
  for (std::uint32_t seed = 0; seed < 50; ++seed) {
    CrashFs files;
    io::write_new_file(files, "/old", io::bytes_of("x"));
    files.sync_directory("/");
    files.rename("/old", "/new");
    files.restart(Damage::kReordered, seed);
    EXPECT_NE(files.find("/old").has_value(), files.find("/new").has_value()) << seed;
  }
}

TEST_F(PowerLoss, MayKeepSomeSectorsOfAWriteAndALaterWriteWithoutAnEarlierOne) {
  std::set<std::string> torn;
  std::set<std::string> reordered;
  for (std::uint32_t seed = 2; seed < 100; ++seed) {
    for (const Damage damage : {Damage::kTorn, Damage::kReordered}) {
      CrashFs files;
      const auto file = files.open("/f", io::OpenMode::kCreateNew);
      file->resize(1024);
      file->sync();
      files.sync_directory("/");
      file->write_at(0, io::Bytes(1024, std::byte{'1'}));
      file->write_at(512, io::Bytes(512, std::byte{'2'}));
      files.restart(damage, seed);
      const io::Bytes now = io::read_file(files, "/f", 1024);
      const std::string both = {static_cast<char>(now.front()), static_cast<char>(now.back())};
      (damage == Damage::kTorn ? torn : reordered).insert(both);
    }
  }
  const std::string zero(1, '\0');
  EXPECT_EQ(torn, (std::set<std::string>{zero + zero, "1" + zero, zero + "1", "11", "12"}));
  EXPECT_EQ(reordered, (std::set<std::string>{zero + zero, zero + "2", "11", "12"}));
}

TEST_F(PowerLoss, FailsEveryCallFromItOn) {
  files_.lose_power_at(2);
  EXPECT_THROW(write("/f", "power goes while this is written", false), Error);
  EXPECT_FALSE(files_.has_power());
  EXPECT_THROW(files_.create_directory("/d"), Error);
  EXPECT_THROW(files_.find("/f"), Error);
}

TEST_F(PowerLoss, DoesNotCarryOutTheSyncThatItHits) {
  write("/f", "not synced", false);
  files_.sync_directory("/");
  const auto file = files_.open("/f", io::OpenMode::kReadWrite);
  files_.lose_power_at(1);
  EXPECT_THROW(file->sync(), Error);
  EXPECT_THROW(files_.list("/"), Error);
  files_.restart(Damage::kLost, 0);
  EXPECT_EQ(text("/f"), "");
}

TEST_F(PowerLoss, DoesNotBringBackWhatAFailedSyncDropped) {
  write("/f", "12345678", true);
  files_.sync_directory("/");
  const auto file = files_.open("/f", io::OpenMode::kReadWrite);
  file->write_at(0, io::bytes_of("ab"));
  files_.fail_sync_at(1);
  EXPECT_THROW(file->sync(), Error);
  EXPECT_EQ(text("/f"), "ab345678") << "it reads right, from memory";
  file->write_at(6, io::bytes_of("yz"));
  file->sync();
  files_.restart(Damage::kLost, 0);
  EXPECT_EQ(text("/f"), "123456yz");
}

TEST_F(PowerLoss, FreesLocks) {
  const auto held = files_.try_lock("/");
  EXPECT_EQ(files_.try_lock("/"), nullptr);
  files_.restart(Damage::kLost, 0);
  EXPECT_NE(files_.try_lock("/"), nullptr);
}

}  // namespace
}  // namespace seabag::testing
