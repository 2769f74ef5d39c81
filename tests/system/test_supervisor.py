# SPDX-License-Identifier: Apache-2.0
"""The supervisor with stand-ins for its children (fake_child.py): order, restarts, watchdog, reload, signals, commands."""
import contextlib
import fcntl
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import stat
import time

import pytest
from conftest import PATIENCE, Hub, program, run, wait_for

HERE = pathlib.Path(__file__).resolve().parent
KINDS = {"spool": "spool", "door": "door"}


@pytest.fixture
def stage(tmp_path):
    """A copy of reeve with stand-ins beside it, and a plan that a test can change."""

    class Stage:
        bin = tmp_path / "bin"
        data = tmp_path / "data"
        config = tmp_path / "plan.json"
        hubs = []

        def plan(self, hub="test", destinations=None, data=None, **behaviours):
            """plan(a_sink={...}): names end in _sink or _source; spool and door are always there."""
            data = str(data or self.data)
            processes = []
            for name, extra in {"spool": {}, "door": {}, "a_sink": {}, "b_source": {}, **behaviours}.items():
                if extra is None:
                    continue
                kind = KINDS.get(name) or name.rsplit("_", 1)[1]
                name = name.replace("_sink", ".deliver").replace("_source", ".receive")
                part = {"kind": kind, "name": name, "data": data, "destination": name.split(".")[0], **extra}
                processes.append({"name": name, "kind": kind, "digest": json.dumps(extra, sort_keys=True), "part": part})
            plan = {"format": 1, "hub": hub, "config": str(self.config), "data": data, "run": data + "/run",
                    "processes": processes, "destinations": destinations or ["a"]}
            self.config.write_text(json.dumps(plan))

        def start(self, *arguments, ready=True):
            hub = Hub(self.config, tmp_path, str(self.bin / "reeve"), arguments)
            self.hubs.append(hub)
            return hub.wait_ready() if ready else hub

        def command(self, *argv):
            return run(self.bin / "reeve", *argv, "--data", self.data)

        def status(self):
            r = self.command("status", "--json")
            return json.loads(r.stdout) if r.stdout.startswith("{") else None

        def process(self, name):
            s = self.status()
            return next((p for p in s["processes"] if p["name"] == name), None) if s else None

        def events(self, *kinds):
            """["ready spool", …] in the order in which they happened."""
            path = self.data / "events"
            lines = [line.split() for line in path.read_text().splitlines()] if path.exists() else []
            return [f"{w[0].split(':')[0]} {w[1]}" for w in lines if not kinds or w[0].split(":")[0] in kinds]

    s = Stage()
    s.bin.mkdir()
    s.hubs = []
    shutil.copy(program("reeve"), s.bin / "reeve")
    for name in ("reeve-worker", "reeve-spool", "reeve-door"):
        shutil.copy(HERE / "fake_child.py", s.bin / name)
        os.chmod(s.bin / name, 0o755)
    yield s
    for hub in s.hubs:
        hub.stop()


def test_starts_in_order_and_ends_in_the_opposite_order(stage):
    stage.plan(spool={"ready_takes": 0.3}, a_sink={"ready_takes": 0.3}, b_source={"ready_takes": 0.1})
    hub = stage.start()
    starts = stage.events("start", "ready")
    assert starts.index("ready spool") < starts.index("start a.deliver")
    assert starts.index("ready a.deliver") < starts.index("start b.receive")
    assert starts.index("ready b.receive") < starts.index("start door")
    hub.stop()
    assert hub.process.returncode == 0
    assert stage.events("end") == ["end door", "end b.receive", "end a.deliver", "end spool"]
    assert "hub-ended" in hub.log()


