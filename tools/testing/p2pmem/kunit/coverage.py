#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""
coverage.py OBJECTS REASONS TAR...: lines of drivers/pci/p2pdma that the suites executed

OBJECTS  object directory of the kernel, with the .gcno files
REASONS  lines "file | text of the line | why no test reaches it", one for each line
TAR      the kernel's .gcda files of a guest (tests/guest/kunit.sh); counts are added up

Prints a line for each file, then each line that no test reached, with its reason. Exit status: 0 if
at least 95 % of the lines were executed and every other line has a reason; 1 otherwise.
"""

import gzip
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections import defaultdict
from pathlib import Path

WANTED = 95.0
FOLDER = "drivers/pci/p2pdma"


def die(text):
    print(f"coverage: {text}", file=sys.stderr)
    sys.exit(2)


def gcov_of(objects):
    """Return the gcov of the compiler that built the objects, because the formats must match."""
    comment = subprocess.run(["readelf", "-p", ".comment", next(objects.glob(f"{FOLDER}/*.o"))],
                             stdout=subprocess.PIPE, text=True, check=True).stdout
    for word in comment.split():
        if word[0].isdigit() and "." in word:
            name = f"gcov-{word.split('.')[0]}"
            return name if shutil.which(name) else "gcov"
    return "gcov"


def lines_of(objects, tar, gcov, counts):
    """Add the line counts of one run to counts[file][line]."""
    with tempfile.TemporaryDirectory() as tmp:
        with tarfile.open(tar) as archive:
            members = [m for m in archive.getmembers() if m.isfile() and f"/{FOLDER}/" in f"/{m.name}"]
            if not members:
                die(f"{tar} has no counts of {FOLDER}: was the kernel built with GCOV_PROFILE_P2PMEM?")
            for member in members:
                name = os.path.basename(member.name)
                note = objects / FOLDER / (Path(name).stem + ".gcno")
                if "/tests/" in member.name or not note.exists():
                    continue
                shutil.copy(note, tmp)
                (Path(tmp) / name).write_bytes(archive.extractfile(member).read())
        data = sorted(p.name for p in Path(tmp).glob("*.gcda"))
        subprocess.run([gcov, "--json-format", *data], cwd=tmp, check=True, stdout=subprocess.DEVNULL)
        for result in Path(tmp).glob("*.gcov.json.gz"):
            for entry in json.load(gzip.open(result))["files"]:
                path = Path(entry["file"])
                if path.suffix not in (".c", ".h") or not str(path).endswith(f"{FOLDER}/{path.name}"):
                    continue
                for line in entry["lines"]:
                    counts[path.name][line["line_number"]] += line["count"]


def reasons_of(path):
    reasons = []
    for line in path.read_text().split("\n"):
        if line.strip() and not line.startswith("#"):
            parts = [p.strip() for p in line.split(" | ")]
            if len(parts) != 3:
                die(f"{path}: '{line}' is not file | line | reason")
            reasons.append(parts)
    return reasons


def main():
    if len(sys.argv) < 4:
        die("usage: coverage.py OBJECTS REASONS TAR...")
    objects, reasons = Path(sys.argv[1]), reasons_of(Path(sys.argv[2]))
    source = Path(__file__).resolve().parents[4] / FOLDER
    counts = defaultdict(lambda: defaultdict(int))
    gcov = gcov_of(objects)
    for tar in sys.argv[3:]:
        lines_of(objects, tar, gcov, counts)
    for path in source.glob("*.c"):
        # trace.c has no executable lines except those of its header
        if path.name not in counts and "{" in path.read_text():
            die(f"no run has counts of {path.name}")

    total = ran = 0
    missed = []
    for name in sorted(counts):
        lines = counts[name]
        hit = sum(1 for n in lines.values() if n)
        print(f"{name:16} {hit:4} of {len(lines):4} lines  {100 * hit / len(lines):5.1f} %")
        total += len(lines)
        ran += hit
        text = (source / name).read_text().split("\n")
        missed += [(name, n, text[n - 1].strip()) for n in sorted(lines) if not lines[n]]
    share = 100 * ran / total
    print(f"{'all':16} {ran:4} of {total:4} lines  {share:5.1f} %")

    bad, used = share < WANTED, set()
    for name, number, text in missed:
        why = next((i for i, r in enumerate(reasons) if i not in used and r[:2] == [name, text]), None)
        used.add(why)
        bad |= why is None
        print(f"not reached: {name}:{number}: {text}: {'NO REASON' if why is None else reasons[why][2]}")
    for i, reason in enumerate(reasons):
        if i not in used:
            bad = True
            print(f"unused reason, no unreached line matches it: {reason[0]}: {reason[1]}")
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
