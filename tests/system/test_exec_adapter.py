# SPDX-License-Identifier: Apache-2.0
"""Plugin exec: programs that know a standard, as adapters; between standards, and all the ways in which one can fail in the middle."""
import csv
import io
import json
import re

import pytest
from conftest import module, peak_rss, program, put, reeve, run, sanitized, wait_for
from hub import COUNCIL, event
from hub_schema import faults
from test_exec import EXAMPLES, FAIL_REASONS, FAILS, VERDICT_MS, dead, programs, script  # noqa: F401  script is a fixture

HOUSING = {"standard": "housing-csv", "program": str(EXAMPLES / "housing.py"), "settings": {"council": "Exampleshire"}}
HEAD = "reference;paid on;paid to;amount;for\n"
LIST = HEAD + "H1;15/03/2026;Roof Ltd;12.50;repair\nH2;16/03/2026;Ärzte e.V.;100;\n"
SPEND = "Body,Payment date,Amount,Supplier,Transaction number,Purpose\nExampleshire,2026-03-01,12.50,Roof Ltd,T1,repair\n"

PRELUDE = """#!/usr/bin/python3
import base64, json, os, sys, time
def say(**what):
    print(json.dumps(what), flush=True)
hello = json.loads(sys.stdin.readline())
"""
# what a document says, happens when it was read, behind an event; with > before it, when that event is written
MOODY = PRELUDE + FAILS + """
say(reeve=1, name="moody", offers=["decode", "encode"])
def fail(mood, seq):
    if fails(mood):
        return True
    if mood == "half":
        sys.stdout.write('{"seq":%d,"event":{"type":' % seq)
        sys.stdout.flush()
        sys.exit(0)
    elif mood == "other":
        say(seq=seq + 1, verdict="ok")
    elif mood == "issue":
        say(seq=seq, issue={"severity": "odd", "code": "x"})
    elif mood == "empty":
        say(seq=seq)
    elif mood == "reject":
        say(seq=seq, verdict="reject", code="moody", text="not today")
    elif mood == "retry":
        say(seq=seq, verdict="retry", text="later", after_ms=60000)
    else:
        return False
    return True
for line in sys.stdin:
    call = json.loads(line)
    if "call" not in call:
        continue
    seq, all = call["seq"], []
    while not (piece := json.loads(sys.stdin.readline())).get("end"):
        all.append(piece)
    if call["call"] == "decode":
        mood = b"".join(base64.b64decode(p["part"]) for p in all).decode()
        say(seq=seq, event={"type": "funding.report", "subject": mood, "data": {"mood": mood.strip(">")}})
        if not fail(mood, seq):
            say(seq=seq, verdict="ok")
    else:
        mood = all[0]["event"]["data"].get("mood", "")
        if mood == "undocumented":
            say(seq=seq, verdict="ok")
        elif mood == "base64":
            say(seq=seq, verdict="ok", document_base64="no base64")
        elif not fail(mood, seq):
            say(seq=seq, verdict="ok", name="m.txt", document_base64=base64.b64encode(b"\\0" + mood.encode()).decode())
"""
REASONS = {**FAIL_REASONS, "other": "no verdict on the message it has"}
IN_DECODE = {**REASONS, "issue": "an issue whose member severity", "empty": "a line without event, issue, refuse and verdict"}
IN_ENCODE = {**REASONS, "empty": "no verdict on the message it has", "undocumented": "ok without a document", "base64": "ok without a document"}


def of(program_, standard="moody", **more):
    return {"exec": {"standard": standard, "program": program_, **more}}


def exec_(what, *args, document=None, program_=EXAMPLES / "housing.py", standard="housing-csv", options=()):
    o = [x for o in (f"standard={standard}", f"program={program_}", *options) for x in ("-o", o)]
    return reeve(what, "exec", *args, *o, stdin=document)


# ---- the example

