#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""make bench: every figure as a ratio to a bare loop over the same libraries, in the same run (README.md beside this)."""
import argparse
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import amqp_bench  # noqa: E402
import door_bench  # noqa: E402
import make_activities  # noqa: E402
import make_grants  # noqa: E402
from hub_bench import BenchHub, Failed, TenConnectors  # noqa: E402

BUILD = pathlib.Path(os.environ.get("REEVE_BUILD") or HERE.parents[1] / "build/release").resolve()
PROGRAMS = BUILD / "contrib/bench"
BARE = ("intake", "door", "iati", "csv")  # C programs that are the bare side of something
HELPERS = ("client", "queue", "latency")
LARGE = int(os.environ.get("REEVE_BENCH_LARGE", "0"))  # bytes of one more package, for memory only


class Table:
    def __init__(self):
        self.rows, self.limits, self.failed = [], [], []

    def add(self, name, unit, ours, bare, better, wanted=None):
        self.rows.append((name, unit, ours, bare, self.ratio(ours, bare, better), wanted))
        print(f"  {name}: ours {figure(ours)} {unit}, bare {figure(bare)} {unit}, ratio {self.rows[-1][4]:.2f}", flush=True)

    def limit(self, name, unit, found, limit=None):
        """What has no bare side: a figure, and what it may be at most if anything says so."""
        self.limits.append((name, unit, found, limit))
        print(f"  {name}: {figure(found)} {unit}" + (f", at most {figure(limit)}" if limit is not None else ""), flush=True)

    @staticmethod
    def ratio(ours, bare, better):
        """Our share of the bare loop's speed: 1 = as fast, 0.5 = half as fast."""
        return bare / ours if better == "less" else ours / bare

    def show(self):
        if self.rows:
            size = max(len(r[0]) for r in self.rows)
            print(f"\n{'BENCH'.ljust(size)}  {'OURS':>12}  {'BARE':>12}  {'UNIT':<6}  OF BARE SPEED  WANTED")
        for name, unit, ours, bare, ratio, wanted in self.rows:
            verdict = "" if wanted is None else f"{wanted:.1f}" + ("" if ratio >= wanted else "  MISSED")
            print(f"{name.ljust(size)}  {figure(ours):>12}  {figure(bare):>12}  {unit:<6}  {ratio:>13.2f}  {verdict}".rstrip())
        if self.limits:
            size = max(len(r[0]) for r in self.limits)
            print(f"\n{'BENCH'.ljust(size)}  {'FOUND':>12}  {'AT MOST':>12}  UNIT")
        for name, unit, found, limit in self.limits:
            most, verdict = ("-", "") if limit is None else (figure(limit), "" if found <= limit else "  MISSED")
            print(f"{name.ljust(size)}  {figure(found):>12}  {most:>12}  {unit}{verdict}")
        for name, why in self.failed:
            print(f"{name}: FAILED: {why}")


def figure(x):
    return f"{x:,.0f}" if abs(x) >= 100 else f"{x:,.2f}"


def take_row(row, table):
    if "found" in row:
        table.limit(row["name"], row["unit"], float(row["found"]), float(row["most"]))
        return
    better = row.get("better") or ("more" if row["unit"].endswith("/s") else "less")
    table.add(row.get("name") or row["bench"], row["unit"], float(row["ours"]), float(row["bare"]), better, row.get("wanted"))


def run_program(path, table, broker=None):
    server = [HERE.parents[1] / "tests/with_postgresql"] if path.name == "bench_state" else []  # says SKIP where there is none
    environment = {**os.environ, "REEVE_BUILD": str(BUILD)}
    if broker:
        environment["REEVE_RABBITMQ"] = str(broker.start().directory)
    with subprocess.Popen([*server, path], stdout=subprocess.PIPE, text=True, env=environment) as child:
        for line in child.stdout:
            try:
                take_row(json.loads(line), table)
            except (ValueError, TypeError, KeyError):
                print("  " + line.rstrip(), flush=True)
    if child.returncode != 0:
        raise Failed(f"{path.name} ended with {child.returncode}")


def scratch():
    return pathlib.Path(tempfile.mkdtemp(prefix="bench-", dir=BUILD))


