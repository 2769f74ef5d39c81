# SPDX-License-Identifier: Apache-2.0
"""What a sender sees, and what receivers get: first push, the same again, corrections, refusals, checks, receipts."""
import hashlib
import json
import threading

import pytest
from conftest import wait_for

from hub import BOTH_ENGINES, EVENTS, ONE_EVENT, basic, event, events_to, grant, package


def counts(answer):
    return tuple(answer[k] for k in ("accepted", "new", "changed", "unchanged"))


def delivered(h, n, directory="out/awards"):
    """Waits until n files are there, and a little longer for one too many."""
    wait_for(lambda: len(h.files(directory)) >= n, 20, f"{n} files in {directory}:\n" + h.log()[-2000:])
    files = h.files(directory)
    assert len(files) == n
    return [json.loads(f.read_text()) for f in files]


@BOTH_ENGINES
def test_the_same_file_reindented_corrected_and_taken_back(hub):
    h = hub(basic())
    grants = [grant(i) for i in range(20)]
    body = package(grants)
    status, first = h.push(body)
    assert status == 202 and counts(first) == (20, 20, 0, 0)
    assert first["receipt"] == hashlib.sha256(body).hexdigest()
    assert len(first["messages"]) == len(set(first["messages"])) == 20
    got = delivered(h, 20)
    assert {g["subject"] for g in got} == {g["id"] for g in grants}
    assert {g["source"] for g in got} == {"//exampleshire/dcms/360giving"} and {g["party"] for g in got} == {"dcms"}
    assert {g["id"] for g in got} == set(first["messages"])

    status, again = h.push(body)
    assert status == 202 and again == first  # the stored answer

    status, reindented = h.push(package(grants, indent=4))
    assert status == 202 and counts(reindented) == (20, 0, 0, 20)
    assert reindented["messages"] == first["messages"]

    corrected = [dict(g) for g in grants]
    corrected[7]["amountAwarded"] = 999
    status, change = h.push(package(corrected))
    assert status == 202 and counts(change) == (20, 0, 1, 19)
    got = delivered(h, 21)
    assert sum(g["data"]["amountAwarded"] == 999 for g in got) == 1

    status, back = h.push(package(grants, indent=1))
    assert status == 202 and counts(back) == (20, 0, 1, 19)
    ids = [g["id"] for g in delivered(h, 22) if g["subject"] == corrected[7]["id"]]
    assert len(ids) == len(set(ids)) == 3

    status, known = h.push(body)  # an old document again: everything is known
    assert status == 202 and counts(known) == (20, 0, 0, 20)
    delivered(h, 22)


@BOTH_ENGINES
def test_a_day_without_trouble_has_no_errors_in_the_log(hub):
    """A look for a state that was not there yet was told as a fault when the worker ended."""
    h = hub(basic())
    assert h.push(package([grant(1)]))[0] == 202
    delivered(h, 1)
    assert h.stop() == 0
    assert [line for line in h.log().splitlines() if " error " in line or " warning " in line] == []


@BOTH_ENGINES
def test_a_subject_twice_in_one_document_is_sent_as_two_generations(hub):
    h = hub(basic())
    body = package([grant(1), grant(2), grant(1, title="Another title")])
    status, answer = h.push(body)
    assert status == 202 and counts(answer) == (3, 2, 1, 0)
    got = delivered(h, 3)
    assert sorted(g["data"]["title"] for g in got if g["subject"].endswith("-1")) == ["A grant", "Another title"]
    status, again = h.push(body + b"\n")  # other bytes: the last generation is what is known
    assert status == 202 and counts(again) == (3, 0, 0, 3)
    delivered(h, 3)


def test_one_bad_record_refuses_all_and_is_shown(hub):
    h = hub(basic())
    bad = grant(3)
    bad["awardDate"] = "yesterday"
    del bad["title"]
    status, answer = h.push(package([grant(1), grant(2), bad]))
    assert status == 422 and answer["refused"] == 1 and answer["accepted"] == 0
    assert any(i["pointer"] == "/grants/2/awardDate" and i["found"] == "yesterday" and i["code"] for i in answer["issues"])
    assert all(i["id"] == bad["id"] for i in answer["issues"] if i["severity"] == "error")
    assert sum(t["count"] for t in answer["totals"]) >= 2
    status, answer = h.push(package([grant(1)]))
    assert counts(answer) == (1, 1, 0, 0)
    delivered(h, 1)


