# SPDX-License-Identifier: Apache-2.0
"""The steps that ship: validate (XML Schema, RELAX NG) and map (jq, XSLT), on either side of a hub."""
import json

import pytest
from conftest import module, program, run, wait_for
from hub import COUNCIL, EVENTS, event

XSD = """<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns="urn:t" targetNamespace="urn:t" elementFormDefault="qualified">
  <xs:include schemaLocation="parts.xsd"/>
  <xs:element name="case"><xs:complexType><xs:sequence>
    <xs:element name="amount" type="money" maxOccurs="unbounded"/>
  </xs:sequence></xs:complexType></xs:element>
</xs:schema>"""
PARTS = """<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns="urn:t" targetNamespace="urn:t">
  <xs:simpleType name="money"><xs:restriction base="xs:decimal"><xs:fractionDigits value="2"/></xs:restriction></xs:simpleType>
</xs:schema>"""
RNG = """<element name="case" ns="urn:t" xmlns="http://relaxng.org/ns/structure/1.0"
  datatypeLibrary="http://www.w3.org/2001/XMLSchema-datatypes"><oneOrMore><element name="amount"><data type="decimal"/></element></oneOrMore></element>"""
CASE = '<case xmlns="urn:t"><amount>{}</amount></case>'


def xml(n, body, **more):
    return {**{k: v for k, v in event(n).items() if k != "data"}, "datacontenttype": "application/xml", "data": body, **more}


@pytest.fixture
def stepped(hub, tmp_path):
    """stepped(step, side): a hub whose events pass that step and end as files in out/."""
    def start(step, side="receive", **files):
        module("plugins/" + step["step"])
        for name, text in files.items():
            (tmp_path / name.replace("__", ".")).write_text(text)
        sides = {"receive": {"plugin": "http", "path": "/events", "speaks": "cloudevents", "partial": True},
                 "deliver": {"plugin": "file", "directory": "out", "speaks": "cloudevents"}}
        sides[side]["steps"] = [step]
        return hub({"parties": dict(COUNCIL),
                    "connectors": {"sender": {"party": "dcms", "receive": sides["receive"]}, "receiver": {"party": "council", "deliver": sides["deliver"]}},
                    "routes": {"all": {"when": "true", "to": "receiver"}}})
    return start


def push(h, *events, **headers):
    return h.push(list(events), "/events", {"Content-Type": EVENTS, **headers})


def came(h, n):
    wait_for(lambda: len(h.files("out")) >= n, 20, lambda: f"{n} files:\n" + h.log()[-2000:])
    return [json.loads(p.read_text()) for p in h.files("out")]


@pytest.mark.parametrize("schema", ["schema.xsd", "schema.rng"])
def test_valid_xml_passes_and_all_else_is_refused_with_path_and_line(stepped, schema):
    h = stepped({"step": "validate", "schema": schema}, schema__xsd=XSD, parts__xsd=PARTS, schema__rng=RNG)
    status, answer = push(h, xml(1, CASE.format("1.50")), xml(2, CASE.format("much")), xml(3, "<case"), event(4), Prefer="handling=lenient")
    assert status == 202 and answer["accepted"] == 1 and answer["refused"] == 3, answer
    issues = answer["issues"]
    assert any(i["pointer"] == "/case/amount[1], line 1" and "much" in i["text"] for i in issues if i["code"] == "schema-invalid"), issues
    texts = " | ".join(i["text"] for i in issues if i["code"] == "step-rejected")
    assert "not well-formed XML: line 1" in texts and "and not XML" in texts and "amount" in texts
    assert came(h, 1)[0]["data"] == CASE.format("1.50")


def test_on_the_deliver_side_what_is_not_valid_is_a_dead_letter_with_the_reason(stepped):
    h = stepped({"step": "validate", "schema": "schema.xsd", "other": "pass"}, "deliver", schema__xsd=XSD, parts__xsd=PARTS)
    assert push(h, xml(1, CASE.format("1.234")), event(2))[0] == 202
    assert came(h, 1)[0]["id"] == "e2"
    last = wait_for(lambda: [r for r in h.trace("e1") or [] if r["event"] == "dead"], 20, "the dead letter")[0]
    assert "amount" in json.dumps(last) and "fractionDigits" in json.dumps(last)


