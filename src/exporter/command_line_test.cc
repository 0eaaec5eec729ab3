// SPDX-License-Identifier: Apache-2.0
#include "exporter/command_line.h"

#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"

namespace seabag::exporter {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

CommandLine parse(std::vector<const char*> words) {
  words.insert(words.begin(), "seabag-export");
  return parse_command_line(static_cast<int>(words.size()), words.data());
}

std::string complaint(const std::vector<const char*>& words) {
  try {
    parse(words);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::kUsage) << error.what();
    return std::string(error.what()) + " | " + error.next_step();
  }
  return "nothing was wrong";
}

TEST(ExportCommandLine, TakesBundleAndSources) {
  const CommandLine line = parse({"out.bag", "docker://localhost:5000/a:1", "oci:dir"});
  EXPECT_EQ(line.request.bundle, "out.bag");
  EXPECT_THAT(line.request.sources, SizeIs(2));
  EXPECT_TRUE(line.request.selection.attached);
}

TEST(ExportCommandLine, TakesRepeatedOptionsInAnyPlace) {
  const CommandLine line =
      parse({"--platform", "linux/amd64", "out.bag", "--include", "a/*:1,2", "docker://h:1",
             "--platform=linux/arm64/v8", "--include", "b", "--exclude", "c", "--newest", "3"});
  EXPECT_THAT(line.request.selection.platforms, SizeIs(2));
  EXPECT_THAT(line.request.selection.include, ElementsAre("a/*:1,2", "b"));
  EXPECT_THAT(line.request.selection.exclude, ElementsAre("c"));
  EXPECT_EQ(line.request.selection.newest, 3U);
}

TEST(ExportCommandLine, ReadsSizes) {
  EXPECT_EQ(parse({"b", "oci:d", "--tarball-size", "4GiB"}).request.layout.tarball_size,
            4ULL << 30U);
  EXPECT_EQ(parse({"b", "oci:d", "--max-rate", "1M"}).request.max_rate, 1ULL << 20U);
}

TEST(ExportCommandLine, TakesDisksAndWhatHoldsForAllOfThem) {
  const CommandLine line =
      parse({"b", "disk:/srv/web01.img,server=web,boot", "disk:/dev/sdb,format=vhd",
             "--disk-format", "vmdk-flat", "--for", "azure", "--fit", "--source-format", "qcow2",
             "--on-read-error", "zero"});
  ASSERT_THAT(line.request.disks, SizeIs(2));
  EXPECT_EQ(line.request.disks[0].name, "web01");
  EXPECT_TRUE(line.request.disks[0].boots);
  EXPECT_EQ(line.request.disks[1].format, conversion::OutputFormat::kVhd);
  const exporting::DiskOptions& options = line.request.disk_options;
  EXPECT_EQ(options.format, conversion::OutputFormat::kVmdkFlat);
  EXPECT_EQ(options.destination, conversion::Destination::kAzure);
  EXPECT_EQ(options.source_format, conversion::SourceFormat::kQcow2);
  EXPECT_TRUE(options.fit);
  EXPECT_TRUE(options.zero_unreadable);
}

TEST(ExportCommandLine, LinksConfigurationsToTheirDisks) {
  CommandLine line = parse({"b", "disk:a.raw", "disk:b.raw", "--disk-config", "b=web=1.json"});
  link_disk_configs(line.request, line.disk_configs);
  EXPECT_EQ(line.request.disks[0].config, "");
  EXPECT_EQ(line.request.disks[1].config, "web=1.json");
  CommandLine one = parse({"b", "disk:a.raw", "--disk-config", "web=1.json"});
  link_disk_configs(one.request, one.disk_configs);
  EXPECT_EQ(one.request.disks[0].config, "web=1.json");
  EXPECT_THROW(link_disk_configs(line.request, {"c=x.json"}), Error);
}

TEST(ExportCommandLine, NeedsNoSourceToResume) {
  EXPECT_TRUE(parse({"b", "--resume"}).request.resume);
}

struct Complaint {
  const char* name;
  std::vector<const char*> words;
  const char* expected;
};

