# SPDX-License-Identifier: Apache-2.0
"""reeve plan OLD NEW: what a running hub has journalled, through two configurations, against an oracle of our own.

The oracle knows routes as lists of simple terms and evaluates them itself; the hub gets the same routes as YAML. Which party may get
what it finds by trying every combination of the values that the terms tell apart. REEVE_PLAN_MESSAGES: how many messages are journalled
(default 3,000); REEVE_SEED repeats a run."""
import collections
import copy
import datetime
import functools
import itertools
import json
import os
import random
import resource
import time

from conftest import reeve
from hub import EVENTS, grant, package

MESSAGES = int(os.environ.get("REEVE_PLAN_MESSAGES", 3000))
TYPES = ["client.referral", "client.case", "client.outcome", "funding.award", "funding.report", "information.measure", "information.service"]
ALL_TYPES = ["client.referral", "client.referral.update", "client.case", "client.case.update", "client.outcome", "funding.opportunity",
             "funding.application", "funding.award", "funding.payment", "funding.report", "information.service",
             "information.organisation", "information.measure", "information.contract", "information.decision", "information.document",
             "control.request", "control.reply"]
VALUES = {"category": ["food", "fuel", "debt", "housing"], "place": ["E07000901", "E07000902", "W06000001"],
          "status": ["new", "open", "closed"]}
AMOUNTS = [10, 500, 1000, 25000, 50000, 2000000]
PARTIES = ["p0", "p1", "p2", "p3", "p4", "p5"]
SENDERS = ["g0", "g1", "g2"]
SOURCES = {"s0": "g0", "s1": "g1", "s2": "g2"}
DESTINATIONS = [f"d{i}" for i in range(9)]
FAR, PAST = "2999-12-31", "2020-01-31"


def holds(term, m):
    kind, name, value = term
    have = m.get(name)
    if have is None:
        return False
    return {"in": lambda: have in value, "ge": lambda: have >= value, "prefix": lambda: have.startswith(value), "exists": lambda: True}[kind]()


def as_yaml(terms):
    out, when = {}, []
    for kind, name, value in terms:
        if kind == "in" and len(value) % 2:  # both ways of saying it
            out.setdefault("match", {})[name] = value
        elif kind == "in":
            when.append(f"{name} IN ({', '.join(repr(v) for v in value)})")
        elif kind == "ge":
            when.append(f"EXISTS {name} AND {name} >= {value}")
        elif kind == "prefix":
            when.append(f"{name} LIKE '{value}%'")
        else:
            when.append(f"EXISTS {name}")
    if when:
        out["when"] = " AND ".join(when)
    return out or {"when": "TRUE"}


