# SPDX-License-Identifier: Apache-2.0
"""Published files beside what is known of them (expected.json of REEVE_SHARED/fixtures/STANDARD): what the adapter must make of each file, and what it
made. The tests of the adapters ask row(); as a program (`make conformance-adapters`) it prints the table of every file and fails when one differs."""
import decimal
import json
import os
import pathlib
import re
import subprocess
import sys
import xml.etree.ElementTree as ET

BUILD = pathlib.Path(os.environ.get("REEVE_BUILD", "build")).resolve()
SHARED = pathlib.Path(os.environ.get("REEVE_SHARED", pathlib.Path(__file__).resolve().parents[3] / "shared"))
ISSUE = re.compile(r"^(?P<file>.*?): (?P<where>.*?): (?P<severity>error|warning): .*\[(?P<code>[a-z0-9-]+)\]$")
OF_A_RECORD = re.compile(r"/(?:grants|releases|records)/(\d+)|line (\d+)")


def expectations(standard):
    """{file: what is known of it}; empty where the fixtures are absent."""
    path = SHARED / "fixtures" / standard / "expected.json"
    return json.loads(path.read_text()) if path.exists() else {}


def decode(standard, path):
    """(exit code, messages, [(where, severity, code)]) of `reeve decode`."""
    done = subprocess.run([BUILD / "reeve", "decode", standard, str(path)], capture_output=True, timeout=300)
    messages = [json.loads(line, parse_float=decimal.Decimal) for line in done.stdout.splitlines()]
    found = [ISSUE.match(line) for line in done.stderr.decode().splitlines()]
    return done.returncode, messages, [(m["where"], m["severity"], m["code"]) for m in found if m]


def verdict(code):
    return {0: "valid", 1: "refused", 2: "not readable"}.get(code, f"exit code {code}")


def refused(issues):
    """The records that an error names."""
    return {m.group(1) or m.group(2) for where, severity, _ in issues if severity == "error" for m in [OF_A_RECORD.match(where)] if m}


class Sums(dict):
    """Exact sums by name."""
    def add(self, name, amount):
        with decimal.localcontext() as exact:
            exact.prec = 200
            self[name] = self.get(name, decimal.Decimal(0)) + decimal.Decimal(amount)


def decimals(texts):
    return {name: decimal.Decimal(text) for name, text in texts.items()}


# ---- each standard: (expected, got)
def giving(name, want, code, messages, issues):
    records = len({m["id"] for m in messages}) + len(refused(issues))
    if name.endswith(".csv"):  # no more is known of a table than its rows
        return {"rows": want["rows"]}, {"rows": records}
    expected = {"verdict": "valid" if want["schema_valid"] else "refused", "grants": want["grants"]}
    got = {"verdict": verdict(code), "grants": records}
    if want["schema_valid"]:
        sums = Sums()
        for m in messages:
            sums.add(m["data"]["currency"], m["data"]["amountAwarded"])
        recipients = {o["id"] for m in messages for o in m["data"].get("recipientOrganization", [])}
        expected |= {"awarded": decimals(want["amountAwarded_sum_by_currency"]), "ids": want["distinct_ids"], "recipients": want["distinct_recipient_org_ids"]}
        got |= {"awarded": sums, "ids": len({m["subject"] for m in messages}), "recipients": len(recipients)}
    return expected, got


