# SPDX-License-Identifier: GPL-2.0-only
"""Checks of all files: license, length, white space, maintainers; and checks of scripts."""

import ast
import fnmatch
import re

from project import TOP, Broken, Finding, digest, each, run, tracked

LIMIT = 500
ROOT = {".gitignore", ".ci", "COPYING", "Documentation", "Kbuild", "Kconfig", "MAINTAINERS", "Makefile",
        "README.md", "drivers", "include", "tools"}


def maintainers():
    """MAINTAINERS: titles in order, only known letters, both directions of F:"""
    files = tracked()
    matched, title, last = set(), None, ""
    lines = (TOP / "MAINTAINERS").read_text().splitlines()

    def bad(number, text):
        return Finding("MAINTAINERS", number, "maintainers", text)

    for number, line in enumerate(lines, 1):
        if re.match(r"[A-Z]:", line) and not re.match(r"[MRLSWQBCPTFXNK]:\t\S", line):
            yield bad(number, "not a letter, a colon, a tab and a value")
        if re.fullmatch(r"[A-Z][A-Z0-9 ,()]+", line):
            if line < last:
                yield bad(number, f"\"{line}\" follows \"{last}\": titles must be sorted")
            title = last = line
        if not line.startswith("F:\t"):
            continue
        pattern = line[3:]
        if title is None:
            yield bad(number, "F: before the first title")
        if pattern.strip("*/") == "":
            yield bad(number, f"{pattern} matches every file and therefore proves nothing")
        if pattern.endswith("/"):
            hits = {f for f in files if f.startswith(pattern)}
        else:
            hits = {f for f in files if fnmatch.fnmatch(f, pattern) and f.count("/") == pattern.count("/")}
        if not hits:
            yield bad(number, f"{pattern} matches no file")
        matched |= hits
    for f in files:
        if f not in matched:
            yield Finding(f, 0, "maintainers", "no F: line of MAINTAINERS matches it")


def root():
    """only known files in the topmost directory"""
    found = {f.split("/")[0] for f in tracked()}
    for f in sorted(found - ROOT):
        yield Finding(f, 0, "root", f"not one of the entries of the topmost directory: {' '.join(sorted(ROOT))}")
    for f in sorted(ROOT - found):
        yield Finding(f, 0, "root", "is missing")


def spdx():
    """a license line in the first three lines"""
    for f in tracked():
        head = (TOP / f).read_bytes().split(b"\n")[:3]
        if not any(b"SPDX-License-Identifier: GPL-2.0-only" in line for line in head):
            yield Finding(f, 0, "spdx", "no SPDX-License-Identifier: GPL-2.0-only in the first three lines")


def length():
    """at most 500 lines"""
    for f in tracked():
        lines = (TOP / f).read_bytes().count(b"\n")
        if lines > LIMIT and f != "COPYING":
            yield Finding(f, 0, "length", f"{lines} lines: split it, or add it to lint/exceptions with a reason")


def space():
    """white space: no blanks at ends of lines, no blank before a tab, one newline at the end"""
    for f in tracked():
        data = (TOP / f).read_bytes()
        if f == "COPYING" or b"\0" in data:
            continue
        for number, line in enumerate(data.split(b"\n"), 1):
            if line.rstrip() != line:
                yield Finding(f, number, "space", "blank or carriage return at the end of the line")
            elif re.match(rb"\t* +\t", line) and f.endswith((".c", ".h", ".sh", ".py")):
                yield Finding(f, number, "space", "blanks before a tab")
        if data and (not data.endswith(b"\n") or data.endswith(b"\n\n")):
            yield Finding(f, data.count(b"\n"), "space", "not exactly one newline at the end")


def shells():
    """Return the shell scripts, recognised by name or first line."""
    for f in tracked():
        with open(TOP / f, "rb") as file:
            first = file.readline()
        if f.endswith(".sh") or re.match(rb"#! */bin/(ba|da)?sh\b", first):
            yield f