class Known:
    """A configuration as the oracle knows it."""

    def __init__(self, rnd):
        self.rnd = rnd
        self.sources = dict(SOURCES)
        self.party_of = {d: rnd.choice(PARTIES) for d in DESTINATIONS}
        self.until = {p: rnd.choice([FAR, FAR, PAST]) for p in PARTIES}
        self.unrouted = ["d8"] if rnd.random() < 0.6 else []
        self.routes = [self.route(f"r{i}") for i in range(rnd.randint(4, 9))]

    def terms(self, without=()):
        names = [n for n in ["type", "type", "category", "place", "status", "amount", "party"] if n not in without]
        out = {}
        for name in self.rnd.sample(names, self.rnd.choice([1, 2, 2, 3])):
            if name == "type":
                out[name] = ("in", name, self.rnd.sample(TYPES, self.rnd.randint(1, 3)))
            elif name == "party":
                out[name] = ("in", name, self.rnd.sample(SENDERS, self.rnd.randint(1, 2)))
            elif name == "amount":
                out[name] = self.rnd.choice([("ge", name, self.rnd.choice(AMOUNTS)), ("exists", name, None)])
            elif name == "place" and self.rnd.random() < 0.3:
                out[name] = ("prefix", name, "E0")
            else:
                out[name] = ("in", name, self.rnd.sample(VALUES[name], self.rnd.randint(1, 2)))
        return list(out.values())

    def targets(self):
        return sorted(self.rnd.sample(DESTINATIONS[:8], self.rnd.choice([1, 1, 2])))

    def route(self, name):
        r = {"name": name, "terms": self.terms()}
        if self.rnd.random() < 0.35:
            r["terms"] = self.terms(without=("category",))
            values = self.rnd.sample(VALUES["category"], 3)
            r["first"] = [([("in", "category", [v])], self.targets()) for v in values[:self.rnd.randint(1, 3)]]
            if self.rnd.random() < 0.5:
                r["first"].append(([], self.targets()))
        else:
            r["to"] = self.targets()
        return r

    def changed(self):
        """A copy with seeded differences."""
        n = copy.deepcopy(self)
        n.__dict__.pop("may", None)
        for _ in range(self.rnd.randint(1, 4)):
            kind, at = self.rnd.randrange(9), self.rnd.randrange(len(n.routes))
            if kind == 0 and len(n.routes) > 1:
                del n.routes[at]
            elif kind == 1:
                n.routes.append(n.route(f"added{len(n.routes)}"))
            elif kind == 2:
                n.routes[at]["terms"] = n.terms(without=("category",))
            elif kind == 3 and "to" in n.routes[at]:
                n.routes[at]["to"] = n.targets()
            elif kind == 4 and "first" in n.routes[at]:
                n.routes[at]["first"][0] = (n.routes[at]["first"][0][0], n.targets())
            elif kind == 5:
                p = self.rnd.choice(PARTIES)
                n.until[p] = PAST if n.until[p] == FAR else FAR
            elif kind == 6:
                n.unrouted = [] if n.unrouted else ["d8"]
            elif kind == 7:
                n.sources["s2"] = self.rnd.choice(SENDERS)
            elif kind == 8 and "s1" in n.sources:
                del n.sources["s1"]
                n.sources["s1x"] = "g1"  # renamed, another path: not the same any more
        return n

    @functools.cached_property
    def may(self):
        return self.possible()

    def as_config(self):
        c = {"hub": "exampleshire", "parties": {}, "connectors": {}, "routes": {}}
        for s in SENDERS:
            c["parties"][s] = {"name": f"Sender {s}", "role": "funder"}
        for p in PARTIES:
            c["parties"][p] = {"name": f"Party {p}", "role": "provider",
                               "agreements": [{"purpose": "testing", "data": ["personal"], "until": self.until[p]}]}
        for s, party in self.sources.items():
            c["connectors"][s] = {"party": party, "receive": {"plugin": "http", "path": f"/{s}", "speaks": "cloudevents",
                                                              "auth": {"bearer": "${file:token}"}}}
        for d in DESTINATIONS:
            c["connectors"][d] = {"party": self.party_of[d], "deliver": {"plugin": "null"}}
        for r in self.routes:
            y = as_yaml(r["terms"])
            if "to" in r:
                y["to"] = r["to"]
            else:
                y["first"] = [{**(as_yaml(t) if t else {}), "to": to} for t, to in r["first"]]
            c["routes"][r["name"]] = y
        c["unrouted"] = {"to": self.unrouted} if self.unrouted else {"drop": "nobody wants it"}
        return c

    # ---- the oracle

    def outcome(self, connector, message):
        """(how, destinations, words about the routes)"""
        if connector not in self.sources:
            return "not_received", (), "no route"
        m = {**message, "party": self.sources[connector]}
        by = {}
        for r in self.routes:
            if not all(holds(t, m) for t in r["terms"]):
                continue
            choices = [(r.get("to", []), r["name"])]
            for i, (terms, to) in enumerate(r.get("first", [])):
                if all(holds(t, m) for t in terms):
                    choices.append((to, f"{r['name']} (alternative {i + 1})"))
                    break
            for to, words in choices:
                for d in to:
                    by.setdefault(d, words)
        if not by:
            return ("unrouted", tuple(self.unrouted), "no route") if self.unrouted else ("dropped", (), "no route")
        words = []
        for d in sorted(by):
            if by[d] not in words:
                words.append(by[d])
        return "matched", tuple(sorted(by)), ", ".join(words)

    def refuses(self, destination, m):
        return m["type"].startswith("client.") and self.until[self.party_of[destination]] == PAST

    def gets(self, connector, m):
        """Parties that really get it."""
        _, to, _ = self.outcome(connector, m)
        return {self.party_of[d] for d in to if not self.refuses(d, m)}

    def possible(self):
        """(party, type, sender) for everything that some message could bring about. A type that no route names goes the way of any other
        such; whether it is about people is all that matters then."""
        found = set()
        unnamed = {True: [t for t in ALL_TYPES if t not in TYPES and t.startswith("client.")],
                   False: [t for t in ALL_TYPES if t not in TYPES and not t.startswith("client.")]}
        domains = [[None, *VALUES["category"], "other"], [None, "E07000901", "E07000902", "W06000001", "E0-other", "other"],
                   [None, *VALUES["status"], "other"], [None, 0, *AMOUNTS]]
        for connector, sender in self.sources.items():
            for type_ in [*TYPES, unnamed[True][0], unnamed[False][0]]:
                same = [type_] if type_ in TYPES else unnamed[type_.startswith("client.")]
                for category, place, status, amount in itertools.product(*domains):
                    m = {"type": type_, "category": category, "place": place, "status": status, "amount": amount}
                    found |= {(p, t, sender) for p in self.gets(connector, m) for t in same}
        return found


