# SPDX-License-Identifier: Apache-2.0
"""The 360Giving adapter against real files and against the official schema."""
import decimal
import json
import os
import pathlib
import random
import re
import subprocess
import sys

import pytest

BUILD = pathlib.Path(os.environ.get("REEVE_BUILD", "build")).resolve()
SHARED = pathlib.Path(os.environ.get("REEVE_SHARED", pathlib.Path(__file__).resolve().parents[3] / "shared"))
GIVING = SHARED / "fixtures" / "360giving"
ISSUE = re.compile(r"^(?P<file>.*?): (?P<where>\S*): (?P<severity>error|warning): .*\[(?P<code>[a-z0-9-]+)\]$")


def decode(path):
    """(exit code, messages, issues) of `reeve decode 360giving`."""
    run = subprocess.run([BUILD / "reeve", "decode", "360giving", str(path)], capture_output=True, timeout=300)
    messages = [json.loads(line, parse_float=decimal.Decimal) for line in run.stdout.splitlines()]
    issues = []
    for line in run.stderr.decode().splitlines():
        m = ISSUE.match(line)
        if m:
            issues.append((m["where"], m["severity"], m["code"]))
    return run.returncode, messages, issues


def expectations():
    if not (GIVING / "expected.json").exists():
        return []
    with open(GIVING / "expected.json") as f:
        return sorted((k, v) for k, v in json.load(f).items() if k.endswith(".json"))


def test_fixtures_are_there():
    if not expectations():
        pytest.skip("the 360Giving fixtures are not beside this checkout (REEVE_SHARED)")


@pytest.mark.parametrize("name,want", expectations())
def test_counts_sums_and_verdicts_of_real_files(name, want):
    code, messages, issues = decode(GIVING / name)
    refused = {where.split("/")[2] for where, severity, _ in issues if severity == "error" and where.startswith("/grants/")}
    assert len(messages) + len(refused) == want["grants"]
    assert code == (0 if want["schema_valid"] else 1)
    if want["schema_valid"]:
        sums = {}
        with decimal.localcontext() as ctx:
            ctx.prec = 60
            for m in messages:
                grant = m["data"]
                sums[grant["currency"]] = sums.get(grant["currency"], decimal.Decimal(0)) + decimal.Decimal(grant["amountAwarded"])
        assert sums == {k: decimal.Decimal(v) for k, v in want["amountAwarded_sum_by_currency"].items()}
        assert len({m["subject"] for m in messages}) == want["distinct_ids"]
        assert len({m["id"] for m in messages}) == want["grants"]
    else:
        # every faulty grant is named; how many the schema's own checker faults is known only as kinds
        assert refused
        errors = [i for i in issues if i[1] == "error"]
        assert len(errors) >= len(refused)


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
