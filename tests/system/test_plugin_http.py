# SPDX-License-Identifier: Apache-2.0
"""Plugin http against a small receiver: what a request carries, what its answers mean, how many go at once."""
import base64
import http.server
import json
import shutil
import ssl
import subprocess
import threading
import time

import pytest

from conftest import program, serving


class Peer(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.seen, self.connections, self.busy, self.most_busy = [], 0, 0, 0
        self.lock = threading.Condition()
        self.status, self.headers, self.body, self.delay = 200, {}, b"", 0
        self.together = 0  # nobody is answered before so many have been busy at once
        serving(self)

    def url(self, path="/in"):
        return f"http://127.0.0.1:{self.server_address[1]}{path}"


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def setup(self):
        super().setup()
        with self.server.lock:
            self.server.connections += 1

    def handle_any(self):
        peer = self.server
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        with peer.lock:
            peer.seen.append((self.command, self.path, dict(self.headers), body))
            peer.busy += 1
            peer.most_busy = max(peer.most_busy, peer.busy)
            peer.lock.notify_all()
            peer.lock.wait_for(lambda: peer.most_busy >= peer.together, 10)
        time.sleep(peer.delay)
        with peer.lock:
            peer.busy -= 1
        self.send_response(peer.status)
        for name, value in {"Content-Length": str(len(peer.body)), **peer.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(peer.body)

    do_POST = do_PUT = do_PATCH = do_OPTIONS = handle_any

    def log_message(self, *args):
        pass


@pytest.fixture
def peer():
    p = Peer()
    yield p
    p.shutdown()
    p.server_close()


def write_events(path, n, **attributes):
    path.write_text("".join(json.dumps({"specversion": "1.0", "id": f"id-{i}", "source": "//x/y", "type": "funding.award",
                                        **attributes, "data": {"i": i}}) + "\n" for i in range(n)))
    return path


def deliver(url, events, *options):
    args = [a for o in [f"url={url}", *options] for a in ("-o", o)]
    run = subprocess.run([program("reeve-worker"), "plugin", "try", "http", *args, "--deliver", str(events), "--json"],
                         capture_output=True, text=True, timeout=60)
    assert run.returncode in (0, 1), run.stderr
    return [json.loads(line) for line in run.stdout.splitlines()]


def test_a_request_carries_body_type_key_headers_and_credentials(peer, tmp_path):
    events = write_events(tmp_path / "e", 1)
    got = deliver(peer.url("/in?x=1"), events, "bearer=s3cret", "headers=X-Hub=a b", "method=PUT")
    assert [(v["verdict"], v["reason"]) for v in got] == [("OK", "HTTP 200")]
    method, path, headers, body = peer.seen[0]
    assert (method, path) == ("PUT", "/in?x=1")
    assert headers["Idempotency-Key"] == '"id-0"'
    assert headers["Authorization"] == "Bearer s3cret"
    assert headers["X-Hub"] == "a b"
    assert headers["Content-Type"] == "application/cloudevents+json"
    assert headers["User-Agent"].startswith("reeve/")
    assert json.loads(body)["data"] == {"i": 0}


def test_basic_credentials(peer, tmp_path):
    deliver(peer.url(), write_events(tmp_path / "e", 1), "basic=me:pass")
    assert peer.seen[0][2]["Authorization"] == "Basic " + base64.b64encode(b"me:pass").decode()


@pytest.mark.parametrize("status,verdict", [(204, "OK"), (302, "DOWN"), (400, "REJECT"), (404, "DOWN"), (409, "REJECT"),
                                            (422, "REJECT"), (408, "RETRY"), (500, "RETRY"), (429, "DOWN"), (503, "DOWN")])
def test_answers_become_verdicts(peer, tmp_path, status, verdict):
    peer.status = status
    peer.headers = {"Retry-After": "3"} if status != 204 else {}
    got = deliver(peer.url(), write_events(tmp_path / "e", 2))
    assert [v["verdict"] for v in got] == [verdict] * 2
    assert [v["after_ms"] for v in got] == ([0] * 2 if status == 204 else [3000] * 2)
    assert all(v["reason"] == f"HTTP {status}" for v in got)


def test_a_problem_is_quoted_briefly_and_escaped(peer, tmp_path):
    peer.status = 422
    peer.headers = {"Content-Type": "application/problem+json"}
    peer.body = json.dumps({"title": "No such place", "detail": "E99\x1b[31m\n" + "é" * 300}).encode()
    reason = deliver(peer.url(), write_events(tmp_path / "e", 1))[0]["reason"]
    assert reason.startswith("HTTP 422: No such place: E99\\x1b[31m")
    assert "\n" not in reason and "\x1b" not in reason and len(reason.encode()) < 260


@pytest.mark.parametrize("attributes", [{"type": "client.referral"}, {"datacategory": "personal"}])
def test_a_problem_about_people_is_not_quoted(peer, tmp_path, attributes):
    peer.status = 422
    peer.headers = {"Content-Type": "application/problem+json"}
    peer.body = b'{"title": "Unknown person", "detail": "Jane Roe, 1 High Street"}'
    assert deliver(peer.url(), write_events(tmp_path / "e", 1, **attributes))[0]["reason"] == "HTTP 422"


@pytest.mark.parametrize("body", [b"<html>no</html>", b'{"title": ' * 30, b"[" * 100, b'{"title": 7}', b""])
def test_other_bodies_are_never_quoted(peer, tmp_path, body):
    peer.status = 400
    peer.headers = {"Content-Type": "application/problem+json"}
    peer.body = body
    assert deliver(peer.url(), write_events(tmp_path / "e", 1))[0]["reason"] == "HTTP 400"


def test_a_batch_goes_at_once_over_few_connections(peer, tmp_path):
    peer.delay, peer.together = 0.05, 9
    got = deliver(peer.url(), write_events(tmp_path / "e", 128), "concurrency=16")
    assert {v["verdict"] for v in got} == {"OK"} and [v["id"] for v in got] == [f"id-{i}" for i in range(128)]
    assert peer.most_busy <= 16 and peer.most_busy > 8
    assert peer.connections <= 16, "two batches of 64 share their connections"


def test_a_slow_peer_is_retried_and_an_absent_one_is_down(peer, tmp_path):
    events = write_events(tmp_path / "e", 1)
    peer.delay = 2
    got = deliver(peer.url(), events, "timeout=300ms")
    assert got[0]["verdict"] == "RETRY"
    peer.delay = 0
    assert deliver("http://127.0.0.1:1/", events)[0]["verdict"] == "DOWN"
    assert deliver("http://no.such.invalid/", events)[0]["verdict"] == "DOWN"


def test_check_says_whether_the_peer_answers(peer):
    def check(url):
        return subprocess.run([program("reeve-worker"), "plugin", "try", "http", "-o", f"url={url}", "--check"],
                              capture_output=True, text=True, timeout=30)
    assert check(peer.url()).returncode == 0
    assert peer.seen[0][0] == "OPTIONS"
    peer.status = 401
    assert "HTTP 401" in check(peer.url()).stderr
    assert check("http://127.0.0.1:1/").returncode == 1


@pytest.fixture
def tls_peer(peer, tmp_path):
    """The peer behind a certificate of its own making for localhost; gives (url, certificate)."""
    openssl = shutil.which("openssl")
    if not openssl:
        pytest.skip("openssl is not installed")
    cert, key = tmp_path / "c.pem", tmp_path / "k.pem"
    subprocess.run([openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                    "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", cert],
                   check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    peer.socket = context.wrap_socket(peer.socket, server_side=True)
    return f"https://localhost:{peer.server_address[1]}/in", cert


def test_certificates_and_names_are_checked(tls_peer, tmp_path):
    url, cert = tls_peer
    events = write_events(tmp_path / "e", 1)
    unknown = deliver(url, events)[0]
    assert unknown["verdict"] == "DOWN" and "certificate" in unknown["reason"]
    wrong_name = deliver(url.replace("localhost", "127.0.0.1"), events, f"ca={cert}")[0]
    assert wrong_name["verdict"] == "DOWN" and "127.0.0.1" in wrong_name["reason"]
    assert deliver(url, events, f"ca={cert}")[0]["verdict"] == "OK"
    missing = deliver(url, events, f"ca={tmp_path}/none.pem")[0]
    assert missing["verdict"] == "DOWN"
