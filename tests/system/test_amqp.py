# SPDX-License-Identifier: Apache-2.0
"""RabbitMQ in the place of the embedded queue: what is declared and by whom, what is said when it cannot be, and how the commands find it.
That a hub works the same on both is shown by the tests that run on both (hub.BOTH_ENGINES)."""
import contextlib
import json
import os
import re
import time
import urllib.error

import pytest
from broker import Proxy
from conftest import reeve, wait_for
from hub import EVENTS, Engine, TestHub, event, events_to

ALL = {"configure": ".*", "write": ".*", "read": ".*"}


@pytest.fixture
def engine(rabbitmq, vhost):
    return Engine("amqp", rabbitmq, vhost)


@pytest.fixture
def proxy(rabbitmq):
    with contextlib.closing(Proxy(rabbitmq.node["amqp"])) as p:
        yield p


def quiet(**more):
    """A hub of one process: nobody takes and nobody gives."""
    return {"parties": {"us": {"name": "Us", "role": "hub"}},
            "connectors": {"one": {"party": "us", "deliver": {"plugin": "file", "directory": "out", "enabled": False}},
                           "two": {"party": "us", "deliver": {"plugin": "file", "directory": "out", "order": "strict", "enabled": False}}},
            "routes": {"all": {"to": ["one", "two"]}}, **more}


def change(h, what):
    path = h.directory / "reeve.yaml"
    config = json.loads(path.read_text())
    what(config)
    path.write_text(json.dumps(config))


def place(h, **keys):
    change(h, lambda c: c["transport"]["amqp"].update(keys))


def secret(h, name, text):
    path = h.directory / name
    path.touch(mode=0o600)
    path.write_text(text)
    return "${file:" + name + "}"


def alarms(h):
    return {a["code"]: a["text"] for a in (h.status() or {}).get("alarms", [])}


def command(h, *words):
    return reeve(words[0], "-c", h.config, *words[1:])


def test_the_topology_is_declared_and_what_is_deleted_comes_back(hub, rabbitmq, vhost):
    h = hub(quiet())
    assert [p["name"] for p in h.status()["processes"]] == ["amqp", "door"]
    there = rabbitmq.queues(vhost)
    assert {"one", "one.dead", "two", "two.head", "two.dead", "reeve.names", "reeve.retry.1000"} <= set(there)
    assert there["one"]["type"] == "quorum" and there["two"]["arguments"]["x-single-active-consumer"] is True
    wait_for(lambda: set(h.queues()) == {"one", "two"}, 10, "the figures")
    printed = json.loads(command(h, "topology", "--json").stdout)
    assert {q["name"] for q in printed["queues"]} == set(there)
    rabbitmq.api("DELETE", "queues", vhost, "one")
    wait_for(lambda: rabbitmq.queue(vhost, "one"), 15, "the queue that was deleted")
    wait_for(lambda: h.status()["alarms"] == [], 10, "no alarm")


def test_other_arguments_end_the_start_with_both_named_and_a_reload_goes_on(hub, rabbitmq, vhost):
    rabbitmq.api("PUT", "queues", vhost, "one", body={"durable": True, "arguments": {"x-queue-type": "quorum", "x-max-length": 7}})
    h = hub(quiet(), ready=False)
    text = wait_for(lambda: alarms(h).get("process-held"), 20, "the process to be held:\n" + h.log())
    assert "one" in text and "x-max-length" in text and "exit 78" in text
    assert h.process_status("amqp")["restarts"] == 0
    rabbitmq.api("DELETE", "queues", vhost, "one")
    assert command(h, "reload").returncode == 0
    assert h.process_status("amqp")["state"] == "ready"


def test_other_arguments_while_it_runs_are_an_alarm(hub, rabbitmq, vhost):
    h = hub(quiet())

    def replaced():
        rabbitmq.api("DELETE", "queues", vhost, "one")
        try:
            rabbitmq.api("PUT", "queues", vhost, "one", body={"durable": True, "arguments": {"x-queue-type": "classic"}})
        except urllib.error.HTTPError as e:
            if e.code != 400:
                raise
            return False  # the hub was quicker
        return True
    wait_for(replaced, 20, "another queue of this name")
    assert "one" in wait_for(lambda: alarms(h).get("topology"), 20, "an alarm")
    assert h.process_status("amqp")["state"] == "ready"
    rabbitmq.api("DELETE", "queues", vhost, "one")
    wait_for(lambda: not alarms(h), 20, "the end of the alarm")


