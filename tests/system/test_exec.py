# SPDX-License-Identifier: Apache-2.0
"""Plugin exec: programs in other languages as connectors and steps; good ones, and all the ways in which one can fail."""
import contextlib
import json
import os
import pathlib
import random
import shutil
import signal
import sqlite3
import time

import pytest
from conftest import ROOT, module, program, put, run, wait_for
from hub import COUNCIL, EVENTS, alive, event, events_to

EXAMPLES = ROOT / "plugins/exec/examples"
VERDICT_MS = 5000  # of a program in which one hangs: a busy machine must not be too slow for those that do not
PRELUDE = """#!/usr/bin/python3
import json, os, sys, time
def say(**what):
    print(json.dumps(what), flush=True)
hello = json.loads(sys.stdin.readline())
say(reeve=1, name="tested")
"""
# whatever a program is for, these are ways in which it fails
FAILS = """
def fails(mood):
    if mood == "crash":
        os.kill(os.getpid(), 11)
    elif mood == "exit":
        sys.exit(3)
    elif mood == "hang":
        time.sleep(3600)
    elif mood == "garbage":
        print("I am no JSON", flush=True)
    elif mood == "flood":
        while True:
            sys.stdout.write("x" * 65536)
    else:
        return False
    return True
"""
FAIL_REASONS = {"crash": "ended by signal 11, SIGSEGV", "exit": "ended with exit code 3", "hang": f"no verdict within {VERDICT_MS} ms",
                "half": "ended with exit code 0, in the middle of a line", "garbage": "a line that is no JSON object",
                "flood": "a line of more than"}
FAITHFUL = PRELUDE + """
for line in sys.stdin:
    asked = json.loads(line)
    with open(hello["settings"]["file"], "a") as f:
        f.write(line)
    say(seq=asked["seq"], verdict="ok")
"""
# what it does is in the message; every other message it stores
MOODY = PRELUDE + FAILS + """
for line in sys.stdin:
    asked = json.loads(line)
    mood, seq = asked["event"]["data"].get("mood"), asked["seq"]
    if fails(mood):
        continue
    if mood == "half":
        sys.stdout.write('{"seq":')
        sys.stdout.flush()
        sys.exit(0)
    elif mood == "stream":
        while True:
            say(seq=seq + 1000, verdict="ok")
    elif mood == "close":
        os.close(1)
        time.sleep(3600)
    elif mood == "twice":
        say(seq=seq, verdict="ok")
        say(seq=seq, verdict="ok")
    elif mood == "complain":
        while True:
            sys.stderr.write("no " * 100 + "\\n")
    elif mood == "reject":
        say(seq=seq, verdict="reject", code="moody", text="not today")
    else:
        with open(hello["settings"]["file"], "a") as f:
            f.write(line)
        say(seq=seq, verdict="ok")
"""
REASONS = {**FAIL_REASONS, "stream": "which it does not have", "close": "closed its standard output",
           "complain": f"no verdict within {VERDICT_MS} ms", "reject": "moody: not today"}


@pytest.fixture
def script(tmp_path):
    """script(text, name): the path of a program."""
    def write(text, name="program"):
        module("plugins/exec")
        put(tmp_path / name, text, 0o755)
        return str(tmp_path / name)
    return write


def programs(pid):
    """Processes that were started by any thread of this one."""
    found = []
    with contextlib.suppress(OSError):  # it, or one of its threads, ends meanwhile
        for thread in pathlib.Path(f"/proc/{pid}/task").iterdir():
            found += map(int, (thread / "children").read_text().split())
    return found


def push(h, *events, path="/events", **headers):
    return h.push(list(events), path, {"Content-Type": EVENTS, **headers})


def stored(path):
    """The lines that are whole: one may just be written."""
    return [json.loads(line) for line in path.read_bytes().split(b"\n")[:-1]] if path.exists() else []


def ids(path):
    return sorted({a["event"]["id"] for a in stored(path)})


def dead(h, id_):
    return next((r for r in h.trace(id_) or [] if r["event"] == "dead"), None)


# ---- the examples

