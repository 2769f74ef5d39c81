# SPDX-License-Identifier: Apache-2.0
"""What went where and why: read out of `reeve trace`, and compared with what the receivers really have.

Nothing here looks into the hub. The account is made from `reeve trace --json` alone; the proof is made from the
receivers' records and the files in the directories, number by number as it was written."""
import json
import pathlib
import time

from hub import url_place

FINAL = ("delivered", "dead", "discarded")


class Number(str):
    """A JSON number as it was written: 1250.50 is not 1250.5."""


def read_json(text):
    return json.loads(text, parse_int=Number, parse_float=Number)


class Record:
    """One message that was offered: what it is called, what is in it, and what the journal says of it."""

    def __init__(self, source, key, content):
        self.source, self.key, self.content = source, key, content
        self.rows = []

    def accepted(self):
        return next((r for r in self.rows if r["event"] == "accepted"), None)

    def ident(self):
        row = self.accepted()
        return row.get("id") if row else None

    def attributes(self):
        row = self.accepted()
        return (row or {}).get("attributes") or {}

    def chosen(self):
        """Destination -> the route that chose it; also when no route did and the message is unrouted."""
        chosen = {}
        for row in self.rows:
            if row["event"] == "accepted":
                for d in (row.get("detail") or {}).get("destinations", []):
                    number = f"[{int(d['alternative']) + 1}]" if "alternative" in d else ""
                    chosen[d["destination"]] = d["route"] + number if d.get("route") else "(unrouted)"
            elif row["event"] == "unrouted" and row.get("destination"):
                chosen.setdefault(row["destination"], "(unrouted)")
        return chosen

    def outcome(self, destination):
        """The last final row of this destination, or None while it is under way."""
        rows = [r for r in self.rows if r.get("destination") == destination and r["event"] in FINAL]
        return rows[-1] if rows else None

    def settled(self):
        return self.accepted() is not None and all(self.outcome(d) for d in self.chosen())


def trace(hub, key):
    code, out, _ = hub.command("trace", key, "--json")
    if code != 0:
        return []
    document = json.loads(out)
    return document if isinstance(document, list) else document["rows"]


def wait_settled(hub, records, seconds=40):
    """Reads the journal until every record has reached all its destinations. Returns those that have not."""
    end = time.monotonic() + seconds
    left = list(records)
    while True:
        for record in left:
            record.rows = trace(hub, record.key)
        left = [r for r in left if not r.settled()]
        if not left or time.monotonic() > end:
            return left
        time.sleep(0.1)


def queues(status):
    """The destinations' queues in the document of `reeve status`."""
    return status.get("destinations", [])


# ---- for people ----
def seen(attributes):
    """What routing saw of a message, in a few words."""
    words = []
    if "amount" in attributes:
        money = f"{int(attributes['amount']):,} {attributes.get('currency', '')}"
        words.append(money.strip())
    words += [attributes[name] for name in ("category", "place", "status") if attributes.get(name)]
    return ", ".join(words)


def groups(records):
    """[(sender and type, rows of the table: message, what routing saw, destination, route, what became of it)]"""
    found = {}
    for r in records:
        rows = found.setdefault(f"{r.attributes().get('type', 'not accepted')} from {r.source['connector']}", [])
        first = [r.key, seen(r.attributes())]
        for destination, route in sorted(r.chosen().items()):
            rows.append(first + [destination, route, became(r.outcome(destination))])
            first = ["", ""]
        if not r.chosen():
            rows.append(first + ["nowhere", "-", "-"])
    return list(found.items())


def became(row):
    if row is None:
        return "under way"
    if row["event"] != "delivered":
        return f"{row['event']}: {row.get('text') or row.get('code') or '?'}"
    tries = int(row.get("attempt", 1))
    return "delivered" if tries <= 1 else f"delivered, try {tries}"


# ---- the proof ----
def documents(path):
    """JSON documents of one file: the whole of it, or one a line."""
    text = path.read_text()
    try:
        return [read_json(text)]
    except ValueError:
        return [read_json(line) for line in text.splitlines() if line.strip()]


def unpack(adapter, document):
    """(name, content) of every message in a document that a destination got: grants by their id, events by theirs."""
    if adapter == "360giving":
        return [(grant["id"], grant) for grant in document["grants"]]
    events = document if isinstance(document, list) else [document]
    return [(event["id"], event.get("data")) for event in events]


def has(sink, receivers):
    """What a destination really has: a list of (name, content), or None when it keeps nothing to look at."""
    adapter = (sink.get("adapter") or {}).get("name", "cloudevents")
    options = sink["plugin"]["options"]
    found = []
    if sink["plugin"]["name"] == "http":
        for ident, record in receivers.box(*url_place(options["url"][0])).items():
            if record["content_type"].startswith("application/cloudevents") or adapter != "cloudevents":
                found += unpack(adapter, read_json(record["body"]))
            else:  # binary mode: the envelope is in the headers
                found.append((ident, read_json(record["body"]) if record["body"] else None))
        return found
    if sink["plugin"]["name"] != "file":
        return None
    directory = pathlib.Path(options["directory"][0])
    for path in sorted(directory.rglob("*")) if directory.is_dir() else []:
        if path.is_file() and not path.name.startswith("."):
            for document in documents(path):
                found += unpack(adapter, document)
    return found


def prove(hub, receivers, records, expect_all):
    """Compares the account with reality. Returns (problems, destination -> number of messages found as claimed)."""
    problems, good = [], {}
    for name, sink in sorted(hub.sinks().items()):
        by_subject = (sink.get("adapter") or {}).get("name") == "360giving"
        claimed = {(r.attributes().get("subject") if by_subject else r.ident()): r for r in records
                   if name in r.chosen() and (r.outcome(name) or {}).get("event") == "delivered"}
        real = has(sink, receivers)
        if real is None:
            continue
        good[name] = 0
        if expect_all and not claimed:
            problems.append(f"{name}: nothing went there, so the demo shows no way to it")
        names = [n for n, _ in real]
        for key, record in claimed.items():
            if key not in names:
                problems.append(f"{name}: the account says {record.key} was delivered, but it is not there")
            elif names.count(key) > 1:
                problems.append(f"{name}: {record.key} is there {names.count(key)} times")
            elif dict(real)[key] != record.content:
                problems.append(f"{name}: {record.key} is there, but not as it was sent")
            else:
                good[name] += 1
        problems += [f"{name}: {n} is there, and the account does not say so" for n in names if n not in claimed]
    known = {url_place(s["plugin"]["options"]["url"][0]) for s in hub.sinks().values() if s["plugin"]["name"] == "http"}
    for place, box in receivers.everything().items():
        if place not in known:
            problems.append(f"something was sent to {place[1]}, which is no destination's address")
        problems += [f"{place[1]}: {i} came twice with different bytes" for i, r in box.items() if not r["same"]]
    return problems, good
