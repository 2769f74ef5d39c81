#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""An adapter: a council's list of housing payments, as its own software writes it (CSV, semicolons, UK dates), to and from messages
`funding.payment`, and to and from the hub record, so that the list becomes any other standard of payments. Settings: `council`, its name."""
import base64
import codecs
import csv
import datetime
import io
import json
import re
import sys

COLUMNS = ["reference", "paid on", "paid to", "amount", "for"]


def say(**what):
    print(json.dumps(what), flush=True)


def asked():
    return json.loads(sys.stdin.readline())


# ---- decode

def lines(seq):
    """The document's lines as they come: it is never here as a whole."""
    decoder, rest = codecs.getincrementaldecoder("utf-8-sig")(), ""
    while not (piece := asked()).get("end"):
        *whole, rest = (rest + decoder.decode(base64.b64decode(piece["part"]))).split("\n")
        yield from (line + "\n" for line in whole)
    yield rest + decoder.decode(b"", True)


def fault(row):
    """(code, column, what would be right) of the first thing that is wrong."""
    if not row["reference"]:
        return "no-reference", "reference", "the payment's reference"
    if not re.fullmatch(r"-?\d{1,9}(\.\d{2})?", row["amount"]):
        return "amount-format", "amount", "pounds, or pounds.pence"
    try:
        datetime.datetime.strptime(row["paid on"], "%d/%m/%Y")
    except ValueError:
        return "date-format", "paid on", "DD/MM/YYYY"
    return None


def decode(seq, call):
    reader = csv.reader(lines(seq), delimiter=";")
    if next(reader, None) != COLUMNS:
        say(seq=seq, issue={"severity": "unreadable", "code": "heading", "where": "line 1", "wanted": ";".join(COLUMNS),
                            "text": "this is no list of housing payments"})
        return {"verdict": "ok"}
    for cells in reader:
        if not any(cells):
            continue
        row = dict(zip(COLUMNS, (c.strip() for c in cells + [""] * len(COLUMNS))))
        wrong = fault(row)
        if wrong:
            code, column, wanted = wrong
            say(seq=seq, issue={"severity": "error", "code": code, "where": f"line {reader.line_num}, column {column}", "wanted": wanted,
                                "subject": row["reference"] or None, "found": row[column], "text": f"{column} is not as it should be"})
            say(seq=seq, refuse=row["reference"] or None)
        else:
            say(seq=seq, event={"type": "funding.payment", "subject": row["reference"], "currency": "GBP", "exactamount": row["amount"],
                                "datacontenttype": "application/json", "data": row})
    return {"verdict": "ok"}


# ---- encode

def encode(seq, call):
    out = io.StringIO()
    writer = csv.writer(out, delimiter=";", lineterminator="\n")
    writer.writerow(COLUMNS)
    while not (piece := asked()).get("end"):
        writer.writerow([piece["event"]["data"].get(c, "") for c in COLUMNS])
    return {"verdict": "ok", "content_type": "text/csv;charset=utf-8", "name": "housing.csv", "document": out.getvalue()}


# ---- the hub record (adapters/hub)

def to_hub(seq, call):
    event, row = call["event"], call["event"]["data"]
    record = {"record": 1, "type": "funding.payment", "id": row["reference"],
              "date": datetime.datetime.strptime(row["paid on"], "%d/%m/%Y").date().isoformat(),
              "value": {"amount": row["amount"], "currency": "GBP"}, "payer": {"name": COUNCIL}, "payee": {"name": row["paid to"]}}
    if row["for"]:
        record["description"] = row["for"]
    event.update(data=record, dataschema="urn:reeve:hub:1:funding.payment")
    return {"verdict": "ok", "emit": [event]}


def from_hub(seq, call):
    event, record = call["event"], call["event"]["data"]
    if event["type"] != "funding.payment":
        return {"verdict": "reject", "code": "type", "text": f"the list has no place for {event['type']}"}
    date, value = record.get("date", ""), record["value"]
    if value.get("currency") != "GBP" or not re.fullmatch(r"\d{4}-\d\d-\d\d.*", date):
        return {"verdict": "reject", "code": "not-sayable", "text": "the list has pounds and whole dates only"}
    event["data"] = {"reference": record["id"], "paid on": f"{date[8:10]}/{date[5:7]}/{date[:4]}", "amount": value["amount"],
                     "paid to": record.get("payee", {}).get("name", ""), "for": record.get("description", "")}
    event.pop("dataschema", None)
    return {"verdict": "ok", "emit": [event]}


CALLS = {"decode": decode, "encode": encode, "to_hub": to_hub, "from_hub": from_hub}
hello = asked()
COUNCIL = hello["settings"].get("council", "")
say(reeve=1, name="housing", offers=list(CALLS))
for text in sys.stdin:
    call = json.loads(text)
    if "call" in call:  # else it is left of one that is answered already
        say(seq=call["seq"], **CALLS[call["call"]](call["seq"], call))
