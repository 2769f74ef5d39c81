# SPDX-License-Identifier: Apache-2.0
"""The campaigns' hub on RabbitMQ, and what can happen between the two: for the loss matrix and the soak."""
import contextlib
import os
import signal
import time
import urllib.error

from campaign import SICK, Site, size
from broker import Proxy
from conftest import wait_for

SOURCES = ["grants.receive", "events.receive", "drop.receive"]
SINKS = ["partner.deliver", "register.deliver"]


class AmqpSite(Site):
    """The campaigns' hub on RabbitMQ: it speaks to a proxy, which speaks to the broker."""

    def __init__(self, directory, broker, where, **more):
        self.broker, self.vhost, self.proxy = broker, where, Proxy(broker.node["amqp"])
        self.beside, self.poison = None, 0  # a Shovel; messages that crash
        (directory / "guest").write_text("guest\n")
        os.chmod(directory / "guest", 0o600)
        amqp = {"brokers": [self.proxy.address], "vhost": where, "user": "guest", "password": "${file:guest}"}
        super().__init__(directory, transport={"amqp": amqp}, **SICK, **more)

    def arrived(self):
        return sum(e.arrivals.total for e in self.ends)

    def close(self):
        super().close()
        if self.beside:
            self.beside.close()
        self.proxy.close()

    def policy(self, name, pattern, **definition):
        self.broker.api("PUT", "policies", self.vhost, name, body={"pattern": pattern, "definition": definition, "apply-to": "queues"})

    def no_policy(self, name):
        with contextlib.suppress(urllib.error.HTTPError):
            self.broker.api("DELETE", "policies", self.vhost, name)


# ---- faults: each is done once and is over when it returns

def hub_killed(site, chance):
    site.kill("supervisor")


def worker_killed(site, chance):
    wait_for(lambda: site.kill(chance.choice(SOURCES + SINKS)), 30, "a worker to kill")


def broker_killed(site, chance):
    site.broker.kill()
    site.broker.start()


def broker_restarted(site, chance):
    site.broker.stop()
    site.broker.start()


def broker_stands_still(site, chance):
    """SIGSTOP: connections stay and nobody answers, longer than two heartbeats."""
    os.kill(site.broker.pid, signal.SIGSTOP)
    time.sleep(size(12, 15))
    os.kill(site.broker.pid, signal.SIGCONT)


def connections_closed_by_an_operator(site, chance):
    wait_for(lambda: site.broker.close_connections(site.vhost), 30, "a connection to close")


def network_cut(site, chance):
    site.proxy.cut()
    time.sleep(chance.uniform(0.5, 3))
    site.proxy.mode = "pass"


def network_silent(site, chance):
    site.proxy.mode = "silent"
    time.sleep(size(12, 15))
    site.proxy.end_all()
    site.proxy.mode = "pass"


def network_slow(site, chance):
    site.proxy.rate = 100_000
    time.sleep(size(2, 8))
    site.proxy.rate = None


def memory_alarm(site, chance):
    site.broker.memory_alarm(True)
    time.sleep(3)
    site.broker.memory_alarm(False)


def disk_alarm(site, chance):
    site.broker.disk_alarm(True)
    time.sleep(3)
    site.broker.disk_alarm(False)
