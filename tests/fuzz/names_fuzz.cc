// SPDX-License-Identifier: Apache-2.0
// Any text where a name is expected: references, digests, platforms, patterns, times, and what is
// made into names.

#include "base/limits.h"
#include "base/utc_time.h"
#include "harness.h"
#include "oci/platform.h"
#include "oci/reference.h"
#include "oci/reference_pattern.h"
#include "oci/referrers.h"
#include "source/entry_name.h"
#include "target/name_grammar.h"

using namespace seabag;

namespace {

void read_reference(std::string_view text) {
  const oci::Reference reference = oci::parse_reference(text);
  fuzz::require(reference.text() == text, "a reference is written as it was read");
  fuzz::require(oci::is_repository(reference.repository), "its repository can be one");
  fuzz::require(reference.registry.empty() || oci::is_registry(reference.registry), "the registry");
  fuzz::require(reference.tag.empty() || oci::is_tag(reference.tag), "the tag");
  fuzz::require(reference.repository_text().size() <= limits::kRepositoryBytes, "the length");
  fuzz::require(oci::matches(reference.repository, reference) || !reference.registry.empty(),
                "a repository is a pattern for itself");
  fuzz::require(!target::grammar_objection(reference.repository, reference.tag),
                "registries take the same names");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(fuzz::text_of(data, size));
  const auto found = oci::find_reference(text);
  bool accepted = false;
  fuzz::accept_or_refuse([&] {
    read_reference(text);
    accepted = true;
  });
  fuzz::require(accepted == found.has_value(),
                "find_reference() throws nothing and finds the same");
  fuzz::accept_or_refuse([&] {
    fuzz::require(oci::parse_platform(text).text() == text, "a platform is written as it was read");
  });
  if (const auto digest = digest::find_digest(text)) {
    fuzz::require(digest->text() == text, "a digest is written as it was read");
  }
  if (const auto time = parse_rfc3339(text)) {
    fuzz::require(parse_rfc3339(to_rfc3339(*time)) == time, "a time survives being written");
  }
  const std::string repository = source::repository_of_path(text);
  fuzz::require(oci::is_repository(repository), "every file name makes a repository");
  const auto entry = source::reference_of_entry(text, repository);
  fuzz::require(oci::find_reference(entry.text()).has_value(),
                "every entry name makes a reference");
  source::find_position(text);
  oci::subject_of_tag(text);
  const auto half = text.size() / 2;
  glob_matches(std::string_view(text).substr(0, half), std::string_view(text).substr(half));
  fuzz::require(fuzz::is_harmless(quoted(text, size)), "what is quoted is harmless");
  return 0;
}