def shellcheck():
    """shellcheck, of scripts for this machine and for the guest"""
    status, version = run("shellcheck", "--version")
    if status:
        raise Broken("shellcheck cannot be run")
    scripts = list(shells())
    texts = "".join((TOP / f).read_text() for f in scripts)
    sourced = sorted(f for f in set(re.findall(r"# shellcheck source=(\S+)", texts)) if (TOP / f).is_file())

    def one(f):
        # guest scripts source files that set variables (2154) and have other paths there (1091)
        more = ["-s", "dash", "-e", "SC1091,SC2154"] if "/guest/" in f or "/boot/steps/" in f else []
        status, out = run("shellcheck", "-x", "-f", "gcc", *more, f)
        said = [[m[1], int(m[2]), m[3]] for m in re.finditer(r"^([^:\n]+):(\d+):\d+: (.*)$", out, re.M)]
        if bool(said) != bool(status):
            return [[0, f"shellcheck failed: {out.strip()[:200]}"]]
        # a sourced file is checked separately
        return [[line, text] for name, line, text in said if name == f]

    return each("shellcheck", scripts, digest(version, *(TOP / f for f in sourced)), one)


def python():
    """Python compiles"""
    for f in tracked():
        with open(TOP / f, "rb") as file:
            first = file.readline()
        if not f.endswith(".py") and not re.match(rb"#!.*\bpython", first):
            continue
        try:
            ast.parse((TOP / f).read_text(), f)
        except SyntaxError as e:
            yield Finding(f, e.lineno or 0, "python", e.msg)


def suite_names():
    """Return {name of suite: file}."""
    names = {}
    for f in tracked():
        if f.startswith("drivers/") and f.endswith(("_kunit.c", "-kunit.c")):
            for name in re.findall(r'^\t\.name = "(p2pmem-[\w-]+)"', (TOP / f).read_text(), re.M):
                names[name] = f
    return names


def mutants():
    """every fault of mutants/list matches its number of lines, and its tests are suites or guest tests"""
    path = "tools/testing/p2pmem/mutants/list"
    number = 1
    rows = [line.split() for line in (TOP / "tools/testing/p2pmem/tests/list").read_text().splitlines()]
    known = {row[0] for row in rows if len(row) >= 3 and row[1] not in ("host", "guests")} | set(suite_names())
    sites = [line.split(" | ") for line in (TOP / "tools/graft/sites").read_text().splitlines()
             if line.count(" | ") == 6]
    for block in (TOP / path).read_text().split("\n\n"):
        entry = dict(re.findall(r"^(\w+): *(.*?) *$", block, re.M))
        if "file" in entry and "from" in entry:
            target = TOP / entry["file"]
            if target.is_file():
                seen = sum(line.strip() == entry["from"] for line in target.read_text().split("\n"))
            else:
                # a file of the kernel: a line that the graft adds
                seen = sum(int(s[6]) for s in sites if s[1] == entry["file"] and s[5] in entry["from"])
            if seen != int(entry.get("times", 1)):
                yield Finding(path, number, "mutants", f"{entry.get('name')}: {entry['file']} has this line {seen} times")
            for test in entry.get("tests", "").split():
                # faults in the command p2pmem are tried on the host
                good = test == "command" if entry["file"].startswith("tools/pci/p2pmem/") else fnmatch.filter(known, test)
                if not good:
                    yield Finding(path, number, "mutants", f"{entry.get('name')}: {test} is neither a suite nor a guest test")
        number += block.count("\n") + 2


def suites():
    """make check runs every suite and expects the right number of suites"""
    path = "tools/testing/p2pmem/tests/list"
    names = suite_names()
    ran = set()
    for number, line in enumerate((TOP / path).read_text().splitlines(), 1):
        glob = re.search(r"^kunit-.*kunit\.filter_glob=(\S+)", line)
        if not glob:
            continue
        consumers = "p2pmem.modules=" in line
        hits = {n for n, f in names.items() if fnmatch.fnmatch(n, glob[1]) and f.startswith("drivers/pci/") != consumers}
        wanted = re.search(r"p2pmem\.suites=(\d+)", line)
        if not wanted or int(wanted[1]) != len(hits):
            yield Finding(path, number, "suites", f"{glob[1]} matches {len(hits)} suites, but p2pmem.suites= has another number")
        ran |= hits
    for name in sorted(set(names) - ran):
        yield Finding(names[name], 0, "suites", f"no row kunit-* of {path} runs {name}")


CHECKS = [maintainers, root, spdx, length, space, shellcheck, python, mutants, suites]
