# SPDX-License-Identifier: Apache-2.0
"""Runs a program and kills it at the n-th durable system call of a kind, with strace(1).

A durable call is one that changes what is on a medium. strace kills before the call is carried out, so "at the first call
of a kind" is before it, and "at the last call of all" is before the last change.

    points = killing.points_of(command)         # one run, traced: [("pwrite64", 1), ("pwrite64", 2), ..., ("rename", 1)]
    killing.killed_at(command, ("rename", 1))   # True: it was killed there; False: it ended well before it came there
"""
import os
import pathlib
import re
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))
import harness  # noqa: E402

LONG = bool(os.environ.get("SEABAG_LONG"))

DURABLE = ("write", "pwrite64", "pwritev", "writev", "fsync", "fdatasync", "sync_file_range", "rename", "renameat",
           "renameat2", "ftruncate", "truncate", "fallocate", "link", "linkat", "symlink", "symlinkat", "unlink",
           "unlinkat", "rmdir", "mkdir", "mkdirat", "openat", "copy_file_range", "sendfile")
# For a program whose changes lie behind a socket: a request is on its way, or is not.
SENDING = ("sendto", "sendmsg")

KILLED = -9
_CALL = re.compile(r"^(\d+) +(\w+)\((.*)")


def points_of(command, kinds=DURABLE, env=None, expect=0):
    """Runs the command under a trace; the points at which it can be killed, in order of their coming.

    The number counts the calls of one thread, as strace does when it injects: of several threads the first to come there
    is killed. Of openat(2) only those that may create a file are points.
    """
    with tempfile.NamedTemporaryFile(dir=harness.SCRATCH) as log:
        harness.run("strace", "-f", "-o", log.name, "-e", f"trace={','.join(kinds)}", *command, env=env,
                    expect=expect)
        lines = pathlib.Path(log.name).read_text(errors="replace").splitlines()
    counts, points = {}, {}
    for line in lines:
        call = _CALL.match(line)
        if not call:
            continue
        thread, kind, arguments = call.groups()
        counts[(thread, kind)] = counts.get((thread, kind), 0) + 1
        if kind != "openat" or "O_CREAT" in arguments:
            points[(kind, counts[(thread, kind)])] = None
    return list(points)


def killed_at(command, point, env=None):
    kind, nth = point
    # Without --seccomp-bpf: with it strace 6.1 does not see the entry of the call, and injects no signal.
    done = harness.run("strace", "-f", "-o", "/dev/null", "-e", f"trace={kind}", "-e",
                       f"inject={kind}:signal=KILL:when={nth}", *command, env=env, expect=None)
    if done.returncode not in (0, KILLED):
        raise AssertionError(f"{command}\nended with {done.returncode} before {point}:\n{done.stderr}")
    return done.returncode == KILLED


def sample(points, each):
    """Of each kind the first, the last, and some evenly between, `each` in all. The long form takes all."""
    if LONG:
        return points
    chosen = []
    for kind in dict.fromkeys(kind for kind, _ in points):
        of_kind = [point for point in points if point[0] == kind]
        last = len(of_kind) - 1
        wanted = {round(i * last / max(each - 1, 1)) for i in range(each)}
        chosen += [of_kind[i] for i in sorted(wanted)]
    return chosen


def tree(path):
    """{relative path: digest, or "directory"} of all below."""
    path = pathlib.Path(path)
    return {str(entry.relative_to(path)): harness.sha256(entry.read_bytes()) if entry.is_file() else "directory"
            for entry in path.rglob("*")}
