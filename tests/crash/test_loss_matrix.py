# SPDX-License-Identifier: Apache-2.0
"""The loss matrix of the amqp transport: a hub between HTTP and files whose queues lie in RabbitMQ, reached through a proxy, and one fault
after the other while messages flow. For each row: what was accepted, what was delivered, what was lost (0), what came again (with the same
id, and no more than was in flight at each fault), and the longest time from a fault's end until messages arrived again.

`make loss-matrix` runs it at full size: REEVE_CAMPAIGN_MATRIX messages a row (default 400, full 100,000), one fault every
REEVE_CAMPAIGN_MATRIX_PAUSE s (1.5, full 6). Small, the rows share one hub.
"""
import contextlib
import random
import time
import urllib.error

import pytest

from campaign import FULL, PREFETCH, SEED, figure, size
from amqp_site import (SOURCES, AmqpSite, broker_killed, broker_restarted, broker_stands_still, connections_closed_by_an_operator, disk_alarm,
                       hub_killed, memory_alarm, network_cut, network_silent, network_slow, worker_killed)
from shovel import Shovel
from broker import rabbitmq, vhost  # noqa: F401 (fixtures; campaign says where it lies)
from conftest import wait_for
from database import database, postgresql  # noqa: F401 (fixtures)

MESSAGES = size(400, 100_000, "REEVE_CAMPAIGN_MATRIX")
PAUSE = size(1.5, 6.0, "REEVE_CAMPAIGN_MATRIX_PAUSE")
FAULTS = size(1, 1_000_000)  # a row at most
RATE = size(300.0, 900.0, "REEVE_CAMPAIGN_MATRIX_RATE")
WINDOW = 100  # messages that a source may have unconfirmed (core/transport/transport.h)

# ---- more rows, which only the matrix has (the others: amqp_site.py)

def queue_deleted(site, chance):
    """By an operator, when nothing waits in it, for what waits in a queue that is deleted is deleted with it. What is published meanwhile
    is refused and offered again, and the hub declares the queue again."""
    site.hold.set()
    # the figures alone may be older than what was accepted last
    wait_for(lambda: not site.unanswered() and site.empty() and not any(site.missing(site.accepted()).values()), 120,
             "an empty queue to delete", step=0.2)
    if site.beside:
        wait_for(lambda: not site.beside.waiting(), 60, "an empty queue of the shovel to delete", step=0.2)
        site.broker.api("DELETE", "queues", site.beside.vhost, "to")
    site.broker.api("DELETE", "queues", site.vhost, "partner")
    site.hold.clear()
    wait_for(lambda: site.broker.queue(site.vhost, "partner"), 60, "the queue is declared again", step=0.2)
    if site.beside:
        site.beside.declare("to")  # nobody else does


def queue_full(site, chance):
    """The receiver is slow until the queue has reached its limit."""
    site.partner.answer = lambda headers, body: time.sleep(0.05) or 200
    time.sleep(size(3, 10))
    site.partner.answer = 200


def channel_error(site, chance):
    """The exchange is deleted: to publish to it closes the channel."""
    with contextlib.suppress(urllib.error.HTTPError):
        site.broker.api("DELETE", "exchanges", site.vhost, "reeve")

    def bound():
        with contextlib.suppress(urllib.error.HTTPError):
            return len(site.broker.api("GET", "exchanges", site.vhost, "reeve", "bindings", "source")) >= 2
        return False
    wait_for(bound, 60, "the exchange is declared and bound again", step=0.2)


def nacked(site, chance):
    """The broker's own limit: it refuses what is too many."""
    site.policy("nack", "^(partner|register)$", **{"max-length": 20, "overflow": "reject-publish"})
    site.partner.answer = lambda headers, body: time.sleep(0.02) or 200
    time.sleep(3)
    site.no_policy("nack")
    site.partner.answer = 200


def unroutable(site, chance):
    """A binding is removed: what is published for it comes back."""
    with contextlib.suppress(urllib.error.HTTPError):
        for b in site.broker.api("GET", "bindings", site.vhost, "e", "reeve", "q", "partner"):
            site.broker.api("DELETE", "bindings", site.vhost, "e", "reeve", "q", "partner", b["properties_key"])
    wait_for(lambda: site.broker.api("GET", "bindings", site.vhost, "e", "reeve", "q", "partner"), 60, "the binding is made again", step=0.2)


def poisonous_message(site, chance):
    """It kills its connector's process whenever it is handed over; the others of that connector are delivered."""
    if site.poison and site.broker.queue(site.vhost, "sick").get("messages", 1):
        return  # the last one is not through: each crash costs its connector's process ever longer waits
    site.poison += 1
    site.push_poison(site.poison)


ROWS = [hub_killed, worker_killed, broker_killed, broker_restarted, broker_stands_still, connections_closed_by_an_operator, network_cut,
        network_silent, network_slow, memory_alarm, disk_alarm, queue_deleted, queue_full, channel_error, nacked, unroutable,
        poisonous_message]