def messages(rnd, n):
    out = []
    for i in range(n):
        m = {"type": rnd.choice(TYPES), "id": f"m-{i}"}
        for name, values in VALUES.items():
            if rnd.random() < 0.7:
                m[name] = rnd.choice(values + ["elsewhere \"\\ é"])
        if rnd.random() < 0.6:
            m["amount"] = rnd.choice(AMOUNTS)
        if rnd.random() < 0.2:
            m["dataclassification"] = rnd.choice(["official", "official-sensitive"])
        out.append((rnd.choice(list(SOURCES)), m))
    return out


def journalled(h, rnd, n):
    sent = messages(rnd, n)
    for connector in SOURCES:
        mine = [m for c, m in sent if c == connector]
        for at in range(0, len(mine), 2000):
            batch = [{"specversion": "1.0", "source": "//sender.example/system", "data": {"n": 1}, **m} for m in mine[at:at + 2000]]
            status, answer = h.push_until_taken(batch, path=f"/{connector}", headers={"Content-Type": EVENTS})
            assert status == 202 and answer["accepted"] == len(batch), (status, answer)
    return sent


def planned(old, new, *more, code=None):
    r = reeve("plan", old, new, "--json", *more, timeout=300)
    assert code is None or r.returncode == code, (r.returncode, r.stderr, r.stdout[-2000:])
    assert r.stdout, r.stderr
    return r.returncode, json.loads(r.stdout)


RANK = {"not_received": 0, "dropped": 1, "unrouted": 2, "matched": 3}


def change(a, b):
    if b == "not_received":
        return "not_received"
    if a == "not_received":
        return "newly_received"
    return "elsewhere" if a == b else "unroutable" if RANK[b] < RANK[a] else "now_routed"


