# SPDX-License-Identifier: Apache-2.0
"""What was measured, as a page, a plot and JSON; and held against the goals."""
import dataclasses
import datetime
import json
import os
import pathlib
import platform
import subprocess


# Written by hand: what was seen where a goal is missed.
PROFILES = pathlib.Path(__file__).resolve().parent / "profiles.md"


@dataclasses.dataclass
class Goal:
    text: str
    comparison: str
    value: object  # function of the comparison: a number, or None where it was not measured
    holds: object  # function of the number
    unit: str = "×"


def _floor(comparison):
    return next(iter(comparison.of_role("floor")), None)


def _peer(comparison):
    return next(iter(comparison.of_role("peer")), None)


def over_floor(what="seconds"):
    return lambda it: it.ratio(it.ours(), _floor(it), what) if _floor(it) else None


def faster_than_peer(what="seconds"):
    return lambda it: it.ratio(_peer(it), it.ours(), what) if _peer(it) else None


def seconds(it):
    return it.median(it.ours())


def _more_than_floor(it):
    return it.median(it.ours()) - it.median(_floor(it))


GOALS = [
    Goal("export, over parallel curl: at most 1.5", "export-warm", over_floor(), lambda value: value <= 1.5),
    Goal("export, faster than the best peer: at least 4", "export-warm", faster_than_peer(), lambda value: value >= 4),
    Goal("import, over parallel uploads: at most 1.15", "import", over_floor(), lambda value: value <= 1.15),
    Goal("import, faster than the best peer: at least 1", "import", faster_than_peer(), lambda value: value >= 1),
    Goal("import when all is there: at most 1 s", "import-again", seconds, lambda value: value <= 1, " s"),
    Goal("import of 20,000 manifests that are there: at most 20 s", "many-import-again", seconds, lambda value: value <= 20, " s"),
    Goal("verify of one tarball, share of what the cores can hash: at least 0.9", "verify-one",
         lambda it: it.ratio(_floor(it), it.ours()), lambda value: value >= 0.9),
    Goal("verify of a tarball for each repository, the same: at least 0.9", "verify-split",
         lambda it: it.ratio(_floor(it), it.ours()), lambda value: value >= 0.9),
    Goal("export of 20,000 manifests, over the same requests by curl: at most 1.2", "many-export", over_floor(),
         lambda value: value <= 1.2),
    Goal("raw to streamOptimized, less wall than qemu-img: at least 25", "disk-vmdk-warm", faster_than_peer(), lambda value: value >= 25),
    Goal("raw to streamOptimized, less CPU than qemu-img: at least 10", "disk-vmdk-warm", faster_than_peer("cpu"),
         lambda value: value >= 10),
    Goal("raw to dynamic VHD, not slower than qemu-img", "disk-vhd-warm", faster_than_peer(), lambda value: value >= 1),
    Goal("raw to monolithicSparse, not slower than qemu-img", "disk-vmdk-sparse-warm", faster_than_peer(), lambda value: value >= 1),
    Goal("streamOptimized to raw, faster than qemu-img: at least 3", "disk-back", faster_than_peer(), lambda value: value >= 3),
    Goal("4 TiB sparse, more than its data alone: at most 2 s", "disk-sparse", _more_than_floor, lambda value: value <= 2, " s"),
    Goal("list of 20,000 manifests: at most 0.3 s", "list", seconds, lambda value: value <= 0.3, " s"),
]


def machine():
    cpu = next((line.split(":", 1)[1].strip() for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines()
                if line.startswith("model name")), platform.machine())
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 30
    return f"{os.cpu_count()} × {cpu}, {memory} GiB, Linux {platform.release().split('-')[0]}"


def versions():
    found = {}
    for tool in ("skopeo", "qemu-img", "curl", "docker-registry", "openssl"):
        said = subprocess.run([tool, "version" if tool == "openssl" else "--version"], capture_output=True, text=True, check=False).stdout
        if said:
            found[tool] = said.splitlines()[0]
    return found


def as_json(comparisons):
    return {"date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d"), "machine": machine(), "versions": versions(),
            "comparisons": [{
                "name": it.name, "title": it.title, "payloadBytes": it.payload_bytes, "failures": it.failures, "leftOut": it.left_out,
                "contenders": [{"name": who.name, "role": who.role,
                                "runs": [dataclasses.asdict(cost) for cost in it.costs[who.name]]} for who in it.contenders],
            } for it in comparisons]}


