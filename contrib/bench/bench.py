#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""make bench: every figure as a ratio to a bare loop over the same libraries, in the same run (README.md beside this)."""
import argparse
import json
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import make_grants  # noqa: E402
from hub_bench import TOKEN, BenchHub, Failed, TenConnectors, certificate  # noqa: E402

BUILD = pathlib.Path(os.environ.get("REEVE_BUILD") or HERE.parents[1] / "build/release").resolve()
PROGRAMS = BUILD / "contrib/bench"
DRIVEN = ("intake", "door", "hub")  # their C programs, if any, are the bare side only
LARGE = int(os.environ.get("REEVE_BENCH_LARGE", "0"))  # bytes of one more package, for memory only
HELPERS = ("client",)


class Table:
    def __init__(self):
        self.rows, self.limits, self.failed = [], [], []

    def add(self, name, unit, ours, bare, better):
        self.rows.append((name, unit, ours, bare, better))
        print(f"  {name}: ours {figure(ours)} {unit}, bare {figure(bare)} {unit}, ratio {self.ratio(ours, bare, better):.2f}",
              flush=True)

    def limit(self, name, unit, found, limit):
        """What has no bare side: a figure and what it may be at most."""
        self.limits.append((name, unit, found, limit))
        print(f"  {name}: {figure(found)} {unit}, at most {figure(limit)}", flush=True)

    @staticmethod
    def ratio(ours, bare, better):
        """Our share of the bare loop's speed: 1 = as fast, 0.5 = half as fast."""
        return bare / ours if better == "less" else ours / bare

    def show(self):
        if self.rows:
            size = max(len(r[0]) for r in self.rows)
            print(f"\n{'BENCH'.ljust(size)}  {'OURS':>12}  {'BARE':>12}  {'UNIT':<6}  OF BARE SPEED")
        for name, unit, ours, bare, better in self.rows:
            print(f"{name.ljust(size)}  {figure(ours):>12}  {figure(bare):>12}  {unit:<6}  {self.ratio(ours, bare, better):.2f}")
        if self.limits:
            size = max(len(r[0]) for r in self.limits)
            print(f"\n{'BENCH'.ljust(size)}  {'FOUND':>12}  {'AT MOST':>12}  UNIT")
        for name, unit, found, limit in self.limits:
            print(f"{name.ljust(size)}  {figure(found):>12}  {figure(limit):>12}  {unit}")
        for name, why in self.failed:
            print(f"{name}: FAILED: {why}")


def figure(x):
    return f"{x:,.0f}" if abs(x) >= 100 else f"{x:,.2f}"


def run_program(path, table):
    server = [HERE.parents[1] / "tests/with_postgresql"] if path.name == "bench_state" else []  # says SKIP where there is none
    with subprocess.Popen([*server, path], stdout=subprocess.PIPE, text=True, env={**os.environ, "REEVE_BUILD": str(BUILD)}) as child:
        for line in child.stdout:
            try:
                row = json.loads(line)
                better = row.get("better") or ("more" if row["unit"].endswith("/s") else "less")
                table.add(row.get("name") or row["bench"], row["unit"], float(row["ours"]), float(row["bare"]), better)
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


# ---- door ----
def load(url, prefix, seconds):
    """(requests a second, requests answered, [p50, p99]): 32 connections with keep-alive, by wrk or, without it, by bench_client."""
    if shutil.which("wrk"):
        return wrk(url, prefix, seconds)
    out = json.loads(subprocess.run([PROGRAMS / "bench_client", url, prefix, TOKEN, str(seconds), "32"], check=True,
                                    capture_output=True).stdout)
    if out["bad"]:
        raise Failed(f"{out['bad']} requests failed")
    return out["rate"], out["total"], [out["p50"], out["p99"]]


def wrk(url, prefix, seconds):
    done = subprocess.run(["wrk", "-t1", "-c32", f"-d{seconds}s", "--latency", "-s", HERE / "post.lua", url, "--", prefix, TOKEN],
                          capture_output=True, text=True, check=True)
    rate = float(re.search(r"Requests/sec:\s*([\d.]+)", done.stdout).group(1))
    bad = re.search(r"Non-2xx or 3xx responses: (\d+)", done.stdout)
    broken = re.search(r"Socket errors: (.*)", done.stdout)
    if bad or (broken and re.search(r"(connect|read|write) [1-9]", broken.group(1))):
        raise Failed(f"{bad.group(0) if bad else broken.group(0)}")
    total = int(re.search(r"(\d+) requests in", done.stdout).group(1))
    return rate, total, [re.search(rf"^\s+{p}%\s+(\S+)", done.stdout, re.M).group(1) for p in (50, 99)]


def bare_door(where, seconds, i):
    cert, key = certificate(where)
    child = subprocess.Popen([PROGRAMS / "bench_door", cert, key, where / f"door{i}.db"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        port = int(child.stdout.readline())
        return load(f"https://127.0.0.1:{port}/events", f"b{i}", seconds)
    finally:
        child.stdin.close()
        child.wait()


def door(table, rounds, seconds):
    where = scratch()
    try:
        ours, bare, late = [], [], []
        for i in range(rounds):
            with BenchHub(BUILD) as hub:
                rate, total, latency = load(f"https://127.0.0.1:{hub.port}/events", f"o{i}", seconds)
                if hub.waiting() < total:
                    raise Failed(f"{total} were answered 202, but only {hub.waiting()} wait")
                ours.append(rate)
                late.append(latency)
            rate, _, bare_latency = bare_door(where, seconds, i)
            bare.append(rate)
        table.add("door, 1 KiB events over TLS to 202", "req/s", statistics.median(ours), statistics.median(bare), "more")
        print(f"  latency p50 and p99 of the last round: ours {' '.join(late[-1])}, bare {' '.join(bare_latency)}", flush=True)
    finally:
        shutil.rmtree(where, ignore_errors=True)


def main():
    own = sorted(p.stem[len("bench_"):] for p in HERE.glob("bench_*.c") if p.stem[len("bench_"):] not in DRIVEN + HELPERS)
    parser = argparse.ArgumentParser(description="performance as ratios to a bare loop over the same libraries")
    parser.add_argument("names", nargs="*", help=f"which ones: {', '.join(own + list(DRIVEN))} (default: all)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--size", type=int, default=100_000_000, help="bytes of the grant package")
    parser.add_argument("--seconds", type=int, default=5, help="of each round at the door")
    o = parser.parse_args()
    table = Table()
    for name in own + list(DRIVEN):
        if o.names and name not in o.names:
            continue
        print(f"{name}:", flush=True)
        try:
            if name == "intake":
                intake(table, o.rounds, o.size)
            elif name == "door":
                door(table, o.rounds, o.seconds)
            elif name == "hub":
                hub(table, o.rounds)
            else:
                run_program(PROGRAMS / f"bench_{name}", table)
        except (Failed, OSError, subprocess.SubprocessError) as e:
            table.failed.append((name, e))
            print(f"  FAILED: {e}", flush=True)
    table.show()
    return 1 if table.failed else 0


if __name__ == "__main__":
    sys.exit(main())
