// SPDX-License-Identifier: Apache-2.0
#include "exporting/begun.h"

#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "io/posix_file_system.h"
#include "testing/temp_dir.h"

namespace seabag::exporting {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// A bundle begun with two disks of one server, and what a resumed run says.
class BegunWith : public ::testing::Test {
 protected:
  testing::TempDir dir_;
  std::unique_ptr<io::FileSystem> files_ = io::posix_file_system();
  transfer::NoProgress progress_;
  Means means_{.files = *files_,
               .surroundings = {},
               .now = [] { return UtcTime{}; },
               .pause = {},
               .progress = progress_,
               .stop = {}};
  bundle::UnfinishedBundle unfinished_ =
      bundle::UnfinishedBundle::create(*files_, io::join(dir_.path(), "b.bag"));
  index::Index plan_;

  void SetUp() override {
    ExportRequest begun;
    begun.disks = {parse_disk("disk:os.raw,cid=0badcafe"), parse_disk("disk:data.raw,format=vhd")};
    begun.disk_options.destination = conversion::Destination::kAws;
    plan_.metadata = options_of(begun);
    plan_.disks = {planned("data", "vhd", 1), planned("os", "vmdk", 0)};
    plan_.disks[1].boots = true;
    io::write_new_file(*files_, unfinished_.path("os.json"), io::bytes_of("{}"));
    plan_.files = {{"os.json", 2, {}}};
    plan_.disks[1].config = 0;
  }

  static index::DiskInfo planned(const std::string& name, const char* format,
                                 std::uint32_t position) {
    index::DiskInfo disk;
    disk.name = name;
    disk.server = "web";
    disk.position = position;
    disk.format = format;
    disk.source = "disk:" + name + ".raw";
    disk.source_format = "raw";
    return disk;
  }

  std::string file(const char* name, const char* text) const {
    const std::string path = io::join(dir_.path(), name);
    std::ofstream(path) << text;
    return path;
  }

  std::string refusal(const std::vector<const char*>& disks, const DiskOptions& options = {},
                      const std::vector<std::string>& configs = {}) {
    ExportRequest request;
    request.resume = true;
    for (const char* disk : disks) request.disks.push_back(parse_disk(disk));
    request.disk_options = options;
    request.configs = configs;
    try {
      require_begun_with(request, means_, unfinished_, plan_);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Code::kUsage);
      EXPECT_THAT(error.next_step(), HasSubstr("with"));
      return error.what();
    }
    return "";
  }
};

TEST_F(BegunWith, IsContinuedWithNothingSaid) {
  EXPECT_THAT(refusal({}), IsEmpty());
  EXPECT_THAT(refusal({"disk:data.raw", "disk:os.raw"}), IsEmpty());
}

TEST_F(BegunWith, IsContinuedWithTheSameSaid) {
  DiskOptions options;
  options.destination = conversion::Destination::kAws;
  options.format = conversion::OutputFormat::kVmdk;  // which it is for AWS
  options.format_is_given = true;
  EXPECT_THAT(refusal({"disk:os.raw,server=web,boot,format=vmdk,cid=0BADCAFE",
                       "disk:data.raw,server=web,format=vhd,source-format=raw"},
                      options),
              IsEmpty());
}

TEST_F(BegunWith, IsNotContinuedWithOtherSources) {
  EXPECT_THAT(refusal({"disk:os.raw"}), AllOf(HasSubstr("2 sources, now there are 1"),
                                              HasSubstr("it was \"disk:data.raw\", now it is "
                                                        "\"disk:os.raw\"")));
  EXPECT_THAT(refusal({"disk:os.raw", "disk:other.raw"}),
              HasSubstr("it was \"disk:data.raw\", now it is \"disk:os.raw\""));
  EXPECT_THAT(refusal({"disk:os.raw", "disk:data.raw,name=db"}),
              HasSubstr("\"data disk:data.raw\", now it is \"db disk:data.raw\""));
  EXPECT_THAT(refusal({"disk:os.raw", "disk:data.raw", "disk:data.raw,name=db"}),
              HasSubstr("now it is \"db disk:data.raw\""));
}

TEST_F(BegunWith, IsContinuedWithASourceWhateverIsInItsPath) {
  ExportRequest request;
  request.sources = {source::parse_source("oci:" + std::string(400, 'd') + "\x1b\\\xff")};
  plan_ = {};
  plan_.metadata = options_of(request);
  plan_.content.sources = {{source::uri_of(request.sources.front())}};
  require_begun_with(request, means_, unfinished_, plan_);
}

