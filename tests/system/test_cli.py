# SPDX-License-Identifier: Apache-2.0
"""The commands against a real hub: trace, status, dead, pause, resume, reload; and eval."""
import json
import os
import signal
import subprocess
import time

import pytest
from conftest import Hub, free_port, module, program, reeve, request, run, wait_for

TOKEN = "a-token-for-the-tests-of-commands"
CONFIG = """
hub: exampleshire
data: var
door: {{listen: "127.0.0.1:{port}"}}
unrouted: {unrouted}
parties:
  council: {{name: Exampleshire Council, role: hub}}
  funder:  {{name: A funder, role: funder}}
  taker:   {{name: Somebody who takes, role: provider}}
connectors:
  grants:
    party: funder
    receive: {{plugin: http, path: /grants, speaks: cloudevents, auth: {{bearer: "${{file:token}}"}}}}
  register: {{party: council, deliver: {{plugin: file, directory: out/register, speaks: cloudevents}}}}
  triage:   {{party: council, deliver: {{plugin: file, directory: out/triage, speaks: cloudevents}}}}
  refuser:  {{party: taker, deliver: {{plugin: fail, verdict: reject, reason: "no such client", speaks: cloudevents}}}}
  closed:   {{party: taker, deliver: {{plugin: fail, verdict: down, reason: "closed for lunch", speaks: cloudevents}}}}
{connectors}
routes:
  awards:  {{when: "type = 'funding.award'", to: register}}
  reports: {{when: "type = 'funding.report'", to: refuser}}
  apps:    {{when: "type = 'funding.application'", to: [closed, register]}}
{routes}
"""