def test_a_broker_that_is_not_there_yet_is_tried_again_and_said(hub, proxy, tmp_path, engine):
    proxy.mode = "cut"
    h = TestHub(tmp_path, quiet(), engine=engine)
    h.stop()
    place(h, brokers=proxy.address)
    again = TestHub.__mro__[1](h.config, h.directory)
    try:
        text = wait_for(lambda: alarms_of(again).get("transport"), 20, lambda: "the alarm:\n" + again.log())
        assert proxy.address in text
        assert "amqp" in again.command("status", "-c", again.config).stdout
        proxy.mode = "pass"
        again.wait_ready(20)
        wait_for(lambda: not alarms_of(again), 10, "the end of the alarm")
        proxy.cut()
        wait_for(lambda: alarms_of(again).get("transport"), 20, "the alarm")
        wait_for(lambda: again.status().get("destinations") is None, 10, "that what is not known is not said")
        proxy.mode = "pass"
        wait_for(lambda: again.status().get("destinations") and not alarms_of(again), 20, "the figures")
    finally:
        again.stop()


def alarms_of(h):
    return {a["code"]: a["text"] for a in (h.status() or {}).get("alarms", [])}


@pytest.mark.parametrize("keys, words", [({"vhost": "nowhere"}, "nowhere"), ({"user": "nobody"}, "nobody|refused|ACCESS")])
def test_who_is_not_let_in_is_said(hub, keys, words):
    h = hub(quiet())
    h.stop()
    place(h, **keys)
    again = TestHub.__mro__[1](h.config, h.directory)
    try:
        text = wait_for(lambda: alarms_of(again).get("transport"), 20, lambda: f"the alarm:\n{again.log()}\n{command(again, 'status')}")
        assert re.search(words, text), text
        assert "guest\n" not in again.log()
    finally:
        again.stop()


def test_status_without_a_hub_asks_the_broker_and_changes_nothing(hub, rabbitmq, vhost):
    h = hub(quiet())
    assert h.stop() == 0
    rabbitmq.api("DELETE", "queues", vhost, "two.dead")
    rabbitmq.api("POST", "exchanges", vhost, "reeve", "publish",
                 body={"properties": {"message_id": "e1"}, "routing_key": "one", "payload": "{}", "payload_encoding": "string"})
    r = command(h, "status", "--json")
    assert r.returncode == 3
    assert rabbitmq.queue(vhost, "two.dead") is None, "status declared something"
    rabbitmq.add_vhost(vhost)
    again = hub(quiet())
    again.stop()
    s = json.loads(command(h, "status", "--json").stdout)
    assert {q["name"]: q["ready"] for q in s["destinations"]}["one"] == 1
    change(h, lambda c: (c["connectors"].pop("one"), c["routes"]["all"].update(to="two")))
    third = TestHub.__mro__[1](h.config, h.directory).wait_ready()  # what left the plan is an orphan once that is in force
    third.stop()
    s = json.loads(command(h, "status", "--json").stdout)
    orphan = next(q for q in s["destinations"] if q["name"] == "one")
    assert orphan["configured"] is False and orphan["ready"] == 1
    place(h, brokers="127.0.0.1:1")
    r = command(h, "status", "--json")
    assert r.returncode == 3 and "127.0.0.1:1" in json.loads(r.stdout)["queues_unknown"]


def test_reload_refuses_another_virtual_host_and_takes_other_limits(hub, rabbitmq, vhost):
    h = hub(quiet())
    place(h, vhost="/")
    r = command(h, "reload")
    assert r.returncode == 1 and "[reload-transport]" in r.stderr and vhost in r.stderr
    place(h, vhost=vhost)
    change(h, lambda c: c["connectors"]["one"]["deliver"].update(limit={"messages": 5}))
    r = command(h, "reload")
    assert r.returncode == 0 and "changed: amqp" in r.stdout, r.stderr
    change(h, lambda c: c.update(transport="spool"))
    r = command(h, "reload")
    assert r.returncode == 1 and "reeve migrate amqp spool" in r.stderr


