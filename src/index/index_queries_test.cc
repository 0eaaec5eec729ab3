// SPDX-License-Identifier: Apache-2.0
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "index/index_file.h"
#include "index/sample_internal.h"

namespace seabag::index {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Not;

std::string page() {
  std::ifstream file(SEABAG_FORMAT_SPEC "/index.md");
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// The ```sql blocks of the page.
std::vector<std::string> documented_queries() {
  const std::string begin_mark = "\n```sql\n";
  const std::string end_mark = "\n```\n";
  const std::string text = page();
  std::vector<std::string> queries;
  for (auto at = text.find(begin_mark); at != std::string::npos; at = text.find(begin_mark, at)) {
    at += begin_mark.size();
    queries.push_back(text.substr(at, text.find(end_mark, at) - at));
  }
  return queries;
}

class Queries : public testing::Test {
 protected:
  void SetUp() override { write_index(database_, Sample().index()); }

  // The first column of each row, which is text.
  std::vector<std::string> column(const std::string& sql) {
    db::Statement statement(database_, sql);
    std::vector<std::string> values;
    while (statement.step()) values.push_back(statement.find_text(0).value_or("NULL"));
    return values;
  }

  std::int64_t number(const std::string& sql) {
    db::Statement statement(database_, sql);
    EXPECT_TRUE(statement.step());
    return statement.integer(0);
  }

  static constexpr const char* kApp = "localhost:5000/library/app:2.0";
  static constexpr const char* kBusybox = "localhost:5000/library/busybox:1.35";
  db::Database database_ = db::Database::create_in_memory();
};

TEST_F(Queries, OfThePageAllGiveAnswers) {
  const std::vector<std::string> queries = documented_queries();
  EXPECT_GE(queries.size(), 8U);
  for (const std::string& query : queries) {
    db::Statement statement(database_, query);
    EXPECT_TRUE(statement.step()) << query;
  }
}

TEST_F(Queries, FindEveryTableViewAndColumnOnThePage) {
  const std::string text = page();
  for (const std::string& name :
       column("SELECT name FROM sqlite_schema WHERE type IN ('table', 'view')")) {
    EXPECT_THAT(text, testing::HasSubstr("`" + name + "`"));
    for (const std::string& part : column("SELECT name FROM pragma_table_xinfo('" + name + "')")) {
      EXPECT_THAT(text, testing::HasSubstr("`" + part + "`")) << name;
    }
  }
}

TEST_F(Queries, ListImagesByTheirFullNames) {
  EXPECT_THAT(column("SELECT image FROM images WHERE kind <> 'artifact' ORDER BY image"),
              ElementsAre(kApp, kBusybox,
                          std::string("localhost:5000/library/busybox:sha256-") +
                              digest_of("index").hex() + ".sig"));
  EXPECT_THAT(column("SELECT source || ' ' || read_at FROM images WHERE image = "
                     "'localhost:5000/library/app:2.0'"),
              ElementsAre("docker://localhost:5000 2026-11-21T05:13:00Z"));
}

TEST_F(Queries, CountWhatIsPresentAlone) {
  const std::string of_busybox = " FROM images WHERE image = 'localhost:5000/library/busybox:1.35'";
  EXPECT_EQ(number("SELECT size" + of_busybox), 700 + 500 + 1500 + 4000 + 300);
  EXPECT_EQ(number("SELECT blobs" + of_busybox), 6);
  EXPECT_EQ(number("SELECT absent" + of_busybox), 1);
  EXPECT_THAT(column("SELECT platforms" + of_busybox), ElementsAre("linux/amd64"));
}

TEST_F(Queries, LocateTheBytesOfAnImage) {
  EXPECT_THAT(
      column(
          "SELECT file || ' ' || offset FROM image_blobs WHERE size = 4000 AND image LIKE '%app%'"
          " ORDER BY file DESC"),
      testing::Contains("data/images/images-0002.tar 1536"));
  EXPECT_EQ(number("SELECT count(*) FROM image_blobs WHERE image LIKE '%app%' AND file IS NULL"),
            2);
}

TEST_F(Queries, SayWhatIsNotIncludedAndWhy) {
  EXPECT_THAT(
      column("SELECT image || ' ' || reason || ' ' || presence FROM not_included ORDER BY 1"),
      ElementsAre("localhost:5000/library/app:2.0 foreign left-out",
                  "localhost:5000/library/app:2.0 refused missing",
                  "localhost:5000/library/busybox:1.35 platform left-out",
                  "localhost:5000/library/gone:1 refused missing"));
}

TEST_F(Queries, FindAttachmentsOfAnImageAndItsPlatforms) {
  EXPECT_THAT(column("SELECT attached_by || ' ' || type FROM attachments "
                     "WHERE image = 'localhost:5000/library/busybox:1.35' ORDER BY 1"),
              ElementsAre("subject application/spdx+json",
                          "tag application/vnd.oci.image.manifest.v1+json"));
}

TEST_F(Queries, AddUpWhatSharingSaves) {
  EXPECT_THAT(column("SELECT digest FROM shared_blobs"),
              ElementsAre(digest_of("base layer").text()));
  EXPECT_EQ(number("SELECT images FROM shared_blobs"), 2);
  EXPECT_EQ(number("SELECT copies FROM shared_blobs"), 2);
  EXPECT_EQ(number("SELECT saved FROM shared_blobs"), 0);
}

TEST_F(Queries, NameAPlatformAsToolsDo) {
  EXPECT_THAT(column("SELECT name FROM platforms ORDER BY name"),
              ElementsAre("linux/amd64", "linux/arm64/v8"));
}

}  // namespace
}  // namespace seabag::index
