#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Writes a valid IATI 2.03 activity file of about so many bytes: make_activities.py BYTES FILE [SEED] [--one].

Activities are about 5 kB each, with a commitment, payments and a result, from a seeded generator: same arguments, same bytes.
--one: a single activity of that size."""
import random
import sys

from make_grants import text, words


IMPLEMENTING = 'role="4" type="22"'


def narrative(r, tag, low, high, attributes=""):
    return f"<{tag}{attributes}><narrative>{words(r, low, high).capitalize()}</narrative></{tag}>"


def organisation(r, tag, more):
    return narrative(r, tag, 2, 4, f' ref="GB-CHC-{r.randrange(1000000, 9999999)}" {more}')


def transaction(r, n, code, amount):
    day = f"{2020 + r.randrange(6)}-{1 + r.randrange(12):02d}-{1 + r.randrange(28):02d}"
    return (f'<transaction ref="T{n}">\n      <transaction-type code="{code}"/>\n      <transaction-date iso-date="{day}"/>\n'
            f'      <value currency="GBP" value-date="{day}">{amount:.2f}</value>\n      {narrative(r, "description", 4, 12)}\n'
            f'      {organisation(r, "provider-org", "")}\n      {organisation(r, "receiver-org", "")}\n    </transaction>\n    ')


def head(r, n):
    year = 2018 + r.randrange(6)
    return (f'<iati-activity xml:lang="en" default-currency="GBP" last-updated-datetime="{year}-06-01T10:00:00Z">\n'
            f'    <iati-identifier>GB-CHC-1112223-B{n:07d}</iati-identifier>\n'
            f'    <reporting-org ref="GB-CHC-1112223" type="22"><narrative>Exampleshire Trust</narrative></reporting-org>\n'
            f'    {narrative(r, "title", 3, 8)}\n    <description type="1"><narrative>{text(r, 500)}</narrative></description>\n'
            f'    <description type="2"><narrative>{text(r, 300)}</narrative></description>\n'
            '    <participating-org ref="GB-CHC-1112223" role="1" type="22"><narrative>Exampleshire Trust</narrative></participating-org>\n'
            f'    {organisation(r, "participating-org", IMPLEMENTING)}\n'
            f'    <activity-status code="2"/>\n    <activity-date iso-date="{year}-01-01" type="1"/>\n    <activity-date iso-date="{year}-02-01" type="2"/>\n'
            f'    <recipient-country code="{r.choice(["KE", "UG", "BD", "NP"])}" percentage="100"/>\n'
            f'    <sector vocabulary="1" code="{r.choice(["11220", "12220", "14031", "15160"])}" percentage="100"/>\n'
            f'    <budget type="1" status="2"><period-start iso-date="{year}-04-01"/><period-end iso-date="{year + 1}-03-31"/>'
            f'<value currency="GBP" value-date="{year}-04-01">{r.randrange(1000, 900000)}</value></budget>\n    ')


RESULT = ('<result type="1"><title><narrative>{}</narrative></title><indicator measure="1"><title><narrative>{}</narrative></title>'
          '<period><period-start iso-date="2022-01-01"/><period-end iso-date="2022-12-31"/><target value="{}"/><actual value="{}"/></period>'
          '</indicator></result>\n  </iati-activity>\n')


def activity(r, n, payments=None):
    yield head(r, n) + transaction(r, 0, 2, r.randrange(100000, 900000))
    for i in range(payments if payments is not None else r.randrange(3, 7)):
        yield transaction(r, i + 1, r.choice([3, 3, 4]), r.random() * 9000)
    yield RESULT.format(words(r, 3, 6), words(r, 3, 6), r.randrange(100), r.randrange(100))


def write(size, path, seed=1, one=False):
    """How many activities it has."""
    r, n, written = random.Random(seed), 0, 0
    with open(path, "w", encoding="utf-8") as f:
        f.write('<?xml version="1.0" encoding="UTF-8"?>\n<iati-activities version="2.03" generated-datetime="2026-01-01T00:00:00Z">\n')
        while written < size and not (one and n):
            n += 1
            for part in activity(r, n, size // 520 if one else None):
                written += f.write(part)
        f.write("</iati-activities>\n")
    return n


if __name__ == "__main__":
    words_given = [a for a in sys.argv[1:] if a != "--one"]
    print(write(int(words_given[0]), words_given[1], int(words_given[2]) if len(words_given) > 2 else 1, "--one" in sys.argv))