def grant(rabbitmq, definitions, user, password):
    """The rights that `reeve topology` prints for a user, and no others."""
    rabbitmq.api("PUT", "users", user, body={"password": password, "tags": ""})
    for p in (x for x in definitions["permissions"] if x["user"] == user):
        rabbitmq.api("PUT", "permissions", p["vhost"], user, body={k: p[k] for k in ("configure", "write", "read")})
    for p in (x for x in definitions["topic_permissions"] if x["user"] == user):
        rabbitmq.api("PUT", "topic-permissions", p["vhost"], user, body={k: p[k] for k in ("exchange", "write", "read")})


def test_users_with_the_least_rights_are_enough(hub, receiver, rabbitmq, vhost):
    """Imported definitions; nobody may configure; each worker reaches its own queue only."""
    name = f"u{os.getpid()}"
    r = receiver()
    config = events_to({"plugin": "http", "url": r.url})
    h = hub(config)  # as guest, who declares
    h.stop()
    change(h, lambda c: c["transport"]["amqp"].update(user=f"{name}-hub", password=secret(h, "p0", "zero"), users={
        "sender.receive": {"user": f"{name}-in", "password": secret(h, "p1", "one")},
        "friend.deliver": {"user": f"{name}-out", "password": secret(h, "p2", "two")}}))
    definitions = json.loads(command(h, "topology", "--json").stdout)
    assert {p["user"] for p in definitions["permissions"]} == {f"{name}-hub", f"{name}-in", f"{name}-out"}
    for user, password in ((f"{name}-hub", "zero"), (f"{name}-in", "one"), (f"{name}-out", "two")):
        grant(rabbitmq, definitions, user, password)
    try:
        again = TestHub.__mro__[1](h.config, h.directory)
        try:
            again.wait_ready()
            h.process = again.process
            status, answer = h.push([event(i) for i in range(5)], path="/events", headers={"Content-Type": EVENTS})
            assert status == 202, answer
            wait_for(lambda: len(r.taken()) == 5, 20, "the messages:\n" + again.log())
            assert again.status()["alarms"] == []
        finally:
            again.stop()
    finally:
        for user in (f"{name}-hub", f"{name}-in", f"{name}-out"):
            with contextlib.suppress(urllib.error.HTTPError):
                rabbitmq.api("DELETE", "users", user)


def test_tls_with_a_certificate_instead_of_a_password(hub, rabbitmq, vhost):
    h = hub(quiet())
    h.stop()
    rabbitmq.api("PUT", "users", "client", body={"password": "not used", "tags": ""})
    rabbitmq.api("PUT", "permissions", vhost, "client", body=ALL)
    port = rabbitmq.node["tls"]
    keys = {"brokers": f"localhost:{port}", "vhost": vhost, "ca": str(rabbitmq.tls("ca.pem")), "certificate": str(rabbitmq.tls("client.pem")),
            "key": str(rabbitmq.tls("client.key"))}
    os.chmod(rabbitmq.tls("client.key"), 0o600)
    try:
        change(h, lambda c: c.update(transport={"amqp": keys}))
        assert command(h, "check").returncode == 0, command(h, "check").stdout
        again = TestHub.__mro__[1](h.config, h.directory)
        try:
            again.wait_ready()
            wait_for(lambda: set(again.queues()) == {"one", "two"}, 10, "the figures")
        finally:
            again.stop()
        change(h, lambda c: c["transport"]["amqp"].update(ca=str(rabbitmq.tls("client.pem"))))
        r = command(h, "status", "--json")
        assert "cert verification" in json.loads(r.stdout)["queues_unknown"], r.stdout
    finally:
        rabbitmq.api("DELETE", "users", "client")


def test_a_backup_says_that_the_queue_is_the_brokers_and_restores(hub, receiver, tmp_path):
    r = receiver()
    h = hub(events_to({"plugin": "http", "url": r.url}))
    status, _ = h.push([event(1)], path="/events", headers={"Content-Type": EVENTS})
    assert status == 202
    wait_for(lambda: len(r.taken()) == 1, 20, "the message")
    made = command(h, "backup", str(tmp_path / "b"))
    assert made.returncode == 0 and "are the broker's" in made.stdout, made.stdout + made.stderr
    assert reeve("backup", "--verify", tmp_path / "b").returncode == 0
    assert not (tmp_path / "b/spool").exists() or not list((tmp_path / "b/spool").glob("*.db"))
    h.stop()
    (h.directory / "var").rename(h.directory / "var.lost")
    (tmp_path / "b").rename(h.directory / "var")
    again = hub(events_to({"plugin": "http", "url": r.url}))
    status, answer = again.push([event(1)], path="/events", headers={"Content-Type": EVENTS})
    assert status == 202 and answer["unchanged"] + answer["new"] == 1
    assert again.trace("e1")


