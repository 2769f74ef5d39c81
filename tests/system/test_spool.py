# SPDX-License-Identifier: Apache-2.0
"""reeve-spool as the supervisor sees it: descriptors 3 and 4, READY, beats, figures, drain, exit codes."""
import contextlib
import fcntl
import hashlib
import json
import os
import signal
import socket
import struct
import time

import pytest
from conftest import PATIENCE, program

READY, BEAT, STATS, FAULT = 1, 2, 4, 5
DRAIN, ASK_STATS = 64, 67
TOKEN = "token-of-the-test"


def part_of(data, **changes):
    part = {
        "kind": "spool", "name": "spool", "data": str(data), "socket": str(data / "s"), "key": "00",
        "destinations": [{"name": "register", "order": "free", "limit_messages": 10, "limit_bytes": 0}],
        "rights": [{"name": "admin", "token_sha256": hashlib.sha256(TOKEN.encode()).hexdigest(),
                    "publish": True, "consume": [], "admin": True}],
        "message_max": 1 << 20,
    }
    part.update(changes)
    return part


class Spool:
    """One process with our end of its control channel."""

    def __init__(self, part):
        ours, theirs = socket.socketpair()
        memory = os.memfd_create("part")
        os.write(memory, json.dumps(part).encode())
        # numbers of their own first, above the targets 3 and 4
        high = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 100) for fd in (theirs.fileno(), memory)]
        env = dict(os.environ, REEVE_GENERATION="7")
        self.pid = os.posix_spawn(program("reeve-spool"), ["reeve-spool"], env, file_actions=[
            (os.POSIX_SPAWN_DUP2, high[0], 3), (os.POSIX_SPAWN_DUP2, high[1], 4)])
        for fd in high + [memory]:
            os.close(fd)
        theirs.close()
        ours.settimeout(0.2)
        self.control, self.status, self.bytes = ours, None, b""

    def frame(self, wanted, seconds=10):
        end = time.monotonic() + seconds * PATIENCE
        while time.monotonic() < end:
            while len(self.bytes) >= 12:
                length, kind, _, generation = struct.unpack_from("<IHHI", self.bytes)
                if len(self.bytes) < 12 + length:
                    break
                payload, self.bytes = self.bytes[12:12 + length], self.bytes[12 + length:]
                assert generation == 7
                if kind == wanted:
                    return payload
            with contextlib.suppress(TimeoutError):
                more = self.control.recv(65536)
                if not more:
                    break
                self.bytes += more
        pytest.fail(f"no control frame of type {wanted}")

    def send(self, kind, payload=b""):
        self.control.sendall(struct.pack("<IHHI", len(payload), kind, 0, 7) + payload)

    def wait(self, seconds=10):
        end = time.monotonic() + seconds * PATIENCE
        while self.status is None and time.monotonic() < end:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.status = os.waitstatus_to_exitcode(status)
            else:
                time.sleep(0.01)
        return self.status

    def close(self):
        if self.wait(0) is None and self.status is None:
            os.kill(self.pid, signal.SIGKILL)
            self.wait()
        self.control.close()


def client_of(path):
    """A client that the spool has answered."""
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(5 * PATIENCE)
    client.connect(str(path))
    name, token = b"admin", TOKEN.encode()
    hello = struct.pack("<II", 1, len(name)) + name + struct.pack("<I", len(token)) + token
    client.sendall(struct.pack("<IHHI", len(hello), 1, 0, 0) + hello)
    assert struct.unpack_from("<IHHI", client.recv(64))[1] == 65
    return client


@pytest.fixture
def start(tmp_path):
    running = []

    def make(**changes):
        running.append(Spool(part_of(tmp_path, **changes)))
        return running[-1]
    yield make
    for spool in running:
        spool.close()


def test_it_is_ready_beats_tells_its_figures_and_drains(start, tmp_path):
    spool = start()
    spool.frame(READY)
    assert (tmp_path / "s").exists()
    spool.frame(BEAT)
    spool.send(ASK_STATS)
    figures = spool.frame(STATS)
    figures = json.loads(figures[4:] if figures[:1] != b"{" else figures)
    assert figures["destinations"][0]["name"] == "register"
    assert figures["destinations"][0]["ready"] == 0
    spool.send(DRAIN, struct.pack("<I", 5))
    assert spool.wait() == 0
    assert not (tmp_path / "s").exists()


def test_it_ends_when_the_supervisor_is_gone(start):
    spool = start()
    spool.frame(READY)
    spool.control.shutdown(socket.SHUT_RDWR)
    assert spool.wait() == 0


def test_drain_waits_for_the_clients_but_not_for_ever(start, tmp_path):
    spool = start()
    spool.frame(READY)
    client = client_of(tmp_path / "s")
    spool.frame(BEAT)
    began = time.monotonic()
    spool.send(DRAIN, struct.pack("<I", 2))
    assert spool.wait() == 0 and time.monotonic() - began >= 1
    client.close()


def test_a_wrong_part_is_exit_78_with_the_reason(start):
    spool = start(destinations=[{"name": "register", "order": "backwards"}])
    assert b"register" in spool.frame(FAULT)
    assert spool.wait() == 78


def test_a_second_one_on_the_same_files_is_exit_75_and_harms_nothing(start, tmp_path):
    first = start()
    first.frame(READY)
    second = start()
    assert b"another reeve-spool" in second.frame(FAULT)
    assert second.wait() == 75
    client_of(tmp_path / "s").close()


def test_a_crash_leaves_nothing_that_hinders_the_next_start(start):
    for _ in range(3):
        spool = start()
        spool.frame(READY)
        os.kill(spool.pid, signal.SIGKILL)
        assert spool.wait() == -signal.SIGKILL
    spool = start()
    spool.frame(READY)
