# SPDX-License-Identifier: Apache-2.0
"""kill -9 of each process in the middle of a push: the sender sends again until it is answered, nothing is lost, and what comes twice
comes with the same id."""
import contextlib
import random
import threading
import time

import pytest
from conftest import wait_for

from hub import BOTH_ENGINES, KILLS_FORGIVEN, Receiver, basic, grant, package

pytestmark = BOTH_ENGINES


def push_with_kills(h, body, victim, kills, pause, path="/grants"):
    """Pushes as a sender does while somebody kills a process again and again. (status, answer, kills)"""
    result, killed = [], 0
    t = threading.Thread(target=lambda: result.append(h.push_until_taken(body, seconds=90, path=path)))
    t.start()
    for i in range(kills):  # the first one early: a quick machine may have answered soon after
        time.sleep(pause * (random.uniform(0.5, 1.5) if i else random.uniform(0.1, 0.5)))
        if not t.is_alive():
            break
        h.kill_process(victim)
        killed += 1
    t.join(120)
    assert result, h.log()[-3000:]
    assert killed > 0, "the push was over before the first kill"
    return *result[0], killed


@pytest.mark.parametrize("victim", ["dcms-grants.receive", "register.deliver", "queues", "door"])
def test_kill_in_the_middle_of_a_push(hub, engine, victim):
    victim = engine.name if victim == "queues" else victim
    receiver = Receiver()
    try:
        config = basic()
        config["connectors"]["register"]["deliver"] = {"plugin": "http", "url": receiver.url, "speaks": "cloudevents"}
        h = hub(config)
        n = 6000
        grants = [grant(i, description="d" * 1500) for i in range(n)]
        status, answer, killed = push_with_kills(h, package(grants), victim, KILLS_FORGIVEN, 0.1)
        assert status == 202 and answer["accepted"] == n
        assert (answer["new"], answer["changed"], answer["unchanged"]) == (n, 0, 0)
        wait_for(lambda: len({m["subject"] for m in receiver.taken()}) == n, 60, "every grant:\n" + h.log()[-2000:])
        by_subject = {}
        for m in receiver.taken():
            by_subject.setdefault(m["subject"], set()).add(m["id"])
        assert all(len(ids) == 1 for ids in by_subject.values())
        wait_for(lambda: h.process_status(victim)["restarts"] == killed, 20, "as many new processes as kills")
    finally:
        receiver.close()


def test_kill_the_whole_hub_and_start_it_again(hub, tmp_path):
    receiver = Receiver()
    try:
        config = basic()
        config["connectors"]["register"]["deliver"] = {"plugin": "http", "url": receiver.url, "speaks": "cloudevents"}
        h = hub(config)
        grants = [grant(i, description="d" * 1500) for i in range(3000)]

        def push():
            with contextlib.suppress(OSError):
                h.push(package(grants))

        t = threading.Thread(target=push)
        t.start()
        time.sleep(0.15)
        h.process.kill()
        h.process.wait()
        t.join()
        again = hub(config)
        status, answer = again.push_until_taken(package(grants))
        assert status == 202 and answer["accepted"] == 3000 and answer["unchanged"] == 0
        wait_for(lambda: len({m["subject"] for m in receiver.taken()}) == 3000, 60, "every grant")
        ids = {}
        for m in receiver.taken():
            ids.setdefault(m["subject"], set()).add(m["id"])
        assert all(len(i) == 1 for i in ids.values())
    finally:
        receiver.close()


def test_a_correction_that_is_cut_short_makes_one_new_message(hub):
    receiver = Receiver()
    try:
        config = basic()
        config["connectors"]["register"]["deliver"] = {"plugin": "http", "url": receiver.url, "speaks": "cloudevents"}
        h = hub(config)
        grants = [grant(i, description="d" * 1500) for i in range(3000)]
        assert h.push(package(grants))[0] == 202
        for g in grants:
            g["amountAwarded"] = 77
        status, answer, _ = push_with_kills(h, package(grants), "dcms-grants.receive", KILLS_FORGIVEN, 0.1)
        assert status == 202 and (answer["new"], answer["changed"], answer["unchanged"]) == (0, 3000, 0)
        wait_for(lambda: len({m["id"] for m in receiver.taken()}) == 6000, 60, "every grant twice")
        time.sleep(1)
        assert len({m["id"] for m in receiver.taken()}) == 6000
    finally:
        receiver.close()
