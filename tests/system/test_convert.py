# SPDX-License-Identifier: Apache-2.0
"""reeve convert: through the hub record into another standard, what the report says of it, and that loss does not grow."""
import json
import os
import shutil
import subprocess

import pytest
from conftest import ROOT, program, reeve, shared, wait_for
from hub import basic
from hub_schema import faults

GRANTS = ROOT / "contrib/demo/data/grants.json"
EVERY = ROOT / "tests/fuzz/corpus/360giving/every-member"

# A standard that can say little: number, name, year, whole amount, first funder. What it reads back it calls active.
SHORT = r"""
#include "lib/hub_record.h"
#include <stdio.h>
#include <string.h>
static reeve_rc from_hub(reeve_ctx *c, void *inst, const reeve_msg *m, reeve_out *out)
{
    reeve_rc rc = REEVE_OK;
    struct json_parser *p = json_parser_new(63);
    const struct json_node *r = hub_read(c, p, m, "funding.award", &rc);
    const struct json_node *money = node_member(r, "awarded"), *amount = node_member(money, "amount");
    (void)inst;
    if (r != NULL && strstr(node_member(r, "title")->text, "UNSAYABLE") != NULL) {
        rc = reeve_fail(c, REEVE_REJECT, "a title that short cannot say");
    } else if (r != NULL) {
        struct json_write w;
        json_write_init(&w, 1 << 20);
        json_write_object(&w);
        json_write_name(&w, "n"); json_write_node(&w, node_member(r, "id"));
        json_write_name(&w, "t"); json_write_node(&w, node_member(r, "title"));
        json_write_name(&w, "y"); json_write_text(&w, node_member(r, "date")->text, 4);
        json_write_name(&w, "sum"); json_write_text(&w, amount->text, strcspn(amount->text, "."));
        json_write_name(&w, "in"); json_write_node(&w, node_member(money, "currency"));
        json_write_name(&w, "who"); json_write_node(&w, node_member(node_member(r, "funders")->first, "name"));
        json_write_end(&w);
        reeve_msg *x = reeve_msg_copy(m);
        reeve_msg_set_body(x, "application/json", w.p, w.len);
        rc = reeve_emit(out, x) == 0 ? REEVE_OK : REEVE_RETRY;
        json_write_done(&w);
    }
    json_parser_free(p);
    return rc;
}
static reeve_rc to_hub(reeve_ctx *c, void *inst, const reeve_msg *m, reeve_out *out)
{
    size_t len;
    const char *body = reeve_msg_body(m, &len);
    struct json_parser *p = json_parser_new(63);
    const struct json_node *s = json_parse(p, body, len);
    struct json_write w;
    (void)inst;
    json_write_init(&w, 1 << 20);
    json_write_object(&w);
    hub_head(&w, "funding.award");
    json_write_name(&w, "id"); json_write_node(&w, node_member(s, "n"));
    json_write_name(&w, "title"); json_write_node(&w, node_member(s, "t"));
    json_write_name(&w, "date"); json_write_node(&w, node_member(s, "y"));
    json_write_name(&w, "status"); json_write_text(&w, "active", 6);
    json_write_name(&w, "awarded"); json_write_object(&w);
    json_write_name(&w, "amount"); json_write_node(&w, node_member(s, "sum"));
    json_write_name(&w, "currency"); json_write_node(&w, node_member(s, "in"));
    json_write_end(&w);
    json_write_name(&w, "funders"); json_write_array(&w); json_write_object(&w);
    json_write_name(&w, "name"); json_write_node(&w, node_member(s, "who"));
    json_write_end(&w); json_write_end(&w); json_write_end(&w);
    reeve_rc rc = hub_emit(c, out, m, "funding.award", &w);
    json_write_done(&w);
    json_parser_free(p);
    return rc;
}
static reeve_rc encode(reeve_ctx *c, void *inst, const reeve_msg *const *m, size_t n, reeve_buf *out)
{
    (void)c; (void)inst;
    for (size_t i = 0; i < n; i++) {
        size_t len;
        const char *p = reeve_msg_body(m[i], &len);
        if (reeve_buf_add(out, p, len) | reeve_buf_add(out, "\n", 1))
            return REEVE_REJECT;
    }
    return REEVE_OK;
}
REEVE_PLUGIN(.name = "short", .version = "1", .summary = "says little", .encode = encode ROLES);
"""


