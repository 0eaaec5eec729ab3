// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "digest/hasher.h"
#include "oci/media_types.h"
#include "target/registry_target.h"
#include "testing/scripted_registry.h"

/// What the tests of pushing into a registry share.
namespace seabag::target {

inline const std::string kBlob = "0123456789";

inline oci::Descriptor descriptor_of(const std::string& bytes) {
  return {"application/octet-stream", digest::digest_of(io::bytes_of(bytes)), bytes.size()};
}

inline oci::RawManifest manifest_of(const std::string& text,
                                    std::string_view media_type = oci::media_type::kImageManifest) {
  const auto bytes = io::bytes_of(text);
  return oci::verified({bytes.begin(), bytes.end()}, std::string(media_type), std::nullopt);
}

inline std::string image_text(const std::string& blob, const std::string& more = {}) {
  const std::string descriptor = R"({"mediaType":"application/octet-stream","digest":")" +
                                 testing::digest_text(blob) + R"(","size":)" +
                                 std::to_string(blob.size()) + "}";
  return R"({"schemaVersion":2,"mediaType":")" + std::string(oci::media_type::kImageManifest) +
         R"(","config":)" + descriptor + R"(,"layers":[])" + more + "}";
}

inline std::shared_ptr<registry::Registry> connect(const testing::ScriptedRegistry& server) {
  registry::Access access;
  access.registry = server.name();
  access.plain_http = true;
  access.http.user_agent = "seabag-test";
  access.http.attempts = 3;
  access.own_origin_only = true;
  access.pause = [](std::chrono::milliseconds, const std::stop_token&) {};
  access.credential = [](const std::string&) { return std::nullopt; };
  return std::make_shared<registry::Registry>(std::move(access));
}

inline RegistryTarget open(const testing::ScriptedRegistry& server, std::uint64_t chunk_size = 0,
                           const std::string& prefix = {}) {
  TargetName name{"docker://" + server.name(), Transport::kRegistry, server.name(), prefix, {}};
  return {std::move(name), connect(server), chunk_size};
}

inline void expect_error(Code code, const std::string& text, const std::function<void()>& action) {
  try {
    action();
    ADD_FAILURE() << "expected an Error with " << text;
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code) << error.what();
    EXPECT_THAT(error.what(), ::testing::HasSubstr(text));
  }
}

}  // namespace seabag::target
