# SPDX-License-Identifier: Apache-2.0
"""See run.sh."""
import argparse
import os
import pathlib
import sys

TOP = pathlib.Path(__file__).resolve().parents[1]
os.environ.setdefault("SEABAG_BIN", str(TOP / "build/release/bin"))
os.environ.setdefault("SEABAG_SCRATCH", str(TOP / "build/bench-scratch"))
sys.path.insert(0, str(TOP / "tests/integration"))  # its registries and disks

import report  # noqa: E402  (the settings above come first)
from disk_work import DiskWork  # noqa: E402
from image_work import ImageWork  # noqa: E402


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--only", action="append", default=[], metavar="WORD")
    parser.add_argument("--rounds", type=int)
    options = parser.parse_args()
    rounds = options.rounds or (1 if options.short else 5)
    scratch = pathlib.Path(os.environ["SEABAG_SCRATCH"], "short" if options.short else "full")
    scratch.mkdir(parents=True, exist_ok=True)
    comparisons = []
    for work in (ImageWork(scratch, options.short, rounds), DiskWork(scratch, options.short, rounds)):
        for name, compare in work.comparisons().items():
            if options.only and not any(word in name for word in options.only):
                continue
            print(f"== {name}", flush=True)
            for comparison in compare():
                comparisons.append(comparison)
                for contender in comparison.contenders:
                    if comparison.costs[contender.name]:
                        print(f"   {comparison.title}: {contender.name}: {comparison.median(contender.name):.2f} s", flush=True)
                for peer, why in {**comparison.failures, **comparison.left_out}.items():
                    print(f"   {comparison.title}: {peer}: {why}", flush=True)
    # A part of it, or a short run, is no result to be kept.
    report.write(comparisons, TOP / "build/bench" if options.short or options.only else TOP / "bench")
    return 0


if __name__ == "__main__":
    sys.exit(main())
