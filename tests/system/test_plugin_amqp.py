# SPDX-License-Identifier: Apache-2.0
"""Plugin amqp against a real RabbitMQ that is a party's own: what passes, how events travel, and that nothing is lost when something
ends, stands still, or was taken away."""
import contextlib
import datetime
import decimal
import json
import os
import re
import signal
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from broker import Proxy, rabbitmq, vhost  # noqa: F401 (fixtures)
from conftest import PATIENCE, module, program, run, wait_for
from hub import COUNCIL, EVENTS, KILLS_FORGIVEN, PREFETCH, event
from test_hub_modules import build

pika = pytest.importorskip("pika", reason="python3-pika is not installed (contrib/setup test)")

STRUCTURED = "application/cloudevents+json"
SLOW = r"""
#include <reeve/plugin.h>
#include <string.h>
#include <unistd.h>
static reeve_rc run(reeve_ctx *c, void *inst, const reeve_msg *m, reeve_out *out)
{
    const char *what = reeve_msg_get(m, "status");
    (void)c; (void)inst;
    if (what && strcmp(what, "slow") == 0)
        sleep(5);
    return reeve_emit(out, reeve_msg_copy(m)) == 0 ? REEVE_OK : REEVE_RETRY;
}
REEVE_PLUGIN(.name = "slowstep", .version = "1", .summary = "takes its time", .step = run);
"""


class Party:
    """The party's side of its broker: a client with a connection of its own, made again when it is lost."""

    def __init__(self, broker, vhost):
        self.broker, self.vhost, self.connection = broker, vhost, None

    @property
    def channel(self):
        if self.connection is None or self.connection.is_closed or self.ch.is_closed:
            self.close()
            port = self.broker.node["amqp"]
            self.connection = pika.BlockingConnection(pika.ConnectionParameters("127.0.0.1", port, self.vhost, heartbeat=0))
            self.ch = self.connection.channel()
            self.ch.confirm_delivery()
        return self.ch

    def declare(self, *queues, **arguments):
        for q in queues:
            self.channel.queue_declare(q, durable=True, arguments=arguments or None)

    def publish(self, queue, body, exchange="", **properties):
        properties.setdefault("delivery_mode", 2)
        self.channel.basic_publish(exchange, queue, body if isinstance(body, bytes) else json.dumps(body).encode(),
                                   pika.BasicProperties(**properties), mandatory=True)

    def send_events(self, queue, numbers, **more):
        for n in numbers:
            self.publish(queue, event(n, **more), content_type=STRUCTURED)

    def waiting(self, queue):
        return self.channel.queue_declare(queue, passive=True).method.message_count

    def left(self, queue):
        """Messages that were not acknowledged, in hand or waiting."""
        listed = self.broker.ctl("-q", "list_queues", "-p", self.vhost, "name", "messages", "--no-table-headers")
        return dict(line.split("\t") for line in listed.splitlines()).get(queue)

    def take(self, queue, n=1, seconds=30):
        """[(properties, body)], at least n of them."""
        got, end = [], time.monotonic() + seconds * PATIENCE
        while len(got) < n:
            method, properties, body = self.channel.basic_get(queue, auto_ack=True)
            if method:
                got.append((properties, body))
            else:
                assert time.monotonic() < end, f"{len(got)} of {n} messages in {queue}"
                time.sleep(0.02)
        return got

    def take_ids(self, queue, wanted, seconds=60):
        """Takes until every id has come; how often each did."""
        seen, end = {}, time.monotonic() + seconds * PATIENCE
        while set(wanted) - set(seen):
            with contextlib.suppress(pika.exceptions.AMQPError):
                method, properties, body = self.channel.basic_get(queue, auto_ack=False)
                if method:
                    self.channel.basic_ack(method.delivery_tag)
                    seen[json.loads(body)["id"]] = seen.get(json.loads(body)["id"], 0) + 1
                    continue
            missing = set(wanted) - set(seen)
            assert time.monotonic() < end, f"{len(missing)} of {len(wanted)} missing: {sorted(missing)[:5]}"
            time.sleep(0.05)
        return seen

    def close(self):
        with contextlib.suppress(Exception):
            self.connection.close()


