// SPDX-License-Identifier: Apache-2.0
#include "json/json.h"

#include <algorithm>
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

// Which list of a document may be long.
struct LongList {
  const char* key = nullptr;  // in the document; null: the document is the list
  std::size_t max_elements = 0;
};

// The first pass: builds nothing but the names of the objects that are open.
class Guard : public nlohmann::json_sax<Value> {
 public:
  explicit Guard(std::optional<LongList> list) : list_(list) {}

  bool null() override { return count(); }
  bool boolean(bool /*value*/) override { return count(); }
  bool number_integer(number_integer_t /*value*/) override { return count(); }
  bool number_unsigned(number_unsigned_t /*value*/) override { return count(); }
  bool number_float(number_float_t /*value*/, const string_t& /*text*/) override { return count(); }
  bool string(string_t& /*value*/) override { return count(); }
  bool binary(binary_t& /*value*/) override { return count(); }
  bool start_object(std::size_t /*size*/) override { return open(false); }
  bool start_array(std::size_t /*size*/) override { return open(true); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }

  bool key(string_t& name) override {
    if (names_.size() == 1) is_at_list_ = list_ && list_->key != nullptr && name == list_->key;
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
    return ++(list_depth_ == 0 ? values_ : values_of_element_) <= limits::kJsonValues ||
           fail(fmt::format("more than {} values", limits::kJsonValues));
  }

  bool open(bool is_array) {
    if (is_array && is_the_list()) list_depth_ = names_.size() + 1;
    names_.emplace_back();
    const bool too_deep = names_.size() > limits::kJsonDepth;
    return too_deep ? fail(fmt::format("deeper than {}", limits::kJsonDepth)) : count();
  }

  // Whether an array that begins here is it.
  bool is_the_list() const {
    if (!list_) return false;
    return list_->key == nullptr ? names_.empty() : names_.size() == 1 && is_at_list_;
  }

  bool close() {
    names_.pop_back();
    if (names_.size() < list_depth_) list_depth_ = 0;
    if (list_depth_ == 0 || names_.size() != list_depth_) return true;
    values_of_element_ = 0;
    return ++elements_ <= list_->max_elements ||
           fail(fmt::format("more than {} elements in one list", list_->max_elements));
  }

  bool fail(std::string text) {
    failure_ = std::move(text);
    return false;
  }

  std::vector<std::set<std::string>> names_;
  std::optional<LongList> list_;
  bool is_at_list_ = false;     // the name before was the list's
  std::size_t list_depth_ = 0;  // names_.size() in the list; 0: not in it
  std::size_t values_ = 0;      // around the list
  std::size_t values_of_element_ = 0;
  std::size_t elements_ = 0;
  std::string failure_;
};

void refuse_what_is_unsafe(std::string_view text, const std::string& what,
                           std::optional<LongList> list) {
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

// Finds its way in a text that is JSON; `at` is where it stands.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) { skip_blanks(); }

  char next() const { return text_[at_]; }
  std::size_t at() const { return at_; }

  // Over a bracket, a comma or a colon, and to what follows.
  void pass_sign() {
    ++at_;
    skip_blanks();
  }

  // Over a whole value or name, and to what follows.
  std::string_view pass_value() {
    const std::size_t begin = at_;
    std::size_t depth = 0;
    do {
      if (text_[at_] == '"') {
        pass_string();
      } else if (is_one_of("{[")) {
        ++depth;
        ++at_;
      } else if (is_one_of("}]")) {
        --depth;
        ++at_;
      } else if (depth > 0) {
        at_ = std::min(text_.find_first_of("\"{}[]", at_), text_.size());
      } else {
        at_ = std::min(text_.find_first_of(",]} \t\r\n", at_), text_.size());
      }
    } while (depth > 0);
    const std::string_view value = text_.substr(begin, at_ - begin);
    skip_blanks();
    return value;
  }

 private:
  bool is_one_of(std::string_view signs) const { return signs.find(text_[at_]) != signs.npos; }

  void pass_string() {
    for (++at_; text_[at_] != '"'; ++at_) {
      if (text_[at_] == '\\') ++at_;
    }
    ++at_;
  }

  void skip_blanks() { at_ = std::min(text_.find_first_not_of(" \t\r\n", at_), text_.size()); }

  std::string_view text_;
  std::size_t at_ = 0;
};

// Goes to the list, if there is one.
bool find_list(Scanner& scanner, const char* key) {
  if (key == nullptr) return scanner.next() == '[';
  if (scanner.next() != '{') return false;
  scanner.pass_sign();
  while (scanner.next() != '}') {
    const bool is_it = Value::parse(scanner.pass_value()) == key;
    scanner.pass_sign();  // the colon
    if (is_it) return scanner.next() == '[';
    scanner.pass_value();
    if (scanner.next() == ',') scanner.pass_sign();
  }
  return false;
}

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
  refuse_what_is_unsafe(text, what, std::nullopt);
  return Value::parse(text);
}

std::optional<AroundList> split_list(std::string_view text, const std::string& what,
                                     const char* key, std::size_t max_elements,
                                     const std::function<void(std::string_view element)>& visit) {
  refuse_what_is_unsafe(text, what, LongList{key, max_elements});
  Scanner scanner(text);
  if (!find_list(scanner, key)) return std::nullopt;
  const std::string_view before = text.substr(0, scanner.at() + 1);
  scanner.pass_sign();
  for (std::size_t position = 0; scanner.next() != ']'; ++position) {
    try {
      visit(scanner.pass_value());
    } catch (Error& error) {
      error.add_context(fmt::format("{}: {}[{}]", what, key == nullptr ? "" : key, position));
      throw;
    }
    if (scanner.next() == ',') scanner.pass_sign();
  }
  return AroundList{before, text.substr(scanner.at())};
}

// Each element by itself: the parser that can drop parts of a tree looks through all that is beside
// an object whenever one ends, which is quadratic.
Value parse_list(std::string_view text, const std::string& what, const char* key,
                 std::size_t max_elements, const std::function<void(const Value& element)>& visit) {
  const auto around = split_list(text, what, key, max_elements,
                                 [&](std::string_view element) { visit(Value::parse(element)); });
  if (!around) return Value::parse(text);
  return Value::parse(std::string(around->before).append(around->after));
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
