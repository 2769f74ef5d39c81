# SPDX-License-Identifier: Apache-2.0
"""reeve convert: through the hub record into another standard, what the report says of it, and that loss does not grow."""
import json
import os
import shutil
import subprocess

import pytest
from conftest import ROOT, program, reeve, shared
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
    lib = [ROOT / "adapters/lib" / f"{x}.c" for x in ("hub_record", "json_node", "json_write", "json_key", "formats")]
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
# What becomes of each field of tests/fuzz/corpus/360giving/every-member, for every pair that can be converted. Only what is not kept is listed. A row
# that must be added here is loss that has grown: say in the commit why.
LOSS = {("360giving", "360giving"): {}}


@pytest.mark.parametrize("pair", LOSS, ids="-".join)
def test_loss_does_not_grow(pair):
    r, lines, totals = report(*pair, EVERY)
    assert r.returncode == 0, r.stderr
    assert totals["messages"] == 2 and totals["refused"] == 0
    assert [line["before"] for line in lines if "before" in line] == [[{"path": "/amountAppliedFor", "what": "changed", "was": 100.0, "is": 100}]]
    not_kept = {field: {k: v for k, v in counts.items() if k != "kept"} for field, counts in totals["fields"].items()}
    assert {k: v for k, v in not_kept.items() if v} == LOSS[pair]
    assert len(totals["fields"]) >= 60  # it looked at something


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
    empty = tmp_path / "x.csv"
    empty.write_text("Identifier,Title\n1,2\n")
    r = reeve("convert", "360giving", "hub", empty)
    assert r.returncode == 2 and r.stdout == "" and "[json-syntax]" in r.stderr
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