@pytest.fixture
def party(rabbitmq, vhost):  # noqa: F811
    p = Party(rabbitmq, vhost)
    p.declare("in", "out")
    yield p
    p.close()


@pytest.fixture
def bridge(hub, rabbitmq, vhost):  # noqa: F811
    """bridge(receive, deliver): a hub between the queues `in` and `out` of the party's broker."""
    module("plugins/amqp")

    def start(receive=None, deliver=None, **more):
        at = {"plugin": "amqp", "brokers": rabbitmq.address, "vhost": vhost}
        h = hub({"parties": dict(COUNCIL),
                 "connectors": {"source": {"party": "dcms", "receive": {**at, "queue": "in", "speaks": "cloudevents", **(receive or {})}},
                                "sink": {"party": "council", "deliver": {**at, "routing_key": "out", "speaks": "cloudevents", **(deliver or {})}}},
                 "routes": {"all": {"when": "true", "to": "sink"}}, **more})
        return h

    return start


def attempt(rabbitmq, vhost, *options, deliver=None, receive=None):  # noqa: F811
    """`reeve plugin try` of one side: (exit code, all that it said)."""
    options = {"brokers": rabbitmq.address, "vhost": vhost, **dict(o.split("=", 1) for o in options)}
    args = [a for key, value in options.items() for a in ("-o", f"{key}={value}")]
    how = ["--deliver", deliver] if deliver else ["--receive", "--for", receive] if receive else ["--check"]
    r = run(program("reeve-worker"), "plugin", "try", module("plugins/amqp"), *args, *how)
    return r.returncode, r.stdout + r.stderr


def write_events(path, *events):
    path.write_text("".join(json.dumps(e) + "\n" for e in events))
    return path


# ---- what passes

def test_events_pass_and_are_acknowledged_when_the_hub_has_them(bridge, party):
    party.send_events("in", range(250))
    bridge()
    got = party.take("out", 250)
    assert {p.message_id for p, _ in got} == {f"e{n}" for n in range(250)}
    assert all(p.content_type == STRUCTURED and p.delivery_mode == 2 and p.type == "funding.report" for p, _ in got)
    assert all(re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}", p.headers["traceparent"]) for p, _ in got)
    assert json.loads(got[0][1])["data"] == {"number": int(got[0][0].message_id[1:])}
    wait_for(lambda: party.left("in") == "0", 20, "all acknowledged")


def test_a_small_prefetch_does_not_make_hub_and_broker_wait_for_each_other(bridge, party):
    """It was acknowledged once a second, when nothing more came: the broker sent as many messages a second as the prefetch says."""
    party.send_events("in", range(90))
    bridge({"prefetch": 1})
    assert len(party.take("out", 90, 45 / PATIENCE)) == 90  # that took 90 s on every machine


@pytest.mark.parametrize("prefix", ["cloudEvents_", "cloudEvents:", "ce-", "CE_"])
def test_a_binary_event_is_read_whatever_its_prefix(bridge, party, prefix):
    headers = {"specversion": "1.0", "id": "b1", "source": "https://sender.example/x", "type": "funding.report", "amount": 7,
               "time": datetime.datetime(2026, 2, 3, 10, 15), "status": "naïve \"quoted\"\\", "urgent": True, "proof": b"\xc3\xa9"}
    party.publish("in", b'{"b": [1.10, 2]}', content_type="application/json",
                  headers={**{prefix + k: v for k, v in headers.items()}, "other": 1})
    bridge()
    [(_, body)] = party.take("out")
    got = json.loads(body)
    assert got["amount"] == 7 and got["urgent"] is True and got["status"] == headers["status"] and got["proof"] in ("w6k=", "é")
    assert got["time"] == "2026-02-03T10:15:00Z" and got["datacontenttype"] == "application/json" and "other" not in got
    assert b'"data":{"b":[1.10,2]}' in body


def test_a_binary_event_may_have_text_bytes_or_no_body(bridge, party):
    def send(n, body, **more):
        party.publish("in", body, headers={"ce-specversion": "1.0", "ce-id": f"b{n}", "ce-source": "/s", "ce-type": "funding.report"}, **more)
    send(1, "grün\n".encode(), content_type="text/plain")
    send(2, b"\xff\x00", content_type="application/octet-stream")
    send(3, b"")
    bridge()
    got = {json.loads(b)["id"]: json.loads(b) for _, b in party.take("out", 3)}
    assert got["b1"]["data"] == "grün\n" and got["b2"]["data_base64"] == "/wA=" and not {"data", "data_base64"} & set(got["b3"])