def adapter(directory, name, roles):
    cc = shutil.which(os.environ.get("CC", "cc"))
    if not cc:
        pytest.skip("no C compiler")
    source, target = directory / f"{name}.c", directory / f"{name}.so"
    source.write_text(SHORT.replace("ROLES", roles))
    lib = [ROOT / "adapters/lib" / f"{x}.c" for x in ("hub_record", "json_node", "json_write", "json_key", "formats", "utf8")]
    subprocess.run([cc, "-std=c11", "-D_GNU_SOURCE", "-fPIC", "-fvisibility=hidden", "-shared", "-Wno-unused-function", "-I", ROOT / "core/include",
                    "-I", ROOT / "adapters", "-o", target, source, *lib], check=True)
    return str(target)


@pytest.fixture(scope="module")
def short(tmp_path_factory):
    return adapter(tmp_path_factory.mktemp("short"), "short", ", .to_hub = to_hub, .from_hub = from_hub")


def grant(number, **more):
    org = [{"id": "GB-CHC-1112223", "name": "An organisation"}]
    return {"id": f"360G-ex-{number}", "title": "Warm rooms", "description": "d", "currency": "GBP", "amountAwarded": 1250.5, "awardDate": "2026-01-15",
            "fundingOrganization": org, "recipientOrganization": org, **more}


def package(tmp_path, *grants):
    path = tmp_path / "grants.json"
    path.write_text(json.dumps({"grants": grants}))
    return str(path)


def fields(line):
    out = {}
    for f in line["fields"]:
        out.setdefault(f["what"], set()).add(f["path"])
    return out


def report(*argv):
    r = reeve("convert", *argv, "--report", "--json")
    lines = [json.loads(line) for line in r.stdout.splitlines()]
    assert lines, r.stderr
    return r, lines[:-1], lines[-1]["totals"]


# ---- there and back
def same_grants(path):
    """The document that comes back has the grants that went in, numbers as they were written."""
    exact = {"parse_float": str, "parse_int": str}
    before = json.loads(path.read_text(), **exact)["grants"]
    r = reeve("convert", "360giving", "360giving", path)
    assert r.returncode == 0, r.stderr
    after = json.loads(r.stdout, **exact)["grants"]
    plain = reeve("decode", "360giving", path).stdout.splitlines()
    assert len(before) == len(after) == len(plain)
    for a, b in zip(before, after):
        assert a == b
    return r.stdout


def test_grants_come_back_the_same(tmp_path):
    text = same_grants(GRANTS)
    again = tmp_path / "again.json"
    again.write_text(text)
    one, two = (sorted(json.loads(line)["subject"] for line in reeve("decode", "360giving", p).stdout.splitlines()) for p in (GRANTS, again))
    assert one == two


def test_a_number_comes_back_as_its_value(tmp_path):
    """The one thing that is written otherwise: an exponent."""
    r = reeve("convert", "360giving", "360giving", EVERY)
    assert r.returncode == 0, r.stderr
    before, after = json.loads(EVERY.read_text())["grants"], json.loads(r.stdout)["grants"]
    assert before == after and '"amountAppliedFor":100,' in r.stdout and '"amountAwarded":1.50,' in r.stdout


VALID = ["a002400000nO46WAAS-1.4MB.json", "a003W000001B7PzQAK.json", "duration_usefulness.json", "grantnav-5-grants.json"]


def valid_fixtures():
    """All that expected.json calls valid; known by name too, so that a test has a name where the fixtures are absent."""
    try:
        directory = shared("fixtures/360giving")
    except pytest.skip.Exception:
        return VALID
    expected = json.loads((directory / "expected.json").read_text())
    return sorted(k.split("/")[-1] for k, v in expected.items() if v.get("schema_valid"))


@pytest.mark.parametrize("name", valid_fixtures())
def test_real_grants_come_back_the_same(name):
    same_grants(shared(f"fixtures/360giving/samples/{name}"))


@pytest.mark.parametrize("name", valid_fixtures())
def test_the_records_of_real_grants_keep_to_the_schema(name):
    r = reeve("convert", "360giving", "hub", shared(f"fixtures/360giving/samples/{name}"))
    assert r.returncode == 0, r.stderr
    for line in r.stdout.splitlines():
        assert faults(json.loads(line)) == set(), line


