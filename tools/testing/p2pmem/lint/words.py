# SPDX-License-Identifier: GPL-2.0-only
"""
Words that are not used here: the file "words" lists them and what to write instead.

In C files, comments and strings are searched, in scripts and documentation every line. faults/words.c
has a line for every row of the list.
"""

import re

from build import compare
from project import FAULTS, HERE, TOP, Broken, Finding, tracked

WRONG = FAULTS + "words.c"
# the list itself, and files that quote such words on purpose
QUOTES = ("tools/testing/p2pmem/lint/", "COPYING", "tools/testing/p2pmem/mutants/list")
TEXT = (".c", ".h", ".sh", ".py", ".rst", ".md", ".cocci", ".svg")
C_TEXT = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)


def rows():
    """Return the rows of the list: whether identifiers are searched too, expression, what to write."""
    found = []
    for number, line in enumerate((HERE / "words").read_text().splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        row = re.fullmatch(r"(text|all) \| (.+) \| (.+)", line)
        if not row:
            raise Broken(f"words:{number}: not where | expression | instead")
        # "all": an underscore separates words
        edges = (r"\b", r"\b") if row[1] == "text" else (r"(?<![^\W_])", r"(?![^\W_])")
        found.append((row[1] == "all", re.compile(f"{edges[0]}(?:{row[2]}){edges[1]}", re.I), row[3]))
    return found


def blank_code(text):
    """Replace C code by blanks, except comments and strings."""
    out, last = [], 0
    for m in C_TEXT.finditer(text):
        out += [re.sub(r"[^\n]", " ", text[last:m.start()]), m[0]]
        last = m.end()
    return "".join(out) + re.sub(r"[^\n]", " ", text[last:])


def search(file, table):
    """Return the findings in one file, each with the row that caused it."""
    text = (TOP / file).read_text(errors="replace")
    shown = blank_code(text) if file.endswith((".c", ".h")) else text
    for number, (every, said) in enumerate(zip(text.split("\n"), shown.split("\n")), 1):
        for row in table:
            identifiers, expression, instead = row
            m = expression.search(every if identifiers else said)
            if m:
                yield Finding(file, number, "words", f'"{m[0]}": write {instead}'), row


def words():
    """words that are not used here"""
    table = rows()
    for f in tracked():
        if f.startswith(QUOTES) or not (f.endswith(TEXT) or f.startswith("Documentation/")):
            continue
        yield from (finding for finding, _ in search(f, table))

    wrong = list(search(WRONG, table))
    yield from compare(WRONG, [finding for finding, _ in wrong])
    proved = {row for _, row in wrong}
    for row in table:
        if row not in proved:
            yield Finding(WRONG, 0, "faults", f"no line for the row: {row[2]}")


CHECKS = [words]
