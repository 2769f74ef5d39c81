# SPDX-License-Identifier: Apache-2.0
"""W3C trace context through a hub: kept when it is good, made when there is none, passed on with every delivery, found in the journal."""
import json
import re

import pytest
from conftest import request, wait_for

from hub import EVENTS, ONE_EVENT, TOKEN, basic, bodies, event, events_to, grant, package

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
GOOD = f"00-{TRACE}-{PARENT}-01"
OTHER = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00"
VALID = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-0[0-3]")


def ids(traceparent):
    return VALID.fullmatch(traceparent).groups()


def got(r, n=1):
    """[(traceparent header, tracestate header, body)] of the first n requests."""
    wait_for(lambda: len(r.got) >= n, 20, f"{n} deliveries")
    return [(h.get("traceparent"), h.get("tracestate"), json.loads(b)) for _, h, b in r.got[:n]]


def delivered(h, trace, messages):
    """What the journal says of a trace, when it says that all of these are delivered: a receiver has them before that is written."""
    def them():
        return {x["id"] for x in h.trace(trace) or [] if x["event"] == "delivered"}
    wait_for(lambda: them() >= set(messages), 20, lambda: f"{messages} are delivered: {h.trace(trace)}")
    assert them() == set(messages)
    return h.trace(trace)


def test_a_good_one_is_kept_and_each_delivery_is_a_hop_of_its_own(hub, receiver):
    r = receiver()
    h = hub(events_to({"plugin": "http", "url": r.url}))
    status, answer = h.push([event(1), event(2)], path="/events", headers={"Content-Type": EVENTS, "traceparent": GOOD,
                                                                           "TraceState": "rojo=00f067aa0ba902b7, congo=t61rcWkgMzE"})
    assert status == 202
    seen = got(r, 2)
    hops = set()
    for parent, state, body in seen:
        trace, hop = ids(parent)
        assert trace == TRACE and hop != PARENT and state == "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE"
        assert body["traceparent"] == GOOD and body["tracestate"] == state  # of the origin
        hops.add(hop)
    assert len(hops) == 2
    rows = delivered(h, TRACE, answer["messages"])
    assert {x["id"] for x in rows if x["event"] == "accepted"} == set(answer["messages"])
    assert [x["receipt"] for x in rows if x["event"] == "submitted"] == [answer["receipt"]]
    out = h.command("trace", "-c", h.config, answer["messages"][0]).stdout
    assert f"trace {TRACE}" in out


def test_without_one_a_document_begins_a_trace(hub, receiver):
    r = receiver()
    h = hub(events_to({"plugin": "http", "url": r.url}))
    for i in range(2):
        assert h.push([event(10 * i + k) for k in range(3)], path="/events", headers={"Content-Type": EVENTS})[0] == 202
    seen = got(r, 6)
    traces = {}
    for parent, state, body in seen:
        assert state is None and "tracestate" not in body
        assert ids(parent)[0] == ids(body["traceparent"])[0]
        traces.setdefault(ids(parent)[0], []).append(body["id"])
    assert sorted(len(x) for x in traces.values()) == [3, 3]
    for trace, found in traces.items():
        delivered(h, trace, found)


@pytest.mark.parametrize("headers", [{"traceparent": GOOD.upper()}, {"traceparent": GOOD + "-x"}, {"traceparent": "00-" + "0" * 32 + f"-{PARENT}-01"},
                                     {"traceparent": "x" * 3000}, {"traceparent": ""}])
def test_a_bad_one_is_replaced_and_nothing_is_refused(hub, receiver, headers):
    r = receiver()
    h = hub(events_to({"plugin": "http", "url": r.url}))
    assert h.push([event(1)], path="/events", headers={"Content-Type": EVENTS, "tracestate": "a=1", **headers})[0] == 202
    (parent, state, body), = got(r)
    assert ids(parent)[0] == ids(body["traceparent"])[0] != TRACE and state is None


def test_two_fields_are_none_and_a_bad_state_goes_alone(hub, receiver):
    import http.client
    r = receiver()
    h = hub(events_to({"plugin": "http", "url": r.url}))
    for i, fields in enumerate(([("traceparent", GOOD), ("traceparent", GOOD)], [("traceparent", GOOD), ("tracestate", "a=1"), ("tracestate", "A=2")],
                                [("traceparent", GOOD), ("tracestate", "a=1"), ("tracestate", "b=2")])):
        body = json.dumps([event(i)]).encode()
        c = http.client.HTTPConnection("127.0.0.1", h.port, timeout=30)
        c.putrequest("POST", "/events")
        for k, v in [("Authorization", "Bearer " + TOKEN), ("Content-Type", EVENTS), ("Content-Length", str(len(body))), *fields]:
            c.putheader(k, v)
        c.endheaders(body)
        assert c.getresponse().status == 202
        c.close()
        got(r, i + 1)
    (first, none, _), (second, dropped, _), (third, joined, _) = got(r, 3)
    assert ids(first)[0] != TRACE and none is None
    assert ids(second)[0] == TRACE and dropped is None
    assert ids(third)[0] == TRACE and joined == "a=1,b=2"