@pytest.mark.parametrize("path", [GRANTS, EVERY], ids=lambda p: p.name)
def test_records_keep_to_the_schema(path):
    r = reeve("convert", "360giving", "hub", path)
    assert r.returncode == 0, r.stderr
    records = [json.loads(line) for line in r.stdout.splitlines()]
    assert len(records) == len(json.loads(path.read_text())["grants"])
    for record in records:
        assert faults(record) == set()


# ---- loss
# What becomes of each field of a document, for every pair that can be converted. Only what is not kept is listed. A row that must be added here, or a
# number that must be raised, is loss that has grown: say in the commit why.
WHOLE = ROOT / "tests/system/iati_whole.xml"
CONTRACT = ROOT / "tests/system/ocds_whole.json"
FROM_IATI = r"""<iati-activities version="2.03"><iati-activity default-currency="GBP" xml:lang="en">
<iati-identifier>GB-LAE-EXA-9</iati-identifier>
<reporting-org ref="GB-LAE-EXA" type="11"><narrative>Exampleshire Council</narrative></reporting-org>
<title><narrative>Warm rooms</narrative><narrative xml:lang="cy">Ystafelloedd cynnes</narrative></title>
<description type="1"><narrative>Heating for village halls</narrative></description>
<participating-org role="1" type="11" ref="GB-LAE-EXA"><narrative>Exampleshire Council</narrative></participating-org>
<participating-org role="2" ref="GB-LAE-EXA"/>
<participating-org role="4" type="22" ref="GB-CHC-1112223"><narrative>Village Hall Trust</narrative></participating-org>
<activity-status code="2"/><activity-date type="1" iso-date="2026-01-15"/><activity-date type="3" iso-date="2026-12-31"/>
<recipient-country code="GB" percentage="100"/>
<location ref="hall"><location-id vocabulary="GSS" code="E07000904"/><name><narrative>Tidebridge</narrative></name><point srsName="http://www.opengis.net/def/crs/EPSG/0/4326"><pos>51.5 -0.12</pos></point></location>
<sector vocabulary="1" code="16010" percentage="100"/>
<transaction ref="C1"><transaction-type code="2"/><transaction-date iso-date="2026-01-20"/><value value-date="2026-01-20">1000.10</value></transaction>
<transaction ref="C2"><transaction-type code="2"/><transaction-date iso-date="2026-01-10"/><value value-date="2026-01-10">250.405</value></transaction>
<related-activity ref="GB-LAE-EXA-1" type="1"/>
</iati-activity></iati-activities>
"""
SPEND = """Body Name,Body Code,Service Area,Payment Date,Transaction Number,Line,Net Amount,Gross Amount,Irrecoverable VAT,Supplier Name,Supplier ID,Category,\
Expense Code,Purpose,Capital or Revenue,Card Transaction,Contract ID,Grant,VCSE
Exampleshire,GB-LAE-EXA,Housing,01/04/2026,4711,1,"1,234.50",1481.40,0.00,Acme Ltd,77,Repairs,R1,A roof,Revenue,No,K1,,
Exampleshire,GB-LAE-EXA,Housing,Apr-26,4712,,(12.00),,,Mr A Smith,,Repairs,R1,,,,,,
Exampleshire,GB-LAE-EXA,Housing,02/04/2026,4713,,600,,,REDACTED,,Grants,R2,,,,,Yes,Yes
"""
LOSS = {
    ("spend-csv", "spend-csv"): (SPEND, 3, 25, {}),
    ("360giving", "360giving"): (EVERY, 2, 60, {}),
    ("iati", "iati"): (WHOLE, 3, 60, {}),
    ("ocds", "ocds"): (CONTRACT, 2, 90, {}),
    ("360giving", "iati"): (GRANTS, 12, 20, {
        "/classifications/*/scheme": {"lost": 12}, "/openCall": {"lost": 2}, "/placeScope/code": {"lost": 1}, "/placeScope/scheme": {"lost": 1},
        "/places/*/country": {"lost": 12}, "/places/*/kind/code": {"lost": 12}, "/planned/*/months": {"lost": 1}, "/programmes/*/code": {"lost": 1},
        "/programmes/*/title": {"lost": 1}, "/recipients/*/address/postcode": {"lost": 2}, "/recipients/*/identifiers/*/id": {"lost": 9},
        "/recipients/*/identifiers/*/scheme": {"lost": 9}, "/recipients/*/url": {"lost": 2}, "/requested/amount": {"lost": 1},
        "/requested/currency": {"lost": 1},
        "/other/iati/elements/*": {"added": 12}}),  # who reports, which only IATI asks
    ("iati", "360giving"): (FROM_IATI, 1, 20, {
        "/classifications/*/share": {"lost": 1}, "/funders/*/kind/code": {"lost": 1}, "/funders/*/kind/scheme": {"lost": 1},
        "/funders/*/kind/title": {"added": 1}, "/language": {"lost": 1}, "/other/iati/attributes/default-currency": {"lost": 1},
        "/other/iati/elements/*": {"lost": 1}, "/partners/*/identifiers/*/id": {"lost": 1}, "/partners/*/identifiers/*/scheme": {"lost": 1},
        "/partners/*/kind/code": {"lost": 1}, "/partners/*/kind/scheme": {"lost": 1}, "/places/*/share": {"lost": 1},
        "/recipients/*/kind/code": {"lost": 1}, "/recipients/*/kind/scheme": {"lost": 1}, "/recipients/*/kind/title": {"added": 1},
        "/related/*/relation": {"lost": 1}, "/status": {"lost": 1}, "/translations/cy/title": {"lost": 1}}),
}