def test_the_register_in_python_stores_each_event_once_and_refuses_what_has_no_subject(hub, tmp_path):
    module("plugins/exec")
    db = tmp_path / "register.db"
    h = hub(events_to({"plugin": "exec", "program": str(EXAMPLES / "register.py"), "settings": {"file": str(db)}}))
    assert push(h, *[event(n, subject=f"s{n}") for n in range(1, 6)], event(6))[0] == 202
    last = wait_for(lambda: dead(h, "e6"), 20, h.log)
    assert last["code"] == "rejected" and "no-subject: the register keeps nothing" in last["text"], last
    rows = wait_for(lambda: len(r := sqlite3.connect(db).execute("SELECT id, subject, body FROM event ORDER BY id").fetchall()) == 5 and r, 20)
    assert rows[0] == ("e1", "s1", '{"number": 1}')


def test_the_archive_in_shell_takes_every_event(hub, tmp_path):
    module("plugins/exec")
    h = hub(events_to({"plugin": "exec", "program": str(EXAMPLES / "archive.sh"), "arguments": ["archive.jsonl"], "directory": str(tmp_path)}))
    assert push(h, *[event(n, body={"text": "ä \\n \"q\" %s $(x)\n"}) for n in range(20)])[0] == 202
    wait_for(lambda: len(ids(tmp_path / "archive.jsonl")) == 20, 20, h.log)
    first = stored(tmp_path / "archive.jsonl")[0]
    assert first["event"]["data"] == {"text": "ä \\n \"q\" %s $(x)\n"} and first["attempt"] == 1


@pytest.fixture
def stepped(hub):
    """stepped(step, side): a hub whose events pass that step and end as files in out/."""
    def start(step, side="receive"):
        module("plugins/exec")
        sides = {"receive": {"plugin": "http", "path": "/events", "speaks": "cloudevents", "partial": True},
                 "deliver": {"plugin": "file", "directory": "out", "speaks": "cloudevents"}}
        sides[side]["steps"] = [{"step": "exec", **step}]
        return hub({"parties": dict(COUNCIL),
                    "connectors": {"sender": {"party": "dcms", "receive": sides["receive"]}, "receiver": {"party": "council", "deliver": sides["deliver"]}},
                    "routes": {"all": {"when": "true", "to": "receiver"}}})
    return start


def came(h, n):
    wait_for(lambda: len(h.files("out")) >= n, 20, lambda: f"{n} files:\n" + h.log()[-2000:])
    return {m["id"]: m for m in (json.loads(p.read_text()) for p in h.files("out"))}


@pytest.mark.parametrize("side", ["receive", "deliver"])
def test_the_step_in_python_changes_drops_and_refuses(stepped, side):
    h = stepped({"program": str(EXAMPLES / "band.py"), "settings": {"least": "10"}}, side)
    events = [event(1, amount="100000.00"), event(2, amount="12.10"), event(3, amount="9.99"), event(4)]
    status, answer = push(h, *events, Prefer="handling=lenient")
    assert status == 202
    if side == "receive":
        assert (answer["accepted"], answer["dropped"], answer["refused"]) == (2, 1, 1), answer
        assert "no-amount: there is no amount" in json.dumps(answer) and "less than 10" in json.dumps(answer)
    else:
        assert "no-amount" in wait_for(lambda: dead(h, "e4"), 20, h.log)["text"]
    assert {k: (m["category"], m["amount"]) for k, m in came(h, 2).items()} == {"e1": ("large", "100000.00"), "e2": ("small", "12.10")}


def test_the_step_in_javascript(stepped):
    if not shutil.which("node", path="/usr/local/bin:/usr/bin:/bin"):
        pytest.skip("node is not installed")
    h = stepped({"program": str(EXAMPLES / "initials.js"), "timeout": "5m"})
    assert push(h, event(1, body={"name": "Äda Lovelace"}), event(2, body={"name": "B"}))[0] == 202
    assert {k: m["data"]["name"] for k, m in came(h, 2).items()} == {"e1": "ÄL", "e2": "B"}


# ---- programs that fail

