// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <gmock/gmock.h>

#include "base/error.h"
#include "http/client.h"
#include "testing/certificate.h"
#include "testing/raw_server.h"
#include "testing/scripted_registry.h"
#include "testing/temp_dir.h"

namespace seabag::http {
namespace {

using ::testing::HasSubstr;
using testing::make_certificate;
using ::testing::Not;
using testing::RawServer;
using testing::ScriptedRegistry;
using testing::TempDir;
using testing::TlsFiles;

class TlsTest : public ::testing::Test {
 protected:
  static int status(const Url& url, Settings settings) {
    Client client(std::move(settings), [](std::chrono::milliseconds, const std::stop_token&) {},
                  {});
    return client.send({.url = url, .max_body_bytes = 1000}).status;
  }

  static Error failure(const Url& url, Settings settings = {}) {
    try {
      return {Code::kInternal, fmt::format("answered with {}", status(url, std::move(settings)))};
    } catch (const Error& error) {
      return error;
    }
  }

  TempDir dir_;
};

TEST_F(TlsTest, TrustsTheIssuerThatIsNamed) {
  const TlsFiles files = make_certificate(dir_.path());
  ScriptedRegistry registry({}, files);
  EXPECT_EQ(status(registry.url("/v2/"), {.ca_file = files.certificate}), 200);
}

TEST_F(TlsTest, RefusesAnIssuerThatIsUnknownAndNamesTheRemedy) {  // F11
  ScriptedRegistry registry({}, make_certificate(dir_.path()));
  const Error error = failure(registry.url("/v2/"));
  EXPECT_EQ(error.code(), Code::kProtocol);
  EXPECT_THAT(error.what(), HasSubstr("self-signed"));
  EXPECT_THAT(error.next_step(), HasSubstr("--ca-file"));
  EXPECT_TRUE(registry.requests().empty());
}

TEST_F(TlsTest, RefusesACertificateForAnotherName) {  // F11
  const TlsFiles files = make_certificate(dir_.path(), "DNS:registry.example");
  ScriptedRegistry registry({}, files);
  const Error error = failure(registry.url("/v2/"), {.ca_file = files.certificate});
  EXPECT_EQ(error.code(), Code::kProtocol);
  EXPECT_THAT(error.next_step(), HasSubstr("made for 127.0.0.1"));
  EXPECT_THAT(error.next_step(), Not(HasSubstr("--ca-file"))) << "the issuer is not what is wrong";
  EXPECT_TRUE(registry.requests().empty());
}

TEST_F(TlsTest, SaysThatTheServerDemandsAClientCertificate) {
  TlsFiles files = make_certificate(dir_.path());
  files.client_ca = files.certificate;
  ScriptedRegistry registry({}, files);
  const Error error = failure(registry.url("/v2/"), {.ca_file = files.certificate});
  EXPECT_EQ(error.code(), Code::kProtocol);
  EXPECT_THAT(error.next_step(), HasSubstr("--client-cert"));
  EXPECT_TRUE(registry.requests().empty());
}

TEST_F(TlsTest, BlamesAClientCertificateThatTheServerDoesNotTake) {
  TlsFiles files = make_certificate(dir_.path());
  files.client_ca = files.certificate;
  ScriptedRegistry registry({}, files);
  const TempDir elsewhere;
  const TlsFiles strange = make_certificate(elsewhere.path());
  const Error error = failure(registry.url("/v2/"), {.ca_file = files.certificate,
                                                     .client_certificate = strange.certificate,
                                                     .client_key = strange.key});
  EXPECT_EQ(error.code(), Code::kProtocol);
  EXPECT_THAT(error.what(), HasSubstr(strange.certificate));
  EXPECT_TRUE(registry.requests().empty());
}

TEST_F(TlsTest, ShowsTheClientCertificate) {
  TlsFiles files = make_certificate(dir_.path());
  files.client_ca = files.certificate;
  ScriptedRegistry registry({}, files);
  const Settings settings = {.ca_file = files.certificate,
                             .client_certificate = files.certificate,
                             .client_key = files.key};
  EXPECT_EQ(status(registry.url("/v2/"), settings), 200);
}

TEST_F(TlsTest, BlamesFilesThatCannotBeUsed) {
  const TlsFiles files = make_certificate(dir_.path());
  ScriptedRegistry registry({}, files);
  const Error no_issuer = failure(registry.url("/v2/"), {.ca_file = dir_ / "absent.pem"});
  EXPECT_EQ(no_issuer.code(), Code::kUsage);
  EXPECT_THAT(no_issuer.what(), HasSubstr("absent.pem"));
  const Error no_certificate =
      failure(registry.url("/v2/"),
              {.ca_file = files.certificate, .client_certificate = dir_ / "absent.pem"});
  EXPECT_EQ(no_certificate.code(), Code::kUsage);
  EXPECT_THAT(no_certificate.what(), HasSubstr("client certificate"));
}

TEST_F(TlsTest, SaysThatTheServerSpeaksPlainHttp) {  // F11
  ScriptedRegistry registry;
  Url url = registry.url("/v2/");
  url.origin.scheme = "https";
  const Error error = failure(url);
  EXPECT_EQ(error.code(), Code::kProtocol);
  EXPECT_THAT(error.next_step(), HasSubstr("--plain-http " + registry.name()));
  EXPECT_TRUE(registry.requests().empty()) << "never falls back";
}

TEST_F(TlsTest, SaysThatTheServerMaySpeakTls) {  // F11
  RawServer server({{.bytes = std::string("\x15\x03\x01\x00\x02\x02\x16", 7)}});
  const Error error = failure(parse_url(server.url("/v2/")));
  EXPECT_EQ(error.code(), Code::kProtocol);
  EXPECT_THAT(error.next_step(), HasSubstr("leave out --plain-http"));
}

TEST_F(TlsTest, SaysSoToAHeadTooWhichSeesNoBody) {
  RawServer server(
      {{.bytes = "HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS "
                 "server.\n"},
       {.bytes = "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"}});
  Client client({}, [](std::chrono::milliseconds, const std::stop_token&) {}, {});
  const Request head{.method = Method::kHead, .url = parse_url(server.url("/v2/x"))};
  try {
    ADD_FAILURE() << client.send(head).status;
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::kProtocol);
    EXPECT_THAT(error.next_step(), HasSubstr("leave out --plain-http"));
  }
  EXPECT_EQ(client.send(head).status, 400) << "with headers it is an answer like any other";
}

TEST_F(TlsTest,
       GivesUpAtOnceWhenTheHandshakeIsRefused) {  // F11: downgrade; the alert is protocol_version
  RawServer server(
      {{.bytes = std::string("\x15\x03\x03\x00\x02\x02\x46", 7), .waits_for_request = false}});
  Url url = parse_url(server.url("/v2/"));
  url.origin.scheme = "https";
  EXPECT_EQ(failure(url).code(), Code::kProtocol);
  EXPECT_EQ(server.received().size(), 1U);
}

TEST_F(TlsTest, TriesAgainWhenTheNetworkBreaksTheHandshake) {  // J1
  RawServer server({{.after = RawServer::After::kReset, .waits_for_request = false}});
  Url url = parse_url(server.url("/v2/"));
  url.origin.scheme = "https";
  EXPECT_EQ(failure(url).code(), Code::kUnavailable);
  EXPECT_EQ(server.received().size(), 5U);
}

TEST_F(TlsTest, DoesNotFollowFromHttpsToHttp) {  // F5
  const TlsFiles files = make_certificate(dir_.path());
  ScriptedRegistry registry({}, files);
  ScriptedRegistry plain;
  registry.script({}, {.status = 307, .headers = {{"Location", plain.url("/x").text()}}});
  EXPECT_EQ(failure(registry.url("/v2/"), {.ca_file = files.certificate}).code(), Code::kProtocol);
  EXPECT_TRUE(plain.requests().empty());
}

}  // namespace
}  // namespace seabag::http
