# SPDX-License-Identifier: Apache-2.0
"""Reloads under load, half of them of broken configurations: nothing is lost, a refused one changes nothing, and an accepted one starts
again exactly the processes that it concerns.

REEVE_CAMPAIGN_RELOADS (default 24, full 1000); REEVE_SEED repeats their order.
"""
import copy
import json
import random
import time

import pytest

from campaign import SEED, Site, figure, size

RELOADS = size(24, 1000, "REEVE_CAMPAIGN_RELOADS")
SOURCES = {"grants.receive", "events.receive", "drop.receive"}


def at(config, path, value):
    """The configuration with one value changed (None: taken out)."""
    *parents, last = path.split("/")
    node = config
    for p in parents:
        node = node.setdefault(p, {})
    if value is None:
        node.pop(last, None)
    else:
        node[last] = value


# what -> (path, one value, the other value, the processes that this concerns)
SWITCHES = {
    "timeout of a peer": ("connectors/partner/deliver/timeout", "10s", "11s", {"partner.deliver"}),
    "batch of a file": ("connectors/register/deliver/batch", None, 50, {"register.deliver"}),
    "deadline of the door": ("door/deadline", None, "6m", {"door"}),
    "partial documents": ("connectors/grants/receive/partial", False, True, {"grants.receive"}),
    "settle time of files": ("connectors/drop/receive/settle", None, "3s", {"drop.receive"}),
    "types of events": ("connectors/events/receive/types", None, "open", {"events.receive"}),
    "one more route": ("routes/awards", None, {"match": {"type": "funding.award"}, "to": "partner"}, SOURCES),
    "the name of a party": ("parties/council/name", "Exampleshire Council", "Exampleshire", {"partner.deliver", "register.deliver"}),
}

# how a configuration is broken: a change as above, or a whole text; and what the refusal speaks of
BROKEN = {
    "unknown party": (("connectors/partner/party", "nobody"), "unknown-party"),
    "unknown key": (("conectors", {}), "unknown-key"),
    "unknown option": (("connectors/partner/deliver/tymeout", "3s"), "tymeout"),
    "option of a wrong type": (("connectors/partner/deliver/timeout", "soon"), "soon"),
    "no such plugin": (("connectors/partner/deliver/plugin", "carrier-pigeon"), "carrier-pigeon"),
    "no shared object": (("connectors/partner/deliver/plugin", "./reeve.yaml"), "reeve.yaml"),
    "route to nowhere": (("routes/lost", {"when": "TRUE", "to": "nowhere"}), "nowhere"),
    "wrong expression": (("routes/wrong", {"when": "type = = 'x'", "to": "partner"}), "cesql-parse"),
    "no secret": (("connectors/partner/deliver/bearer", "${file:no-such-secret}"), "no-such-secret"),
    "not YAML": ("hub: [exampleshire\nconnectors: }", "reeve.yaml:"),
    "empty": ("", "reeve.yaml"),
    "bytes": ("\0\1\2\3" * 100, "reeve.yaml"),
}


@pytest.fixture
def site(tmp_path):
    s = Site(tmp_path)
    try:
        yield s.ready()
    finally:
        s.close()


def reload_with(site, text):
    site.hub.directory.joinpath("reeve.yaml").write_text(text)
    return site.hub.command("reload", "-c", site.hub.config, timeout=120)


def test_reloads_under_load_lose_nothing_and_touch_only_what_changed(site):
    chance = random.Random(f"{SEED} reload")
    print(f"REEVE_SEED={SEED}")
    base = json.loads(site.hub.directory.joinpath("reeve.yaml").read_text())
    state, refused, restarted, longest = {}, 0, 0, 0.0
    site.traffic(200)
    pids = site.pids()
    assert len(pids) == 7
    begin = time.monotonic()
    for n in range(RELOADS):
        broken = n % 2
        what = chance.choice(sorted(BROKEN if broken else SWITCHES))
        config, concerned = copy.deepcopy(base), set()
        switched = dict(state)
        if not broken:
            switched[what] = not state.get(what)
            concerned = SWITCHES[what][3]
        for name, on in switched.items():
            path, off_value, on_value, _ = SWITCHES[name]
            at(config, path, on_value if on else off_value)
        text = json.dumps(config)
        if broken:
            fault, word = BROKEN[what]
            if isinstance(fault, tuple):
                at(config, *fault)
                text = json.dumps(config, indent=1)
            else:
                text = fault
        start = time.monotonic()
        r = reload_with(site, text)
        longest = max(longest, time.monotonic() - start)
        say = f"REEVE_SEED={SEED}, reload {n}, {what}: {r.stdout}{r.stderr}"
        assert r.returncode == (1 if broken else 0), say
        if broken:
            refused += 1
            assert word in r.stdout + r.stderr, say
        now = site.pids()
        assert {p for p in now if now[p] != pids.get(p)} == concerned and now.keys() == pids.keys(), say
        restarted += len(concerned)
        pids, state = now, switched
    took = time.monotonic() - begin
    site.finish()
    figure("reload", "seed", SEED)
    figure("reload", "reloads", f"{RELOADS}, {refused} of them refused with the reason")
    figure("reload", "processes started again", f"{restarted}, each because its part had changed")
    figure("reload", "messages accepted meanwhile, all delivered", len(site.accepted()))
    figure("reload", "time", f"{took:.0f} s; the longest reload {longest:.2f} s")
    for name, pairs in site.repetitions().items():
        figure("reload", f"came again to {name}, with the same id", len(pairs))
        assert not pairs, "an orderly end settles what it has in hand"