def test_status_tells_of_every_process(stage):
    stage.plan(spool={"figures": {"destinations": [{"name": "a", "ready": 3, "dead": 1}]}})
    stage.start()
    wait_for(lambda: "stats" in stage.process("spool"), 5)  # the status does not wait long for the figures of a process
    s = stage.status()
    assert [p["name"] for p in s["processes"]] == ["spool", "a.deliver", "b.receive", "door"]
    assert s["hub"] == "test" and s["state"] == "running" and s["alarms"] == []
    for p in s["processes"]:
        assert p["state"] == "ready" and p["restarts"] == 0 and p["rss_kb"] > 0 and p["status"] == "at work"
        os.kill(p["pid"], 0)
    assert s["processes"][0]["stats"]["destinations"][0]["ready"] == 3
    r = stage.command("status")
    assert r.returncode == 0 and "a.deliver" in r.stdout and "running" in r.stdout and "\033" not in r.stdout


def test_children_have_their_descriptors_and_no_others(stage):
    stage.plan()
    stage.start()
    for p in stage.status()["processes"]:
        names = {}
        for fd in os.listdir(f"/proc/{p['pid']}/fd"):
            try:
                names[int(fd)] = os.readlink(f"/proc/{p['pid']}/fd/{fd}")
            except FileNotFoundError:
                pass
        assert names.pop(0) == "/dev/null" and names.pop(1) == names.pop(2)
        assert names.pop(3).startswith("socket:")
        # the stand-in opens DATA/events now and then; nothing else may be there (4 was read and closed)
        assert all(n.endswith("/events") for n in names.values()), names
        assert os.getsid(p["pid"]) == p["pid"]


def test_the_part_is_sealed_and_only_the_own_one(stage):
    stage.plan(a_sink={"secret": "for a alone"})
    hub = stage.start()
    assert "for a alone" not in hub.log()
    assert "for a alone" not in json.dumps(stage.status())
    for p in stage.status()["processes"]:
        env = pathlib.Path(f"/proc/{p['pid']}/environ").read_bytes() + pathlib.Path(f"/proc/{p['pid']}/cmdline").read_bytes()
        assert b"for a alone" not in env


def test_a_killed_process_starts_again_after_a_while(stage):
    stage.plan()
    stage.start()
    before = stage.process("a.deliver")
    os.kill(before["pid"], signal.SIGKILL)
    after = wait_for(lambda: (p := stage.process("a.deliver"))["pid" if "pid" in p else "name"] != before["pid"] and
                     p["state"] == "ready" and p, 10, "a new process")
    assert after["restarts"] == 1 and "signal 9" in after["last_exit"]
    assert stage.process("door")["restarts"] == 0


def test_what_a_dead_process_had_started_goes_with_it(stage):
    stage.plan(b_source={"behave": "parent"})
    stage.start()
    grandchild = int((stage.data / "grandchild").read_text())
    os.kill(grandchild, 0)
    os.kill(stage.process("b.receive")["pid"], signal.SIGKILL)
    wait_for(lambda: run("ps", "-o", "stat=", "-p", grandchild).stdout.strip()[:1] in ("", "Z"), 10)


def test_bad_configuration_is_held_and_does_not_stop_the_others(stage):
    stage.plan(a_sink={"behave": "config"})
    hub = stage.start(ready=False)
    wait_for(lambda: (p := stage.process("a.deliver")) and p["state"] == "held", 10)
    wait_for(lambda: stage.process("door")["state"] == "ready", 10)
    r = stage.command("status")
    assert r.returncode == 1 and "option x is wrong" in r.stdout and "ALARM" in r.stdout
    time.sleep(1.5)
    assert stage.process("a.deliver")["restarts"] == 0
    stage.plan()
    assert stage.command("reload").returncode == 0
    assert stage.process("a.deliver")["state"] == "ready"
    assert "hub-ready" in hub.log()


