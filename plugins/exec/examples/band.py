#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A step: says of every award in which band its amount is (attribute category), and drops those below `least` (settings)."""
import json
import sys
from decimal import Decimal, InvalidOperation


def say(**what):
    print(json.dumps(what), flush=True)


def band(event, least):
    try:
        amount = Decimal(event["amount"])  # the attribute is a text: nothing is rounded
    except (KeyError, InvalidOperation):
        return {"verdict": "reject", "code": "no-amount", "text": "there is no amount"}
    if amount < least:
        return {"verdict": "ok", "emit": [], "text": f"less than {least}"}
    event["category"] = "large" if amount >= 100000 else "small"
    return {"verdict": "ok", "emit": [event]}


def main():
    hello = json.loads(sys.stdin.readline())
    least = Decimal(hello["settings"].get("least", "0"))
    say(reeve=1, name="band")
    for line in sys.stdin:
        asked = json.loads(line)
        say(seq=asked["seq"], **band(asked["event"], least))


if __name__ == "__main__":
    main()
