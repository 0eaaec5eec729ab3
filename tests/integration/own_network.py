# SPDX-License-Identifier: Apache-2.0
"""A network of its own for the process of a test: names and addresses as wanted, and no way out."""
import ctypes
import functools
import os
import pathlib
import tempfile

from harness import run

REGISTRY, OTHER, LINK = "203.0.113.1", "203.0.113.2", "169.254.169.254"
SILENT = "2001:db8::1"  # on the link, and nobody answers
HOSTS = f"""
127.0.0.1 localhost inside.test
::1 inside6.test
{REGISTRY} registry.test alias.test
{OTHER} other.test
{LINK} link.test
{SILENT} dual.test
{REGISTRY} dual.test
"""
CLONE_NEWNS, CLONE_NEWNET, CLONE_NEWUSER = 0x20000, 0x40000000, 0x10000000


@functools.cache
def enter():
    """Moves this process into it, once and for good; what it starts from then on is in it too."""
    uid, gid = os.getuid(), os.getgid()
    flags = CLONE_NEWNS | CLONE_NEWNET | (CLONE_NEWUSER if uid else 0)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(flags) != 0:
        raise OSError(ctypes.get_errno(), "no network of our own: run as root, or allow user namespaces")
    if uid:
        pathlib.Path("/proc/self/setgroups").write_text("deny")
        pathlib.Path("/proc/self/uid_map").write_text(f"0 {uid} 1")
        pathlib.Path("/proc/self/gid_map").write_text(f"0 {gid} 1")
    run("mount", "--make-rprivate", "/")
    with tempfile.NamedTemporaryFile("w") as hosts:
        hosts.write(HOSTS)
        hosts.flush()
        os.chmod(hosts.name, 0o644)
        run("mount", "--bind", hosts.name, "/etc/hosts")
    run("ip", "link", "set", "lo", "up")
    for address in (REGISTRY, OTHER, LINK):
        run("ip", "address", "add", f"{address}/32", "dev", "lo")
    run("ip", "link", "add", "here", "type", "veth", "peer", "name", "there")
    for end in ("here", "there"):
        run("ip", "link", "set", end, "up")
    run("ip", "address", "add", "2001:db8::2/64", "dev", "here", "nodad")
