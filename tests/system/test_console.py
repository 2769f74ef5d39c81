# SPDX-License-Identifier: Apache-2.0
"""The console over HTTP: who may look, what is shown, what may be changed; nothing that comes from outside leaves its place."""
import html
import http.client
import json
import re
import time
import urllib.parse

import pytest
from conftest import reeve, request, wait_for
from hub import COUNCIL, ONE_EVENT, TOKEN, Receiver, basic, event, grant, package

HOSTILE = "<script>alert('x')</script>\"&\u202e"


def with_console(config, console=True):
    return {**config, "door": {"console": console}}


def closed(config):
    return with_console(config, {"auth": {"bearer": "${file:token}"}})


def rejecting(answer=None):
    """Events to a receiver that answers 400 as long as .bad is true; and what nobody wants to a file."""
    receiver = Receiver(answer)
    receiver.bad = True
    if answer is None:
        receiver.answer = lambda headers, body: 400 if receiver.bad else 200
    config = {"parties": {**COUNCIL, "friend": {"name": "A Friend <b>", "role": "provider"}},
              "connectors": {"sender": {"party": "dcms", "receive": {"plugin": "http", "path": "/events", "speaks": "cloudevents"}},
                             "friend": {"party": "friend", "deliver": {"plugin": "http", "url": receiver.url, "speaks": "cloudevents"}},
                             "triage": {"party": "council", "deliver": {"plugin": "file", "directory": "out/triage", "speaks": "cloudevents"}}},
              "routes": {"reports": {"match": {"type": "funding.report"}, "to": "friend"}},
              "unrouted": {"to": "triage"}}
    return receiver, config


class Console:
    """A visitor: keeps its cookie, follows nothing by itself."""

    def __init__(self, hub, host=None):
        self.hub, self.cookie = hub, None
        self.host = host or f"127.0.0.1:{hub.port}"

    def ask(self, method, path="", form=None, headers=None):
        h = {"Host": self.host, **(headers or {})}
        body = None
        if self.cookie:
            h["Cookie"] = self.cookie
        if form is not None:
            body = urllib.parse.urlencode(form, doseq=True)
            h = {"Content-Type": "application/x-www-form-urlencoded", "Origin": f"http://{self.host}", **h}
        c = http.client.HTTPConnection("127.0.0.1", self.hub.port, timeout=30)
        try:
            c.request(method, "/-/console" + path, body, h)
            r = c.getresponse()
            text = r.read().decode()
            if r.headers["Set-Cookie"]:
                self.cookie = r.headers["Set-Cookie"].split(";")[0]
            return r.status, r.headers, text
        finally:
            c.close()

    def get(self, path="", **query):
        status, _, text = self.ask("GET", path + ("?" + urllib.parse.urlencode(query) if query else ""))
        assert status == 200, text
        return text

    def form_token(self):
        return re.search(r'name="token" value="([^"]+)"', self.get("/dead"))[1]

    def numbers(self, **query):
        return re.findall(r'name="number" value="(\d+)"', self.get("/dead", **query))

    def act(self, what, numbers, **more):
        return self.ask("POST", "/dead", {"token": self.form_token(), "act": what, "number": numbers, **more})


def words(page):
    """The text of a page: no markup, entities undone."""
    return html.unescape(re.sub(r"<[^>]*>", "", page))


def push_events(hub, numbers, **kw):
    for i in numbers:
        status, answer = hub.push(event(i, **kw), path="/events", headers={"Content-Type": ONE_EVENT})
        assert status == 202, answer


def dead_letters(hub):
    r = hub.command("dead", "list", "--json", "-c", hub.config)
    return [json.loads(line) for line in r.stdout.splitlines()] if r.returncode == 0 else []


# ---- who may look

def test_there_is_none_unless_it_is_asked_for(hub):
    h = hub(basic())
    assert request(h.port, "GET", "/-/console")[0] == 401
    assert request(h.port, "GET", "/-/console", headers={"Authorization": "Bearer " + TOKEN})[0] == 404
    assert h.process_status("console") is None


def test_without_a_token_it_answers_to_names_of_this_machine_only(hub):
    h = hub(with_console(basic()))
    assert "dcms-grants" in Console(h).get()
    assert Console(h, f"localhost:{h.port}").ask("GET")[0] == 200
    status, _, text = Console(h, f"evil.example:{h.port}").ask("GET")  # whose name was made to point here
    assert status == 403 and "dcms-grants" not in text


