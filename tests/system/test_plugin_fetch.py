# SPDX-License-Identifier: Apache-2.0
"""Plugin fetch against a publisher that cuts, stalls, lies, redirects and changes its mind: no record is lost, none comes twice."""
import email.utils
import gzip
import json
import signal
import socket
import threading
import time

import pytest
from conftest import module, program, put, run, wait_for
from hub import COUNCIL, EVENTS, event

KEY = "the-operators-key"


class Publisher:
    """A web server whose every answer is written by hand: rule(self, path, header fields) gives bytes and pauses (numbers of seconds), after
    which the connection ends."""

    def __init__(self, rule):
        self.rule, self.asked, self.lock = rule, [], threading.Lock()
        self.server = socket.create_server(("127.0.0.1", 0), backlog=32)
        self.port = self.server.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.server.accept()
            except OSError:
                return
            threading.Thread(target=self.answer, args=(client,), daemon=True).start()

    def answer(self, client):
        with client:
            head = b""
            while b"\r\n\r\n" not in head:
                more = client.recv(65536)
                if not more:
                    return
                head += more
            lines = head.decode().split("\r\n")
            fields = dict((k.lower(), v.strip()) for k, _, v in (line.partition(":") for line in lines[1:] if line))
            path = lines[0].split(" ")[1]
            with self.lock:
                self.asked.append((path, fields))
                answer = self.rule(self, path, fields)
            try:
                for piece in answer:
                    time.sleep(piece) if isinstance(piece, (int, float)) else client.sendall(piece)
            except OSError:
                pass

    def close(self):
        self.server.close()


