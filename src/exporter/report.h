// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "exporting/export.h"
#include "exporting/repair.h"

namespace seabag::exporter {

/// What a run that ended well tells on standard output: for people, a few lines; with --json, one
/// document. A dry run lists what would be carried. All text is harmless.
std::string report_text(const exporting::ExportReport& report);
std::string report_json(const exporting::ExportReport& report);

std::string repair_text(const exporting::RepairReport& report);
std::string repair_json(const exporting::RepairReport& report);

}  // namespace seabag::exporter