@pytest.mark.parametrize("prefix", ["cloudEvents_", "cloudEvents:", "ce-"])
def test_a_binary_event_is_written_with_the_types_of_its_attributes(bridge, party, prefix):
    sent = event(1, amount=-5, urgent=False, status="50 % \"done\"", time="2026-02-03T10:15:00.25Z")
    party.publish("in", sent, content_type=STRUCTURED)
    bridge(deliver={"speaks": {"cloudevents": {"mode": "binary"}}, "prefix": prefix})
    [(p, body)] = party.take("out")
    got = {k[len(prefix):]: v for k, v in p.headers.items() if k.startswith(prefix)}
    assert json.loads(body) == sent["data"] and p.content_type == "application/json"
    assert {k: got[k] for k in ("id", "source", "type", "specversion")} == {k: sent[k] for k in ("id", "source", "type", "specversion")}
    assert got["amount"] == -5 and got["urgent"] is False and got["status"] == sent["status"] and got["time"] == sent["time"]
    assert "datacontenttype" not in got


def test_a_binary_event_comes_out_as_it_went_in(bridge, party):
    headers = {"specversion": "1.0", "id": "r1", "source": "/s", "type": "funding.report", "amount": 12, "urgent": True, "status": "ok"}
    party.publish("in", b'{"a":1}', content_type="application/json", headers={"cloudEvents_" + k: v for k, v in headers.items()})
    bridge(deliver={"speaks": {"cloudevents": {"mode": "binary"}}})
    [(p, body)] = party.take("out")
    assert {k: p.headers["cloudEvents_" + k] for k in headers} == headers and body == b'{"a":1}'


def test_properties_and_headers_pass_through_with_their_types(bridge, party):
    headers = {"text": "Größe \x01", "yes": True, "no": False, "small": 5, "big": 2**40, "negative": -3, "bytes": b"\x00\xff", "none": None,
               "amount": decimal.Decimal("12.50"), "when": datetime.datetime(2026, 1, 2, 3, 4, 5), "nested": {"list": [1, "two", {"three": 3}], "empty": {}},
               "CC": ["elsewhere"], "x-death": [{"queue": "q"}]}
    properties = {"content_encoding": "gzip", "correlation_id": "c-1", "reply_to": "answers", "expiration": "600000", "message_id": "m-1",
                  "timestamp": 1767225600, "type": "their.type", "app_id": "their app", "priority": 4, "user_id": "guest", "cluster_id": "c"}
    party.publish("in", b"\x1f\x8b raw \xff", content_type="application/vnd.theirs", headers=headers, **properties)
    party.publish("in", b"plain text", content_type="text/plain", headers={"n": 1})
    bridge({"wrap": "information.document", "properties": "keep"}, {"speaks": {"cloudevents": {"mode": "binary"}}, "prefix": "none"})
    got = {b: p for p, b in party.take("out", 2)}
    p = got[b"\x1f\x8b raw \xff"]
    assert p.content_type == "application/vnd.theirs"
    assert {k: getattr(p, k) for k in properties} == properties
    assert {k: p.headers[k] for k in headers if k not in ("CC", "x-death")} == {k: v for k, v in headers.items() if k not in ("CC", "x-death")}
    assert set(p.headers) - set(headers) <= {"traceparent", "tracestate"} and "CC" not in p.headers and "x-death" not in p.headers
    p = got[b"plain text"]
    assert p.content_type == "text/plain" and re.fullmatch("[0-9a-f]{64}", p.message_id) and p.headers["n"] == 1


def test_a_user_id_that_is_not_ours_is_not_claimed(rabbitmq, vhost, party, tmp_path):  # noqa: F811
    kept = json.dumps({"user_id": "somebody", "app_id": "kept", "expiration": "soon"})
    code, said = attempt(rabbitmq, vhost, "routing_key=out", deliver=write_events(tmp_path / "e", event(1, amqpproperties=kept)))
    assert code == 0, said
    [(p, _)] = party.take("out")
    assert p.user_id is None and p.expiration is None and p.app_id == "kept"


