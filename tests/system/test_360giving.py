# SPDX-License-Identifier: Apache-2.0
"""The 360Giving adapter against real files and against the official schema."""
import csv
import decimal
import io
import json
import os
import pathlib
import random
import re
import sys

import conformance
import pytest
from conftest import peak_rss, sanitized

BUILD = pathlib.Path(os.environ.get("REEVE_BUILD", "build")).resolve()
SHARED = pathlib.Path(os.environ.get("REEVE_SHARED", pathlib.Path(__file__).resolve().parents[3] / "shared"))
GIVING = SHARED / "fixtures" / "360giving"


def decode(path):
    """(exit code, messages, issues) of `reeve decode 360giving`."""
    return conformance.decode("360giving", path)


def expectations():
    return sorted(conformance.expectations("360giving").items())


def test_fixtures_are_there():
    if not expectations():
        pytest.skip("the 360Giving fixtures are not beside this checkout (REEVE_SHARED)")


@pytest.mark.parametrize("name,want", expectations())
def test_counts_sums_and_verdicts_of_real_files(name, want):
    expected, got = conformance.row("360giving", name, want)
    assert got == expected


def test_the_large_file_to_the_penny():
    path = GIVING / "samples" / "a002400000nO46WAAS-1.4MB.json"
    if not path.exists():
        pytest.skip("the 360Giving fixtures are not beside this checkout (REEVE_SHARED)")
    code, messages, _ = decode(path)
    assert code == 0 and len(messages) == 870
    assert sum(m["data"]["amountAwarded"] for m in messages) == decimal.Decimal("51625696.54")
    with open(path) as f:
        originals = json.load(f, parse_float=decimal.Decimal)["grants"]
    assert [m["data"] for m in messages] == originals


# ---- the official schema's verdict on grants that were damaged at random ----
VALUES = [None, True, 0, -1, 1.5, 10**30, "", "x", "Yes", "yes", "GBP", "gbp", "GB", "ZZ", "2026-01-15", "2026-02-31", "2026-1-1", "15/01/2026",
          "2026", "2026-13", "2026-05", "2026-01-15T10:00:00Z", "2026-01-15T10:00:00", "2026-01-15T25:00:00Z", "2026-02-30T00:00:00Z",
          "2026-01-15T10:00:00.5+01:00", "http://example.org/a?b#c", "example.org", "http://exa mple.org", "http://[::1]/", "urn:x:y", "http://a/%zz",
          [], [{}], ["a"], [1], [None], {}, {"id": "a"}, {"id": "a", "name": "b"}, [{"id": "a", "name": "b"}], [{"id": 1, "name": "b"}]]
ARRAYS = {"plannedDates": ["title", "startDate", "endDate", "duration", "description", "dateModified"],
          "recipientOrganization": ["id", "name", "url", "organisationType", "location", "dateModified", "email"],
          "fundingOrganization": ["id", "name", "department"],
          "beneficiaryLocation": ["id", "name", "countryCode", "latitude", "longitude", "geoCode", "geoCodeType", "dateModified"],
          "grantProgramme": ["code", "title", "url"], "classifications": ["vocabulary", "code", "title", "url"],
          "relatedDocument": ["id", "title", "url", "documentType"],
          "commitmentTransaction": ["id", "transactionDate", "currency", "value", "valueDate", "provider", "dateModified"]}
PLAIN = ["id", "title", "description", "currency", "amountAppliedFor", "amountAwarded", "awardDate", "url", "recipientIndividual", "toIndividualsDetails",
         "fromOpenCall", "relatedActivity", "dateModified", "dataSource", "regrantType", "locationScope", "actualDates", "unknown"] + list(ARRAYS)


def damaged(rng, number):
    org = [{"id": "GB-CHC-1112223", "name": "An organisation"}]
    grant = {"id": f"360G-ex-{number}", "title": "t", "description": "d", "currency": "GBP", "amountAwarded": 1, "awardDate": "2026-01-15",
             "fundingOrganization": org, "recipientOrganization": org}
    for _ in range(rng.choice([0, 1, 1, 1, 2, 3])):
        what = rng.random()
        if what < 0.1:
            grant.pop(rng.choice(list(grant)), None)
        elif what < 0.6:
            grant[rng.choice(PLAIN)] = rng.choice(VALUES)
        else:
            array = rng.choice(list(ARRAYS))
            item = {"id": "a", "name": "b"} if "Organization" in array else {}
            item[rng.choice(ARRAYS[array])] = rng.choice(VALUES)
            grant[array] = [item]
    return grant


def official_validator():
    try:
        import jsonschema
        import rfc3987
    except ImportError:
        pytest.skip("python3-jsonschema or python3-rfc3987 is not installed")
    if not (GIVING / "schema" / "360-giving-schema.json").exists():
        pytest.skip("the official schema is not beside this checkout (REEVE_SHARED)")
    checker = jsonschema.FormatChecker(formats=[])
    date_time = re.compile(r"\d{4}-(0[1-9]|1[0-2])-(\d\d)T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d+)?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)\Z")

    @checker.checks("date-time")
    def _(value):
        import datetime
        if not isinstance(value, str):
            return True
        if not date_time.match(value):
            return False
        try:
            datetime.date.fromisoformat(value[:10])
            return True
        except ValueError:
            return False

    @checker.checks("uri")
    def _(value):
        return not isinstance(value, str) or rfc3987.match(value, "URI") is not None

    with open(GIVING / "schema" / "360-giving-schema.json") as f:
        return jsonschema.Draft202012Validator(json.load(f), format_checker=checker)


