#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""
lint.py [-t] [-l] [CHECK...]: check the form of all files of the project.

  -t      print TAP, one line for each check, for "make check"
  -l      list the checks
  CHECK   shell patterns: run only the checks whose names match

Prints a line for each check, each finding as "file:line: rule: text", and "N findings" in the end. The
exit status is 0 only if there are none. The build directory is $BUILD (default: build); "make modules"
must have run. The file "exceptions" in this directory lists accepted findings, with reasons.

  form.py     all files: license, length, white space, MAINTAINERS; shell and Python
  kernel.py   checkpatch, kernel-doc, get_abi.pl
  build.py    W=1, sparse, and the headers of each object
  floors.py   a file calls files of lower floors only, and includes no header of a higher one
  words.py    words that are not used here
  user.py     the command p2pmem, which is no module: gcc with more warnings, sparse, cppcheck
  smpl.py     semantic patches: the kernel's (coccicheck), and our invariants, *.cocci here

Files in faults/ have faults on purpose: each run proves with them that every rule can fail.
"""

import fcntl
import fnmatch
import sys
import time

sys.dont_write_bytecode = True

# pylint: disable=wrong-import-position
import build
import floors
import form
import kernel
import smpl
import user
import words
from project import WORK, Broken, Exceptions, Finding

CHECKS = [*form.CHECKS, *kernel.CHECKS, *smpl.CHECKS, *build.CHECKS, *floors.CHECKS, *words.CHECKS,
          *user.CHECKS]
# rules of findings, for checks whose rules differ from their names
RULES = {"building": ["W=1", "sparse", "faults"], "headers": ["headers", "faults"],
         "floors": ["floors", "faults"], "words": ["words", "faults"],
         "user-space": ["user-warnings", "user-sparse", "cppcheck", "faults"], "invariants": smpl.rules()}


def name(check):
    return check.__name__.replace("_", "-")


def findings(check):
    """Return the findings without exceptions. A check that cannot run is a finding too."""
    allowed = Exceptions()
    try:
        left = [f for f in check() if not allowed.allow(f)]
        return left + allowed.stale(RULES.get(name(check), [name(check)]))
    except Broken as e:
        return [Finding("tools/testing/p2pmem/lint/lint.py", 0, name(check), f"not checked: {e}")]


def main(arguments):
    if any(a.startswith("-") and a not in ("-t", "-l") for a in arguments):
        print(__doc__.strip(), file=sys.stderr)
        return 2
    tap = "-t" in arguments
    patterns = [a for a in arguments if not a.startswith("-")] or ["*"]
    checks = [c for c in CHECKS if any(fnmatch.fnmatch(name(c), p) for p in patterns)]
    if "-l" in arguments:
        print("\n".join(f"{name(c):14} {c.__doc__}" for c in checks))
        return 0
    WORK.mkdir(parents=True, exist_ok=True)
    with open(WORK / "lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return go(checks, tap)


def go(checks, tap):
    total = 0
    for number, check in enumerate(checks, 1):
        begin = time.monotonic()
        wrong = findings(check)
        seconds = time.monotonic() - begin
        total += len(wrong)
        if tap:
            print(f"{'not ' if wrong else ''}ok {number} - {name(check)}: {check.__doc__}")
        else:
            print(f"lint: {name(check):14} {len(wrong):4} findings {seconds:6.1f} s   {check.__doc__}")
        for f in wrong:
            print(f"# {f}" if tap else f)
        sys.stdout.flush()
    if tap:
        print(f"1..{len(checks)}")
    else:
        print(f"{total} findings")
    return 1 if total or not checks else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
