// SPDX-License-Identifier: Apache-2.0
#include "json/json.h"

#include <limits>
#include <set>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/limits.h"
#include "base/text.h"

namespace seabag::json {
namespace {

// Go's encoding/json matches names without regard to case, and by Unicode's rules: the long s and
// the Kelvin sign are an s and a k to it.
std::string folded(std::string_view name) {
  static constexpr std::string_view kLongS = "\xC5\xBF";
  static constexpr std::string_view kKelvin = "\xE2\x84\xAA";
  std::string out;
  for (std::size_t i = 0; i < name.size();) {
    if (name.substr(i).starts_with(kLongS)) {
      out += 's';
      i += kLongS.size();
    } else if (name.substr(i).starts_with(kKelvin)) {
      out += 'k';
      i += kKelvin.size();
    } else {
      out += name[i++];
    }
  }
  return to_lower(out);
}

// Such a reader would take the other one of a pair of these. Elsewhere (labels, annotations) two
// names that differ in case are two names.
bool has_meaning(const std::string& name) {
  static const std::set<std::string> kNames = {"annotations",
                                               "architecture",
                                               "artifacttype",
                                               "blobs",
                                               "config",
                                               "created",
                                               "data",
                                               "digest",
                                               "fslayers",
                                               "layers",
                                               "manifests",
                                               "mediatype",
                                               "os",
                                               "imagelayoutversion",
                                               "platform",
                                               "repotags",
                                               "schemaversion",
                                               "size",
                                               "subject",
                                               "urls",
                                               "variant"};
  return kNames.contains(name);
}

// Where the elements of a document's long list lie, if it has one.
struct ListPlace {
  std::size_t depth = 0;  // of the elements; 0: no list
  std::size_t max_elements = 0;
};

// The first pass: builds nothing but the names of the objects that are open.
class Guard : public nlohmann::json_sax<Value> {
 public:
  explicit Guard(ListPlace list) : list_(list) {}

  bool null() override { return count(); }
  bool boolean(bool /*value*/) override { return count(); }
  bool number_integer(number_integer_t /*value*/) override { return count(); }
  bool number_unsigned(number_unsigned_t /*value*/) override { return count(); }
  bool number_float(number_float_t /*value*/, const string_t& /*text*/) override { return count(); }
  bool string(string_t& /*value*/) override { return count(); }
  bool binary(binary_t& /*value*/) override { return count(); }
  bool start_object(std::size_t /*size*/) override { return open(); }
  bool start_array(std::size_t /*size*/) override { return open(); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }

  bool key(string_t& name) override {
    const std::string meaning = folded(name);
    if (!names_.back().insert(has_meaning(meaning) ? meaning : name).second) {
      return fail(fmt::format("the name {} stands twice in one object", quoted(name, 60)));
    }
    return count();
  }

  bool parse_error(std::size_t position, const std::string& /*token*/,
                   const nlohmann::detail::exception& /*error*/) override {
    return fail(fmt::format("not JSON at byte {}", position));
  }

  const std::string& failure() const { return failure_; }

 private:
  bool count() {
    return ++values_ <= limits::kJsonValues ||
           fail(fmt::format("more than {} values", limits::kJsonValues));
  }

  bool open() {
    names_.emplace_back();
    const bool too_deep = names_.size() > limits::kJsonDepth;
    return too_deep ? fail(fmt::format("deeper than {}", limits::kJsonDepth)) : count();
  }

  bool close() {
    names_.pop_back();
    if (list_.depth == 0 || names_.size() != list_.depth) return true;
    values_ = 0;
    return ++elements_ <= list_.max_elements ||
           fail(fmt::format("more than {} elements in one list", list_.max_elements));
  }

  bool fail(std::string text) {
    failure_ = std::move(text);
    return false;
  }

  std::vector<std::set<std::string>> names_;
  ListPlace list_;
  std::size_t values_ = 0;  // of the document, or of this element of its list
  std::size_t elements_ = 0;
  std::string failure_;
};

void refuse_what_is_unsafe(std::string_view text, const std::string& what, ListPlace list) {
  const auto refuse = [&](std::string_view why) {
    throw Error(Code::kMalformed, fmt::format("{}: {}", what, why));
  };
  if (text.starts_with("\xEF\xBB\xBF")) refuse("starts with a byte order mark");
  // The parser would take this byte for the end and not look at what follows it.
  if (const auto nul = text.find('\0'); nul != std::string_view::npos) {
    refuse(fmt::format("not JSON at byte {}", nul + 1));
  }
  Guard guard(list);
  if (!Value::sax_parse(text, &guard)) refuse(guard.failure());
}

// Second pass over a list: hands each element over as soon as it is whole, and drops it.
class Elements {
 public:
  Elements(const std::string& what, const char* key, const std::function<void(const Value&)>& visit)
      : what_(what), key_(key), depth_(key == nullptr ? 1 : 2), visit_(visit) {}