class Site:
    def __init__(self, tmp):
        for name in ("plugins/http", "plugins/file", "plugins/fail", "adapters/cloudevents"):
            module(name)
        self.dir, self.port = tmp, free_port()
        self.config = tmp / "reeve.yaml"
        (tmp / "token").write_text(TOKEN)
        os.chmod(tmp / "token", 0o600)
        self.write()
        self.hub = Hub(self.config, tmp).wait_ready()

    def write(self, connectors="", routes="", unrouted="{to: triage}"):
        self.config.write_text(CONFIG.format(port=self.port, connectors=connectors, routes=routes, unrouted=unrouted))

    def push(self, n, kind, **more):
        event = {"specversion": "1.0", "id": f"event-{n}", "source": "//funder.example/system", "type": kind,
                 "subject": f"subject-{n}", "data": {"n": n}, **more}
        status, _, body = request(self.port, "POST", "/grants", json.dumps(event),
                                  {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/cloudevents+json"})
        assert status == 202, body
        return json.loads(body)["receipt"]

    def ask(self, *argv):
        return reeve(*argv, "-c", self.config)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    s = Site(tmp_path_factory.mktemp("site"))
    yield s
    assert s.hub.stop() == 0, s.hub.log()


def traced(site, what, text):
    return wait_for(lambda: text in (r := site.ask("trace", what)).stdout and r, 10, f"{text!r} in the trace of {what}")


def test_trace_of_a_delivered_message(site):
    receipt = site.push(1, "funding.award")
    r = traced(site, "subject-1", "=> register: delivered")
    assert r.returncode == 0
    assert "accepted from funder (grants); for register by route awards" in r.stdout
    assert "delivered to register, attempt 1" in r.stdout
    assert "event-1" in site.ask("trace", "event-1").stdout
    for what in (receipt, receipt[:12]):
        assert site.ask("trace", receipt).stdout.startswith(f"submission {receipt}\n"), what
    rows = json.loads(site.ask("trace", "event-1", "--json").stdout)
    assert [row["event"] for row in rows][-1] == "delivered"
    assert rows[0]["event"] in ("submitted", "accepted")


def test_trace_of_a_message_that_matched_nothing(site):
    site.push(2, "information.document")
    r = traced(site, "subject-2", "=> triage: delivered")
    assert "matched no route: for triage, where unrouted messages go" in r.stdout and "route null" not in r.stdout


def test_trace_of_a_message_that_its_receiver_refused(site):
    site.push(3, "funding.report")
    r = traced(site, "subject-3", "=> refuser: NOT delivered, kept as a dead letter: no such client [rejected]")
    assert "reeve dead list --id event-3" in r.stdout


def test_trace_of_a_message_whose_receiver_is_down(site):
    site.push(4, "funding.application")
    r = traced(site, "subject-4", "=> closed: not delivered yet: closed for lunch")
    assert "next try at" in r.stdout and "closed was not reachable" in r.stdout
    r = traced(site, "subject-4", "=> register: delivered")
    r = traced(site, "subject-4", " times")
    assert r.stdout.count("closed was not reachable") <= 2  # before and after the delivery to the other one


def test_trace_of_what_nobody_knows(site):
    r = site.ask("trace", "never-seen")
    assert r.returncode == 1 and "trace-unknown" in r.stderr and r.stdout == ""
    assert site.ask("trace").returncode == 64


def test_status_shows_queues_and_the_alarm(site):
    site.push(5, "funding.application")
    s = wait_for(lambda: (s := site.hub.status()) and s["alarms"] and s, 10)
    assert any(a["process"] == "closed.deliver" and "closed for lunch" in a["text"] for a in s["alarms"])
    wait_for(lambda: sum(site.hub.queue("closed").get(k, 0) for k in ("ready", "delayed", "inflight")) >= 1, 10, "the message in the queue")
    r = site.ask("status")
    assert r.returncode == 1 and "DESTINATION" in r.stdout and "ALARM closed.deliver" in r.stdout
    assert site.ask("status", "--json").returncode == 1


def test_dead_letters_are_listed_shown_sent_again_and_thrown_away(site):
    for n in range(10, 13):
        site.push(n, "funding.report")

    def listed():
        return {d["id"]: d for d in map(json.loads, site.ask("dead", "list", "--json").stdout.splitlines())}
    wait_for(lambda: {f"event-{n}" for n in range(10, 13)} <= set(listed()), 10, "the dead letters")
    d = listed()["event-11"]
    assert d["destination"] == "refuser" and d["code"] == "rejected" and d["text"] == "no such client" and "event" not in d
    assert site.ask("dead", "show", d["number"]).stdout.startswith(f"{d['number']}  ")
    assert "\"n\":11" not in site.ask("dead", "show", d["number"], "--json").stdout
    assert site.ask("dead", "show", d["number"], "--body").returncode == 64
    r = site.ask("dead", "show", d["number"], "--json", "--body", "--reason", "a complaint")
    assert json.loads(r.stdout)["event"]["data"] == {"n": 11}
    assert site.ask("dead", "list", "--id", "event-12", "--json").stdout.count("\n") == 1
    assert site.ask("dead", "list", "--destination", "register").stdout == ""
    assert site.ask("dead", "list", "--since", "1h", "--code", "rejected").stdout.count("\n") >= 3
    assert site.ask("dead", "list", "--until", "1h").stdout == ""
    kind = json.loads(site.ask("dead", "show", d["number"], "--json", "--body", "--reason", "its type").stdout)["event"]["type"]
    assert site.ask("dead", "list", "--type", kind).stdout.count("\n") >= 1
    assert site.ask("dead", "list", "--type", kind + "x").stdout == ""
    assert site.ask("dead", "replay", d["number"], "--type", kind + "x").returncode == 1

    r = site.ask("dead", "replay", "--id", "event-11", "--dry-run")
    assert r.returncode == 0 and "1 would be sent again" in r.stdout
    r = site.ask("dead", "replay", "--id", "event-11")
    assert r.returncode == 0 and "1 sent again" in r.stdout
    wait_for(lambda: any(json.loads(x)["number"] > d["number"] for x in
                         site.ask("dead", "list", "--id", "event-11", "--json").stdout.splitlines()), 10, "refused again")
    assert site.ask("dead", "discard", "--id", "event-11").returncode == 64  # without a reason
    assert site.ask("dead", "discard").returncode == 64  # without saying which
    r = site.ask("dead", "discard", "--id", "event-11", "--reason", "asked twice")
    assert r.returncode == 0 and "1 thrown away" in r.stdout
    assert site.ask("dead", "list", "--id", "event-11").stdout == ""
    t = site.ask("trace", "event-11").stdout
    assert "sent again to refuser" in t and "thrown away for refuser" in t and "asked twice" in t and "a complaint" in t
    assert "=> refuser: NOT delivered, thrown away by hand" in t
    assert site.ask("dead", "replay", 99999).returncode == 1
    assert site.ask("dead", "replay", "x").returncode == 1
    assert site.ask("dead", "lst").returncode == 64


def test_pause_keeps_messages_and_resume_delivers_them(site):
    assert site.ask("pause", "register").returncode == 0
    site.push(20, "funding.award")
    time.sleep(0.5)
    assert "=> register: waits in the queue" in site.ask("trace", "subject-20").stdout
    assert "paused" in site.ask("status").stdout
    p = site.hub.process_status("register.deliver")  # a new process is as paused as the old one
    os.kill(p["pid"], signal.SIGKILL)
    wait_for(lambda: (q := site.hub.process_status("register.deliver")) and q["state"] == "ready" and q["pid"] != p["pid"], 20)
    time.sleep(0.5)
    assert "=> register: waits in the queue" in site.ask("trace", "subject-20").stdout
    assert site.ask("resume", "register").returncode == 0
    traced(site, "subject-20", "=> register: delivered")


def test_reload_takes_a_new_destination_into_use(site):
    before = {p["name"]: p["pid"] for p in site.hub.status()["processes"]}
    site.write(connectors="  extra: {party: council, deliver: {plugin: file, directory: out/extra, speaks: cloudevents}}",
               routes="  payments: {when: \"type = 'funding.payment'\", to: extra}")
    r = site.ask("reload")
    assert r.returncode == 0, r.stderr
    assert "new: extra.deliver" in r.stdout
    after = {p["name"]: p["pid"] for p in site.hub.status()["processes"]}
    assert after["closed.deliver"] == before["closed.deliver"] and after["door"] == before["door"]
    site.push(30, "funding.payment")
    traced(site, "subject-30", "=> extra: delivered")


def test_reload_with_an_error_changes_nothing_and_shows_it(site):
    text = site.config.read_text()
    before = [p["pid"] for p in site.hub.status()["processes"]]
    site.config.write_text(text.replace("plugin: fail, verdict: reject", "plugin: fail, verdict: rejekt"))
    r = site.ask("reload")
    assert r.returncode == 1 and "rejekt" in r.stderr and "reeve.yaml:" in r.stderr
    assert [p["pid"] for p in site.hub.status()["processes"]] == before
    site.config.write_text(text)
    assert site.ask("reload").returncode == 0


def test_reload_refuses_to_forget_a_destination_with_messages(site):
    site.push(35, "funding.application")
    text = site.config.read_text()
    site.config.write_text("\n".join(line for line in text.replace("to: [closed, register]", "to: register").splitlines()
                                     if not line.startswith("  closed:")))
    assert reeve("check", "-c", site.config).returncode == 0
    r = site.ask("reload")
    assert r.returncode == 1 and "destination closed would be removed" in r.stderr and "reload-waiting" in r.stderr
    site.config.write_text(text)
    assert site.ask("reload").returncode == 0
    assert site.hub.process_status("closed.deliver")["restarts"] == 0


@pytest.mark.parametrize("name", ["spool", "grants.receive", "register.deliver", "door"])
def test_the_hub_survives_the_death_of_each_process(site, name):
    p = site.hub.process_status(name)
    os.kill(p["pid"], signal.SIGKILL)
    wait_for(lambda: (q := site.hub.process_status(name)) and q["state"] == "ready" and q["pid"] != p["pid"], 20, f"{name} again")
    n = 40 + p["pid"]

    def pushed():
        try:
            return site.push(n, "funding.award")
        except (AssertionError, OSError):
            return None
    wait_for(pushed, 20, "accepted again", step=0.2)
    traced(site, f"subject-{n}", "=> register: delivered")


def test_status_of_a_hub_that_does_not_run(tmp_path):
    site = Site(tmp_path)
    for n in range(3):
        site.push(n, "funding.report")
    site.push(7, "funding.application")
    traced(site, "subject-2", "dead letter")
    assert site.hub.stop() == 0
    r = site.ask("status")
    assert r.returncode == 3 and "not running" in r.stdout and "no such client" in r.stdout, r.stdout + r.stderr
    s = json.loads(site.ask("status", "--json").stdout)
    queues = {q["name"]: q for q in s["destinations"]}
    assert queues["refuser"]["dead"] == 3 and queues["closed"]["ready"] + queues["closed"]["delayed"] == 1
    assert site.ask("dead", "list").returncode == 3
    for command in (("reload",), ("pause", "closed"), ("resume", "closed")):
        r = site.ask(*command)
        assert r.returncode == 3 and "not-running" in r.stderr
    assert "=> refuser: NOT delivered" in site.ask("trace", "subject-1").stdout
    Hub(site.config, tmp_path).wait_ready().stop()


def test_status_where_there_never_was_a_hub(tmp_path):
    (tmp_path / "reeve.yaml").write_text("hub: x\ndata: nowhere\n")
    r = reeve("status", "-c", tmp_path / "reeve.yaml")
    assert r.returncode == 3 and "nowhere" in r.stderr
    assert not (tmp_path / "nowhere").exists()


def test_the_data_directory_is_found_in_any_file(tmp_path):
    d = tmp_path / "conf"
    d.mkdir()
    (tmp_path / "store").mkdir()
    (d / "a.yaml").write_text("hub: x\n")
    (d / "b.yaml").write_text("# data: wrong\n data: wrong\ndata: \"../store\"  # here\n")
    r = reeve("status", "--json", "-c", d)
    assert json.loads(r.stdout)["data"] == str(tmp_path / "store")
    (d / "b.yaml").write_text("data: ${env:STORE}\n")
    r = reeve("status", "--json", "-c", d, env={"STORE": str(tmp_path / "store")})
    assert json.loads(r.stdout)["data"] == str(tmp_path / "store")


def test_a_deep_data_directory(tmp_path):
    deep = tmp_path / ("d" * 80) / ("e" * 80)
    deep.mkdir(parents=True)
    site = Site(deep)
    site.push(1, "funding.award")
    traced(site, "subject-1", "=> register: delivered")
    assert (deep / "var" / "run").is_symlink()
    assert site.ask("dead", "list").returncode == 0
    assert site.hub.stop() == 0


# ---- eval

EVENT = json.dumps({"specversion": "1.0", "id": "1", "source": "/s", "type": "t", "amount": 250, "urgent": True, "data": {}})


@pytest.mark.parametrize("expression,value,errors", [
    ("amount > 100", True, []),
    ("amount", 250, []),
    ("urgent", True, []),
    ("type", "t", []),
    ("-1 + 2", 1, []),
    ("'a\"b'", "a\"b", []),
    ("missing = 1", False, ["missingAttribute"]),
    ("1 / 0", 0, ["math"]),
    ("amount >", False, ["parse"]),
    ("", False, ["parse"]),
    ("NOPE(1)", False, ["missingFunction"]),
])
def test_eval(expression, value, errors):
    r = reeve("eval", expression, "--event", "-", stdin=EVENT)
    assert r.returncode == 0, r.stderr
    answer = json.loads(r.stdout)
    assert answer["errors"] == errors
    assert (answer["value"], type(answer["value"])) == (value, type(value)) and r.stdout.count("\n") == 1


def test_eval_of_bad_events_and_arguments(tmp_path):
    for text in ("", "[]", "{}", EVENT.replace("1.0", "9.9")):
        r = reeve("eval", "TRUE", "--event", "-", stdin=text)
        assert r.returncode == 1 and r.stderr.startswith("reeve eval: -: ")
    (tmp_path / "e").write_text(EVENT)
    assert json.loads(reeve("eval", "--event", tmp_path / "e", "amount").stdout)["value"] == 250
    assert reeve("eval").returncode == 64 and reeve("eval", "a", "b").returncode == 64
    assert reeve("eval", "TRUE", "--event", tmp_path / "none").returncode == 1
    assert json.loads(reeve("eval", "TRUE").stdout) == {"value": True, "errors": []}


def test_help_of_every_command():
    words = reeve("--help").stdout
    for line in words.splitlines():
        if line.startswith("  ") and line.split():
            r = reeve(line.split()[0], "--help")
            assert r.returncode == 0 and r.stdout.startswith(f"usage: reeve {line.split()[0]}"), line
    assert run(program("reeve-worker")).returncode == 64
    assert subprocess.run([program("reeve"), "help", "trace"], capture_output=True, check=True).stdout


@pytest.mark.parametrize("arguments", [["eval", "1"], ["plugin", "list"], ["--help"], ["decode", "cloudevents", "-"]])
def test_output_that_cannot_be_written_is_told(arguments):
    event = b'{"specversion":"1.0","id":"1","source":"//a","type":"client.case"}'
    with open("/dev/full", "w") as full:
        r = subprocess.run([program("reeve"), *arguments], input=event, stdout=full, stderr=subprocess.PIPE, timeout=60)
    assert r.returncode == 1 and b"standard output: No space left on device" in r.stderr