def test_a_list_of_a_program_reaches_every_standard_and_others_become_such_a_list(hub, tmp_path):
    module("plugins/exec"), module("adapters/spend-csv")
    for name in ("lists", "spend"):
        (tmp_path / name).mkdir()
    out = {"events": "cloudevents", "csv": "spend-csv", "list": {"exec": HOUSING}}
    h = hub({"parties": dict(COUNCIL),
             "connectors": {"lists": {"party": "dcms", "receive": {"plugin": "file", "directory": str(tmp_path / "lists"), "settle": "0s", "speaks": {"exec": HOUSING}}},
                            "spend": {"party": "council", "receive": {"plugin": "file", "directory": str(tmp_path / "spend"), "settle": "0s", "speaks": "spend-csv"}},
                            **{f"to-{k}": {"party": "council", "deliver": {"plugin": "file", "directory": k, "speaks": s}} for k, s in out.items()}},
             "routes": {"all": {"match": {"type": "funding.payment"}, "to": [f"to-{k}" for k in out]}}})
    put(tmp_path / "lists/a.csv", LIST)
    put(tmp_path / "spend/b.csv", SPEND)
    for k in out:
        wait_for(lambda: len(h.files(k)) == 3, 20, lambda: f"{k}:\n" + h.log()[-3000:])
    events = {e["subject"]: e for e in (json.loads(p.read_text()) for p in h.files("events"))}
    hub_name = events["H1"]["source"].split("/")[2]
    assert events["H1"]["source"] == f"//{hub_name}/dcms/housing-csv" and events["H1"]["data"]["paid to"] == "Roof Ltd"
    rows = [r for p in h.files("csv") for r in csv.DictReader(io.StringIO(p.read_text("utf-8-sig")))]
    assert {(r["Payment Date"], r["Amount"], r["Supplier Name"]) for r in rows} == \
        {("2026-03-15", "12.50", "Roof Ltd"), ("2026-03-16", "100", "Ärzte e.V."), ("2026-03-01", "12.50", "Roof Ltd")}
    lists = [p.read_text() for p in h.files("list")]
    assert all(t.startswith(HEAD) for t in lists)
    assert {t[len(HEAD):].split(";", 1)[1] for t in lists} == {"15/03/2026;Roof Ltd;12.50;repair\n", "16/03/2026;Ärzte e.V.;100;\n",
                                                              "01/03/2026;Roof Ltd;12.50;repair\n"}


def test_the_example_says_what_is_wrong_with_a_list_and_makes_true_hub_records():
    module("plugins/exec")
    r = exec_("decode", "-", document=LIST + "H3;31/02/2026;X;1.00;\n;01/01/2026;X;2;\n")
    assert r.returncode == 1 and len(r.stdout.splitlines()) == 2
    assert "line 4, column paid on: error" in r.stderr and "found 31/02/2026, wanted DD/MM/YYYY (record H3) [date-format]" in r.stderr
    assert "line 5, column reference: error" in r.stderr
    r = exec_("decode", "-", document="a,b\n1,2\n")
    assert r.returncode == 2 and "this is no list of housing payments" in r.stderr
    r = run(program("reeve"), "convert", "exec", "hub", "-", "-o", "standard=housing-csv", "-o", f"program={EXAMPLES / 'housing.py'}",
            "-o", "settings=council=Exampleshire", stdin=LIST)
    records = [json.loads(line) for line in r.stdout.splitlines()]
    assert [x["id"] for x in records] == ["H1", "H2"] and not [f for x in records for f in faults(x)]


def test_a_list_that_is_decoded_and_encoded_is_the_same():
    module("plugins/exec")
    events = exec_("decode", "-", document=LIST)
    assert events.returncode == 0, events.stderr
    assert exec_("encode", document=events.stdout).stdout == LIST


# ---- names