def test_what_a_message_about_people_says_is_not_repeated(stepped):
    h = stepped({"step": "validate", "schema": "schema.xsd"}, schema__xsd=XSD, parts__xsd=PARTS)
    status, answer = push(h, xml(1, CASE.format("Jo Bloggs"), datacategory="personal"))
    assert status == 422 and "Bloggs" not in json.dumps(answer) and "about people" in json.dumps(answer)


@pytest.mark.parametrize("bomb", [
    '<!DOCTYPE case [<!ENTITY a "1"><!ENTITY b "&a;&a;">]><case xmlns="urn:t"><amount>&b;</amount></case>',
    '<!DOCTYPE case SYSTEM "file:///etc/passwd"><case xmlns="urn:t"><amount>1</amount></case>'])
def test_a_document_type_declaration_is_refused(stepped, bomb):
    h = stepped({"step": "validate", "schema": "schema.xsd"}, schema__xsd=XSD, parts__xsd=PARTS)
    status, answer = push(h, xml(1, bomb))
    assert status == 422 and "document type declaration" in answer["issues"][0]["text"]


def test_xml_too_deep_is_refused(stepped):
    h = stepped({"step": "validate", "schema": "schema.xsd"}, schema__xsd=XSD, parts__xsd=PARTS)
    status, answer = push(h, xml(1, "<a>" * 5000 + "</a>" * 5000))
    assert status == 422 and "not well-formed" in answer["issues"][0]["text"]


# ---- map

def test_a_jq_program_makes_bodies(stepped):
    h = stepped({"step": "map", "jq": ".parts[]? // . | {name: .label}"})
    assert push(h, event(1, data={"label": "ä"}), event(2, data={"parts": [{"label": "a"}, {"label": "b"}]}))[0] == 202
    assert sorted((m["id"], m["data"]["name"]) for m in came(h, 3)) == [("e1", "ä"), ("e2", "a"), ("e2-2", "b")]


def test_a_jq_program_makes_events(stepped):
    program = 'if .status == "drop" then empty else .category = "seen" | .priority = 3 | del(.status) | .data = {was: .data.n} end'
    h = stepped({"step": "map", "jq_file": "p.jq", "input": "event"}, p__jq=program)
    status, answer = push(h, event(1, status="drop"), event(2, status="open", data={"n": 5}))
    assert status == 202 and answer["dropped"] == 1, answer
    m = came(h, 1)[0]
    assert (m["id"], m["category"], m["priority"], m["data"], m.get("status")) == ("e2", "seen", 3, {"was": 5}, None)


@pytest.mark.parametrize("program,data,reason", [
    ('error("no \\(.x)")', {"x": 1}, "jq: no 1"),
    (".", {"x": 12345678901234567.89}, "jq would change the number"),
    (".x[0]", {"x": "text"}, "Cannot index string"),
    ("repeat(.)", {"x": 1}, "more than 10000 messages"),
    ('input', {"x": 1}, "jq: "),
    ("halt", {"x": 1}, "halted"),
    ("halt_error", {"x": 1}, "halted"),
    ('input_filename, input_line_number, debug | error("still here")', {"x": 1}, "still here"),
    ('., error({code: 5})', {"x": 1}, '{"code":5}'),
])
def test_what_jq_cannot_do_is_refused_whole_with_its_words(stepped, program, data, reason):
    h = stepped({"step": "map", "jq": program})
    body = json.dumps([event(1, data=data)]).replace("1.2345678901234568e+16", "12345678901234567.89")
    status, answer = h.push(body.encode(), "/events", {"Content-Type": EVENTS})
    assert status == 422 and reason in answer["issues"][0]["text"], answer


