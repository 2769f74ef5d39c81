# SPDX-License-Identifier: Apache-2.0
"""Benches of whole hubs and of the broker's own shovel on one private RabbitMQ."""
import contextlib
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/system"))
import conftest  # noqa: E402,F401  before what it is imported by
from broker import Broker  # noqa: E402
from database import Database  # noqa: E402
from hub import Engine  # noqa: E402
from door_bench import load_all  # noqa: E402
from hub_bench import EVENTS, PARTIES, BenchHub, Failed, free_port  # noqa: E402

INSTALLED = pathlib.Path("/usr/lib/rabbitmq/bin/rabbitmq-server").exists()
SERVERS = list(pathlib.Path("/usr/lib/postgresql").glob("*/bin/postgres"))
WARM = 1000  # messages that pass before the clock starts

MOVER = """\
hub: bench
data: var
transport: {transport}
door: {{listen: "127.0.0.1:{port}", tls: {{certificate: c.pem, key: k.pem}}}}
""" + PARTIES + """\
  in:
    party: sender
    receive: {{plugin: amqp, brokers: "{broker}", vhost: "{party}", queue: in, prefetch: 1000, speaks: cloudevents}}
  sink:
    party: council
    deliver: {{plugin: "null", enabled: false, speaks: cloudevents, limit: {{messages: 100000000, bytes: 100G}}}}
  out:
    party: council
    deliver: {{plugin: amqp, brokers: "{broker}", vhost: "{party}", routing_key: out, speaks: cloudevents}}
routes:
  all: {{match: {{type: information.measure}}, to: sink}}
"""


class BenchBroker:
    """One RabbitMQ for all benches that want one, started when the first does."""

    def __init__(self, build):
        self.build, self.number, self.node = build, 0, None

    def __enter__(self):
        return self

    def start(self):
        if self.node is None:
            self.node = Broker(pathlib.Path(tempfile.mkdtemp(prefix="bench-rabbitmq-", dir=self.build)) / "node")
        return self.node

    def __exit__(self, *_):
        if self.node:
            self.node.remove()
            self.node.directory.parent.rmdir()

    @contextlib.contextmanager
    def vhost(self):
        node = self.start()
        self.number += 1
        name = f"bench{self.number}"
        node.add_vhost(name)
        try:
            yield name
        finally:
            node.drop_vhost(name)

    @contextlib.contextmanager
    def engine(self):
        """Where a hub's queues are, for BenchHub."""
        with self.vhost() as name:
            yield Engine("amqp", self.node, name)

    def tool(self, vhost, *arguments):
        """bench_queue, begun."""
        words = [self.build / "contrib/bench/bench_queue", str(self.node.node["amqp"]), vhost, *map(str, arguments)]
        return subprocess.Popen(words, stdout=subprocess.PIPE, text=True)

    def queue(self, vhost, *arguments):
        """bench_queue, to its end."""
        return ended(self.tool(vhost, *arguments))


def ended(tool):
    text, _ = tool.communicate()
    if tool.returncode != 0:
        raise Failed("bench_queue has failed")
    return json.loads(text) if text else None


def rate(watch):
    seen = ended(watch)
    return seen["messages"] / seen["seconds"]


# ---- shovel ----
class Round:
    """The same messages, moved from a queue to a queue on the same broker in four ways, one after the other."""

    def __init__(self, build, broker, hub_vhost, party, n):
        self.build, self.broker, self.vhost, self.party, self.n = build, broker, hub_vhost, party, n
        self.found = {}
        for name in ("in", "out", "from", "to"):
            broker.queue(party, "declare", name)

    def hub(self):
        return BenchHub(self.build, MOVER, ("out",), Engine("amqp", self.broker.node, self.vhost),
                        broker=self.broker.node.address, party=self.party)

    def shovel(self):
        """The broker's own."""
        node = self.broker.node
        self.broker.queue(self.party, "fill", "", "from", self.n)
        watch = self.broker.tool(self.party, "watch", "to", WARM, self.n)
        uri = f"amqp://guest:guest@{node.address}/{self.party}"
        node.api("PUT", "parameters", "shovel", self.party, "bench", body={"value": {
            "src-protocol": "amqp091", "src-uri": uri, "src-queue": "from", "src-prefetch-count": 1000,
            "dest-protocol": "amqp091", "dest-uri": uri, "dest-queue": "to", "ack-mode": "on-confirm"}})
        self.found["shovel"] = rate(watch)
        node.api("DELETE", "parameters", "shovel", self.party, "bench")

    def engine(self):
        """The amqp engine without the hub around it: consumed, published, confirmed, acknowledged."""
        self.broker.queue(self.vhost, "fill", "reeve", "out", self.n)
        watch = self.broker.tool(self.vhost, "watch", "sink", WARM, self.n)
        self.broker.queue(self.vhost, "forward", "out", "sink", self.n)
        self.found["engine"] = rate(watch)

    def deliver(self, hub):
        self.broker.queue(self.vhost, "fill", "reeve", "out", self.n)
        watch = self.broker.tool(self.party, "watch", "out", WARM, self.n)
        before = hub.cpu_seconds("out.deliver")
        hub.done("resume", "out")
        self.found["deliver"] = rate(watch)
        self.found["deliver cpu"] = (hub.cpu_seconds("out.deliver") - before) * 1e6 / self.n
        hub.done("pause", "out")

    def receive(self):
        """The queue is full before the hub starts."""
        self.broker.queue(self.vhost, "empty", "sink")
        self.broker.queue(self.party, "fill", "", "in", self.n)
        watch = self.broker.tool(self.vhost, "watch", "sink", WARM, self.n)
        with self.hub() as hub:
            self.found["receive"] = rate(watch)
            self.found["receive cpu"] = hub.cpu_seconds("in.receive") * 1e6 / self.n

    def run(self):
        with self.hub() as hub:  # declares
            self.shovel()
            self.engine()
            self.deliver(hub)
        self.receive()
        return self.found