TWO = """
for line in sys.stdin:
    call = json.loads(line)
    seq = call["seq"]
    if call.get("call") == "to_hub":
        e = call["event"]
        e["data"] = {"record": 1, "type": e["type"], "id": e["data"]["n"], "value": {"amount": e["data"]["n"], "currency": "GBP"}, "date": "2026-01-02"}
        say(seq=seq, verdict="ok", emit=[e])
    elif call.get("call") == "decode":
        text = b""
        while not (piece := json.loads(sys.stdin.readline())).get("end"):
            text += base64.b64decode(piece["part"])
        say(seq=seq, event={"type": "funding.payment", "subject": text.decode(), "data": {"n": text.decode()}}, verdict="ok")
"""


def two_standards(first, **deliver):
    return {"parties": dict(COUNCIL),
            "connectors": {"sender": {"party": "dcms", "receive": {"plugin": "http", "path": "/in", "speaks": {"exec": {"standard": "numbers", "program": first}}}},
                           "receiver": {"party": "council", "deliver": {"plugin": "file", "directory": "out", "speaks": {"exec": {**HOUSING, **deliver}}}}},
            "routes": {"all": {"match": {"type": "funding.payment"}, "to": "receiver"}}}


def test_two_programs_with_two_standards_translate_to_each_other(hub, script):
    text = PRELUDE + 'say(reeve=1, name="numbers", offers=["decode", "to_hub", "something-new"])\n' + TWO
    h = hub(two_standards(script(text)))
    assert h.push(b"17.50", "/in", {"Content-Type": "text/plain"})[0] == 202
    wait_for(lambda: h.files("out"), 20, h.log)
    assert h.files("out")[0].read_text() == HEAD + "17.50;02/01/2026;;17.50;\n"


def test_what_a_program_does_not_offer_is_refused_with_that_reason(hub, script):
    text = PRELUDE + 'say(reeve=1, offers=["decode"])\n' + TWO
    h = hub(two_standards(script(text)))
    assert h.push(b"17.50", "/in", {"Content-Type": "text/plain"})[0] == 202
    letter, = wait_for(lambda: h.command("dead", "list", "--json", "-c", h.config).stdout.splitlines(), 20, h.log)
    assert "the program offers no to_hub, only: decode" in letter
    r = exec_("decode", "-", document="x", program_=script(PRELUDE + 'say(reeve=1, offers=["encode"])\n' + TWO, "other"), standard="other")
    assert r.returncode == 1 and "the program offers no decode, only: encode [document-refused]" in r.stderr, r.stderr


def check(tmp_path, config):
    put(tmp_path / "reeve.yaml", json.dumps({"hub": "exampleshire", "unrouted": {"drop": "none"}, "data": str(tmp_path / "var"), "door": {"listen": "127.0.0.1:8480"}, **config}))
    return reeve("check", "-c", tmp_path / "reeve.yaml", "--print", "--without-secrets")


def test_check_prints_a_standard_with_its_options_and_reads_it_back(tmp_path):
    module("plugins/exec")
    config = two_standards(str(EXAMPLES / "band.py"))
    config["connectors"]["sender"]["receive"]["auth"] = {"bearer": "${file:token}"}
    first = check(tmp_path, config)
    assert first.returncode == 0 and "standard: numbers" in first.stdout, first.stdout + first.stderr
    put(tmp_path / "again.yaml", first.stdout)
    assert reeve("check", "-c", tmp_path / "again.yaml", "--print", "--without-secrets").stdout == first.stdout


@pytest.mark.parametrize("more,code,says", [
    ({"standard": "numbers"}, "standard-twice", "says something else about the standard `numbers`"),
    ({"standard": "spend-csv"}, "standard-taken", "`spend-csv` is the name of an adapter of this installation"),
    ({"standard": "exec"}, "standard-taken", "`exec` is the name of an adapter"),
    ({"standard": "Housing"}, "bad-value", "a name of a-z, 0-9 and -"),
    ({"every": "5s"}, "option-side", "`every` is an option of exec only where it is no adapter"),
])
def test_check_refuses_a_standard_that_would_mean_two_things(tmp_path, more, code, says):
    module("plugins/exec"), module("adapters/spend-csv")
    config = two_standards(str(EXAMPLES / "band.py"), **more)
    config["connectors"]["sender"]["receive"]["auth"] = {"bearer": "${file:token}"}
    r = check(tmp_path, config)
    assert r.returncode == 1 and re.search(rf"reeve\.yaml:1:\d+: error: .*{re.escape(says)}.* \[{code}\]", r.stderr + r.stdout), r.stderr