def test_plain_documents_go_to_the_adapter_by_their_content_type(bridge, party):
    party.publish("in", [event(1), event(2)], content_type="application/cloudevents-batch+json")
    party.publish("in", event(3), content_type="application/json")
    party.publish("in", event(4))
    bridge({"content_type": STRUCTURED})
    assert {json.loads(b)["id"] for _, b in party.take("out", 4)} == {"e1", "e2", "e3", "e4"}


def test_the_routing_key_is_made_of_attributes(rabbitmq, vhost, party, tmp_path):  # noqa: F811
    party.channel.exchange_declare("topic", "topic", durable=True)
    party.channel.queue_bind("out", "topic", "funding.report.north")
    events = write_events(tmp_path / "e", event(1, category="north"), event(2))
    code, said = attempt(rabbitmq, vhost, "exchange=topic", "routing_key={type}.{category}", deliver=events)
    assert "e1 OK" in said and "e2 REJECT the message lacks an attribute" in said
    assert party.take("out")[0][0].message_id == "e1"


# ---- what is refused

def dead_letters(party):
    party.channel.exchange_declare("dlx", "fanout", durable=True)
    party.declare("dead")
    party.channel.queue_bind("dead", "dlx", "")
    party.channel.queue_delete("in")
    party.declare("in", **{"x-dead-letter-exchange": "dlx"})


def test_what_the_hub_refuses_goes_to_their_dead_letter_exchange_with_the_reason_in_the_journal(bridge, party):
    dead_letters(party)
    binary = {"ce-specversion": "1.0", "ce-id": "x", "ce-source": "/s", "ce-type": "funding.report"}
    party.publish("in", b"{no json", content_type=STRUCTURED, message_id="1")
    party.publish("in", b"{}", content_type="application/json", message_id="2", headers={**binary, "cloudEvents_id": "y"})
    party.publish("in", b'1,"type":"funding.award"}', content_type="application/json", message_id="3", headers=binary)
    party.publish("in", b"1", content_type="application/json", message_id="4", headers={**binary, "ce-list": [1]})
    party.publish("in", b"1" * 3000, content_type=STRUCTURED, message_id="5")
    party.send_events("in", [6])
    h = bridge({"max_size": "2k"})
    assert sorted(p.message_id for p, _ in party.take("dead", 5)) == ["1", "2", "3", "4", "5"]
    assert [p.message_id for p, _ in party.take("out")] == ["e6"]
    wait_for(lambda: party.left("in") == "0", 20, "all settled")
    assert h.log().count("a message was refused and is rejected to the broker") == 5 and "larger than max_size" in h.log()
    refused = {code for receipt in set(re.findall(r"has the reasons, receipt ([0-9a-f]{64})", h.log()))
               for code in re.findall(r'"code": ?"([a-z0-9-]+)"', json.dumps(h.trace(receipt)))}
    assert {"event-duplicate", "event-attribute-type", "json-syntax"} <= refused


def test_what_is_refused_can_be_dropped(bridge, party):
    dead_letters(party)
    party.publish("in", b"{no json", content_type=STRUCTURED)
    h = bridge({"rejected": "drop"})
    h.wait_log("a message was refused and is dropped")
    wait_for(lambda: party.left("in") == "0", 20, "dropped")
    assert party.waiting("dead") == 0


def test_what_the_hub_cannot_take_now_stays_unacknowledged_and_comes_again(bridge, party, tmp_path):
    later = build(tmp_path, "laterstep", SLOW.replace('strcmp(what, "slow") == 0)\n        sleep(5);',
                                                      'access("ready", F_OK) != 0)\n        return reeve_fail(c, REEVE_RETRY, "not ready");')
                  .replace('"ready"', json.dumps(str(tmp_path / "ready"))))
    party.send_events("in", [1], status="wait")
    party.send_events("in", [2])
    h = bridge({"steps": [later]})
    assert party.take("out")[0][0].message_id == "e2"
    h.wait_log("not ready")
    wait_for(lambda: party.left("in") == "1" and party.waiting("in") == 0, 20, "one that is held, unacknowledged")
    (tmp_path / "ready").touch()
    assert party.take("out")[0][0].message_id == "e1"
    wait_for(lambda: party.left("in") == "0", 20, "acknowledged")


