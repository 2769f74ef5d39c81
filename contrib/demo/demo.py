#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""make demo: the sample hub at work, and an account of it.

Environment: TRANSPORT=amqp keeps the queues in a RabbitMQ of the demo's own; ONCE=1 stops by itself and ends 0 only when everything arrived where the account says; FILE=x.json pushes
that file instead of the demo's own; REEVE_BUILD is the build tree. Everything lives in a temporary directory and on
loopback ports; nothing is left behind but, after a failure, that directory."""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import account  # noqa: E402
import explained  # noqa: E402
import show  # noqa: E402
from hub import Hub, Trouble, url_place  # noqa: E402
from receivers import Receivers  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]
DATA = pathlib.Path(__file__).resolve().parent / "data"
GIVING, EVENTS = "360giving", "cloudevents"
SHOWN = 50  # messages of a user's own file


def need(hub, plugin, adapter):
    sources = hub.sources(plugin, adapter)
    if not sources:
        raise Trouble(f"the sample hub has no connector that receives {adapter} by {plugin}")
    return sources


# ---- before ----
def introduce(hub):
    show.heading(f"The hub `{hub.plan['hub']}`, a private copy of config/")
    rows = []
    for p in hub.parts("source"):
        options = p["plugin"]["options"]
        where = p.get("path") or options.get("directory", [""])[0]
        rows.append(["in", p["connector"], p["party"]["title"], (p.get("adapter") or {}).get("name", ""),
                     p["plugin"]["name"], short(hub, where)])
    for name, p in sorted(hub.sinks().items()):
        options = p["plugin"]["options"]
        where = (options.get("url") or options.get("directory") or [""])[0]
        rows.append(["out", name, p["party"]["title"], (p.get("adapter") or {}).get("name", ""),
                     p["plugin"]["name"], short(hub, where)])
    show.table(["", "CONNECTOR", "PARTY", "SPEAKS", "BY", "WHERE"], rows, shrink=(2, 5))


def short(hub, text):
    return str(text).replace(str(hub.config) + "/", "")


def start_receivers(hub, receivers):
    """One for each port that a destination's address names; they were made free ports when the copy was made."""
    for sink in hub.sinks().values():
        for url in sink["plugin"]["options"].get("url", []):
            port, _ = url_place(url)
            if port and not any(s.server_address[1] == port for s in receivers.servers):
                receivers.start(port)


# ---- pushing ----
def grants_of(source, body):
    return [account.Record(source, g["id"], g) for g in account.read_json(body)["grants"]]


def events_of(source, body):
    document = account.read_json(body)
    return [account.Record(source, e["id"], e.get("data")) for e in (document if isinstance(document, list) else [document])]


def answer_of(data):
    try:
        return json.loads(data)
    except ValueError:
        return {}


def show_refusal(status, answer):
    show.say(f"HTTP {status} {answer.get('title', '')}")
    totals = answer.get("totals") or []
    if totals:
        show.say("totals: " + ", ".join(f"{t['count']} × {t['code']}" for t in totals))
    issues = answer.get("issues", [])
    if answer.get("detail"):
        show.say(show.plain(answer["detail"]))
    if issues:
        show.table(["", "RECORD", "WHERE", "FOUND", "WANTED", "CODE"],
                   [[i.get(k, "") for k in ("severity", "id", "pointer", "found", "wanted", "code")] for i in issues[:25]],
                   shrink=(1, 3, 4), tail=(1,))
        show.say(f"the first in words: {show.plain(issues[0].get('text', ''))}")
    if len(issues) > 25:
        show.say(f"and {len(issues) - 25} more")


def show_receipt(status, answer):
    show.say(f"HTTP {status}: accepted {answer.get('accepted')}, new {answer.get('new')}, changed {answer.get('changed')}, "
             f"unchanged {answer.get('unchanged')}")
    show.say(f"receipt {answer.get('receipt')}")