def of_the_report(pair, path):
    r, lines, totals = report(*pair, path)
    assert r.returncode == 0, r.stderr
    not_kept = {field: {k: v for k, v in counts.items() if k != "kept"} for field, counts in totals["fields"].items()}
    return lines, totals, {k: v for k, v in not_kept.items() if v}


@pytest.mark.parametrize("pair", LOSS, ids="-".join)
def test_loss_does_not_grow(pair, tmp_path):
    source, messages, fields_seen, loss = LOSS[pair]
    if isinstance(source, str):
        (tmp_path / "source").write_text(source)
        source = tmp_path / "source"
    lines, totals, not_kept = of_the_report(pair, source)
    assert totals["messages"] == messages and totals["refused"] == 0
    assert not_kept == loss
    assert len(totals["fields"]) >= fields_seen  # it looked at something


def test_a_contract_stays_behind_where_only_its_payments_have_a_place():
    """A spend file has no room for contracts; of a payment it loses what only OCDS asks."""
    r, lines, totals = report("ocds", "spend-csv", CONTRACT)
    assert r.returncode == 1 and totals["refused"] == 1 and not r.stderr  # the report has all reasons
    assert "there is no place for information.contract" in r.stdout
    lost = {f for f, counts in totals["fields"].items() if "lost" in counts}
    assert {f for f in lost if not f.startswith("/other/ocds/")} == {"/award/id", "/kind", "/language"}
    assert {f: c for f, c in totals["fields"].items() if set(c) - {"kept", "lost"}} == {"/date": {"widened": 1}}
    assert totals["fields"]["/value/amount"] == totals["fields"]["/payee/name"] == totals["fields"]["/contract/id"] == {"kept": 1}


def test_a_number_that_is_written_otherwise_is_told():
    lines, _, _ = of_the_report(("360giving", "360giving"), EVERY)
    assert [line["before"] for line in lines if "before" in line] == [[{"path": "/amountAppliedFor", "what": "changed", "was": 100.0, "is": 100}]]


def test_the_report_tells_each_fate(tmp_path, short):
    path = package(tmp_path, grant(1, ownColumn="x"), grant(2, amountAwarded=7))
    r, lines, totals = report("360giving", short, path)
    assert r.returncode == 0, r.stderr
    one, two = (fields(line) for line in lines)
    assert one["widened"] == {"/date"} and one["changed"] == {"/awarded/amount"} and one["added"] == {"/status"}
    assert {"/id", "/title", "/awarded/currency", "/funders/0/name"} == one["kept"]
    assert {"/description", "/recipients/0/name", "/funders/0/identifiers/0/id", "/other/360giving/ownColumn"} < one["lost"]
    assert "changed" not in two and "/awarded/amount" in two["kept"]
    assert totals == {**totals, "messages": 2, "refused": 0}
    assert totals["fields"]["/funders/*/name"] == {"kept": 2} and totals["fields"]["/date"] == {"widened": 2}
    assert totals["fields"]["/awarded/amount"] == {"kept": 1, "changed": 1}
    values = {f["path"]: (f.get("was"), f.get("is")) for f in lines[0]["fields"]}
    assert values["/date"] == ("2026-01-15", "2026") and values["/awarded/amount"] == ("1250.5", "1250")


