#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Fuzzes for so many minutes a harness, one after the other on all cores, from the inputs under tests/data/bad/ and what
# earlier runs left in build/fuzz-corpus. What a harness falls over is kept in tests/fuzz/found/NAME: mend the fault
# and commit the input.
#
#   tests/fuzz/run.sh MINUTES [NAME...]
set -euo pipefail
cd "$(dirname "$0")/../.."
minutes=${1:?usage: tests/fuzz/run.sh MINUTES [NAME...]}
shift
tools/install-packages.sh build tests fuzz
cmake --preset fuzz >/dev/null
cmake --build --preset fuzz --target fuzzers
names=("$@")
if [ ${#names[@]} -eq 0 ]; then
  for file in tests/fuzz/*_fuzz.cc; do names+=("$(basename "$file" _fuzz.cc)"); done
fi
failed=0
for name in "${names[@]}"; do
  corpus=build/fuzz-corpus/$name
  mkdir -p "$corpus" "tests/fuzz/found/$name"
  printf '== %s, %d min\n' "$name" "$minutes"
  build/fuzz/tests/fuzz/"${name}_fuzz" -max_total_time=$((minutes * 60)) -fork="$(nproc)" -max_len=262144 -timeout=20 \
    -rss_limit_mb=512 -print_final_stats=1 -artifact_prefix="tests/fuzz/found/$name/" "$corpus" "tests/data/bad/${name%%_*}" \
    || failed=1
  rmdir "tests/fuzz/found/$name" 2>/dev/null || true
done
exit $failed
