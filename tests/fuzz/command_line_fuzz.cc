// SPDX-License-Identifier: Apache-2.0
// Any text as the command lines of both programs, an argument a line, and as the lists and options
// that have a grammar of their own.

#include <string>
#include <vector>

#include "cli/parse_size.h"
#include "exporter/command_line.h"
#include "exporting/disk_request.h"
#include "harness.h"
#include "importer/command_line.h"
#include "importing/names.h"
#include "source/source_name.h"

using namespace seabag;

namespace {

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines = {"program"};
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    lines.emplace_back(text.substr(0, end));
    std::erase(lines.back(), '\0');  // which no argument can have
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::text_of(data, size);
  const auto lines = lines_of(text);
  std::vector<const char*> arguments;
  for (const std::string& line : lines) arguments.push_back(line.c_str());
  const int count = static_cast<int>(arguments.size());
  fuzz::accept_or_refuse([&] { exporter::parse_command_line(count, arguments.data()); });
  fuzz::accept_or_refuse([&] { importer::parse_command_line(count, arguments.data()); });
  fuzz::accept_or_refuse([&] {
    exporting::ExportRequest request;
    exporter::add_source_list(request, text, "list");
  });
  fuzz::accept_or_refuse(
      [&] { fuzz::require(!exporting::parse_disk(text).path.empty(), "a disk has a path"); });
  fuzz::accept_or_refuse([&] { importing::parse_mapping(text); });
  fuzz::accept_or_refuse([&] { source::parse_source(text); });
  fuzz::accept_or_refuse(
      [&] { fuzz::require(cli::parse_size(text, "--size") <= INT64_MAX, "sizes fit 63 bits"); });
  return 0;
}