def test_the_report_for_people(tmp_path, short):
    r = reeve("convert", "360giving", short, package(tmp_path, grant(1)), "--report")
    assert r.returncode == 0
    assert "360G-ex-1 funding.award: 4 kept, 1 widened, 1 changed, 6 lost, 1 added" in r.stdout, r.stdout
    assert "  widened  /date: 2026-01-15 -> 2026\n" in r.stdout and "  lost     /description: d\n" in r.stdout
    assert r.stdout.endswith("1 records, 0 of them refused\n")


def test_nothing_of_a_personal_message_is_shown(tmp_path, short):
    secret = grant(1, recipientIndividual={"id": "p-77", "name": "Sam"}, toIndividualsDetails={"primaryGrantReason": "GTIR030"})
    del secret["recipientOrganization"]
    path = package(tmp_path, secret)
    for more in ([], ["--json"]):
        r = reeve("convert", "360giving", short, path, "--report", *more)
        assert "/individual/name" in r.stdout
        for value in ("Sam", "p-77", "GTIR030", "1250", "Warm"):
            assert value not in r.stdout + r.stderr, value


# ---- what is written, refused, and not possible
def test_what_is_written(tmp_path, short):
    r = reeve("convert", "360giving", short, package(tmp_path, grant(1), grant(2, title="UNSAYABLE"), grant(3)))
    assert r.returncode == 1
    assert [json.loads(line)["n"] for line in r.stdout.splitlines()] == ["360G-ex-1", "360G-ex-3"]
    assert "360G-ex-2: error: adapter short from_hub: a title that short cannot say [translation]" in r.stderr


def test_a_refusal_stands_in_the_report(tmp_path, short):
    r, lines, totals = report("360giving", short, package(tmp_path, grant(1, title="UNSAYABLE"), grant(2)))
    assert r.returncode == 1
    assert lines[0] == {"subject": "360G-ex-1", "type": "funding.award", "refused": "adapter short from_hub: a title that short cannot say"}
    assert totals["messages"] == 2 and totals["refused"] == 1


def test_exit_codes_are_those_of_decode(tmp_path, short):
    assert reeve("convert", "360giving", "hub", package(tmp_path, grant(1), grant(2, currency="GPB"))).returncode == 1
    for text, said in (("Colour,Taste\n1,2\n", "[heading-missing]"), ("<grants/>", "[json-syntax]")):
        (tmp_path / "x").write_text(text)
        r = reeve("convert", "360giving", "hub", tmp_path / "x")
        assert r.returncode == 2 and r.stdout == "" and said in r.stderr
    assert reeve("convert", "360giving", short, package(tmp_path, grant(1, title="UNSAYABLE"))).returncode == 2
    assert reeve("convert", "360giving", "hub", tmp_path / "none").returncode == 2
    for wrong in (["360giving", "hub"], ["360giving", "hub", "x", "--report"], ["360giving", short, "x", "--json"], ["360giving", "hub", "x", "y"]):
        assert reeve("convert", *wrong).returncode == 64


def test_a_pair_that_cannot_work_is_named(tmp_path):
    path = package(tmp_path, grant(1))
    r = reeve("convert", "360giving", "cloudevents", path)
    assert r.returncode == 2 and "adapter cloudevents has no from_hub" in r.stderr and "[plugin-role]" in r.stderr
    assert "adapter cloudevents has no to_hub" in reeve("convert", "cloudevents", "360giving", path).stderr
    only = adapter(tmp_path, "only", ", .from_hub = from_hub")
    assert reeve("convert", "360giving", only, path).returncode == 0
    r = reeve("convert", "360giving", only, path, "--report")
    assert r.returncode == 2 and "cannot be read back" in r.stderr and r.stdout == ""


def test_standard_input(tmp_path):
    r = subprocess.run([program("reeve"), "convert", "360giving", "hub", "-"], input=json.dumps({"grants": [grant(1)]}), capture_output=True, text=True)
    assert r.returncode == 0 and json.loads(r.stdout)["id"] == "360G-ex-1"


