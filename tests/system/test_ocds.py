# SPDX-License-Identifier: Apache-2.0
"""The OCDS adapter against real files and against the official schema."""
import copy
import datetime
import decimal
import json
import os
import pathlib
import random
import re
import subprocess
import sys

import conformance
import pytest
from conftest import module, put, wait_for
from hub import COUNCIL

BUILD = pathlib.Path(os.environ.get("REEVE_BUILD", "build")).resolve()
SHARED = pathlib.Path(os.environ.get("REEVE_SHARED", pathlib.Path(__file__).resolve().parents[3] / "shared"))
OCDS = SHARED / "fixtures" / "ocds"
ISSUE = re.compile(r"^.*?: (?P<where>\S*): (?P<severity>error|warning): .*\[(?P<code>[a-z0-9-]+)\]$")


def run(*args, data=None):
    return subprocess.run([BUILD / "reeve", *args], input=data, capture_output=True, timeout=120)


def decode(document):
    """(exit code, messages, standard error) of a file, or of a value that is written as JSON."""
    r = run("decode", "ocds", str(document)) if isinstance(document, pathlib.Path) else run("decode", "ocds", "-", data=json.dumps(document).encode())
    return r.returncode, [json.loads(line, parse_float=decimal.Decimal) for line in r.stdout.splitlines()], r.stderr.decode()


WHOLE = pathlib.Path(__file__).resolve().parent / "ocds_whole.json"


def exactly(text):
    """JSON with numbers as they are written."""
    return json.loads(text, parse_float=str, parse_int=str)


def expectations():
    return sorted(conformance.expectations("ocds").items())


def validator(name="release-package-schema.json"):
    jsonschema = pytest.importorskip("jsonschema", reason="python3-jsonschema is not installed (contrib/setup test)")
    if not (OCDS / "schema" / name).exists():
        pytest.skip("the OCDS fixtures are not beside this checkout (REEVE_SHARED)")
    release = json.loads((OCDS / "schema" / "release-schema.json").read_text())
    package = json.loads((OCDS / "schema" / name).read_text())
    resolver = jsonschema.RefResolver.from_schema(package, store={release["id"]: release})
    formats = jsonschema.FormatChecker(formats=["uri"])

    @formats.checks("date-time")
    def is_date_time(text):
        m = re.fullmatch(r"(\d{4}-\d\d-\d\d)[Tt](\d\d:\d\d:\d\d)(\.\d+)?([Zz]|[+-]\d\d:\d\d)", text) if isinstance(text, str) else True
        if m and m is not True:
            datetime.datetime.fromisoformat(f"{m[1]}T{m[2]}")  # raises ValueError
        return bool(m)
    formats.checkers["date-time"] = (is_date_time, (ValueError,))
    return jsonschema.Draft4Validator(package, resolver=resolver, format_checker=formats)


def party(name):
    return {"id": f"GB-COH-{name}", "name": name}


def release(n=1, **more):
    return {"ocid": "ocds-213czf-1", "id": f"r{n}", "date": "2026-02-27T12:00:00Z", "tag": ["implementation"], "initiationType": "tender",
            "parties": [party("payer"), party("payee")], "buyer": party("payer"),
            "contracts": [{"id": "C1", "awardID": "A1", "value": {"amount": 9000, "currency": "GBP"}, "implementation": {"transactions": [
                {"id": 7, "date": "2026-02-20T00:00:00Z", "value": {"amount": 3000.10, "currency": "GBP"}, "payer": party("payer"), "payee": party("payee")}]}}],
            **more}


def package(*releases, **more):
    return {"uri": "https://example.org/1", "version": "1.1", "publishedDate": "2026-02-28T00:00:00Z", "publisher": {"name": "A council"},
            "releases": list(releases), **more}


def records(*list_, **more):
    whole = package(**more)
    del whole["releases"]
    return {**whole, "records": list(list_)}


def of_type(messages, name):
    return [m for m in messages if m["type"] == name]


# ---- real files ----
def test_fixtures_are_there():
    if not expectations():
        pytest.skip("the OCDS fixtures are not beside this checkout (REEVE_SHARED)")