def test_what_a_program_fails_with_becomes_a_dead_letter_with_the_reason_and_all_else_flows(hub, script, tmp_path):
    config = events_to({"plugin": "exec", "program": script(MOODY), "settings": {"file": str(tmp_path / "got")}, "timeout": f"{VERDICT_MS}ms",
                        "retry": {"for": "1s"}}, limits={"message": "64k"})
    config["connectors"]["other"] = {"party": "council", "deliver": {"plugin": "file", "directory": "out"}}
    config["routes"]["all"]["to"] = ["friend", "other"]
    h = hub(config)
    moods = list(REASONS)
    events = [event(n, body={"number": n}) for n in range(30)] + [event(f"-{m}", body={"mood": m}) for m in moods]
    events = [e for pair in zip(events[:len(moods)], events[30:]) for e in pair] + events[len(moods):30]
    assert push(h, *events)[0] == 202
    came(h, len(events))  # the other destination does not wait
    wait_for(lambda: len(ids(tmp_path / "got")) == 30, 40, h.log)
    for mood in moods:
        last = wait_for(lambda: dead(h, f"e-{mood}"), 60, lambda: f"{mood} as a dead letter:\n" + h.log()[-3000:])
        assert REASONS[mood] in last["text"], (mood, last)
        assert last["code"] == ("rejected" if mood == "reject" else "tries-exhausted")
    assert ids(tmp_path / "got") == sorted(f"e{n}" for n in range(30))  # nothing else was ever taken
    log = h.log()
    assert log.count("exec: no no no") < 2000 and "more lines of its standard error are left out" in log
    # those that were only beside it were not charged (but for one that a busy machine was too slow for)
    charged = [r for n in range(30) for r in h.trace(f"e{n}") if r["event"] in ("attempt", "dead") and r["destination"] == "friend"]
    assert not [r for r in charged if "no verdict within" not in r["text"]]


def test_a_verdict_that_comes_twice_ends_the_program_and_charges_no_message(hub, script, tmp_path):
    h = hub(events_to({"plugin": "exec", "program": script(MOODY), "settings": {"file": str(tmp_path / "got")}}))
    assert push(h, event("-twice", body={"mood": "twice"}))[0] == 202
    assert push(h, event(1))[0] == 202
    wait_for(lambda: ids(tmp_path / "got") == ["e1"], 20, h.log)
    delivered = wait_for(lambda: [r for r in h.trace("e-twice") if r["event"] == "delivered"], 20, h.log)
    assert len(delivered) == 1 and not [r for r in h.trace("e-twice") if r["event"] == "attempt"]


@pytest.mark.parametrize("text,reason", [
    ("#!/bin/sh\nexit 4\n", "it ended with exit code 4"),
    ("#!/bin/sh\necho '{\"reeve\":2}'; sleep 60\n", "speaks version 2 of the protocol; this hub speaks version 1"),
    ("#!/bin/sh\necho hello; sleep 60\n", "a line that is no JSON object"),
    ("#!/bin/sh\necho '{\"name\":\"x\"}'; sleep 60\n", "its first line is no hello"),
    ("#!/bin/sh\nexec sleep 60\n", "did not say hello within"),
    ("#!/no/such/interpreter\n", "cannot be started: No such file"),
    ("\x7fELF no program\n", "cannot be started: Exec format error"),
])
def test_a_program_that_cannot_be_used_is_told_with_the_reason(script, text, reason):
    r = run(program("reeve-worker"), "plugin", "try", "exec", "-o", f"program={script(text)}", "-o", f"timeout={'1s' if 'exec sleep' in text else '30s'}", "--check")
    assert r.returncode != 0 and reason in r.stdout + r.stderr, r.stdout + r.stderr


