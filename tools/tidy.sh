#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs clang-tidy, with the checks in .clang-tidy, over the files that a build compiled but the tests: GoogleTest's macros
# cost it most of a minute a file, and what it finds there is about them.
#
#   tools/tidy.sh [BUILD_DIR [PATTERN]]
#
# BUILD_DIR has a compile_commands.json (build/dev by default). PATTERN is a regular expression that the paths
# must match: "src/tar/".
set -eu
cd "$(dirname "$0")/.."
build=${1:-build/dev}
pattern=${2:-.}

# Other versions find other things: this one is pinned.
tidy=clang-tidy-16
command -v "$tidy" >/dev/null || { echo "tidy.sh: install $tidy" >&2; exit 2; }
[ -f "$build/compile_commands.json" ] || {
  echo "tidy.sh: no $build/compile_commands.json; first: cmake --preset dev" >&2
  exit 2
}

files=$(python3 - "$build" "$pattern" <<'EOF'
import json, re, sys
from pathlib import Path
build, pattern = sys.argv[1:]
here = Path.cwd()
commands = json.loads(Path(build, "compile_commands.json").read_text())
files = {Path(command["directory"], command["file"]).resolve() for command in commands}
ours = [
    file
    for file in files
    if here in file.parents and Path(build).resolve() not in file.parents and not file.name.endswith("_test.cc")
]
names = sorted(file.relative_to(here).as_posix() for file in ours)
print("\n".join(name for name in names if re.search(pattern, name)))
EOF
)
[ -n "$files" ] || { echo "tidy.sh: no compiled file matches $pattern" >&2; exit 2; }

printf '%s\n' "$files" | xargs -d '\n' -n 1 -P "$(nproc)" "$tidy" -p "$build" --quiet