@pytest.mark.parametrize("name,want", expectations())
def test_counts_sums_and_verdicts_of_real_files(name, want):
    expected, got = conformance.row("ocds", name, want)
    assert got == expected


@pytest.mark.parametrize("name,want", expectations())
def test_releases_of_real_files_stay_as_they_are(name, want):
    whole = json.loads((OCDS / name).read_text(), parse_float=decimal.Decimal)
    releases = whole["releases"] if want["kind"] == "release package" else [r["compiledRelease"] for r in whole["records"]]
    assert [m["data"] for m in of_type(decode(OCDS / name)[1], "information.contract")] == releases


def test_what_is_written_is_valid_and_reads_back_as_the_same_messages():
    for name, want in expectations() or [(None, None)]:
        if name is None:
            pytest.skip("the OCDS fixtures are not beside this checkout (REEVE_SHARED)")
        first = run("decode", "ocds", str(OCDS / name))
        encoded = run("encode", "ocds", "-", data=first.stdout)
        assert encoded.returncode == 0, (name, encoded.stderr)
        assert not list(validator().iter_errors(json.loads(encoded.stdout))), name
        assert run("decode", "ocds", "-", data=encoded.stdout).stdout == first.stdout, name


def test_payments_alone_make_a_valid_package():
    line = run("decode", "ocds", "-", data=json.dumps(package(release())).encode()).stdout.splitlines()[1]
    encoded = run("encode", "ocds", "-", data=line)
    assert encoded.returncode == 0, encoded.stderr
    assert not list(validator().iter_errors(json.loads(encoded.stdout)))
    _, messages, _ = decode(json.loads(encoded.stdout))
    assert of_type(messages, "funding.payment") == [json.loads(line, parse_float=decimal.Decimal)]


# ---- what becomes of what ----
def test_a_release_becomes_a_contract_and_its_payments():
    code, messages, errors = decode(package(release()))
    assert (code, errors) == (0, "")
    contract, payment = messages
    assert (contract["type"], contract["subject"], contract["funder"], contract["amount"]) == ("information.contract", "ocds-213czf-1", "GB-COH-payer", 9000)
    assert (payment["type"], payment["subject"], payment["correlationid"]) == ("funding.payment", "ocds-213czf-1/C1/7", "ocds-213czf-1")
    assert (payment["funder"], payment["recipient"], payment["amount"], payment["exactamount"], payment["currency"]) == ("GB-COH-payer", "GB-COH-payee", 3000, "3000.1", "GBP")


def test_a_payment_that_a_later_release_repeats_is_the_same_message_and_a_changed_one_is_not():
    changed = release(3)
    changed["contracts"][0]["implementation"]["transactions"][0]["value"]["amount"] = 1
    _, messages, _ = decode(package(release(1), release(2), changed))
    assert len(of_type(messages, "information.contract")) == 3
    assert [m["amount"] for m in of_type(messages, "funding.payment")] == [3000, 1]


def test_a_record_is_counted_once():
    compiled = release("c", tag=["compiled"])
    link = {"url": "https://example.org/1#r1", "date": "2026-02-27T12:00:00Z"}
    for given, ids in (({"releases": [release(1), release(2)], "compiledRelease": compiled}, ["r1", "r2"]),
                       ({"releases": [link], "compiledRelease": compiled}, ["rc"]), ({"releases": [link]}, [])):
        code, messages, _ = decode(records({"ocid": "ocds-213czf-1", **given}))
        assert code == 0
        assert [m["data"]["id"] for m in of_type(messages, "information.contract")] == ids
        assert len(of_type(messages, "funding.payment")) == min(len(ids), 1)


def test_a_release_alone_is_read():
    code, messages, errors = decode(release())
    assert code == 0 and len(messages) == 2 and messages[0]["data"]["id"] == "r1", errors


