#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""
readme.py README OUT: write the commands of the README into files that a test runs

Each block of indented lines in the section "## Use" becomes OUT/use-1, OUT/use-2 and so on, in the order
of the text; the same for the other sections. "sudo" is omitted: the test is root. Nothing else is
changed, so the test runs what a reader pastes.
"""

import re
import sys
from pathlib import Path


def blocks(text):
    """Yields the name of the section and the lines of each indented block."""
    section, block = "", []
    for line in [*text.split("\n"), "## "]:
        if line.startswith("    ") and section:
            block.append(line[4:])
            continue
        # an empty line may be inside a block
        if not line and block:
            block.append("")
            continue
        if any(block):
            yield section, block
        block = []
        if line.startswith("## "):
            section = re.sub(r"\W+", "-", line[3:].lower()).strip("-")


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    out = Path(sys.argv[2])
    out.mkdir(parents=True, exist_ok=True)
    count = {}
    for section, block in blocks(Path(sys.argv[1]).read_text()):
        count[section] = count.get(section, 0) + 1
        text = re.sub(r"\bsudo ", "", "\n".join(block)).rstrip("\n") + "\n"
        (out / f"{section}-{count[section]}").write_text(text)
    print(" ".join(sorted(p.name for p in out.iterdir())))


if __name__ == "__main__":
    main()
