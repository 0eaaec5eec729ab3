// SPDX-License-Identifier: Apache-2.0
#include "source/registry_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "io/posix_file_system.h"
#include "oci/media_types.h"
#include "oci/referrers.h"
#include "source/open_source.h"
#include "source/test_files_internal.h"
#include "testing/scripted_registry.h"

namespace seabag::source {
namespace {

using seabag::testing::Match;
using seabag::testing::Reply;
using seabag::testing::ScriptedRegistry;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

const std::string kOctets = "application/octet-stream";

class RegistrySourceTest : public ::testing::Test {
 protected:
  static http::Settings settings() {
    http::Settings settings;
    settings.user_agent = "test";
    settings.attempts = 2;
    return settings;
  }
  static http::Pause no_pause() {
    return [](std::chrono::milliseconds, const std::stop_token&) {};
  }

  /// `rest`: what follows the registry in the source's name.
  std::unique_ptr<ImageSource> open(const std::string& rest = {},
                                    bool with_foreign_layers = false) {
    Surroundings surroundings;
    surroundings.files = files_.get();
    surroundings.registry = [](const std::string& name) {
      registry::Access access;
      access.registry = name;
      access.plain_http = true;
      access.http = settings();
      access.credential = [](const std::string&) { return std::nullopt; };
      access.pause = no_pause();
      return std::make_shared<registry::Registry>(access);
    };
    if (with_foreign_layers) {
      surroundings.foreign_client = [] {
        return std::make_unique<http::Client>(settings(), no_pause(), std::stop_token());
      };
    }
    return open_source(parse_source("docker://" + server_.name() + rest), surroundings);
  }

  oci::Reference name(const std::string& text) const {
    return oci::parse_reference(server_.name() + "/" + text);
  }

  oci::Descriptor add_blob(const std::string& text) {
    return {.media_type = kOctets, .digest = server_.add_blob("a", text), .size = text.size()};
  }

  template <class Action>
  Error error_of(Action action) {
    try {
      action();
    } catch (const Error& error) {
      return error;
    }
    ADD_FAILURE() << "nothing is thrown";
    return {Code::kInternal, ""};
  }

