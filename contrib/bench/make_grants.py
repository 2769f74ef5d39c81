#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Writes a valid 360Giving package of about so many bytes: make_grants.py BYTES FILE [SEED].

Grants are about 1.6 kB each and made from word lists by a seeded generator: same arguments, same bytes."""
import csv
import json
import random
import sys

WORDS = ("community garden winter warm meals advice visits young people older carers training boat river park hall museum "
         "songs bicycle repair volunteers families evening classes digital skills energy bills insulation play library "
         "choir theatre allotment flood recovery transport village market harbour history walking health befriending "
         "language café lunch club workshop tools kitchen heating roof access ramp equality rights debt housing").split()
FUNDERS = [("GB-CHC-119900%d" % i, "Exampleshire Trust %d" % i) for i in range(8)] + [("GB-GOV-19", "A Department")]
CODES = ["food", "fuel", "advice", "youth", "culture", "sport", "environment", "community", "housing"]


def words(r, low, high):
    return " ".join(r.choice(WORDS) for _ in range(r.randint(low, high)))


def text(r, size):
    out = ""
    while len(out) < size:
        out += words(r, 8, 16).capitalize() + ". "
    return out.strip()


def grant(r, n):
    funder = r.choice(FUNDERS)
    year, month, day = 2020 + r.randrange(6), 1 + r.randrange(12), 1 + r.randrange(28)
    number = r.randrange(1000000, 9999999)
    return {
        "id": f"360G-bench-{n:07d}",
        "title": words(r, 3, 7).capitalize(),
        "description": text(r, 240),
        "currency": "GBP",
        "amountAwarded": r.choice([r.randrange(300, 900000), round(r.random() * 90000, 2)]),
        "amountAppliedFor": r.randrange(300, 900000),
        "awardDate": f"{year}-{month:02d}-{day:02d}",
        "url": f"https://grants.example/{year}/{n}",
        "plannedDates": [{"startDate": f"{year}-{month:02d}-{day:02d}", "endDate": f"{year + 1}-{month:02d}-{day:02d}",
                          "duration": 12}],
        "recipientOrganization": [{
            "id": f"GB-CHC-{number}", "name": words(r, 2, 4).title(), "charityNumber": str(number),
            "streetAddress": f"{r.randrange(1, 99)} {r.choice(WORDS).title()} Street", "addressLocality": "Northvale",
            "addressCountry": "United Kingdom", "postalCode": f"EX{r.randrange(1, 30)} {r.randrange(1, 9)}AB",
            "description": text(r, 80), "url": "https://recipient.example/",
            "location": [{"name": "Northvale", "geoCode": f"E0700090{r.randrange(1, 6)}", "geoCodeType": "NMD"}]}],
        "fundingOrganization": [{"id": funder[0], "name": funder[1]}],
        "grantProgramme": [{"code": f"P{r.randrange(40)}", "title": words(r, 2, 5).title()}],
        "beneficiaryLocation": [{"name": "Northvale", "geoCode": f"E0700090{r.randrange(1, 6)}", "geoCodeType": "NMD",
                                 "latitude": round(51 + r.random(), 6), "longitude": round(-1 - r.random(), 6)}],
        "classifications": [{"vocabulary": "Exampleshire needs list", "code": r.choice(CODES), "title": words(r, 1, 3)}],
        "fromOpenCall": r.choice(["Yes", "No"]),
        "dataSource": "https://grants.example/data",
        "dateModified": f"{year}-{month:02d}-{day:02d}T10:20:30Z",
    }


def write(size, path, seed=1):
    """Returns the number of grants."""
    r, n, done = random.Random(seed), 0, 0
    with open(path, "w", encoding="utf-8") as out:
        done += out.write('{"version":"1.4","title":"Generated for the benchmark","grants":[\n')
        while done < size:
            done += out.write((",\n" if n else "") + json.dumps(grant(r, n), ensure_ascii=False))
            n += 1
        out.write("\n]}\n")
    return n


def cells(value, path=""):
    """(heading, cell) of each leaf: the flattened form of the standard, by field names."""
    if isinstance(value, (dict, list)):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from cells(inner, f"{path}:{key}" if path else str(key))
    else:
        yield path, value


def write_table(size, path, seed=1):
    """The same grants as CSV, a row each. Returns their number."""
    r, n = random.Random(seed), 0
    with open(path, "w", encoding="utf-8", newline="") as out:
        rows = csv.writer(out)
        while out.tell() < size:
            for _ in range(100):
                row = dict(cells(grant(r, n)))
                if n == 0:
                    rows.writerow(row)
                rows.writerow(row.values())
                n += 1
    return n


if __name__ == "__main__":
    print(write(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else 1))
