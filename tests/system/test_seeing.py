# SPDX-License-Identifier: Apache-2.0
"""What the hub shows of itself: metrics as another's parser reads them, health for a load balancer, who may look."""
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import threading
import time

import pytest
from conftest import ROOT, free_port, request, wait_for

from hub import EVENTS, TOKEN, basic, event, events_to, grant, package

OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
PLAIN = "text/plain; version=0.0.4; charset=utf-8"


def scrape(h, accept=None, headers=None, path="/-/metrics"):
    status, got, body = request(h.port, "GET", path, headers={**({"Accept": accept} if accept else {}), **(headers or {})})
    return status, got, body.decode()


def parsed(text):
    """{(sample name, sorted labels): value} of OpenMetrics text, by Prometheus' own reference parser."""
    parser = pytest.importorskip("prometheus_client.openmetrics.parser", reason="SKIP: python3-prometheus-client is not installed")
    samples = {}
    for family in parser.text_string_to_metric_families(text):
        for s in family.samples:
            key = (s.name, tuple(sorted(s.labels.items())))
            assert key not in samples, f"{key} twice"
            samples[key] = s.value
    return samples


def value(samples, name, **labels):
    return samples.get((name, tuple(sorted(labels.items()))))


def fresh(h, condition, what, seconds=20):
    """Scrapes until the condition holds: a view is kept for a second."""
    last = {}

    def holds():
        last.clear()
        last.update(parsed(scrape(h)[2]))
        return condition(last)
    wait_for(holds, seconds, f"{what} in {sorted(k for k in last)}", step=0.3)
    return last


def two_sinks(url):
    """Events go to a receiver over HTTP; reports of type control.request are refused by it."""
    return events_to({"plugin": "http", "url": url, "retry": {"for": "1h"}})


def test_metrics_tell_what_was_done(hub, receiver):
    def answer(_, body):
        return 422 if json.loads(body)["type"] == "funding.payment" else 200
    h = hub(two_sinks(receiver(answer).url))
    status, _ = h.push([event(i) for i in range(5)] + [event(9, "funding.payment")], path="/events", headers={"Content-Type": EVENTS})
    assert status == 202
    assert h.push(b"no json", path="/events", headers={"Content-Type": EVENTS})[0] == 400
    assert h.push([event(1)], path="/events", query="?check=1", headers={"Content-Type": EVENTS})[0] == 200
    # each process is asked for itself: the queue may know of the dead letter when the worker was asked before it
    end = [("reeve_verdicts_total", {"verdict": "ok"}, 5), ("reeve_verdicts_total", {"verdict": "reject"}, 1), ("reeve_dead_lettered_total", {}, 1),
           ("reeve_delivery_seconds_count", {}, 6), ("reeve_dead_letters", {}, 1), ("reeve_queue_messages", {"state": "ready"}, 0)]
    m = fresh(h, lambda s: all(value(s, name, destination="friend", **labels) == n for name, labels, n in end), "five deliveries and a dead letter")
    assert value(m, "reeve_submissions_total", connector="sender", result="accepted") == 1
    assert value(m, "reeve_submissions_total", connector="sender", result="refused") == 1
    assert value(m, "reeve_submissions_total", connector="sender", result="failed") == 0
    assert value(m, "reeve_records_accepted_total", connector="sender", change="new") == 6
    assert value(m, "reeve_messages_published_total", connector="sender") == 6
    assert value(m, "reeve_verdicts_total", destination="friend", verdict="reject") == 1
    assert value(m, "reeve_dead_lettered_total", destination="friend") == 1
    assert value(m, "reeve_accept_seconds_count", connector="sender") == 1
    assert 0 < value(m, "reeve_accept_seconds_sum", connector="sender") < 60
    assert value(m, "reeve_delivery_seconds_count", destination="friend") == 6
    assert value(m, "reeve_plugin_call_seconds_count", process="friend.deliver", role="plugin") >= 1
    assert value(m, "reeve_plugin_call_seconds_count", process="sender.receive", role="adapter") >= 2
    assert value(m, "reeve_queue_messages", destination="friend", state="ready") == 0
    assert value(m, "reeve_queue_oldest_seconds", destination="friend") == 0
    assert value(m, "reeve_config_last_reload_successful") == 1
    for process in ("spool", "door", "sender.receive", "friend.deliver"):
        assert value(m, "reeve_process_up", process=process) == 1
        assert value(m, "reeve_process_restarts_total", process=process) == 0
        resident = value(m, "reeve_process_resident_memory_bytes", process=process)
        assert 1 << 20 < value(m, "reeve_process_proportional_memory_bytes", process=process) <= resident < 1 << 30
    build, = (dict(labels) for name, labels in m if name == "reeve_build_info")
    assert build["version"] == h.command("--version").stdout.split()[1]
    started = value(m, "reeve_start_time_seconds")
    assert abs(time.time() - started - value(m, "reeve_uptime_seconds")) < 10
    assert value(m, "reeve_verdicts_created", destination="friend", verdict="ok") >= started - 1