def test_token_opens_a_session_that_survives_a_restart_and_ends_with_the_cookie(hub):
    h = hub(closed(basic()))
    visitor = Console(h)
    for path in ("", "/journal", "/message", "/dead", "/nothing"):
        status, headers, text = visitor.ask("GET", path)
        assert status == 401 and "dcms" not in text and 'name="secret"' in text
        assert headers["WWW-Authenticate"].startswith("Bearer")
    assert visitor.ask("POST", "/login", {"secret": "wrong"})[0] == 401 and visitor.cookie is None
    assert visitor.ask("POST", "/login", {"secret": TOKEN}, {"Origin": "http://evil.example"})[0] == 403
    status, headers, _ = visitor.ask("POST", "/login", {"secret": TOKEN})
    assert status == 303 and headers["Location"] == "/-/console"
    flags = headers["Set-Cookie"].split("; ")[1:]
    assert "HttpOnly" in flags and "SameSite=Strict" in flags and "Path=/-/console" in flags
    assert "dcms-grants" in visitor.get()
    h.kill_process("console")
    wait_for(lambda: visitor.ask("GET")[0] == 200, 30, "the console is there again")
    assert visitor.ask("POST", "/logout", {})[0] == 303
    assert visitor.cookie == "reeve-console=" and visitor.ask("GET")[0] == 401


def test_bearer_token_opens_it_for_programs(hub):
    h = hub(closed(basic()))
    assert "dcms-grants" in request(h.port, "GET", "/-/console", headers={"Authorization": "Bearer " + TOKEN})[2].decode()
    assert request(h.port, "GET", "/-/console", headers={"Authorization": "Bearer other"})[0] == 401


def test_pages_forbid_what_they_do_not_need(hub):
    h = hub(with_console(basic()))
    _, headers, _ = Console(h).ask("GET")
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy and "frame-ancestors 'none'" in policy
    assert (headers["X-Frame-Options"], headers["Cache-Control"]) == ("DENY", "no-store")
    for name, kind in (("style.css", "text/css"), ("app.js", "text/javascript"), ("icon.svg", "image/svg+xml")):
        status, headers, text = Console(h).ask("GET", "/" + name)
        assert status == 200 and headers["Content-Type"].startswith(kind) and text.strip()
    for path in ("", "/journal", "/message", "/dead"):
        page = Console(h).get(path)
        assert not re.search(r"<style|\sstyle=|<script[^>]*>[^<]|\son[a-z]+=|javascript:", page)


@pytest.mark.parametrize("query", ["?what=%", "?what=%00", "?what=%ff"])
def test_odd_queries_are_refused_in_words(hub, query):
    assert Console(hub(with_console(basic()))).ask("GET", "/journal" + query)[0] == 400


# ---- check

@pytest.mark.parametrize("door, code", [
    ({"listen": "127.0.0.1:8480", "console": True}, "warning"),
    ({"listen": "127.0.0.1:8480", "console": {}}, "warning"),
    ({"listen": "127.0.0.1:8480", "behind_proxy": True, "console": True}, "error"),
    ({"listen": "127.0.0.1:8480", "console": False}, None),
    ({"listen": "127.0.0.1:8480", "console": {"auth": {"bearer": "${file:token}"}}}, None)])
def test_check_knows_who_could_look(tmp_path, door, code):
    (tmp_path / "token").write_text("a-token-that-is-long-enough\n")
    (tmp_path / "token").chmod(0o600)
    config = {"hub": "x", "unrouted": {"drop": "x"}, **basic(), "door": door}
    config["connectors"]["dcms-grants"]["receive"]["auth"] = {"bearer": "${file:token}"}
    (tmp_path / "reeve.yaml").write_text(json.dumps(config))
    r = reeve("check", "-c", tmp_path / "reeve.yaml")
    lines = [x for x in r.stderr.splitlines() + r.stdout.splitlines() if "console" in x]
    assert (f"{code}: " in lines[0] and "auth-missing" in lines[0]) if code else lines == []
    assert r.returncode == (1 if code == "error" else 0)


@pytest.mark.parametrize("console, code", [("yes please", "bad-value"), ([], "bad-value"), ({"auht": 1}, "unknown-key"),
                                           ({"auth": {"bearer": "in-plain-text"}}, "secret-plain")])
def test_check_refuses_what_is_no_console(tmp_path, console, code):
    config = {"hub": "x", "unrouted": {"drop": "x"}, **basic(), "door": {"listen": "127.0.0.1:8480", "console": console}}
    (tmp_path / "reeve.yaml").write_text(json.dumps(config))
    r = reeve("check", "-c", tmp_path / "reeve.yaml")
    assert r.returncode == 1 and f"[{code}]" in r.stderr + r.stdout


# ---- what is shown

