// SPDX-License-Identifier: Apache-2.0
// Whatever is changed in a small bundle is found: every byte, every file, every two files.
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <optional>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "bundle/opened.h"
#include "bundle/verify.h"
#include "io/posix_file_system.h"
#include "sample_bundle/sample_bundle.h"
#include "testing/temp_dir.h"

namespace seabag::bundle {
namespace {

namespace fs = std::filesystem;

using ::testing::AnyOf;
using ::testing::Eq;
using ::testing::HasSubstr;

bool is_long_run() {
  // NOLINTNEXTLINE(concurrency-mt-unsafe): one thread, before any other.
  const char* text = std::getenv("SEABAG_LONG");
  return text != nullptr && *text != '\0';
}

// What verify, or the opening before it, says.
struct Verdict {
  std::optional<Code> code;  ///< nothing: nothing was found
  std::string text;
};

class AnyChange : public ::testing::Test {
 protected:
  void make(const PlanOptions& options) {
    auto sample = sample_bundle::make_sample();
    seal_ = sample_bundle::write_sample(*files_, path_, sample, options);
  }

  Verdict verdict(const std::optional<digest::Digest>& seal = std::nullopt) {
    try {
      std::vector<std::string> problems;
      const OpenedBundle bundle =
          OpenedBundle::open(*files_, path_, seal, &problems, nullptr, &problems);
      transfer::NoProgress quiet;
      const auto report = verify(bundle, problems, {.quick = false, .jobs = 1}, quiet, {});
      if (report.findings.empty()) return {};
      return {Code::kIntegrity, report.findings.front().text};
    } catch (const Error& error) {
      return {error.code(), error.what()};
    }
  }

  // Changes each `step`-th byte of a file in its turn, all its bits one after the other.
  void for_each_flip(const std::string& name, std::uint64_t step,
                     const std::function<void(std::uint64_t offset)>& look) {
    const auto file = files_->open(io::join(path_, name), io::OpenMode::kReadWrite);
    for (std::uint64_t offset = 0; offset < file->size(); offset += step) {
      std::byte byte = {};
      file->read_at(offset, std::span(&byte, 1));
      const std::byte changed = byte ^ std::byte{1} << (offset % 8);
      file->write_at(offset, std::span(&changed, 1));
      look(offset);
      file->write_at(offset, std::span(&byte, 1));
      ++flips_;
    }
  }