@pytest.mark.parametrize("name,mode,reason", [("absent", None, "No such file"), ("plain", 0o644, "cannot be executed"), ("folder", 0o755, "not a file")])
def test_check_and_the_plugin_say_what_is_no_program(tmp_path, name, mode, reason):
    module("plugins/exec")
    path = tmp_path / name
    if name == "folder":
        path.mkdir()
    elif mode:
        put(path, "#!/bin/sh\n", mode)
    put(tmp_path / "reeve.yaml", json.dumps({"hub": "exampleshire", "data": "var", "unrouted": {"drop": "x"}, "door": {"listen": "127.0.0.1:8480"},
                                             **events_to({"plugin": "exec", "program": name})}))
    r = run(program("reeve"), "check", "-c", tmp_path / "reeve.yaml")
    assert r.returncode == 1 and f"`program`: `{name}`: " in r.stdout and reason in r.stdout, r.stdout + r.stderr
    r = run(program("reeve-worker"), "plugin", "try", "exec", "-o", f"program={path}", "--check")
    assert r.returncode != 0 and ("Permission denied" if name == "plain" else reason) in r.stdout + r.stderr


def test_a_program_that_is_not_there_yet_makes_the_destination_rest_and_charges_nothing(hub, script, tmp_path):
    ready = tmp_path / "ready"
    text = f"#!/bin/sh\n[ -e {ready} ] || exit 9\nexec {script(FAITHFUL, 'faithful')}\n"
    h = hub(events_to({"plugin": "exec", "program": script(text), "settings": {"file": str(tmp_path / "got")}}))
    assert push(h, event(1))[0] == 202
    wait_for(lambda: [r for r in h.trace("e1") or [] if r["event"] == "down" and "exit code 9" in r["text"]], 20, h.log)
    ready.touch()
    wait_for(lambda: ids(tmp_path / "got") == ["e1"], 40, h.log)
    assert stored(tmp_path / "got")[0]["attempt"] == 1


def test_a_step_that_fails_asks_the_sender_to_come_again(stepped, script, tmp_path):
    text = PRELUDE + f"""
for line in sys.stdin:
    asked = json.loads(line)
    if not os.path.exists({str(tmp_path / 'mended')!r}):
        os.kill(os.getpid(), 9)
    say(seq=asked["seq"], verdict="ok", emit=[asked["event"]])
"""
    h = stepped({"program": script(text)})
    status, answer = push(h, event(1))
    assert status == 503 and "ended by signal 9" in h.log(), (status, answer)
    (tmp_path / "mended").touch()
    assert h.push_until_taken([event(1)], path="/events", headers={"Content-Type": EVENTS})[0] == 202
    assert list(came(h, 1)) == ["e1"]


@pytest.mark.parametrize("answer,reason", [
    ('emit=[{**e, "id": "mine"}]', "/emit/0 with another id, which is the hub's"),
    ('emit=[e, {**e, "source": "//mine"}]', "/emit/1 with another source"),
    ('emit=[e, 5]', "/emit/1, which is no event"),
    ('emit=[{k: v for k, v in e.items() if k != "type"}]', "/emit/0, which is no event"),
    ('emit=[{**e, "Bad-Name": "x"}]', "/emit/0, which is no event"),
])
def test_what_a_step_makes_is_judged_and_refused_with_its_place(stepped, script, answer, reason):
    text = PRELUDE + f"""
for line in sys.stdin:
    asked = json.loads(line)
    e = asked["event"]
    say(seq=asked["seq"], verdict="ok", {answer})
"""
    h = stepped({"program": script(text)})
    status, answer = push(h, event(1))
    assert status == 422 and reason in json.dumps(answer), answer
    assert not h.files("out")


def test_a_step_makes_several_of_one(stepped, script):
    text = PRELUDE + """
for line in sys.stdin:
    asked = json.loads(line)
    e = asked["event"]
    say(seq=asked["seq"], verdict="ok", emit=[{**e, "data": part} for part in e["data"]["parts"]])
"""
    h = stepped({"program": script(text)})
    assert push(h, event(1, body={"parts": [{"a": 1}, {"a": "ä"}]}))[0] == 202
    assert {k: m["data"]["a"] for k, m in came(h, 2).items()} == {"e1": 1, "e1-2": "ä"}


# ---- the process

