# SPDX-License-Identifier: Apache-2.0
"""The loss campaign: kill -9 of any process, the supervisor included, at random times while messages flow. Nothing that was accepted is
lost; what comes twice comes with the same id, only around a kill, and no more of it than was in flight then; nothing stays stuck.

REEVE_CAMPAIGN_KILLS (default 16, full 200) and REEVE_CAMPAIGN_MESSAGES (3000, full 100,000); REEVE_SEED repeats the order of kills.
"""
import collections
import random
import time

import pytest

from campaign import SEED, Site, charge, could_repeat, figure, size

KILLS = size(16, 200, "REEVE_CAMPAIGN_KILLS")
MESSAGES = size(3000, 100_000, "REEVE_CAMPAIGN_MESSAGES")
PAUSE = size(1.2, 3.0, "REEVE_CAMPAIGN_PAUSE")  # s between kills, on average
RATE = size(600, 600, "REEVE_CAMPAIGN_RATE")
VICTIMS = ["door", "grants.receive", "events.receive", "drop.receive", "partner.deliver", "register.deliver", "spool", "supervisor"]


@pytest.fixture
def site(tmp_path):
    s = Site(tmp_path)
    try:
        yield s.ready()
    finally:
        s.close()


def busy(site, chance):
    """Half of the kills wait until much is under way, which is over in milliseconds."""
    if chance.random() < 0.5:
        end = time.monotonic() + 1
        while site.unanswered() < 100 and time.monotonic() < end:
            time.sleep(0.001)
    time.sleep(chance.uniform(0, 0.03))


def test_random_kills_lose_nothing(site):
    chance = random.Random(f"{SEED} loss")
    print(f"REEVE_SEED={SEED}")
    begin = time.monotonic()
    site.partner.answer = lambda headers, body: time.sleep(0.004) or 200  # a peer that takes its time has something in hand
    site.traffic(RATE, per=200, bursts=True)
    while len(site.kills) < KILLS:
        time.sleep(PAUSE * chance.uniform(0.1, 1.9))
        site.kill(chance.choice(VICTIMS), moment=lambda: busy(site, chance))
    while len(site.accepted()) + site.unanswered() < MESSAGES:
        time.sleep(0.2)
    dead = site.finish(300, dead_are_fine=True)
    took = time.monotonic() - begin

    victims = collections.Counter(v for _, v, _ in site.kills)
    accepted = len(site.accepted())
    assert accepted >= MESSAGES
    figure("loss", "seed", SEED)
    figure("loss", "kills", f"{len(site.kills)} ({', '.join(f'{v} {n}' for v, n in sorted(victims.items()))})")
    figure("loss", "messages accepted, over HTTP and from files", accepted)
    figure("loss", "time", f"{took:.0f} s")
    for name, pairs in site.repetitions().items():
        charged = charge(site, pairs, name)
        allowed = sum(could_repeat(k, name) for k in site.kills)
        figure("loss", f"came again to {name}, with the same id", f"{len(pairs)} (at most {max(charged.values(), default=0)} at one kill; "
               f"in flight at the kills: {allowed} at most)")
    crashed = [d for letters in dead.values() for d in letters.values()]
    figure("loss", "accepted and lost", 0)
    figure("loss", "dead letters, each with its reason", len(crashed))
    figure("loss", "documents refused", len(site.refused()))
    # a process that is killed three times with one and the same message alone in hand looks just like a poisonous message
    assert {code for code, _ in crashed} <= {"crashed"}, crashed
    assert len(crashed) <= len(site.kills) // 3
    assert all(s == 422 or s == 400 for s, _ in site.refused()) and len(site.refused()) <= len(site.kills) // 3, site.refused()[:2]