def check_report(report, sent, old, new):
    groups, examples = collections.Counter(), collections.defaultdict(set)
    routes, types = collections.defaultdict(collections.Counter), collections.defaultdict(collections.Counter)
    changes, refused = collections.Counter(), collections.Counter()
    per = [collections.Counter(), collections.Counter()]
    seen = [collections.Counter(), collections.Counter()]
    for connector, m in sent:
        a, b = old.outcome(connector, m), new.outcome(connector, m)
        for side, (k, o) in enumerate([(old, a), (new, b)]):
            per[side].update(o[1])
            for p in k.gets(connector, m):
                seen[side][(p, m["type"], k.sources[connector])] += 1
                if "dataclassification" in m:
                    seen[side][(p, None, "dataclassification=" + m["dataclassification"])] += 1
        for d in b[1]:
            if new.refuses(d, m) and not (d in a[1] and old.refuses(d, m)):
                refused[d] += 1
        if a[:2] != b[:2]:
            key = a[:2] + b[:2]
            groups[key] += 1
            changes[change(a[0], b[0])] += 1
            routes[key][(a[2], b[2])] += 1
            types[key][m["type"]] += 1
            examples[key].add(m["id"])
    got = {}
    for g in report["moved"]:
        key = (g["from"]["how"], tuple(g["from"]["destinations"]), g["to"]["how"], tuple(g["to"]["destinations"]))
        assert key not in got
        got[key] = g["messages"]
        assert g["change"] == change(key[0], key[2])
        assert {(r["old"], r["new"]): r["messages"] for r in g["routes"]} == dict(routes[key])
        assert {t["type"]: t["messages"] for t in g["types"]} == dict(types[key])
        assert 1 <= len(g["examples"]) <= 5 and set(g["examples"]) <= examples[key]
    assert got == dict(groups)
    assert {k: n for k, n in report["changes"].items() if n} == dict(changes)
    assert report["unroutable"] == changes["unroutable"]
    assert report["replayed"]["messages"] == len(sent)
    assert report["replayed"]["unchanged"] == len(sent) - sum(groups.values())
    assert {d["name"]: (d["old"], d["new"]) for d in report["replayed"]["destinations"]} == \
        {d: (per[0][d], per[1][d]) for d in DESTINATIONS if per[0][d] != per[1][d]}
    assert {r["destination"]: r["messages"] for r in report["refused"]} == dict(refused)
    check_reach(report, old, new, seen)
    return changes


def check_reach(report, old, new, seen):
    before, after = old.may, new.may
    assert {k for k in seen[0] if k[1]} <= before and {k for k in seen[1] if k[1]} <= after
    for name, side, wanted in [("newly_possible", 1, after - before), ("no_longer_possible", 0, before - after)]:
        got, classes = {}, {}
        for p in report[name]:
            for w in p["what"]:
                if "data_class" in w:
                    classes[(p["party"], None, w["data_class"])] = w["messages"]
                else:
                    got[(p["party"], w["type"], w["from"])] = w["messages"]
            has = [{k for k in side_ if k[0] == p["party"]} for side_ in (before, after)]
            assert p["everything"] == (bool(has[side]) and not has[1 - side])
            assert p["all_personal"] == (any(k[1].startswith("client.") for k in has[side]) and
                                         not any(k[1].startswith("client.") for k in has[1 - side]))
        assert set(got) == wanted, name
        assert got == {k: seen[side][k] for k in wanted}
        assert classes == {k: n for k, n in seen[side].items() if not k[1] and not seen[1 - side][k]}


def write_new(tmp_path, config, name="new"):
    d = tmp_path / name
    d.mkdir(exist_ok=True)
    (d / "reeve.yaml").write_text(json.dumps({"door": {"listen": "127.0.0.1:8480"}, **config}, indent=1))
    return d / "reeve.yaml"