def test_a_grant_is_refused_exactly_when_the_official_schema_refuses_it(tmp_path):
    validator = official_validator()
    seed = int(os.environ.get("REEVE_SEED", random.randrange(10**9)))
    print(f"seed {seed}", file=sys.stderr)
    rng = random.Random(seed)
    grants = [damaged(rng, i) for i in range(int(os.environ.get("REEVE_GRANTS", "3000")))]
    path = tmp_path / "damaged.json"
    path.write_text(json.dumps({"grants": grants}, indent=1))
    _, messages, issues = decode(path)
    refused = {int(where.split("/")[2]) for where, severity, code in issues if severity == "error" and code != "duplicate-grant"}
    duplicates = {int(where.split("/")[2]) for where, severity, code in issues if code == "duplicate-grant"}
    wrong = [(i, g) for i, g in enumerate(grants) if (i in refused) == validator.is_valid(g)]
    assert wrong == [], f"seed {seed}"
    assert len(messages) == len(grants) - len(refused | duplicates)


# ---- tables ----
def tables():
    return [(name, want) for name, want in expectations() if name.endswith(".csv")]


@pytest.mark.parametrize("name,want", tables())
def test_every_row_of_a_real_table_is_a_grant_or_refused_by_its_line(name, want):
    code, messages, issues = decode(GIVING / name)
    refused = {where.split(",")[0] for where, severity, _ in issues if severity == "error"}
    assert len(messages) + len(refused) == want["rows"]
    assert code == (1 if refused else 0)
    assert all(re.match(r"line [0-9]+(, (column .+|/.+))?$", where) for where, _, _ in issues)


def flattened(grants):
    """The table of grants: a column for each leaf, by field names; lists of texts with semicolons."""
    rows, columns = [], {}
    for grant in grants:
        row = {}

        def walk(value, path, row=row):
            if isinstance(value, dict):
                for k, v in value.items():
                    walk(v, [*path, k])
            elif isinstance(value, list) and value and all(isinstance(i, str) for i in value):
                row[":".join(path)] = ";".join(value)
            elif isinstance(value, list):
                for i, v in enumerate(value):
                    walk(v, [*path, str(i)])
            elif value is not None:
                row[":".join(path)] = str(value)
        walk(grant, [])
        rows.append(row)
        columns.update(dict.fromkeys(row))
    return [list(columns)] + [[row.get(c, "") for c in columns] for row in rows]


def as_read(value):
    """What a table can say of a value: no empty texts or lists, no white space at the ends, texts where the standard has no number."""
    if isinstance(value, dict):
        return {k: v for k, v in ((k, as_read(v)) for k, v in value.items()) if v not in (None, "", {}, [])}
    if isinstance(value, list):
        return [v for v in map(as_read, value) if v not in (None, "", {}, [])]
    return value.strip() if isinstance(value, str) else value


def known(grant):
    """The members that the standard has: what a publisher adds is text in a table, whatever it was."""
    names = set(PLAIN) | set(ARRAYS) | {"recipientOrganization", "fundingOrganization", "grantProgramme"}
    return {k: v for k, v in grant.items() if k in names - {"unknown"}}


@pytest.mark.parametrize("name", [name for name, want in expectations() if want.get("schema_valid")])
@pytest.mark.parametrize("separator, encoding", [(",", "utf-8-sig"), (";", "utf-8"), ("\t", "utf-16")])
def test_a_package_as_a_table_gives_the_same_grants(tmp_path, name, separator, encoding):
    grants = [known(g) for g in json.loads((GIVING / name).read_text(), parse_float=decimal.Decimal)["grants"]]
    text = io.StringIO()
    csv.writer(text, delimiter=separator).writerows(flattened(grants))
    (tmp_path / "grants.csv").write_bytes(text.getvalue().encode(encoding))
    code, messages, issues = decode(tmp_path / "grants.csv")
    assert code == 0, issues[:5]
    assert [m["data"] for m in messages] == [as_read(g) for g in grants]


def test_memory_of_a_table_does_not_grow_with_it(tmp_path):
    """REEVE_GRANTS_MB=1000 for the full size; printed with -s."""
    if sanitized():
        pytest.skip("the address sanitizer keeps what was freed")
    size = int(os.environ.get("REEVE_GRANTS_MB", "20")) * 1_000_000
    path, n = tmp_path / "grants.csv", 0
    with path.open("w") as f:
        f.write("Identifier,Title,Description,Currency,Amount Awarded,Award Date,Funding Org:Identifier,Funding Org:Name,Recipient Org:Identifier,"
                "Recipient Org:Name,Recipient Org:City,Beneficiary Location:Name,Beneficiary Location:Geographic Code,Grant Programme:Title,Last Modified\r\n")
        while f.tell() < size if n % 1000 == 0 else True:
            n += 1
            f.write(f'360G-exampleshire-{n:08d},Warm rooms number {n},"Heating, light and a warm meal for the people of the parish in the winter months. {"More is said here. " * 20}",'
                    f"GBP,{n % 9000}.50,2026-01-{n % 28 + 1:02d},GB-LAE-EXA,Exampleshire Council,GB-CHC-{1000000 + n % 999999},The {n % 999999}th hall,Exampleham,"
                    "Exampleshire North,E07000178,Winter,2026-02-01T00:00:00Z\r\n")
    code, kib, issues = peak_rss(BUILD / "reeve", "decode", "360giving", path)
    print(f"{path.stat().st_size // 10**6} MB, {n} grants: {kib} KiB", file=sys.stderr)
    path.unlink()
    assert code == 0 and issues == "" and kib <= 64 * 1024