# ---- faults ----
def mutated(value, rng):
    """The value with one thing in it changed, at random."""
    whole = copy.deepcopy(value)
    spots = []

    def visit(v):
        for key in list(v) if isinstance(v, dict) else range(len(v)):
            spots.append((v, key))
            if isinstance(v[key], (dict, list)):
                visit(v[key])
    visit(whole)
    where, key = rng.choice(spots)
    what = rng.choice(["remove", None, "", "x", 1, 1.5, True, [], {}, ["x", "x"], {"id": "x"}, "2026-01-01", "GBP", "repeat"])
    if what == "remove":
        del where[key]
    elif what == "repeat" and isinstance(where, list):
        where.append(where[key])
    else:
        where[key] = what
    return whole


def test_a_package_damaged_at_random_gets_the_verdict_of_the_official_schema():
    official, seed = validator(), int(os.environ.get("REEVE_SEED", random.randrange(1 << 30)))
    print(f"REEVE_SEED={seed}")
    rng = random.Random(seed)
    sources = [package(release(1), release(2))]
    sources += [json.loads((OCDS / name).read_text()) for name, want in expectations() if want["kind"] == "release package"]
    for _ in range(int(os.environ.get("REEVE_PACKAGES", "150"))):
        damaged = mutated(rng.choice(sources), rng)
        code, _, errors = decode(damaged)
        faults = [f"{'/'.join(map(str, e.absolute_path))}: {e.message[:200]}" for e in official.iter_errors(damaged)]
        assert (code == 0) == (not faults), (faults[:3], errors[:1000])


@pytest.mark.parametrize("data,code", [
    (b"", 2), (b"[]", 2), (b"<a/>", 2), (b'{"releases":[', 2), (b'{"releases":[{"ocid":"\xff"}]}', 2), (b'{"releases":' + b"[" * 100000, 2),
    (b'{"releases":[' + b'{"a":' * 100 + b"1" + b"}" * 100 + b"]}", 1), (json.dumps(package()).encode(), 1), (b"{}", 1),
    (json.dumps(package(release())).replace("3000.1", "1" + "0" * 5000 + "e999999999").encode(), 0)])
def test_hostile_bytes_get_a_reason(data, code):
    r = run("decode", "ocds", "-", data=data)
    assert r.returncode == code, r.stderr[:500]
    assert code == 0 or r.stderr


# ---- the table of make conformance
def test_the_table_fails_when_one_file_differs_and_says_what_is_absent(tmp_path):
    directory = tmp_path / "fixtures" / "ocds"
    directory.mkdir(parents=True)
    (directory / "a.json").write_text(json.dumps(package(release())))
    known = {"kind": "release package", "schema_valid": True, "releases": 1, "distinct_ocids": 1, "distinct_release_ids": 1, "transactions": 1, "tender_value": {},
             "award_value": {}, "contract_value": {"GBP": "9000"}, "transaction_value": {"GBP": "3000.10"}}
    for change, differ in (({}, 0), ({"transaction_value": {"GBP": "3000.11"}}, 1), ({"schema_valid": False}, 1)):
        (directory / "expected.json").write_text(json.dumps({"a.json": {**known, **change}}))
        r = subprocess.run([sys.executable, conformance.__file__], env={**os.environ, "REEVE_SHARED": str(tmp_path)}, capture_output=True, text=True, timeout=60)
        assert r.returncode == differ and f"1 files, {differ} of them differ" in r.stdout and ("DIFFERS" in r.stdout) == bool(differ), r.stdout + r.stderr
        assert "SKIP: iati: " in r.stdout


# ---- through the hub record
def test_releases_come_back_through_the_hub_record_as_they_went(tmp_path):
    """Payments stand in the releases already; decimals as they were written."""
    for path in [WHOLE] + [OCDS / name for name, want in expectations() if name.endswith(".json") and "record" not in name]:
        r = run("convert", "ocds", "ocds", path)
        assert r.returncode == 0, r.stderr
        assert exactly(r.stdout)["releases"] == exactly(path.read_text())["releases"], path