@BOTH_ENGINES
def test_lenient_takes_the_right_ones_only_where_the_operator_allows_it(hub):
    config = basic()
    config["connectors"]["dcms-grants"]["receive"]["partial"] = True
    config["connectors"]["other"] = {"party": "dcms", "receive": {"plugin": "http", "path": "/strict", "speaks": "360giving"}}
    h = hub(config)
    body = package([grant(1), grant(2, amount="many")])
    assert h.push(body)[0] == 422
    status, answer = h.push(body, headers={"Prefer": "respond-async, handling=lenient"})
    assert status == 202 and answer["accepted"] == 1 and answer["refused"] == 1 and answer["issues"]
    assert h.push(body, path="/strict", headers={"Prefer": "handling=lenient"})[0] == 422
    delivered(h, 1)


def test_check_reports_and_accepts_nothing(hub):
    h = hub(basic())
    body = package([grant(1)])
    status, answer = h.push(body, query="?check=1")
    assert status == 200 and answer["check"] is True and answer["new"] == 1
    assert h.push(package([grant(1, amount="x")]), query="?check=1")[0] == 422
    status, answer = h.push(body)
    assert status == 202 and counts(answer) == (1, 1, 0, 0)


@BOTH_ENGINES
def test_idempotency_key(hub):
    h = hub(basic())
    one, two = package([grant(1)]), package([grant(2)])
    status, first = h.push(one, headers={"Idempotency-Key": '"k-1"'})
    assert status == 202
    assert h.push(two)[0] == 202
    status, again = h.push(one, headers={"Idempotency-Key": "k-1"})  # bare is the same key
    assert status == 202 and again == first
    status, answer = h.push(two, headers={"Idempotency-Key": "k-1"})
    assert status == 422 and answer["code"] == "idempotency-key-reused"
    delivered(h, 2)


def test_a_key_is_held_to_the_document_that_was_known_already(hub):
    h = hub(basic())
    one, two = package([grant(1)]), package([grant(2)])
    status, first = h.push(one)
    assert status == 202
    assert h.push(one, headers={"Idempotency-Key": "k-2"}) == (202, first)
    status, answer = h.push(two, headers={"Idempotency-Key": "k-2"})
    assert status == 422 and answer["code"] == "idempotency-key-reused"
    assert h.push(two)[0] == 202
    assert h.push(one, headers={"Idempotency-Key": "k-2"}) == (202, first)


def test_check_with_a_slip_is_no_push(hub):
    h = hub(basic())
    body = package([grant(1)])
    for query in ("?check", "?check=true", "?x=1&check=1"):
        status, answer = h.push(body, query=query)
        assert status == 200 and answer["check"] is True, query
    for query in ("?check=yes", "?x=1&check=2"):
        status, answer = h.push(body, query=query)
        assert status == 400 and "check=1" in answer["detail"], query
    status, answer = h.push(body, query="?check=0")
    assert status == 202 and counts(answer) == (1, 1, 0, 0)


def test_two_events_in_binary_mode_with_equal_bodies_are_two_documents(hub):
    """The second was once taken for the first sent again, and lost."""
    h = hub(events_to({"plugin": "file", "directory": "out/events"}))

    def push(number, body=b'{"a":1}', **more):
        head = {"ce-specversion": "1.0", "ce-id": f"b{number}", "ce-source": "//own", "ce-type": "funding.report", **more}
        return (*h.push(body, path="/events", headers=head), head)

    status, first, head = push(1)
    assert status == 202 and first["messages"] == ["b1"]
    lines = "".join(f"{k}: {v}\n" for k, v in sorted({**head, "content-type": "application/json"}.items()))
    assert first["receipt"] == hashlib.sha256(lines.encode() + b'\n{"a":1}').hexdigest()
    status, second, _ = push(2)
    assert status == 202 and second["messages"] == ["b2"] and second["new"] == 1 and second["receipt"] != first["receipt"]
    assert push(2)[:2] == (202, second)
    assert push(3, **{"ce-type": "funding.reprt"})[0] == 422
    assert {m["id"] for m in delivered(h, 2, "out/events")} == {"b1", "b2"}


@pytest.mark.parametrize("body, words", [
    (b"PK\x03\x04\x14\x00\x06\x00xl/workbook.xml", "Excel"), (b"PK\x03\x04\x14\x00abc", "zip"), (b"<!DOCTYPE html><html>", "HTML"),
    (b"name=value&other=1", "form-encoded"), ('{"grants": []}'.encode("utf-16"), "UTF-16"), (b"\x1f\x8b\x08\x00abc", "gzip"),
    (b"", "empty")])
