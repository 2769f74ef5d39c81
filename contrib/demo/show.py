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
    return max(72, min(shutil.get_terminal_size((110, 24)).columns, 132))


def heading(text):
    print(f"\n{paint(text, BOLD)}\n{paint('-' * len(text), DIM)}", flush=True)


def say(text=""):
    print(text, flush=True)


def good(text):
    say(f"{paint('ok', GREEN)}    {text}")


def bad(text):
    say(f"{paint('WRONG', RED)} {text}")


def fit(text, size):
    return text if len(text) <= size else text[: max(size - 1, 0)] + "…"


def table(titles, rows, shrink=()):
    """Prints rows under titles. Columns named in `shrink` give way, widest first, when the terminal is narrow."""
    rows = [[plain(cell) for cell in row] for row in rows]
    sizes = [max([len(t)] + [len(r[i]) for r in rows]) for i, t in enumerate(titles)]
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
        say("  ".join(fit(c, s).ljust(s) for c, s in zip(row, sizes)).rstrip())
