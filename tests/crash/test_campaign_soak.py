# SPDX-License-Identifier: Apache-2.0
"""The soak: traffic at half the rate that this hub sustains, with a fault every few seconds, for a long time. Nothing is lost, and memory
and descriptors of every process stay flat (soak.py); with RabbitMQ, its queues, connections, memory and disk as well.

Killed and crashed are some sources, sinks and the door; all other processes live through the whole time and are watched. With RabbitMQ the
supervisor is killed, too, and everything ends with it: only in the first fifth, before what is compared begins.

REEVE_CAMPAIGN_SOAK_MINUTES (default 0.3, full 31), REEVE_CAMPAIGN_SOAK_RATE (messages/s, 0: half of what is measured at the start);
REEVE_SEED repeats the faults.
"""
import contextlib
import os
import random
import time

from campaign import SEED, SICK, Site, figure, size
from amqp_site import (AmqpSite, broker_killed, broker_restarted, broker_stands_still, connections_closed_by_an_operator, disk_alarm,
                       memory_alarm, network_cut, network_silent, network_slow)
from broker import rabbitmq, vhost  # noqa: F401 (fixtures; campaign says where it lies)
from conftest import wait_for
from soak import Faults, memory_kb, second_and_last, soak, trend

RARE = size(5, 12)  # every so many faults is one that costs many seconds


def chance_for(engine):
    return random.Random(f"{SEED} soak {engine}")


def test_a_long_time_of_faults_leaves_everything_flat_on_spool(tmp_path):
    site = Site(tmp_path, **SICK).ready()
    try:
        watched = ["supervisor", "spool", "door", "events.receive", "drop.receive", "register.deliver"]
        soak("soak", site, Faults(site, chance_for("spool"), watched, killed=["partner.deliver", "grants.receive"]))
    finally:
        site.close()


# ---- RabbitMQ

SHORT = [connections_closed_by_an_operator, connections_closed_by_an_operator, network_cut, network_slow]
LONG = [broker_killed, broker_restarted, broker_stands_still, network_silent, memory_alarm, disk_alarm]


class BrokerFaults(Faults):
    """And what happens to the broker and on the way to it."""
    count = 0

    def one(self, progress):
        self.count += 1
        kinds = self.kinds()
        if progress < 0.15 and self.count % 8 == 1:
            kinds = [self.supervisor_killed]
        elif self.count % RARE == 0:
            kinds = LONG
        elif self.count % 3 == 0:
            kinds = SHORT
        fault = self.chance.choice(kinds)
        self.do(fault, *((self.site, self.chance) if kinds in (SHORT, LONG) else ()))

    def supervisor_killed(self):
        self.site.kill("supervisor")
        self.site.hub.wait_ready()

    def poisonous_message(self):
        """Not before the last one is through: the connector's queue is to stay flat, too."""
        return self.site.broker.queue(self.site.vhost, "sick").get("messages", 1) == 0 and super().poisonous_message()


class BrokerFigures:
    """What the broker has of this hub, and what it takes for that."""
    OBJECTS = ["queues", "connections", "channels", "consumers"]
    # what the last fifth may have more than the second: times and plus
    ALLOWED = {"waiting": (1, 1000), "memory": (1.25, 128 << 10), "disk": (1.25, 256 << 10), **dict.fromkeys(OBJECTS, (1, 3))}

    def __init__(self, site):
        self.site, self.taken = site, []  # {figure: value}; memory and disk in KiB

    def take(self):
        queues = self.site.broker.queues(self.site.vhost)
        if not all("messages" in q for q in queues.values()):
            return  # it was started just now and does not know yet
        dead = {n: q["messages"] for n, q in queues.items() if n.endswith(".dead")}
        objects = self.site.broker.api("GET", "overview")["object_totals"]
        self.taken.append({
            "when": time.monotonic(), "waiting": sum(q["messages"] for q in queues.values()) - sum(dead.values()), "dead": sum(dead.values()),
            "memory": memory_kb(self.site.broker.pid)[0], "disk": kib_below(self.site.broker.directory / "mnesia"),
            **{what: objects[what] for what in self.OBJECTS}})

    def judge(self, name):
        wait_for(lambda: self.take() or len(self.taken) >= 10, 60, "figures of the broker")  # a short run can end before it knew any
        of = {what: [t[what] for t in self.taken] for what in self.taken[0]}
        pairs = {what: second_and_last(values) for what, values in of.items()}

        def tell(*what, scale=1):
            return ", ".join(f"{pairs[w][0] / scale:.0f} and {pairs[w][1] / scale:.0f}" for w in what)
        figure(name, "broker: messages in work queues and delays, second and last fifth", f"{tell('waiting')} (at most {max(of['waiting'])})")
        figure(name, "broker: dead letters, second and last fifth", tell("dead"))
        figure(name, f"broker: {', '.join(self.OBJECTS)}, second and last fifth", tell(*self.OBJECTS))
        figure(name, "broker: memory (RSS), second and last fifth", f"{tell('memory', scale=1024)} MiB "
               f"({trend(list(zip(of['when'], of['memory'])))}; at most {max(of['memory']) / 1024:.0f} MiB)")
        figure(name, "broker: disk, second and last fifth", f"{tell('disk', scale=1024)} MiB (at most {max(of['disk']) / 1024:.0f} MiB)")
        # a fifth of a short run may be the one in which the broker was away: then the beginning counts
        grown = {what: (before, now) for what, (before, now) in pairs.items() if what in self.ALLOWED and
                 now > max(before, of[what][0]) * self.ALLOWED[what][0] + self.ALLOWED[what][1]}
        assert not grown, f"more and more at the broker: {grown}"


def kib_below(directory):
    kib = 0
    for where, directories, files in os.walk(directory):  # not rglob(), which minds when one has been removed meanwhile
        for name in directories + files:
            with contextlib.suppress(FileNotFoundError):
                kib += os.stat(os.path.join(where, name)).st_blocks // 2
    return kib


def test_a_long_time_of_faults_leaves_everything_flat_on_amqp(tmp_path, rabbitmq, vhost):  # noqa: F811
    site = AmqpSite(tmp_path, rabbitmq, vhost).ready()
    try:
        watched = ["supervisor", "amqp", "events.receive", "drop.receive", "register.deliver"]
        faults = BrokerFaults(site, chance_for("amqp"), watched, killed=["partner.deliver", "grants.receive", "door"])
        soak("soak on RabbitMQ", site, faults, [BrokerFigures(site)])
    finally:
        site.close()
        rabbitmq.start()  # whatever a fault in which it failed has left