def test_a_process_that_dies_before_ready_waits_longer_each_time(stage):
    stage.plan(a_sink={"behave": "die"})
    hub = stage.start(ready=False)
    wait_for(lambda: hub.log().count("process-died") >= 3, 15)
    s = stage.status()
    p = next(p for p in s["processes"] if p["name"] == "a.deliver")
    assert p["last_exit"] == "exit 3" and p["state"] in ("waiting", "starting")
    times = [line.split()[0] for line in hub.log().splitlines() if "process-started" in line and "a.deliver" in line]
    stamps = [time.mktime(time.strptime(t[:19], "%Y-%m-%dT%H:%M:%S")) + float("0." + t[20:23]) for t in times]
    gaps = [b - a for a, b in zip(stamps, stamps[1:])]
    assert gaps[0] > 0.9 and gaps[1] > 1.9  # at the least: a busy machine starts it later
    assert any(a["code"] == "process-failing" for a in s["alarms"]) or p["state"] == "starting"


def test_a_silent_process_is_ended_and_started_again(stage):
    stage.plan(a_sink={"behave": "mute"})
    hub = stage.start("--watchdog", "1s", ready=False)
    hub.wait_log("process-stuck", 10)
    hub.wait_log("a.deliver starts again", 10)
    assert "signal 6" in hub.log()


def test_a_process_that_breaks_the_protocol_is_ended(stage):
    stage.plan(a_sink={"behave": "babble"})
    hub = stage.start(ready=False)
    hub.wait_log("control-broken", 10)
    wait_for(lambda: stage.process("door")["state"] == "ready", 10)


def test_frames_of_another_generation_are_ignored(stage):
    stage.plan(a_sink={"behave": "gossip"})
    stage.start(ready=False)
    wait_for(lambda: (p := stage.process("a.deliver")) and p["state"] == "starting", 10)
    time.sleep(0.5)
    assert stage.process("a.deliver")["state"] == "starting"


def test_alarms_are_shown_and_escaped(stage):
    stage.plan(a_sink={"behave": "alarm"})
    hub = stage.start()
    wait_for(lambda: stage.status()["alarms"], 5)
    r = stage.command("status")
    assert r.returncode == 1 and "test-alarm" in r.stdout
    assert "\033" not in r.stdout and "\033" not in hub.log()
    assert stage.command("status", "--json").returncode == 1


def test_only_one_supervisor_a_data_directory(stage):
    stage.plan()
    hub = stage.start()
    second = Hub(stage.config, stage.bin, str(stage.bin / "reeve"))
    assert second.wait(10) == 1
    assert "already-running" in second.log() and f"pid {hub.pid}" in second.log()
    assert stage.status()["pid"] == hub.pid