def test_every_seeded_difference_is_found_and_none_invented(hub, tmp_path):
    seed = int(os.environ.get("REEVE_SEED", time.time_ns() & 0xffffffff))
    print(f"REEVE_SEED={seed}")
    rnd = random.Random(seed)
    old = Known(rnd)
    h = hub(old.as_config())
    sent = journalled(h, rnd, MESSAGES)
    found = collections.Counter()
    for i in range(6):
        new = old.changed() if i else old
        path = write_new(tmp_path, new.as_config(), f"new{i}")  # without the token: secrets need not be there
        start = time.monotonic()
        code, report = planned(h.config, path)
        print(f"{len(sent)} messages: {time.monotonic() - start:.2f} s")
        changes = check_report(report, sent, old, new)
        assert code == (1 if changes["unroutable"] else 0)
        found += changes
        if i == 0:
            assert not changes and not report["newly_possible"] and not report["no_longer_possible"] and not report["differences"]
    assert found, "no configuration differed"
    print(dict(found), f"peak RSS of children {resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024} MiB")


def test_the_account_for_people_says_what_is_worst_first(hub, tmp_path):
    config = {
        "parties": {"council": {"name": "Exampleshire Council", "role": "hub"}, "dcms": {"name": "DCMS", "role": "government"},
                    "foodbank": {"name": "Foodbank", "role": "provider", "agreements": [{"purpose": "food", "data": ["personal"]}]}},
        "connectors": {"cases": {"party": "dcms", "receive": {"plugin": "http", "path": "/cases", "speaks": "cloudevents"}},
                       "register": {"party": "council", "deliver": {"plugin": "null"}},
                       "foodbank": {"party": "foodbank", "deliver": {"plugin": "null"}}},
        "routes": {"awards": {"match": {"type": "funding.award"}, "to": "register"}}}
    h = hub(config)
    events = [{"specversion": "1.0", "id": f"a{i}", "source": "//x/y", "type": "funding.award", "amount": i * 1000} for i in range(10)]
    events += [{"specversion": "1.0", "id": f"c{i}", "source": "//x/y", "type": "client.case"} for i in range(4)]  # dropped
    assert h.push(events, path="/cases", headers={"Content-Type": EVENTS})[0] == 202
    new = copy.deepcopy(config)
    new["hub"], new["unrouted"] = "exampleshire", {"drop": "nobody asked for it"}
    new["connectors"]["cases"]["receive"]["auth"] = {"bearer": "${file:token}"}
    new["routes"] = {"large": {"when": "EXISTS amount AND amount >= 3000", "to": "register"},
                     "cases": {"match": {"type": "client.case"}, "to": "foodbank"}}
    new["connectors"]["register"]["deliver"]["delay"] = "1s"
    path = write_new(tmp_path, new)
    r = reeve("plan", h.config, path)
    assert r.returncode == 1, r.stderr
    print(r.stdout)
    lines = [line.strip() for line in r.stdout.splitlines()]
    assert lines[1].startswith("replayed 14 messages, ") and lines[1].endswith("; 7 would go where they went")
    assert lines.index("would become unroutable: 3 messages") < lines.index("matched nothing and would be routed: 4 messages")
    assert "3  register -> nowhere (matches nothing, dropped)" in lines
    assert "4  nowhere (matches nothing, dropped) -> foodbank" in lines
    assert "by route          4  no route -> cases" in lines
    assert "foodbank (Foodbank, provider): got nothing before" in lines
    assert "client.case from dcms, about people, by route cases (4 of the replayed)" in lines
    assert "council (Exampleshire Council, hub): got nothing about people before" in lines
    assert ("client.case, client.case.update, client.outcome, client.referral, client.referral.update from dcms, about people, "
            "by route large") in lines
    assert "register.deliver: plugin option delay" in lines
    assert not r.stderr and "\033" not in r.stdout
    # the other way round nothing becomes unroutable but the four cases
    code, report = planned(path, h.config, "--data", str(tmp_path / "var"))
    assert code == 1 and report["unroutable"] == 4 and report["changes"]["now_routed"] == 3


