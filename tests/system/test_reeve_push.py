# SPDX-License-Identifier: Apache-2.0
"""contrib/reeve-push: one file to the doors of many hubs, killed and resumed, and what it does with answers that are no success.

REEVE_SEED repeats when it is killed; it is printed.
"""
import csv
import hashlib
import http.server
import os
import random
import re
import signal
import subprocess
import time

import pytest

from conftest import ROOT, module, run, sanitized, serving, wait_for
from hub import COUNCIL, TOKEN, TestHub, basic, bodies, grant, package

PUSH = ROOT / "contrib/reeve-push/reeve-push"
DOORS = 10  # of each of two hubs
HUBS = 5 if sanitized() else 20  # whole ones: five processes each, which a sanitizer makes large
KILLS = 5
SEED = int(os.environ.get("REEVE_SEED", random.SystemRandom().randrange(1 << 30)))


def started(directory, configs):
    """A hub for each configuration, each in a directory of its own; all of them start at once."""
    module("plugins/http"), module("plugins/file"), module("adapters/360giving"), module("adapters/cloudevents")
    hubs = []
    try:
        for i, config in enumerate(configs):
            (directory / f"hub{i}").mkdir()
            hubs.append(TestHub(directory / f"hub{i}", config))
        for h in hubs:
            h.wait_ready()
        yield hubs
    finally:
        for h in hubs:
            h.process.send_signal(signal.SIGTERM) if h.running() else None
        for h in hubs:
            h.stop()


@pytest.fixture
def two_hubs(tmp_path):
    sources = {f"door{i}": {"party": "dcms", "receive": {"plugin": "http", "path": f"/g{i}", "speaks": "360giving"}} for i in range(DOORS)}
    yield from started(tmp_path, [{"parties": dict(COUNCIL), "connectors": sources}] * 2)


@pytest.fixture
def many_hubs(tmp_path):
    yield from started(tmp_path, [basic()] * HUBS)


def write_hubs(path, urls, key=TOKEN):
    path.write_text("name,url,key\n" + "".join(f"hub{i},{u},{key}\n" for i, u in enumerate(urls)))
    return path


def rows(path):
    with open(path, newline="", encoding="utf-8") as f:
        return {r["name"]: r for r in csv.DictReader(f)}


def push(file, hubs, *options, code=0):
    r = run(PUSH, file, hubs, "--pause", "0.05", *options)
    assert r.returncode == code, r.stdout + r.stderr
    return r.stdout + r.stderr


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "grants.json"
    path.write_bytes(package(grant(i) for i in range(3)))
    return path


class Script:
    """A door that gives its answers one after the other; the last one stays."""

    def __init__(self, *answers):
        self.answers, self.times = list(answers), []
        script = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                script.times.append(time.monotonic())
                status, headers, text = script.answers.pop(0) if len(script.answers) > 1 else script.answers[0]
                if status is None:
                    return  # the connection ends without an answer
                if text is None:
                    text = '{"receipt":"%s","accepted":3}' % hashlib.sha256(body).hexdigest()
                self.send_response(status)
                for k, v in headers.items():
                    self.send_header(k, v)
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/grants"
        serving(self.server)


@pytest.fixture
def door():
    made = []

    def start(*answers):
        made.append(Script(*answers))
        return made[-1]

    yield start
    for s in made:
        s.server.shutdown()
        s.server.server_close()


TAKEN = (202, {}, None)


