# SPDX-License-Identifier: Apache-2.0
"""The hub record: a schema for each message type, examples that keep to it, and wrong records that are refused for the reason."""
import copy
import json
import re
import subprocess
import sys

import pytest
from conftest import ROOT, module, reeve
from hub_schema import HUB, TYPES, faults, validator

COMMON = json.loads((HUB / "common.json").read_text())["$defs"]


def example(name):
    return json.loads((HUB / "examples" / f"{name}.json").read_text())


def schema(name):
    return json.loads((HUB / f"{name}.json").read_text())


def test_every_message_type_has_a_shape_and_an_example():
    listed = re.findall(r"^\| `((?:client|funding|information|control)\.[a-z.]+)` \|", (ROOT / "adapters/README.md").read_text(), re.M)
    assert sorted(listed) == TYPES
    assert sorted(p.stem for p in (HUB / "examples").iterdir()) == TYPES


@pytest.mark.parametrize("name", TYPES + ["common"])
def test_a_schema_is_a_schema(name):
    jsonschema = pytest.importorskip("jsonschema", reason="python3-jsonschema is not installed")
    jsonschema.Draft202012Validator.check_schema(schema(name))


@pytest.mark.parametrize("name", TYPES)
def test_an_example_keeps_to_its_shape(name):
    assert faults(example(name)) == set()


@pytest.mark.parametrize("name", TYPES)
def test_every_reference_leads_somewhere(name):
    s = schema(name)
    for where in re.findall(r'"\$ref": "([^"]+)"', (HUB / f"{name}.json").read_text()):
        file, part = where.split("#/$defs/")
        assert part in (COMMON if file == "common.json" else s["$defs"]), where


def member_at(s, pointer):
    """The part of a schema that a JSON pointer into a record leads to."""
    root, at = s, s
    for step in pointer.strip("/").split("/"):
        at = at["items"] if step.isdigit() else at["properties"][step]
        if "$ref" in at:
            file, part = at["$ref"].split("#/$defs/")
            at = {**(COMMON if file == "common.json" else root["$defs"])[part]}
            if file == "common.json":
                at = json.loads(json.dumps(at).replace('"#/$defs/', '"common.json#/$defs/'))
    return at


@pytest.mark.parametrize("name", TYPES)
def test_attributes_are_made_of_members_that_there_are(name):
    listed = set(re.findall(r"^\| ((?:`[a-z]+`(?:, )?)+) \|", (ROOT / "adapters/README.md").read_text(), re.M))
    known = set(re.findall(r"`([a-z]+)`", " ".join(listed)))
    attributes = schema(name)["x-attributes"]
    for attribute, pointer in attributes.items():
        assert attribute in known, attribute
        at = member_at(schema(name), pointer)
        if attribute in ("funder", "recipient", "provider", "place"):
            assert {"scheme", "id"} <= set(at["properties"]), pointer
        if attribute == "amount":
            assert at["pattern"] == COMMON["decimal"]["pattern"]
            assert attributes["currency"] == pointer.replace("/amount", "/currency")  # amount is nothing without it
    assert name.startswith("client.") == ("casereference" in attributes)


def test_people_have_no_member_where_the_type_is_not_about_people():
    for name in TYPES:
        text = (HUB / f"{name}.json").read_text()
        assert ("#/$defs/person" in text) <= name.startswith("client."), name


def changed(record, pointer, value):
    """A copy with another value at the pointer; `...` removes it."""
    out = copy.deepcopy(record)
    *way, last = [int(x) if x.isdigit() else x for x in pointer.strip("/").split("/")]
    at = out
    for step in way:
        at = at[step]
    if value is ...:
        del at[last]
    else:
        at[last] = value
    return out