def shovel(table, broker, build, rounds, n=40000):
    found = []
    for _ in range(rounds):
        with broker.vhost() as mine, broker.vhost() as party:
            found.append(Round(build, broker, mine, party, n).run())
    middle = {k: statistics.median(f[k] for f in found) for k in found[0]}
    for name, key in (("the amqp engine", "engine"), ("a deliver side with plugin amqp", "deliver"), ("a receive side with plugin amqp", "receive")):
        table.add(f"queue to queue: {name} beside the broker's shovel", "msg/s", middle[key], middle["shovel"], "more", 1.0)
    for side in ("deliver", "receive"):
        print(f"  the {side} side's processor time: {middle[side + ' cpu']:.1f} us a message", flush=True)


# ---- hubs ----
SEVERAL = """\
hub: bench
data: var
transport: {transport}
state: {state}
machines: {machines}
door: {{tls: {{certificate: c.pem, key: k.pem}}}}
""" + PARTIES + EVENTS + """\
  sink:
    party: council
    deliver: {{plugin: "null", speaks: cloudevents, limit: {{messages: 100000000, bytes: 100G}}}}
  slow:
    party: council
    deliver: {{plugin: "null", delay: 100ms, speaks: cloudevents, limit: {{messages: 100000000, bytes: 100G}}}}
routes:
  all: {{match: {{type: information.measure}}, to: sink}}
"""


class SeveralHubs:
    """n machines that run one configuration, each in a directory of its own, on one virtual host and one data base."""

    def __init__(self, build, broker, server, n):
        self.build, self.broker, self.server, self.n, self.stack, self.hubs = build, broker, server, n, contextlib.ExitStack(), []

    def __enter__(self):
        with self.stack:
            self.vhost = self.stack.enter_context(self.broker.vhost())
            name = f"state_{self.vhost}"
            self.server.sql(f"CREATE DATABASE {name}")
            ports = {f"hub-{i}": free_port() for i in range(self.n)}
            machines = json.dumps({m: {"door": {"listen": f"127.0.0.1:{p}"}} for m, p in ports.items()})
            for machine, port in ports.items():
                hub = BenchHub(self.build, SEVERAL, ("sink", "slow"), Engine("amqp", self.broker.node, self.vhost),
                               lambda where: self.server.state(name, where), machine, port, machines=machines)
                self.hubs.append(self.stack.enter_context(hub))
            self.stack = self.stack.pop_all()
        return self

    def __exit__(self, *why):
        return self.stack.__exit__(*why)

    def all(self, *arguments):
        """A command to all of them at once."""
        running = [subprocess.Popen([h.build / "reeve", arguments[0], "-c", h.where / "hub.yaml", *arguments[1:]], stdout=subprocess.DEVNULL, env=h.environment)
                   for h in self.hubs]
        if any([p.wait(60) for p in running]):
            raise Failed(f"reeve {' '.join(arguments)}")

    def deliver(self, destination, messages):
        """Messages a second until the queue is empty."""
        self.broker.queue(self.vhost, "fill", "reeve", destination, messages)
        watch = self.broker.tool(self.vhost, "watch", destination, messages - WARM, 0)
        self.all("resume", destination)
        found = rate(watch)
        self.all("pause", destination)
        return found


def hubs(table, broker, build, rounds, seconds):
    if not SERVERS:
        print("  SKIP: postgresql is not installed", flush=True)
        return
    with tempfile.TemporaryDirectory(prefix="bench-postgresql-", dir=build) as where:
        server = Database(pathlib.Path(where) / "node")
        try:
            measure_hubs(table, broker, server, build, rounds, seconds)
        finally:
            server.remove()


def measure_hubs(table, broker, server, build, rounds, seconds):
    found = {n: [] for n in (1, 2, 3)}
    for i in range(rounds):
        for n in found:
            with SeveralHubs(build, broker, server, n) as several:
                found[n].append((sum(load_all(build, [f"https://127.0.0.1:{h.port}/events" for h in several.hubs], f"r{i}h{n}", seconds, 48)),
                                 several.deliver("sink", 60000), several.deliver("slow", 4000 * n)))
    middle = {n: [statistics.median(x) for x in zip(*found[n])] for n in found}
    for which, name in enumerate(("pushed over TLS to 202", "delivered, null plugin", "delivered, receiver of 100 ms a call")):
        for n in (2, 3):
            table.add(f"{n} hubs beside one: {name}", "msg/s", middle[n][which], middle[1][which], "more")