BESIDE = [broker_restarted, network_cut, memory_alarm, queue_deleted]  # rows that the broker's own shovel has as well


@pytest.fixture
def make_site(tmp_path, rabbitmq, vhost):  # noqa: F811
    sites = []

    def make(**more):
        sites.append(AmqpSite(tmp_path, rabbitmq, vhost, **more))
        return sites[-1].ready()

    yield make
    for site in sites:
        site.close()
    rabbitmq.start()  # whatever a row that failed has left


def recovery(progress, seconds=120):
    """How long it takes until there is more of it."""
    begin, before = time.monotonic(), progress()
    wait_for(lambda: progress() > before, seconds, "something moves after the fault", step=0.02)
    return time.monotonic() - begin


def run_row(site, fault, chance, progress=None):
    """Traffic with this fault again and again, then the account. progress: counts what shows that a fault is over; without it, what arrives."""
    name = fault.__name__.replace("_", " ")
    first, faults, slowest = len(site.senders), 0, 0.0
    earlier, in_flight = len(site.accepted()), 0
    again_before = sum(len(p) for p in site.repetitions().values())
    site.traffic(RATE, per=10, status=lambda i: "taken" if i % 50 == 0 else None)
    fresh = site.senders[first:]
    if fault in BESIDE:
        site.beside = Shovel(site.broker, site.vhost + "-shovel", site.proxy, MESSAGES, RATE, site.hold)

    def offered():
        return sum(len(s.accepted) for s in fresh) + sum(s.unanswered() for s in fresh)
    wait_for(lambda: offered() > MESSAGES // 10, 120, "traffic", step=0.05)
    if site.beside:  # on a quick machine the fault would come before it has moved anything
        wait_for(lambda: site.beside.came, 60, "the shovel moves messages", step=0.05)
    while faults == 0 or (offered() < MESSAGES and faults < FAULTS):
        in_flight += 2 * PREFETCH + len(SOURCES) * WINDOW + site.unanswered()
        fault(site, chance)
        faults += 1
        if site.beside:
            site.beside.faults.append(time.monotonic())
        slowest = max(slowest, recovery(progress or site.arrived))
        time.sleep(PAUSE * chance.uniform(0.5, 1.5))
    wait_for(lambda: offered() >= MESSAGES, 1800, f"{MESSAGES} messages offered", step=0.2)
    dead = site.finish(600, dead_are_fine=True)  # a process that crashes waits up to a minute each time
    again = sum(len(p) for p in site.repetitions().values()) - again_before
    accepted = len(site.accepted()) - earlier
    unexplained = {d: letters for d, letters in dead.items() if d != "sick"}
    assert not unexplained, unexplained
    assert all(i.startswith("poison-") and code == "crashed" for i, (code, _) in dead.get("sick", {}).items()), dead
    assert accepted >= MESSAGES
    assert again <= 2 * in_flight, f"{again} came again, {in_flight} were in flight at {faults} faults"
    figure("loss matrix", name, f"{faults} faults; accepted {accepted}, delivered {accepted}, lost 0, came again {again} (at most {in_flight} in "
           f"flight), longest recovery {slowest:.1f} s" + (f", dead letters {len(dead['sick'])} of {site.poison} poisonous" if dead else ""))
    if site.beside:
        figure("loss matrix", f"{name}: the broker's own shovel beside it", site.beside.finish(300))
        site.beside.close()
        site.beside = None


if FULL:
    @pytest.mark.parametrize("fault", ROWS, ids=lambda f: f.__name__)
    def test_a_fault_loses_nothing(make_site, fault):
        limit = {"deliver": {"partner": {"limit": {"messages": 2000}}}} if fault is queue_full else {}
        print(f"REEVE_SEED={SEED}")
        run_row(make_site(**limit), fault, random.Random(f"{SEED} {fault.__name__}"))
else:
    def test_faults_of_all_kinds_lose_nothing(make_site):
        site, chance = make_site(deliver={"partner": {"limit": {"messages": 300}}}), random.Random(f"{SEED} matrix")
        print(f"REEVE_SEED={SEED}")
        for fault in ROWS:
            run_row(site, fault, chance)


def postgresql_killed(site, chance):
    """Where the hub remembers what it has seen. Senders are answered 503 until it is back."""
    site.postgresql.kill()
    time.sleep(chance.uniform(0, 3))
    site.postgresql.start()


def test_the_end_of_postgresql_loses_nothing(make_site, postgresql, database, tmp_path):  # noqa: F811
    """A row of its own: what the hub remembers lies there."""
    print(f"REEVE_SEED={SEED}")
    site = make_site(state=postgresql.state(database, tmp_path))
    site.postgresql = postgresql
    # what is in the queues arrives without it: it recovers when something is accepted again
    run_row(site, postgresql_killed, random.Random(f"{SEED} postgresql"), lambda: len(site.accepted()))
    ((subjects,),) = postgresql.sql("SELECT count(*) FROM reeve_subject", database)
    assert int(subjects) >= len(site.accepted()), "what was accepted is remembered there"
