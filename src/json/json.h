// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

/// JSON from strangers: a first pass refuses what readers could read differently or what would cost
/// too much, and typed getters refuse what nlohmann::json would convert in silence.
/// Source: RFC 8259; RFC 7493 (I-JSON) for duplicate names.
namespace seabag::json {

using Value = nlohmann::json;

/// Errors: kMalformed, naming `what` and the byte offset: not UTF-8, not JSON, a byte order mark,
///         anything after the document, a name twice in one object (for the names that OCI and
///         Docker documents give a meaning, also when they differ in case alone), deeper than
///         limits::kJsonDepth, more than limits::kJsonValues values.
/// Memory: bounded by those limits whatever the text.
Value parse(std::string_view text, const std::string& what);

/// A document's text around a list: `before` ends with its bracket, `after` begins with it.
struct AroundList {
  std::string_view before;
  std::string_view after;
};

/// A document that is one long list, or an object with one: `visit` gets the text of each element
/// in order, as it stands there.
///
/// `key`: of the list in the document; null: the document is the list.
/// Returns: nothing, and visits nothing, where the list is absent or no array.
/// Errors:  as parse(), before anything is visited, but limits::kJsonValues bounds each element and
///          what is around the list; more than `max_elements`; what `visit` throws, with the
///          position.
std::optional<AroundList> split_list(std::string_view text, const std::string& what,
                                     const char* key, std::size_t max_elements,
                                     const std::function<void(std::string_view element)>& visit);

/// The same with each element parsed, one at a time, so that the list never stands in memory as a
/// tree. Returns: the document, that list empty.
Value parse_list(std::string_view text, const std::string& what, const char* key,
                 std::size_t max_elements, const std::function<void(const Value& element)>& visit);

// Getters. `object` must be a JSON object, or kMalformed. All Errors are kMalformed and name `key`.

/// Nothing if `key` is absent or null. Errors: not a string; longer than `max_bytes`.
std::optional<std::string> find_string(const Value& object, const char* key,
                                       std::size_t max_bytes = 4096);
std::string require_string(const Value& object, const char* key, std::size_t max_bytes = 4096);

/// A whole number from 0 to 2^63 - 1, written as an integer: 1.0 and 1e3 are refused.
std::optional<std::uint64_t> find_size(const Value& object, const char* key);
std::uint64_t require_size(const Value& object, const char* key);

/// Nothing if absent or null. Errors: of another kind.
const Value* find_object(const Value& object, const char* key);
const Value* find_array(const Value& object, const char* key);

}  // namespace seabag::json