def test_a_full_disk_is_said(tmp_path):
    if not os.path.exists("/dev/full"):
        pytest.skip("there is no /dev/full")
    for to, more in (("hub", []), ("360giving", []), ("360giving", ["--report"])):
        with open("/dev/full", "w") as full:
            r = subprocess.run([program("reeve"), "convert", "360giving", to, GRANTS, *more], stdout=full, stderr=subprocess.PIPE, text=True)
        assert r.returncode != 0 and r.stderr, to


# ---- between 360Giving and IATI
def iati_samples():
    try:
        return sorted(shared("fixtures/iati/samples").glob("*.xml"))
    except pytest.skip.Exception:
        return []


def test_grants_that_went_through_iati_say_the_same(tmp_path):
    """What both standards have a place for comes back as it was, money to the penny."""
    activities = tmp_path / "activities.xml"
    r = reeve("convert", "360giving", "iati", GRANTS)
    assert r.returncode == 0, r.stderr
    activities.write_text(r.stdout)
    r = reeve("convert", "iati", "360giving", activities)
    assert r.returncode == 0, r.stderr
    exact = {"parse_float": str, "parse_int": str}
    before, after = (json.loads(text, **exact)["grants"] for text in (GRANTS.read_text(), r.stdout))
    assert len(before) == len(after) == 12
    for a, b in zip(before, after):
        for member in ("id", "title", "description", "amountAwarded", "currency", "awardDate"):
            assert a[member] == b[member]
        for side in ("fundingOrganization", "recipientOrganization"):
            assert [(x["id"], x["name"]) for x in a[side]] == [(x["id"], x["name"]) for x in b[side]]
        assert [x["geoCode"] for x in a["beneficiaryLocation"]] == [x["geoCode"] for x in b["beneficiaryLocation"]]


@pytest.mark.parametrize("source", ["360giving", "iati"])
def test_activities_that_were_converted_are_valid(tmp_path, source):
    if shutil.which("xmllint") is None:
        pytest.skip("xmllint (package libxml2-utils) is not installed")
    schema = shared("fixtures/iati/schema/iati-activities-schema.xsd")
    for i, path in enumerate([GRANTS] if source == "360giving" else [WHOLE, ROOT / "tests/fuzz/corpus/iati/payments.xml"]):
        r = reeve("convert", source, "iati", path)
        assert r.returncode == 0, r.stderr
        (tmp_path / f"{i}.xml").write_text(r.stdout)
        official = subprocess.run(["xmllint", "--noout", "--nonet", "--schema", schema, tmp_path / f"{i}.xml"], capture_output=True, text=True)
        assert official.returncode == 0, official.stderr


def test_nothing_of_a_real_activity_is_lost_on_the_way_back():
    paths = iati_samples() or pytest.skip("the IATI fixtures are not beside this checkout (REEVE_SHARED)")
    messages = 0
    for path in paths:
        lines = reeve("convert", "iati", "iati", path, "--report", "--json").stdout.splitlines()
        if not lines:
            continue  # not one activity of it is valid
        totals = json.loads(lines[-1])["totals"]
        assert totals["refused"] == 0 and {k: v for k, v in totals["fields"].items() if set(v) != {"kept"}} == {}, path
        messages += totals["messages"]
    assert messages >= 6


@pytest.mark.parametrize("name", ["award", "empty-codes", "payments", "whole"])
def test_an_activity_comes_back_as_the_same_record(name):
    """Empty codes too, which say nothing and which the schema wants."""
    r, _, totals = report("iati", "iati", ROOT / f"tests/fuzz/corpus/iati/{name}.xml")
    assert r.returncode == 0 and totals["refused"] == 0 and totals["messages"] > 0, r.stderr
    assert all(set(v) == {"kept"} for v in totals["fields"].values()), totals


def test_activities_as_records_keep_to_the_schema():
    seen = set()
    for path in [WHOLE, ROOT / "tests/fuzz/corpus/iati/payments.xml", *iati_samples()]:
        for line in reeve("convert", "iati", "hub", path).stdout.splitlines():
            record = json.loads(line)
            seen.add(record["type"])
            assert faults(record) == set(), (path, record["id"])
    assert seen == {"funding.award", "funding.payment", "funding.report"}