TEST_F(BegunWith, IsNotContinuedWithSomethingElseOfADisk) {
  const auto says = [&](const char* os) { return refusal({os, "disk:data.raw"}); };
  EXPECT_THAT(says("disk:os.raw,cid=00000001"),
              HasSubstr("cid of os \"0badcafe\", now it is \"00000001\""));
  EXPECT_THAT(says("disk:os.raw,adapter=ide"), HasSubstr("adapter of os none, now it is \"ide\""));
  EXPECT_THAT(says("disk:os.raw,format=raw"),
              HasSubstr("format of os \"vmdk\", now it is \"raw\""));
  EXPECT_THAT(says("disk:os.raw,source-format=vhd"), HasSubstr("\"raw\", now it is \"vhd\""));
  EXPECT_THAT(says("disk:os.raw,server=db"), HasSubstr("server of os \"web\", now it is \"db\""));
  EXPECT_THAT(refusal({"disk:os.raw", "disk:data.raw,boot"}), HasSubstr("boot of data none"));
  EXPECT_THAT(refusal({"disk:data.raw,server=web", "disk:os.raw,server=web"}),
              HasSubstr("the disks of web os before data, now it is data before os"));
}

TEST_F(BegunWith, IsNotContinuedWithOtherOptions) {
  DiskOptions options;
  options.format = conversion::OutputFormat::kVhd;
  options.format_is_given = true;
  EXPECT_THAT(refusal({}, options), HasSubstr("--disk-format \"vmdk\", now it is \"vhd\""));
  options = {};
  options.destination = conversion::Destination::kAzure;
  EXPECT_THAT(refusal({}, options), HasSubstr("--for \"aws\", now it is \"azure\""));
  options = {};
  options.fit = true;
  EXPECT_THAT(refusal({}, options), HasSubstr("--fit none, now it is \"yes\""));
  options = {};
  options.source_format = conversion::SourceFormat::kQcow2;
  EXPECT_THAT(refusal({}, options), HasSubstr("--source-format none, now it is \"qcow2\""));
}

TEST_F(BegunWith, IsNotContinuedWithAnotherConfiguration) {
  const std::string same = file("same.json", "{}");
  const std::string other = file("other.json", "[1]");
  EXPECT_THAT(refusal({}, {}, {"os=" + same}), IsEmpty());
  EXPECT_THAT(refusal({}, {}, {"os=" + other}),
              AllOf(HasSubstr("the configuration of os 2 bytes, sha256:44136fa3"),
                    HasSubstr("other.json\" (3 bytes, sha256:")));
  EXPECT_THAT(refusal({}, {}, {"data=" + same}), HasSubstr("the configuration of data none, now"));
  EXPECT_THAT(refusal({}, {}, {"x=" + same}), HasSubstr("there is no disk of that name"));
  const std::string with_config = "disk:os.raw,config=" + other;
  EXPECT_THAT(refusal({with_config.c_str(), "disk:data.raw"}), HasSubstr("configuration of os"));
}

TEST_F(BegunWith, IsContinuedWithoutTheOptionsOfImagesAndNotWithOthers) {
  ExportRequest begun;
  begun.selection.newest = 3;
  begun.layout.by_repository = true;
  plan_ = {};
  plan_.metadata = options_of(begun);
  EXPECT_THAT(refusal({}), IsEmpty());
  require_begun_with(begun, means_, unfinished_, plan_);
  begun.selection.newest = 4;
  EXPECT_THROW(require_begun_with(begun, means_, unfinished_, plan_), Error);
  begun.selection.newest = 3;
  begun.layout.tarball_size = 5;
  EXPECT_THROW(require_begun_with(begun, means_, unfinished_, plan_), Error);
}

TEST_F(BegunWith, OfImagesAlonePassesOverWhatIsSaidOfDisks) {
  plan_ = {};
  plan_.metadata = options_of(ExportRequest{});
  DiskOptions options;
  options.fit = true;
  EXPECT_THAT(refusal({}, options), IsEmpty());
  EXPECT_EQ(plan_.metadata.count("disks") + plan_.metadata.count("identifiers"), 0U);
}

}  // namespace
}  // namespace seabag::exporting
