# SPDX-License-Identifier: Apache-2.0
"""The IATI adapter against real files and against the official schema."""
import copy
import itertools
import json
import os
import pathlib
import random
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET

import conformance
import pytest
from conftest import peak_rss, sanitized

BUILD = pathlib.Path(os.environ.get("REEVE_BUILD", "build")).resolve()
SHARED = pathlib.Path(os.environ.get("REEVE_SHARED", pathlib.Path(__file__).resolve().parents[3] / "shared"))
IATI = SHARED / "fixtures" / "iati"
SCHEMA = IATI / "schema" / "iati-activities-schema.xsd"
ISSUE = re.compile(r"^(?P<file>.*?): (?P<where>(?:line \d+, )?\S*): (?P<severity>error|warning): .*\[(?P<code>[a-z0-9-]+)\]$")


def run(command, *args, data=None):
    return subprocess.run([BUILD / "reeve", command, *args], input=data, capture_output=True, timeout=300)


def parsed(done):
    """(exit code, messages, issues) of `reeve decode`."""
    messages = [json.loads(line) for line in done.stdout.splitlines()]
    issues = []
    for line in done.stderr.decode().splitlines():
        m = ISSUE.match(line)
        if m:
            issues.append((m["where"], m["severity"], m["code"]))
    return done.returncode, messages, issues


def decode(path):
    return parsed(run("decode", "iati", str(path)))


def awards(messages):
    return [ET.fromstring(m["data"]) for m in messages if m["type"] == "funding.award"]


def expectations():
    return conformance.expectations("iati")


def needs_fixtures():
    if not expectations():
        pytest.skip("the IATI fixtures are not beside this checkout (REEVE_SHARED)")


def test_counts_sums_and_verdicts_of_every_fixture():
    needs_fixtures()
    wrong = {}
    for name, want in expectations().items():
        expected, got = conformance.row("iati", name, want)
        if got != expected:
            wrong[name] = (expected, got)
    assert not wrong


# ---- the official schema's verdict on activities that were damaged at random ----
WHOLE = pathlib.Path(__file__).resolve().parent / "iati_whole.xml"
VALUES = ["", " ", "x", "1", "-1", "+1", "0", "00", "1.5", ".5", "5.", ".", "-", "1e3", "1,000", " 12 ", "2147483647", "2147483648", "-2147483648", "-2147483649", "true", "True", "TRUE",
          "yes", " 1\n", "2026-01-15", "2026-02-29", "2024-02-29", "2026-1-5", "26-01-15", "0000-01-01", "-0044-03-15", "12026-01-15", "02026-01-15", "2026-01-15Z", "2026-01-15+01:00",
          "2026-01-15+14:00", "2026-01-15+15:00", "2026-01-15+1:00", "2026-01-15T09:30:00", "2026-01-15T09:30:00Z", "2026-01-15T09:30:00.25+01:00", "2026-01-15T09:30:00.",
          "2026-01-15T24:00:00", "2026-01-15T25:00:00", "2026-01-15T09:60:00", "2026-01-15T09:30:60", "2026-01-15 09:30:00", "15/01/2026", "https://example.org/?a=b&c#d",
          "www.example.org", "a b", "http://[::1]/", "http://exa mple.org", "%zz", "::", "a:b", "http://a:b", "é", "a\tb", "en", "en-GB", "en_GB", "englishlanguage", "en-", "GBP"]
FOREIGN = "https://example.org/own"


def damage(rng, activity):
    """Does one thing to an element that is drawn at random."""
    nodes = [(p, c) for p in activity.iter() for c in p] + [(None, activity)]
    parent, node = rng.choice(nodes)
    what = rng.randrange(14)
    if what == 0 and parent is not None:
        parent.remove(node)
    elif what == 1 and parent is not None:
        parent.insert(list(parent).index(node), copy.deepcopy(node))
    elif what == 2 and parent is not None and len(parent) > 1:
        a, b = rng.sample(range(len(parent)), 2)
        parent[a], parent[b] = parent[b], parent[a]
    elif what in (3, 4, 5, 6) and node.attrib:
        node.set(rng.choice(list(node.attrib)), rng.choice(VALUES))
    elif what == 7 and node.attrib:
        del node.attrib[rng.choice(list(node.attrib))]
    elif what == 8:
        node.set(rng.choice(["own", "ref", "code", "{%s}own" % FOREIGN, "{http://www.w3.org/XML/1998/namespace}lang", "{http://www.w3.org/XML/1998/namespace}space",
                             "{http://www.w3.org/2001/XMLSchema-instance}noNamespaceSchemaLocation", "currency", "value-date"]), rng.choice(VALUES))
    elif what in (9, 10):
        node.text = rng.choice(VALUES)
    elif what == 11:
        node.tail = rng.choice([" ", "\n", "x"])
    elif what == 12:
        own = ET.Element("{%s}own" % FOREIGN, {rng.choice(["a", "value-date", "currency"]): rng.choice(VALUES)})
        if rng.random() < 0.5:
            own.append(ET.Element(rng.choice(["sector", "own", "narrative", "title", "location"])))
        node.insert(rng.choice([0, len(node), len(node)]), own)
    else:
        node.append(ET.Element(rng.choice(["own", "narrative", "sector", "title", "value"])))


