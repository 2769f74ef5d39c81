# SPDX-License-Identifier: Apache-2.0
"""Helpers for whole-program tests: the build under test, free ports, and a hub that is always stopped again, by its pid.

REEVE_BUILD names the build directory (default: build/). A test that needs a program which was not built is skipped with
the reason; so is one that needs the shared test data (REEVE_SHARED or ../shared) when it is absent.
"""
import contextlib
import http.client
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import threading
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "contrib/servers"))
from ports import free_port  # noqa: E402,F401  the other files of the tests have it from here
os.environ.setdefault("REEVE_PORTS", os.path.join(tempfile.gettempdir(), f"reeve-ports-{os.getuid()}"))
# How much slower than a quick machine this one may be: every wait has an end, but no test is about how soon it comes.
PATIENCE = float(os.environ.get("REEVE_PATIENCE", 3))
BUILD = pathlib.Path(os.environ.get("REEVE_BUILD", ROOT / "build")).resolve()


def program(name):
    """The path of a built program; skips the test when it is not there."""
    path = BUILD / name
    if not os.access(path, os.X_OK):
        pytest.skip(f"{name} is not built in {BUILD}")
    return str(path)


def module(name):
    """A built module such as plugins/http; skips the test when it is not there."""
    path = BUILD / (name + ".so")
    if not path.exists():
        pytest.skip(f"{name}.so is not built in {BUILD}")
    return str(path)


def shared(relative=""):
    """A path in the shared test data; skips the test when there is none."""
    base = pathlib.Path(os.environ.get("REEVE_SHARED", ROOT.parent / "shared"))
    path = base / relative
    if not path.exists():
        pytest.skip(f"shared test data is absent: {relative or base.name}")
    return path


def wait_for(condition, seconds=10, what=None, step=0.02):
    """Polls until condition() is true and returns its value; fails the test after so many seconds (of a quick machine). what: the text
    that says what did not come, or what makes it then."""
    end = time.monotonic() + seconds * PATIENCE
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() >= end:
            what = what() if callable(what) else what or getattr(condition, "__name__", condition)
            pytest.fail(f"not within {seconds * PATIENCE:g} s: {what}")
        time.sleep(step)


def serving(server):
    """A socketserver at work in a thread of its own; its shutdown() waits for its next look, which is not half a second away."""
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()


def put(path, text, mode=0o644):
    """A file with this text, whole at any moment: a hub of another machine may be reading it."""
    path = pathlib.Path(path)
    fresh = path.with_name(path.name + ".fresh")
    fresh.touch(mode=mode)
    fresh.write_text(text)
    fresh.rename(path)


@contextlib.contextmanager
def small_disk(directory, mib):
    """A file system of its own at a directory, of so many MiB."""
    directory.mkdir(parents=True, exist_ok=True)
    r = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={mib}m,mode=700", "tmpfs", directory], capture_output=True, text=True)
    if r.returncode != 0:
        pytest.skip(f"a small file system cannot be mounted here: {r.stderr.strip()}")
    try:
        yield directory
    finally:
        subprocess.run(["umount", "-l", directory], check=True, timeout=30)


def fill(directory, leave=0):
    """A file that takes all but so many bytes; 0: really all. Gives its path."""
    path = directory / "filler"
    with open(path, "ab", buffering=0) as f:
        while True:
            v = os.statvfs(directory)
            room = v.f_bavail * v.f_frsize - leave
            if room <= 0:
                return path
            try:
                f.write(bytes(min(room, 4 << 20)))
            except OSError:
                if leave == 0:
                    return path
                raise


def run(*argv, stdin=None, timeout=60, env=None, cwd=None):
    """Runs a command; gives the CompletedProcess with text output."""
    return subprocess.run([str(a) for a in argv], input=stdin, capture_output=True, text=True, timeout=timeout, cwd=cwd,
                          env={**os.environ, **(env or {})})


def reeve(*argv, **kw):
    return run(program("reeve"), *argv, **kw)


def request(port, method, path, body=None, headers=None, timeout=30, host="127.0.0.1"):
    """One HTTP request on a connection of its own: (status, headers, body bytes)."""
    c = http.client.HTTPConnection(host, port, timeout=timeout)
    try:
        c.request(method, path, body=body, headers=headers or {})
        r = c.getresponse()
        return r.status, r.headers, r.read()
    finally:
        c.close()


class Daemon:
    """A program that runs beside the test; its standard error is kept in a file and read with log()."""

    def __init__(self, argv, directory, name="daemon", env=None, pass_fds=(), stdin=subprocess.DEVNULL, preexec_fn=None):
        self.log_path = pathlib.Path(directory) / (name + ".log")
        with open(self.log_path, "ab") as log:
            self.log_start = log.tell()  # a second start in the same directory has a log of its own
            self.process = subprocess.Popen([str(a) for a in argv], stdin=stdin, stdout=log, stderr=log, pass_fds=pass_fds,
                                            preexec_fn=preexec_fn, env={**os.environ, **(env or {})})

    @property
    def pid(self):
        return self.process.pid

    def log(self):
        return self.log_path.read_bytes()[self.log_start:].decode(errors="replace")

    def running(self):
        return self.process.poll() is None

    def wait_log(self, text, seconds=15):
        def there():
            running = self.running()  # asked first: it may say the text and end between the two looks
            if text in self.log():
                return True
            if not running:
                pytest.fail(f"ended with {self.process.returncode} before it said {text!r}:\n{self.log()}")
            return False
        wait_for(there, seconds, f"{text!r} in the log:\n" + self.log()[-3000:])

    def wait(self, seconds=30):
        try:
            return self.process.wait(seconds * PATIENCE)
        except subprocess.TimeoutExpired:
            pytest.fail(f"did not end within {seconds * PATIENCE:g} s:\n{self.log()[-3000:]}")

    def stop(self, sig=signal.SIGTERM, seconds=30):
        """Asks it to end and waits; kills it when it does not. Returns the exit code."""
        if self.running():
            self.process.send_signal(sig)
            try:
                self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        return self.process.returncode