def head(status=200, length=None, **fields):
    lines = [f"HTTP/1.1 {status} Some Reason", "Connection: close"]
    if length is not None:
        lines.append(f"Content-Length: {length}")
    lines += [f"{k.replace('_', '-')}: {v}" for k, v in {"Content_Type": EVENTS, **fields}.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def whole(body, status=200, **fields):
    return [head(status, len(body), **fields), body]


def document(numbers, **more):
    return json.dumps([event(n, **more) for n in numbers]).encode()


@pytest.fixture
def publisher():
    made = []

    def start(rule):
        made.append(Publisher(rule))
        return made[-1]
    yield start
    for p in made:
        p.close()


@pytest.fixture
def fetching(hub):
    """fetching(url, option=…): a hub that fetches it over and over, and keeps what came in out/."""
    module("plugins/fetch")

    def start(url, **options):
        return hub({"parties": dict(COUNCIL),
                    "connectors": {"feed": {"party": "dcms", "receive": {"plugin": "fetch", "url": url, "every": "200ms", "speaks": "cloudevents", **options}},
                                   "sink": {"party": "council", "deliver": {"plugin": "file", "directory": "out", "speaks": "cloudevents"}}},
                    "routes": {"all": {"when": "true", "to": "sink"}}})
    return start


def ids(h):
    return sorted(json.loads(p.read_text())["id"] for p in h.files("out"))


def came(h, numbers):
    """Exactly these, each once."""
    wanted = sorted(f"e{n}" for n in numbers)
    wait_for(lambda: len(h.files("out")) >= len(wanted), 30, lambda: f"{ids(h)}\n{h.log()[-2500:]}")
    assert ids(h) == wanted


def asked_again(p, n=2):
    """So many more requests were answered: what had to happen has happened."""
    seen = len(p.asked)
    wait_for(lambda: len(p.asked) >= seen + n, 30, lambda: f"{len(p.asked)} requests")


def submitted(h, n):
    """So many documents were taken; the journal says so after the first receiver may have them."""
    rows = lambda: h.journal("feed.receive", "submitted")
    wait_for(lambda: len(rows()) >= n, 30, h.log)
    assert len(rows()) == n


def test_what_is_not_modified_is_not_sent_again_and_what_is_comes(publisher, fetching):
    now = {"body": document(range(3)), "etag": '"1"'}

    def rule(p, path, fields):
        if fields.get("if-none-match") == now["etag"]:
            return [head(304, ETag=now["etag"])]
        return whole(now["body"], ETag=now["etag"])

    p = publisher(rule)
    h = fetching(p.url + "/feed")
    came(h, range(3))
    asked_again(p, 3)
    submitted(h, 1)
    now.update(body=document(range(5)), etag='"2"')
    came(h, range(5))
    asked_again(p, 3)
    submitted(h, 2)
    assert p.asked[-1][1]["if-none-match"] == '"2"'


def test_what_has_not_changed_gives_nothing_though_the_server_does_not_know(publisher, fetching):
    p = publisher(lambda p, path, fields: whole(document(range(3))))
    h = fetching(p.url)
    came(h, range(3))
    asked_again(p, 4)
    submitted(h, 1)


def test_what_is_remembered_holds_after_a_kill(publisher, fetching):
    p = publisher(lambda p, path, fields: [head(304)] if "if-modified-since" in fields else
                  whole(document(range(3)), Last_Modified="Wed, 21 Oct 2026 07:28:00 GMT"))
    h = fetching(p.url)
    came(h, range(3))
    asked_again(p)
    h.kill_process("feed.receive")
    asked_again(p, 3)
    assert sum("if-modified-since" not in fields for _, fields in p.asked) == 1
    came(h, range(3))


BODY = document(range(400))
STRONG = {"ETag": '"v1"', "Accept_Ranges": "bytes"}


def rest(fields, body, **more):
    """The part that is asked for."""
    at = int(fields["range"].split("=")[1].rstrip("-"))
    return [head(206, len(body) - at, Content_Range=f"bytes {at}-{len(body) - 1}/{len(body)}", **{**STRONG, **more}), body[at:]]


@pytest.mark.parametrize("stall", [None, 30], ids=["cut", "stall"])
def test_where_a_connection_breaks_it_goes_on(publisher, fetching, stall):
    def rule(p, path, fields):
        if fields.get("if-none-match"):
            return [head(304)]
        if "range" in fields:
            assert fields["if-range"] == '"v1"'
            parts = rest(fields, BODY)
            return parts if len(p.asked) > 3 else [parts[0], parts[1][:20000]]  # it breaks more than once
        return [head(200, len(BODY), **STRONG), BODY[:15000], *([stall] if stall else [])]

    p = publisher(rule)
    h = fetching(p.url, timeout="3s")
    came(h, range(400))
    assert [fields.get("range") for _, fields in p.asked[:3]] == [None, "bytes=15000-", "bytes=35000-"]
    submitted(h, 1)


@pytest.mark.parametrize("how", ["says so", "another tag", "another place", "no such rest", "weak tag"])
def test_a_document_that_changes_on_the_way_is_begun_again(publisher, fetching, how):
    other = document(range(1000, 1400))

    def rule(p, path, fields):
        if fields.get("if-none-match"):
            return [head(304)]
        if len(p.asked) == 1:
            return [head(200, len(BODY), **{**STRONG, **({"ETag": 'W/"v1"'} if how == "weak tag" else {})}), BODY[:15000]]
        if "range" in fields and how == "another tag":
            return rest(fields, other, ETag='"v2"')
        if "range" in fields and how == "another place":
            return [head(206, 10, Content_Range=f"bytes 0-9/{len(other)}"), other[:10]]
        if "range" in fields and how == "no such rest":
            return [head(416, 0)]
        assert "range" not in fields or how == "says so"
        return whole(other, ETag='"v2"')

    h = fetching(publisher(rule).url)
    came(h, range(1000, 1400))


def test_a_length_that_is_not_true_loses_nothing(publisher, fetching):
    now = {"add": 7}

    def rule(p, path, fields):
        return [head(200, len(BODY) + now["add"]), BODY]

    p = publisher(rule)
    h = fetching(p.url)
    h.wait_log("broke off", 60)  # it says more than there is
    assert not h.files("out")
    now["add"] = -1000  # less: the document is cut
    h.wait_log("the document was not taken", 60)
    assert not h.files("out")
    now["add"] = 0
    wait_for(lambda: h.files("out"), 60, lambda: h.log()[-2000:])
    came(h, range(400))


def test_redirections_are_followed_and_nobody_else_sees_the_key(publisher, fetching, tmp_path):
    put(tmp_path / "basic", "me:word", 0o600)
    other = publisher(lambda p, path, fields: whole(document(range(3))))

    def rule(p, path, fields):
        return [head(302, 0, Location="/moved" if path == "/feed" else other.url + "/there")]

    p = publisher(rule)
    h = fetching(p.url + "/feed", headers={"X-Key": KEY}, basic="${file:basic}")
    came(h, range(3))
    assert all(fields["x-key"] == KEY and fields["authorization"].startswith("Basic ") for _, fields in p.asked)
    assert other.asked and not any("x-key" in fields or "authorization" in fields for _, fields in other.asked)


def test_a_circle_of_redirections_ends_with_the_reason(publisher, fetching):
    h = fetching(publisher(lambda p, path, fields: [head(302, 0, Location="/round")]).url)
    h.wait_log("more than 5 redirections")


@pytest.mark.parametrize("to", ["file:///etc/passwd", "ftp://127.0.0.1/x"])
def test_a_redirection_leads_only_to_the_web(publisher, fetching, to):
    h = fetching(publisher(lambda p, path, fields: [head(302, 0, Location=to)]).url)
    h.wait_log("which is not followed")


@pytest.mark.parametrize("how", ["encoding", "file", "members"])
def test_what_is_packed_is_unpacked(publisher, fetching, how):
    packed = gzip.compress(BODY) if how != "members" else gzip.compress(BODY[:1000]) + gzip.compress(BODY[1000:])
    h = fetching(publisher(lambda p, path, fields: whole(packed, **({"Content_Encoding": "gzip"} if how == "encoding" else {}))).url)
    came(h, range(400))


@pytest.mark.parametrize("packed,reason", [
    (gzip.compress(b"[" + b" " * 5_000_000 + b"]"), "unpacks to more than max_size"),
    (gzip.compress(BODY)[:-20], "packed and cut short"),
    (gzip.compress(BODY)[:200] + b"\xff" * 500, "packed and damaged"),
    (b"[" + b" " * 2_000_000 + b"]", "larger than max_size"),
], ids=["bomb", "cut", "damaged", "large"])
def test_what_cannot_be_unpacked_or_is_too_large_is_told(publisher, fetching, packed, reason):
    now = {"body": packed}
    h = fetching(publisher(lambda p, path, fields: whole(now["body"])).url, max_size="1M")
    h.wait_log(reason)
    now["body"] = gzip.compress(document(range(3)))
    came(h, range(3))


def pages(n, each=5, by="link"):
    """A publisher of n pages."""
    def rule(p, path, fields):
        k = int(path.partition("page=")[2] or 0)
        body = [event(i) for i in range(k * each, (k + 1) * each)]
        more = f"/feed?page={k + 1}" if k + 1 < n else None
        if by == "link":
            return whole(json.dumps(body).encode(), **({"Link": f'<{more}>; rel="next"'} if more else {}))
        return whole(json.dumps({**body[0], "next": more} if more else body[0]).encode(), Content_Type="application/cloudevents+json")
    return rule


def test_pages_are_followed_by_the_header(publisher, fetching):
    p = publisher(pages(6))
    h = fetching(p.url + "/feed", next="link", every="1s")
    came(h, range(30))
    assert [path for path, _ in p.asked[:6]] == ["/feed"] + [f"/feed?page={k}" for k in range(1, 6)]
    asked_again(p, 12)
    came(h, range(30))  # a round that brings nothing new brings nothing


def test_pages_are_followed_by_a_member(publisher, fetching):
    h = fetching(publisher(pages(6, each=1, by="member")).url + "/feed", next="/next")
    came(h, range(6))


def test_pages_that_go_round_or_lead_elsewhere_end_with_the_reason_and_lose_nothing(publisher, fetching):
    where = {"last": "/feed"}

    def rule(p, path, fields):
        k = int(path.partition("page=")[2] or 0)
        return whole(document(range(k * 5, k * 5 + 5)), Link=f'<{"/feed?page=%d" % (k + 1) if k < 2 else where["last"]}>; rel=next')

    p = publisher(rule)
    h = fetching(p.url + "/feed", next="link")
    h.wait_log("the pages go round")
    came(h, range(15))
    where["last"] = "http://127.0.0.1:9/feed"
    h.wait_log("the next page is elsewhere")
    asked_again(p, 4)
    came(h, range(15))


def test_a_kill_between_pages_goes_on_with_the_page_that_was_next(publisher, fetching):
    stopped = threading.Event()
    inner = pages(8)

    def rule(p, path, fields):
        if path.endswith("page=4") and not stopped.is_set():
            return [30]  # no answer: here the process is killed
        return inner(p, path, fields)

    p = publisher(rule)
    h = fetching(p.url + "/feed", next="link", every="1h")
    wait_for(lambda: p.asked and p.asked[-1][0].endswith("page=4"), 30, "page 4 is asked for")
    came(h, range(20))
    h.kill_process("feed.receive")
    stopped.set()
    came(h, range(40))
    again = [path for path, _ in p.asked]
    assert again.count("/feed") == 1 and again[again.index("/feed?page=4") + 1] == "/feed?page=4", again


def test_kills_at_any_moment_lose_nothing_and_double_nothing(publisher, fetching):
    inner = pages(30, each=20)
    p = publisher(lambda p, path, fields: [0.02, *inner(p, path, fields)])
    h = fetching(p.url + "/feed", next="link", every="1h")
    for n in (3, 9, 17):
        wait_for(lambda n=n: len(p.asked) > n, 60, "pages")
        h.kill_process("feed.receive", signal.SIGKILL)
    came(h, range(600))


@pytest.mark.parametrize("status,fields", [(500, {}), (404, {}), (429, {"Retry_After": "1"}), (503, {})])
def test_a_server_that_refuses_is_asked_again_and_the_reason_is_told(publisher, fetching, status, fields):
    now = {"well": False}
    p = publisher(lambda p, path, f: whole(document(range(3))) if now["well"] else whole(b"secret words", status, **fields))
    h = fetching(p.url + "/feed?key=" + KEY)
    h.wait_log(f"/feed answers HTTP {status}")
    assert KEY not in h.log() and "secret words" not in h.log()
    now["well"] = True
    came(h, range(3))


@pytest.mark.parametrize("after,seconds", [("70", 70), ("9999999", 86400), (3 * 86400, 86400), (-60, 2), ("soon", 2), ("-5", 2)])
def test_a_server_says_when_it_wants_to_be_asked_again_within_a_day(publisher, fetching, after, seconds):
    when = after if isinstance(after, str) else email.utils.formatdate(time.time() + after, usegmt=True)
    p = publisher(lambda p, path, f: whole(b"", 503, Retry_After=when))
    fetching(p.url + "/feed").wait_log(f"answers HTTP 503; again in {seconds} s")


def test_a_file_is_read_again_when_it_changes(fetching, tmp_path):
    file = tmp_path / "feed.json"
    file.write_bytes(document(range(3)))
    h = fetching(f"file://{file}")
    came(h, range(3))
    file.write_bytes(document(range(5)))
    came(h, range(5))
    file.unlink()
    h.wait_log("feed.json")
    file.write_bytes(document(range(6)))
    came(h, range(6))


@pytest.mark.parametrize("options,reason", [
    (["url=ftp://x/"], "scheme ftp"),
    (["url=https://me:word@x/"], "name or password"),
    (["url=http://127.0.0.1:1/", "next=page"], "JSON pointer"),
    (["url=http://127.0.0.1:1/"], "127.0.0.1:1"),
])
def test_what_cannot_work_is_told_at_the_check(options, reason):
    r = run(program("reeve-worker"), "plugin", "try", module("plugins/fetch"), *[w for o in options for w in ("-o", o)], "--check")
    assert r.returncode != 0 and reason in r.stdout + r.stderr, r.stdout + r.stderr