def test_map_shows_flow_alarms_and_what_is_paused(hub):
    receiver, config = rejecting(lambda headers, body: 503)
    h = hub(with_console(config))
    push_events(h, range(5))
    push_events(h, [9], type_="information.measure")
    h.command("pause", "triage", "-c", h.config)
    visitor = Console(h)

    def shown():  # none waits while one is tried again
        page = visitor.get()
        return page if "friend is down" in page and "5 waiting" in page and '<g class="node paused">' in page else None
    page = wait_for(shown, 20, "what there is to see")
    for name in ("sender", "friend", "triage", "reports", "Department for Culture"):
        assert name in page
    friend = re.search(r'<g class="node bad"><title>friend</title>.*?</g></a>', page, re.S)[0]
    assert "alarm" in words(friend) and "5 waiting" in words(friend)
    assert re.search(r'<g class="node paused"><title>triage</title>', page)
    assert len(re.findall(r'class="flow"', page)) >= 5  # party, connector, two routes, two destinations
    table = words(page.split('aria-label="Routes"')[1].split("</table>")[0])
    assert "reports" in table and "sender" in table and "no route" in table
    receiver.close()


def test_map_without_a_running_queue_says_so_and_stands(hub):
    h = hub(with_console(basic()))
    assert "register" in Console(h).get()  # nothing has flowed yet, no journal row is there
    h.kill_process("spool")
    assert "register" in Console(h).get()


def test_hostile_values_stay_text_on_every_page(hub):
    receiver, config = rejecting()
    h = hub(with_console(config))
    push_events(h, [1], subject=HOSTILE, body={"personal": "the-body-of-the-message"})
    wait_for(lambda: dead_letters(h), 20, "a dead letter")
    visitor = Console(h)
    pages = [visitor.get("/journal"), visitor.get("/journal", what=HOSTILE, event=HOSTILE, to="1h"), visitor.get("/message", what=HOSTILE),
             visitor.get("/dead"), visitor.get("/dead", id=HOSTILE, code=HOSTILE, after=HOSTILE), visitor.get(),
             visitor.ask("GET", "/message?" + urllib.parse.urlencode({"what": HOSTILE + "unknown"}))[2],
             visitor.ask("GET", "/" + urllib.parse.quote("<script>"))[2]]
    for page in pages:
        assert "<script>" not in page and "alert('x')" not in page and "\u202e" not in page
        assert "the-body-of-the-message" not in page
    assert "<script>alert('x')</script>" in words(pages[0])
    assert "A Friend <b>" in words(pages[5])
    receiver.close()


def test_journal_pages_hold_every_row_once(hub):
    h = hub(with_console(basic()))
    assert h.push(package(grant(i) for i in range(1, 141)))[0] == 202
    wait_for(lambda: len(h.files("out/awards")) == 140, 30, "140 files")
    visitor, seen, path = Console(h), [], "?event=accepted"
    while path:
        page = visitor.ask("GET", "/journal" + path)[2]
        seen += re.findall(r"what=(\w+)\"", page)
        following = re.search(r'class="next" rel="next" href="/-/console/journal([^"]+)"', page)
        path = html.unescape(following[1]) if following else None
    assert len(seen) == 140 and len(set(seen)) == 140
    assert "No row of the journal fits" in visitor.get("/journal", event="dead")
    assert "140" not in words(visitor.get("/journal", connector="nobody").split("<h1>")[1].split("<footer")[0])


def test_journal_is_searched_by_id_subject_receipt_place_and_time(hub):
    h = hub(with_console(basic()))
    status, answer = h.push(package([grant(7), grant(8)]))
    assert status == 202
    wait_for(lambda: len(h.files("out/awards")) == 2, 20)
    visitor, message = Console(h), answer["messages"][0]

    def rows(**query):
        return visitor.get("/journal", **query).count('<td class="when">')

    wait_for(lambda: rows(destination="register", event="delivered") == 2, 10, "both delivered")
    assert rows(what=message) == 2  # accepted and delivered
    assert rows(what=message[:12]) == 2
    assert rows(what="360G-example-7") >= 1
    assert rows(what=answer["receipt"]) == 3  # submitted, and two accepted
    assert rows(connector="dcms-grants", event="delivered") == 0
    assert rows(party="dcms", **{"from": "5m"}) == 3
    assert rows(to="2020-01-01") == 0 and rows(**{"from": "2020-01-01", "to": "2999-01-01T00:00"}) == 5
    assert "is no time" in words(visitor.get("/journal", to="yesterday"))


def test_story_is_that_of_reeve_trace(hub):
    receiver, config = rejecting()
    h = hub(with_console(config))
    push_events(h, [4], subject="case-4")
    wait_for(lambda: dead_letters(h), 20, "a dead letter")
    told = h.command("trace", "-c", h.config, "case-4").stdout
    page = words(Console(h).get("/message", what="case-4"))
    sentences = re.findall(r"^  \S+Z  (.+)$", told, re.M) + re.findall(r"^  => friend: (.+?);", told, re.M)
    assert len(sentences) >= 3
    for sentence in sentences:
        assert sentence in page
    status, _, text = Console(h).ask("GET", "/message?what=nobody-knows-this")
    assert status == 404 and "no journal knows" in text
    receiver.close()


