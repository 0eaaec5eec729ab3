// SPDX-License-Identifier: Apache-2.0
// Any text as a JSON document: read whole, and element by element.

#include <nlohmann/json.hpp>

#include "base/limits.h"
#include "harness.h"
#include "json/json.h"

using namespace seabag;

namespace {

constexpr const char* kKey = "manifests";

/// What parse_list() visits is what stands in the list, in its order.
void read_list(std::string_view text, const json::Value& whole, const char* key) {
  json::Value visited = json::Value::array();
  json::parse_list(text, "list", key, limits::kLayoutImages,
                   [&](const json::Value& element) { visited.push_back(element); });
  json::Value list = json::Value::array();
  if (key == nullptr && whole.is_array()) list = whole;
  if (key != nullptr && whole.is_object() && whole.contains(key) && whole[key].is_array()) {
    list = whole[key];
  }
  fuzz::require(visited == list, "a list read by elements is the list");
}

/// Whatever a member is, it is given as the one kind that it is of.
void read_members(const json::Value& object) {
  const auto read = [&](const auto& as_kind) {
    fuzz::accept_or_refuse([&] {
      if (as_kind()) fuzz::require(object.contains("size"), "what is given is there");
    });
  };
  read([&] { return json::find_size(object, "size").has_value(); });
  read([&] { return json::find_string(object, "size", 5).has_value(); });
  read([&] { return json::find_object(object, "size") != nullptr; });
  read([&] { return json::find_array(object, "size") != nullptr; });
  fuzz::accept_or_refuse([&] { json::require_size(object, "size"); });
  fuzz::accept_or_refuse([&] { json::require_string(object, "size", 5); });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::text_of(data, size);
  fuzz::accept_or_refuse([&] {
    const json::Value document = json::parse(text, "text");
    fuzz::require(document == json::Value::parse(text), "what is accepted is JSON");
    fuzz::require(json::parse(document.dump(), "text") == document, "it survives being written");
    read_list(text, document, nullptr);
    read_list(text, document, kKey);
    read_members(document);
  });
  return 0;
}
