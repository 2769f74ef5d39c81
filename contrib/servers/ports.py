# SPDX-License-Identifier: Apache-2.0
"""Ports on loopback for the servers of the demo, the tests and the bench.

A port that the kernel picks (bind to 0) is one that it may give to any outgoing connection a moment later: whoever wanted to listen there, or
is killed and started again, finds it taken. These lie outside the kernel's own range.

Two who ask at the same time could still be given the same one, before either listens there. Where that happens, in tests, the environment
variable REEVE_PORTS names a file through which all take turns: a port is given out again only when thousands of others have been.
"""
import fcntl
import os
import pathlib
import random
import socket

FIRST, LAST = 10240, 65535  # below are the ports of well-known servers
ENOUGH = 2000
KERNEL = pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range")


def those_for_servers():
    """The first and the last of the ports that the kernel gives to no outgoing connection; all there are if it leaves too few."""
    try:
        start, end = map(int, KERNEL.read_text().split())
    except OSError:
        start, end = 32768, 60999  # Linux's default
    if start - FIRST >= ENOUGH:
        return FIRST, start - 1
    return (end + 1, LAST) if LAST - end >= ENOUGH else (FIRST, LAST)


def is_free(port):
    with socket.socket() as s:
        try:
            s.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_from(start):
    """The first free port from this one on; after the last comes the first."""
    first, last = those_for_servers()
    for i in range(last - first + 1):
        port = first + (start + i - first) % (last - first + 1)
        if is_free(port):
            return port
    raise OSError(f"none of the ports from {first} to {last} is free")


def free_port():
    """A port that nothing listens on."""
    anywhere = random.randint(*those_for_servers())
    if "REEVE_PORTS" not in os.environ:
        return free_from(anywhere)
    with open(os.open(os.environ["REEVE_PORTS"], os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600), "r+", encoding="ascii") as f:
        fcntl.flock(f, fcntl.LOCK_EX)
        before = f.read()
        port = free_from(int(before) + 1 if before else anywhere)
        f.seek(0)
        f.truncate()
        f.write(str(port))
        return port
