# SPDX-License-Identifier: Apache-2.0
"""One funder, one register, a year of monthly exports: what counts as a change, what receivers are sent, and that a restart of the hub
forgets nothing of it. Receivers are counted by id at an HTTP peer."""
import collections
import json

import pytest
from conftest import Hub, wait_for

from hub import Receiver, TestHub, basic, grant, package


@pytest.fixture
def site(tmp_path):
    receiver = Receiver()
    config = basic()
    config["connectors"]["dcms-grants"]["receive"]["partial"] = True
    config["connectors"]["register"]["deliver"] = {"plugin": "http", "url": receiver.url, "speaks": "cloudevents"}
    h = TestHub(tmp_path, config)
    h.receiver = receiver
    try:
        yield h.wait_ready()
    finally:
        h.stop()
        receiver.close()


def restart(h):
    assert h.stop() == 0, h.log()[-2000:]
    Hub.__init__(h, h.config, h.directory)
    h.wait_ready()


def accepted(h, body, **kw):
    status, answer = h.push(body, **kw)
    assert status == 202, answer
    return answer


def counts(answer):
    return answer["accepted"], answer["new"], answer["changed"], answer["unchanged"]


def got(h, n):
    """{id: how often it came}: n different ones, none twice, and nothing after them."""
    def ids():
        return collections.Counter(m["id"] for m in h.receiver.taken())
    wait_for(lambda: len(ids()) >= n, 20, f"{n} messages at the register:\n{h.log()[-2000:]}")
    wait_for(lambda: sum(d["ready"] + d["delayed"] + d["inflight"] for p in h.status()["processes"]
                         for d in p.get("stats", {}).get("destinations", [])) == 0, 10, "an empty queue")
    assert len(ids()) == n and set(ids().values()) <= {1}, ids()
    return ids()


def with_other_space(grants):
    """The same members in the same order, with other white space, tabs and line ends between them."""
    return json.dumps({"grants": grants}, indent="\t", separators=(" ,\r\n ", "  :  ")).encode()


def test_what_is_a_change_and_what_is_not(site):
    grants = [grant(i) for i in range(12)]
    body = package(grants)
    first = accepted(site, body)
    assert counts(first) == (12, 12, 0, 0)
    got(site, 12)

    for text in (body, with_other_space(grants), package(grants, indent=2)):  # the same, and the same in other clothes
        answer = accepted(site, text)
        assert answer["messages"] == first["messages"]
        assert (answer == first) if text == body else counts(answer) == (12, 0, 0, 12)
        assert (answer["receipt"] == first["receipt"]) == (text == body)
    got(site, 12)

    corrected = [dict(g) for g in grants]
    corrected[4]["title"] = "Another title"
    assert counts(accepted(site, package(corrected))) == (12, 0, 1, 11)
    got(site, 13)
    assert counts(accepted(site, package(grants, indent=1))) == (12, 0, 1, 11)  # taken back: a third message
    got(site, 14)
    of_it = [m for m in site.receiver.taken() if m["subject"] == grants[4]["id"]]
    assert len({m["id"] for m in of_it}) == 3
    assert [m["data"]["title"] for m in of_it] == ["A grant", "Another title", "A grant"]
    assert {json.dumps(m["data"], sort_keys=True) for m in of_it[::2]} == {json.dumps(grants[4], sort_keys=True)}

    fewer = accepted(site, package(grants[:3]))  # what is absent is not deleted, and comes back as known
    assert counts(fewer) == (3, 0, 0, 3)
    assert counts(accepted(site, package(grants + [grant(99)]))) == (13, 1, 0, 12)
    got(site, 15)


def test_a_correction_of_pence_arrives_as_it_was_written(site):
    """Money is text all the way: 1000.10 does not become 1000.1."""
    text = package([grant(1, amount=1000, title="Café")]).decode()
    assert counts(accepted(site, text.encode())) == (1, 1, 0, 0)
    got(site, 1)  # what waits together goes out at once, in any order
    exact = text.replace('"amountAwarded": 1000', '"amountAwarded": 1000.10')
    assert exact != text
    assert counts(accepted(site, exact.encode())) == (1, 0, 1, 0)
    got(site, 2)
    last = site.receiver.got[-1][2].decode()
    assert '"amountAwarded":1000.10' in last.replace(" ", "")


