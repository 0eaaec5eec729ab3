# SPDX-License-Identifier: Apache-2.0
"""Runs commands and says what they cost; puts several contenders side by side, in turns."""
import dataclasses
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

RUN_ONE = pathlib.Path(__file__).resolve().parent / "run_one.py"


@dataclasses.dataclass
class Cost:
    seconds: float  # wall
    cpu: float  # seconds, user and system, descendants included
    peak_mib: float | None  # of the largest process; at least what run_one.py takes, some 10 MiB
    written: int | None  # bytes handed to the file system by the process itself; None: not known


@dataclasses.dataclass
class Contender:
    """One way of doing a piece of work."""
    name: str
    command: list  # or a function that gives it
    prepare: object = None  # called before each run, not measured
    after: object = None  # called after each run, not measured; raises when the work was not done
    env: dict = None
    role: str = "peer"  # "ours", "peer" or "floor"


def drop_caches():
    """False where it is not for us to say."""
    os.sync()
    try:
        pathlib.Path("/proc/sys/vm/drop_caches").write_text("3")
    except OSError:
        return False
    return True


def measure(command, env=None, log=None):
    with tempfile.TemporaryDirectory() as place:
        cost = pathlib.Path(place, "cost.json")
        done = subprocess.run([sys.executable, "-I", "-S", RUN_ONE, cost, log or os.devnull, *map(str, command)],
                              env={**os.environ, **(env or {})}, check=False)
        if done.returncode != 0:
            said = pathlib.Path(log).read_text(errors="replace")[-2000:] if log else ""
            raise RuntimeError(f"exit status {done.returncode}: {' '.join(map(str, command))}\n{said}")
        return Cost(**json.loads(cost.read_text()))


class Comparison:
    """The same work by several contenders, who take turns: what else the machine does then meets all of them."""

    def __init__(self, name, title, contenders, payload_bytes=0, rounds=5, cold=False):
        self.name, self.title, self.contenders = name, title, contenders
        self.payload_bytes, self.rounds, self.cold = payload_bytes, rounds, cold
        self.costs = {contender.name: [] for contender in contenders}
        self.failures = {}
        self.left_out = {}

    def run(self, log):
        for number in range(self.rounds):
            # Whoever begins a round finds another machine than whoever ends it.
            for contender in self.contenders[number % len(self.contenders):] + \
                    self.contenders[:number % len(self.contenders)]:
                if contender.name not in self.failures:
                    self._turn(contender, log)
        return self

    def _turn(self, contender, log):
        if contender.prepare:
            contender.prepare()
        os.sync()
        if self.cold and not drop_caches():
            self.failures[contender.name] = "caches cannot be dropped here"
            return
        command = contender.command() if callable(contender.command) else contender.command
        try:
            cost = measure(command, contender.env, log)
        except RuntimeError as error:
            if contender.role != "peer":
                raise
            self.failures[contender.name] = str(error).splitlines()[-1][:200]
            return
        if contender.after:
            contender.after()
        said = pathlib.Path(log).read_text(errors="replace").splitlines()
        if said and said[-1].endswith("not carried"):
            self.left_out[contender.name] = said[-1]
        self.costs[contender.name].append(cost)

    def median(self, name, what="seconds"):
        values = [getattr(cost, what) for cost in self.costs[name]]
        return None if not values or None in values else statistics.median(values)

    def ratio(self, name, to, what="seconds"):
        """The median of the ratios of each round: both sides of a ratio saw the same machine."""
        pairs = zip(self.costs[name], self.costs[to])
        values = [getattr(a, what) / getattr(b, what) for a, b in pairs if getattr(b, what)]
        return statistics.median(values) if values else None

    def ours(self):
        return next(contender.name for contender in self.contenders if contender.role == "ours")

    def of_role(self, role):
        """Names of those that came to an end, the fastest first."""
        names = [contender.name for contender in self.contenders if contender.role == role and self.costs[contender.name]]
        return sorted(names, key=self.median)


class Work:
    """Some comparisons over the same kind of input; comparisons() gives functions by name, each of which gives what it
    compared."""

    def __init__(self, scratch, short, rounds):
        self.scratch, self.short, self.rounds = scratch, short, rounds
        self.log = scratch / "last-command.log"
        self.out = scratch / "out"
        self.out.mkdir(parents=True, exist_ok=True)
