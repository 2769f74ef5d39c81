#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Stands in for reeve-worker, reeve-spool and reeve-door in tests of the supervisor. `compile` prints the plan that the
configuration file holds; every other process does what "behave" in its part of the plan says."""
import fcntl
import json
import os
import select
import socket
import struct
import subprocess
import sys
import time

READY, BEAT, STATUS, STATS, FAULT, ALARM, PAUSED = 1, 2, 3, 4, 5, 6, 8
DRAIN, PAUSE, RESUME, ASK_STATS = 64, 65, 66, 67


def text(s):
    b = s.encode()
    return struct.pack("<I", len(b)) + b


def compile_plan(argv):
    path = argv[argv.index("-c") + 1]
    with open(path, encoding="utf-8") as f:
        words = f.read()
    if words.startswith("slow"):
        time.sleep(30)
    if not words.startswith("{"):
        print(f"{path}:1:1: error: this is no plan [test]", file=sys.stderr)
        sys.exit(1)
    os.write(5, words.encode())
    sys.exit(0)


class Child:
    def __init__(self):
        self.generation = int(os.environ["REEVE_GENERATION"])
        self.sock = socket.socket(fileno=3)
        os.lseek(4, 0, 0)
        with os.fdopen(4) as f:
            self.part = json.load(f)
        self.paused = False
        self.pending = b""
        self.note("start")

    def note(self, what):
        """One line a event in DATA/events: the tests read the order of things there."""
        with open(os.path.join(self.part["data"], "events"), "a", encoding="utf-8") as f:
            fcntl.flock(f, fcntl.LOCK_EX)
            f.write(f"{what} {self.part['name']} {os.getpid()}\n")

    def send(self, kind, payload=b"", generation=None):
        g = self.generation if generation is None else generation
        self.sock.sendall(struct.pack("<IHHI", len(payload), kind, 0, g) + payload)

    def frames(self, seconds):
        if not select.select([self.sock], [], [], seconds)[0]:
            return
        data = self.sock.recv(65536)
        if not data:
            raise ConnectionResetError
        self.pending += data
        while len(self.pending) >= 12:
            n, kind, _flags, generation = struct.unpack_from("<IHHI", self.pending)
            assert generation == self.generation
            payload, self.pending = self.pending[12:12 + n], self.pending[12 + n:]
            yield kind, payload

    def handle(self, kind, payload):
        if kind == DRAIN:
            seconds = struct.unpack("<I", payload)[0]
            self.note(f"drain:{seconds}")
            if self.part.get("behave") == "deaf":
                time.sleep(1000)
            time.sleep(self.part.get("drain_takes", 0))
            self.note("end")
            sys.exit(0)
        elif kind in (PAUSE, RESUME):
            self.paused = kind == PAUSE
            time.sleep(self.part.get("pause_takes", 0))
            self.note("pause" if self.paused else "resume")
            if self.part.get("behave") != "no-answer":
                self.send(PAUSED, bytes([self.paused]))
        elif kind == ASK_STATS:
            figures = dict(self.part.get("figures", {}), paused=self.paused)
            self.send(STATS, text(json.dumps(figures)))

    def main(self):
        behave = self.part.get("behave", "")
        if behave == "config":
            self.send(FAULT, text("bad-option") + text("option x is wrong"))
            sys.exit(78)
        if behave == "die":
            sys.exit(3)
        if behave == "die-once" and not os.path.exists(os.path.join(self.part["data"], "died")):
            open(os.path.join(self.part["data"], "died"), "w").close()
            sys.exit(3)
        if behave == "parent":
            p = subprocess.Popen(["sleep", "1000"], stdin=subprocess.DEVNULL)
            with open(os.path.join(self.part["data"], "grandchild"), "w", encoding="utf-8") as f:
                f.write(str(p.pid))
        if behave == "gossip":
            self.send(READY, struct.pack("<I", 1), generation=self.generation + 1)
        if behave == "babble":
            self.sock.sendall(b"\xff" * 4096)
        time.sleep(self.part.get("ready_takes", 0))
        self.send(STATUS, text("at work"))
        if behave not in ("never", "gossip"):
            self.note("ready")  # before it is said, which may start the next one
            self.send(READY, struct.pack("<I", 1))
        if behave == "alarm":
            self.send(ALARM, text("test-alarm") + text("something is wrong\n\x1b[31m"))
        if behave == "mute":
            time.sleep(1000)
        beat = 0.0
        while True:
            if time.monotonic() - beat >= 0.3:
                self.send(BEAT)
                beat = time.monotonic()
            for kind, payload in self.frames(0.1):
                self.handle(kind, payload)


if __name__ == "__main__":
    if len(sys.argv) > 1 and sys.argv[1] == "compile":
        compile_plan(sys.argv)
    child = Child()
    try:
        child.main()
    except ConnectionError:  # also what it was about to say, or had said and nobody read, can be what tells it
        child.note("orphan")