def test_an_adapter_that_is_misspelt_or_none_is_told_with_what_there_is():
    module("plugins/exec")
    assert 'did you mean "exec"' in reeve("decode", "exek", "-").stderr
    assert 'there is no adapter "file"' in reeve("decode", "file", "-").stderr
    assert "exec" in reeve("names", "adapter").stdout.split()
    assert "needs -o standard=NAME" in reeve("decode", "exec", "-", "-o", "program=/bin/true").stderr


@pytest.mark.parametrize("hello,reason", [
    ("say(reeve=1)", "its hello does not say what it offers"),
    ("say(reeve=1, offers=[])", "its hello does not say what it offers"),
    ("say(reeve=1, offers='decode')", "its hello does not say what it offers"),
    ("say(reeve=1, offers=['decode', 5])", "its hello does not say what it offers"),
])
def test_a_program_that_offers_nothing_is_no_adapter(script, hello, reason):
    path = script(PRELUDE + hello + "\nsys.stdin.read()\n")
    for r in (exec_("decode", "-", document="x", program_=path, standard="x"),
              run(program("reeve-worker"), "plugin", "try", "exec", "-o", f"program={path}", "-o", "standard=x", "--check")):
        assert r.returncode == 1 and reason in r.stderr, r.stderr


def test_the_check_of_an_adapter_tells_what_its_program_offers():
    module("plugins/exec")
    r = run(program("reeve-worker"), "plugin", "try", "exec", "-o", f"program={EXAMPLES / 'housing.py'}", "-o", "standard=housing-csv", "--check")
    assert r.returncode == 0 and "it offers: decode, encode, to_hub, from_hub" in r.stderr


def test_a_plugin_is_tried_with_what_a_program_writes(tmp_path):
    put(tmp_path / "events", json.dumps({"specversion": "1.0", "id": "1", "source": "//x", "type": "funding.payment", "subject": "H1",
                                         "data": {"reference": "H1", "amount": "12.50", "paid on": "15/03/2026", "paid to": "Roof Ltd", "for": "repair"}}))
    r = run(program("reeve-worker"), "plugin", "try", "file", "-o", f"directory={tmp_path / 'out'}", "--speaks", "exec", "-O", "standard=housing-csv",
            "-O", f"program={EXAMPLES / 'housing.py'}", "--deliver", tmp_path / "events")
    assert r.returncode == 0, r.stderr
    assert [p.read_text() for p in (tmp_path / "out").iterdir()] == [HEAD + "H1;15/03/2026;Roof Ltd;12.50;repair\n"]


# ---- programs that fail

def test_a_program_that_fails_in_a_document_leaves_nothing_of_it_and_the_next_document_is_read(hub, script):
    h = hub({"parties": dict(COUNCIL), "limits": {"message": "64k"},
             "connectors": {"sender": {"party": "dcms", "receive": {"plugin": "http", "path": "/in", "partial": True,
                                                                    "speaks": of(script(MOODY), timeout=f"{VERDICT_MS}ms")}},
                            "receiver": {"party": "council", "deliver": {"plugin": "file", "directory": "out"}}},
             "routes": {"all": {"match": {"type": "funding.report"}, "to": "receiver"}}})

    def push(text):
        return h.push(text.encode(), "/in", {"Content-Type": "text/plain"})

    assert push("first")[0] == 202
    for mood, reason in IN_DECODE.items():
        status, answer = push(mood)
        assert status == 503 and "with this document in hand" in str(answer) and reason in str(answer), (mood, status, answer)
        assert push(f"after {mood}")[0] == 202, mood
    status, answer = push("reject")
    assert status == 422 and "moody: not today" in str(answer), answer
    status, answer = push("retry")
    assert status == 503 and "later" in str(answer), answer
    assert push("last")[0] == 202
    wait_for(lambda: len(h.files("out")) == len(IN_DECODE) + 2, 20, h.log)
    assert {json.loads(p.read_text())["data"]["mood"] for p in h.files("out")} == {"first", "last", *(f"after {m}" for m in IN_DECODE)}
    assert len(programs(h.pid_of("sender.receive"))) == 1


