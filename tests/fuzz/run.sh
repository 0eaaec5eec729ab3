#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Fuzzes for so many minutes a harness, one after the other, from the inputs under tests/fuzz/seeds, tests/fuzz/found and
# tests/data/bad and what earlier runs left in build/fuzz-corpus. What a harness falls over is kept in
# tests/fuzz/found/NAME: mend the fault and commit the input. Logs and figures are in build/fuzz-logs.
#
#   tests/fuzz/run.sh [-j JOBS] MINUTES [NAME...]       JOBS: processes for each harness, by default one a core
set -euo pipefail
cd "$(dirname "$0")/../.."
usage="usage: tests/fuzz/run.sh [-j JOBS] MINUTES [NAME...]"
jobs=$(nproc)
if [ "${1-}" = -j ]; then
  jobs=${2:?$usage}
  shift 2
fi
minutes=${1:?$usage}
shift
[[ $minutes =~ ^[1-9][0-9]*$ ]] || { echo "$usage" >&2; exit 2; }  # libFuzzer takes 0 for "for ever"
names=("$@")
if [ ${#names[@]} -eq 0 ]; then
  for file in tests/fuzz/*_fuzz.cc; do names+=("$(basename "$file" _fuzz.cc)"); done
fi

tools/install-packages.sh build tests fuzz
cmake --preset fuzz >/dev/null
cmake --build --preset fuzz --target "${names[@]/%/_fuzz}"

# -fork goes on after a finding only if told to, so one process is run without it: its log tells more.
options=(-max_len=131072 -timeout=20 -rss_limit_mb=1024 -print_final_stats=1)
[ "$jobs" -eq 1 ] || options+=("-fork=$jobs")
export ASAN_OPTIONS=quarantine_size_mb=16  # freed memory that is kept for long costs page faults
mkdir -p build/fuzz-logs
failed=0
for name in "${names[@]}"; do
  found=tests/fuzz/found/$name
  inputs=("build/fuzz-corpus/$name")
  mkdir -p "${inputs[0]}" "$found"
  for folder in "tests/fuzz/seeds/$name" "$found" "tests/data/bad/${name%%_*}"; do
    [ ! -d "$folder" ] || inputs+=("$folder")
  done
  dictionary=()
  [ ! -f "tests/fuzz/$name.dict" ] || dictionary=("-dict=tests/fuzz/$name.dict")
  log=build/fuzz-logs/$name.log
  printf '== %s, %d min: ' "$name" "$minutes"
  if build/fuzz/tests/fuzz/"${name}_fuzz" "${options[@]}" "${dictionary[@]}" -max_total_time=$((minutes * 60)) \
      -artifact_prefix="$found/" "${inputs[@]}" >"$log" 2>&1; then
    grep -E '^#[0-9]+' "$log" | tail -1
  else
    failed=1
    printf 'a finding\n'
    tail -40 "$log"
  fi
  rmdir "$found" 2>/dev/null || true
done
exit $failed
