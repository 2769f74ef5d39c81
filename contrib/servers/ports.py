# SPDX-License-Identifier: Apache-2.0
"""Ports on loopback for the servers of the demo, the tests and the bench.

A port that the kernel picks (bind to 0) is one that it may give to any outgoing connection a moment later: whoever wanted to listen there, or
is killed and started again, finds it taken. These lie outside the kernel's own range, and all processes of a user go through them in turn, so
that one is given out again only when thousands of others have been.
"""
import fcntl
import os
import pathlib
import random
import socket
import tempfile

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


def turn():
    """The file that says which port was given last; whoever holds its lock gives the next."""
    return pathlib.Path(tempfile.gettempdir()) / f"reeve-ports-{os.getuid()}"


def free_port():
    """A port that nothing listens on and that nobody else asking here is given soon."""
    first, last = those_for_servers()
    with open(os.open(turn(), os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600), "r+", encoding="ascii") as f:
        fcntl.flock(f, fcntl.LOCK_EX)
        before = int(f.read() or random.randrange(first, last))
        for i in range(1, last - first + 2):
            port = first + (before + i - first) % (last - first + 1)
            if is_free(port):
                f.seek(0)
                f.truncate()
                f.write(str(port))
                return port
    raise OSError(f"none of the ports from {first} to {last} is free")