# ---- verdicts of deliveries

def test_what_no_queue_takes_is_down_and_arrives_when_there_is_one(bridge, party):
    h = bridge(deliver={"routing_key": "later"})
    party.send_events("in", range(5))
    h.wait_log("312 NO_ROUTE")
    party.declare("later")
    assert set(party.take_ids("later", {f"e{n}" for n in range(5)})) == {f"e{n}" for n in range(5)}


def test_errors_of_the_channel_are_down_with_the_broker_s_words(rabbitmq, vhost, party, tmp_path):  # noqa: F811
    rabbitmq.add_user(vhost, "reader", "secret", read=".*")
    events = write_events(tmp_path / "e", event(1), event(2))
    user = ["user=reader", "password=secret"]
    for options, words in ((["exchange=nope"], "DOWN the broker closed the channel: 404 NOT_FOUND"),
                           (user, "DOWN the broker closed the channel: 403 ACCESS_REFUSED"),
                           (["user=nobody"], "login: 403 ACCESS_REFUSED"), (["vhost=nowhere"], "DOWN"), (["brokers=127.0.0.1:1"], "connecting")):
        code, said = attempt(rabbitmq, vhost, "routing_key=out", *options, deliver=events)
        assert code != 0 and words in said and said.count("DOWN") == 2 and "secret" not in said, said


def test_what_a_full_queue_refuses_is_tried_again(rabbitmq, vhost, party, tmp_path):  # noqa: F811
    party.declare("full", **{"x-max-length": 1, "x-overflow": "reject-publish"})
    code, said = attempt(rabbitmq, vhost, "routing_key=full", deliver=write_events(tmp_path / "e", *[event(n) for n in range(20)]))
    assert code != 0 and "OK confirmed" in said and "RETRY the broker refused it" in said and "DOWN" not in said


def test_what_is_too_large_for_the_broker_is_refused_and_its_neighbours_are_not(rabbitmq, vhost, party, tmp_path):  # noqa: F811
    rabbitmq.ctl("eval", "application:set_env(rabbit, max_message_size, 20000).")
    try:
        large = event(9, body={"long": "x" * 30000})
        code, said = attempt(rabbitmq, vhost, "routing_key=out", deliver=write_events(tmp_path / "e", event(1), large, event(2)))
    finally:
        rabbitmq.ctl("eval", "application:set_env(rabbit, max_message_size, 134217728).")
    assert code != 0 and "e9 REJECT it is larger than the broker takes: the broker closed the channel: 406 PRECONDITION_FAILED" in said, said
    assert said.count("REJECT") == 1


# ---- faults: nothing is lost, and what comes twice has the same id

def send_while(party, wanted, fault, size=40):
    """Sends in pieces while the fault is done in between; gives the ids."""
    with ThreadPoolExecutor(1) as pool:
        done = None
        for start in range(0, wanted, size):
            if start >= wanted // 3 and done is None:
                done = pool.submit(fault)
            for _ in range(200):
                with contextlib.suppress(pika.exceptions.AMQPError, OSError):
                    party.send_events("in", range(start, start + size))
                    break
                time.sleep(0.1)
            else:
                pytest.fail("the party cannot send")
            time.sleep(0.02)
        done.result(120)
    return {f"e{n}" for n in range(wanted)}


@pytest.mark.parametrize("side,in_flight", [("source.receive", 100), ("sink.deliver", PREFETCH)])  # 100: the default of its option prefetch
def test_a_worker_is_killed(bridge, party, side, in_flight):
    h = bridge()
    wanted = send_while(party, 600, lambda: [(h.kill_process(side), time.sleep(0.7)) for _ in range(KILLS_FORGIVEN)])
    seen = party.take_ids("out", wanted)
    wait_for(lambda: party.left("in") == "0", 30, "all acknowledged")
    assert set(seen) == wanted and sum(seen.values()) - len(wanted) <= KILLS_FORGIVEN * in_flight, "no more again than was in flight at each kill"


def test_the_broker_is_killed_and_started_again(bridge, party, rabbitmq):  # noqa: F811
    h = bridge()

    def fault():
        rabbitmq.kill()
        rabbitmq.start()

    wanted = send_while(party, 400, fault)
    seen = party.take_ids("out", wanted, 120)
    wait_for(lambda: party.left("in") == "0", 60, "all acknowledged")
    assert set(seen) == wanted and h.running()