def test_what_it_looks_like_instead(hub, body, words):
    status, answer = hub(basic()).push(body)
    assert status == 400 and words in answer["detail"], answer


def test_another_kind_of_content_type_is_415(hub):
    h = hub(basic())
    status, answer = h.push(package([grant(1)]), headers={"Content-Type": "application/pdf"})
    assert status == 415 and "PDF" in answer["detail"]


TABLE = ("Identifier,Title,Description,Currency,Amount Awarded,Award Date,Funding Org:Identifier,Funding Org:Name,Recipient Org:Identifier,Recipient Org:Name\n"
         "360G-ex-1,Warm rooms,Heating,GBP,1250.50,2026-01-15,GB-LAE-EXA,Exampleshire,GB-CHC-1112223,A hall\n").encode()
SPEND_TABLE = b"Body,Date,Amount,Supplier\nExampleshire,01/04/2026,1250.50,A hall\n"


@pytest.mark.parametrize("speaks, table", [("360giving", TABLE), ("spend-csv", SPEND_TABLE)], ids=["360giving", "spend-csv"])
def test_a_table_that_windows_calls_an_excel_file_is_read(hub, speaks, table):
    config = basic(routes={"all": {"when": "true", "to": "register"}})
    config["connectors"]["dcms-grants"]["receive"]["speaks"] = speaks
    h = hub(config)
    excel = {"Content-Type": "application/vnd.ms-excel"}
    status, answer = h.push(table, headers=excel)
    assert status == 202 and counts(answer)[:2] == (1, 1), answer
    for workbook in (b"PK\x03\x04\x14\x00\x06\x00xl/workbook.xml", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600)):
        status, answer = h.push(workbook, headers=excel)
        assert status == 415 and f"an Office file; what is read here is {speaks}" in answer["detail"], answer
    status, answer = h.push(b"<!DOCTYPE html><html><table>", headers=excel)
    assert status == 400 and "HTML" in answer["detail"], answer


@BOTH_ENGINES
def test_receipts(hub):
    h = hub(basic())
    body = package([grant(1)])
    receipt = h.push(body)[1]["receipt"]
    status, answer = h.push(None, path=f"/grants/receipts/{receipt}", method="GET")
    assert status == 200 and answer["status"] == "accepted" and answer["answer"]["accepted"] == 1
    delivered(h, 1)
    told = wait_for(lambda: h.push(None, path=f"/grants/receipts/{receipt}", method="GET")[1]["deliveries"]["delivered"] and
                    h.push(None, path=f"/grants/receipts/{receipt}", method="GET")[1]["deliveries"], 5, "the delivery in the journal")
    assert told == {"delivered": 1, "waiting": 0, "dead": 0, "discarded": 0, "partial": False}
    assert h.push(None, path="/grants/receipts/" + "0" * 64, method="GET")[0] == 404
    assert h.push(None, path="/grants/receipts/short", method="GET")[0] == 404


def test_events_keep_their_own_id_and_may_not_reuse_it(hub):
    h = hub(events_to({"plugin": "file", "directory": "out"}))
    status, answer = h.push([event(1), event(2)], path="/events", headers={"Content-Type": EVENTS})
    assert status == 202 and answer["messages"] == ["e1", "e2"]
    status, answer = h.push([event(1), event(3)], path="/events", headers={"Content-Type": EVENTS})
    assert status == 202 and counts(answer) == (2, 1, 0, 1)
    status, answer = h.push(event(2, body={"other": True}), path="/events", headers={"Content-Type": ONE_EVENT})
    assert status == 422 and answer["issues"][0]["code"] == "id-reused"
    got = delivered(h, 3, "out")
    assert {g["source"] for g in got} == {"https://sender.example/system"} and {g["party"] for g in got} == {"dcms"}


@pytest.mark.parametrize("change, code", [({"party": "council"}, "party-set"), ({"source": "//exampleshire/x"}, "source-of-hub"),
                                          ({"type": "funding.awards"}, "type-unknown")])
def test_what_a_sender_may_not_claim(hub, change, code):
    h = hub(events_to({"plugin": "null"}))
    status, answer = h.push(event(1, **change), path="/events", headers={"Content-Type": ONE_EVENT})
    assert status == 422 and answer["issues"][0]["code"] == code
    if code == "type-unknown":
        assert "funding.award" in answer["issues"][0]["text"]