# ---- what may be changed

def test_dead_letter_is_sent_again_and_the_journal_says_by_whom(hub):
    receiver, config = rejecting()
    h = hub(closed(config))
    push_events(h, [1, 2])
    wait_for(lambda: len(dead_letters(h)) == 2, 20, "two dead letters")
    visitor = Console(h)
    visitor.ask("POST", "/login", {"secret": TOKEN})
    receiver.bad = False
    numbers = visitor.numbers(destination="friend", code="rejected")
    status, headers, _ = visitor.act("replay", numbers)
    assert status == 303 and headers["Location"].endswith("done=replay&n=2")
    assert "2 sent again" in words(visitor.get("/dead", done="replay", n="2"))
    wait_for(lambda: len(receiver.taken()) == 2, 20, "both delivered")
    assert dead_letters(h) == [] and visitor.numbers() == []
    by = [r["detail"]["by"] for r in h.trace("e1") if r["event"] == "replayed"]
    assert len(by) == 1 and re.fullmatch(r"console [0-9a-f]{8}", by[0])
    receiver.close()


def test_dead_letter_is_thrown_away_with_a_reason_only(hub):
    receiver, config = rejecting()
    h = hub(with_console(config))
    push_events(h, [1, 2])
    wait_for(lambda: len(dead_letters(h)) == 2, 20, "two dead letters")
    visitor = Console(h)
    first, second = visitor.numbers()
    for more in ({}, {"reason": "x"}, {"sure": "yes"}, {"reason": "x" * 501, "sure": "yes"}):
        assert visitor.act("discard", [first], **more)[0] == 422
    assert visitor.act("discard", [], reason="x", sure="yes")[0] == 422
    assert visitor.act("eat", [first])[0] == 400
    assert len(dead_letters(h)) == 2
    assert visitor.act("discard", [first, "77777"], reason="a test <b>", sure="yes")[0] == 303
    assert [str(d["number"]) for d in dead_letters(h)] == [second]
    row = [r for r in h.trace("e1") if r["event"] == "discarded"][0]
    assert (row["text"], row["detail"]["by"]) == ("a test <b>", "console")
    receiver.close()


def test_forms_of_elsewhere_change_nothing(hub):
    receiver, config = rejecting()
    h = hub(closed(config))
    push_events(h, [1])
    wait_for(lambda: dead_letters(h), 20, "a dead letter")
    visitor, other = Console(h), Console(h)
    visitor.ask("POST", "/login", {"secret": TOKEN})
    time.sleep(1.1)  # sessions begin in seconds; another second is another session
    other.ask("POST", "/login", {"secret": TOKEN})
    number, token = visitor.numbers()[0], visitor.form_token()
    form = {"token": token, "act": "discard", "number": number, "reason": "x", "sure": "yes"}
    for who, fields, headers, status in [
            (visitor, {**form, "token": "1-2"}, {}, 403), (visitor, {**form, "token": ""}, {}, 403), (other, form, {}, 403),
            (visitor, form, {"Origin": "http://evil.example"}, 403), (visitor, form, {"Origin": "null"}, 403),
            (visitor, form, {"Sec-Fetch-Site": "cross-site"}, 403), (Console(h), form, {}, 401),
            (visitor, form, {"Content-Type": "text/plain"}, 415)]:
        assert who.ask("POST", "/dead", fields, headers)[0] == status
    assert visitor.ask("POST", "", form)[0] == 405
    assert len(dead_letters(h)) == 1
    assert visitor.ask("POST", "/dead", form)[0] == 303 and dead_letters(h) == []
    receiver.close()


def test_many_dead_letters_come_in_pages(hub):
    receiver, config = rejecting()
    h = hub(with_console(config))
    h.command("pause", "friend", "-c", h.config)
    push_events(h, range(1))
    batch = [event(i, type_="funding.report") for i in range(100, 215)]
    status, answer = h.push(batch, path="/events", headers={"Content-Type": "application/cloudevents-batch+json"})
    assert status == 202, answer

    def resumed():  # twenty refusals in a row pause it
        h.command("resume", "friend", "-c", h.config)
        return len(dead_letters(h)) == 116
    wait_for(resumed, 60, "116 dead letters", step=0.3)
    visitor, seen, path = Console(h), [], "/dead"
    while path:
        page = visitor.ask("GET", path)[2]
        seen += re.findall(r'name="number" value="(\d+)"', page)
        following = re.search(r'class="next" rel="next" href="/-/console([^"]+)"', page)
        path = html.unescape(following[1]) if following else None
    assert len(seen) == 116 and len(set(seen)) == 116
    receiver.close()