def goal_rows(comparisons):
    by_name = {it.name: it for it in comparisons}
    for goal in GOALS:
        if goal.comparison in by_name:
            value = goal.value(by_name[goal.comparison])
            if value is not None:
                yield goal, value, goal.holds(value)


def as_page(comparisons, plot_name):
    lines = ["# Measured", "", f"{machine()}. {datetime.date.today().isoformat()}. Medians; a ratio is the median of the ratios of the rounds.",
             "`bench/run.sh` makes this page; contenders take turns within each round.", "", f"![ratios]({plot_name})", "",
             "## Goals", "", "| goal | measured | |", "|---|---|---|"]
    lines += [f"| {goal.text} | {value:.2f}{goal.unit} | {'met' if held else '**missed**'} |"
              for goal, value, held in goal_rows(comparisons)]
    for it in comparisons:
        rounds = max(len(runs) for runs in it.costs.values())
        lines += ["", f"## {it.title}", "", f"{rounds} round{'s' if rounds != 1 else ''}.", "", "| | wall s | min - max | CPU s | peak MiB | MiB/s | over ours | written / payload |",
                  "|---|---|---|---|---|---|---|---|"]
        lines += [_row(it, who) for who in it.contenders if it.costs[who.name]]
        lines += [f"- {name}: {why}" for name, why in {**it.failures, **it.left_out}.items()]
    peaks = [cost.peak_mib for it in comparisons for cost in it.costs[it.ours()] if cost.peak_mib is not None]
    if peaks:
        lines += ["", f"The most memory that a program of ours took in all this: {max(peaks):.1f} MiB."]
    lines += [""]
    lines += [PROFILES.read_text().rstrip(), "", "Versions: " + "; ".join(versions().values()) + "."]
    return "\n".join(lines) + "\n"


def _row(it, who):
    runs = it.costs[who.name]
    wall = it.median(who.name)
    written = it.median(who.name, "written")
    peak = it.median(who.name, "peak_mib")
    return (f"| {'**' + who.name + '**' if who.role == 'ours' else who.name} | {wall:.2f} | {min(c.seconds for c in runs):.2f} - "
            f"{max(c.seconds for c in runs):.2f} | {it.median(who.name, 'cpu'):.2f} | {'-' if peak is None else f'{peak:.0f}'} | "
            f"{f'{it.payload_bytes / wall / (1 << 20):.0f}' if it.payload_bytes else ''} | {it.ratio(who.name, it.ours()):.2f} | "
            f"{f'{written / it.payload_bytes:.2f}' if written is not None and it.payload_bytes and who.role == 'ours' else ''} |")


def as_plot(comparisons):
    """Wall time of each contender over ours, as bars; SVG by hand, for want of anything to install."""
    bars = [(it.title, who.name, who.role, it.ratio(who.name, it.ours())) for it in comparisons if len(it.contenders) > 1
            for who in it.contenders if it.costs[who.name]]
    widest = max((ratio for *_, ratio in bars), default=1)
    colours = {"ours": "#1f6f8b", "floor": "#9aa5ab", "peer": "#c8553d"}
    parts, y, title = [], 10, None
    for heading, name, role, ratio in bars:
        if heading != title:
            title, y = heading, y + 26
            parts.append(f'<text x="10" y="{y - 6}" font-weight="bold">{heading}</text>')
        width = max(2, 420 * ratio / widest)
        parts.append(f'<rect x="260" y="{y}" width="{width:.0f}" height="14" fill="{colours[role]}"/>'
                     f'<text x="250" y="{y + 11}" text-anchor="end">{name}</text><text x="{266 + width:.0f}" y="{y + 11}">{ratio:.2f}</text>')
        y += 18
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="760" height="{y + 30}" font-family="sans-serif" font-size="11">'
            f'<rect width="760" height="{y + 30}" fill="white"/>' + "".join(parts) +
            f'<text x="10" y="{y + 18}">wall time over ours; blue ours, grey floors, red peers</text></svg>\n')


def write(comparisons, directory):
    directory = pathlib.Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "results.json").write_text(json.dumps(as_json(comparisons), indent=1) + "\n")
    (directory / "results.svg").write_text(as_plot(comparisons))
    (directory / "results.md").write_text(as_page(comparisons, "results.svg"))