def push_faults(hub, source):
    show.heading("1. A grant file with faults is pushed")
    status, _, data = hub.push(source, (DATA / "grants-with-faults.json").read_bytes(), {"Content-Type": "application/json"})
    answer = answer_of(data)
    show_refusal(status, answer)
    if status != 422 or not answer.get("issues"):
        raise Trouble(f"the faulty file was not refused as it should be: HTTP {status} {data[:300]!r}")
    show.say("Nothing of it was accepted: a file is taken whole or not at all, unless the operator allows `partial`.")


def push_grants(hub, source, body):
    status, _, data = hub.push(source, body, {"Content-Type": "application/json"})
    answer = answer_of(data)
    if status != 202:
        show_refusal(status, answer)
        raise Trouble(f"the file was not accepted: HTTP {status} {data[:300]!r}")
    show_receipt(status, answer)
    return answer


def push_good(hub, source):
    show.heading("2. The same file, put right")
    body = (DATA / "grants.json").read_bytes()
    first = push_grants(hub, source, body)
    show.say("and once more, byte for byte, as a sender does that did not see the answer:")
    again = push_grants(hub, source, body)
    show.say("the stored answer again: nothing was sent twice, as the proof below shows")
    records = grants_of(source, body)
    if first.get("accepted") != len(records) or again.get("receipt") != first.get("receipt"):
        raise Trouble("the same submission got another receipt, or not every grant was counted")
    return records


def drop_file(hub, source):
    show.heading("3. A second file is dropped into a watched directory")
    directory = pathlib.Path(source["plugin"]["options"]["directory"][0])
    name = "foundation-grants.json"
    body = (DATA / name).read_bytes()
    part = directory / f".{name}.part"  # a whole file appears at once: written aside, then renamed
    part.write_bytes(body)
    part.rename(directory / name)
    end = time.monotonic() + 20
    while (directory / name).exists():
        if time.monotonic() > end:
            raise Trouble(f"{directory / name} was not taken:\n" + hub.log_tail())
        time.sleep(0.05)
    for path in sorted(directory.rglob("*")):
        if path.is_file():
            show.say(f"now there: {short(hub, path)}")
    if not any(p.is_file() and p.name.startswith("foundation") for p in directory.glob("done/**/*")):
        raise Trouble("the dropped file is not in done/:\n" + hub.log_tail())
    return grants_of(source, body)


def push_events(hub, sources):
    show.heading("4. Referrals and cases arrive as CloudEvents")
    source = sources[0]
    body = (DATA / "referral.json").read_bytes()
    status, _, data = hub.push(source, body, {"Content-Type": "application/cloudevents+json"})
    show.say("structured mode, client.referral:")
    if status != 202:
        raise Trouble(f"the referral was not accepted: HTTP {status} {data[:500]!r}")
    show_receipt(status, answer_of(data))
    records = events_of(source, body)

    source = sources[-1]
    lines = (DATA / "case.headers").read_text().splitlines()
    headers = dict(line.split(": ", 1) for line in lines if line)
    body = (DATA / "case.body.json").read_bytes()
    status, _, data = hub.push(source, body, headers)
    show.say("binary mode, client.case:")
    if status != 202:
        raise Trouble(f"the case was not accepted: HTTP {status} {data[:500]!r}")
    show_receipt(status, answer_of(data))
    records.append(account.Record(source, headers["ce-id"], account.read_json(body)))

    body = (DATA / "batch.json").read_bytes()
    status, _, data = hub.push(source, body, {"Content-Type": "application/cloudevents-batch+json"})
    show.say("a batch, one for which no provider is named and one that no route takes:")
    if status != 202:
        raise Trouble(f"the batch was not accepted: HTTP {status} {data[:500]!r}")
    show_receipt(status, answer_of(data))
    return records + events_of(source, body)


