// SPDX-License-Identifier: Apache-2.0
#include "http/client.h"

#include <atomic>
#include <thread>

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "base/error.h"
#include "base/limits.h"
#include "io/memory_sink.h"
#include "testing/raw_server.h"
#include "testing/scripted_registry.h"

namespace seabag::http {
namespace {

using namespace std::string_literals;  // for texts that hold a NUL
using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using testing::RawServer;
using testing::Reply;
using testing::ScriptedRegistry;
using ::testing::SizeIs;

const std::string kBlob = std::string(100'000, 'x') + "end";

/// A client that waits for nothing, and what it would have waited.
class ClientTest : public ::testing::Test {
 protected:
  Client client(Settings settings = {}) {
    settings.user_agent = "seabag-test";
    return Client(
        std::move(settings),
        [this](milliseconds time, const std::stop_token&) { pauses_.push_back(time); },
        stop_.get_token());
  }

  Response get(const Url& url, io::ByteSink* sink = nullptr) {
    return client().send({.url = url, .max_body_bytes = 1000}, sink);
  }

  /// The Error that send() ends in.
  Error failure(const Request& request, io::ByteSink* sink = nullptr, Settings settings = {}) {
    try {
      const Response response = client(std::move(settings)).send(request, sink);
      return {Code::kInternal, fmt::format("answered with {}", response.status)};
    } catch (const Error& error) {
      return error;
    }
  }

  std::stop_source stop_;
  std::vector<milliseconds> pauses_;
  io::MemorySink sink_{1U << 20U, "the blob"};
};

Settings through(const std::string& proxy) {
  return {.https_proxy = proxy, .http_proxy = proxy};
}

RawServer::Script answer(const std::string& head, const std::string& body = "") {
  return {.bytes = head + "\r\n\r\n" + body};
}

TEST_F(ClientTest, ReturnsStatusHeadersAndBody) {
  ScriptedRegistry registry;
  registry.script({}, {.status = 404, .headers = {{"X-Name", " value "}}, .body = "nothing here"});
  const Response response = get(registry.url("/v2/x?q=1"));
  EXPECT_EQ(response.status, 404);
  EXPECT_EQ(response.header("x-name"), "value");
  EXPECT_EQ(response.header("absent"), std::nullopt);
  EXPECT_EQ(io::text_of(response.body), "nothing here");
  EXPECT_EQ(response.url, registry.url("/v2/x?q=1"));
  EXPECT_EQ(registry.requests().at(0).header("user-agent"), "seabag-test");
  EXPECT_EQ(registry.requests().at(0).target, "/v2/x?q=1");
}

TEST_F(ClientTest, PassesABlobToTheSink) {
  ScriptedRegistry registry;
  const auto digest = registry.add_blob("a", kBlob);
  const Response response = get(registry.url("/v2/a/blobs/" + digest.text()), &sink_);
  EXPECT_EQ(response.status, 200);
  EXPECT_THAT(response.body, IsEmpty());
  EXPECT_EQ(io::text_of(sink_.bytes()), kBlob);
}

TEST_F(ClientTest, KeepsErrorsOutOfTheSink) {
  ScriptedRegistry registry;
  const Response response = get(registry.url("/v2/a/blobs/x"), &sink_);
  EXPECT_EQ(response.status, 404);
  EXPECT_THAT(io::text_of(response.body), HasSubstr("NAME_UNKNOWN"));
  EXPECT_THAT(sink_.bytes(), IsEmpty());
}

TEST_F(ClientTest, AsksBeforeTheFirstByteGoesToTheSink) {
  ScriptedRegistry registry;
  const auto digest = registry.add_blob("a", kBlob);
  Request request = {.url = registry.url("/v2/a/blobs/" + digest.text()),
                     .headers = {{"Range", "bytes=50000-"}},
                     .max_body_bytes = 10};
  const auto is_partial = [](const Response& response) {
    return response.status == 206 && response.header("content-range").has_value();
  };
  EXPECT_EQ(client().send(request, &sink_, is_partial).status, 206);
  EXPECT_THAT(sink_.bytes(), SizeIs(kBlob.size() - 50'000));
  // F6: a server that ignores Range.
  registry.script({}, {.ignore_range = true});
  const Response whole = client().send(request, &sink_, is_partial);
  EXPECT_EQ(whole.status, 200);
  EXPECT_THAT(whole.body, SizeIs(10));
  EXPECT_THAT(sink_.bytes(), SizeIs(kBlob.size() - 50'000)) << "nothing was added";
}

TEST_F(ClientTest, TakesContentEncodingAsBytes) {  // F8
  ScriptedRegistry registry;
  registry.script(
      {}, {.status = 200, .headers = {{"Content-Encoding", "gzip"}}, .body = "not really gzip"});
  get(registry.url("/"), &sink_);
  EXPECT_EQ(io::text_of(sink_.bytes()), "not really gzip");
  EXPECT_EQ(registry.requests().at(0).header("accept-encoding"), std::nullopt);
}

TEST_F(ClientTest, SendsEveryMethodWithItsBody) {
  ScriptedRegistry registry;
  registry.script({.count = 0}, {.status = 200});
  const io::MemoryBlob blob(io::bytes_of("0123456789"));
  Client one = client();
  for (const Method method : {Method::kPost, Method::kPut, Method::kPatch}) {
    one.send({.method = method, .url = registry.url("/"), .body = BodyRange{&blob, 2, 5}});
    one.send({.method = method, .url = registry.url("/")});
  }
  for (const Method method : {Method::kGet, Method::kHead, Method::kDelete}) {
    one.send({.method = method, .url = registry.url("/")});
  }
  std::vector<std::string> seen;
  for (const auto& request : registry.requests()) {
    seen.push_back(fmt::format("{} {} {}", request.method,
                               request.header("content-length").value_or("-"), request.body));
    EXPECT_EQ(request.header("expect"), std::nullopt);
  }
  EXPECT_THAT(seen, ElementsAre("POST 5 23456", "POST 0 ", "PUT 5 23456", "PUT 0 ", "PATCH 5 23456",
                                "PATCH 0 ", "GET - ", "HEAD - ", "DELETE - "));
}

TEST_F(ClientTest, KeepsTheConnection) {
  RawServer server({{.bytes = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
                     .after = RawServer::After::kStayOpen}});
  Client one = client();
  one.send({.url = parse_url(server.url("/1")), .max_body_bytes = 10});
  EXPECT_THAT(server.received(), SizeIs(1));
}

TEST_F(ClientTest, RefusesLineBreaksInRequestHeaders) {
  ScriptedRegistry registry;
  for (const std::string& value :
       {std::string("a\r\nX: y"), std::string("a\ny"), std::string("a\0b", 3)}) {
    const Error error = failure({.url = registry.url("/"), .headers = {{"Accept", value}}});
    EXPECT_EQ(error.code(), Code::kMalformed);
    EXPECT_EQ(failure({.url = registry.url("/"), .credentials = {{"Authorization", value}}}).code(),
              Code::kMalformed);
  }
  EXPECT_THAT(registry.requests(), IsEmpty());
}

// What a body is allowed to be.

TEST_F(ClientTest, RefusesASuccessThatIsTooLong) {
  ScriptedRegistry registry;
  registry.script({}, {.status = 200, .body = std::string(1001, 'x')});
  const Error error = failure({.url = registry.url("/"), .max_body_bytes = 1000});
  EXPECT_EQ(error.code(), Code::kProtocol);
  EXPECT_THAT(error.what(), HasSubstr("1000 bytes"));
}

TEST_F(ClientTest, TakesASuccessOfExactlyTheLimit) {
  ScriptedRegistry registry;
  registry.script({}, {.status = 200, .body = std::string(1000, 'x')});
  EXPECT_THAT(get(registry.url("/")).body, SizeIs(1000));
}

TEST_F(ClientTest, DropsABodyThatNobodyWants) {
  ScriptedRegistry registry;
  registry.script({}, {.status = 201, .body = "created"});
  EXPECT_THAT(client().send({.method = Method::kPut, .url = registry.url("/")}).body, IsEmpty());
}

TEST_F(ClientTest, CutsAnEndlessErrorBody) {  // F14
  ScriptedRegistry registry;
  registry.script({}, {.status = 404, .body = std::string(65536, 'x'), .endless = true});
  const Response response = get(registry.url("/"));
  EXPECT_EQ(response.status, 404);
  EXPECT_THAT(response.body, SizeIs(1000));
}

TEST_F(ClientTest, LetsTheSinkEndAnEndlessBlob) {  // F1
  ScriptedRegistry registry;
  registry.script({}, {.status = 200, .body = std::string(65536, 'x'), .endless = true});
  EXPECT_EQ(failure({.url = registry.url("/")}, &sink_).code(), Code::kMalformed)
      << "the sink's own";
  EXPECT_THAT(pauses_, IsEmpty());
}

TEST_F(ClientTest, BringsOutWhatAcceptThrows) {
  ScriptedRegistry registry;
  registry.script({}, {.status = 200, .body = "x"});
  const auto throws = [](const Response&) -> bool { throw Error(Code::kIntegrity, "no"); };
  try {
    client().send({.url = registry.url("/")}, &sink_, throws);
    ADD_FAILURE() << "no Error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::kIntegrity);
  }
}

/// Damaged from some byte on.
class DamagedBlob : public io::BlobSource {
 public:
  explicit DamagedBlob(std::uint64_t good) : good_(good) {}
  std::uint64_t size() const override { return 4U << 20U; }
  void read_at(std::uint64_t offset, std::span<std::byte> out) const override {
    if (offset + out.size() > good_) throw Error(Code::kIntegrity, "blob is damaged");
  }

 private:
  std::uint64_t good_;
};

TEST_F(ClientTest, CutsARequestWhoseBodyIsDamaged) {
  ScriptedRegistry registry;
  for (const std::uint64_t good : {0ULL, 1ULL << 20U, 4ULL << 20U}) {
    const DamagedBlob blob(good);
    const Request request = {.method = Method::kPut,
                             .url = registry.url("/v2/a/blobs/uploads/x"),
                             .body = BodyRange{&blob, 0, blob.size()}};
    const Error error = failure(request);
    if (good == blob.size()) {
      EXPECT_EQ(error.code(), Code::kInternal) << "answered";
      continue;
    }
    EXPECT_EQ(error.code(), Code::kIntegrity);
    EXPECT_STREQ(error.what(), "blob is damaged");
  }
  for (const auto& request : registry.requests())
    EXPECT_THAT(request.body.size(), ::testing::AnyOf(0, 4U << 20U));
  EXPECT_THAT(pauses_, IsEmpty());
}

// Retry.

TEST_F(ClientTest, TriesAgainUntilItWorks) {  // F7
  ScriptedRegistry registry;
  registry.script({.count = 3}, {.status = 503});
  EXPECT_EQ(get(registry.url("/v2/")).status, 200);
  EXPECT_THAT(pauses_, SizeIs(3));
}

TEST_F(ClientTest, GivesUpAndSaysSo) {
  ScriptedRegistry registry;
  registry.script({.count = 0}, {.status = 503});
  const Error error = failure({.url = registry.url("/v2/?sig=secret")});
  EXPECT_EQ(error.code(), Code::kUnavailable);
  EXPECT_EQ(error.what(), fmt::format("GET http://{}/v2/: 503 Service Unavailable after 5 tries",
                                      registry.name()));
  EXPECT_THAT(registry.requests(), SizeIs(5));
}

TEST_F(ClientTest, WaitsAsLongAsRetryAfterSays) {  // F7
  ScriptedRegistry registry;
  registry.script({}, {.status = 429, .headers = {{"Retry-After", "5"}}});
  registry.script({}, {.status = 429, .headers = {{"Retry-After", "1000000000"}}});
  registry.script({}, {.status = 429, .headers = {{"Retry-After", "-1"}}});
  EXPECT_EQ(get(registry.url("/v2/")).status, 200);
  ASSERT_THAT(pauses_, SizeIs(3));
  EXPECT_GE(pauses_[0], milliseconds(5000));
  EXPECT_LE(pauses_[0], milliseconds(6000));
  EXPECT_LE(pauses_[1], milliseconds((limits::kRetryAfterSeconds + 1) * 1000));
  EXPECT_GE(pauses_[1], milliseconds(limits::kRetryAfterSeconds * 1000));
  EXPECT_LE(pauses_[2], milliseconds(4000)) << "backoff";
}

TEST_F(ClientTest, ReturnsWhatIsFinal) {
  ScriptedRegistry registry;
  for (const int status : {400, 401, 403, 404, 413, 501, 507}) {
    registry.script({}, {.status = status});
    EXPECT_EQ(get(registry.url("/v2/")).status, status);
  }
  EXPECT_THAT(pauses_, IsEmpty());
}

TEST_F(ClientTest, RepeatsWhatIsNotIdempotentOnlyIfNothingWasDone) {
  ScriptedRegistry registry;
  Request request = {.method = Method::kPost, .url = registry.url("/v2/"), .idempotent = false};
  registry.script({}, {.status = 500});
  EXPECT_EQ(client().send(request).status, 500);
  registry.script({}, {.drop = true});
  EXPECT_EQ(failure(request).code(), Code::kUnavailable);
  EXPECT_THAT(pauses_, IsEmpty());
  registry.script({}, {.status = 429, .headers = {{"Retry-After", "1"}}});
  EXPECT_EQ(client().send(request).status, 200);
  EXPECT_THAT(pauses_, SizeIs(1));
}

TEST_F(ClientTest, SendsABodyOnceThoughTheConnectionThatWasKeptIsClosed) {
  ScriptedRegistry registry;
  Client keeps = client();
  keeps.send({.url = registry.url("/v2/"), .max_body_bytes = 9});
  registry.script({.method = "PUT", .count = 0}, {.drop = true});
  const io::MemoryBlob blob(io::bytes_of(kBlob));
  const Request request = {.method = Method::kPut,
                           .url = registry.url("/"),
                           .body = BodyRange{&blob, 0, kBlob.size()},
                           .idempotent = false};
  EXPECT_THROW(keeps.send(request), Error);
  EXPECT_EQ(registry.count({.method = "PUT"}), 1U);
}

TEST_F(ClientTest, SendsTheBodyAgainFromItsBeginning) {
  ScriptedRegistry registry;
  registry.script({}, {.status = 503});
  registry.script({}, {.drop = true});
  registry.script({}, {.status = 201});
  const io::MemoryBlob blob(io::bytes_of(kBlob));
  const Request request = {
      .method = Method::kPut, .url = registry.url("/"), .body = BodyRange{&blob, 1, 90'000}};
  EXPECT_EQ(client().send(request).status, 201);
  EXPECT_EQ(registry.requests().back().body, kBlob.substr(1, 90'000));
}

TEST_F(ClientTest, RepeatsWhenNobodyListens) {
  std::string url;
  {
    const RawServer gone;
    url = gone.url("/v2/");
  }
  const Error error = failure({.url = parse_url(url), .idempotent = false});
  EXPECT_EQ(error.code(), Code::kUnavailable);
  EXPECT_THAT(error.what(), HasSubstr("/v2/: connection refused after 5 tries"));
}

TEST_F(ClientTest, SaysThatAHostIsUnknown) {  // J2
  const Error error =
      failure({.url = parse_url("http://registry.invalid/v2/")}, nullptr, {.attempts = 3});
  EXPECT_EQ(error.code(), Code::kUnavailable);
  EXPECT_THAT(error.what(), HasSubstr("registry.invalid"));
}

TEST_F(ClientTest, DoesNotRepeatOnceTheSinkHasBytes) {  // J1
  ScriptedRegistry registry;
  const auto digest = registry.add_blob("a", kBlob);
  registry.script({}, {.cut_after = 50'000});
  const Error error = failure({.url = registry.url("/v2/a/blobs/" + digest.text())}, &sink_);
  EXPECT_EQ(error.code(), Code::kUnavailable);
  EXPECT_THAT(error.what(), HasSubstr("broke off after 50000 bytes"));
  EXPECT_EQ(io::text_of(sink_.bytes()), kBlob.substr(0, 50'000)) << "what came is right";
  EXPECT_THAT(registry.requests(), SizeIs(1));
}

TEST_F(ClientTest, RepeatsWhenTheConnectionBreaksBeforeTheBody) {  // J1
  const std::string head = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n";
  for (const auto after : {RawServer::After::kClose, RawServer::After::kReset}) {
    for (const std::size_t bytes : {std::size_t{0}, std::size_t{1}, std::size_t{20}, head.size()}) {
      RawServer server({{.bytes = head.substr(0, bytes), .after = after},
                        answer("HTTP/1.1 200 OK\r\nContent-Length: 2", "ok")});
      io::MemorySink sink(10, "the blob");
      EXPECT_EQ(get(parse_url(server.url("/")), &sink).status, 200) << bytes;
      EXPECT_EQ(io::text_of(sink.bytes()), "ok") << bytes;
    }
  }
}

TEST_F(ClientTest, NoticesAResetInTheBody) {  // J1, F10
  for (const std::uint64_t bytes : {1U, 50'000U, 100'002U}) {
    ScriptedRegistry registry;
    const auto digest = registry.add_blob("a", kBlob);
    registry.script({.count = 0}, {.cut_after = bytes, .reset = true});
    io::MemorySink sink(1U << 20U, "the blob");
    EXPECT_EQ(failure({.url = registry.url("/v2/a/blobs/" + digest.text())}, &sink).code(),
              Code::kUnavailable);
    EXPECT_LE(sink.bytes().size(), bytes);
    EXPECT_EQ(io::text_of(sink.bytes()), kBlob.substr(0, sink.bytes().size()));
  }
}

TEST_F(ClientTest, NoticesABrokenChunk) {
  RawServer server({answer("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked", "2\r\nok\r\nzz\r\n")});
  EXPECT_EQ(failure({.url = parse_url(server.url("/"))}, &sink_).code(), Code::kUnavailable);
  EXPECT_EQ(io::text_of(sink_.bytes()), "ok");
}

TEST_F(ClientTest, EndsADrip) {  // F10
  ScriptedRegistry registry;
  registry.script(
      {.count = 0},
      {.status = 200, .body = kBlob, .drip_bytes = 1, .drip_interval = milliseconds(400)});
  const auto start = std::chrono::steady_clock::now();
  const Error error = failure({.url = registry.url("/")}, &sink_,
                              {.attempts = 1, .stall_timeout = std::chrono::seconds(1)});
  EXPECT_EQ(error.code(), Code::kUnavailable);
  EXPECT_THAT(error.what(), HasSubstr("broke off"));
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(10));
}

// Redirects.

TEST_F(ClientTest, LeavesCredentialsBehindWhenARedirectLeavesTheOrigin) {  // F5
  ScriptedRegistry registry;
  ScriptedRegistry storage;
  const auto digest = storage.add_blob("a", kBlob);
  registry.script({.method = "GET"},
                  {.status = 307,
                   .headers = {{"Location", storage.url("/v2/a/blobs/" + digest.text()).text()}}});
  const Request request = {.url = registry.url("/blob"),
                           .headers = {{"Accept", "x/y"}},
                           .credentials = {{"Authorization", "Bearer secret"}}};
  const Response response = client().send(request, &sink_);
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.url.origin, storage.url("/").origin);
  EXPECT_EQ(io::text_of(sink_.bytes()), kBlob);
  EXPECT_THAT(registry.authorizations(), ElementsAre("Bearer secret"));
  EXPECT_THAT(storage.authorizations(), IsEmpty());
  EXPECT_EQ(storage.requests().at(0).header("accept"), "x/y");
}

TEST_F(ClientTest, DoesNotGiveCredentialsBackWhenARedirectReturns) {
  ScriptedRegistry registry;
  ScriptedRegistry other;
  registry.script({.target = "/a"},
                  {.status = 307, .headers = {{"Location", other.url("/b").text()}}});
  other.script({.target = "/b"},
               {.status = 307, .headers = {{"Location", registry.url("/c").text()}}});
  registry.script({.target = "/c"}, {.status = 200});
  EXPECT_EQ(
      client()
          .send({.url = registry.url("/a"), .credentials = {{"Authorization", "Basic secret"}}})
          .status,
      200);
  EXPECT_THAT(registry.authorizations(), SizeIs(1));
  EXPECT_THAT(other.authorizations(), IsEmpty());
}

TEST_F(ClientTest, KeepsCredentialsWithinTheOrigin) {
  ScriptedRegistry registry;
  registry.script({.target = "/a"}, {.status = 308, .headers = {{"Location", "/v2/"}}});
  EXPECT_EQ(client()
                .send({.url = registry.url("/a"), .credentials = {{"Authorization", "Basic x"}}})
                .status,
            200);
  EXPECT_THAT(registry.authorizations(), SizeIs(2));
}

TEST_F(ClientTest, EndsALoopOfRedirects) {  // F5
  ScriptedRegistry registry;
  registry.script({.count = 0}, {.status = 302, .headers = {{"Location", "/again"}}});
  EXPECT_EQ(failure({.url = registry.url("/")}).code(), Code::kProtocol);
  EXPECT_THAT(registry.requests(), SizeIs(limits::kRedirects + 1));
}

TEST_F(ClientTest, ReturnsARedirectThatARequestMayNotFollow) {  // G13
  ScriptedRegistry elsewhere;
  ScriptedRegistry registry;
  registry.script({.target = "/here"}, {.status = 307, .headers = {{"Location", "/there"}}});
  registry.script({.target = "/there"},
                  {.status = 307, .headers = {{"Location", elsewhere.url("/x").text()}}});
  const Response response =
      client().send({.url = registry.url("/here"), .max_body_bytes = 9, .stays_at_origin = true});
  EXPECT_EQ(response.status, 307);
  EXPECT_EQ(response.url, registry.url("/there"));
  EXPECT_THAT(elsewhere.requests(), IsEmpty());
}

TEST_F(ClientTest, ConnectsNotToThisMachineWhereThatIsToBeAvoided) {  // F4, C9
  RawServer inside({answer("HTTP/1.1 200 OK\r\nContent-Length: 0")});
  const Request request = {.url = parse_url(inside.url("/")), .avoids_this_machine = true};
  const Error error = failure(request);
  EXPECT_EQ(error.code(), Code::kProtocol);
  EXPECT_THAT(error.what(), HasSubstr("this machine"));
  EXPECT_THAT(pauses_, IsEmpty());
  EXPECT_THAT(inside.received(), IsEmpty()) << "not even a connection was made";
}

TEST_F(ClientTest, TakesNoBodyToAnotherOrigin) {  // G1
  ScriptedRegistry registry;
  ScriptedRegistry sink;
  registry.script({.count = 0}, {.status = 307, .headers = {{"Location", sink.url("/x").text()}}});
  const io::MemoryBlob blob(io::bytes_of("body"));
  const Request request = {
      .method = Method::kPut, .url = registry.url("/"), .body = BodyRange{&blob, 0, 4}};
  EXPECT_EQ(failure(request).code(), Code::kProtocol);
  EXPECT_THAT(sink.requests(), IsEmpty());
}

TEST_F(ClientTest, BeginsAtTheFirstUrlAgainWhenTheTargetFails) {
  ScriptedRegistry registry;
  registry.script({.target = "/a", .count = 0},
                  {.status = 307, .headers = {{"Location", "/signed"}}});
  registry.script({.target = "/signed"}, {.status = 503});
  registry.script({.target = "/signed"}, {.status = 200});
  EXPECT_EQ(get(registry.url("/a")).status, 200);
  EXPECT_EQ(registry.count({.target = "/a"}), 2);
}

// Malformed answers.

struct MalformedCase {
  std::string name;
  std::string bytes;
};

class Malformed : public ClientTest, public ::testing::WithParamInterface<MalformedCase> {};

TEST_P(Malformed, IsAProtocolError) {
  RawServer server({{.bytes = GetParam().bytes}});
  const Error error = failure({.url = parse_url(server.url("/")), .max_body_bytes = 1000});
  EXPECT_EQ(error.code(), Code::kProtocol) << error.what();
  EXPECT_THAT(error.what(), Not(HasSubstr("\x1b")));
  EXPECT_THAT(server.received(), SizeIs(1)) << "not tried again";
}

std::string many_headers(std::size_t count, std::size_t bytes) {
  std::string text = "HTTP/1.1 200 OK\r\n";
  for (std::size_t i = 0; i < count; ++i)
    text += fmt::format("X-{}: {}\r\n", i, std::string(bytes, 'x'));
  return text + "Content-Length: 0\r\n\r\n";
}

const MalformedCase kMalformed[] = {
    {"NoHttp", "\x1b[31mSSH-2.0-OpenSSH_9.2\r\n"},
    {"TlsAlert", std::string("\x15\x03\x01\x00\x02\x02\x16", 7)},
    {"TooManyHeaders", many_headers(limits::kHeaderCount + 1, 1)},
    {"TooLargeHeaders", many_headers(20, 8000)},
    {"OneHugeHeader", many_headers(1, 90'000)},
    {"NulInHeader", "HTTP/1.1 200 OK\r\nX: a\0b\r\n\r\n"s},
    {"NegativeLength", "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"},
    {"RedirectWithoutLocation", "HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n"},
    {"RedirectToFile",
     "HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\n\r\n"},
    {"PlainHttpSpokenToGo",
     "HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n"},
};

INSTANTIATE_TEST_SUITE_P(, Malformed, ::testing::ValuesIn(kMalformed),
                         [](const auto& test) { return test.param.name; });

TEST_F(ClientTest, SaysThatTheServerSpeaksTls) {  // F11
  RawServer server(
      {{.bytes =
            "HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n"}});
  const Error error = failure({.url = parse_url(server.url("/")), .max_body_bytes = 1000});
  EXPECT_EQ(
      error.next_step(),
      fmt::format("if the server speaks TLS, leave out --plain-http 127.0.0.1:{}", server.port()));
}

TEST_F(ClientTest, JoinsFoldedHeadersAndPassesOverInterimAnswers) {
  RawServer server(
      {answer("HTTP/1.1 100 Continue\r\nX-Interim: 1\r\n\r\nHTTP/1.1 200 OK\r\nX: a\r\n\t "
              "b\r\nContent-Length: 0")});
  const Response response = get(parse_url(server.url("/")));
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.header("x"), "a b");
  EXPECT_EQ(response.header("x-interim"), std::nullopt);
}

// Proxies.

TEST_F(ClientTest, GoesThroughTheProxyThatIsSet) {
  RawServer proxy({answer("HTTP/1.1 200 OK\r\nContent-Length: 2", "ok")});
  Client by_proxy =
      client({.http_proxy = fmt::format("http://user:password@127.0.0.1:{}", proxy.port())});
  EXPECT_EQ(
      by_proxy.send({.url = parse_url("http://registry.example/v2/"), .max_body_bytes = 9}).status,
      200);
  EXPECT_THAT(proxy.received().at(0), HasSubstr("GET http://registry.example/v2/ HTTP/1.1"));
  EXPECT_THAT(proxy.received().at(0), HasSubstr("Proxy-Authorization: Basic "));
}

TEST_F(ClientTest, AsksTheProxyNotForHostsThatAreExcepted) {
  ScriptedRegistry registry;
  RawServer proxy;
  Client past_it = client(
      {.http_proxy = fmt::format("http://127.0.0.1:{}", proxy.port()), .no_proxy = "127.0.0.1"});
  EXPECT_EQ(past_it.send({.url = registry.url("/v2/"), .max_body_bytes = 9}).status, 200);
  EXPECT_THAT(proxy.received(), IsEmpty());
}

TEST_F(ClientTest, HasAProxyForEachScheme) {
  RawServer plain({answer("HTTP/1.1 200 OK\r\nContent-Length: 2", "ok")});
  RawServer tunnel({answer("HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0")});
  Client by_proxy = client({.https_proxy = fmt::format("http://127.0.0.1:{}", tunnel.port()),
                            .http_proxy = fmt::format("http://127.0.0.1:{}", plain.port()),
                            .attempts = 1});
  EXPECT_EQ(
      by_proxy.send({.url = parse_url("http://registry.example/"), .max_body_bytes = 9}).status,
      200);
  EXPECT_THAT(tunnel.received(), IsEmpty());
  EXPECT_THROW(by_proxy.send({.url = parse_url("https://registry.example/")}), Error);
  EXPECT_THAT(tunnel.received().at(0), HasSubstr("CONNECT registry.example:443"));
  EXPECT_THAT(plain.received(), SizeIs(1));
}

TEST_F(ClientTest, IgnoresTheEnvironmentsProxy) {
  ScriptedRegistry registry;
  ASSERT_EQ(::setenv("http_proxy", "http://127.0.0.1:1", 1), 0);
  EXPECT_EQ(get(registry.url("/v2/")).status, 200);
  ASSERT_EQ(::unsetenv("http_proxy"), 0);
}

TEST_F(ClientTest, SaysThatTheProxyDemandsALogin) {  // J5
  for (const std::string scheme : {"http", "https"}) {
    RawServer proxy(
        {answer("HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: "
                "Basic\r\nContent-Length: 0")});
    const Error error = failure({.url = parse_url(scheme + "://registry.example/v2/")}, nullptr,
                                through(fmt::format("http://127.0.0.1:{}", proxy.port())));
    EXPECT_EQ(error.code(), Code::kDenied) << error.what();
    EXPECT_THAT(error.next_step(), HasSubstr("https_proxy"));
  }
}

TEST_F(ClientTest, NamesTheProxyThatCannotBeReachedAndNotItsPassword) {
  for (const std::string scheme : {"http", "https"}) {
    const Error error = failure({.url = parse_url(scheme + "://registry.example/v2/")}, nullptr,
                                through("http://user:secret@127.0.0.1:1"));
    EXPECT_EQ(error.code(), Code::kUnavailable);
    EXPECT_THAT(error.what(), HasSubstr("proxy 127.0.0.1:1"));
    EXPECT_THAT(error.what(), Not(HasSubstr("secret")));
  }
}

TEST_F(ClientTest, RefusesAProxyThatIsNoneBeforeItAsksAnybody) {
  const Error error = failure({.url = parse_url("http://registry.example/v2/")}, nullptr,
                              through("http://user:secret@proxy:port"));
  EXPECT_EQ(error.code(), Code::kUsage);
  EXPECT_THAT(error.what(), Not(HasSubstr("secret")));
}

TEST_F(ClientTest, TriesAgainWhenTheProxyDropsAConnect) {  // J5
  RawServer proxy;
  const Error error = failure({.url = parse_url("https://registry.example/v2/")}, nullptr,
                              through(fmt::format("http://127.0.0.1:{}", proxy.port())));
  EXPECT_EQ(error.code(), Code::kUnavailable) << error.what();
  EXPECT_THAT(proxy.received(), SizeIs(5));
}

// Stop.

TEST_F(ClientTest, StopsInTheMiddleOfATransfer) {
  ScriptedRegistry registry;
  registry.script({.count = 0}, {.status = 200, .delay = std::chrono::seconds(20)});
  std::jthread stopper([this, &registry] {
    while (registry.requests().empty()) std::this_thread::yield();
    stop_.request_stop();
  });
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(failure({.url = registry.url("/")}).code(), Code::kCancelled);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5));
}

TEST_F(ClientTest, StopsInAPause) {
  ScriptedRegistry registry;
  registry.script({.count = 0}, {.status = 503, .headers = {{"Retry-After", "60"}}});
  std::jthread stopper([this, &registry] {
    while (registry.requests().empty()) std::this_thread::yield();
    stop_.request_stop();
  });
  Client waits(Settings{}, real_pause(), stop_.get_token());
  try {
    waits.send({.url = registry.url("/")});
    ADD_FAILURE() << "no Error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::kCancelled);
  }
}

}  // namespace
}  // namespace seabag::http