def test_a_program_may_not_change_what_is_the_hubs(stepped):
    h = stepped({"step": "map", "jq": '.id = "other"', "input": "event"})
    status, answer = push(h, event(1))
    assert status == 422 and "id is the hub's" in answer["issues"][0]["text"]


XSLT = """<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform" xmlns:t="urn:t" exclude-result-prefixes="t">
<xsl:output method="{}"/><xsl:param name="subject"/>
<xsl:template match="/t:case"><sum for="{{$subject}}"><xsl:value-of select="sum(t:amount)"/></sum></xsl:template></xsl:stylesheet>"""


@pytest.mark.parametrize("method,type,body", [("xml", "application/xml", '<sum for="s1">3.5</sum>'), ("text", "text/plain", "3.5")])
def test_a_stylesheet_makes_a_body_of_the_type_of_its_output(stepped, method, type, body):
    h = stepped({"step": "map", "xslt": "s.xsl"}, "deliver", s__xsl=XSLT.format(method))
    assert push(h, xml(1, '<case xmlns="urn:t"><amount>1</amount><amount>2.5</amount></case>', subject="s1"))[0] == 202
    m = came(h, 1)[0]
    assert m["datacontenttype"] == type and body in m["data"]


@pytest.mark.parametrize("does,reason", [
    ('<xsl:value-of select="document(\'secret.xml\')"/>', ""),
    ('<exsl:document href="written.xml" xmlns:exsl="http://exslt.org/common" xsl:extension-element-prefixes="exsl"><a/></exsl:document>', ""),
    ('<xsl:message terminate="yes">not this one</xsl:message>', "not this one"),
    ('<xsl:call-template name="again"/>', "XSLT"),
])
def test_a_stylesheet_reads_and_writes_nothing_and_says_why_it_ended(stepped, tmp_path, does, reason):
    sheet = f"""<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform">
<xsl:template match="/"><out>{does}</out></xsl:template>
<xsl:template name="again"><xsl:call-template name="again"/></xsl:template></xsl:stylesheet>"""
    h = stepped({"step": "map", "xslt": "s.xsl"}, s__xsl=sheet, secret__xml="<s>SECRET</s>")
    status, answer = push(h, xml(1, "<a/>"))
    if status == 202:
        assert "SECRET" not in json.dumps(came(h, 1))
    else:
        assert status == 422 and reason in answer["issues"][0]["text"], answer
    assert not list(tmp_path.rglob("written.xml"))
    assert not reason or status == 422


@pytest.mark.parametrize("step,files,reason", [
    ({"step": "map", "jq": ".a |"}, {}, "syntax error"),
    ({"step": "map", "jq": 'import "os" as o; .'}, {}, "module not found"),
    ({"step": "map", "jq": ".", "xslt": "s.xsl"}, {"s__xsl": XSLT.format("xml")}, "exactly one of"),
    ({"step": "map"}, {}, "exactly one of"),
    ({"step": "map", "jq_file": "absent.jq"}, {}, "absent.jq"),
    ({"step": "map", "xslt": "s.xsl"}, {"s__xsl": "<a"}, "s.xsl"),
    ({"step": "validate", "schema": "schema.xsd"}, {"schema__xsd": XSD}, "parts.xsd"),
    ({"step": "validate", "schema": "schema.xsd"}, {"schema__xsd": "<a/>"}, "neither of XML Schema nor of RELAX NG"),
    ({"step": "validate", "schema": "absent.xsd"}, {}, "absent.xsd"),
])
def test_what_cannot_be_used_is_told_when_the_side_starts(tmp_path, step, files, reason):
    """By `reeve plugin try`: nothing has to run for it."""
    so = module("plugins/" + step["step"])
    for name, text in files.items():
        (tmp_path / name.replace("__", ".")).write_text(text)
    options = [w for k, v in step.items() if k != "step" for w in ("-o", f"{k}={tmp_path / v if k in ('schema', 'xslt', 'jq_file') else v}")]
    r = run(program("reeve-worker"), "plugin", "try", so, *options, "--check")
    assert r.returncode != 0 and reason in r.stdout + r.stderr, r.stdout + r.stderr
