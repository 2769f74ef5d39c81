# SPDX-License-Identifier: Apache-2.0
"""The running hub does what `explain` says: random hubs, random messages, the same bytes to both; compared in every destination and in
the journal.

REEVE_CONFIGS says how many hubs (default 50); REEVE_SEED repeats a run, it is printed when one differs. Each hub is made from its
own number alone, so `REEVE_SEED=… REEVE_CONFIGS=…` with `-k 'hub_does'` finds the same one again.
"""
import concurrent.futures
import json
import os
import random

import pytest
from conftest import wait_for

from hub import EVENTS, TestHub

CONFIGS = int(os.environ.get("REEVE_CONFIGS", 50))
SEED = int(os.environ.get("REEVE_SEED", random.SystemRandom().randrange(1 << 30)))
MESSAGES = 200

TYPES = ["client.referral", "client.referral.update", "client.case", "client.case.update", "client.outcome",
         "funding.opportunity", "funding.application", "funding.award", "funding.payment", "funding.report",
         "information.service", "information.organisation", "information.measure", "information.contract",
         "information.decision", "information.document", "control.request", "control.reply"]
CATEGORIES = ["food", "fuel", "housing", "debt advice", "food-parcel", "FOOD", ""]
PLACES = ["E07000901", "E07000902", "E07000903", "W06000001", "S12000001"]
ORGANISATIONS = ["GB-CHC-1000001", "GB-CHC-1000002", "GB-COH-00000003", "GB-GOR-PB188", "XI-EXAMPLE-é"]
STATUSES = ["urgent", "open", "closed", "100%", "a_b", "it's"]
AMOUNTS = [0, 1, -1, 99, 100, 101, 5000, 50000, 2147483647, -2147483648]
PARTIES = ["dcms", "lottery", "council"]
TEXTS = {"type": TYPES, "category": CATEGORIES, "place": PLACES, "funder": ORGANISATIONS, "recipient": ORGANISATIONS, "status": STATUSES,
         "currency": ["GBP", "EUR", "gbp"], "party": PARTIES, "subject": ["s-1", "s-2", "long subject with words"]}
PATTERNS = ["f%", "%o%", "E0700090_", "funding.%", "%.update", "GB-___-%", "%", "a\\_b", "_%", "%e"]


def quoted(text):
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


