# SPDX-License-Identifier: Apache-2.0
"""What the demo prints: headings, tables and facts, coloured only on a terminal."""
import os
import shutil
import sys

TTY = sys.stdout.isatty() and os.environ.get("NO_COLOR") is None and os.environ.get("TERM") != "dumb"
BOLD, DIM, RED, GREEN, YELLOW = "1", "2", "31", "32", "33"


def paint(text, code):
    return f"\x1b[{code}m{text}\x1b[0m" if TTY else text


def plain(text):
    """Text from outside, made harmless for a terminal: no control characters, one line."""
    return "".join(c if c.isprintable() else "\ufffd" for c in str(text))


def width():
    return max(72, min(shutil.get_terminal_size((120, 24)).columns, 140)) if TTY else 140


def heading(text):
    print(f"\n{paint(text, BOLD)}\n{paint('-' * len(text), DIM)}", flush=True)


def say(text=""):
    print(text, flush=True)


def good(text):
    say(f"{paint('ok', GREEN)}    {text}")


def bad(text):
    say(f"{paint('WRONG', RED)} {text}")


def fit(text, size, tail=False):
    if len(text) <= size:
        return text
    return "…" + text[1 - size:] if tail else text[: size - 1] + "…"


def table(titles, rows, shrink=(), tail=(), least=()):
    """Prints rows under titles. Columns in `shrink` give way, widest first, when the terminal is narrow; of those in `tail` the
    end is kept, where identifiers differ. `least` are widths to begin with."""
    rows = [[plain(cell) for cell in row] for row in rows]
    sizes = [max([len(t)] + [len(r[i]) for r in rows]) for i, t in enumerate(titles)]
    sizes = [max(s, *least[i:i + 1], 0) for i, s in enumerate(sizes)]
    over = sum(sizes) + 2 * (len(sizes) - 1) - width()
    while over > 0 and shrink:
        widest = max(shrink, key=lambda i: sizes[i])
        if sizes[widest] <= 12:
            break
        sizes[widest] -= 1
        over -= 1
    line = "  ".join(t.ljust(s) for t, s in zip(titles, sizes)).rstrip()
    say(paint(line, DIM))
    for row in rows:
        say("  ".join(fit(c, s, i in tail).ljust(s) for i, (c, s) in enumerate(zip(row, sizes))).rstrip())