def test_what_an_event_says_itself_wins(hub, receiver):
    r = receiver()
    h = hub(events_to({"plugin": "http", "url": r.url}))
    own = [event(1, traceparent=OTHER, tracestate="x=1"), event(2), event(3, traceparent="nonsense", tracestate="x=1")]
    assert h.push(own, path="/events", headers={"Content-Type": EVENTS, "traceparent": GOOD})[0] == 202
    by_id = {body["id"]: (parent, state, body) for parent, state, body in got(r, 3)}
    assert ids(by_id["e1"][0])[0] == ids(OTHER)[0] and by_id["e1"][1] == "x=1" and by_id["e1"][2]["traceparent"] == OTHER
    for i in ("e2", "e3"):
        assert ids(by_id[i][0])[0] == TRACE and by_id[i][1] is None and "tracestate" not in by_id[i][2]
    assert {x["id"] for x in h.trace(ids(OTHER)[0]) if x["event"] == "accepted"} == {"e1"}
    assert {x["id"] for x in h.trace(TRACE) if x["event"] == "accepted"} == {"e2", "e3"}


def test_an_event_in_binary_mode_has_it_in_its_attributes(hub, receiver):
    r = receiver()
    h = hub(events_to({"plugin": "http", "url": r.url}))
    headers = {"ce-specversion": "1.0", "ce-id": "b1", "ce-source": "https://sender.example/x", "ce-type": "funding.report",
               "ce-traceparent": OTHER, "traceparent": GOOD}
    assert h.push(b'{"a":1}', path="/events", headers=headers)[0] == 202
    (parent, _, body), = got(r)
    assert ids(parent)[0] == ids(OTHER)[0] and body["traceparent"] == OTHER


def test_a_sender_that_tries_again_in_another_trace_makes_the_same_messages(hub):
    h = hub(basic())
    body = package([grant(i) for i in range(3)])
    status, first = h.push(body, headers={"traceparent": GOOD})
    assert status == 202 and first["new"] == 3
    status, again = h.push(body, headers={"traceparent": OTHER})
    assert status == 202 and again == first
    status, indented = h.push(package([grant(i) for i in range(3)], indent=2), headers={"traceparent": OTHER})
    assert status == 202 and indented["unchanged"] == 3 and indented["messages"] == first["messages"]
    wait_for(lambda: len(h.files("out/awards")) == 3, 20, "three awards")
    assert {b["traceparent"] for b in bodies(h.files("out/awards"))} == {GOOD}
    assert {x["event"] for x in h.trace(ids(OTHER)[0])} == {"submitted"}  # known content: nothing of it was sent


def test_every_attempt_is_a_hop_of_the_same_trace(hub, receiver):
    r = receiver(lambda *_: 500)
    h = hub(events_to({"plugin": "http", "url": r.url, "retry": {"for": "1h"}}))
    assert h.push([event(1)], path="/events", headers={"Content-Type": EVENTS, "traceparent": GOOD})[0] == 202
    seen = [ids(parent) for parent, _, _ in got(r, 3)]
    assert {t for t, _ in seen} == {TRACE} and len({hop for _, hop in seen}) == 3


def test_a_refused_document_is_found_by_its_trace(hub):
    h = hub(basic())
    assert h.push(b"no json", headers={"traceparent": GOOD})[0] == 400
    assert {x["event"] for x in h.trace(TRACE)} == {"refused"}
    r = h.command("trace", "-c", h.config, ids(OTHER)[0])
    assert r.returncode == 1 and "trace-unknown" in r.stderr


def test_one_event_in_structured_mode(hub, receiver):
    r = receiver()
    h = hub(events_to({"plugin": "http", "url": r.url}))
    assert h.push(event(1), path="/events", headers={"Content-Type": ONE_EVENT, "traceparent": "01-" + GOOD[3:] + "-later"})[0] == 202
    (parent, _, body), = got(r)
    assert ids(parent)[0] == TRACE and body["traceparent"] == GOOD
    assert request(h.port, "GET", "/-/health")[0] == 200