# ---- intake ----
def push_once(package, n):
    """(messages a second, peak memory of the worker, that before the push)"""
    with BenchHub(BUILD) as hub:
        idle = hub.peak_rss("grants.receive")
        answer, seconds = hub.push("/grants", package, "application/json")
        if answer["accepted"] != n or hub.waiting() != n:
            raise Failed(f"{answer['accepted']} accepted and {hub.waiting()} waiting of {n}")
        return n / seconds, hub.peak_rss("grants.receive"), idle


def bare_intake(package, db, n):
    out = json.loads(subprocess.run([PROGRAMS / "bench_intake", package, db], check=True, capture_output=True).stdout)
    if out["messages"] != n:
        raise Failed(f"the bare loop found {out['messages']} grants of {n}")
    for path in db.parent.glob(db.name + "*"):
        path.unlink()
    return n / out["seconds"]


def intake(table, rounds, size):
    where = scratch()
    try:
        package = where / "grants.json"
        n = make_grants.write(size, package)
        bytes_ = package.stat().st_size
        print(f"  {n:,} grants, {bytes_:,} bytes, {bytes_ // n:,} bytes a grant", flush=True)
        ours, bare = [], []
        for _ in range(rounds):
            ours.append(push_once(package, n))
            bare.append(bare_intake(package, where / "bare.db", n))
        rate, peak, idle = (statistics.median(x) for x in zip(*ours))
        table.add(f"intake, {bytes_ / 1e6:,.0f} MB of grants", "msg/s", rate, statistics.median(bare), "more")
        print(f"  that is {rate * bytes_ / n / 1e6:,.1f} MB/s; {idle / 2**20:,.1f} MiB of memory before the push", flush=True)
        table.limit(f"peak memory of its worker, {bytes_ / 1e6:,.0f} MB", "MiB", peak / 2**20, 64)
        if LARGE:
            n = make_grants.write(LARGE, package)
            rate, more, _ = push_once(package, n)
            print(f"  {n:,} grants, {LARGE / 1e6:,.0f} MB: {rate:,.0f} msg/s", flush=True)
            table.limit(f"the same, {LARGE / 1e6:,.0f} MB", "MiB", more / 2**20, peak / 2**20)
    finally:
        shutil.rmtree(where, ignore_errors=True)


# ---- iati ----
SCHEMA = pathlib.Path(os.environ.get("REEVE_SHARED") or HERE.parents[2] / "shared") / "fixtures/iati/schema/iati-activities-schema.xsd"


def decode(program, side, path, n, *more):
    out = json.loads(subprocess.run([PROGRAMS / program, side, path, *more], check=True, capture_output=True).stdout)
    if out["records"] != n or out["refused"]:
        raise Failed(f"{side}: {out['records']} records of {n}, {out['refused']} refused")
    return out["seconds"], out["peak"]


def both_decode(table, name, program, rounds, path, n, *more):
    """Both sides in turn: rate, and peak memory of ours."""
    ours, bare = zip(*((decode(program, "ours", path, n), decode(program, "bare", path, n, *more)) for _ in range(rounds)))
    seconds, peaks = zip(*ours)
    mb = path.stat().st_size / 1e6
    table.add(f"{name} read", "MB/s", mb / statistics.median(seconds), mb / statistics.median(s for s, _ in bare), "more", 0.8)
    table.limit(f"{name}: peak memory", "MiB", max(peaks) / 2**20, 64)


def table_of_grants(table, rounds, size):
    where = scratch()
    try:
        path = where / "grants.csv"
        for mb in (size, *((LARGE,) if LARGE else ())):
            n = make_grants.write_table(mb, path)
            both_decode(table, f"csv, {mb / 1e6:,.0f} MB of grants in a table", "bench_csv", rounds, path, n)
    finally:
        shutil.rmtree(where, ignore_errors=True)