def test_a_program_that_fails_to_write_a_message_costs_that_message_only(hub, script):
    speaks = of(script(MOODY), timeout=f"{VERDICT_MS}ms")
    h = hub({"parties": dict(COUNCIL), "limits": {"message": "64k"},
             "connectors": {"sender": {"party": "dcms", "receive": {"plugin": "http", "path": "/in", "speaks": speaks}},
                            "receiver": {"party": "council", "deliver": {"plugin": "file", "directory": "out", "retry": {"for": "1s"}, "speaks": speaks}}},
             "routes": {"all": {"match": {"type": "funding.report"}, "to": "receiver"}}})
    moods = {**IN_ENCODE, "reject": "moody: not today"}
    for mood in moods:
        for text in (f">{mood}", f"after {mood}"):
            assert h.push(text.encode(), "/in", {"Content-Type": "text/plain"})[0] == 202
    for mood, reason in moods.items():
        last = wait_for(lambda: dead(h, f">{mood}"), 60, lambda: f"{mood} as a dead letter:\n" + h.log()[-3000:])
        assert reason in last["text"] and last["code"] == ("rejected" if mood == "reject" else "tries-exhausted"), (mood, last)
    wait_for(lambda: len(h.files("out")) == len(moods), 60, h.log)
    assert {p.read_bytes() for p in h.files("out")} == {b"\0after " + m.encode() for m in moods}


def test_bytes_of_a_document_come_out_as_the_program_wrote_them(script):
    path = script(MOODY)
    for n in range(4):
        e = event(1, body={"mood": "x" * n}, source="//local/-/moody")
        assert exec_("encode", document=json.dumps(e), program_=path, standard="moody").stdout == "\0" + "x" * n


# ---- large, and at the same time

def test_a_document_of_any_size_takes_little_memory(script, tmp_path):
    path = script(PRELUDE + """
say(reeve=1, offers=["decode"])
call, size, lines = json.loads(sys.stdin.readline()), 0, 0
while not (piece := json.loads(sys.stdin.readline())).get("end"):
    size += len(base64.b64decode(piece["part"]))
    for _ in range(20):
        say(seq=call["seq"], event={"type": "funding.report", "data": {"at": size, "n": lines}})
        lines += 1
say(seq=call["seq"], event={"type": "funding.report", "data": {"size": size, "name": call["name"]}}, verdict="ok")
sys.stdin.read()
""")
    big = tmp_path / "big.bin"
    with open(big, "wb") as f:
        for n in range(20):
            f.write(bytes([n]) * (1 << 20) + b"odd")
    r = exec_("decode", big, program_=path, standard="x")
    assert r.returncode == 0, r.stderr
    lines = r.stdout.splitlines()
    assert json.loads(lines[-1])["data"] == {"size": 20 * ((1 << 20) + 3), "name": "big.bin"} and len(lines) > 8000
    if not sanitized():
        code, kib, err = peak_rss(program("reeve"), "decode", "exec", big, "-o", "standard=x", "-o", f"program={path}")
        assert code == 0 and kib < 40000, (kib, err)


def test_a_program_that_says_much_before_it_reads_anything_is_heard(script, tmp_path):
    path = script(PRELUDE + """
say(reeve=1, offers=["decode"])
seq = json.loads(sys.stdin.readline())["seq"]
for n in range(3000):
    say(seq=seq, event={"type": "funding.report", "data": {"n": n, "text": "x" * 1000}})
while "end" not in json.loads(sys.stdin.readline()):
    pass
say(seq=seq, verdict="ok")
sys.stdin.read()
""")
    put(tmp_path / "doc", "y" * 3000000)
    r = exec_("decode", tmp_path / "doc", program_=path, standard="x")
    assert r.returncode == 0 and len(r.stdout.splitlines()) == 3000, r.stderr