  testing::TempDir dir_;
  std::unique_ptr<io::FileSystem> files_ = io::posix_file_system();
  std::string path_ = io::join(dir_.path(), "sample.bag");
  digest::Digest seal_{digest::Algorithm::kSha256, std::vector<std::byte>(32)};
  std::uint64_t flips_ = 0;
};

TEST_F(AnyChange, OfAByteInATagFileIsFoundAndTheFileNamed) {
  make({});
  for (const char* name : {"bagit.txt", "bag-info.txt", "manifest-sha256.txt"}) {
    for_each_flip(name, 1, [&](std::uint64_t offset) {
      const Verdict found = verdict();
      ASSERT_EQ(found.code, Code::kIntegrity) << name << " at " << offset;
      ASSERT_THAT(found.text, HasSubstr(name)) << "at " << offset;
    });
  }
  RecordProperty("flips", std::to_string(flips_));
}

// Every byte with SEABAG_LONG; it takes a minute.
TEST_F(AnyChange, OfAByteInTheIndexIsFoundAndTheFileNamed) {
  make({});
  for_each_flip("index.sqlite", is_long_run() ? 1 : 61, [&](std::uint64_t offset) {
    const Verdict found = verdict();
    ASSERT_EQ(found.code, Code::kIntegrity) << offset;
    ASSERT_THAT(found.text, HasSubstr("index.sqlite: expected sha256:")) << "at " << offset;
  });
  RecordProperty("flips", std::to_string(flips_));
}

// Without a seal to compare with, a wrong checksum in it looks like a wrong file.
TEST_F(AnyChange, OfAByteInTheTagManifestIsFound) {
  make({});
  for_each_flip("tagmanifest-sha256.txt", 1, [&](std::uint64_t offset) {
    ASSERT_THAT(verdict().code, AnyOf(Eq(Code::kIntegrity), Eq(Code::kMalformed))) << offset;
    const Verdict with_seal = verdict(seal_);
    ASSERT_EQ(with_seal.code, Code::kIntegrity) << offset;
    ASSERT_THAT(with_seal.text, HasSubstr("expected the seal")) << offset;
  });
  RecordProperty("flips", std::to_string(flips_));
}

TEST_F(AnyChange, OfAByteInATarballIsFoundAndTheFileNamed) {
  make({});
  const OpenedBundle bundle = OpenedBundle::open(*files_, path_, std::nullopt);
  transfer::NoProgress quiet;
  for_each_flip("data/images/images.tar", 1, [&](std::uint64_t offset) {
    const auto report = verify(bundle, {}, {.quick = false, .jobs = 1}, quiet, {});
    const auto names_it = [](const Finding& f) { return f.file == "data/images/images.tar"; };
    ASSERT_TRUE(std::ranges::any_of(report.findings, names_it)) << offset;
  });
  RecordProperty("flips", std::to_string(flips_));
}

using Tree = std::map<std::string, std::string>;  // path below the bag; directories end with "/"

Tree read_tree(const fs::path& root) {
  Tree tree;
  for (const auto& entry : fs::recursive_directory_iterator(root)) {
    const std::string name = entry.path().lexically_relative(root).string();
    if (entry.is_directory()) {
      tree[name + '/'] = "";
      continue;
    }
    std::ifstream file(entry.path(), std::ios::binary);
    tree[name] = std::string(std::istreambuf_iterator<char>(file), {});
  }
  return tree;
}

// Makes `root`, which has the files of `from`, have those of `to`.
void change_tree(const fs::path& root, const Tree& from, const Tree& to) {
  for (const auto& [name, bytes] : from) {
    if (!to.contains(name)) fs::remove(root / name.substr(0, name.find_last_not_of('/') + 1));
  }
  for (const auto& [name, bytes] : to) {
    if (name.ends_with('/')) {
      fs::create_directories(root / name);
    } else if (const auto old = from.find(name); old == from.end() || old->second != bytes) {
      std::ofstream(root / name, std::ios::binary | std::ios::trunc) << bytes;
    }
  }
}

struct Operation {
  std::string name;
  std::function<void(Tree&)> change;  ///< does nothing where its file is gone
};

std::vector<Operation> operations(const Tree& tree) {
  std::vector<std::string> names;
  for (const auto& [name, bytes] : tree) {
    if (!name.ends_with('/')) names.push_back(name);
  }
  std::vector<Operation> all = {
      {"add beside", [](Tree& t) { t["new.txt"] = "new"; }},
      {"add to data", [](Tree& t) { t["data/new"] = "new"; }},
      {"add to images", [](Tree& t) { t["data/images/new.tar"] = "new"; }},
      {"add a directory", [](Tree& t) { t["data/empty/"] = ""; }}};
  for (const std::string& name : names) {
    all.push_back({"remove " + name, [=](Tree& t) { t.erase(name); }});
    all.push_back({"rename " + name, [=](Tree& t) {
                     if (auto file = t.extract(name)) {
                       file.key() = name + ".old";
                       t.insert(std::move(file));
                     }
                   }});
    all.push_back({"cut " + name, [=](Tree& t) {
                     if (t.contains(name) && !t[name].empty()) t[name].pop_back();
                   }});
    all.push_back({"extend " + name, [=](Tree& t) {
                     if (t.contains(name)) t[name] += '\n';
                   }});
    for (const std::string& other : names) {
      if (other <= name) continue;
      all.push_back({"swap " + name + " and " + other, [=](Tree& t) {
                       if (t.contains(name) && t.contains(other)) t[name].swap(t[other]);
                     }});
      all.push_back({"copy " + name + " over " + other, [=](Tree& t) {
                       if (t.contains(name) && t.contains(other)) t[other] = t[name];
                     }});
    }
  }
  return all;
}

TEST_F(AnyChange, OfOneFileOrTwoIsFound) {
  make({.by_repository = true});
  const Tree whole = read_tree(path_);
  const std::vector<Operation> all = operations(whole);
  Tree now = whole;
  int changed = 0;
  const auto look = [&](const Tree& wanted, const std::string& what) {
    if (wanted == whole) return;  // one undid the other
    change_tree(path_, now, wanted);
    now = wanted;
    ++changed;
    const Verdict found = verdict();
    ASSERT_TRUE(found.code.has_value()) << what;
    ASSERT_NE(found.code, Code::kInternal) << what << ": " << found.text;
    ASSERT_FALSE(found.text.empty()) << what;
  };
  for (const Operation& first : all) {
    Tree once = whole;
    first.change(once);
    look(once, first.name);
    for (const Operation& second : all) {
      Tree twice = once;
      second.change(twice);
      if (twice != once) look(twice, first.name + ", " + second.name);
      if (HasFatalFailure()) return;
    }
  }
  change_tree(path_, now, whole);
  EXPECT_EQ(verdict().code, std::nullopt);
  RecordProperty("operations", std::to_string(all.size()));
  RecordProperty("changed bundles", std::to_string(changed));
}

}  // namespace
}  // namespace seabag::bundle