@pytest.mark.parametrize("text", ["", "looking\n", "{gone}\n"])
def test_a_hub_waits_for_who_has_the_lock_and_is_no_hub(stage, text):
    """A command that looked at the queues and had not written into the lock yet kept it from starting."""
    stage.plan()
    hub = stage.start()
    gone = hub.pid
    hub.stop()
    with open(stage.data / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lock.write(text.format(gone=gone))
        lock.flush()
        second = Hub(stage.config, stage.bin, str(stage.bin / "reeve"))
        stage.hubs.append(second)
        time.sleep(0.3)
        assert second.running(), second.log()
    second.wait_ready()


def test_a_directory_of_others_is_not_taken_for_the_data_directory(stage):
    """`data: /var` closed /var/spool and /run to everybody else."""
    theirs = stage.data / "spool"
    theirs.mkdir(parents=True)
    theirs.chmod(0o755)
    stage.plan()
    hub = stage.start(ready=False)
    assert hub.wait(10) == 1
    assert "data-foreign" in hub.log() and "spool/" in hub.log()
    assert stat.S_IMODE(theirs.stat().st_mode) == 0o755 and [p.name for p in stage.data.iterdir()] == ["spool"]


def test_bad_configuration_at_the_start_exits_1(stage):
    stage.config.write_text("nonsense")
    hub = stage.start(ready=False)
    assert hub.wait(10) == 1
    assert "this is no plan" in hub.log()


def test_the_control_socket_is_private(stage):
    stage.plan()
    stage.start()
    mode = os.stat(stage.data / "run" / "control.sock").st_mode
    assert stat.S_ISSOCK(mode) and stat.S_IMODE(mode) == 0o600


def talk(stage, payload, seconds=5):
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(seconds * PATIENCE)
    s.connect(str(stage.data / "run" / "control.sock"))
    s.sendall(payload)
    return s, s.makefile("rb")


def test_control_commands_one_line_each(stage):
    stage.plan()
    hub = stage.start()
    s, f = talk(stage, b'{"command":"ping"}\n{"command":"frobnicate"}\n{"command"\n[]\n{"command":"status"}\n{"command":"ping"}\n')
    answers = [json.loads(f.readline()) for _ in range(6)]
    assert answers[0]["ok"] and answers[0]["pid"] == hub.pid
    assert [a["ok"] for a in answers] == [True, False, False, False, True, True]
    assert answers[1]["code"] == "command-unknown" and answers[2]["code"] == "json-syntax"
    assert len(answers[4]["processes"]) == 4
    s.close()


def test_control_survives_rubbish_and_slow_clients(stage):
    stage.plan()
    stage.start()
    idle = [talk(stage, b"")[0] for _ in range(20)]
    with contextlib.suppress(ConnectionError):  # it may be hung up on while it still sends
        s, f = talk(stage, b"x" * 100000)
        assert f.read() == b""
    assert stage.status()["state"] == "running"
    for c in idle:
        c.close()


def test_pause_and_resume_reach_the_worker_and_outlive_it(stage):
    stage.plan(a_sink={"pause_takes": 0.5})
    stage.start()
    assert stage.command("pause", "a").returncode == 0
    assert stage.events("pause") == ["pause a.deliver"], "it answers when it is done"
    wait_for(lambda: stage.process("a.deliver").get("stats", {}).get("paused"), 5)
    assert stage.process("a.deliver")["paused"]
    os.kill(stage.process("a.deliver")["pid"], signal.SIGKILL)
    wait_for(lambda: stage.events("pause").count("pause a.deliver") == 2, 10)
    r = stage.command("resume", "a")
    assert (r.returncode, r.stderr) == (0, "") and stage.events("resume") == ["resume a.deliver"]
    assert "paused" not in stage.process("a.deliver")
    r = stage.command("pause", "nowhere")
    assert r.returncode == 1 and "nowhere" in r.stderr


def test_a_worker_that_does_not_say_that_it_pauses_is_told_of(stage):
    stage.plan(a_sink={"behave": "no-answer"})
    stage.start()
    r = stage.command("pause", "a")
    assert r.returncode == 0 and r.stderr == "reeve pause: a: its process does not answer; it does so when it goes on\n"
    assert stage.process("a.deliver")["paused"]
    os.kill(stage.process("a.deliver")["pid"], signal.SIGKILL)
    wait_for(lambda: stage.events("pause").count("pause a.deliver") == 2, 10)


def test_reload_restarts_what_changed_and_nothing_else(stage):
    stage.plan()
    stage.start()
    before = {p["name"]: p["pid"] for p in stage.status()["processes"]}
    stage.plan(a_sink={"x": 1}, b_source=None, c_source={})
    r = stage.command("reload")
    assert r.returncode == 0, r.stderr
    assert r.stdout.splitlines() == ["changed: a.deliver", "new: c.receive", "removed: b.receive", "unchanged: 2"]
    after = {p["name"]: p["pid"] for p in stage.status()["processes"]}
    assert set(after) == {"spool", "a.deliver", "c.receive", "door"}
    assert after["spool"] == before["spool"] and after["door"] == before["door"] and after["a.deliver"] != before["a.deliver"]
    ends = stage.events("end", "start")
    assert ends.index("end b.receive") < ends.index("end a.deliver")


def test_reload_of_everything_ends_and_starts_in_order(stage):
    stage.plan()
    stage.start()
    (stage.data / "events").unlink()
    stage.plan(spool={"x": 1}, a_sink={"x": 1}, b_source={"x": 1}, door={"x": 1})
    assert stage.command("reload").returncode == 0
    assert stage.events("end", "start") == ["end door", "end b.receive", "end a.deliver", "end spool",
                                            "start spool", "start a.deliver", "start b.receive", "start door"]


def test_a_failed_reload_changes_nothing_and_says_why(stage):
    stage.plan()
    stage.start()
    before = [(p["name"], p["pid"]) for p in stage.status()["processes"]]
    stage.config.write_text("rubbish")
    r = stage.command("reload")
    assert r.returncode == 1 and "this is no plan" in r.stderr and "[compile]" in r.stderr
    s = stage.status()
    assert [(p["name"], p["pid"]) for p in s["processes"]] == before
    assert [a["code"] for a in s["alarms"]] == ["compile"]
    stage.plan()
    assert stage.command("reload").returncode == 0
    assert stage.status()["alarms"] == []


def test_reload_refuses_another_data_directory(stage):
    stage.plan()
    stage.start()
    stage.plan(data=stage.data.parent / "elsewhere")
    r = stage.command("reload")
    assert r.returncode == 1 and "reload-data" in r.stderr


def test_reload_refuses_to_remove_a_destination_with_messages(stage):
    figures = {"destinations": [{"name": "a", "ready": 2, "delayed": 1, "inflight": 0, "configured": True}]}
    stage.plan(spool={"figures": figures})
    stage.start()
    stage.plan(spool={"figures": figures}, a_sink=None, z_sink={}, destinations=["z"])
    r = stage.command("reload")
    assert r.returncode == 1 and "3 messages waiting" in r.stderr
    assert stage.process("a.deliver")["state"] == "ready"


def test_reload_says_when_the_new_process_does_not_get_ready(stage):
    stage.plan()
    stage.start()
    stage.plan(a_sink={"behave": "config"})
    r = stage.command("reload")
    assert r.returncode == 1 and "reload-not-ready" in r.stderr and "option x is wrong" in r.stderr


def test_two_reloads_at_once(stage):
    stage.plan()
    stage.start()
    s, f = talk(stage, b'{"command":"reload"}\n')
    s2, f2 = talk(stage, b'{"command":"reload"}\n')
    answers = [json.loads(f.readline()), json.loads(f2.readline())]
    assert sorted(a["ok"] for a in answers) in ([False, True], [True, True])
    for a in answers:
        assert a["ok"] or a["code"] == "reload-busy"
    s.close()
    s2.close()


def test_sighup_reloads(stage):
    stage.plan()
    hub = stage.start()
    stage.plan(a_sink={"x": 2})
    hub.process.send_signal(signal.SIGHUP)
    hub.wait_log("reloaded", 10)
    assert stage.process("a.deliver")["restarts"] == 1


def test_drain_is_limited_and_a_second_signal_ends_at_once(stage):
    stage.plan(b_source={"behave": "deaf"})
    hub = stage.start("--drain", "60s")
    hub.process.send_signal(signal.SIGTERM)
    wait_for(lambda: "drain b.receive" in stage.events("drain"), 10)
    hub.process.send_signal(signal.SIGTERM)
    assert hub.wait(5) == 0
    stage.plan(b_source={"behave": "deaf"})
    hub = stage.start("--drain", "1s")
    hub.process.send_signal(signal.SIGINT)
    assert hub.wait(8) == 0
    assert "process-killed" in hub.log()


def test_no_child_outlives_the_supervisor(stage):
    stage.plan()
    hub = stage.start()
    pids = [p["pid"] for p in stage.status()["processes"]]
    hub.process.kill()
    hub.wait()
    wait_for(lambda: len(stage.events("orphan")) == 4, 10)
    wait_for(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in pids), 10)
    assert stage.command("status").returncode in (1, 3)
    stage.start()  # the lock and the socket of the dead one are no obstacle


