# SPDX-License-Identifier: Apache-2.0
"""A disk that gets full, on a small file system of the test's own: intake stops before anything breaks, nothing that was accepted
is lost, and everything goes on by itself when there is space again."""
import contextlib
import json
import os
import socket
import threading
import time

import pytest
from conftest import fill, small_disk, wait_for
from hub import EVENTS, TOKEN, Receiver, event, events_to

MIB = 1 << 20


@pytest.fixture
def disk(tmp_path):
    """disk(MiB): the data directory of `hub`, on a small file system."""
    with contextlib.ExitStack() as mounted:
        yield lambda mib: mounted.enter_context(small_disk(tmp_path / "var", mib))


def config_of(receiver, keep_free, directory="in"):
    config = events_to({"plugin": "http", "url": receiver.url}, limits={"keep_free": keep_free})
    config["connectors"]["drop"] = {"party": "dcms", "receive": {"plugin": "file", "directory": directory, "speaks": "cloudevents",
                                                                "settle": "0s", "rescan": "1s"}}
    return config


def push(h, numbers, size=100, timeout=60):
    return h.push([event(n, body={"number": n, "text": "x" * size}) for n in numbers], "/events", {"Content-Type": EVENTS}, timeout=timeout)


def alarms(h):
    s = h.status()
    return {a["code"]: a["text"] for a in s["alarms"]} if s else {}


def lay_ready(h, number, directory="in", text=None):
    """A document by file; the hub does not look at it yet."""
    (h.directory / directory / f".doc-{number}").write_text(text or json.dumps(event(number)))


def hand_over(h, number, directory="in"):
    (h.directory / directory / f".doc-{number}").rename(h.directory / directory / f"doc-{number}.json")


def test_intake_stops_before_the_disk_is_full_and_resumes_by_itself(disk, hub):
    data = disk(96)
    answer = {"status": 503}
    receiver = Receiver(lambda headers, body: 200 if answer["status"] == 200 else (503, {"Retry-After": "1"}))
    h = hub(config_of(receiver, "32M"))
    assert push(h, range(10))[0] == 202
    filler = fill(data, 24 * MIB)
    wait_for(lambda: "disk-nearly-full" in alarms(h), 20, "the alarm")
    assert "32 MiB are kept free" in alarms(h)["disk-nearly-full"]
    status, problem = wait_for(lambda: (lambda a: a if a[0] == 503 else None)(push(h, range(10, 20))), 20, "a refusal")
    assert problem["code"] == "disk-nearly-full" and "kept free" in problem["detail"] and str(data) not in problem["detail"]
    # each looks for itself, once a second
    wait_for(lambda: any("drop.receive" in line and "disk-nearly-full" in line for line in h.log().splitlines()), 20, "the folder's own look")
    lay_ready(h, 500)
    hand_over(h, 500)
    # deliveries go on
    answer["status"] = 200
    wait_for(lambda: {b["id"] for b in receiver.taken()} >= {f"e{n}" for n in range(10)}, 60, "what was accepted before")
    assert (h.directory / "in/doc-500.json").exists()
    assert h.push(b"", "/events/receipts/" + "0" * 64, method="GET")[0] == 404  # who only asks is answered
    filler.unlink()
    wait_for(lambda: push(h, range(10, 20))[0] == 202, 30, "intake by itself")
    wait_for(lambda: (h.directory / "in/done/doc-500.json").exists(), 30, "the file to be taken")
    wait_for(lambda: {b["id"] for b in receiver.taken()} >= {"e500", *(f"e{n}" for n in range(20))}, 30, "the rest")
    wait_for(lambda: "disk-nearly-full" not in alarms(h), 30, "the end of the alarm")
    assert all(p["restarts"] == 0 for p in h.status()["processes"])
    receiver.close()


def test_a_large_body_is_refused_before_it_is_uploaded(disk, hub):
    data = disk(96)
    receiver = Receiver()
    h = hub(config_of(receiver, "32M"))
    fill(data, 40 * MIB)  # not low yet, but no room for this one
    with socket.create_connection(("127.0.0.1", h.port), timeout=30) as s:
        s.sendall(f"POST /events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\nContent-Type: {EVENTS}\r\n"
                  f"Content-Length: {40 * MIB}\r\nExpect: 100-continue\r\n\r\n".encode())
        answer = b""
        while b"}" not in answer and (piece := s.recv(65536)):
            answer += piece
    assert answer.startswith(b"HTTP/1.1 503") and b"Retry-After: 60" in answer and b'"disk-full"' in answer
    assert push(h, range(300, 310))[0] == 202
    receiver.close()


def test_a_disk_that_is_really_full_loses_nothing(disk, hub):
    """keep_free 0: nothing warns. Everything under the data directory meets ENOSPC: the bodies, the stage, the queue, state and journal."""
    data = disk(64)
    receiver = Receiver()
    h = hub(config_of(receiver, "0", "var/in"))
    accepted, refused, ending = set(), [], threading.Event()

    def send(first):
        number = first
        while not ending.is_set():
            numbers = range(number, number + 50)
            number += 50
            try:
                status, problem = push(h, numbers, size=3000, timeout=30)
            except OSError as e:
                refused.append((0, str(e)))
                continue
            if status == 202:
                accepted.update(numbers)
            else:
                refused.append((status, problem and problem.get("code")))
                time.sleep(0.02)

    senders = [threading.Thread(target=send, args=(k * 1000000,), daemon=True) for k in range(2)]
    for s in senders:
        s.start()
    wait_for(lambda: len(accepted) > 300, 30, "a stream of messages")
    good, bad = range(900000000, 900000003), range(910000000, 910000003)
    for a, b in zip(good, bad):
        lay_ready(h, a, "var/in")
        lay_ready(h, b, "var/in", json.dumps(event(b, type_="no.such.type")))
        filler = fill(data, 0)
        seen = len(refused)
        wait_for(lambda: len(refused) > seen + 5, 30, "refusals")
        hand_over(h, a, "var/in")
        hand_over(h, b, "var/in")
        fill(data, 0)  # what a checkpoint has given back
        time.sleep(1)
        filler.unlink()
        have = len(accepted)
        wait_for(lambda: len(accepted) > have + 200, 60, "the stream to go on")
    ending.set()
    for s in senders:
        s.join()
    statuses = {s for s, _ in refused}
    assert statuses <= {503, 0}, refused[:20]
    assert all(code for status, code in refused if status == 503)
    must = {f"e{n}" for n in accepted} | {f"e{n}" for n in good}
    wait_for(lambda: must <= {b["id"] for b in receiver.taken()}, 90, "everything that was accepted")
    assert push(h, range(50), size=3000)[0] == 202  # sent before: taken or not, it is the same again
    wait_for(lambda: not {"disk-full", "journal"} & set(alarms(h)), 30, "the end of the alarms")
    wait_for(lambda: all((data / f"in/done/doc-{n}.json").exists() for n in good), 60, "done/")
    wait_for(lambda: all((data / f"in/failed/doc-{n}.json").exists() for n in bad), 60, "failed/")
    assert all("no.such.type" in (data / f"in/failed/doc-{n}.json.report.txt").read_text() for n in bad)
    restarts = {p["name"]: p["restarts"] for p in h.status()["processes"]}
    assert set(restarts.values()) == {0}, restarts
    print(len(accepted), "accepted,", len(refused), "refused:", sorted({str(r) for r in refused}))
    receiver.close()