  std::unique_ptr<io::FileSystem> files_ = io::posix_file_system();
  ScriptedRegistry server_{{.page_size = 2}};
};

TEST_F(RegistrySourceTest, ListsAllRepositoriesAndTagsOverAllPages) {
  for (const char* repository : {"a", "b/c", "d", "e", "f"})
    add_image(server_, repository, "1", {"layer"});
  for (const char* tag : {"2", "3", "4"}) add_image(server_, "a", tag, {"layer"});
  std::vector<std::string> expected;
  for (const char* text : {"a:1", "a:2", "a:3", "a:4", "b/c:1", "d:1", "e:1", "f:1"}) {
    expected.push_back(server_.name() + "/" + text);
  }
  EXPECT_EQ(names_in(*open()), expected);
}

TEST_F(RegistrySourceTest, ReadsNoListWhereTheNameSaysIt) {
  const auto digest = add_image(server_, "a", "1", {"layer"});
  EXPECT_THAT(names_in(*open("/a:1")), ElementsAre(server_.name() + "/a:1"));
  const auto source = open("/a@" + digest.text());
  EXPECT_THAT(names_in(*source), ElementsAre(server_.name() + "/a@" + digest.text()));
  EXPECT_THAT(server_.requests(), IsEmpty());
  EXPECT_EQ(source->manifest(name("a@" + digest.text())).digest(), digest);
  EXPECT_EQ(source->manifest(name("a:1")).digest(), digest);
}

struct CatalogRow {
  int status;
  Code code;
};

TEST_F(RegistrySourceTest, AsksForNamesWhereThereIsNoCatalog) {
  for (const CatalogRow& row :
       {CatalogRow{404, Code::kRefused}, {405, Code::kRefused}, {403, Code::kDenied}}) {
    server_.forget_scripts();
    server_.script({.target = "/v2/_catalog.*"}, {.status = row.status, .body = "{}"});
    const Error error = error_of([&] { open()->repositories(); });
    EXPECT_EQ(error.code(), row.code) << row.status;
    EXPECT_THAT(error.what(), HasSubstr("does not list its repositories")) << row.status;
    EXPECT_THAT(error.what(), HasSubstr(server_.name())) << row.status;
  }
}

struct ListRow {
  std::string name;
  std::string body;
  Code code;
};

TEST_F(RegistrySourceTest, RefusesListsOfWhatIsNoName) {
  const std::vector<ListRow> rows = {
      {"Empty", R"({"tags":[""]})", Code::kProtocol},
      {"Number", R"({"tags":[1]})", Code::kProtocol},
      {"NoList", R"({"tags":{}})", Code::kMalformed},
      {"LoginPage", "<html>", Code::kProtocol},
  };
  for (const ListRow& row : rows) {
    server_.forget_scripts();
    server_.script({.target = "/v2/a/tags/list.*"}, {.status = 200, .body = row.body});
    const Error error = error_of([&] { open()->references(name("a")); });
    EXPECT_EQ(error.code(), row.code) << row.name;
  }
}

TEST_F(RegistrySourceTest, TakesNullForNoTagsAndNamesEachOnce) {
  server_.script({.target = "/v2/a/.*"}, {.status = 200, .body = R"({"name":"a","tags":null})"});
  server_.script({.target = "/v2/b/.*"},
                 {.status = 200, .body = R"({"name":"b","tags":["2","1","2"]})"});
  EXPECT_THAT(open("/a")->references(name("a")), IsEmpty());
  EXPECT_THAT(open("/b")->references(name("b")), ElementsAre(name("b:1"), name("b:2")));
}

// One that is listed must not cost the others, nor go into a URL.
TEST_F(RegistrySourceTest, RefusesWhatIsNoNameWhereItIsUsed) {
  server_.script({.target = "/v2/_catalog.*"},
                 {.status = 200, .body = R"({"repositories":["a","../v2/b","Bad"]})"});
  server_.script({.target = "/v2/a/tags/list.*"},
                 {.status = 200, .body = R"({"tags":["1","v1+build","../../x","a\u001b[31m"]})"});
  const auto source = open();
  const auto repositories = source->repositories();
  ASSERT_EQ(repositories.size(), 3U);
  std::size_t refused = 0;
  for (const oci::Reference& repository : repositories) {
    if (repository.repository == "a") continue;
    const Error error = error_of([&] { source->references(repository); });
    EXPECT_EQ(error.code(), Code::kProtocol);
    EXPECT_THAT(error.what(), HasSubstr("no name of a repository"));
    ++refused;
  }
  EXPECT_EQ(refused, 2U);
  const auto tags = source->references(name("a"));
  ASSERT_EQ(tags.size(), 4U);
  server_.forget_requests();
  for (const oci::Reference& tag : tags) {
    if (tag.tag == "1") continue;
    const Error error = error_of([&] { source->manifest(tag); });
    EXPECT_EQ(error.code(), Code::kProtocol);
    EXPECT_THAT(error.what(), HasSubstr("no tag"));
    EXPECT_EQ(std::string_view(error.what()).find('\x1b'), std::string_view::npos);
  }
  EXPECT_EQ(server_.count({.target = ".*"}), 0);
}

TEST_F(RegistrySourceTest, MissesOnlyARepositoryThatWasNamed) {
  EXPECT_EQ(error_of([&] { open("/absent")->references(name("absent")); }).code(), Code::kRefused);
  EXPECT_THAT(open()->references(name("absent")), IsEmpty());
  EXPECT_EQ(error_of([&] { open()->manifest(name("absent:1")); }).code(), Code::kRefused);
}

std::vector<std::string> texts_of(const std::vector<Attached>& attached) {
  std::vector<std::string> texts;
  for (const Attached& entry : attached)
    texts.push_back(entry.tag + "@" + entry.manifest.digest.text());
  return texts;
}

/// A registry with an image, a referrer in the fallback tag's index, and a cosign signature.
class AttachedTest : public RegistrySourceTest {
 protected:
  AttachedTest() {
    const auto index = fmt::format(
        R"({{"schemaVersion":2,"mediaType":"{}","manifests":[{{"mediaType":"{}","digest":"{}","size":{}}}]}})",
        oci::media_type::kImageIndex, oci::media_type::kImageManifest, listed_.text(),
        size_of(listed_));
    fallback_ =
        server_.add_manifest("a", fallback_tag_, std::string(oci::media_type::kImageIndex), index);
    signature_ = add_image(server_, "a", signature_tag_, {"signature"});
  }

  std::size_t size_of(const digest::Digest& digest) const {
    return server_.find_manifest("a", digest.text())->bytes.size();
  }
  std::vector<std::string> attached(ImageSource& source) {
    return texts_of(source.attached(name("a"), image_));
  }

  digest::Digest image_ = add_image(server_, "a", "1", {"layer"});
  digest::Digest listed_ = add_image(server_, "a", "", {"sbom"});
  std::string fallback_tag_ = oci::referrers_tag(image_);
  std::string signature_tag_ = oci::cosign_tags(image_)[0];
  digest::Digest fallback_ = listed_;
  digest::Digest signature_ = listed_;
};

TEST_F(AttachedTest, AreTheReferrersAndTheTags) {
  const auto referrer = add_image(server_, "a", "", {"vex"}, image_.text());
  const auto source = open("/a:1");
  EXPECT_THAT(attached(*source),
              UnorderedElementsAre("@" + referrer.text(), fallback_tag_ + "@" + fallback_.text(),
                                   "@" + listed_.text(), signature_tag_ + "@" + signature_.text()));
  EXPECT_THAT(source->attached(name("a"), signature_), IsEmpty());
}

TEST_F(AttachedTest, ComeFromTheTagsWhereThereIsNoApi) {
  const std::vector<std::string> expected = {fallback_tag_ + "@" + fallback_.text(),
                                             "@" + listed_.text(),
                                             signature_tag_ + "@" + signature_.text()};
  const std::vector<Reply> answers = {
      {.status = 404, .body = "{}"},
      {.status = 405, .body = "{}"},
      {.status = 400, .body = "{}"},
      {.status = 403, .body = "{}"},
      {.status = 200, .body = "<html>log in</html>"},
      {.status = 200, .body = "{}"},
      {.status = 200, .body = R"({"mediaType":"application/json","manifests":[]})"},
  };
  for (const Reply& answer : answers) {
    server_.forget_scripts();
    server_.forget_requests();
    server_.script({.target = "/v2/a/referrers/.*", .count = 0}, answer);
    const auto source = open("/a:1");
    EXPECT_EQ(attached(*source), expected) << answer.status;
    EXPECT_EQ(attached(*source), expected) << answer.status;
    EXPECT_EQ(server_.count({.target = "/v2/a/referrers/.*"}), answer.status == 404 ? 1 : 2)
        << "for " << answer.status;
  }
}

TEST_F(AttachedTest, AreNotLostForOneAnswerOfAProxyInABadMoment) {
  const auto referrer = add_image(server_, "a", "", {"vex"}, image_.text());
  for (const Reply& answer :
       {Reply{.status = 403, .body = "{}"}, Reply{.status = 200, .body = "<html>log in</html>"}}) {
    server_.forget_scripts();
    server_.script({.target = "/v2/a/referrers/.*", .count = 1}, answer);
    EXPECT_THAT(attached(*open("/a:1")), Contains("@" + referrer.text())) << answer.status;
  }
}

TEST_F(AttachedTest, AreAFailureWhereTheApiWasThereBefore) {
  for (const Reply& answer :
       {Reply{.status = 404, .body = "{}"}, Reply{.status = 403, .body = "{}"},
        Reply{.status = 200, .body = "<html>log in</html>"}}) {
    server_.forget_scripts();
    const auto source = open("/a:1");
    source->attached(name("a"), image_);
    server_.script({.target = "/v2/a/referrers/.*", .count = 1}, answer);
    EXPECT_THAT(error_of([&] { source->attached(name("a"), signature_); }).what(),
                HasSubstr("listing the referrers of " + signature_.text()))
        << answer.status;
    EXPECT_NO_THROW(source->attached(name("a"), signature_)) << answer.status;
  }
}

TEST_F(AttachedTest, AreNotLostWhenTheRegistryIsOverloaded) {
  server_.script({.target = "/v2/a/referrers/.*", .count = 0}, {.status = 503, .body = "{}"});
  const auto source = open("/a:1");
  EXPECT_EQ(error_of([&] { attached(*source); }).code(), Code::kUnavailable);
}

TEST_F(AttachedTest, AreLookedForInOneListOfTags) {
  const auto source = open("/a");
  source->attached(name("a"), image_);
  source->attached(name("a"), signature_);
  source->attached(name("a"), listed_);
  const std::size_t pages = server_.tags("a").size();  // at two names a page, fewer than this
  EXPECT_LT(server_.count({.target = "/v2/a/tags/list.*"}), pages);
  EXPECT_EQ(server_.count({.target = "/v2/a/manifests/.*"}), 2);
}

TEST_F(AttachedTest, AreProbedForWhereTagsAreNotListed) {
  for (const int status : {403, 404, 405}) {
    server_.forget_scripts();
    server_.forget_requests();
    server_.script({.target = "/v2/a/tags/list.*", .count = 0}, {.status = status, .body = "{}"});
    const auto source = open("/a:1");
    EXPECT_THAT(attached(*source), ::testing::SizeIs(3)) << status;
    EXPECT_EQ(server_.count({.target = "/v2/a/manifests/sha256-.*"}), 4) << status;
    source->attached(name("a"), signature_);
    EXPECT_EQ(server_.count({.target = "/v2/a/tags/list.*"}), 1) << status;
  }
}

TEST_F(RegistrySourceTest, ReadsBlobsFromAnOffset) {
  const auto blob = add_blob("0123456789");
  const auto source = open();
  EXPECT_EQ(read_blob_text(*source, name("a"), blob), "0123456789");
  EXPECT_EQ(read_blob_text(*source, name("a"), blob, 4), "456789");
  server_.forget_requests();
  EXPECT_EQ(read_blob_text(*source, name("a"), blob, 10), "");
  EXPECT_THAT(server_.requests(), IsEmpty());
  server_.script({.target = "/v2/a/blobs/.*", .count = 0}, {.ignore_range = true});
  EXPECT_EQ(read_blob_text(*source, name("a"), blob, 4), "456789");
}

struct BlobRow {
  std::string name;
  Reply reply;
  Code code;
};

TEST_F(RegistrySourceTest, SaysWhyABlobCannotBeRead) {
  const auto blob = add_blob("0123456789");
  const std::vector<BlobRow> rows = {
      {"NotFound", {.status = 404, .body = "{}"}, Code::kRefused},
      {"Forbidden", {.status = 403, .body = "{}"}, Code::kDenied},
      {"Overloaded", {.status = 503, .body = "{}"}, Code::kUnavailable},
      {"NotSatisfiable", {.status = 416, .body = ""}, Code::kProtocol},
      {"OtherRange",
       {.status = 206, .headers = {{"Content-Range", "bytes 3-9/10"}}, .body = "3456789"},
       Code::kProtocol},
      {"NoContentRange", {.status = 206, .body = "456789"}, Code::kProtocol},
      {"NoContent", {.status = 204}, Code::kProtocol},
  };
  for (const BlobRow& row : rows) {
    server_.forget_scripts();
    server_.script({.target = "/v2/a/blobs/.*", .count = 0}, row.reply);
    io::MemorySink memory(100, "blob");
    const Error error = error_of([&] { open()->read_blob(name("a"), blob, 4, memory); });
    EXPECT_EQ(error.code(), row.code) << row.name << ": " << error.what();
    EXPECT_THAT(memory.bytes(), IsEmpty()) << row.name;
  }
}

TEST_F(RegistrySourceTest, KeepsWhatCameBeforeAConnectionBroke) {
  const auto blob = add_blob("0123456789");
  const auto source = open();
  io::MemorySink memory(100, "blob");
  server_.script({.target = "/v2/a/blobs/.*"}, {.cut_after = 6});
  EXPECT_EQ(error_of([&] { source->read_blob(name("a"), blob, 0, memory); }).code(),
            Code::kUnavailable);
  source->read_blob(name("a"), blob, memory.bytes().size(), memory);
  EXPECT_EQ(io::text_of(memory.bytes()), "0123456789");
}

/// A layer whose bytes lie on a second server.
class ForeignLayerTest : public RegistrySourceTest {
 protected:
  oci::Descriptor layer_at(const std::vector<std::string>& urls) const {
    return {.media_type = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
            .digest = bytes_,
            .size = 10,
            .urls = urls};
  }
  std::string good_url() const { return elsewhere_.url("/v2/x/blobs/" + bytes_.text()).text(); }
  std::string absent_url() const {
    return elsewhere_.url("/v2/x/blobs/sha256:" + std::string(64, '0')).text();
  }

  ScriptedRegistry elsewhere_;
  digest::Digest bytes_ = elsewhere_.add_blob("x", "0123456789");
};

TEST_F(ForeignLayerTest, IsRefusedUnlessAskedFor) {
  const Error error = error_of([&] { read_blob_text(*open(), name("a"), layer_at({good_url()})); });
  EXPECT_EQ(error.code(), Code::kRefused);
  EXPECT_THAT(error.next_step(), HasSubstr("--foreign-layers"));
  EXPECT_THAT(elsewhere_.requests(), IsEmpty());
}

TEST_F(ForeignLayerTest, ComesFromTheFirstUrlThatHasIt) {
  const auto source = open({}, true);
  const auto layer = layer_at({"ftp://example.com/layer", absent_url(), good_url(), absent_url()});
  EXPECT_EQ(read_blob_text(*source, name("a"), layer), "0123456789");
  EXPECT_EQ(read_blob_text(*source, name("a"), layer, 4), "456789");
  EXPECT_THAT(elsewhere_.authorizations(), IsEmpty());
}

TEST_F(ForeignLayerTest, SaysWhatTheLastUrlAnswered) {
  const auto source = open({}, true);
  EXPECT_EQ(error_of([&] { read_blob_text(*source, name("a"), layer_at({})); }).code(),
            Code::kRefused);
  const Error refused =
      error_of([&] { read_blob_text(*source, name("a"), layer_at({absent_url()})); });
  EXPECT_EQ(refused.code(), Code::kRefused);
  EXPECT_THAT(refused.what(), HasSubstr(absent_url()));
  const Error scheme =
      error_of([&] { read_blob_text(*source, name("a"), layer_at({"file:///etc/passwd"})); });
  EXPECT_EQ(scheme.code(), Code::kProtocol);
  const std::string secret = "http://user:secret@" + elsewhere_.name() + "/layer?signature=secret";
  const Error login = error_of([&] { read_blob_text(*source, name("a"), layer_at({secret})); });
  EXPECT_THAT(login.what(), HasSubstr("foreign layer from \"@" + elsewhere_.name() + "/layer\""));
  EXPECT_THAT(login.what(), ::testing::Not(HasSubstr("secret")));
}

TEST_F(ForeignLayerTest, GoesOnBehindWhatCame) {
  const auto source = open({}, true);
  elsewhere_.script({.target = "/v2/x/blobs/.*"}, {.cut_after = 6});
  const auto layer = layer_at({good_url(), good_url()});
  io::MemorySink memory(100, "blob");
  EXPECT_EQ(error_of([&] { source->read_blob(name("a"), layer, 0, memory); }).code(),
            Code::kUnavailable);
  EXPECT_EQ(io::text_of(memory.bytes()), "012345");
}

TEST_F(ForeignLayerTest, IsNotFetchedFromThisMachineForARemoteImage) {
  const auto make_client = [] {
    return std::make_unique<http::Client>(settings(), no_pause(), std::stop_token());
  };
  io::MemorySink memory(100, "blob");
  const Error error = error_of([&] {
    read_foreign_layer(make_client, layer_at({good_url()}), LocalUrls::kRefused, 0, memory);
  });
  EXPECT_EQ(error.code(), Code::kProtocol);
  EXPECT_THAT(elsewhere_.requests(), IsEmpty());
}

TEST_F(RegistrySourceTest, TellsTheSizeOfABlobWhateverItsDescriptorSays) {
  add_image(server_, "a", "1", {"layer"});
  const auto source = open();
  oci::Descriptor blob = add_blob("four");
  blob.size = 7;
  EXPECT_EQ(source->find_size(name("a"), blob), 4U);
  blob.media_type = oci::media_type::kImageManifest;
  EXPECT_EQ(source->find_size(name("a"), blob), 4U) << "what it is called is not certain either";
  blob.media_type = kOctets;
  const oci::RawManifest image = source->manifest(name("a:1"));
  oci::Descriptor manifest = image.descriptor();
  manifest.size = 7;
  EXPECT_EQ(source->find_size(name("a"), manifest), image.bytes().size());
  manifest.media_type = kOctets;
  EXPECT_EQ(source->find_size(name("a"), manifest), image.bytes().size());
  blob.digest = digest::digest_of(io::bytes_of("elsewhere"));
  manifest.digest = blob.digest;
  EXPECT_EQ(source->find_size(name("a"), blob), std::nullopt);
  EXPECT_EQ(source->find_size(name("a"), manifest), std::nullopt);
}

// A proxy that answers HEAD by a response without a body counts that.
TEST_F(RegistrySourceTest, TakesAnAnswerOfNoBytesForNoSize) {
  const oci::Descriptor blob = add_blob("four");
  server_.script({.method = "HEAD", .target = "/v2/a/blobs/.*"}, {.status = 200, .body = ""});
  EXPECT_EQ(open()->find_size(name("a"), blob), std::nullopt);
}

}  // namespace
}  // namespace seabag::source
