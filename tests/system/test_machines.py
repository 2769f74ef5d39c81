# SPDX-License-Identifier: Apache-2.0
"""One configuration for several machines: which one this is, and what the commands make of it. Hubs that run together: test_hubs.py."""
import json

import pytest

from conftest import module, program, reeve, run, wait_for
from hub import COUNCIL, EVENTS, event

CONFIG = {
    "hub": "exampleshire", "data": "var", "unrouted": {"drop": "nobody asked for it"},
    "transport": {"amqp": {"brokers": "localhost", "vhost": "hub", "user": "reeve", "password": "${file:password}"}},
    "state": {"postgresql": {"hosts": "localhost", "database": "reeve", "user": "reeve", "password": "${file:password}"}},
    "door": {"tls": {"certificate": "tls/a.pem", "key": "tls/a.key"}},
    "machines": {"hub-a": {"door": {"listen": "127.0.0.1:8443"}, "data": "var-a"}, "hub-b": {"door": {"listen": "127.0.0.1:8443"}}},
    "parties": {"us": {"name": "Us", "role": "hub"}},
    "connectors": {"drop": {"party": "us", "receive": {"plugin": "file", "directory": "in", "on": "hub-b", "speaks": "cloudevents"}},
                   "register": {"party": "us", "deliver": {"plugin": "file", "directory": "out"}}},
    "routes": {"all": {"to": "register"}},
}


@pytest.fixture
def hub(tmp_path):
    module("plugins/file"), module("adapters/cloudevents"), program("reeve-worker")
    (tmp_path / "password").write_text("secret\n")
    (tmp_path / "password").chmod(0o600)

    def write(**more):
        (tmp_path / "reeve.yaml").write_text("\n".join(f"{k}: {json.dumps(v)}" for k, v in {**CONFIG, **more}.items()))
        return tmp_path / "reeve.yaml"
    return write


def check(path, *more, machine=None):
    return reeve("check", "-c", path, *more, env={"REEVE_MACHINE": machine} if machine else None)


def test_a_configuration_is_checked_for_every_machine(hub):
    path = hub(machines={**CONFIG["machines"], "hub-c": {"door": {"listen": "somewhere"}}})
    r = check(path, "--without-secrets")
    assert r.returncode == 1 and "`listen` is `somewhere`" in r.stdout and r.stdout.count(" error: ") == 1, r.stdout
    r = check(hub(), "--without-secrets")
    assert (r.returncode, r.stdout) == (0, "")


def test_check_says_what_run_here_would_miss(hub):
    r = check(hub())
    assert r.returncode == 0 and "[machine-unknown]" in r.stdout and "hub-a, hub-b" in r.stdout
    for how in ({"machine": "hub-b"}, {}):  # the certificate must be there on the machine that this is
        r = check(hub(), *([] if how else ["--machine", "hub-b"]), **how)
        assert r.returncode == 1 and "[tls-file]" in r.stdout and "machine-unknown" not in r.stdout, r.stdout
    r = check(hub(), "--machine=hub-d")
    assert r.returncode == 1 and "there is no machine `hub-d`" in r.stdout


def test_run_wants_to_know_which_machine_this_is(hub):
    r = reeve("run", "-c", hub(), timeout=30)
    assert r.returncode == 1 and "which machine is this?" in r.stderr and "REEVE_MACHINE" in r.stderr
    assert reeve("run", "--machine").returncode == 64


def test_commands_find_the_data_of_their_machine(hub, tmp_path):
    for machine, data in (("hub-a", "var-a"), ("hub-b", "var")):
        r = reeve("reload", "-c", hub(), "--machine", machine)
        assert r.returncode == 3 and f"no hub is running in {tmp_path}/{data} " in r.stderr + " ", r.stderr
    r = reeve("reload", "-c", hub())
    assert r.returncode == 1 and "which machine is this?" in r.stderr and "--data DIR" in r.stderr
    (tmp_path / "reeve.yaml").write_text((tmp_path / "reeve.yaml").read_text() + "\nx: {")
    r = reeve("trace", "-c", tmp_path / "reeve.yaml", "--machine", "hub-a", "x")
    assert r.returncode == 1 and "yaml-syntax" in r.stderr and "--data DIR" in r.stderr


def test_what_only_looks_at_a_configuration_needs_no_machine(hub, tmp_path):
    event = {"specversion": "1.0", "id": "1", "source": "/x", "type": "funding.report", "data": 1}
    (tmp_path / "e.json").write_text(json.dumps(event))
    r = reeve("explain", "-c", hub(), "--from", "drop", tmp_path / "e.json")  # it runs on hub-b
    assert r.returncode == 0 and "register" in r.stdout, r.stderr
    r = reeve("topology", "-c", hub())
    assert r.returncode == 0 and "register" in r.stdout, r.stderr
    assert run(program("reeve-worker"), "names", "machine", "-c", hub()).stdout.split() == ["hub-a", "hub-b"]


# ---- what one hub says of the others, and does with them