def test_connections_are_closed_and_cut(bridge, party, rabbitmq, vhost):  # noqa: F811
    proxy = Proxy(rabbitmq.node["amqp"])
    try:
        h = bridge({"brokers": ["127.0.0.1:1", proxy.address]}, {"brokers": proxy.address, "heartbeat": "1s", "timeout": "5s"})

        def fault():
            wait_for(lambda: len(rabbitmq.connections(vhost)) >= 2, 20, "connections that management knows")
            rabbitmq.close_connections(vhost, lambda client: client.startswith("reeve"))
            wait_for(lambda: "CONNECTION_FORCED" in h.log(), 20, "the reason in the log")
            proxy.cut()
            time.sleep(1)
            proxy.mode = "silent"
            time.sleep(4)
            proxy.end_all()
            proxy.mode = "pass"

        wanted = send_while(party, 400, fault)
        assert set(party.take_ids("out", wanted, 90)) == wanted
        wait_for(lambda: party.left("in") == "0", 60, "all acknowledged")
    finally:
        proxy.close()


def test_queues_are_deleted_and_declared_again(bridge, party):
    h = bridge()
    party.send_events("in", range(20))
    party.take_ids("out", {f"e{n}" for n in range(20)})
    wait_for(lambda: party.left("in") == "0", 20, "all acknowledged")
    party.channel.queue_delete("in")
    party.channel.queue_delete("out")
    h.wait_log("404 NOT_FOUND - no queue 'in'")
    party.declare("in")
    party.send_events("in", range(20, 40))
    h.wait_log("312 NO_ROUTE", 40)
    party.declare("out")
    assert set(party.take_ids("out", {f"e{n}" for n in range(20, 40)})) == {f"e{n}" for n in range(20, 40)}


def test_a_memory_alarm_pauses_the_sink_and_nothing_is_lost(hub, party, rabbitmq, vhost):  # noqa: F811
    module("plugins/amqp")
    h = hub({"parties": dict(COUNCIL),
             "connectors": {"source": {"party": "dcms", "receive": {"plugin": "http", "path": "/events", "speaks": "cloudevents"}},
                            "sink": {"party": "council", "deliver": {"plugin": "amqp", "brokers": rabbitmq.address, "vhost": vhost,
                                                                     "routing_key": "out", "speaks": "cloudevents", "timeout": "2s"}}},
             "routes": {"all": {"when": "true", "to": "sink"}}})
    assert h.push([event(n) for n in range(30)], "/events", {"Content-Type": EVENTS})[0] == 202
    party.take_ids("out", {f"e{n}" for n in range(30)})
    rabbitmq.memory_alarm(True)
    try:
        assert h.push([event(n) for n in range(30, 60)], "/events", {"Content-Type": EVENTS})[0] == 202
        h.wait_log("the broker takes no messages now: low on memory", 40)
    finally:
        rabbitmq.memory_alarm(False)
    seen = party.take_ids("out", {f"e{n}" for n in range(30, 60)})
    assert set(seen) == {f"e{n}" for n in range(30, 60)} and sum(seen.values()) <= 30 + 100, "what was on its way may come again"
    assert h.command("dead", "list", "-c", h.config).stdout.count("e3") == 0


def test_an_alarm_is_down_within_the_time_of_a_call(rabbitmq, vhost, party, tmp_path):  # noqa: F811
    rabbitmq.memory_alarm(True)
    try:
        began = time.monotonic()
        code, said = attempt(rabbitmq, vhost, "routing_key=out", "timeout=5s", deliver=write_events(tmp_path / "e", *[event(n) for n in range(300)]))
        assert code != 0 and "DOWN the broker takes no messages now: low on memory" in said and time.monotonic() - began < 30
    finally:
        rabbitmq.memory_alarm(False)


