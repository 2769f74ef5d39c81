#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A sink: every event becomes a row of an SQLite file (settings: file). The event's id is the key, so that one that comes twice is
stored once."""
import json
import sqlite3
import sys


def say(**what):
    print(json.dumps(what), flush=True)


def main():
    hello = json.loads(sys.stdin.readline())
    if hello["reeve"] != 1:
        sys.exit(f"this program speaks version 1 of the protocol, not {hello['reeve']}")
    say(reeve=1, name="register")
    db = None
    for line in sys.stdin:
        asked = json.loads(line)
        event = asked["event"]
        if not event.get("subject"):
            say(seq=asked["seq"], verdict="reject", code="no-subject", text="the register keeps nothing without a subject")
            continue
        try:
            if db is None:
                db = sqlite3.connect(hello["settings"]["file"])
                db.execute("CREATE TABLE IF NOT EXISTS event (id TEXT PRIMARY KEY, subject TEXT, body TEXT)")
            with db:  # one transaction: it is stored before we say so
                db.execute("INSERT OR IGNORE INTO event VALUES (?, ?, ?)", (event["id"], event["subject"], json.dumps(event.get("data"))))
            say(seq=asked["seq"], verdict="ok")
        except sqlite3.Error as e:
            db = None
            say(seq=asked["seq"], verdict="down", text=str(e), after_ms=5000)


if __name__ == "__main__":
    main()