const Complaint kComplaints[] = {
    {"Nothing", {}, "expected BUNDLE and SOURCE"},
    {"NoSource", {"b"}, "expected a SOURCE"},
    {"SourceInPlaceOfBundle", {"docker://h:5000/a"}, "expected the directory of the bundle first"},
    {"NoRegistry", {"b", "docker://nginx"}, "docker.io/library/nginx"},
    {"UnknownTransport", {"b", "ftp:x"}, "docker://"},
    {"SplitByOther", {"b", "oci:d", "--split-by", "size"}, "expected repository"},
    {"NewestZero", {"b", "oci:d", "--newest", "0"}, "from 1"},
    {"ResumeAndDryRun", {"b", "--resume", "--dry-run"}, "exclude each other"},
    {"BadPlatform", {"b", "oci:d", "--platform", "amd64"}, "amd64"},
    {"UnknownOption", {"b", "oci:d", "--fast"}, "fast"},
    {"TwoReadersOfStandardInput",
     {"b", "--from", "-", "--user", "someone", "--password-stdin"},
     "both read standard input"},
    {"FitForNothing", {"b", "disk:a.raw", "--fit"}, "--fit needs --for"},
    {"UnknownDestination", {"b", "disk:a.raw", "--for", "moon"}, "expected one of azure"},
    {"UnknownDiskFormat", {"b", "disk:a.raw", "--disk-format", "qcow2"}, "vmdk-2gb"},
    {"UnknownSourceFormat", {"b", "disk:a.raw", "--source-format", "qed"}, "vhdx"},
    {"UnknownReadErrorWay", {"b", "disk:a.raw", "--on-read-error", "skip"}, "zero or stop"},
    {"RepairOfNothing", {"b", "--repair", "l.json"}, "expected a SOURCE"},
    {"RepairThatResumes", {"b", "--repair", "l.json", "--resume"}, "exclude each other"},
    {"RepairThatChooses",
     {"b", "oci:d", "--repair", "l.json", "--platform", "linux/amd64"},
     "exclude each other"},
    {"RepairAndListFromStandardInput",
     {"b", "--repair", "-", "--from", "-"},
     "both read standard input"},
    {"Password", {"b", "oci:d", "--password", "secret"}, "--password-file"},
};

class ExportComplaint : public testing::TestWithParam<Complaint> {};

TEST_P(ExportComplaint, SaysWhatWasExpected) {
  const std::string text = complaint(GetParam().words);
  EXPECT_THAT(text, HasSubstr(GetParam().expected));
  EXPECT_THAT(text, testing::Not(HasSubstr("secret")));
}

INSTANTIATE_TEST_SUITE_P(, ExportComplaint, testing::ValuesIn(kComplaints),
                         [](const auto& test) { return std::string(test.param.name); });

TEST(SourceList, TakesASourceALineAndComments) {
  exporting::ExportRequest request;
  add_source_list(request,
                  "# mine\n\ndocker://h:1/a:1  # the first\r\n oci:dir\ndisk:/dev/sda,name=os\n",
                  "list");
  ASSERT_THAT(request.sources, SizeIs(2));
  EXPECT_EQ(request.sources[0].text, "docker://h:1/a:1");
  EXPECT_EQ(request.sources[1].text, "oci:dir");
  ASSERT_THAT(request.disks, SizeIs(1));
  EXPECT_EQ(request.disks[0].name, "os");
}

TEST(SourceList, NamesTheLineThatIsWrong) {
  try {
    exporting::ExportRequest request;
    add_source_list(request, "oci:a\nnonsense\n", "list");
    FAIL() << "took nonsense";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("\"list\", line 2"));
  }
}

TEST(RepairConfigs, AreNamed) {
  EXPECT_EQ(parse({"p", "--repair", "l.json", "--disk-config", "a=b"}).repair, "l.json");
  EXPECT_EQ(repair_configs({"web01=a=b.json"}).at("web01"), "a=b.json");
  for (const char* bad : {"file.json", "=file", "web01="}) {
    EXPECT_THROW(repair_configs({bad}), Error) << bad;
  }
}

TEST(ExportHelp, FitsAScreen) {
  const std::string_view text = help_text();
  EXPECT_LE(std::ranges::count(text, '\n'), 40);
  for (std::size_t begin = 0; begin < text.size();) {
    const auto end = text.find('\n', begin);
    EXPECT_LE(end - begin, 132U) << text.substr(begin, end - begin);
    begin = end + 1;
  }
}

}  // namespace
}  // namespace seabag::exporter
