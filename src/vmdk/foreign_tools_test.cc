// SPDX-License-Identifier: Apache-2.0

// What we write, as programs that we did not write see it; and what they write.

#include <array>
#include <cstdio>
#include <cstdlib>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "vmdk/disk_files_internal.h"

namespace seabag::vmdk {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

struct Outcome {
  int status = 0;
  std::string output;
};

Outcome run(const std::string& command) {
  // NOLINTNEXTLINE(cert-env33-c): fixed commands, with paths that we chose.
  std::FILE* stream = ::popen(("LC_ALL=C; exec 2>&1; " + command).c_str(), "r");
  check(stream != nullptr, "a command is started");
  Outcome outcome;
  std::array<char, 4096> buffer = {};
  while (const std::size_t n = std::fread(buffer.data(), 1, buffer.size(), stream)) {
    outcome.output.append(buffer.data(), n);
  }
  outcome.status = ::pclose(stream);
  return outcome;
}

#define SKIP_WITHOUT(probe) \
  if (run(probe).status != 0) GTEST_SKIP() << "not installed: " << (probe)

class ForeignReader : public DiskFiles,
                      public ::testing::WithParamInterface<std::tuple<Subformat, SampleDisk>> {
 protected:
  std::string raw_ = create_raw(std::get<1>(GetParam()));
  std::string vmdk_ = write_vmdk(std::get<0>(GetParam()), *open_raw(raw_));
};

TEST_P(ForeignReader, QemuSeesTheSameDisk) {
  SKIP_WITHOUT("qemu-img --version");
  const Outcome compared =
      run(fmt::format("qemu-img compare -q -f raw -F vmdk {} {}", raw_, vmdk_));
  EXPECT_EQ(compared.status, 0) << compared.output;
  EXPECT_THAT(run(fmt::format("qemu-img info -f vmdk --output=json {}", vmdk_)).output,
              HasSubstr(fmt::format("\"virtual-size\": {},", std::get<1>(GetParam()).size)));
}

TEST_P(ForeignReader, QemuFindsNothingToMend) {
  SKIP_WITHOUT("qemu-img --version");
  const Outcome checked = run(fmt::format("qemu-img check -f vmdk {}", vmdk_));
  EXPECT_EQ(checked.status, 0) << checked.output;
  EXPECT_THAT(checked.output, HasSubstr("No errors were found"));
}

class SevenZip : public ForeignReader {};

// 7-Zip checks markers, whole grains and the ends of streams, which no other reader does.
TEST_P(SevenZip, SeesTheSameDisk) {
  SKIP_WITHOUT("7zz");
  const Outcome tested = run(fmt::format("7zz t -tvmdk {}", vmdk_));
  EXPECT_EQ(tested.status, 0) << tested.output;
  EXPECT_THAT(tested.output, HasSubstr("Everything is Ok"));
  const Outcome compared =
      run(fmt::format("7zz e -tvmdk -so {} 2>/dev/null | cmp - {}", vmdk_, raw_));
  EXPECT_EQ(compared.status, 0) << compared.output;
}

INSTANTIATE_TEST_SUITE_P(, ForeignReader,
                         ::testing::Combine(::testing::ValuesIn(kSubformats),
                                            ::testing::ValuesIn(sample_disks())),
                         [](const auto& row) {
                           return name_of(std::get<0>(row.param)) + std::get<1>(row.param).name;
                         });

// 7-Zip writes every zero out.
std::vector<SampleDisk> small_disks() {
  std::vector<SampleDisk> disks = sample_disks();
  std::erase_if(disks, [](const SampleDisk& disk) { return disk.size > 512 * kMiB; });
  return disks;
}

INSTANTIATE_TEST_SUITE_P(, SevenZip,
                         ::testing::Combine(::testing::ValuesIn(kSubformats),
                                            ::testing::ValuesIn(small_disks())),
                         [](const auto& row) {
                           return name_of(std::get<0>(row.param)) + std::get<1>(row.param).name;
                         });

struct QemuImage {
  std::string name;
  std::string options;

  friend void PrintTo(const QemuImage& row, std::ostream* out) { *out << row.name; }
};

const std::array kQemuImages = {
    QemuImage{"MonolithicSparse", "subformat=monolithicSparse"},
    QemuImage{"MonolithicSparseOfZeroGrains", "subformat=monolithicSparse,zeroed_grain=on"},
    QemuImage{"MonolithicFlat", "subformat=monolithicFlat"},
    QemuImage{"TwoGbMaxExtentSparse", "subformat=twoGbMaxExtentSparse"},
    QemuImage{"TwoGbMaxExtentFlat", "subformat=twoGbMaxExtentFlat,adapter_type=lsilogic"},
    QemuImage{"StreamOptimized", "subformat=streamOptimized"},
};

class QemuWriter : public DiskFiles,
                   public ::testing::WithParamInterface<std::tuple<QemuImage, SampleDisk>> {};

TEST_P(QemuWriter, IsRead) {
  SKIP_WITHOUT("qemu-img --version");
  const auto& [image, sample] = GetParam();
  const std::string raw = create_raw(sample);
  const std::string vmdk = directory_ / "qemu.vmdk";
  const Outcome converted =
      run(fmt::format("qemu-img convert -f raw -O vmdk -o {} {} {}", image.options, raw, vmdk));
  ASSERT_EQ(converted.status, 0) << converted.output;
  const auto disk = open_vmdk(vmdk);
  expect_same(*open_raw(raw), *disk);
  EXPECT_THAT(disk->warnings(), IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(, QemuWriter,
                         ::testing::Combine(::testing::ValuesIn(kQemuImages),
                                            ::testing::ValuesIn(sample_disks())),
                         [](const auto& row) {
                           return std::get<0>(row.param).name + std::get<1>(row.param).name;
                         });

TEST_F(DiskFiles, QemusZerosWrittenOnPurposeAreHoles) {
  SKIP_WITHOUT("qemu-io --version");
  const std::string vmdk = directory_ / "zeros.vmdk";
  const Outcome made =
      run(fmt::format("qemu-img create -q -f vmdk -o zeroed_grain=on {0} 1M && "
                      "qemu-io -f vmdk -c 'write -P 65 0 1M' -c 'write -z 128k 256k' {0}",
                      vmdk));
  ASSERT_EQ(made.status, 0) << made.output;
  const auto disk = open_vmdk(vmdk);
  EXPECT_EQ(disk->extent_at(0), (disk::Extent{0, 128U << 10U, true}));
  EXPECT_EQ(disk->extent_at(128U << 10U), (disk::Extent{128U << 10U, 256U << 10U, false}));
  io::Bytes bytes(kMiB);
  disk->read_at(0, bytes);
  EXPECT_TRUE(disk::is_zero(std::span(bytes).subspan(128U << 10U, 256U << 10U)));
  EXPECT_EQ(bytes[384U << 10U], std::byte{65});
}

}  // namespace
}  // namespace seabag::vmdk
