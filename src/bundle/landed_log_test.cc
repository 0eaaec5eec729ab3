// SPDX-License-Identifier: Apache-2.0
#include "bundle/landed_log.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "digest/hasher.h"
#include "io/posix_file_system.h"
#include "testing/temp_dir.h"

namespace seabag::bundle {
namespace {

class Journal : public ::testing::Test {
 protected:
  testing::TempDir dir_;
  std::unique_ptr<io::FileSystem> files_ = io::posix_file_system();
  std::string path_ = io::join(dir_.path(), "landed.log");
  digest::Digest one_ = digest::digest_of(io::bytes_of("one"));
  digest::Digest two_ = digest::digest_of(io::bytes_of("two"));

  void write(const std::vector<LandedBytes>& rounds) const {
    LandedLog log = LandedLog::create(*files_, path_);
    for (const LandedBytes& round : rounds) log.append(round);
    log.close();
  }
  LandedBytes read() const {
    LandedBytes found;
    reopen(found);
    return found;
  }
  LandedLog reopen(LandedBytes& found) const {
    return LandedLog::reopen(*files_, path_, [&](const digest::Digest& blob, std::uint64_t bytes) {
      found[blob] = bytes;
    });
  }
  std::string text() const {
    return std::string(io::text_of(io::read_file(*files_, path_, 1U << 20U)));
  }
  void replace(const std::string& text) const {
    io::replace_file(*files_, path_, io::bytes_of(text));
  }
};

TEST_F(Journal, GivesBackWhatWasWritten) {
  write({{{one_, 3}, {two_, 1000000000000}}});
  EXPECT_EQ(read(), (LandedBytes{{one_, 3}, {two_, 1000000000000}}));
}

TEST_F(Journal, LetsLaterLinesWin) {
  write({{{one_, 1}}, {{one_, 2}}});
  EXPECT_EQ(read(), (LandedBytes{{one_, 2}}));
}

TEST_F(Journal, IgnoresATornLastLine) {
  write({{{one_, 3}}, {{two_, 4}}});
  const std::string whole = text();
  const std::size_t first_line = whole.find('\n') + 1;
  for (std::size_t cut = first_line; cut < whole.size(); ++cut) {
    replace(whole.substr(0, cut));
    EXPECT_EQ(read(), (LandedBytes{{one_, 3}})) << "cut at " << cut;
  }
}

TEST_F(Journal, GoesOnBehindTheLastWholeLine) {
  write({{{one_, 3}}});
  replace(text() + "sha256:torn");
  LandedBytes found;
  LandedLog log = reopen(found);
  log.append({{two_, 4}});
  log.close();
  EXPECT_EQ(read(), (LandedBytes{{one_, 3}, {two_, 4}}));
}

TEST_F(Journal, BelievesNothingFromTheFirstWrongLineOn) {
  write({{{one_, 3}}, {{two_, 4}}, {{one_, 5}}});
  const std::string whole = text();
  for (const std::size_t at : {whole.find('\n') + 10, whole.rfind('\n', whole.size() - 2) + 10}) {
    std::string damaged = whole;
    damaged[at] = '\0';
    replace(damaged);
    EXPECT_EQ(read().at(one_), 3U);
  }
}

TEST_F(Journal, LeavesNothingOfAWrongLineBehindLinesThatAreAdded) {
  write({{{one_, 3}}, {{two_, 4}}, {{two_, 9}}});
  std::string damaged = text();
  damaged[damaged.find('\n') + 10] ^= 1;
  replace(damaged);
  LandedBytes found;
  LandedLog log = reopen(found);
  log.append({{one_, 5}});
  log.close();
  EXPECT_EQ(read(), (LandedBytes{{one_, 5}}));
}

}  // namespace
}  // namespace seabag::bundle