class Chance(random.Random):
    """What random routes and messages are made of."""

    def one_in(self, n):
        return self.randrange(n) == 0

    def name_and_value(self):
        name = self.choice(["type", "type", "type", *TEXTS])
        return name, self.choice(TEXTS[name])

    def test(self):
        name, value = self.name_and_value()
        kind = self.randrange(14)
        if kind < 3:
            return f"{name} {self.choice(['=', '=', '=', '!=', '<>'])} {quoted(value)}"
        if kind < 5:
            values = [quoted(v) for v in self.sample(TEXTS[name], self.randint(1, len(TEXTS[name])))]
            return f"{name} {self.choice(['IN', 'IN', 'NOT IN'])} ({', '.join(values)})"
        if kind == 5:
            return f"EXISTS {self.choice(['amount', 'category', 'urgent', 'recipient', 'subject', 'nosuchthing'])}"
        if kind < 9:
            test = f"amount {self.choice(['=', '!=', '<', '<=', '>', '>='])} {self.choice(AMOUNTS[:-1])}"
            return self.choice([test, f"EXISTS amount AND {test}", f"({test})", f"amount + 1 > {self.choice(AMOUNTS[:-1])}"])
        if kind == 9:
            return f"{name} {self.choice(['LIKE', 'LIKE', 'NOT LIKE'])} '{self.choice(PATTERNS)}'"
        if kind == 10:
            return f"LENGTH({name}) {self.choice(['<', '>', '='])} {self.randint(0, 16)}"
        if kind == 11:
            call = self.choice(["LOWER({0}) = {1}", "UPPER({0}) = {1}", "LEFT({0}, 3) = {1}", "TRIM({0}) = {1}",
                                "CONCAT({0}, 'x') != {1}", "{0} = CONCAT({1}, '')", "SUBSTRING({0}, 2) = {1}"])
            return call.format(name, quoted(value))
        if kind == 12:
            return self.choice(["urgent", "urgent = TRUE", "BOOL(status)", "INT(sequence) > 5", "sequence = 7", "IS_INT(sequence)",
                                "amount / 0 = 0", "NOSUCH(type)", "ABS(amount) > 99", "amount % 2 = 0", "missing = 'x'"])
        return self.choice(["TRUE", "FALSE", "type = type", "funder = recipient"])

    def expression(self, depth=0):
        tests = []
        for _ in range(self.choice([1, 1, 2, 2, 3])):
            if depth < 3 and self.one_in(4):
                tests.append(f"{self.choice(['', '', 'NOT '])}({self.expression(depth + 1)})")
            else:
                tests.append(self.test())
        joint = self.choice([" AND ", " OR ", " AND ", " XOR "])
        text = tests[0]
        for t in tests[1:]:
            text += (joint if not self.one_in(5) else self.choice([" AND ", " OR "])) + t
        return text

    def condition(self):
        c = {}
        if self.one_in(2):
            c["match"] = {}
            for _ in range(self.choice([1, 1, 2])):
                name, value = self.name_and_value()
                c["match"][name] = value if self.one_in(2) and value else self.sample([t for t in TEXTS[name] if t], self.randint(1, 3))
            if self.one_in(6):
                c["match"]["place"] = "@places.txt"
        if not c or self.one_in(3):
            c["when"] = self.expression()
        return c

    def targets(self, names):
        some = self.sample(names, self.randint(1, min(3, len(names))))
        return some[0] if len(some) == 1 else some

    def route(self, names):
        if not self.one_in(3):
            return {**(self.condition() if not self.one_in(20) else {}), "to": self.targets(names)}
        alternatives = [{**self.condition(), "to": self.targets(names)} for _ in range(self.randint(1, 3))]
        if self.one_in(2):
            alternatives.append({"to": self.targets(names)})
        return {**(self.condition() if self.one_in(2) else {}), "first": alternatives}

    def configuration(self):
        agreement = [{"purpose": "advice", "data": ["personal"]}]
        config = {"parties": {"council": {"name": "Exampleshire Council", "role": "hub"},
                              "dcms": {"name": "A Department", "role": "government", "identifier": "GB-GOV-19"},
                              "lottery": {"name": "A Fund", "role": "funder"},
                              "advice": {"name": "Advice", "role": "provider", "agreements": agreement}},
                  "connectors": {}, "routes": {}}
        sources = [f"in-{i}" for i in range(self.randint(1, 3))]
        names = [f"out-{i}" for i in range(self.randint(2, 6))]
        for s in sources:
            config["connectors"][s] = {"party": self.choice(PARTIES), "receive": {"plugin": "http", "path": "/" + s, "speaks": "cloudevents"}}
        for d in names:
            config["connectors"][d] = {"party": self.choice(["council", "advice"]),
                                       "deliver": {"plugin": "file", "directory": d, "mode": "lines", "speaks": "cloudevents"}}
        for i in range(self.choice([1, 2, 3, 5, 8, 12, 30])):
            config["routes"][f"r{i}"] = self.route(names)
        config["unrouted"] = {"to": self.targets(names)} if self.one_in(2) else {"drop": "nobody asked for it"}
        return config, sources, names

    def message(self, number):
        m = {"specversion": "1.0", "id": f"m{number}", "source": f"https://sender.example/{self.randrange(3)}", "type": self.choice(TYPES)}
        for name in ("category", "place", "funder", "recipient", "status", "currency", "subject"):
            value = self.choice(TEXTS[name])
            if self.one_in(2) and value:  # an empty attribute would be a fault
                m[name] = value
        if self.one_in(2):
            m["amount"] = self.choice(AMOUNTS) if self.one_in(2) else self.randint(-200, 60000)
        if self.one_in(3):
            m["urgent"] = self.choice([True, False])
        if self.one_in(3):
            m["sequence"] = self.choice(["7", "07", "12", "x"])
        kind = self.randrange(4)
        if kind == 0:
            m["data"] = {"number": number, "text": "é\n\"", "amount": 1.50}
        elif kind == 1:
            m.update(data="<a>1</a>", datacontenttype="application/xml")
        elif kind == 2:
            m.update(data_base64="AAEC", datacontenttype="application/octet-stream")
        return m


def expected_of(h, source, path):
    """What `explain` says of a document: the outcome, and {id: (destinations, {destination: (the first route that names it, which
    alternative of its `first`)}, whether no route matched)}."""
    r = h.command("explain", "-c", h.config, "--from", source, "--content-type", EVENTS, "--json", path)
    assert r.returncode in (0, 1), r.stderr
    said = json.loads(r.stdout)
    routed = {}
    for m in said["messages"]:
        by = {}
        for route in m["routes"]:
            for d in route["destinations"] if route["matched"] else []:
                by.setdefault(d, (route["route"], route.get("alternative")))
        assert sorted(by) == sorted(m["destinations"]) or m["unrouted"], m
        routed[m["id"]] = (set(m["destinations"]), by, m["unrouted"])
    return said["outcome"], routed


def lines(h, name):
    path = h.directory / name / "messages.jsonl"
    return path.read_text().splitlines() if path.exists() else []


