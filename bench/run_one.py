# SPDX-License-Identifier: Apache-2.0
"""Runs one command and writes what it cost as JSON. A process of its own, and a small one: the peak of a process's
memory begins with that of the process that started it, and bench.py grows to hundreds of MiB.

usage: run_one.py COST_FILE LOG_FILE COMMAND..."""
import json
import os
import sys
import time


def written_by(pid):
    try:
        with open(f"/proc/{pid}/io", encoding="ascii") as file:
            return next((int(line.split()[1]) for line in file if line.startswith("write_bytes:")), None)
    except OSError:
        return None


cost_file, log_file, *command = sys.argv[1:]
log = os.open(log_file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
began = time.monotonic()
child = os.posix_spawnp(command[0], command, os.environ,
                        file_actions=[(os.POSIX_SPAWN_DUP2, log, 1), (os.POSIX_SPAWN_DUP2, log, 2)])
os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
seconds = time.monotonic() - began
written = written_by(child)  # of the ended process, before it is collected
_, status, usage = os.wait4(child, 0)
with open(cost_file, "w", encoding="ascii") as out:
    json.dump({"seconds": seconds, "cpu": usage.ru_utime + usage.ru_stime, "peak_mib": usage.ru_maxrss / 1024,
               "written": written}, out)
sys.exit(os.waitstatus_to_exitcode(status) & 0xFF)