def test_only_messages_since_a_time_are_replayed(hub, tmp_path):
    h = hub({"parties": {"council": {"name": "C", "role": "hub"}},
                   "connectors": {"in": {"party": "council", "receive": {"plugin": "http", "path": "/in", "speaks": "cloudevents"}},
                                  "out": {"party": "council", "deliver": {"plugin": "null"}}},
                   "routes": {"all": {"when": "TRUE", "to": "out"}}})

    def push(n):
        e = {"specversion": "1.0", "id": f"e{n}", "source": "//x/y", "type": "information.measure"}
        assert h.push(e, path="/in", headers={"Content-Type": "application/cloudevents+json"})[0] == 202
    push(1)
    push(2)
    between = max(row["wall_ms"] for n in (1, 2) for row in h.trace(f"e{n}")) + 1
    while time.time_ns() // 1_000_000 <= between:
        pass
    push(3)
    at = datetime.datetime.fromtimestamp(between / 1000, datetime.timezone.utc).isoformat(timespec="milliseconds")
    for since, n in [(at, 1), ("1h", 3), ("2999-01-01T00:00:00Z", 0)]:
        assert planned(h.config, h.config, "--since", since, code=0)[1]["replayed"]["messages"] == n
    r = reeve("plan", h.config, h.config, "--since", "yesterday")
    assert r.returncode == 64 and "--since wants a time" in r.stderr


def test_another_party_or_hub_name_changes_what_routes_see(hub, tmp_path):
    config = {"parties": {"council": {"name": "C", "role": "hub"}, "dcms": {"name": "D", "role": "government"},
                          "dclg": {"name": "E", "role": "government"}},
              "connectors": {"grants": {"party": "dcms", "receive": {"plugin": "http", "path": "/grants", "speaks": "360giving"}},
                             "register": {"party": "council", "deliver": {"plugin": "null"}},
                             "other": {"party": "council", "deliver": {"plugin": "null"}}},
              "routes": {"theirs": {"match": {"party": "dcms"}, "to": "register"},
                         "ours": {"match": {"source": "//exampleshire/dcms/360giving"}, "to": "other"}}}
    h = hub(config)
    assert h.push(package([grant(1), grant(2)]))[0] == 202
    new = copy.deepcopy(config)
    new["hub"], new["unrouted"] = "exampleshire", {"drop": "x"}
    assert planned(h.config, write_new(tmp_path, new), code=0)[1]["replayed"]["unchanged"] > 0
    new["connectors"]["grants"]["party"] = "dclg"
    code, report = planned(h.config, write_new(tmp_path, new))
    assert code == 1 and report["unroutable"] == report["replayed"]["messages"] > 0
    new["connectors"]["grants"]["party"] = "dcms"
    new["hub"] = "elsewhere"
    code, report = planned(h.config, write_new(tmp_path, new))
    assert code == 0 and [g["to"]["destinations"] for g in report["moved"]] == [["register"]]
    assert report["differences"][0]["name"] == "hub"


def test_what_cannot_be_read_is_said(hub, tmp_path):
    h = hub({"parties": {"council": {"name": "C", "role": "hub"}},
                   "connectors": {"in": {"party": "council", "receive": {"plugin": "http", "path": "/in", "speaks": "cloudevents"}},
                                  "out": {"party": "council", "deliver": {"plugin": "null"}}},
                   "routes": {"all": {"when": "TRUE", "to": "out"}}})
    r = reeve("plan", h.config, h.config, "--data", str(tmp_path / "nowhere"))
    assert r.returncode == 1 and "[journal-directory]" in r.stderr and "--data" in r.stderr
    broken = write_new(tmp_path, {"hub": "x", "unrouted": {"to": "nobody"}, "parties": {}, "connectors": {}})
    r = reeve("plan", h.config, broken)
    assert r.returncode == 1 and "reeve.yaml:" in r.stderr and "[configuration]" in r.stderr and not r.stdout
    (tmp_path / "var" / "journal" / "zzz.db").write_text("this is no data base")
    code, report = planned(h.config, h.config)
    assert code == 2 and report["unreadable"][0]["process"] == "zzz"
    assert "the journal of zzz could not be read to its end" in reeve("plan", h.config, h.config).stdout