def test_a_configuration_that_hangs_does_not_hold_up_the_end(stage):
    stage.plan()
    hub = stage.start()
    stage.config.write_text("slow")
    s, f = talk(stage, b'{"command":"reload"}\n', 15)
    wait_for(lambda: stage.status()["state"] == "reloading", 5)
    hub.process.send_signal(signal.SIGTERM)
    assert not json.loads(f.readline())["ok"]
    assert hub.wait(10) == 0
    s.close()


def test_logs_are_one_line_a_record(stage):
    stage.plan()
    hub = stage.start()
    hub.stop()
    pattern = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (error|warning|info|debug) supervisor [a-z-]+: .+$")
    assert all(pattern.match(line) for line in hub.log().splitlines()), hub.log()


def test_the_supervisor_links_no_foreign_parser():
    out = run("ldd", program("reeve")).stdout
    for name in ("libxml2", "libcurl", "librabbitmq", "json-c", "yaml", "sqlite"):
        assert name not in out


def test_help_version_and_did_you_mean():
    exe = program("reeve")
    assert run(exe, "--version").stdout.startswith("reeve ")
    r = run(exe, "--help")
    assert r.returncode == 0 and "trace" in r.stdout and "compile" not in r.stdout
    for name in ("run", "status", "reload", "pause", "resume"):
        r = run(exe, name, "--help")
        assert r.returncode == 0 and f"reeve {name}" in r.stdout
    r = run(exe, "statsu")
    assert r.returncode == 64 and 'did you mean "status"' in r.stderr
    r = run(exe)
    assert r.returncode == 64
    r = run("bash", "-c", f'source <({exe} completion bash); COMP_WORDS=(reeve sta); COMP_CWORD=1; _reeve; echo "${{COMPREPLY[@]}}"')
    assert r.stdout.strip() == "status"