def test_releases_become_records_of_their_whole_process(tmp_path):
    """Awards stand in three releases: added up over the last record of the process they are what was awarded."""
    award = {"id": "A1", "value": {"amount": 11000000, "currency": "GBP"}}
    doc = package(*[{**release(), "id": f"r{day}", "date": f"2026-03-0{day}T09:00:00Z", "awards": [award], "tender": {"id": "T", "title": f"day {day}"}}
                    for day in (2, 1, 3)])
    (tmp_path / "p.json").write_text(json.dumps(doc))
    r = run("convert", "ocds", "hub", tmp_path / "p.json")
    records = [json.loads(line) for line in r.stdout.splitlines()]
    contracts = [x for x in records if x["type"] == "information.contract"]
    assert r.returncode == 0 and len(contracts) == 3, r.stderr
    assert [x["tender"]["title"] for x in contracts] == ["day 2", "day 2", "day 3"]
    assert contracts[-1]["tags"] == ["compiled"] and [a["value"] for a in contracts[-1]["awards"]] == [{"amount": "11000000", "currency": "GBP"}]


RECORDS = """#!/usr/bin/python3
import json, sys
def say(**what):
    print(json.dumps(what), flush=True)
sys.stdin.readline()
say(reeve=1, name="records", offers=["encode", "from_hub"])
for line in sys.stdin:
    call = json.loads(line)
    if call.get("call") == "from_hub":
        say(seq=call["seq"], verdict="ok", emit=[call["event"]])
    elif call.get("call") == "encode":
        events = []
        while not (piece := json.loads(sys.stdin.readline())).get("end"):
            events.append(piece["event"]["data"])
        say(seq=call["seq"], verdict="ok", name="r.json", document=json.dumps(events))
"""


def test_a_killed_worker_still_knows_the_releases_of_a_process(hub, tmp_path):
    """To a receiver with a standard of its own: releases in the wrong order, the worker killed between them, one of them said again."""
    module("plugins/exec")
    put(tmp_path / "records.py", RECORDS, 0o755)
    speaks = {"exec": {"standard": "records", "program": str(tmp_path / "records.py")}}
    h = hub({"parties": dict(COUNCIL),
             "connectors": {"notices": {"party": "dcms", "receive": {"plugin": "http", "path": "/notices", "speaks": "ocds"}},
                            "register": {"party": "council", "deliver": {"plugin": "file", "directory": "out", "speaks": speaks}}},
             "routes": {"contracts": {"match": {"type": "information.contract"}, "to": "register"}}})
    for n, day in enumerate((3, 1, 2, 1)):
        more = {"awards": [{"id": "A1", "value": {"amount": day, "currency": "GBP"}}], f"x{day}": n}
        status, answer = h.push(package({**release(day), "date": f"2026-03-0{day}T09:00:00Z", **more}), "/notices")
        assert status in (200, 202), answer
        wait_for(lambda: len(h.files("out")) == n + 1, 20, lambda: h.log()[-3000:])
        if n == 1:
            h.kill_process("register.deliver")
    records = [json.loads(path.read_text())[0] for path in sorted(h.files("out"), key=lambda path: path.stat().st_mtime_ns)]
    assert [r["awards"][0]["value"]["amount"] for r in records] == ["3"] * 4
    assert records[-1]["other"]["ocds"] == {"initiationType": "tender", "x1": 3, "x2": 2, "x3": 0}, records[-1]


def test_a_route_to_where_something_has_no_source_is_refused_with_its_name(tmp_path):
    config = {"hub": "h", "data": "var", "door": {"listen": "127.0.0.1:8480"}, "unrouted": {"drop": "nobody asked for it"},
              "parties": {"buyer": {"name": "A Buyer", "role": "government"}, "friend": {"name": "A Friend", "role": "provider"}},
              "connectors": {"buyer": {"party": "buyer", "receive": {"plugin": "file", "directory": "in", "speaks": "ocds"}},
                             "friend": {"party": "friend", "deliver": {"plugin": "file", "directory": "out", "speaks": "iati"}}},
              "routes": {"all": {"match": {"type": "funding.payment"}, "to": "friend"}}}
    (tmp_path / "in").mkdir()
    (tmp_path / "reeve.yaml").write_text(json.dumps(config))
    r = run("check", "-c", tmp_path)
    said = (r.stdout + r.stderr).decode()
    assert r.returncode == 1 and "funding.payment" in said and "title" in said and "description" in said, said
