// SPDX-License-Identifier: Apache-2.0
#include "bundle/plan_file.h"

#include <fmt/format.h>

namespace seabag::bundle {

void write_plan_file(io::FileSystem& files, const std::string& path, const index::Index& plan) {
  const std::string beside = path + ".part";
  if (files.find(beside)) files.remove_file(beside);
  db::Database database = db::Database::create(files, beside);
  index::write_index(database, plan);
  database.close();
  files.rename(beside, path);
  files.sync_directory(io::parent_of(path));
}

index::Index read_plan_file(io::FileSystem& files, const std::string& path) {
  const auto file = files.open(path, io::OpenMode::kRead);
  db::Database database =
      db::Database::open_untrusted(fmt::format("/proc/self/fd/{}", file->descriptor()));
  index::Index plan = index::read_index(database);
  database.close();
  return plan;
}

}  // namespace seabag::bundle
