#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A source: follows a file of JSON lines (settings: file) that another program appends events to. The position is the offset behind the
line, so that nothing is left out when this program or the hub ends at any moment."""
import json
import os
import select
import sys


def say(**what):
    print(json.dumps(what), flush=True)


def answers():
    """What became of the events; False at the end of the input. Unbuffered: select() would not see what Python has read ahead."""
    data = os.read(0, 65536)
    for line in data.decode(errors="replace").splitlines():
        if '"reject"' in line:
            print("refused:", line, file=sys.stderr, flush=True)
    return bool(data)


def main():
    hello = b""
    while not hello.endswith(b"\n"):
        hello += os.read(0, 1) or sys.exit(0)
    hello = json.loads(hello)
    say(reeve=1, name="outbox")
    offset = hello.get("position", 0)
    while not os.path.exists(hello["settings"]["file"]):
        if select.select([0], [], [], 0.1)[0] and not answers():
            return
    with open(hello["settings"]["file"], "rb") as f:
        f.seek(offset)
        while True:
            line = f.readline()
            if line.endswith(b"\n"):
                offset = f.tell()
                try:
                    say(seq=offset, event=json.loads(line), position=offset)
                except ValueError:
                    print(f"no JSON before byte {offset}: passed over", file=sys.stderr, flush=True)
            else:
                f.seek(offset)  # there is half a line, or none: look again later
            wait = 0 if line.endswith(b"\n") else 0.1
            if select.select([0], [], [], wait)[0] and not answers():
                return


if __name__ == "__main__":
    main()