def shared(url):
    return {"parties": {**COUNCIL, "friend": {"name": "A Friend", "role": "provider"}},
            "connectors": {"sender": {"party": "dcms", "receive": {"plugin": "http", "path": "/events", "speaks": "cloudevents"}},
                           "drop": {"party": "dcms", "receive": {"plugin": "file", "directory": "in", "settle": "0s", "rescan": "1s", "speaks": "cloudevents"}},
                           "friend": {"party": "friend", "deliver": {"plugin": "http", "url": url, "speaks": "cloudevents"}},
                           "local": {"party": "friend", "on": "hub-b", "deliver": {"plugin": "file", "directory": "out", "speaks": "cloudevents"}}},
            "routes": {"all": {"match": {"type": "funding.report"}, "to": "friend"}, "rest": {"match": {"type": "funding.award"}, "to": "local"}}}


def takers(h, name, **want):
    """Until the machines that take from it are said to do so: {machine: paused}"""
    return wait_for(lambda: {m["name"]: m["paused"] for m in h.queue(name).get("machines", [])} == want or None, 20, f"{want} taking {name}")


def push(h, *subjects, type_="funding.report"):
    status, answer = h.push([event(s, type_=type_, subject=s) for s in subjects], path="/events", headers={"Content-Type": EVENTS})
    assert status == 202, answer
    return answer


def test_pause_and_resume_hold_on_every_machine(hubs, receiver):
    peer = receiver()
    a, b = hubs(shared(peer.url))
    takers(a, "friend", **{"hub-a": False, "hub-b": False})
    r = a.command("pause", "-c", a.config, "friend")
    assert (r.returncode, r.stdout) == (0, "friend: paused on hub-a, hub-b\n"), r.stdout + r.stderr
    for h in (a, b):
        takers(h, "friend", **{"hub-a": True, "hub-b": True})
        wait_for(lambda h=h: h.process_status("friend.deliver").get("paused"), 10, "its supervisor to know it")
    b.kill_process("friend.deliver")  # its successor is told by the supervisor there
    push(a, "one"), push(b, "two")
    wait_for(lambda: b.process_status("friend.deliver")["restarts"] == 1 and b.process_status("friend.deliver")["state"] == "ready", 30, "the next process")
    takers(a, "friend", **{"hub-a": True, "hub-b": True})
    wait_for(lambda: b.queue("friend").get("ready") == 2, 20, "both messages to wait")
    assert peer.taken() == []
    r = b.command("resume", "--data", b.data, "friend")  # from another machine, and without the configuration
    assert (r.returncode, r.stdout) == (0, "friend: resumed on hub-a, hub-b\n"), r.stdout + r.stderr
    wait_for(lambda: len(peer.taken()) == 2, 30, "both messages")
    wait_for(lambda: not a.process_status("friend.deliver").get("paused"), 10, "the other supervisor to know it")
    r = a.command("pause", "-c", a.config, "local")  # which has no process here
    assert (r.returncode, r.stdout) == (0, "local: paused on hub-b; not heard from hub-a (does not run, or does not deliver it)\n"), r.stdout + r.stderr
    push(a, "three", type_="funding.award")
    takers(b, "local", **{"hub-b": True})
    assert a.command("resume", "-c", a.config, "local").returncode == 0
    wait_for(lambda: len(b.files("out")) == 1, 30, "the file on its machine")
    r = a.command("pause", "-c", a.config, "nobody")
    assert r.returncode == 1 and "there is no destination" in r.stderr


def test_a_hub_says_what_it_knows_and_who_knows_more(hubs, receiver, tmp_path):
    peer = receiver()
    a, b = hubs(shared(peer.url))
    takers(a, "friend", **{"hub-a": False, "hub-b": False})
    takers(a, "local", **{"hub-b": False})
    assert not any(q["configured"] is False for q in a.status()["destinations"]) and a.process_status("local.deliver") is None
    for h in (a, b):
        doc = h.status()
        assert (doc["machine"], doc["machines"], doc["state_store"]) == (h.machine, ["hub-a", "hub-b"], "postgresql")
        assert doc["alarms"] == []
    holder = wait_for(lambda: next((h for h in (a, b) if h.lease("drop.receive").get("held")), None), 20, "who polls")
    other = b if holder is a else a
    takers(other, "friend", **{"hub-a": False, "hub-b": False})
    text = wait_for(lambda: (t := other.command("status", "-c", other.config).stdout) and f"waits: {holder.machine} polls" in t and t, 20, "the line of drop.receive")
    assert f"exampleshire on {other.machine} is running" in text and "taken by hub-" in text, text
    receipt = push(a, "one")["receipt"]
    wait_for(lambda: len(peer.taken()) == 1, 30, "the message")
    r = a.command("trace", "-c", a.config, receipt)
    assert r.returncode == 0 and r.stdout.endswith("only the journal of hub-a was looked at; what others did stands in that of hub-b: `reeve trace` there\n"), r.stdout
    r = b.command("trace", "--data", b.data, "no-such-message")
    assert r.returncode == 1 and "stands in that of hub-a" in r.stderr, r.stderr
    assert json.loads(a.command("trace", "--json", "-c", a.config, receipt).stdout)
    r = a.command("backup", "-c", a.config, tmp_path / "backup")
    assert r.returncode == 0 and "pg_dump" in r.stdout and "This is hub-a" in r.stdout, r.stdout + r.stderr
    manifest = json.loads((tmp_path / "backup/manifest.json").read_text())
    assert (manifest["machine"], manifest["queue"], manifest["state"]) == ("hub-a", "broker", "postgresql")
    assert a.command("backup", "--verify", tmp_path / "backup").returncode == 0