class Manager:
    """The socket of a service manager (sd_notify)."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(path))
        self.socket.settimeout(20 * PATIENCE)
        self.told = []

    def next_with(self, what):
        """The next datagram that has this line; others are kept in told."""
        while True:
            lines = self.socket.recv(4096).decode().splitlines()
            self.told.append(lines)
            if what in lines:
                return lines


def test_the_service_manager_is_told(stage, tmp_path, monkeypatch):
    manager = Manager(tmp_path / "notify")
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    monkeypatch.setenv("WATCHDOG_USEC", "1000000")
    stage.plan()
    hub = stage.start(ready=False)
    lines = manager.next_with("READY=1")
    assert "STATUS=test: 4 of 4 processes ready" in lines
    hub.wait_ready()  # it was, or is at once
    for p in stage.status()["processes"]:
        assert b"NOTIFY_SOCKET" not in pathlib.Path(f"/proc/{p['pid']}/environ").read_bytes()
    manager.next_with("WATCHDOG=1")
    stage.plan(c_sink={})
    hub.process.send_signal(signal.SIGHUP)
    lines = manager.next_with("RELOADING=1")
    told = next(int(line.split("=")[1]) for line in lines if line.startswith("MONOTONIC_USEC="))
    assert 0 <= time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000 - told < 60_000_000
    assert "STATUS=test: 5 of 5 processes ready" in manager.next_with("READY=1")
    stage.config.write_text("{")
    assert stage.command("reload").returncode == 1
    assert any("the last reload failed" in line for line in manager.next_with("READY=1"))
    assert hub.stop() == 0
    manager.next_with("STOPPING=1")


def test_a_process_that_cannot_start_does_not_keep_the_service_from_being_ready(stage, tmp_path, monkeypatch):
    manager = Manager(tmp_path / "notify")
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    stage.plan(a_sink={"behave": "die"})
    stage.start(ready=False)
    manager.next_with("READY=1")
    assert stage.process("a.deliver")["state"] != "ready"