def iati(name, want, code, messages, issues):
    if not want["well_formed"]:
        return {"verdict": "not readable", "messages": 0}, {"verdict": verdict(code), "messages": len(messages)}
    expected, got = {"verdict": "valid" if want["xsd_2_03_valid"] else "refused"}, {"verdict": verdict(code)}
    errors = sum(severity == "error" for _, severity, _ in issues)
    if not want["xsd_2_03_valid"]:
        return expected | {"with a reason": True}, got | {"with a reason": errors > 0}
    activities = [ET.fromstring(m["data"]) for m in messages if m["type"] == "funding.award"]
    ids = [(a.findtext("iati-identifier") or "").strip() for a in activities]
    sums, budgets, counts = Sums(), Sums(), {"transaction": 0, "budget": 0}
    for a in activities:
        for of, into in (("transaction", sums), ("budget", budgets)):
            for x in a.findall(of):
                value = x.find("value")
                currency = value.get("currency") or a.get("default-currency")
                into.add(f"{x.find('transaction-type').get('code')}/{currency}" if of == "transaction" else currency, value.text.strip())
                counts[of] += 1
    expected |= {"errors": 0, "activities": want["activities"], "ids": want["distinct_identifiers"], "without id": want.get("activities_without_identifier", 0),
                 "transactions": want["transactions"], "moved": decimals(want["transaction_value_sum_by_type_and_currency"]),
                 "budgets": want["budgets"], "budgeted": decimals(want["budget_sum_by_currency"])}
    got |= {"errors": errors, "activities": len(activities), "ids": len(set(ids)), "without id": ids.count(""), "transactions": counts["transaction"], "moved": sums,
            "budgets": counts["budget"], "budgeted": budgets}
    return expected, got


def ocds(name, want, code, messages, issues):
    releases = [m["data"] for m in messages if m["type"] == "information.contract"]
    payments = [m["data"] for m in messages if m["type"] == "funding.payment"]
    expected, got = {"verdict": "valid" if want.get("schema_valid", True) else "refused"}, {"verdict": verdict(code)}
    if want["kind"] == "record package":
        return expected | {"records": want["records"]}, got | {"records": len({r["ocid"] for r in releases})}
    if not want["schema_valid"]:
        return expected, got
    values = [("tender_value", (r.get("tender") or {}).get("value")) for r in releases]
    values += [(f"{k}_value", x.get("value")) for r in releases for k in ("award", "contract") for x in r.get(f"{k}s") or []]
    values += [("transaction_value", p["contracts"][0]["implementation"]["transactions"][0].get("value")) for p in payments]
    sums = {kind: Sums() for kind in ("tender_value", "award_value", "contract_value", "transaction_value")}
    for kind, value in values:
        if value and value.get("amount") is not None:
            sums[kind].add(value["currency"], value["amount"])
    expected |= {"releases": want["releases"], "ocids": want["distinct_ocids"], "ids": want["distinct_release_ids"], "payments": want["transactions"]}
    got |= {"releases": len(releases), "ocids": len({r["ocid"] for r in releases}), "ids": len({r["id"] for r in releases}), "payments": len(payments)}
    return expected | {kind: decimals(want[kind]) for kind in sums}, got | sums


STANDARDS = {"360giving": giving, "iati": iati, "ocds": ocds}


def row(standard, name, want):
    """(expected, got) of one file."""
    return STANDARDS[standard](name, want, *decode(standard, SHARED / "fixtures" / standard / name))


# ---- the table
def shown(facts):
    def text(value):
        return " + ".join(f"{v} {k}" for k, v in sorted(value.items())) if isinstance(value, dict) else str(value)
    return ", ".join(value if name == "verdict" else f"{name} {text(value)}" for name, value in facts.items() if value != {})


def table(out):
    """How many files differ."""
    seen = differ = 0
    print("| file | expected | got |\n|---|---|---|", file=out)
    for standard in STANDARDS:
        files = expectations(standard)
        if not files:
            print(f"SKIP: {standard}: no fixtures/{standard}/expected.json in {SHARED} (REEVE_SHARED)", file=out)
        for name, want in sorted(files.items()):
            expected, got = row(standard, name, want)
            seen, differ = seen + 1, differ + (expected != got)
            print(f"| {standard}/{name} | {shown(expected)} | {'equal: ' if expected == got else 'DIFFERS: '}{shown(got)} |", file=out)
    print(f"{seen} files, {differ} of them differ", file=out)
    return differ


if __name__ == "__main__":
    sys.exit(1 if table(sys.stdout) else 0)
