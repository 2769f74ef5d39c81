# SPDX-License-Identifier: Apache-2.0
"""Benches that push to a hub's door over TLS: until the answer 202, and until the receiver has it."""
import contextlib
import json
import pathlib
import re
import shutil
import statistics
import subprocess
import tempfile

from hub_bench import EVENTS, PARTIES, TOKEN, BenchHub, Failed, certificate, free_port

HERE = pathlib.Path(__file__).resolve().parent
CONNECTIONS = (1, 32, 256)

THROUGH = """\
hub: bench
data: var
transport: {transport}
door: {{listen: "127.0.0.1:{port}", tls: {{certificate: c.pem, key: k.pem}}}}
""" + PARTIES + EVENTS + """\
  sink:
    party: council
    deliver: {{plugin: http, url: "http://127.0.0.1:{receiver}/in", speaks: cloudevents}}
routes:
  all: {{match: {{type: information.measure}}, to: sink}}
"""


# ---- the load: so many connections with keep-alive, by wrk or, without it, by bench_client ----
def begin_load(build, url, prefix, seconds, connections):
    if shutil.which("wrk"):
        words = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "-s", HERE / "post.lua", url, "--", prefix, TOKEN]
    else:
        words = [build / "contrib/bench/bench_client", url, prefix, TOKEN, str(seconds), str(connections)]
    return subprocess.Popen(words, stdout=subprocess.PIPE, text=True)


def end_load(child):
    """(requests a second, requests answered, {50: ms, 99: ms})"""
    text, _ = child.communicate()
    if child.returncode != 0:
        raise Failed(f"{child.args[0]} ended with {child.returncode}")
    found = read_load(text)
    if found[1] == 0:
        raise Failed("no request was answered")
    return found


def read_load(text):
    if text.startswith("{"):
        out = json.loads(text)
        if out["bad"]:
            raise Failed(f"{out['bad']} requests failed")
        return out["rate"], out["total"], {p: milliseconds(out[f"p{p}"]) for p in (50, 99)}
    bad = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
    broken = re.search(r"Socket errors: (.*)", text)
    if bad or (broken and re.search(r"(connect|read|write) [1-9]", broken.group(1))):
        raise Failed(f"{bad.group(0) if bad else broken.group(0)}")
    return (float(re.search(r"Requests/sec:\s*([\d.]+)", text).group(1)), int(re.search(r"(\d+) requests in", text).group(1)),
            {p: milliseconds(re.search(rf"^\s+{p}%\s+(\S+)", text, re.M).group(1)) for p in (50, 99)})


def milliseconds(text):
    number, unit = re.fullmatch(r"([\d.]+)(us|ms|s|m)", text).groups()
    return float(number) * {"us": 0.001, "ms": 1, "s": 1000, "m": 60000}[unit]


def load_all(build, urls, prefix, seconds, connections):
    """Requests a second at each of several doors at the same time; the connections are shared out."""
    running = [begin_load(build, url, f"{prefix}-{i}", seconds, connections // len(urls)) for i, url in enumerate(urls)]
    return [end_load(child)[0] for child in running]


# ---- until 202 ----
@contextlib.contextmanager
def bare_door(where, build, store):
    """The bare server; gives its address."""
    cert, key = certificate(where)
    with subprocess.Popen([build / "contrib/bench/bench_door", cert, key, *store], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        port = child.stdout.readline()
        if not port:
            raise Failed("the bare door does not start")
        yield f"https://127.0.0.1:{int(port)}/events"
        child.stdin.close()


def push_ours(build, broker, seconds, prefix):
    """[(rate, latencies)] for each number of connections."""
    found = []
    with broker.engine() if broker else contextlib.nullcontext() as engine, BenchHub(build, engine=engine) as hub:
        total = 0
        for n in CONNECTIONS:
            rate, answered, late = end_load(begin_load(build, f"https://127.0.0.1:{hub.port}/events", f"{prefix}c{n}", seconds, n))
            total += answered
            found.append((rate, late))
        if hub.waiting() < total:
            raise Failed(f"{total} were answered 202, but only {hub.waiting()} wait")
        peak = {name: hub.peak_rss(name) / 2**20 for name in ("door", "events.receive")}
    return found, peak


def push_bare(build, broker, seconds, prefix):
    where = pathlib.Path(tempfile.mkdtemp(prefix="bench-", dir=build))
    try:
        with broker.vhost() if broker else contextlib.nullcontext() as vhost:
            if broker:
                broker.queue(vhost, "declare", "events")
            store = ["amqp", str(broker.node.node["amqp"]), vhost, "events"] if broker else [where / "door.db"]
            with bare_door(where, build, store) as url:
                return [end_load(begin_load(build, url, f"{prefix}c{n}", seconds, n))[::2] for n in CONNECTIONS]
    finally:
        shutil.rmtree(where, ignore_errors=True)


def door(table, build, rounds, seconds, broker=None):
    """broker: the hub's queues are there (and the bare server publishes to it), not in the spool."""
    ours, bare, peaks = [], [], []
    for i in range(rounds):
        found, peak = push_ours(build, broker, seconds, f"o{i}")
        ours.append(found)
        peaks.append(peak)
        bare.append(push_bare(build, broker, seconds, f"b{i}"))
    store = "RabbitMQ" if broker else "spool"
    for at, n in enumerate(CONNECTIONS):
        name = f"door, {store}, {n} connection{'s' if n > 1 else ''}: 1 KiB over TLS to 202"
        table.add(name, "req/s", *(statistics.median(r[at][0] for r in side) for side in (ours, bare)), "more")
        for p in (50, 99):
            table.add(f"{name}, p{p}", "ms", *(statistics.median(r[at][1][p] for r in side) for side in (ours, bare)), "less")
    for name in peaks[0]:
        table.limit(f"door, {store}: peak memory of {name}", "MiB", max(p[name] for p in peaks))


# ---- until it is delivered ----
def latency(table, build, store, broker, seconds):
    receiver = free_port()
    with broker.engine() if broker else contextlib.nullcontext() as engine, BenchHub(build, THROUGH, (), engine, receiver=receiver) as hub:
        words = [build / "contrib/bench/bench_latency", str(hub.port), "/events", TOKEN, str(receiver), str(3 * seconds)]
        with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as child:
            phases = [json.loads(line) for line in child.stdout]
        if child.returncode != 0 or len(phases) != 4:
            raise Failed(f"bench_latency ended with {child.returncode} after {len(phases)} phases")
        peak = {name: hub.peak_rss(name) / 2**20 for name in ("door", "events.receive", "sink.deliver")}
    for x in phases:
        if x["refused"] or x["delivered"] < x["accepted"]:
            raise Failed(f"{x['due']} were sent, {x['accepted']} accepted, {x['refused']} refused, {x['delivered']} delivered")
    print(f"  maximum from door to receiver: {phases[0]['rate']:,.0f} msg/s (1,000 under way)", flush=True)
    for x in phases[1:]:
        name = f"{store}: from due to delivered at {x['part']:.0%} ({x['asked']:,.0f} msg/s)"
        print(f"  {name}: {x['delivered']:,} messages, {x['again']} came again; sent late by p99 {x['sent']['p99']} ms; until 202 p50 {x['door']['p50']}, "
              f"p99 {x['door']['p99']} ms; p99.9 {x['delivery']['p999']}, longest {x['delivery']['max']} ms", flush=True)
        for p in (50, 99):
            table.limit(f"{name}, p{p}", "ms", x["delivery"][f"p{p}"])
    for name, found in peak.items():
        table.limit(f"{store}: peak memory of {name}, pushed and delivered", "MiB", found)