# ---- after ----
def give_account(hub, receivers, records, whole=False):
    late = account.wait_settled(hub, records)
    show_account(records)
    explained.legend(hub, records)
    show_one(hub, records[-1])
    restarted = show_queues(hub)
    problems, good = account.prove(hub, receivers, records, whole)
    problems += restarted
    problems += [f"{r.key} is still under way, or was never accepted" for r in late]
    problems += [f"{r.key} ended as {r.outcome(d)['event']} at {d}: {r.outcome(d).get('text', '')}"
                 for r in records if r not in late for d in r.chosen() if r.outcome(d)["event"] != "delivered"]
    show.heading("The proof: what the receivers and directories really have")
    for name, n in sorted(good.items()):
        show.good(f"{name}: {n} message{'' if n == 1 else 's'}, each once and word for word")
    for text in problems:
        show.bad(show.plain(text))
    return problems


def show_one(hub, record):
    show.heading(f"One message in full (`reeve trace {record.key}`)")
    for line in hub.command("trace", record.key)[1].splitlines():
        show.say(show.plain(line))


def show_queues(hub):
    code, out, err = hub.command("status", "--json")
    show.heading("The queues (from `reeve status`)")
    if code not in (0, 1):
        raise Trouble("reeve status failed: " + err)
    status = json.loads(out)
    queues = account.queues(status)
    show.table(["DESTINATION", "WAITING", "UNDER WAY", "DEAD LETTERS"],
               [[q["name"], int(q["ready"]) + int(q.get("delayed", 0)), q.get("inflight", "?"), q["dead"]] for q in queues])
    for alarm in status.get("alarms", []):
        show.say(f"alarm: {show.plain(alarm.get('text', alarm))}")
    return [f"{p['name']} was started {p['restarts']} times again" for p in status.get("processes", []) if p.get("restarts")]


def own_file(hub, receivers, name):
    path = pathlib.Path(name)
    if not path.is_file():
        raise Trouble(f"FILE={name}: there is no such file")
    body = path.read_bytes()
    kind, standard = recognise(path, body)
    source = need(hub, "http", standard)[0]
    show.heading(f"{path.name} is pushed to {source['path']}")
    status, _, data = hub.push(source, body, {"Content-Type": kind})
    answer = answer_of(data)
    if status != 202:
        show_refusal(status, answer)
        return ["the hub did not accept the file"]
    show_receipt(status, answer)
    records = grants_of(source, body) if standard == GIVING else events_of(source, body)
    if len(records) <= SHOWN:
        return give_account(hub, receivers, records)
    show.say(f"the account shows the first {SHOWN} messages of {len(records)}, and leaves out the proof")
    late = account.wait_settled(hub, records[:SHOWN])
    show_account(records[:SHOWN])
    return [f"{r.key} is still under way" for r in late]


def recognise(path, body):
    """(content type, standard): grants unless it looks like CloudEvents. What it is not, the hub will say."""
    if path.suffix.lower() != ".json" or b'"specversion"' not in body[:4096]:
        kinds = {".json": "application/json", ".csv": "text/csv", ".xml": "application/xml"}
        return kinds.get(path.suffix.lower(), "application/octet-stream"), GIVING
    batch = body.lstrip().startswith(b"[")
    return "application/cloudevents-batch+json" if batch else "application/cloudevents+json", EVENTS


def show_account(records):
    show.heading("What went where, and why (from `reeve trace`)")
    groups = account.groups(records)
    sizes = [max(len(row[i]) for _, rows in groups for row in rows) for i in range(4)]  # the same columns in all groups
    for title, rows in groups:
        show.say(show.paint(f"\n{title}", show.BOLD))
        show.table(["MESSAGE", "ROUTING SAW", "TO", "BY ROUTE", "OUTCOME"], rows, shrink=(0, 1, 3, 4), tail=(0,), least=sizes)


def tour(hub, receivers):
    giving = need(hub, "http", GIVING)[0]
    dropped = need(hub, "file", GIVING)[0]
    events = need(hub, "http", EVENTS)
    forecast = explained.Forecast(hub)
    forecast.add(giving, DATA / "grants.json")
    forecast.add(dropped, DATA / "foundation-grants.json")
    forecast.add(events[0], DATA / "referral.json")
    push_faults(hub, giving)
    records = push_good(hub, giving) + drop_file(hub, dropped) + push_events(hub, events)
    return give_account(hub, receivers, records, whole=True) + forecast.compare(records)