def activity(tmp_path, old="", new=""):
    path = tmp_path / "activity.xml"
    assert old in FROM_IATI
    path.write_text(FROM_IATI.replace(old, new))
    return path


def record_of(path):
    r = reeve("convert", "iati", "hub", path)
    assert r.returncode == 0, r.stderr
    return json.loads(r.stdout.splitlines()[0])


@pytest.mark.parametrize("amount, is_", [("1000.10", "1250.505"), (" +01000.10 ", "1250.505"), ("-250.405", "0.000"), (".5", "250.905"),
                                         ("9999999999999999999", "10000000000000000249.405"), ("-1000.10", "-749.695")])
def test_what_is_awarded_is_the_exact_sum_of_the_commitments(tmp_path, amount, is_):
    record = record_of(activity(tmp_path, "1000.10", amount))
    assert record["awarded"] == {"amount": is_, "currency": "GBP"} and record["date"] == "2026-01-10"


def test_commitments_of_two_currencies_are_no_sum(tmp_path):
    record = record_of(activity(tmp_path, '<value value-date="2026-01-10">', '<value currency="EUR" value-date="2026-01-10">'))
    assert "awarded" not in record and "date" not in record
    assert [t["value"]["currency"] for t in record["transactions"]] == ["GBP", "EUR"]


def test_people_of_an_activity_go_to_nobody_in_another_standard(tmp_path):
    path = activity(tmp_path, "<recipient-country", "<contact-info><person-name><narrative>Sam Sample</narrative></person-name></contact-info><recipient-country")
    assert "Sam Sample" in json.dumps(record_of(path)["other"])
    r = reeve("convert", "iati", "360giving", path)
    assert r.returncode == 0 and "Sam" not in r.stdout


@pytest.mark.parametrize("change, reason", [({"description": ""}, "wanted description"), ({"awardDate": "2026-02-31"}, "no date with a day")])
def test_a_grant_that_can_be_no_activity_is_refused_with_the_reason(tmp_path, change, reason):
    r = reeve("convert", "360giving", "iati", package(tmp_path, grant(1, **change), grant(2)))
    assert r.returncode == 1 and "360G-ex-2" in r.stdout and "360G-ex-1" not in r.stdout
    assert "would be no valid activity" in r.stderr and reason in r.stderr


def test_types_without_a_place_are_named():
    r = reeve("convert", "iati", "360giving", WHOLE)
    assert "there is no place for funding.payment" in r.stderr and "who received it" in r.stderr


# ---- a whole hub, and nothing said but what each party speaks
def between(source, target):
    config = basic()
    config["connectors"]["dcms-grants"]["receive"]["speaks"] = source
    config["connectors"]["register"]["deliver"]["speaks"] = target
    return config


@pytest.mark.parametrize("source, target", [("360giving", "iati"), ("iati", "360giving")])
def test_a_route_between_the_standards_needs_no_more_than_speaks(hub, tmp_path, source, target):
    h = hub(between(source, target))
    document = GRANTS.read_bytes() if source == "360giving" else FROM_IATI.encode()
    n = 12 if source == "360giving" else 1
    kind = "application/json" if source == "360giving" else "application/xml"
    status, answer = h.push(document, headers={"Content-Type": kind})
    assert status == 202 and answer["accepted"] == n, answer
    wait_for(lambda: len(h.files("out/awards")) >= n, 30, f"{n} files:\n" + h.log()[-2000:])
    written = [p for p in h.files("out/awards")]
    assert len(written) == n
    for p in written:
        r = reeve("decode", target, p)
        message, = [json.loads(line) for line in r.stdout.splitlines()]
        assert r.returncode == 0 and message["type"] == "funding.award" and message["currency"] == "GBP" and message["amount"] > 0


def test_a_route_that_has_no_place_for_the_type_is_refused_when_it_is_checked(tmp_path):
    import yaml
    config = between("iati", "360giving")
    config["routes"]["every-award"]["when"] = "type = 'funding.payment'"
    (tmp_path / "hub.yaml").write_text(yaml.safe_dump(config))
    r = reeve("check", "-c", tmp_path / "hub.yaml")
    assert r.returncode != 0 and "[no-translation]" in r.stdout + r.stderr and "360giving has no place for funding.payment" in r.stdout + r.stderr