def test_killed_and_resumed_each_of_twenty_doors_has_accepted_once(two_hubs, tmp_path, file):
    urls = [f"http://127.0.0.1:{h.port}/g{i}" for h in two_hubs for i in range(DOORS)]
    hubs, result = write_hubs(tmp_path / "hubs.csv", urls), tmp_path / "grants.json.pushed.csv"
    p = subprocess.Popen([PUSH, file, hubs, "--parallel", "1"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_for(lambda: result.exists() and sum(r["state"] == "accepted" for r in rows(result).values()) >= 4, 30, "some have accepted")
    p.send_signal(signal.SIGKILL)
    p.wait()
    before = rows(result)
    assert len(before) == 20
    said = push(file, hubs)
    after = rows(result)
    assert "20 of 20 hubs have accepted" in said and len({r["receipt"] for r in after.values()}) == 1
    assert all(r["state"] == "accepted" and r["accepted"] == "3" and r["status"] == "202" for r in after.values())
    assert all(after[n] == r for n, r in before.items() if r["state"] == "accepted")  # these were not asked again
    for h in two_hubs:
        for i in range(DOORS):
            taken = h.journal(f"door{i}.receive", "unrouted")
            assert len({x for _, x in taken}) == 3 and len(taken) == 3, (i, taken)
    assert push(file, hubs).count("accepted ") == 0  # nothing left to do


def accepted(result):
    return sum(r["state"] == "accepted" for r in rows(result).values()) if result.exists() else 0


def test_killed_at_random_and_resumed_each_of_many_hubs_has_accepted_once_and_the_csv_says_so(many_hubs, tmp_path, file):
    chance = random.Random(SEED)
    print(f"REEVE_SEED={SEED}")
    hubs, result = write_hubs(tmp_path / "hubs.csv", [f"http://127.0.0.1:{h.port}/grants" for h in many_hubs]), tmp_path / "grants.json.pushed.csv"
    killed = []
    for n in range(KILLS):
        enough = accepted(result) + (chance.randint(0, max(1, HUBS // KILLS)) if n else 0)  # the first one before it has begun
        p = subprocess.Popen([PUSH, file, hubs, "--parallel", "1"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(lambda p=p, enough=enough: accepted(result) >= enough or p.poll() is not None, 30, "some have accepted")
        time.sleep(chance.random() * 0.02)  # anywhere, also between an answer and the CSV
        p.kill()
        killed += [accepted(result)] if p.wait() == -signal.SIGKILL else []
    print("accepted at each kill:", killed)
    assert killed
    said = push(file, hubs)
    after = rows(result)
    assert f"{HUBS} of {HUBS} hubs have accepted" in said and len(after) == HUBS
    receipt = hashlib.sha256(file.read_bytes()).hexdigest()
    assert all((r["state"], r["receipt"], r["accepted"], r["error"]) == ("accepted", receipt, "3", "") for r in after.values()), after
    for h in many_hubs:
        wait_for(lambda h=h: len(h.journal("register.deliver", "delivered")) >= 3, 30, "its grants are delivered")
        assert [r for r, _ in h.journal("dcms-grants.receive", "accepted")] == [receipt] * 3
        assert sorted(m["subject"] for m in bodies(h.files("out/awards"))) == [f"360G-example-{i}" for i in range(3)]
        assert len(h.journal("register.deliver", "delivered")) == 3


def test_what_may_pass_is_tried_again_and_retry_after_is_kept(door, tmp_path, file):
    d = door((503, {"Retry-After": "1"}, ""), (None, {}, ""), (429, {}, ""), (500, {}, ""), TAKEN)
    push(file, write_hubs(tmp_path / "h.csv", [d.url]))
    row = rows(tmp_path / "grants.json.pushed.csv")["hub0"]
    assert row["state"] == "accepted" and row["tries"] == "5" and row["error"] == ""
    assert d.times[1] - d.times[0] >= 0.99


def test_a_refusal_is_written_down_and_not_repeated(door, tmp_path, file):
    no = door((422, {"Content-Type": "application/problem+json"}, '{"title":"refused","detail":"1 of 3 records","issues":[{"where":"/grants/1","text":"no date\\n"}]}'))
    yes = door(TAKEN)
    hubs = write_hubs(tmp_path / "h.csv", [no.url, yes.url])
    push(file, hubs, code=1)
    push(file, hubs, code=1)
    row = rows(tmp_path / "grants.json.pushed.csv")["hub0"]
    assert row["state"] == "refused" and row["error"] == "HTTP 422 refused; 1 of 3 records; /grants/1: no date" and len(no.times) == 1
    assert len(yes.times) == 1
    no.answers = [TAKEN]
    push(file, hubs, "--again")
    assert rows(tmp_path / "grants.json.pushed.csv")["hub0"]["error"] == ""


def test_an_answer_that_is_none_of_a_hub_is_no_acceptance(door, tmp_path, file):
    for answer in ((202, {}, "thanks"), (202, {}, '{"receipt":"00","accepted":3}'), (200, {}, "<html>")):
        d = door(answer)
        push(file, write_hubs(tmp_path / "h.csv", [d.url]), "--tries", "1", "--result", tmp_path / f"r{d.url[-12:-7]}.csv", code=1)


def test_a_hub_that_is_not_there_does_not_keep_the_others(door, tmp_path, file):
    d = door(TAKEN)
    push(file, write_hubs(tmp_path / "h.csv", ["http://127.0.0.1:1/grants", d.url]), "--tries", "2", "--parallel", "1", code=1)
    got = rows(tmp_path / "grants.json.pushed.csv")
    assert got["hub0"]["state"] == "failed" and got["hub0"]["tries"] == "2" and "no answer" in got["hub0"]["error"]
    assert got["hub1"]["state"] == "accepted"


@pytest.mark.parametrize("text,words", [
    ("name,url\nx,http://h/g\n", "line 1"), ("name,url,key\n", "names no hub"), ("name,url,key\nx,ftp://h/,k\n", "line 2.*not a URL"),
    ("name,url,key\nx,http://h/g,k\nx,http://h/h,k\n", "line 3.*stands on line 2"), ("name,url,key,key_file\nx,http://h/g,k,f\n", "one of key"),
    ("name,url,key_file\nx,http://h/g,nowhere\n", "key_file.*nowhere"), ("name,url,key\nx,http://h/g,\"a\nb\"\n", "no bearer token")])
def test_a_list_of_hubs_that_is_wrong_is_refused_with_its_line(tmp_path, file, text, words):
    (tmp_path / "h.csv").write_text(text)
    assert re.search(words, push(file, tmp_path / "h.csv", code=2))
    assert not (tmp_path / "grants.json.pushed.csv").exists()


def test_a_file_that_changed_needs_a_result_of_its_own(door, tmp_path, file):
    hubs = write_hubs(tmp_path / "h.csv", [door(TAKEN).url])
    push(file, hubs)
    file.write_bytes(package([grant(9)]))
    assert "the file has changed" in push(file, hubs, code=2)
    push(file, hubs, "--result", tmp_path / "second.csv")


def test_keys_come_from_files_and_are_never_shown(door, tmp_path, file):
    os.makedirs(tmp_path / "keys")
    (tmp_path / "keys/a").write_text("a-secret-key\n")
    (tmp_path / "h.csv").write_text(f"name,url,key_file\na,{door((401, {}, '')).url},keys/a\n")
    assert "a-secret-key" not in push(file, tmp_path / "h.csv", "-v", code=1) + (tmp_path / "grants.json.pushed.csv").read_text()
