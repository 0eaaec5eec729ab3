// SPDX-License-Identifier: Apache-2.0

// What we write, as programs that we did not write see it.

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include <unistd.h>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "io/bytes.h"
#include "io/posix_file_system.h"
#include "tar/header.h"
#include "tar/plan.h"
#include "tar/reader.h"

namespace seabag::tar {
namespace {

struct Program {
  std::string name;
  std::string probe;  // exits 0 if the program is there
  std::string list;   // prints "SIZE PATH" lines of the tarball {0}
  std::string print;  // prints the content of member {1} of the tarball {0}

  friend void PrintTo(const Program& row, std::ostream* out) { *out << row.name; }
};

const Program kPrograms[] = {
    {"GnuTar", "tar --version | grep -q GNU", "tar -tvf {0} | awk '{{print $3, $6}}'",
     "tar -xOf {0} {1}"},
    {"Bsdtar", "bsdtar --version", "bsdtar -tvf {0} | awk '{{print $5, $9}}'",
     "bsdtar -xOf {0} {1}"},
    {"Python", "python3 --version",
     "python3 -c 'import sys, tarfile\nfor m in tarfile.open(sys.argv[1]): print(m.size, m.name)' "
     "{0}",
     "python3 -c 'import sys, tarfile\n"
     "sys.stdout.buffer.write(tarfile.open(sys.argv[1]).extractfile(sys.argv[2]).read())' {0} {1}"},
};

bool is_there(const Program& program) {
  // NOLINTNEXTLINE(cert-env33-c,concurrency-mt-unsafe): the commands are the fixed text above.
  return std::system((program.probe + " >/dev/null 2>&1").c_str()) == 0;
}

std::string output_of(const std::string& command) {
  struct Close {
    void operator()(std::FILE* stream) const noexcept { ::pclose(stream); }
  };
  // NOLINTNEXTLINE(cert-env33-c): as above, with a path that we chose.
  const std::unique_ptr<std::FILE, Close> stream(
      ::popen(("LC_ALL=C TZ=UTC " + command + " 2>&1").c_str(), "r"));
  check(stream != nullptr, "a command is started");
  std::string output;
  std::array<char, 4096> buffer = {};
  while (const std::size_t n = std::fread(buffer.data(), 1, buffer.size(), stream.get())) {
    output.append(buffer.data(), n);
  }
  return output;
}

// A tarball of sparse content, with a mark in its last member: a reader that misplaces a member by
// one byte loses it.
class Tarball {
 public:
  Tarball() : path_(fmt::format("{}other_readers_{}.tar", testing::TempDir(), ::getpid())) {
    const auto files = io::posix_file_system();
    const auto file = files->open(path_, io::OpenMode::kCreateNew);
    const Plan plan = plan_tarball(members_);
    file->resize(plan.tarball_size);
    for (std::size_t i = 0; i < members_.size(); ++i) {
      file->write_at(plan.placements[i].header_offset,
                     encode_header(members_[i].path, members_[i].size));
    }
    file->write_at(plan.placements.back().data_offset, io::bytes_of(kMark));
  }
  ~Tarball() { std::filesystem::remove(path_); }
  Tarball(const Tarball&) = delete;
  Tarball& operator=(const Tarball&) = delete;

  static constexpr std::string_view kMark = "the last bytes";

  const std::string& path() const { return path_; }
  const std::string& last_member() const { return members_.back().path; }
  std::string listing() const {
    std::string lines;
    for (const Member& member : members_) lines += fmt::format("{} {}\n", member.size, member.path);
    return lines;
  }

 private:
  std::string path_;
  std::vector<Member> members_ = {
      {"oci-layout", 30},
      {"empty", 0},
      {"blobs/sha512/" + std::string(128, 'b'), 512},
      {std::string(100, 'n'), 513},
      {"blobs/sha256/" + std::string(64, 'a'), (1ULL << 33U) - 1},
      {"blobs/sha256/" + std::string(64, 'c'), (1ULL << 33U) + 5},
      {"blobs/sha512/" + std::string(128, 'd'), (1ULL << 33U)},
      {"missing/sha512/" + std::string(128, 'e'), kMark.size()},
  };
};

class OtherReader : public testing::TestWithParam<Program> {};

// [TAR-1] [TAR-2] [TAR-3] [TAR-8] [TAR-9]
TEST_P(OtherReader, SeesTheSameMembersAndSizes) {
  if (!is_there(GetParam())) GTEST_SKIP() << GetParam().name << " is not installed";
  const Tarball tarball;
  EXPECT_EQ(output_of(fmt::format(fmt::runtime(GetParam().list), tarball.path())),
            tarball.listing());
}

TEST_P(OtherReader, FindsTheContentOfTheLastMember) {
  if (!is_there(GetParam())) GTEST_SKIP() << GetParam().name << " is not installed";
  const Tarball tarball;
  EXPECT_EQ(
      output_of(fmt::format(fmt::runtime(GetParam().print), tarball.path(), tarball.last_member())),
      Tarball::kMark);
}

INSTANTIATE_TEST_SUITE_P(, OtherReader, testing::ValuesIn(kPrograms),
                         [](const auto& row) { return row.param.name; });

}  // namespace
}  // namespace seabag::tar