def test_a_restart_forgets_nothing(site):
    grants = [grant(i) for i in range(5)]
    first = accepted(site, package(grants), headers={"Idempotency-Key": '"march"'})
    got(site, 5)
    restart(site)
    assert accepted(site, package(grants)) == first
    assert counts(accepted(site, package(grants, indent=3))) == (5, 0, 0, 5)
    assert accepted(site, package(grants), headers={"Idempotency-Key": '"march"'}) == first
    status, answer = site.push(package(grants[:2]), headers={"Idempotency-Key": '"march"'})
    assert status == 422 and answer["code"] == "idempotency-key-reused" and "24 hours" in answer["detail"]
    status, answer = site.push(None, path=f"/grants/receipts/{first['receipt']}", method="GET")
    assert status == 200 and answer["answer"]["messages"] == first["messages"]
    grants[0]["amountAwarded"] = 1
    assert counts(accepted(site, package(grants))) == (5, 0, 1, 4)
    restart(site)
    grants[0]["amountAwarded"] = 1000
    assert counts(accepted(site, package(grants, indent=5))) == (5, 0, 1, 4)
    got(site, 7)
    assert len({m["id"] for m in site.receiver.taken() if m["subject"] == grants[0]["id"]}) == 3


def test_check_says_what_would_be_and_does_nothing(site):
    grants = [grant(i) for i in range(3)]
    for _ in range(2):
        status, answer = site.push(package(grants), query="?check=1")
        assert status == 200 and answer["new"] == 3
    accepted(site, package(grants))
    grants[1]["title"] = "Changed"
    status, answer = site.push(package(grants), query="?check=1")
    assert status == 200 and (answer["new"], answer["changed"], answer["unchanged"]) == (0, 1, 2)
    assert counts(accepted(site, package(grants))) == (3, 0, 1, 2)
    got(site, 4)


def test_refused_with_pointers_then_partly_taken_then_completed(site):
    grants = [grant(i) for i in range(6)]
    wrong = [dict(g) for g in grants]
    wrong[2]["awardDate"] = "31/12/2024"
    del wrong[5]["recipientOrganization"]
    status, answer = site.push(package(wrong))
    assert status == 422 and answer["accepted"] == 0 and answer["refused"] == 2
    date = next(i for i in answer["issues"] if i["pointer"] == "/grants/2/awardDate")
    assert date["id"] == grants[2]["id"] and date["found"] == "31/12/2024" and date["wanted"] and date["code"]
    assert any(i["pointer"].startswith("/grants/5") and i["id"] == grants[5]["id"] for i in answer["issues"])
    assert site.receiver.got == []
    status, answer = site.push(package(wrong), headers={"Prefer": "handling=lenient"})
    assert status == 202 and counts(answer) == (4, 4, 0, 0) and answer["refused"] == 2
    assert {i["id"] for i in answer["issues"]} == {grants[2]["id"], grants[5]["id"]}
    got(site, 4)
    assert counts(accepted(site, package(grants))) == (6, 2, 0, 4)
    got(site, 6)


@pytest.mark.parametrize("body, word", [
    (b"PK\x03\x04\x14\x00\x06\x00\x08\x00[Content_Types].xml" + b"\0" * 30 + b"xl/workbook.xml", "Excel"), (b"PK\x03\x04\x0a\x00zip", "zip"),
    (b"<!doctype html><html><body>Not found", "HTML"), (b"Name,Town\nA,Northvale\nB,Southvale\n", "CSV")])
def test_what_is_no_grant_file_is_named(site, body, word):
    status, answer = site.push(body)
    assert status == 400 and word in answer["detail"], answer
    assert counts(accepted(site, package([grant(1)]))) == (1, 1, 0, 0)
    got(site, 1)