def refused_by(code, issues):
    """Numbers, from 0, of the activities that have an error (of this code, if one is given)."""
    return {int(re.search(r"/iati-activities/iati-activity\[(\d+)\]", where)[1]) - 1 for where, severity, c in issues if severity == "error" and code in (None, c)}


def explained_with_the_schema(directory, path):
    """The issues of a hub whose operator gave the official file."""
    config = {"hub": "h", "data": "var", "door": {"listen": "127.0.0.1:8480"}, "unrouted": {"drop": "nobody asked for it"},
              "parties": {"funder": {"name": "A Funder", "role": "funder"}},
              "connectors": {"feed": {"party": "funder", "receive": {"plugin": "file", "directory": "in", "speaks": {"iati": {"schema": str(SCHEMA)}}}}}}
    (directory / "in").mkdir(exist_ok=True)
    (directory / "reeve.yaml").write_text(json.dumps(config))
    done = run("explain", "-c", directory, "--from", "feed", path)
    assert done.returncode in (0, 1), done.stderr
    found = [ISSUE.match(re.sub(r" \(record .*\)(?= \[)", "", line)) for line in done.stderr.decode().splitlines()]
    return [(m["where"].split("/@")[0], m["severity"], m["code"]) for m in found if m]


def test_an_activity_is_refused_exactly_when_the_official_schema_refuses_it(tmp_path):
    if shutil.which("xmllint") is None:
        pytest.skip("xmllint is not installed (package libxml2-utils)")
    if not SCHEMA.exists():
        pytest.skip("the official schema is not beside this checkout (REEVE_SHARED)")
    seed = int(os.environ.get("REEVE_SEED", random.randrange(10**9)))
    print(f"seed {seed}", file=sys.stderr)
    rng = random.Random(seed)
    count = int(os.environ.get("REEVE_ACTIVITIES", "600"))
    root = ET.parse(WHOLE).getroot()
    names = []
    together = ET.Element("iati-activities", {"version": "2.03"})
    for i in range(count):
        activity = copy.deepcopy(root[0])
        for _ in range(rng.choice([0, 1, 1, 1, 2])):
            damage(rng, activity)
        activity.tail = "\n"
        together.append(activity)
        alone = ET.Element("iati-activities", {"version": "2.03"})
        alone.append(activity)
        names.append(tmp_path / f"{i}.xml")
        ET.ElementTree(alone).write(names[-1], encoding="utf-8")
    path = tmp_path / "all.xml"
    ET.ElementTree(together).write(path, encoding="utf-8")
    official = subprocess.run(["xmllint", "--noout", "--nonet", "--schema", SCHEMA, *names], capture_output=True, text=True, timeout=300).stderr
    valid = {int(pathlib.Path(m).stem) for m in re.findall(r"^(\S+\.xml) validates$", official, re.M)}
    code, messages, issues = decode(path)
    refused = refused_by(None, issues)
    wrong = [i for i in range(count) if (i in refused) == (i in valid)]
    for i in wrong[:10]:
        print(names[i], [x for x in official.splitlines() if f"/{i}.xml" in x][:2], [x for x in issues if f"[{i + 1}]" in x[0]][:2], file=sys.stderr)
    assert not wrong, f"seed {seed}"
    assert len(awards(messages)) == len(valid) and 0 < len(valid) < count
    assert code == 1
    for activity in list(together)[150:]:  # so few that each issue is told
        together.remove(activity)
    ET.ElementTree(together).write(path, encoding="utf-8")
    assert refused_by("schema-invalid", explained_with_the_schema(tmp_path, path)) == set(range(150)) - valid, f"seed {seed}"


# ---- writing ----
def valid_files(tmp_path):
    """A directory that does not change while it is read."""
    return [WHOLE] + [IATI / name for name, want in sorted(expectations().items()) if want.get("xsd_2_03_valid")]


def test_what_is_written_is_valid_and_reads_back_as_the_same_messages(tmp_path):
    """decode, encode, decode: of every valid fixture, and of the file that has every element."""
    written, wrong = [], []
    for i, path in enumerate(valid_files(tmp_path)):
        first = run("decode", "iati", str(path))
        encoded = run("encode", "iati", "-", data=first.stdout)
        assert encoded.returncode == 0, (path, encoded.stderr)
        written.append(tmp_path / f"{i}.xml")
        written[-1].write_bytes(encoded.stdout)
        again = run("decode", "iati", str(written[-1]))
        if first.stdout != again.stdout:
            wrong.append(path)
    assert not wrong
    if shutil.which("xmllint") is None or not SCHEMA.exists():
        pytest.skip("read back equal; not validated: xmllint (package libxml2-utils) or the official schema (REEVE_SHARED) is absent")
    official = subprocess.run(["xmllint", "--noout", "--nonet", "--schema", SCHEMA, *written], capture_output=True, text=True, timeout=300)
    assert official.returncode == 0, official.stderr


