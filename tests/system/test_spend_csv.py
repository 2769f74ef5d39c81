# SPDX-License-Identifier: Apache-2.0
"""Councils' spend files: what was counted in real ones, a file of many warts, and memory that does not grow with the file."""
import csv
import decimal
import io
import json
import os
import pathlib
import random
import subprocess

import pytest
from conftest import peak_rss, program, reeve, sanitized
from hub_schema import faults

SHARED = pathlib.Path(os.environ.get("REEVE_SHARED", pathlib.Path(__file__).resolve().parents[3] / "shared"))
SPEND = SHARED / "fixtures" / "spend-csv"


def decode(path):
    r = subprocess.run([program("reeve"), "decode", "spend-csv", str(path)], capture_output=True, timeout=300)
    return r.returncode, [json.loads(line) for line in r.stdout.splitlines()], r.stderr.decode()


def total(messages):
    return sum((decimal.Decimal(m["data"]["amount"]) for m in messages), decimal.Decimal(0))


def expectations():
    return sorted(json.loads((SPEND / "expected.json").read_text()).items()) if (SPEND / "expected.json").exists() else []


def test_fixtures_are_there():
    if not expectations():
        pytest.skip("the spend fixtures are not beside this checkout (REEVE_SHARED)")


@pytest.mark.parametrize("name,want", expectations())
def test_counts_and_sums_of_a_real_file(name, want):
    if not (SPEND / name).exists():
        pytest.skip(f"{name} is not kept, for it names people")
    _, messages, errors = decode(SPEND / name)
    assert len(messages) + errors.count(": error: ") + errors.count("[total-row]") == want["rows"] - want["blank_rows"]
    assert total(messages) == decimal.Decimal(want["amount_sum"])
    assert len({m["id"] for m in messages}) == len(messages)


DATES = {"99:99:99": "00:00:00", "99/99/9999": "28/02/2018"}


