#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs what the tests need, builds, and runs everything. This is what CI runs; it may be run again, and leaves
# nothing behind but build/.
#
#   tests/run.sh             lints; the programs against real registries and tools; the unit tests under the address and
#                            undefined-behaviour sanitizers
#   tests/run.sh --quick     the unit tests and the programs alone, without sanitizers
#   tests/run.sh --long      all tests plain, all under these sanitizers, and all under the thread sanitizer; and those
#                            that write many GiB (about two hours on two cores)
set -euo pipefail
cd "$(dirname "$0")/.."

quick=
long=
for argument in "$@"; do
  case $argument in
    --quick) quick=1 ;;
    --long) long=1 ;;
    *) echo "usage: tests/run.sh [--quick] [--long]" >&2; exit 2 ;;
  esac
done

began=$SECONDS
say() { printf '\n== %s (after %d s)\n' "$*" $((SECONDS - began)); }

say "packages"
tools/install-packages.sh build tests lint

# build_and_test PRESET TESTS [TARGET...]: builds all or these targets, and runs the tests that TESTS chooses.
build_and_test() {
  local preset=$1 tests=$2
  shift 2
  say "$preset: configure and build"
  cmake --preset "$preset" >"build/$preset.configure.log" 2>&1 || { cat "build/$preset.configure.log"; return 1; }
  cmake --build --preset "$preset" ${1:+--target "$@"} >"build/$preset.build.log" 2>&1 ||
    { grep -B2 -A12 -E 'error|FAILED' "build/$preset.build.log"; return 1; }
  say "$preset: test"
  case $tests in
    all) ctest --preset "$preset" --progress -j2 ;;
    units) ctest --preset "$preset" --progress -j2 -E '^(integration|crash)/' ;;
    programs) ctest --preset "$preset" --progress -j2 -R '^(integration|crash)/' ;;
  esac
}

mkdir -p build
if [ -z "$quick" ]; then
  say "lints"
  python3 -B tools/check_includes_test.py
  python3 -B tools/check_spec_ids_test.py
  python3 -B tools/check_catalogue_test.py
  python3 -B tools/check_includes.py
  python3 -B tools/check_spec_ids.py
  python3 -B tools/check_catalogue.py
  tools/format.sh
  mandoc -T lint -W warning docs/man/*.1
fi
programs="seabag-export seabag-import seabag"
if [ -n "$quick" ]; then
  build_and_test dev all
elif [ -n "$long" ]; then
  SEABAG_LONG=1 build_and_test dev all
  build_and_test asan all
  build_and_test tsan all
else
  say "clang-tidy"
  tools/tidy.sh
  # shellcheck disable=SC2086
  build_and_test dev programs $programs
  build_and_test asan units
fi
say "all done"