def test_a_broker_that_stands_still_ends_no_call_late_and_loses_nothing(bridge, party, rabbitmq):  # noqa: F811
    h = bridge({"heartbeat": "1s", "timeout": "3s"}, {"heartbeat": "1s", "timeout": "2s"})

    def fault():
        os.kill(rabbitmq.pid, signal.SIGSTOP)
        try:
            time.sleep(5)
        finally:
            os.kill(rabbitmq.pid, signal.SIGCONT)

    wanted = send_while(party, 300, fault)
    assert set(party.take_ids("out", wanted, 90)) == wanted
    wait_for(lambda: party.left("in") == "0", 60, "all acknowledged")
    assert h.process_status("sink.deliver")["restarts"] == 0 and h.process_status("source.receive")["restarts"] == 0


def test_a_write_to_a_broker_that_stopped_ends_in_time(rabbitmq, vhost, party, tmp_path):  # noqa: F811
    """One that blocks: more than the socket takes, and a heartbeat that would not end it in time."""
    proxy = Proxy(rabbitmq.node["amqp"])
    try:
        events = write_events(tmp_path / "e", *[event(n, body={"x": "y" * 12_000_000}) for n in range(2)])
        proxy.rate = 200_000
        began = time.monotonic()
        code, said = attempt(rabbitmq, vhost, f"brokers={proxy.address}", "routing_key=out", "timeout=2s", "heartbeat=60s", deliver=events)
        assert code != 0 and said.count("DOWN") == 2 and time.monotonic() - began < 20, said
    finally:
        proxy.close()


def test_the_connection_lives_while_no_more_may_be_held(bridge, party):
    """More than may be held: the socket is not read for a while, and heartbeats go out all the same."""
    for n in range(12):
        party.publish("in", event(n, body={"long": "x" * 9_000_000}), content_type=STRUCTURED)
    h = bridge({"heartbeat": "1s"}, {"heartbeat": "1s"})
    party.take_ids("out", {f"e{n}" for n in range(12)}, 120)
    wait_for(lambda: party.left("in") == "0", 60, "all acknowledged")
    assert h.log().count("consumes queue in") == 1, h.log()[-3000:]


def test_a_step_of_three_heartbeats_does_not_lose_the_connection(bridge, party, tmp_path):
    slow = build(tmp_path, "slowstep", SLOW)
    h = bridge({"heartbeat": "1s", "steps": [slow]}, {"heartbeat": "1s"})
    party.send_events("in", [1], status="slow")
    party.send_events("in", [2])
    party.take_ids("out", {"e1", "e2"})
    party.send_events("in", [3])  # the sink was idle for longer than its connection would have lived
    party.take_ids("out", {"e3"})
    wait_for(lambda: party.left("in") == "0", 20, "all acknowledged")
    assert h.log().count("consumes queue in") == 1 and "lost" not in h.log()


# ---- TLS

def test_tls_by_certificate_and_a_wrong_name(rabbitmq, vhost, party, tmp_path):  # noqa: F811
    at = ["tls=true", f"ca={rabbitmq.tls('ca.pem')}", f"brokers=localhost:{rabbitmq.node['tls']}"]
    external = [*at, f"certificate={rabbitmq.tls('client.pem')}", f"key={rabbitmq.tls('client.key')}"]
    rabbitmq.add_user(vhost, "client", "unused", write=".*", read=".*")
    events = write_events(tmp_path / "e", event(1))
    assert attempt(rabbitmq, vhost, *external, "routing_key=out", deliver=events)[0] == 0
    assert attempt(rabbitmq, vhost, *at, "routing_key=out", deliver=events)[0] == 0
    assert [p.message_id for p, _ in party.take("out", 2)] == ["e1", "e1"]
    for options, words in (([*at, f"brokers=127.1:{rabbitmq.node['tls']}"], "verification failed"),
                           ([at[0], at[2]], "verification failed"), ([*at, f"ca={events}"], "ca: its certificates cannot be read"),
                           ([*external, f"key={events}"], "cannot be read, or do not belong together")):
        code, said = attempt(rabbitmq, vhost, *options, "queue=in")
        assert code != 0 and words in said, (options, said)
    for options, words in ((["tls=false", "brokers=mq.invalid"], "lookup failed"), (["brokers=mq.invalid"], "is another machine: set ca, or tls: true")):
        code, said = attempt(rabbitmq, vhost, *options, "queue=in")
        assert code != 0 and words in said, (options, said)
    code, said = attempt(rabbitmq, vhost, *at[1:], "queue=in")
    assert code == 0, said