def dead(h, *words):
    return command(h, "dead", *words)


def letters(h, *words):
    r = dead(h, "list", "--json", *words)
    assert r.returncode == 0, r.stderr
    return [json.loads(line) for line in r.stdout.splitlines()]


def refusing(**more):
    config = events_to({"plugin": "fail", "verdict": "reject", "reason": "not today"}, **more)
    config["connectors"]["other"] = {"party": "friend", "deliver": {"plugin": "file", "directory": "out", "speaks": "cloudevents"}}
    return config


def test_dead_letters_and_queues_are_mended_with_and_without_a_running_hub(hub):
    h = hub(refusing())
    status, _ = h.push([event(i) for i in range(4)], path="/events", headers={"Content-Type": EVENTS})
    assert status == 202
    wait_for(lambda: h.queue("friend").get("dead") == 4, 20, "the dead letters")
    (h.directory / "reeve.yaml").rename(h.directory / "kept")
    (h.directory / "reeve.yaml").write_text("data: var\nnonsense: [\n")  # while it is being edited
    found = letters(h)
    assert [d["id"] for d in found] == ["e0", "e1", "e2", "e3"] and found[0]["code"] == "rejected" and "not today" in found[0]["text"]
    (h.directory / "kept").rename(h.directory / "reeve.yaml")
    marks = (h.directory / "var/state/dead-letters.marks").read_text().splitlines()
    assert sorted(line.split()[1] for line in marks) == sorted(str(d["number"]) for d in found) and marks[0].startswith("seen ")
    assert dead(h, "discard", str(found[0]["number"]), "--reason", "a test").stdout == "1 thrown away\n"
    assert command(h, "pause", "friend").returncode == 0
    assert dead(h, "replay", "--id", "e1").stdout == "1 sent again\n"
    wait_for(lambda: h.queue("friend").get("ready") == 1, 10, "the message that waits again")
    h.stop()
    assert [d["id"] for d in letters(h)] == ["e2", "e3"]
    assert "not today" in dead(h, "show", "--id", "e2").stdout
    r = command(h, "queue", "move", "friend", "other")
    assert (r.returncode, r.stdout) == (0, "1 message moved from friend to other\n"), r.stderr
    place(h, brokers="127.0.0.1:1")
    r = dead(h, "list")
    assert r.returncode == 3 and "127.0.0.1:1" in r.stderr
    (h.directory / "reeve.yaml").write_text("data: var\nnonsense: [\n")
    r = dead(h, "list")
    assert r.returncode == 3 and "[not-running]" in r.stderr


def test_old_dead_letters_go_when_they_were_seen_and_are_warned_of_when_not(hub, rabbitmq, vhost):
    """One that was looked at ten days ago, one that nobody looked at, and one of today."""
    config = quiet()
    h = hub(config)
    h.stop()
    day, now = 86400000, int(time.time() * 1000)
    for n, age in (("seen", 400), ("unseen", 400), ("new", 1)):
        number = (now - age * day << 12) + len(n)
        headers = {"reeve-dead": now - age * day, "reeve-number": number, "reeve-code": "rejected", "reeve-text": "why not"}
        rabbitmq.api("POST", "exchanges", vhost, "reeve.back", "publish",
                     body={"properties": {"message_id": n, "delivery_mode": 2, "headers": headers}, "routing_key": "one.dead",
                           "payload": json.dumps(event(n)), "payload_encoding": "string"})
        if n == "seen":
            (h.directory / "var/state/dead-letters.marks").write_text(f"seen {number} {now - 10 * day}\n")
    again = hub(quiet())
    wait_for(lambda: again.queue("one").get("dead") == 3, 10, "the figures")
    wait_for(lambda: again.queue("one").get("dead") == 2, 40, "the old one to go")
    wait_for(lambda: "dead-unseen" in alarms(again), 10, "the alarm")
    assert "1 dead letters" in alarms(again)["dead-unseen"]
    assert [d["id"] for d in letters(again)] == ["unseen", "new"]
    text = (h.directory / "var/state/dead-letters.marks").read_text()
    assert text.count("warned") == 1 and str((now - 1 * day << 12) + 3) in text, text
    wait_for(lambda: not alarms(again), 40, "the alarm to end, for somebody has looked")
    assert again.queue("one").get("dead") == 2