def test_metrics_are_good_text_of_either_format(hub):
    h = hub(basic())
    assert h.push(package([grant(1)]))[0] == 202
    for accept, wanted in ((None, OPENMETRICS), ("*/*", OPENMETRICS), ("text/plain", PLAIN),
                           ("application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1", OPENMETRICS)):
        status, headers, text = scrape(h, accept)
        assert (status, headers["Content-Type"]) == (200, wanted)
        assert text.endswith("# EOF\n") == (wanted == OPENMETRICS)
        assert headers["Cache-Control"] == "no-store"
    parsed(scrape(h)[2])
    assert request(h.port, "HEAD", "/-/metrics")[2] == b""
    assert request(h.port, "POST", "/-/metrics", b"")[0] == 405
    if not shutil.which("promtool"):
        pytest.skip("SKIP: promtool (Debian's prometheus) is not installed; the other parser was content")
    r = subprocess.run(["promtool", "check", "metrics"], input=scrape(h, "text/plain")[2], capture_output=True, text=True, timeout=60)
    assert (r.returncode, r.stdout + r.stderr) == (0, "")


def test_label_values_come_from_closed_lists(hub, receiver):
    """Whatever travels, no label is made of it: the labels are the same before and after a thousand different messages."""
    h = hub(two_sinks(receiver(lambda *_: 422).url))
    known = {"process": {"spool", "door", "sender.receive", "friend.deliver", "supervisor"}, "connector": {"sender"},
             "destination": {"friend"}, "verdict": {"ok", "retry", "reject", "down", "fatal"}, "role": {"plugin", "adapter", "step"},
             "result": {"accepted", "refused", "failed"}, "change": {"new", "changed", "unchanged"},
             "state": {"ready", "delayed", "inflight"}, "class": {"2xx", "3xx", "4xx", "5xx"}, "version": None, "le": None,
             "code": {"compile", "dead-unseen", "disk-full", "disk-nearly-full", "down", "journal", "oldest", "orphan-queue", "process-failing", "process-held", "process-stuck",
                      "rejecting", "silent", "topology", "transport", "other"}}
    for i in range(10):
        h.push([event(f"{i}-{k}", subject=f"s{i}{k}") for k in range(100)], path="/events", headers={"Content-Type": EVENTS})
    m = fresh(h, lambda s: value(s, "reeve_alarms", process="friend.deliver", code="rejecting") == 1, "the alarm")
    for _, labels in m:
        for k, v in labels:
            assert k in known and (known[k] is None or v in known[k]), (k, v)
    assert len(m) < 600


def test_every_alarm_of_a_process_has_its_code_in_metrics():
    """What a process calls an alarm is in the closed list, or it would be told as "other"."""
    table = re.search(r"alarm_codes\[\] = \{(.*?)\};", (ROOT / "core/supervisor/metrics_table.c").read_text(), re.S).group(1)
    listed = set(re.findall(r'"([a-z-]+)"', table))
    said = set()
    for f in ROOT.glob("core/*/*.c"):
        said |= set(re.findall(r'(?:child_alarm\([^,]+,|add_alarm\([^,]+, [^,]+,|add_queue\([^,]+,|alarm_new\()\s*"([a-z-]+)"', f.read_text()))
    assert "oldest" in said and said <= listed, said - listed


def test_counters_begin_again_with_their_process(hub, receiver):
    h = hub(two_sinks(receiver().url))
    assert h.push([event(1)], path="/events", headers={"Content-Type": EVENTS})[0] == 202
    one = {"destination": "friend", "verdict": "ok"}
    # also off the queue: else the successor gets it once more, and counts that
    before = fresh(h, lambda s: value(s, "reeve_verdicts_total", **one) == 1 and
                   all(value(s, "reeve_queue_messages", destination="friend", state=x) == 0 for x in ("ready", "inflight")), "a delivery")
    h.kill_process("friend.deliver")
    after = fresh(h, lambda s: value(s, "reeve_process_restarts_total", process="friend.deliver") == 1 and
                  value(s, "reeve_verdicts_total", **one) == 0, "the successor's figures")
    assert value(after, "reeve_verdicts_created", **one) > value(before, "reeve_verdicts_created", **one)