class Hub(Daemon):
    """`reeve run -c CONFIG` and the commands against it."""

    def __init__(self, config, directory, reeve_path=None, arguments=(), env=None, name="hub"):
        self.config = str(config)
        self.reeve_path = reeve_path or program("reeve")
        self.env = env or {}
        super().__init__([self.reeve_path, "run", "-c", self.config, *arguments], directory, name, env)

    def command(self, *argv, **kw):
        return run(self.reeve_path, *argv, env={**self.env, **kw.pop("env", {})}, **kw)

    def status(self):
        r = self.command("status", "--json", "-c", self.config)
        return json.loads(r.stdout) if r.returncode in (0, 1) and r.stdout else None

    def process_status(self, name):
        s = self.status()
        return next((p for p in s["processes"] if p["name"] == name), None) if s else None

    def stats(self, process):
        """The figures of a process; {}: it has not given any yet."""
        return (self.process_status(process) or {}).get("stats", {})

    def queues(self):
        """{destination: its figures}; {}: none came yet."""
        return {q["name"]: q for q in (self.status() or {}).get("destinations", [])}

    def queue(self, name):
        """The figures of a destination; {}: there is none, or none came yet. Who keeps the queues may be too slow: then they are the old ones."""
        return self.queues().get(name, {})

    def wait_ready(self, seconds=30):
        self.wait_log("hub-ready", seconds)
        return self


@pytest.fixture
def start_hub(tmp_path):
    """start_hub(config, …) starts a hub and waits until it is ready; it is stopped after the test."""
    hubs = []

    def start(config, ready=True, **kw):
        hub = Hub(config, kw.pop("directory", tmp_path), **kw)
        hubs.append(hub)
        return hub.wait_ready() if ready else hub

    yield start
    for hub in hubs:
        hub.stop()


@pytest.fixture
def start_daemon(tmp_path):
    """start_daemon(argv, …) starts a program that is stopped after the test."""
    daemons = []

    def start(argv, **kw):
        d = Daemon(argv, kw.pop("directory", tmp_path), **kw)
        daemons.append(d)
        return d

    yield start
    for d in daemons:
        d.stop(seconds=10)


@pytest.fixture
def engine(request):
    """Where the hubs of a test keep their queues (hub.Engine): the spool, or a fresh virtual host of RabbitMQ (hub.BOTH_ENGINES)."""
    from hub import Engine
    if getattr(request, "param", "spool") == "spool":
        return Engine()
    return Engine("amqp", request.getfixturevalue("rabbitmq"), request.getfixturevalue("vhost"))


@pytest.fixture
def hub(tmp_path, engine):
    """Starts whole hubs from configuration dicts (hub.TestHub), ready when it returns (unless ready=False); stops them after the test."""
    from hub import TestHub
    hubs = []

    def start(config, ready=True):
        h = TestHub(tmp_path, config, engine=engine)
        hubs.append(h)
        return h.wait_ready() if ready else h

    yield start
    for h in hubs:
        h.stop()


@pytest.fixture
def receiver():
    """receiver(answer=None): an HTTP server (hub.Receiver) that is closed after the test."""
    from hub import Receiver  # which uses this file
    with contextlib.ExitStack() as made:
        yield lambda answer=None: made.enter_context(contextlib.closing(Receiver(answer)))


@pytest.fixture
def hubs(tmp_path, rabbitmq, vhost, postgresql, database):
    """hubs(config, machines=2): several hubs on one RabbitMQ and one PostgreSQL (hub.Hubs), all ready; stopped after the test. reeve_path:
    of another build. brokers: {machine: address} of those that have a way of their own to it."""
    from hub import Engine, Hubs
    made = []

    def start(config, machines=2, reeve_path=None, brokers=()):
        made.append(Hubs(tmp_path, config, Engine("amqp", rabbitmq, vhost), postgresql, database, machines))
        made[-1].brokers.update(brokers)
        return made[-1].start_all(reeve_path)

    yield start
    for h in made:
        h.stop()


# A process begins with the peak of the one that started it, so a small one stands between. What `reeve` executes in its place counts on.
MEASURE = """import resource, subprocess, sys
code = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL).returncode
print(code, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"""


def peak_rss(*argv):
    """(exit code, KiB, standard error) of a program."""
    done = subprocess.run([sys.executable, "-c", MEASURE, *argv], capture_output=True, text=True, timeout=600)
    code, kib = map(int, done.stdout.split())
    return code, kib, done.stderr


def sanitized():
    return b"__asan" in (BUILD / "reeve-worker").resolve().read_bytes()


from broker import rabbitmq, vhost  # noqa: E402,F401  fixtures; they use what is above
from database import database, postgresql  # noqa: E402,F401