EARLY = PRELUDE + """
say(reeve=1, offers=["decode"])
for line in sys.stdin:
    call = json.loads(line)
    if "call" in call:
        say(seq=call["seq"], VERDICT)
"""


def test_a_document_that_is_refused_before_its_end_disturbs_nothing(hub, script):
    h = hub({"parties": dict(COUNCIL),
             "connectors": {"sender": {"party": "dcms", "receive": {"plugin": "http", "path": "/in", "speaks": of(script(
                 EARLY.replace("VERDICT", 'verdict="reject", text=f"number {call[\'seq\']}"')))}}},
             "routes": {}})
    for n in range(1, 5):
        status, answer = h.push(b"z" * 500000, "/in", {"Content-Type": "text/plain"})
        assert status == 422 and f"number {n}" in str(answer), answer  # one program took them all
    assert "is given up" not in h.log()


def test_a_program_that_refuses_and_ends_at_once_is_heard(script, tmp_path):
    put(tmp_path / "doc", "y" * 3000000)
    path = script(PRELUDE + """
say(reeve=1, offers=["decode"])
seq = json.loads(sys.stdin.readline())["seq"]
os.close(0)
for n in range(3000):
    say(seq=seq, issue={"severity": "warning", "code": "c", "text": "x" * 300})
say(seq=seq, verdict="reject", text="no, thank you")
""")
    r = exec_("decode", tmp_path / "doc", program_=path, standard="x")
    assert r.returncode == 1 and "no, thank you [document-refused]" in r.stderr, r.stderr[-500:]


def test_a_document_that_is_taken_before_its_end_is_not_taken(script, tmp_path):
    put(tmp_path / "doc", "y" * 3000000)
    r = exec_("decode", tmp_path / "doc", program_=script(EARLY.replace("VERDICT", 'verdict="ok"')), standard="x")
    assert r.returncode == 1 and "the verdict ok before the end" in r.stderr and not r.stdout


def test_a_program_that_closes_its_input_in_the_middle_is_given_up(script, tmp_path):
    put(tmp_path / "doc", "y" * 3000000)
    text = PRELUDE + 'say(reeve=1, offers=["decode"])\nos.close(0)\ntime.sleep(60)\n'
    r = exec_("decode", tmp_path / "doc", program_=script(text), standard="x")
    assert r.returncode == 1 and "closed its standard input" in r.stderr, r.stderr


@pytest.mark.parametrize("said,code", [
    ('{"type": "funding.report", "data": {"a": 1,}}', "event-json"),
    ('{"type": "funding.report", "data": ' + "[" * 100 + "]" * 100 + "}", "event-json"),
    ('{"data": 1}', "event-required"),
    ('{"type": "funding.report", "Bad-Name": "x"}', "event"),
])
def test_an_event_that_is_none_is_refused_as_a_record_and_the_others_stand(script, said, code):
    path = script(PRELUDE + f"""
say(reeve=1, offers=["decode"])
seq = json.loads(sys.stdin.readline())["seq"]
say(seq=seq, event={{"type": "funding.report", "id": "mine", "source": "//local/x", "time": "now", "data": 1}})
sys.stdout.write('{{"seq":%d,"event":%s}}\\n' % (seq, {said!r}))
while "end" not in json.loads(sys.stdin.readline()):
    pass
say(seq=seq, verdict="ok")
sys.stdin.read()
""")
    r = exec_("decode", "-", document="x", program_=path, standard="x")
    assert r.returncode == 1 and "event 2" in r.stderr and code in r.stderr, r.stderr
    first, = map(json.loads, r.stdout.splitlines())
    assert first["source"] == "//local/-/x" and first["id"] != "mine" and "time" not in first