def test_watching_costs_a_bounded_part_of_the_hub(hub):
    """Two hundred scrapes at once are a few looks: all get the same text, and the workers are asked once a second at most."""
    h = hub(basic())
    texts, errors = [], []

    def look():
        try:
            for _ in range(20):
                texts.append(scrape(h)[2])
        except OSError as e:
            errors.append(e)
    begin = time.monotonic()
    threads = [threading.Thread(target=look) for _ in range(10)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    seconds = time.monotonic() - begin
    assert not errors and len(texts) == 200
    assert len(set(texts)) <= 3 + 2 * seconds, seconds


def test_health_in_all_its_states(hub, receiver):
    good = receiver(lambda *_: 503)
    h = hub(two_sinks(good.url))

    def health(path="/-/health"):
        status, headers, body = request(h.port, "GET", path)
        assert headers["Content-Type"] == "application/json"
        return status, json.loads(body)

    assert health()[0] == 200 and health()[1]["status"] == "ok" and health()[1]["alarms"] == []
    assert h.push([event(1)], path="/events", headers={"Content-Type": EVENTS})[0] == 202
    wait_for(lambda: health()[1]["status"] == "degraded", 20, "degraded")
    status, text = health()
    assert status == 200 and [(a["process"], a["code"]) for a in text["alarms"]] == [("friend.deliver", "down")]
    good.answer = lambda *_: 200
    wait_for(lambda: health()[1]["status"] == "ok", 30, "ok again")

    pid = h.pid_of("spool")
    os.kill(pid, signal.SIGSTOP)  # a figure that does not come delays nobody much
    try:
        assert health()[1]["status"] == "ok"
    finally:
        os.kill(pid, signal.SIGCONT)

    os.kill(h.pid, signal.SIGSTOP)  # nobody there who could say that all is well
    try:
        wait_for(lambda: health() == (503, {"status": "down"}), 20, "down")
        assert health("/-/health/live") == (200, {"status": "ok"})
        assert scrape(h)[0] == 503
    finally:
        os.kill(h.pid, signal.SIGCONT)
    wait_for(lambda: health()[0] == 200, 20, "back")


def test_a_door_that_others_reach_shows_metrics_to_their_token_and_health_in_few_words(tmp_path, hub):
    (tmp_path / "m").write_text("a-token-of-the-monitor\n")
    os.chmod(tmp_path / "m", 0o600)
    port = free_port()
    h = hub(basic(door={"listen": f"127.0.0.1:{port}", "behind_proxy": True, "metrics": {"bearer": "${file:m}"}}))
    h.port = port
    assert scrape(h)[0] == 401
    assert scrape(h, headers={"Authorization": "Bearer " + TOKEN})[0] == 401
    status, _, text = scrape(h, headers={"Authorization": "Bearer a-token-of-the-monitor"})
    assert status == 200 and value(parsed(text), "reeve_config_last_reload_successful") == 1
    os.kill(h.pid_of("register.deliver"), signal.SIGKILL)
    words = set()

    def back():
        status, _, body = request(port, "GET", "/-/health")
        assert status == 200 and b"register" not in body
        words.add(json.loads(body)["status"])
        return words >= {"ok"} and h.process_status("register.deliver")["state"] == "ready"
    wait_for(back, 20, "ok again")


def test_without_a_token_a_door_that_others_reach_has_no_metrics(hub):
    port = free_port()
    h = hub(basic(door={"listen": f"127.0.0.1:{port}", "behind_proxy": True}))
    h.port = port
    assert scrape(h)[0] == 404
    assert scrape(h, headers={"Authorization": "Bearer " + TOKEN})[0] == 404


# ---- logs

def records(h):
    return [json.loads(line) for line in h.log().splitlines()]


TEXT_LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (error|warning|info|debug) \S+ (id=\S+ )?\S+: .*")


def test_logs_as_json_from_every_process(hub):
    h = hub(basic(log={"format": "json"}))
    status, answer = h.push(package([grant(1)]))
    assert status == 202
    h.push(b'\x1b[31m"', path="/grants")
    wait_for(lambda: h.files("out/awards"), 20, "the delivery")
    h.stop()
    early = [line for line in h.log().splitlines() if not line.startswith("{")]
    assert early == []  # nothing is said before the configuration is known
    said = records(h)
    for r in said:
        assert set(r) <= {"time", "level", "process", "code", "id", "text"} and {"time", "level", "process", "code", "text"} <= set(r)
        assert TEXT_LINE.fullmatch(f"{r['time']} {r['level']} {r['process']} {r['code']}: -")
    assert {r["process"] for r in said} >= {"supervisor", "door", "dcms-grants.receive", "register.deliver"}
    assert any(r["code"] == "submission" and r["id"] == answer["receipt"] for r in said)


@pytest.mark.parametrize("config,env,option,wanted", [
    ({}, {}, [], "text,info"), ({"log": {"level": "error"}}, {}, [], "text,error"),
    ({"log": {"format": "json", "level": "error"}}, {"REEVE_LOG": "debug"}, [], "json,debug"),
    ({"log": {"format": "json"}}, {"REEVE_LOG": "text,warning"}, ["--log", "info"], "text,info"),
    ({"log": {"format": "json"}}, {}, ["--log", "text", "-v"], "text,debug")])
def test_log_settings_of_the_command_line_win_over_the_environment_and_the_configuration(tmp_path, config, env, option, wanted):
    from conftest import Hub
    from hub import TestHub
    made = TestHub.__new__(TestHub)
    made.directory, made.port = tmp_path, free_port()
    (tmp_path / "token").write_text(TOKEN)
    (tmp_path / "reeve.yaml").write_text(json.dumps({
        "hub": "exampleshire", "data": "var", "unrouted": {"drop": "x"}, "parties": {}, "connectors": {}, **config}))
    h = Hub(tmp_path / "reeve.yaml", tmp_path, arguments=option, env=env)
    try:
        wait_for(lambda: h.status() and h.status()["state"] == "running", 20, "running")
        pid = h.process_status("spool")["pid"]
        environment = dict(x.split("=", 1) for x in open(f"/proc/{pid}/environ").read().split("\0") if "=" in x)
        assert environment["REEVE_LOG"] == wanted
    finally:
        h.stop()
    form, level = wanted.split(",")
    lines = h.log().splitlines()
    assert all(line.startswith("{") == (form == "json") for line in lines)
    assert (level in ("info", "debug")) == any("hub-starts" in line for line in lines)


def test_bad_log_settings_are_refused_or_told(tmp_path):
    from conftest import reeve
    r = reeve("run", "--log", "xml", "-c", tmp_path)
    assert r.returncode == 64 and "json,debug" in r.stderr
    (tmp_path / "reeve.yaml").write_text("hub: x\nparties: {}\nconnectors: {}\nunrouted: {drop: x}\nlog: {format: xml}\n")
    r = reeve("check", "-c", tmp_path / "reeve.yaml")
    assert r.returncode == 1 and "reeve.yaml:5:" in r.stdout + r.stderr
    (tmp_path / "reeve.yaml").write_text("nothing: here\n")
    r = reeve("run", "-c", tmp_path / "reeve.yaml", env={"REEVE_LOG": "loud"})
    assert "log-settings" in r.stderr


def test_a_reload_changes_the_log_and_starts_nothing_again(hub):
    config = basic()
    h = hub(config)
    before = {p["name"]: p["pid"] for p in h.status()["processes"]}
    full = json.loads(pathlib.Path(h.config).read_text())
    for settings, check in (({"format": "json", "level": "info"}, lambda line: line.startswith("{")),
                            ({"format": "text", "level": "info"}, TEXT_LINE.fullmatch)):
        pathlib.Path(h.config).write_text(json.dumps({**full, "log": settings}))
        r = h.command("reload", "-c", h.config)
        assert r.returncode == 0 and "unchanged: 4" in r.stdout, r.stdout + r.stderr
        n = len(h.log().splitlines())
        h.push(b"nothing")
        h.push(b"nothing", headers={"Authorization": "Bearer wrong"})
        wait_for(lambda: sum("submission-refused" in x or "token-unknown" in x for x in h.log().splitlines()[n:]) == 2, 10, "both records")
        assert all(check(line) for line in h.log().splitlines()[n:]), h.log().splitlines()[n:]
    assert {p["name"]: p["pid"] for p in h.status()["processes"]} == before


def test_a_flood_of_refusals_is_told_in_a_bounded_number_of_records(hub):
    h = hub(basic())

    def knock():
        for _ in range(100):
            request(h.port, "GET", "/nothing")
    begin = time.monotonic()
    threads = [threading.Thread(target=knock) for _ in range(10)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    seconds = time.monotonic() - begin

    def told():
        lines = [x for x in h.log().splitlines() if " door refused: " in x]
        suppressed = sum(int(m.group(1)) for x in lines if (m := re.search(r"suppressed (\d+) more", x)))
        plain = sum("suppressed" not in x for x in lines)
        return (plain, suppressed) if plain + suppressed == 1000 else None
    plain, suppressed = wait_for(told, 40, "every refusal, written or counted")
    assert suppressed and plain <= max(600, 200 + 20 * seconds)  # 200 in 10 s