def compare_journal(h, receipt, routed, unrouted):
    """`trace` of the submission tells the same routes, and each delivery once."""
    accepted, nowhere, delivered = {}, {}, []
    for row in h.trace(receipt):
        if row["event"] == "accepted":
            accepted[row["id"]] = {d["destination"]: (d.get("route"), d.get("alternative")) for d in row["detail"]["destinations"]}
        elif row["event"] == "unrouted":
            nowhere.setdefault(row["id"], row)
        elif row["event"] == "delivered":
            delivered.append((row["destination"], row["id"]))
    assert set(nowhere) == {i for i, (_, _, u) in routed.items() if u}
    for i, (destinations, by, is_unrouted) in routed.items():
        if not is_unrouted:
            assert accepted[i] == by, i
        elif "drop" in unrouted:
            assert not accepted.get(i) and nowhere[i]["text"] == unrouted["drop"], i
    assert len(delivered) == len(set(delivered))
    assert set(delivered) == {(d, i) for i, (destinations, _, _) in routed.items() for d in destinations}


def run_hub(directory, number):
    """One hub; returns how many messages went to so many destinations."""
    chance = Chance(SEED * 1000 + number)
    config, sources, names = chance.configuration()
    directory.mkdir()
    (directory / "places.txt").write_text("# in our area\n" + "\n".join(PLACES[:2]) + "\n")
    h = TestHub(directory, config)
    try:
        documents, want = {s: [] for s in sources}, {d: [] for d in names}
        for i in range(MESSAGES):
            documents[chance.choice(sources)].append(chance.message(i))
        refused = chance.one_in(4)
        if refused:  # a document with one fault in it: `explain` says so, and nothing of it may arrive
            documents["bad"] = [chance.message(1000), {**chance.message(1001), "type": "no.such.type"}, chance.message(1002)]
        said = {}
        for name, events in documents.items():
            path = directory / f"{name}.json"
            path.write_bytes(json.dumps(events, ensure_ascii=chance.one_in(2)).encode())
            said[name] = expected_of(h, sources[0] if name == "bad" else name, path)
        h.wait_ready()
        widths = {}
        for name in sorted(documents, key=lambda _: chance.random()):
            outcome, routed = said[name]
            body = (directory / f"{name}.json").read_bytes()
            status, answer = h.push(body, path="/" + (sources[0] if name == "bad" else name), headers={"Content-Type": EVENTS})
            if name == "bad":
                assert outcome == "refused" and status == 422, (outcome, status, answer)
                continue
            assert outcome == "accepted" and status == 202 and answer["accepted"] == len(documents[name]), (outcome, status, answer)
            said[name] += (answer["receipt"],)
            for i, (destinations, _, _) in routed.items():
                widths[len(destinations)] = widths.get(len(destinations), 0) + 1
                for d in destinations:
                    want[d].append(i)
        for d in names:
            wait_for(lambda d=d: len(lines(h, d)) >= len(want[d]), 30, f"{len(want[d])} messages in {d}:\n{h.log()[-2000:]}")
        total = sum(len(w) for w in want.values())
        wait_for(lambda: sum(len(h.journal(f"{d}.deliver", "delivered")) for d in names) >= total, 20, "the journals to say so")
        for name, (outcome, routed, *receipt) in said.items():
            if receipt and routed:
                compare_journal(h, receipt[0], routed, config["unrouted"])
        h.stop()
        for d in names:  # after the end: nothing came too many
            got = [json.loads(line)["id"] for line in lines(h, d)]
            assert sorted(got) == sorted(want[d]), d
        return widths
    finally:
        h.stop()


def one(directory, number):
    try:
        return run_hub(directory / f"hub-{number}", number)
    except (Exception, pytest.fail.Exception) as e:
        raise AssertionError(f"REEVE_SEED={SEED}, hub {number} in {directory}/hub-{number}: {e!r}") from e


def test_the_running_hub_does_what_explain_says(tmp_path):
    print(f"REEVE_SEED={SEED} REEVE_CONFIGS={CONFIGS}")
    widths = {}
    with concurrent.futures.ThreadPoolExecutor(2) as two:
        for w in two.map(lambda n: one(tmp_path, n), range(CONFIGS)):
            for k, n in w.items():
                widths[k] = widths.get(k, 0) + n
    print("messages by number of destinations:", dict(sorted(widths.items())))
    assert sum(widths.values()) == CONFIGS * MESSAGES
    if CONFIGS >= 20:  # else nothing was tried
        assert widths.get(0, 0) > MESSAGES / 4 and widths.get(1, 0) > MESSAGES and widths.get(2, 0) > MESSAGES