def test_the_program_dies_with_its_worker_and_another_goes_on(hub, script, tmp_path):
    text = PRELUDE + f"""
with open({str(tmp_path / 'pids')!r}, "a") as f:
    f.write(f"{{os.getpid()}}\\n")
for line in sys.stdin:
    asked = json.loads(line)
    if asked["event"]["data"]["number"] == 2 and not os.path.exists({str(tmp_path / 'go')!r}):
        open({str(tmp_path / 'hangs')!r}, "w").close()
        time.sleep(3600)  # it has one in hand, and does not look at its input
    with open(hello["settings"]["file"], "a") as f:
        f.write(line)
    say(seq=asked["seq"], verdict="ok")
"""
    pids = tmp_path / "pids"
    h = hub(events_to({"plugin": "exec", "program": script(text), "settings": {"file": str(tmp_path / "got")}}))
    assert push(h, event(1))[0] == 202
    wait_for(lambda: ids(tmp_path / "got") == ["e1"], 20, h.log)
    assert push(h, event(2))[0] == 202
    first = int(pids.read_text().split()[0])
    wait_for((tmp_path / "hangs").exists, 20, h.log)
    (tmp_path / "go").touch()
    h.kill_process("friend.deliver")
    wait_for(lambda: not alive(first), 20, "the end of the program")
    wait_for(lambda: ids(tmp_path / "got") == ["e1", "e2"], 40, h.log)


def test_whatever_is_killed_the_register_has_every_event_once(hub, tmp_path):
    seed = int(os.environ.get("REEVE_SEED", time.time_ns() % 10**6))
    print(f"REEVE_SEED={seed}")
    module("plugins/exec")
    chance, db = random.Random(seed), tmp_path / "register.db"
    h = hub(events_to({"plugin": "exec", "program": str(EXAMPLES / "register.py"), "settings": {"file": str(db)}}))
    count = lambda: sqlite3.connect(db).execute("SELECT count(*) FROM event").fetchone()[0] if db.exists() and db.stat().st_size else 0
    n = 0
    for victim in ["program", "friend.deliver", "program", "spool"]:
        assert h.push_until_taken([event(i, subject=f"s{i}") for i in range(n, n + 200)], path="/events", headers={"Content-Type": EVENTS})[0] == 202
        n += 200
        wait_for(lambda: count() > n - 200 + chance.randrange(150), 60, h.log)
        pid = h.pid_of("friend.deliver" if victim == "program" else victim)
        for p in programs(pid) if victim == "program" else [pid]:
            os.kill(p, signal.SIGKILL)
    wait_for(lambda: count() == n, 60, lambda: f"{count()} of {n}\n" + h.log()[-3000:])
    delivered = lambda: {i for _, i in h.journal("friend.deliver", "delivered")}  # one may have two rows: it was in hand at a kill
    wait_for(lambda: len(delivered()) >= n, 60, h.log)
    assert delivered() == {f"e{i}" for i in range(n)}
    assert not h.journal("friend.deliver", "dead")


def test_the_program_hears_of_the_end_and_may_finish(hub, script, tmp_path):
    text = FAITHFUL + f"open({str(tmp_path / 'bye')!r}, 'w').close()\n"
    h = hub(events_to({"plugin": "exec", "program": script(text), "settings": {"file": str(tmp_path / "got")}}))
    assert push(h, event(1))[0] == 202
    wait_for(lambda: ids(tmp_path / "got") == ["e1"], 20, h.log)
    assert h.stop() == 0
    assert (tmp_path / "bye").exists()