  // What nlohmann::json calls for each part; false drops the part.
  bool operator()(int depth, Value::parse_event_t event, const Value& part) {
    using Event = Value::parse_event_t;
    if (depth == depth_ - 1 && event == Event::array_start) is_inside_ = key_ == nullptr || at_key_;
    if (depth == depth_ - 1 && event == Event::array_end) is_inside_ = false;
    if (depth == 1 && event == Event::key && key_ != nullptr) at_key_ = part == key_;
    const bool is_whole =
        event == Event::object_end || event == Event::array_end || event == Event::value;
    if (depth != depth_ || !is_inside_ || !is_whole) return true;
    try {
      visit_(part);
    } catch (Error& error) {
      error.add_context(fmt::format("{}: {}[{}]", what_, key_ == nullptr ? "" : key_, position_));
      throw;
    }
    ++position_;
    return false;
  }

 private:
  const std::string& what_;
  const char* key_;
  int depth_;  // of the elements
  const std::function<void(const Value&)>& visit_;
  bool at_key_ = false;
  bool is_inside_ = false;
  std::size_t position_ = 0;
};

const Value* find_member(const Value& object, const char* key) {
  if (!object.is_object()) {
    throw Error(Code::kMalformed, fmt::format("expected a JSON object with {}, got {}", quoted(key),
                                              object.type_name()));
  }
  const auto found = object.find(key);
  return found == object.end() || found->is_null() ? nullptr : &*found;
}

Error wrong_kind(const char* key, const char* expected, const Value& value) {
  return {Code::kMalformed,
          fmt::format("{}: expected {}, got {}", quoted(key), expected, value.type_name())};
}

Error absent(const char* key) {
  return {Code::kMalformed, fmt::format("{} is missing", quoted(key))};
}

}  // namespace

Value parse(std::string_view text, const std::string& what) {
  refuse_what_is_unsafe(text, what, {});
  return Value::parse(text);
}

Value parse_list(std::string_view text, const std::string& what, const char* key,
                 std::size_t max_elements, const std::function<void(const Value& element)>& visit) {
  refuse_what_is_unsafe(text, what, {key == nullptr ? std::size_t{1} : 2, max_elements});
  Elements elements(what, key, visit);
  return Value::parse(text, [&](int depth, Value::parse_event_t event, Value& part) {
    return elements(depth, event, part);
  });
}

std::optional<std::string> find_string(const Value& object, const char* key,
                                       std::size_t max_bytes) {
  const Value* value = find_member(object, key);
  if (value == nullptr) return std::nullopt;
  if (!value->is_string()) throw wrong_kind(key, "a string", *value);
  const auto& text = value->get_ref<const std::string&>();
  if (text.size() > max_bytes) {
    throw Error(Code::kMalformed, fmt::format("{}: {} bytes, more than the limit of {}",
                                              quoted(key), text.size(), max_bytes));
  }
  return text;
}

std::string require_string(const Value& object, const char* key, std::size_t max_bytes) {
  auto value = find_string(object, key, max_bytes);
  if (!value) throw absent(key);
  return *std::move(value);
}

std::optional<std::uint64_t> find_size(const Value& object, const char* key) {
  const Value* value = find_member(object, key);
  if (value == nullptr) return std::nullopt;
  // A parsed document has unsigned for every non-negative integer that fits; 2^64 became a double.
  if (!value->is_number_unsigned()) throw wrong_kind(key, "a whole number from 0", *value);
  const auto number = value->get<std::uint64_t>();
  if (number > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
    throw Error(Code::kMalformed, fmt::format("{}: {} is more than 2^63 - 1", quoted(key), number));
  }
  return number;
}

std::uint64_t require_size(const Value& object, const char* key) {
  const auto value = find_size(object, key);
  if (!value) throw absent(key);
  return *value;
}

const Value* find_object(const Value& object, const char* key) {
  const Value* value = find_member(object, key);
  if (value != nullptr && !value->is_object()) throw wrong_kind(key, "an object", *value);
  return value;
}

const Value* find_array(const Value& object, const char* key) {
  const Value* value = find_member(object, key);
  if (value != nullptr && !value->is_array()) throw wrong_kind(key, "an array", *value);
  return value;
}

}  // namespace seabag::json
