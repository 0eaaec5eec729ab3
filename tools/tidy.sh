#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs clang-tidy, with the checks in .clang-tidy, over everything but the tests, whose macros cost it most of a minute a
# file. Each module is looked at as one file: a source of ours takes it 13 s, of which 12 are the headers of others.
#
#   tools/tidy.sh [MODULE...]        all modules without arguments
set -eu
cd "$(dirname "$0")/.."

# Other versions find other things: this one is pinned.
tidy=clang-tidy-16
command -v "$tidy" >/dev/null || { echo "tidy.sh: install $tidy" >&2; exit 2; }
cmake --preset tidy >/dev/null

files=$(python3 - "$@" <<'PYTHON'
import json, sys
from pathlib import Path
wanted = sys.argv[1:]
commands = json.loads(Path("build/tidy/compile_commands.json").read_text())
files = sorted({str((Path(command["directory"]) / command["file"]).resolve()) for command in commands})
print("\n".join(file for file in files if not wanted or any(f"/src/{name}/" in file for name in wanted)))
PYTHON
)
[ -n "$files" ] || { echo "tidy.sh: no file of a module $*" >&2; exit 2; }

printf '%s\n' "$files" | xargs -d '\n' -n 1 -P "$(nproc)" "$tidy" -p build/tidy --quiet