def test_a_program_gets_nothing_of_the_hubs(script, tmp_path):
    text = PRELUDE + f"""
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
with open({str(tmp_path / 'seen')!r}, "w") as f:
    json.dump({{"environment": dict(os.environ), "open": sorted(os.listdir("/proc/self/fd")), "arguments": sys.argv[1:], "cwd": os.getcwd(),
               "ignored": int(status["SigIgn"], 16), "blocked": int(status["SigBlk"], 16), "hello": hello, "session": os.getsid(0) == os.getpid()}}, f)
"""
    path, folder = script(text), tmp_path / "folder"
    folder.mkdir()
    r = run(program("reeve-worker"), "plugin", "try", "exec", "-o", f"program={path}", "-o", "arguments=a b", "-o", "arguments=$HOME", "-o", f"directory={folder}",
            "-o", "environment=KEY=v=1", "-o", "settings=quoted=\"\\ä\x01", "--check", env={"SECRET_OF_THE_HUB": "x"})
    assert r.returncode == 0, r.stdout + r.stderr
    wait_for(lambda: (tmp_path / "seen").exists() and (tmp_path / "seen").read_text(), 10)
    seen = json.loads((tmp_path / "seen").read_text())
    environment = {k: v for k, v in seen["environment"].items() if k not in ("LC_CTYPE", "PWD", "SHLVL", "_")}
    assert environment == {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", "KEY": "v=1"}
    assert seen["open"][:3] == ["0", "1", "2"] and len(seen["open"]) <= 5  # and those of its own look
    assert seen["arguments"] == ["a b", "$HOME"] and seen["cwd"] == str(folder) and seen["session"]
    assert seen["blocked"] == 0 and not seen["ignored"] & (1 << 14 | 1 << 16)  # Python itself ignores SIGPIPE and SIGXFSZ
    assert seen["hello"] == {"reeve": 1, "kind": "check", "limit": 16777216, "settings": {"quoted": "\"\\ä\x01"}}


def test_a_document_of_another_standard_is_the_events_data(hub, script, tmp_path):
    h = hub(events_to({"plugin": "exec", "program": script(FAITHFUL), "settings": {"file": str(tmp_path / "got")}, "speaks": {"cloudevents": {"mode": "binary"}}}))
    binary = {k: v for k, v in event(2, datacontenttype="image/x").items() if k != "data"}
    assert push(h, event(1), {**binary, "data_base64": "AAH/"})[0] == 202
    wait_for(lambda: ids(tmp_path / "got") == ["e1", "e2"], 20, h.log)
    got = {a["event"]["id"]: a["event"] for a in stored(tmp_path / "got")}
    assert got["e1"]["data"] == {"number": 1} and got["e2"]["data_base64"] == "AAH/" and got["e2"]["datacontenttype"] == "image/x"


def test_large_messages_pass_both_ways(stepped, script):
    text = PRELUDE + """
for line in sys.stdin:
    asked = json.loads(line)
    say(seq=asked["seq"], verdict="ok", emit=[asked["event"]])
"""
    h = stepped({"program": script(text), "timeout": "5m"})
    body = {"text": "ä" * 500_000}  # six bytes each on the way back
    status, answer = push(h, event(1, body=body))
    assert status == 202, answer
    assert came(h, 1)["e1"]["data"] == body


# ---- programs that receive

def from_program(path, file=None, **more):
    """What a program says goes to a folder of files."""
    return {"parties": dict(COUNCIL),
            "connectors": {"sender": {"party": "dcms", "receive": {"plugin": "exec", "program": path, "speaks": "cloudevents",
                                                                   **({"settings": {"file": str(file)}} if file else {}), **more}},
                           "receiver": {"party": "council", "deliver": {"plugin": "file", "directory": "out"}}},
            "routes": {"all": {"when": "true", "to": "receiver"}}}


def add_lines(path, *events):
    with open(path, "ab") as f:
        for e in events:
            f.write(json.dumps(e).encode() + b"\n")


def test_the_outbox_loses_nothing_and_brings_nothing_twice_whatever_is_killed(hub, tmp_path):
    seed = int(os.environ.get("REEVE_SEED", time.time_ns() % 10**6))
    print(f"REEVE_SEED={seed}")
    module("plugins/exec")
    chance = random.Random(seed)
    box, out = tmp_path / "outbox", tmp_path / "out"
    h = hub(from_program(str(EXAMPLES / "outbox.py"), box))
    n = 0
    for victim in ["sender.receive", "spool", "program", "sender.receive", "program"]:
        add_lines(box, *[event(i) for i in range(n, n + 150)])
        n += 150
        wait_for(lambda: len(h.files("out")) > n - 150 + chance.randrange(100), 30, h.log)
        pid = h.pid_of("sender.receive" if victim == "program" else victim)
        below = programs(pid)
        assert victim == "spool" or len(below) == 1
        os.kill(below[0] if victim == "program" else pid, signal.SIGKILL)
        wait_for(lambda: not any(alive(p) for p in below), 20, "the end of the program")
    with open(box, "ab") as f:
        f.write(b"no JSON\n" + json.dumps(event("-half")).encode()[:20])
    wait_for(lambda: len(h.files("out")) >= n, 60, h.log)
    with open(box, "ab") as f:
        f.write(json.dumps(event("-half")).encode()[20:] + b"\n")
    wait_for(lambda: len(h.files("out")) >= n + 1, 30, h.log)
    got = [json.loads(p.read_text())["id"] for p in h.files("out")]
    assert sorted(got) == sorted([f"e{i}" for i in range(n)] + ["e-half"])
    accepted = lambda: [i for _, i in h.journal("sender.receive", "accepted")]
    wait_for(lambda: len(set(accepted())) >= n + 1, 30, h.log)
    assert len(set(accepted())) == n + 1
    # the journal is written before the state: a kill in between gives what was in hand a second row, with the same id
    assert len(accepted()) <= n + 1 + 2 * 150
    # and what stands behind the position is all that is said by the next one
    h.stop()
    before = len(accepted())
    h = hub(from_program(str(EXAMPLES / "outbox.py"), box))
    add_lines(box, event("-last"))
    wait_for(lambda: len(h.files("out")) >= n + 2, 30, h.log)
    wait_for(lambda: len(accepted()) > before, 30, h.log)
    assert accepted()[before:] == ["e-last"]


def test_a_program_hears_what_became_of_each_event(hub, script, tmp_path):
    answers = tmp_path / "answers"
    text = PRELUDE + f"""
def tell(seq, event):
    say(seq=seq, event=event)
    with open({str(answers)!r}, "a") as f:
        f.write(sys.stdin.readline())
e = {event(1)!r}
tell(1, e)
tell(2, {{k: v for k, v in e.items() if k != "type"}})
tell(3, {{**e, "id": "e3", "type": "no.such.type"}})
tell(4, e)
tell(5, {{**e, "data": "other"}})
time.sleep(3600)
"""
    h = hub(from_program(script(text)))
    got = wait_for(lambda: len(a := stored(answers)) == 5 and a, 30, h.log)
    assert [(a["seq"], a["verdict"]) for a in got] == [(1, "ok"), (2, "reject"), (3, "reject"), (4, "ok"), (5, "reject")]
    assert "type" in got[1]["text"] and "list of message types" in got[2]["text"] and "id names one message" in got[4]["text"]
    assert "an event was not taken" in h.log()
    wait_for(lambda: h.files("out"), 20, h.log)
    assert len(h.files("out")) == 1


SAID_IN_PIECES = PRELUDE + """
import random
at = hello.get("position", {}).get("behind", 0)
with open(hello["settings"]["file"], "a") as f:
    f.write(f"{at}\\n")
for n in range(at, 300):
    say(event={"specversion": "1.0", "id": f"e{n}", "source": "https://sender.example/system", "type": "funding.report", "data": {"n": n}}, position={"behind": n + 1})
    if n == at + 99 and n < 299:
        FAIL
sys.stdin.read()
"""


@pytest.mark.parametrize("fail,reason", [
    ("print('nonsense', flush=True)", "a line that is no JSON object"),
    ("say(position=5)", "a line without event"),
    ("say(event={}, position=5, seq='x')", "member seq is not"),
    ("os.kill(os.getpid(), 9)", "ended by signal 9"),
    ("sys.stdout.write('{'); sys.exit(0)", "ended with exit code 0, in the middle of a line"),
    ("os.close(1); time.sleep(3600)", "closed its standard output"),
])
def test_a_source_that_fails_is_started_again_from_its_position(hub, script, tmp_path, fail, reason):
    h = hub(from_program(script(SAID_IN_PIECES.replace("FAIL", fail)), tmp_path / "starts"))
    wait_for(lambda: len(h.files("out")) >= 300, 60, h.log)
    assert sorted(json.loads(p.read_text())["id"] for p in h.files("out")) == sorted(f"e{n}" for n in range(300))
    assert reason in h.log()
    starts = [int(s) for s in (tmp_path / "starts").read_text().split()]
    assert starts[0] == 0 and starts == sorted(starts) and 2 < len(starts) <= 6 and max(starts) >= 200, starts


def test_a_source_that_has_said_all_rests_and_is_asked_again(hub, script, tmp_path):
    text = SAID_IN_PIECES.replace("FAIL", "sys.exit(0)")
    h = hub(from_program(script(text), tmp_path / "starts", every="100ms"))
    wait_for(lambda: len(h.files("out")) >= 300, 60, h.log)
    assert (tmp_path / "starts").read_text().split() == ["0", "100", "200"]
    assert "is given up" not in h.log()


def test_a_source_that_reads_no_answers_is_given_up_and_loses_nothing(hub, script, tmp_path):
    text = PRELUDE + """
seq = at = hello.get("position", 0)
with open(hello["settings"]["file"], "a") as f:
    f.write(f"{at}\\n")
while True:  # each is refused, with many words
    seq += 1
    say(seq=seq, event={"specversion": "1.0", "id": f"e{seq}", "source": "//x/y", "type": "unknown." + "x" * 60}, position=seq)
"""
    h = hub(from_program(script(text), tmp_path / "starts", timeout="1s"))
    wait_for(lambda: "did not read its answers within 1000 ms" in h.log(), 60, lambda: h.log()[-2000:])
    starts = wait_for(lambda: len(s := (tmp_path / "starts").read_text().split()) > 1 and s, 30)
    assert int(starts[1]) > 0


def test_the_end_of_the_hub_is_told_after_the_answers(hub, script, tmp_path):
    text = PRELUDE + f"""
say(seq=1, event={event(1)!r})
with open({str(tmp_path / 'heard')!r}, "w") as f:
    for line in sys.stdin:
        f.write(line)
        f.flush()
    f.write("end\\n")
"""
    h = hub(from_program(script(text)))
    wait_for(lambda: (tmp_path / "heard").exists() and "ok" in (tmp_path / "heard").read_text(), 20, h.log)
    assert h.stop() == 0
    assert (tmp_path / "heard").read_text().splitlines()[-1] == "end"


def test_a_hub_that_loses_the_lease_ends_its_program_and_the_other_goes_on_at_the_position(hubs, tmp_path):
    module("plugins/exec")
    box = tmp_path / "outbox"
    h = hubs(from_program(str(EXAMPLES / "outbox.py"), box))
    first = wait_for(lambda: h.holder("sender.receive"), 30, "a hub that polls")
    other = next(x for x in h if x is not first)
    add_lines(box, *[event(i) for i in range(100)])
    wait_for(lambda: len(first.files("out")) == 100, 30, first.log)
    worker = first.pid_of("sender.receive")
    mine = programs(worker)
    assert len(mine) == 1 and not programs(other.pid_of("sender.receive"))
    first.signal_all(signal.SIGSTOP)  # longer than the lease lasts
    wait_for(lambda: other.lease("sender.receive").get("held"), 60, other.log)
    first.signal_all(signal.SIGCONT)
    wait_for(lambda: not alive(mine[0]), 30, "the end of the program of the one that slept")
    wait_for(lambda: programs(other.pid_of("sender.receive")), 30, other.log)
    add_lines(box, *[event(i) for i in range(100, 150)])
    wait_for(lambda: len(first.files("out")) >= 150, 30, other.log)
    assert sorted(json.loads(p.read_text())["id"] for p in first.files("out")) == sorted(f"e{i}" for i in range(150))
    assert not programs(first.pid_of("sender.receive"))


def test_a_sender_that_only_asks_is_told_what_the_step_would_make(stepped):
    h = stepped({"program": str(EXAMPLES / "band.py"), "settings": {"least": "10"}})
    status, answer = h.push([event(1, amount="12"), event(2, amount="1")], "/events", {"Content-Type": EVENTS}, query="?check=1")
    assert status == 200 and (answer["accepted"], answer["dropped"]) == (1, 1), answer
    assert not h.files("out")
