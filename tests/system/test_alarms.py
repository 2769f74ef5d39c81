# SPDX-License-Identifier: Apache-2.0
"""Alarms of a running hub: a queue that gets too old, a source that is silent; they begin, are kept over restarts, and end."""
import json

from conftest import wait_for
from hub import ONE_EVENT, Receiver, TestHub, event, events_to


def alarms(h):
    return {a["code"]: a for a in (h.status() or {}).get("alarms", [])}


def push(h, n):
    status, answer = h.push(event(n), path="/events", headers={"Content-Type": ONE_EVENT})
    assert status == 202, answer


def rewrite(h, change):
    config = json.loads(h.directory.joinpath("reeve.yaml").read_text())
    change(config)
    h.directory.joinpath("reeve.yaml").write_text(json.dumps(config))


def test_an_old_queue_is_an_alarm_until_it_moves(hub):
    receiver = Receiver(lambda headers, body: 503)
    h = hub(events_to({"plugin": "http", "url": receiver.url, "alarm": {"oldest": "1s"}}))
    push(h, 1)
    found = wait_for(lambda: alarms(h).get("oldest"), 20, "the alarm")
    assert found["destination"] == "friend" and "longer than 1s" in found["text"] and found["since"]
    r = h.command("status", "-c", h.config)
    assert r.returncode == 1 and "ALARM friend: the oldest message for friend waits" in r.stdout
    h.wait_log("alarm: friend: oldest: ")
    assert alarms(h)["oldest"]["since"] == found["since"]
    receiver.answer = lambda headers, body: 200
    assert h.command("resume", "friend", "-c", h.config).returncode == 0
    wait_for(lambda: receiver.taken(), 90, "the delivery")
    wait_for(lambda: "oldest" not in alarms(h), 10, "the end of the alarm")
    h.wait_log("alarm-over: friend: oldest")
    receiver.close()


def test_a_change_of_an_alarm_restarts_nothing(hub, tmp_path):
    h = hub(events_to({"plugin": "file", "directory": "out"}))
    pids = {p["name"]: p["pid"] for p in h.status()["processes"]}
    rewrite(h, lambda c: c["connectors"]["friend"]["deliver"].update(alarm={"oldest": "30m"}))
    r = h.command("reload", "-c", h.config)
    assert r.returncode == 0 and r.stdout == f"unchanged: {len(pids)}\n", r.stdout + r.stderr
    assert {p["name"]: p["pid"] for p in h.status()["processes"]} == pids


def test_a_silent_source_is_an_alarm_that_survives_restarts_and_ends_with_a_document(tmp_path):
    config = events_to({"plugin": "file", "directory": "out"})
    config["connectors"]["sender"]["receive"]["expect"] = {"every": "1 second", "grace": "1s"}
    h = TestHub(tmp_path, config).wait_ready()
    try:
        found = wait_for(lambda: alarms(h).get("silent"), 20, "the alarm")
        assert found["connector"] == "sender" and "when it was first looked for" in found["text"]
        assert "expected every 1 second" in found["text"]
        push(h, 1)
        heard = wait_for(lambda: h.process_status("sender.receive")["stats"]["heard_ms"], 10, "the time of the document")
        rewrite(h, lambda c: c["connectors"]["sender"]["receive"].update(expect={"every": "1 month"}))
        assert h.command("reload", "-c", h.config).returncode == 0
        assert "silent" not in alarms(h)
    finally:
        h.stop()
    config["connectors"]["sender"]["receive"]["expect"] = {"every": "1 second"}
    h = TestHub(tmp_path, config).wait_ready()
    try:
        found = wait_for(lambda: alarms(h).get("silent"), 20, "the alarm after a restart")
        assert "first looked for" not in found["text"]
        stats = next(p for p in h.status()["processes"] if p["name"] == "sender.receive")["stats"]
        assert stats["heard_ms"] == heard, "the time of the last document is kept"
        push(h, 1)  # the same document again: nothing new, but the source has spoken
        wait_for(lambda: "alarm-over: sender: silent" in h.log() or "silent" not in alarms(h), 10, "the end of the alarm")
    finally:
        h.stop()
