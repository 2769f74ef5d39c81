# SPDX-License-Identifier: Apache-2.0
"""Plugins with every kind of bug, each alone and under load: the poisonous messages end as dead letters `crashed` (or are delivered, when
the harm does not stop them), all others are delivered, and no other process is started again.

Beside test_poison.py, which looks at single messages. Without REEVE_CAMPAIGN=full only those that it does not have.
"""
import os
import time

import pytest

from campaign import FULL, Site, figure, wait_for

POISON = [30]  # which of the events do it
RATE = 150


def start(tmp_path, how):
    """A site with a third destination, `sick`, whose plugin is told what to do with messages of the status `poison`."""
    sick = {"plugin": "fail", "verdict": "ok", "when_attribute": "status", "when_value": "poison", "speaks": "cloudevents", **how}
    return Site(tmp_path, more={"sick": {"party": "council", "deliver": sick}},
                routes={"everything": {"when": "TRUE", "to": ["partner", "register"]},
                        "sick": {"match": {"type": "funding.report"}, "to": "sick"}}).ready()


# what the plugin does, and what becomes of the messages that make it: a dead letter of this code, or None: they are delivered
HARMS = {
    "crash": ({"crash": True}, "crashed"),
    "segfault": ({"harm": "segfault"}, "crashed"),
    "exit": ({"harm": "exit"}, "crashed"),
    "hang": ({"hang": True, "deadline": "1s"}, "crashed"),
    "spin": ({"harm": "spin", "deadline": "1s"}, "crashed"),
    "close": ({"harm": "close"}, "any"),
    "scribble": ({"harm": "scribble"}, "any"),
    "fork": ({"harm": "fork"}, None),
    "daemon": ({"harm": "daemon"}, None),
    "leak": ({"leak": "256k"}, None),
}


CASES = [(h, load) for h in HARMS for load in ("under load", "alone")
         if FULL or (load == "under load" and h in ("segfault", "close", "scribble", "fork", "daemon"))]


@pytest.mark.parametrize("harm, load", CASES)
def test_a_plugin_that_does_harm_does_it_to_itself(tmp_path, harm, load):
    how, code = HARMS[harm]
    site = start(tmp_path, how)
    try:
        before = site.pids()
        if load == "alone":
            site.traffic(40, kinds=["events"], per=1, status=lambda i: "poison" if i in POISON else None)
        else:
            site.traffic(RATE, status=lambda i: "poison" if i in POISON else None)
        sender = next(s for s in site.senders if s.connector == "events")
        wait_for(lambda: sender.failure or sender.number > POISON[-1], 120, "all poison is sent")
        time.sleep(1)
        if code is None:  # whoever it left behind must not hold on to what it had in hand
            assert site.kill("sick.deliver")
            time.sleep(2)
        dead = site.finish(120, dead_are_fine=True)
        now = site.pids()
        assert {n for n in now if now[n] != before[n]} <= {"sick.deliver"}, "only the sick one was started again"
        letters = dead.get("sick", {})
        poisonous = {f"{sender.name}-{i}" for i in POISON}
        assert set(dead) <= {"sick"} and set(letters) <= poisonous, f"innocent messages became dead letters: {dead}"
        if code == "crashed":
            assert set(letters) == poisonous and {c for c, _ in letters.values()} == {"crashed"}, letters
        elif code is None:
            assert not letters
        p = site.hub.process_status("sick.deliver")
        assert p["state"] in ("ready", "waiting", "starting"), p
        wait_for(lambda: site.hub.process_status("sick.deliver")["state"] == "ready", 70, "it is ready again")
        figure(f"harm, {load}", harm, f"{len(letters)} of {len(POISON)} poisonous messages are dead letters, "
                                      f"{len(site.accepted())} others delivered; started again {p['restarts']} times")
    finally:
        site.close()