@BOTH_ENGINES
def test_unrouted_with_a_reason_is_accepted_and_traced(hub):
    h = hub(basic(routes={"none": {"when": "type = 'client.case'", "to": "register"}}))
    status, answer = h.push(package([grant(1)]))
    assert status == 202 and answer["accepted"] == 1
    assert h.files("out/awards") == []


@BOTH_ENGINES
def test_unrouted_messages_go_to_their_reader(hub):
    h = hub(basic(routes={"none": {"when": "type = 'client.case'", "to": "register"}}, unrouted={"to": "register"}))
    assert h.push(package([grant(1)]))[0] == 202
    delivered(h, 1)


@BOTH_ENGINES
def test_many_small_requests_at_once(hub):
    h = hub(events_to({"plugin": "file", "directory": "out"}))
    answers = []

    def send(k):
        for i in range(25):
            answers.append(h.push(event(k * 100 + i), path="/events", headers={"Content-Type": ONE_EVENT})[0])

    threads = [threading.Thread(target=send, args=(k,)) for k in range(16)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert answers == [202] * 400
    delivered(h, 400, "out")


@BOTH_ENGINES
def test_the_same_document_twice_at_the_same_time_is_sent_once(hub):
    h = hub(basic())
    body = package([grant(i) for i in range(300)])
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(h.push(body))) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert [s for s, _ in answers] == [202] * 4
    delivered(h, 300)


@BOTH_ENGINES
def test_a_file_source_reports_beside_the_file(hub, tmp_path):
    config = basic()
    config["connectors"]["folder"] = {"party": "dcms", "receive": {"plugin": "file", "directory": "in", "speaks": "360giving"}}
    (tmp_path / "in").mkdir()
    h = hub(config)
    (tmp_path / "good.json").write_bytes(package([grant(1)]))
    (tmp_path / "bad.json").write_bytes(package([grant(2, amount="x")]))
    for name in ("good.json", "bad.json"):
        (tmp_path / name).rename(tmp_path / "in" / name)
    wait_for(lambda: (tmp_path / "in/done/good.json").exists() and (tmp_path / "in/failed/bad.json").exists(), 20, "both settled")
    delivered(h, 1)


def test_types_beyond_the_list_come_in_only_where_the_operator_opens_it(hub):
    config = events_to({"plugin": "file", "directory": "out"})
    config["connectors"]["own"] = {"party": "council", "receive": {"plugin": "http", "path": "/own", "speaks": "cloudevents", "types": "open",
                                                                   "auth": {"bearer": "${file:token}"}}}
    h = hub(config)
    status, answer = h.push([event(1, "uk.example.own")], path="/events", headers={"Content-Type": EVENTS})
    assert status == 422 and "type-unknown" in json.dumps(answer)
    status, answer = h.push([event(1, "uk.example.own")], path="/own", headers={"Content-Type": EVENTS})
    assert status == 202 and answer["new"] == 1
    assert len(delivered(h, 1, "out")) == 1


def test_a_table_is_pushed_like_a_package(hub):
    """The answer names line and column; all or nothing, and the same rows again are known."""
    heading = "Identifier,Title,Description,Currency,Amount Awarded,Award Date,Funding Org:Identifier,Funding Org:Name,Recipient Org:Identifier,Recipient Org:Name"
    rows = [f"360G-ex-{i},Warm rooms,Heating,GBP,{i}.50,2026-01-15,GB-LAE-EXA,Exampleshire,GB-CHC-1112223,A hall" for i in range(1, 6)]
    h = hub(basic())
    kind = {"Content-Type": "text/csv"}
    status, answer = h.push("\n".join([heading, *rows[:4], rows[4].replace("2026-01-15", "15/01/2026")]).encode(), headers=kind)
    assert status == 422
    assert [(i["pointer"], i["code"]) for i in answer["issues"]] == [("line 6, column Award Date", "date-format")]
    status, answer = h.push("\n".join([heading, *rows]).encode(), headers=kind)
    assert status == 202 and counts(answer) == (5, 5, 0, 0)
    assert {(g["subject"], g["line"]) for g in delivered(h, 5)} == {(f"360G-ex-{i}", i + 1) for i in range(1, 6)}
    status, answer = h.push("\r\n".join(["Grants of a year", heading, *rows[::-1]]).encode("utf-16"), headers=kind)
    assert status == 202 and counts(answer) == (5, 0, 0, 5)