@pytest.mark.parametrize("name,want", expectations())
def test_a_file_made_like_a_real_one_gives_its_counts_and_sum(tmp_path, name, want):
    """The same headings, as many rows, the same sum; every column is known and every row has a message."""
    pennies = int(decimal.Decimal(want["amount_sum"]) * 100)
    amounts = [-100 * (i + 1) for i in range(want["negative_amounts"])]
    rest = want["rows"] - len(amounts)
    share, over = divmod(pennies - sum(amounts), rest)
    amounts += [share + (1 if i < over else 0) for i in range(rest)]
    dates = [DATES[shape] for shape, n in want["date_shapes"].items() for _ in range(n)]
    text = io.StringIO()
    out = csv.writer(text, lineterminator="\r\n" if want["line_endings"] == "CRLF" else "\n")
    out.writerow(want["header"])
    for i, (amount, date) in enumerate(zip(amounts, dates, strict=True)):
        cells = {"Paid Date": date, "Trans No": str(i // 2), "Amount": f"{decimal.Decimal(amount) / 100:.2f}"}
        out.writerow([cells.get(heading, f"{heading}, {i % 7}") for heading in want["header"]])
    (tmp_path / "spend.csv").write_bytes(text.getvalue().encode(want["encoding"]))
    code, messages, errors = decode(tmp_path / "spend.csv")
    assert code == 0 and len(messages) == want["rows"], errors
    assert total(messages) == decimal.Decimal(want["amount_sum"])
    assert sum(m["data"]["amount"].startswith("-") for m in messages) == want["negative_amounts"]
    assert len({m["subject"] for m in messages}) == len(messages)
    assert all("extras" not in m["data"] or "Paid Date" in m["data"]["extras"] for m in messages)
    assert len(messages[0]["columns"].split("; ")) == len(want["header"])
    assert all(("date" in m["data"]) == (date != "00:00:00") for m, date in zip(messages, dates, strict=True))
    assert errors.count("[date-time-only]") == (1 if "99:99:99" in want["date_shapes"] else 0)


def test_the_same_file_gives_the_same_ids_and_equal_rows_stay_two(tmp_path):
    rows = ["Body Name,Paid Date,Amount,Supplier Name"] + ["Exampleshire,01/04/2026,5.00,Acme"] * 3
    (tmp_path / "a.csv").write_text("\n".join(rows) + "\n")
    (tmp_path / "b.csv").write_text("\r\n".join(["A title", "", *rows]))
    one, two = decode(tmp_path / "a.csv")[1], decode(tmp_path / "b.csv")[1]
    assert len({m["id"] for m in one}) == 3
    assert [m["id"] for m in one] == [m["id"] for m in two]
    assert [m["line"] for m in one] == [2, 3, 4] and [m["line"] for m in two] == [4, 5, 6]


def test_the_records_of_payments_keep_to_the_schema(tmp_path):
    (tmp_path / "a.csv").write_text("Body Name,Body Code,Service Area,Payment Date,Transaction Number,Line,Net Amount,Irrecoverable VAT,Supplier Name,Supplier ID,"
                                    "Category,Expense Code,Purpose,Type,Card Transaction,Contract ID,Grant,VCSE,Own\n"
                                    'Exampleshire,GB-LAE-EXA,Housing,01/04/2026,4711,1,"1,234.50",0,Acme Ltd,77,Repairs,R1,A roof,Revenue,No,K1,,,x\n'
                                    "Exampleshire,,,Apr-26,,,.5,,Ms B,,,,,,,,,,\nExampleshire,,,00:00:00,,,-5,n/a,REDACTED,9,,,,,,,,,\n")
    r = reeve("convert", "spend-csv", "hub", tmp_path / "a.csv")
    records = [json.loads(line) for line in r.stdout.splitlines()]
    assert r.returncode == 0 and len(records) == 3, r.stderr
    assert [faults(record) for record in records] == [set()] * 3
    assert "Ms B" not in json.dumps([{k: v for k, v in r.items() if k != "other"} for r in records])


@pytest.mark.parametrize("seed", range(3))
def test_a_table_that_is_written_is_read_as_the_same_payments(tmp_path, seed):
    """Any columns in any order, any of the forms; what comes back is equal member by member."""
    rng = random.Random(seed)
    known = ["Body Name", "Organisation Code", "Directorate", "Paid Date", "Date", "Voucher No", "Line No", "Net Value", "Amount", "Gross", "Currency", "Irrecoverable VAT",
             "Payee", "Vendor No", "Category", "Nominal Code", "Narrative", "Type", "Purchase Card", "Contract Ref", "Grant", "VCSE flag", "Own", "", "Own", 'A "quote", and more']
    texts = ["", "", "x", "01/04/2026", "00:00:00", "Apr-26", "5.00", "(12)", "£1,234.50", "-", "Yes", "GBP", "a, b", 'say "so"', "two\nlines", " é ", "Redacted", "Mr A"]
    amounts, dates = ["5", "1,234.50", "(12.00)", "£7", "-0.5"], ["01/04/2026", "Apr-26", "42826", "00:00:00", ""]
    for round_ in range(40):
        heading = rng.sample(known, rng.randrange(4, len(known)))
        heading += [c for c in ("Amount", "Paid Date") if c not in heading]
        text = io.StringIO()
        out = csv.writer(text)
        out.writerow(heading)
        for _ in range(rng.randrange(1, 6)):
            out.writerow([rng.choice(dates) if "Date" in c else rng.choice(amounts) if c in ("Net Value", "Amount", "Gross") else rng.choice(("GBP", "")) if c == "Currency"
                          else rng.choice(texts) for c in heading])
        (tmp_path / "a.csv").write_text(text.getvalue(), newline="")
        _, messages, errors = decode(tmp_path / "a.csv")
        if not messages:
            assert "total-row" in errors or "error" in errors
            continue
        lines = "".join(json.dumps(m) + "\n" for m in messages)
        written = subprocess.run([program("reeve"), "encode", "spend-csv", "-"], input=lines.encode(), capture_output=True, timeout=60)
        assert written.returncode == 0, (round_, written.stderr)
        (tmp_path / "b.csv").write_bytes(written.stdout)
        code, again, errors = decode(tmp_path / "b.csv")
        assert code == 0 and [m["data"] for m in again] == [m["data"] for m in messages], (round_, text.getvalue(), errors)


def test_cut_files_are_told(tmp_path):
    """A file that ends anywhere: every payment that comes out stands in the whole file, and a broken end is named."""
    whole = ('Body Name,Paid Date,Amount,Supplier Name\r\n' + 'Exampleshire,01/04/2026,"1,234.50","Acme, Ltd"\r\n' * 3).encode()
    path = tmp_path / "cut.csv"
    for cut in range(len(whole)):
        path.write_bytes(whole[:cut])
        code, messages, errors = decode(path) if cut % 7 == 0 else (None, [], "")
        if code is not None:
            assert code in (0, 1, 2) and len(messages) <= 3 and (code == 0 or "error" in errors), cut
            assert all(m["data"]["body"] == "Exampleshire" for m in messages)


def test_memory_is_bounded(tmp_path):
    """REEVE_SPEND_ROWS rows (7000000: a gigabyte); printed with -s."""
    if sanitized():
        pytest.skip("the address sanitizer keeps what was freed")
    rows = int(os.environ.get("REEVE_SPEND_ROWS", "60000"))
    rng = random.Random(1)
    path = tmp_path / "large.csv"
    with path.open("w") as f:
        f.write("Body Name,Organisational Unit,Paid Date,Trans No,Amount,Supplier ID,Supplier Name,Purpose\r\n")
        for i in range(rows):
            f.write(f'Exampleshire Council,Housing and Homes,{i % 28 + 1:02d}/04/2026,{i},"{rng.randrange(1, 9)},{i % 1000:03d}.{i % 100:02d}",{i % 977},'
                    f'"Supplier, number {i % 977} Ltd",Repairs of a house in a street of the town\r\n')
    code, kib, errors = peak_rss(program("reeve"), "decode", "spend-csv", path)
    print(f"{path.stat().st_size // 10**6} MB, {rows} rows: {kib} KiB")
    path.unlink()
    assert code == 0 and errors == ""
    assert kib <= 64 * 1024