def test_payments_and_reports_alone_make_a_valid_file(tmp_path):
    first = run("decode", "iati", str(WHOLE))
    parts = [line for line in first.stdout.splitlines(keepends=True) if json.loads(line)["type"] != "funding.award"]
    assert len(parts) == 2
    encoded = run("encode", "iati", "-", data=b"".join(parts))
    assert encoded.returncode == 0, encoded.stderr
    out = tmp_path / "parts.xml"
    out.write_bytes(encoded.stdout)
    _, messages, _ = decode(out)
    assert [m for m in messages if m["type"] != "funding.award"] == [json.loads(line) for line in parts]
    if shutil.which("xmllint") is None or not SCHEMA.exists():
        pytest.skip("not validated: xmllint (package libxml2-utils) or the official schema (REEVE_SHARED) is absent")
    assert subprocess.run(["xmllint", "--noout", "--nonet", "--schema", SCHEMA, out], capture_output=True, timeout=60).returncode == 0


def test_a_body_that_is_no_valid_activity_is_not_written():
    line = run("decode", "iati", str(WHOLE)).stdout.splitlines()[0]
    for change in ({"data": "<iati-activity/>"}, {"data": "<iati-activity>"}, {"data": ""}, {"type": "funding.opportunity"},
                   {"data": json.loads(line)["data"].replace("<title>", "<titel>").replace("</title>", "</titel>")},
                   {"data": json.loads(line)["data"] + "<x:y xmlns:x='urn:x'/>"}, {"data": "<!DOCTYPE a>" + json.loads(line)["data"]}):
        done = run("encode", "iati", "-", data=json.dumps({**json.loads(line), **change}).encode())
        assert done.returncode != 0 and done.stdout == b"", change
        assert done.stderr


# ---- rules of the standard, and what the samples break ----
def test_rules_that_the_samples_break_are_named():
    needs_fixtures()
    for name, rule in (("iati-act-dateOrder-error", "rule-11-1-"), ("iati-act-strictSum-error", "rule-")):
        _, clean, before = decode(IATI / "samples" / "iati-act-no-errors.xml")
        code, messages, after = decode(IATI / "samples" / f"{name}.xml")
        new = [i for i in after if i not in before]
        assert code == 0 and len(messages) == len(clean)
        assert any(c.startswith(rule) and where.startswith("line ") for where, _, c in new), (before, after)


# ---- memory ----
def sample_activity():
    text = WHOLE.read_text()
    return text[text.index("<iati-activity "):text.index("</iati-activities>")]


def peak_of(tmp_path, pieces):
    """(exit code, KiB, issues) of decoding a file of these pieces."""
    path = tmp_path / "big.xml"
    with open(path, "w") as f:
        f.writelines(pieces)
    found = peak_rss(BUILD / "reeve", "decode", "iati", path)
    path.unlink()
    return found


def test_memory_does_not_grow_with_the_file(tmp_path):
    """REEVE_IATI_MB=1000 for the full size."""
    if sanitized():
        pytest.skip("the address sanitizer keeps what was freed")
    size = int(os.environ.get("REEVE_IATI_MB", "30")) * 1_000_000
    activity = sample_activity()
    head, tail = activity.split("GB-LAE-EXA-2026-7", 1)
    many = (f"{head}GB-LAE-EXA-{i}{tail}" for i in range(size // len(activity)))
    code, kib, _ = peak_of(tmp_path, itertools.chain(['<iati-activities version="2.03">'], many, ["</iati-activities>"]))
    print(f"{size // 1_000_000} MB of activities: {kib} KiB", file=sys.stderr)
    assert code == 0 and kib <= 64 * 1024


def test_an_activity_beyond_the_message_limit_is_refused_within_the_same_memory(tmp_path):
    """REEVE_IATI_MB=200 for the full size."""
    if sanitized():
        pytest.skip("the address sanitizer keeps what was freed")
    size = int(os.environ.get("REEVE_IATI_MB", "30")) * 1_000_000
    activity = sample_activity()
    at, end = activity.index("<transaction "), activity.index("</transaction>") + len("</transaction>")
    one = activity[at:end]
    pieces = itertools.chain(['<iati-activities version="2.03">', activity[:at]], itertools.repeat(one, size // len(one)), [activity[end:], "</iati-activities>"])
    code, kib, issues = peak_of(tmp_path, pieces)
    print(f"one activity of {size // 1_000_000} MB: {kib} KiB", file=sys.stderr)
    assert code == 1 and "[too-large]" in issues and kib <= 64 * 1024