WRONG = [
    ("funding.award", "/record", 2, "/record", "const"),
    ("funding.award", "/record", "1", "/record", "const"),
    ("funding.award", "/id", "", "/id", "minLength"),
    ("funding.award", "/id", ..., "/", "required"),
    ("funding.award", "/title", ..., "/", "required"),
    ("funding.award", "/type", "funding.grant", None, None),
    ("funding.award", "/awarded/amount", 1250.5, "/awarded/amount", "type"),
    ("funding.award", "/awarded/amount", "1,250.50", "/awarded/amount", "pattern"),
    ("funding.award", "/awarded/amount", "1e3", "/awarded/amount", "pattern"),
    ("funding.award", "/awarded/amount", "01", "/awarded/amount", "pattern"),
    ("funding.award", "/awarded/currency", ..., "/awarded", "required"),
    ("funding.award", "/awarded/currency", "£", "/awarded/currency", "pattern"),
    ("funding.award", "/date", "15/03/2026", "/date", "pattern"),
    ("funding.award", "/date", "2026-13", "/date", "pattern"),
    ("funding.award", "/date", "2026-03-15T09:00:00", "/date", "pattern"),
    ("funding.award", "/planned/0/start", 2026, "/planned/0/start", "type"),
    ("funding.award", "/planned/0/months", 9, "/planned/0/months", "type"),
    ("funding.award", "/title", None, "/title", "type"),
    ("funding.award", "/funders/0/identifiers/0/scheme", ..., "/funders/0/identifiers/0", "required"),
    ("funding.award", "/funders", {"name": "x"}, "/funders", "type"),
    ("funding.award", "/individual", {"id": "a"}, "/", "not"),
    ("funding.award", "/openCall", "Yes", "/openCall", "type"),
    ("funding.award", "/transactions/0/kind", "payment", "/transactions/0/kind", "enum"),
    ("funding.award", "/places/0/country", "gb", "/places/0/country", "pattern"),
    ("funding.award", "/url", "www.example.org", "/url", "pattern"),
    ("funding.award", "/translations/cy/title", 1, "/translations/cy/title", "type"),
    ("funding.award", "/other", {"360 giving": {"a": 1}}, "/other", "pattern"),
    ("funding.award", "/other", {"360giving": "x"}, "/other/360giving", "type"),
    ("funding.award", "/tilte", "x", "/", "additionalProperties"),
    ("funding.application", "/individual", {"id": "a"}, "/", "not"),
    ("funding.payment", "/value", ..., "/", "required"),
    ("funding.payment", "/payee/name", ["Sam"], "/payee/name", "type"),
    ("funding.report", "/award", ..., "/", "required"),
    ("funding.report", "/results/0/actual", "many", "/results/0/actual", "pattern"),
    ("funding.opportunity", "/status", "soon", "/status", "enum"),
    ("information.service", "/places/0/schedules/0/opens", "12", "/places/0/schedules/0/opens", "pattern"),
    ("information.service", "/places/0/schedules/0/days/0", "Tuesday", "/places/0/schedules/0/days/0", "enum"),
    ("information.service", "/youngest", 65, "/youngest", "type"),
    ("information.organisation", "/name", "", "/name", "minLength"),
    ("information.measure", "/value", 12.4, "/value", "type"),
    ("information.measure", "/missing", "dunno", "/missing", "enum"),
    ("information.contract", "/stages", [], "/stages", "minItems"),
    ("information.contract", "/awards/0/id", ..., "/awards/0", "required"),
    ("information.decision", "/votes/for", -1, "/votes/for", "minimum"),
    ("information.document", "/sha256", "ABC", "/sha256", "pattern"),
    ("client.referral", "/client", ..., "/", "required"),
    ("client.referral", "/status", "sent", "/status", "enum"),
    ("client.referral", "/client/born", "June 1951", "/client/born", "pattern"),
    ("client.referral", "/consent/given", "yes", "/consent/given", "type"),
    ("client.referral.update", "/status", ..., "/", "required"),
    ("client.case", "/place/latitude", 51.5, "/place/latitude", "type"),
    ("client.case.update", "/date", "yesterday", "/date", "pattern"),
    ("client.outcome", "/outcomes", ..., "/", "required"),
    ("control.request", "/parameters/since", 3, "/parameters/since", "type"),
    ("control.reply", "/result", "ok", "/result", "enum"),
]


@pytest.mark.parametrize("name,pointer,value,where,keyword", WRONG)
def test_a_wrong_record_is_refused_for_the_reason(name, pointer, value, where, keyword):
    record = changed(example(name), pointer, value)
    if keyword is None:
        assert not validator(name).is_valid(record)
    else:
        assert faults(record) == {(where, keyword)}


@pytest.mark.parametrize("name", sorted(p.name for p in (ROOT / "adapters").iterdir() if any(p.glob("*.c")) and p.name != "lib"))
def test_what_an_adapter_gives_and_needs_are_members_of_the_record(name):
    module(f"adapters/{name}")
    about = json.loads(reeve("plugin", "describe", name, "--json").stdout)
    translates = {"to_hub": "gives", "from_hub": "needs"}
    for role, key in translates.items():
        told = {row["type"]: row[key] for row in about["emits"] if key in row}
        assert (role in about["roles"]) == bool(told), f"{name}: {role} without {key}, or the other way round"
        for kind, words in told.items():
            assert {w for word in words for w in word.split("|")} <= set(schema(kind)["properties"]), (name, kind)


def test_every_type_is_among_the_wrong_ones():
    assert {w[0] for w in WRONG} == set(TYPES)


@pytest.mark.parametrize("value", ["2026", "2026-03", "2026-03-15", "2026-03-15T09:30:00Z", "2026-03-15T09:30:00.25+01:00", "2026-03-15t09:30:00z"])
def test_a_date_is_as_precise_as_it_is(value):
    assert faults(changed(example("funding.award"), "/date", value)) == set()


@pytest.mark.parametrize("name", TYPES)
def test_members_of_a_newer_record_do_not_disturb_an_older_reader(name):
    record = {**example(name), "somethingNew": {"a": [1]}}
    assert faults(record, strict=False) == set()
    assert faults({**record, "record": 2}, strict=False) == {("/record", "const")}


def test_the_page_of_types_is_made_from_the_schemas():
    made = subprocess.run([sys.executable, ROOT / "contrib/hub_types.py"], capture_output=True, text=True, check=True).stdout
    assert made == (HUB / "TYPES.md").read_text(), "run: contrib/hub_types.py > adapters/hub/TYPES.md"
