// SPDX-License-Identifier: Apache-2.0
#include "oci/descriptor.h"

#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/limits.h"
#include "base/text.h"
#include "digest/verifying_sink.h"
#include "io/blob_source.h"
#include "io/bytes.h"

namespace seabag::oci {
namespace {

int base64_value(char digit) {
  static constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const auto value = kDigits.find(digit);
  return value == std::string_view::npos ? -1 : static_cast<int>(value);
}

// RFC 4648 section 4, padding required.
std::optional<io::Bytes> decode_base64(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  const auto padding = text.ends_with("==") ? 2U : text.ends_with('=') ? 1U : 0U;
  text.remove_suffix(padding);
  io::Bytes bytes;
  bytes.reserve(text.size() / 4 * 3 + 2);
  unsigned bits = 0;
  int bit_count = 0;
  for (const char digit : text) {
    const int value = base64_value(digit);
    if (value < 0) return std::nullopt;
    bits = (bits << 6U | static_cast<unsigned>(value)) & 0xFFFFU;
    bit_count += 6;
    if (bit_count < 8) continue;
    bit_count -= 8;
    bytes.push_back(static_cast<std::byte>(bits >> static_cast<unsigned>(bit_count) & 0xFFU));
  }
  return bytes;
}

void verify_data(const Descriptor& descriptor, const std::string& data) try {
  const auto bytes = decode_base64(data);
  if (!bytes) throw Error(Code::kMalformed, "expected base64");
  if (bytes->size() != descriptor.size) {
    throw Error(Code::kIntegrity,
                fmt::format("expected {} bytes, got {}", descriptor.size, bytes->size()));
  }
  digest::verify(io::MemoryBlob(*bytes), descriptor.digest);
} catch (Error& error) {
  error.add_context("\"data\"");
  throw;
}

// Tolerant: what an index says about a child that we may not even want is the index's own affair.
std::optional<Platform> find_platform(const json::Value& descriptor) {
  const json::Value* value = json::find_object(descriptor, "platform");
  if (value == nullptr) return std::nullopt;
  Platform platform{.os = json::find_string(*value, "os").value_or(""),
                    .architecture = json::find_string(*value, "architecture").value_or(""),
                    .variant = json::find_string(*value, "variant").value_or(""),
                    .os_version = json::find_string(*value, "os.version").value_or("")};
  if (platform == Platform()) return std::nullopt;
  return platform;
}

std::vector<std::string> find_urls(const json::Value& descriptor) {
  std::vector<std::string> urls;
  const json::Value* array = json::find_array(descriptor, "urls");
  if (array == nullptr) return urls;
  for (const json::Value& url : *array) {
    if (!url.is_string()) {
      throw Error(Code::kMalformed,
                  fmt::format("\"urls\": expected strings, got {}", url.type_name()));
    }
    urls.push_back(url.get_ref<const std::string&>());
  }
  return urls;
}

nlohmann::ordered_json ordered(const Platform& platform) {
  nlohmann::ordered_json value = {{"architecture", platform.architecture}, {"os", platform.os}};
  if (!platform.os_version.empty()) value["os.version"] = platform.os_version;
  if (!platform.variant.empty()) value["variant"] = platform.variant;
  return value;
}

// Members in the order in which descriptor.md lists them.
nlohmann::ordered_json ordered(const Descriptor& descriptor) {
  nlohmann::ordered_json value = {{"mediaType", descriptor.media_type},
                                  {"digest", descriptor.digest.text()},
                                  {"size", descriptor.size}};
  if (!descriptor.urls.empty()) value["urls"] = descriptor.urls;
  if (!descriptor.annotations.empty()) value["annotations"] = descriptor.annotations;
  if (!descriptor.artifact_type.empty()) value["artifactType"] = descriptor.artifact_type;
  if (descriptor.platform) value["platform"] = ordered(*descriptor.platform);
  return value;
}

}  // namespace

Annotations parse_annotations(const json::Value& object) {
  Annotations annotations;
  const json::Value* members = json::find_object(object, "annotations");
  if (members == nullptr) return annotations;
  for (const auto& [name, value] : members->items()) {
    if (!value.is_string()) {
      throw Error(Code::kMalformed, fmt::format("\"annotations\": {}: expected a string, got {}",
                                                seabag::quoted(name, 80), value.type_name()));
    }
    annotations.emplace(name, value.get_ref<const std::string&>());
  }
  return annotations;
}

std::optional<std::string> find_media_type(const json::Value& object, const char* key) {
  auto type = json::find_string(object, key, limits::kMediaTypeBytes);
  if (!type || type->empty()) return std::nullopt;
  const auto fits_a_header = [](char c) { return c >= 0x20 && c <= 0x7e; };
  if (!std::ranges::all_of(*type, fits_a_header)) {
    throw Error(Code::kMalformed, fmt::format("{}: {} is not a media type", seabag::quoted(key),
                                              seabag::quoted(*type)));
  }
  return type;
}

Descriptor parse_descriptor(const json::Value& value) {
  auto media_type = find_media_type(value, "mediaType");
  if (!media_type) throw Error(Code::kMalformed, "\"mediaType\" is missing");
  Descriptor descriptor{.media_type = *std::move(media_type),
                        .digest = digest::parse_digest(json::require_string(value, "digest")),
                        .size = json::require_size(value, "size"),
                        .artifact_type = find_media_type(value, "artifactType").value_or(""),
                        .platform = find_platform(value),
                        .urls = find_urls(value),
                        .annotations = parse_annotations(value)};
  if (const auto data = json::find_string(value, "data", limits::kManifestBytes)) {
    verify_data(descriptor, *data);
  }
  return descriptor;
}

std::vector<Descriptor> parse_descriptors(const json::Value& document, const char* key) {
  std::vector<Descriptor> descriptors;
  const json::Value* array = json::find_array(document, key);
  if (array == nullptr) return descriptors;
  for (const json::Value& value : *array) {
    try {
      descriptors.push_back(parse_descriptor(value));
    } catch (Error& error) {
      error.add_context(fmt::format("{}[{}]", key, descriptors.size()));
      throw;
    }
  }
  return descriptors;
}

json::Value to_json(const Descriptor& descriptor) {
  return ordered(descriptor);
}

std::string to_json_text(const Descriptor& descriptor) {
  return ordered(descriptor).dump();
}

}  // namespace seabag::oci
