// SPDX-License-Identifier: Apache-2.0
#include "source/source_name.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"

namespace seabag::source {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

const std::string kDigest = "sha256:" + std::string(64, 'a');

struct RegistryRow {
  std::string text;
  std::string registry;
  std::string repository;
  std::string tag;
  std::string digest;
};

TEST(ParseSource, TakesRegistryNamesApart) {
  const std::vector<RegistryRow> rows = {
      {"docker://localhost", "localhost", "", "", ""},
      {"docker://localhost:5000", "localhost:5000", "", "", ""},
      {"docker://localhost:5000/", "localhost:5000", "", "", ""},
      {"docker://registry.example", "registry.example", "", "", ""},
      {"docker://192.168.1.7:5000/a", "192.168.1.7:5000", "a", "", ""},
      {"docker://[::1]:5000", "[::1]:5000", "", "", ""},
      {"docker://[::1]:5000/a/b:1", "[::1]:5000", "a/b", "1", ""},
      {"docker://host:5000/library/busybox:1.35", "host:5000", "library/busybox", "1.35", ""},
      {"docker://quay.io/a/b/c/d:v1", "quay.io", "a/b/c/d", "v1", ""},
      {"docker://quay.io/a@" + kDigest, "quay.io", "a", "", kDigest},
      {"docker://docker.io/library/nginx", "docker.io", "library/nginx", "", ""},
      {"docker://docker.io/grafana/grafana:1", "docker.io", "grafana/grafana", "1", ""},
  };
  for (const RegistryRow& row : rows) {
    const SourceName name = parse_source(row.text);
    EXPECT_EQ(name.transport, Transport::kRegistry) << row.text;
    EXPECT_EQ(name.text, row.text);
    EXPECT_EQ(name.reference.registry, row.registry) << row.text;
    EXPECT_EQ(name.reference.repository, row.repository) << row.text;
    EXPECT_EQ(name.reference.tag, row.tag) << row.text;
    EXPECT_EQ(name.reference.digest ? name.reference.digest->text() : "", row.digest) << row.text;
  }
}

struct FileRow {
  std::string text;
  Transport transport;
  std::string path;
  std::string name;
};

TEST(ParseSource, TakesPathsAndNamesApart) {
  const std::vector<FileRow> rows = {
      {"oci:layout", Transport::kLayout, "layout", ""},
      {"oci:/a/b/:latest", Transport::kLayout, "/a/b/", "latest"},
      {"oci:/a/b:localhost:5000/c:1", Transport::kLayout, "/a/b", "localhost:5000/c:1"},
      {"oci-archive:x.tar", Transport::kOciArchive, "x.tar", ""},
      {"oci-archive:x.tar.gz:c:1", Transport::kOciArchive, "x.tar.gz", "c:1"},
      {"docker-archive:x.tar:busybox", Transport::kDockerArchive, "x.tar", "busybox"},
      {"docker-archive:x.tar:@1", Transport::kDockerArchive, "x.tar", "@1"},
  };
  for (const FileRow& row : rows) {
    const SourceName name = parse_source(row.text);
    EXPECT_EQ(name.transport, row.transport) << row.text;
    EXPECT_EQ(name.path, row.path) << row.text;
    EXPECT_EQ(name.name, row.name) << row.text;
  }
}

struct RefusedRow {
  std::string text;
  std::string complaint;
  std::string next_step;
};

TEST(ParseSource, RefusesWithTheNextStep) {
  const std::vector<RefusedRow> rows = {
      {"", "expected docker://", ""},
      {"nginx", "expected docker://", ""},
      {"docker:nginx", "expected docker://", ""},
      {"dir:x", "expected docker://", ""},
      {"/srv/web01.img", "or disk: in front", ""},
      {"https://quay.io/a", "expected docker://", ""},
      {"docker://", "expected docker://HOST", ""},
      {"docker://nginx", "names no registry", "write docker://docker.io/library/nginx"},
      {"docker://nginx:1.25", "names no registry", "write docker://docker.io/library/nginx:1.25"},
      {"docker://nginx@" + kDigest, "names no registry",
       "write docker://docker.io/library/nginx@" + kDigest},
      {"docker://library/nginx", "names no registry", "write docker://docker.io/library/nginx"},
      {"docker://docker.io/nginx:1", "Docker Hub", "write docker://docker.io/library/nginx:1"},
      {"docker://host:5000/a:1@" + kDigest, "a tag and a digest", ""},
      {"docker://host:5000/Upper", "Upper", ""},
      {"docker://host:5000/a:", "host:5000/a:", ""},
      {"docker://host:5000/a@sha256:12", "sha256:12", ""},
      {"docker://host:5000//a", "host:5000//a", ""},
      {"docker://host:5000/../a", "host:5000/../a", ""},
      {"docker://host:5000/a\x1b[31m", "\\x1b", ""},
      {"oci:", "expected a path", ""},
      {"oci::latest", "expected a path", ""},
      {"oci-archive:x.tar:", "nothing after", "leave the colon out"},
  };
  for (const RefusedRow& row : rows) {
    try {
      parse_source(row.text);
      ADD_FAILURE() << row.text << " is accepted";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Code::kUsage) << row.text;
      EXPECT_THAT(error.what(), HasSubstr(row.complaint));
      EXPECT_THAT(error.next_step(), HasSubstr(row.next_step));
    }
  }
}

TEST(ParseSource, DoesNotRepeatPasswords) {
  for (const char* text :
       {"docker://user:secret@host:5000/a", "https://user:secret@host/a", "docker://secret@host"}) {
    try {
      parse_source(text);
      ADD_FAILURE() << text << " is accepted";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Code::kUsage);
      EXPECT_THAT(error.what(), Not(HasSubstr("secret")));
      EXPECT_THAT(error.next_step(), Not(HasSubstr("secret")));
    }
  }
}

}  // namespace
}  // namespace seabag::source
