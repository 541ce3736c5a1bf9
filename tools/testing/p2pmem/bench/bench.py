#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""
bench.py: what peer memory costs, in executed instructions.

  bench.py [--check] [--record] [LOG]

Boots tests/guest/bench.sh under QEMU's -icount, which makes virtual nanoseconds executed
instructions, or reads the console of such a guest from LOG. Prints one line for each
figure: operation, fill of the pool, length, recorded figure, this one, their ratio, and
the goal. BUILD/bench/bench.json has the same.

--check fails when a figure exceeds the recorded one by more than 3 %, or when a recorded
figure is missing. --record writes the file "recorded" beside this script.

The columns "upstream" of the file "upstream" were measured with the kernel's own PCI_P2PDMA
on a smaller configuration of the same release. They are printed, and not checked.
"""

import argparse
import json
import os
import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
TOP = HERE.parents[3]
TESTS = HERE.parent / "tests"
TOLERANCE = 1.03
# what one figure is of: the steps of bench.sh that are added
OPERATIONS = {
    "alloc+free": ("run",),
    "list": ("list",),
    "list under a grant": ("alloc", "free"),
    "map+unmap": ("map", "unmap"),
    "look-up": ("lookup",),
    "find provider": ("find",),
    "kind, system memory": ("kind",),
    "check, system memory": ("check",),
    "request, two clients": ("alloc", "map", "unmap", "map", "unmap", "free"),
}


def build_dir():
    return Path(os.environ.get("BUILD") or TOP / "build")


def kernel():
    """Returns the release of the kernel that the modules are built for."""
    env = (build_dir() / "kernel/env").read_text()
    return re.search(r"^(?:export )?KVER=['\"]?([^'\"\n]+)", env, re.M)[1]


def boot():
    """Runs the guest and returns the path of its console log."""
    build = build_dir()
    env = dict(os.environ, BUILD=str(build), NAME="bench", SMP="1", ICOUNT="1", TIMEOUT="600",
               TOPO=str(TESTS / "topologies/core.topo"), RUN=str(TESTS / "guest/bench.sh"))
    done = subprocess.run([sys.executable, str(HERE.parent / "rig/vm.py")], env=env, check=False)
    if done.returncode:
        sys.exit(f"bench: the guest failed, see {build}/vm/bench")
    return build / "vm/bench/console.log"


def figures(log):
    """Reads (operation, state, length) -> instructions from a console log."""
    steps = {}
    for line in log.read_text(errors="replace").splitlines():
        words = line[line.find("bench "):].split() if "bench " in line else []
        if len(words) == 5 and words[4].isdigit():
            steps[words[1], int(words[2]), words[3]] = int(words[4])
    found = {}
    for state, length, _ in steps:
        for name, parts in OPERATIONS.items():
            values = [steps.get((state, length, part)) for part in parts]
            if None not in values:
                found[name, state, length] = sum(values)
    return found


def table(name):
    """Reads a file of lines OPERATION<tab>STATE<tab>LENGTH<tab>VALUE."""
    path = HERE / name
    rows = {}
    for line in path.read_text().splitlines() if path.exists() else ():
        if line and not line.startswith("#"):
            operation, state, length, value = line.split("\t")
            rows[operation, state, int(length)] = int(value)
    return rows


def main():
    parser = argparse.ArgumentParser(description="cost of peer memory in executed instructions")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--record", action="store_true")
    parser.add_argument("log", nargs="?", type=Path)
    args = parser.parse_args()

    # An instruction count of one kernel says nothing about another one.
    if args.check and f"# kernel {kernel()}\n" not in (HERE / "recorded").read_text():
        print(f"skip: no figures were recorded for {kernel()}")
        return
    now = figures(args.log or boot())
    if not now:
        sys.exit("bench: no figure found")
    recorded, goals, upstream = table("recorded"), table("goals"), table("upstream")
    worse = []
    rows = []
    print(f"{'operation':22}{'fill':>6}{'bytes':>9}{'upstream':>10}{'recorded':>10}{'now':>10}"
          f"{'ratio':>8}{'goal':>8}")
    for key in sorted(now.keys() | recorded.keys()):
        value, before = now.get(key), recorded.get(key)
        ratio = value / before if value and before else None
        if before is not None and (value is None or value > before * TOLERANCE):
            worse.append(key)
        rows.append(dict(zip(("operation", "fill", "bytes"), key), upstream=upstream.get(key),
                         recorded=before, instructions=value, goal=goals.get(key)))
        cells = [upstream.get(key), before, value, ratio and f"{ratio:.2f}", goals.get(key)]
        text = ["-" if cell is None else str(cell) for cell in cells]
        print(f"{key[0]:22}{key[1]:>6}{key[2]:>9}{text[0]:>10}{text[1]:>10}{text[2]:>10}"
              f"{text[3]:>8}{text[4]:>8}")
    out = build_dir() / "bench"
    out.mkdir(parents=True, exist_ok=True)
    (out / "bench.json").write_text(json.dumps({"version": 1, "figures": rows}, indent=1) + "\n")
    if args.record:
        lines = ["# SPDX-License-Identifier: GPL-2.0-only",
                 "# Executed instructions: operation, fill of the pool, bytes, figure",
                 f"# kernel {kernel()}"]
        lines += ["\t".join(map(str, (*key, value))) for key, value in sorted(now.items())]
        (HERE / "recorded").write_text("\n".join(lines) + "\n")
    if args.check:
        for key in worse:
            print(f"bench: {' '.join(map(str, key))}: {now.get(key)} instead of {recorded[key]}")
        print(f"{len(recorded) - len(worse)} within 3 %, {len(worse)} worse")
        if worse or not recorded:
            sys.exit(1)


if __name__ == "__main__":
    main()
