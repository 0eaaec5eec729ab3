// SPDX-License-Identifier: Apache-2.0

// What we write, as programs that we did not write see it, and what QEMU writes, as we see it.

#include <array>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <ostream>
#include <string>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "io/posix_file_system.h"
#include "testing/temp_dir.h"
#include "vhd/test_disks_internal.h"
#include "vhd/vhd.h"

namespace seabag::vhd {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr std::size_t kMiB = 1U << 20U;

bool is_there(const std::string& program) {
  // NOLINTNEXTLINE(cert-env33-c,concurrency-mt-unsafe): the names are the fixed text below.
  return std::system(("command -v " + program + " >/dev/null 2>&1").c_str()) == 0;
}

/// What the command prints, and behind it " | N", its exit status as wait(2) has it.
std::string run(const std::string& command) {
  struct Close {
    void operator()(std::FILE* stream) const noexcept { ::pclose(stream); }
  };
  // NOLINTNEXTLINE(cert-env33-c): as above, with paths that we chose.
  std::unique_ptr<std::FILE, Close> stream(
      ::popen(("LC_ALL=C timeout 100 " + command + " 2>&1").c_str(), "r"));
  check(stream != nullptr, "a command is started");
  std::string output;
  std::array<char, 4096> buffer = {};
  while (const std::size_t n = std::fread(buffer.data(), 1, buffer.size(), stream.get())) {
    output.append(buffer.data(), n);
  }
  return fmt::format("{} | {}", output, ::pclose(stream.release()));
}

struct Row {
  std::string name;
  std::function<io::Bytes()> make;  // each test is a process of its own, and all have all rows
  Subformat subformat = Subformat::kDynamic;

  friend void PrintTo(const Row& row, std::ostream* out) { *out << row.name; }
};

std::vector<Row> rows() {
  using Make = std::function<io::Bytes()>;
  const std::pair<const char*, Make> disks[] = {
      {"OneSector", [] { return sparse_content(512); }},
      {"AMibLessASector", [] { return sparse_content(kMiB - 512); }},
      {"ABlockAndASector", [] { return sparse_content(2 * kMiB + 512); }},
      {"OddSize", [] { return sparse_content(9 * kMiB + 1536); }},
      {"Full", [] { return io::Bytes(5 * kMiB + 512, std::byte{0x5A}); }},
      {"Zeros", [] { return io::Bytes(9 * kMiB + 1536); }}};
  std::vector<Row> rows;
  for (const auto& [name, make] : disks) {
    rows.push_back({std::string(name) + "Dynamic", make, Subformat::kDynamic});
    rows.push_back({std::string(name) + "Fixed", make, Subformat::kFixed});
  }
  return rows;
}

class Written : public ::testing::TestWithParam<Row> {
 protected:
  void SetUp() override {
    io::write_new_file(*files_, raw_, content_);
    auto file = files_->open(vhd_, io::OpenMode::kCreateNew);
    const std::uint64_t size = content_.size();
    if (GetParam().subformat == Subformat::kDynamic) {
      DynamicWriter writer(std::move(file), size);
      write_disk(writer, content_);
    } else {
      FixedWriter writer(std::move(file), size);
      write_disk(writer, content_);
    }
  }

  io::Bytes content_ = GetParam().make();
  testing::TempDir directory_;
  std::string raw_ = directory_ / "disk.raw";
  std::string vhd_ = directory_ / "disk.vhd";
  std::unique_ptr<io::FileSystem> files_ = io::posix_file_system();
};

TEST_P(Written, IsTheSameDiskForQemu) {
  if (!is_there("qemu-img")) GTEST_SKIP() << "qemu-img is not installed";
  EXPECT_THAT(run(fmt::format("qemu-img info -f vpc --output=json {}", vhd_)),
              HasSubstr(fmt::format("\"virtual-size\": {},", content_.size())));
  EXPECT_EQ(run(fmt::format("qemu-img compare -f raw -F vpc {} {}", raw_, vhd_)),
            "Images are identical.\n | 0");
}

TEST_P(Written, PassesTheTestOfSevenZip) {
  if (!is_there("7zz")) GTEST_SKIP() << "7zz is not installed";
  const std::string output = run(fmt::format("7zz t -tvhd {}", vhd_));
  EXPECT_THAT(output, HasSubstr("Everything is Ok"));
  EXPECT_THAT(output, HasSubstr(" | 0"));
  EXPECT_EQ(run(fmt::format("7zz e -tvhd -so {} | cmp - {}", vhd_, raw_)), " | 0");
}

TEST_P(Written, IsTheSameDiskForLibvhdi) {
  if (run("/usr/bin/python3 -c 'import pyvhdi'") != " | 0") {
    GTEST_SKIP() << "python3-libvhdi is not installed";
  }
  EXPECT_EQ(
      run(fmt::format("/usr/bin/python3 -c 'import sys, pyvhdi\n"
                      "disk = pyvhdi.file()\n"
                      "disk.open(sys.argv[1])\n"
                      "size = disk.get_media_size()\n"
                      "print(size, disk.read_buffer(size) == open(sys.argv[2], \"rb\").read())"
                      "' {} {}",
                      vhd_, raw_)),
      fmt::format("{} True\n | 0", content_.size()));
}

INSTANTIATE_TEST_SUITE_P(, Written, ::testing::ValuesIn(rows()),
                         [](const auto& row) { return row.param.name; });

struct QemuRow {
  std::string name;
  std::string options;

  friend void PrintTo(const QemuRow& row, std::ostream* out) { *out << row.name; }
};

class WrittenByQemu : public ::testing::TestWithParam<QemuRow> {};

// Without force_size QEMU raises the size to a geometry's; all of the disk, and zeros behind it.
TEST_P(WrittenByQemu, IsTheSameDisk) {
  if (!is_there("qemu-img")) GTEST_SKIP() << "qemu-img is not installed";
  const testing::TempDir directory;
  const auto files = io::posix_file_system();
  const std::string raw = directory / "disk.raw";
  const std::string vhd = directory / "disk.vhd";
  io::Bytes content = sparse_content(9 * kMiB + 1536);
  io::write_new_file(*files, raw, content);
  ASSERT_THAT(
      run(fmt::format("qemu-img convert -f raw -O vpc -o {} {} {}", GetParam().options, raw, vhd)),
      HasSubstr(" | 0"));
  const auto disk = open(files->open(vhd, io::OpenMode::kReadDisk));
  ASSERT_GE(disk->size(), content.size());
  if (GetParam().options.find("force_size=on") != std::string::npos) {
    EXPECT_EQ(disk->size(), content.size());
  }
  content.resize(disk->size());
  EXPECT_TRUE(content_of(*disk) == content);
  EXPECT_THAT(disk->warnings(), IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(
    , WrittenByQemu,
    ::testing::Values(QemuRow{"Dynamic", "subformat=dynamic"},
                      QemuRow{"DynamicOfExactSize", "subformat=dynamic,force_size=on"},
                      QemuRow{"Fixed", "subformat=fixed"},
                      QemuRow{"FixedOfExactSize", "subformat=fixed,force_size=on"}),
    [](const auto& row) { return row.param.name; });

}  // namespace
}  // namespace seabag::vhd