def invite(hub, source):
    show.heading("The hub runs on until Ctrl-C. To try, in another terminal:")
    reeve, c = hub.build / "reeve", f"-c {hub.config}"
    host, port = hub.door_address()
    token = hub.bearer(source["path"])
    key = f' -H "Authorization: Bearer {token}"' if token else ""
    for line in (f"{reeve} status {c}", f"{reeve} trace {c} 360G-exampleshire-2026-003",
                 f"{reeve} explain {c} --from {source['connector']} {DATA / 'grants.json'}",
                 f"{reeve} decode 360giving {DATA / 'grants-with-faults.json'}",
                 f'curl -i -H "Content-Type: application/json"{key} --data-binary @FILE.json http://{host}:{port}{source["path"]}',
                 f"ls -R {hub.config}"):
        show.say("  " + line)
    show.say(f"\nThe hub's log: {hub.where / 'hub.log'}")


def until_interrupted():
    try:
        while True:
            signal.pause()
    except KeyboardInterrupt:
        pass
    show.say("\nstopping: what is under way is finished first")


class Broker:
    """A RabbitMQ in the demo's own directory (contrib/servers/rabbitmq)."""
    user, password, vhost = "guest", "guest", "/"

    def __init__(self, where):
        self.directory = where / "rabbitmq"
        show.say("a private RabbitMQ is started; that takes some seconds")
        self.address = f"127.0.0.1:{json.loads(self.script('start'))['amqp']}"

    def script(self, what):
        done = subprocess.run([ROOT / "contrib/servers/rabbitmq", what, self.directory], capture_output=True, text=True, timeout=180, check=False)
        if done.returncode != 0:
            raise Trouble(f"RabbitMQ: {(done.stderr or done.stdout).strip()}")
        return done.stdout

    def remove(self):
        self.script("remove")


def broker_wanted(where):
    transport = os.environ.get("TRANSPORT") or "spool"
    if transport not in ("spool", "amqp"):
        raise Trouble(f"TRANSPORT={transport}: spool or amqp")
    return Broker(where) if transport == "amqp" else None


def run(hub, receivers, once, name):
    introduce(hub)
    start_receivers(hub, receivers)
    hub.start()
    show.good("the hub is ready")
    problems = own_file(hub, receivers, name) if name else tour(hub, receivers)
    if not problems:
        show.good("everything arrived where the account says")
    if not once:
        invite(hub, need(hub, "http", GIVING)[0])
        until_interrupted()
    code = hub.stop()
    if code != 0:
        problems.append(f"the hub ended with {code}")
        show.bad(problems[-1])
    return 1 if problems else 0


def main():
    once = os.environ.get("ONCE", "") not in ("", "0")
    build = pathlib.Path(os.environ.get("REEVE_BUILD") or ROOT / "build").resolve()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # both end the demo in order
    signal.signal(signal.SIGINT, signal.default_int_handler)   # make may have been started with it ignored
    where = pathlib.Path(tempfile.mkdtemp(prefix="reeve-demo-"))
    receivers, broker, hub, code = Receivers(), None, None, 1
    try:
        broker = broker_wanted(where)
        hub = Hub(build, ROOT / "config", where, broker)
        code = run(hub, receivers, once, os.environ.get("FILE", ""))
    except Trouble as e:
        show.bad(str(e))
    except KeyboardInterrupt:
        code = 130
    finally:
        if hub is not None:
            hub.stop()
        receivers.stop()
        if broker is not None:
            broker.remove()
        if code in (0, 130):
            shutil.rmtree(where, ignore_errors=True)
        else:
            show.say(f"what is left to look at: {where}")
    return code


if __name__ == "__main__":
    sys.exit(main())