def iati(table, rounds, size):
    where = scratch()
    try:
        path, schema = where / "activities.xml", [SCHEMA] if SCHEMA.exists() else []
        if not schema:
            print("  the official schema is absent (REEVE_SHARED): the bare loop checks nothing", flush=True)
        for mb in (size, *((LARGE,) if LARGE else ())):
            n = make_activities.write(mb, path)
            both_decode(table, f"iati, {mb / 1e6:,.0f} MB of activities", "bench_iati", rounds, path, n, *schema)
        n = make_activities.write(200_000_000, path, one=True)
        out = json.loads(subprocess.run([PROGRAMS / "bench_iati", "ours", path], check=True, capture_output=True).stdout)
        if out["refused"] != n:
            raise Failed("an activity over the message limit was not refused")
        table.limit("iati, one activity of 200 MB, refused: peak memory", "MiB", out["peak"] / 2**20, 64)
    finally:
        shutil.rmtree(where, ignore_errors=True)


# ---- hub ----
def hub(table, rounds):
    ten = TenConnectors(BUILD)
    try:
        first = ten.start()
        ten.stop()
        again = []
        for _ in range(3 * rounds):
            again.append(ten.start())
            ten.stop()
        print(f"  the very first start, which makes the files: {first * 1000:,.0f} ms", flush=True)
        table.limit("ten connectors, start to ready", "ms", statistics.median(again) * 1000, 300)
        ten.start()
        time.sleep(2)  # idle
        found = ten.pss()
        table.limit("ten connectors, idle: memory of all processes (PSS)", "MiB", sum(b for _, b in found) / 2**20, 80)
        print("  " + ", ".join(f"{name} {b / 2**20:.1f}" for name, b in found), flush=True)
    finally:
        ten.remove()


def benches(table, broker, o):
    """What each name runs, in this order."""
    own = sorted(p.stem[len("bench_"):] for p in HERE.glob("bench_*.c") if p.stem[len("bench_"):] not in BARE + HELPERS)
    found = {n: lambda n=n: run_program(PROGRAMS / f"bench_{n}", table, broker if n == "amqp" else None) for n in own}
    found["intake"] = lambda: intake(table, o.rounds, o.size)
    found["iati"] = lambda: iati(table, o.rounds, o.size)
    found["csv"] = lambda: table_of_grants(table, o.rounds, o.size)
    found["hub"] = lambda: hub(table, o.rounds)
    found["door"] = lambda: door_bench.door(table, BUILD, o.rounds, o.seconds)
    found["latency"] = lambda: door_bench.latency(table, BUILD, "spool", None, o.seconds)
    found["amqp-shovel"] = lambda: amqp_bench.shovel(table, broker, BUILD, o.rounds)
    found["amqp-door"] = lambda: door_bench.door(table, BUILD, o.rounds, o.seconds, broker)
    found["amqp-latency"] = lambda: door_bench.latency(table, BUILD, "RabbitMQ", broker, o.seconds)
    found["amqp-hubs"] = lambda: amqp_bench.hubs(table, broker, BUILD, o.rounds, o.seconds)
    return found


def main():
    table = Table()
    parser = argparse.ArgumentParser(description="performance as ratios to a bare loop over the same libraries")
    parser.add_argument("names", nargs="*", help="which ones (default: all): NAME, or a group such as amqp")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--size", type=int, default=100_000_000, help="bytes of the grant package")
    parser.add_argument("--seconds", type=int, default=4, help="of each measurement at the door")
    o = parser.parse_args()
    with amqp_bench.BenchBroker(BUILD) as broker:
        all_of_them = benches(table, broker, o)
        strange = [n for n in o.names if n not in {*all_of_them, *(x.split("-")[0] for x in all_of_them)}]
        if strange:
            parser.error(f"there is no {', '.join(strange)}; there are {', '.join(all_of_them)}")
        for name, run in all_of_them.items():
            if o.names and not any(n in (name, name.split("-")[0]) for n in o.names):
                continue
            print(f"{name}:", flush=True)
            if name.startswith("amqp") and not amqp_bench.INSTALLED:
                print("  SKIP: rabbitmq-server is not installed", flush=True)
                continue
            try:
                run()
            except (Failed, OSError, subprocess.SubprocessError) as e:
                table.failed.append((name, e))
                print(f"  FAILED: {e}", flush=True)
        table.show()
    return 1 if table.failed else 0


if __name__ == "__main__":
    sys.exit(main())
