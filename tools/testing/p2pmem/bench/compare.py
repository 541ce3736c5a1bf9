#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""
compare.py: what peer memory costs, with the kernel's own P2PDMA and with ours, in one run

  compare.py [--quick] [GUEST...]

Builds both kernels (kernels.sh), boots the guests of guests.py on each, and prints a table of
executed instructions: operation, pool, its state, bytes, upstream, ours, ours/upstream, goal.
"-" is what an interface does not have or was not measured, "refused" what it did not do, and a
"!" behind ours a figure that misses its goal. "grows:" lines below it are our figures that are more
than a tenth higher in a larger pool. Writes compare.json and compare.svg to BUILD/bench.

--quick omits the pool of 64 GiB, whose pages take minutes to set up. GUEST (a shell pattern,
"pool-*") boots these guests only.

Figures of several CPUs are elapsed time, not instructions: pairs per second of all CPUs, as
a multiple of those of one CPU in the same boot, the median of nine samples.
"""

import argparse
import fnmatch
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

sys.dont_write_bytecode = True

# pylint: disable=wrong-import-position
import guests

HERE = Path(__file__).resolve().parent
TOP = HERE.parents[3]
KERNELS = ("upstream", "ours")
SIZES = [(guests.GIB, "GiB"), (guests.MIB, "MiB"), (guests.KIB, "KiB")]
# operations whose column of bytes has another meaning
COUNTED = {"find provider": "providers", "cpus": "CPUs"}


def amount(number):
    """A number of bytes for people."""
    for unit, name in SIZES:
        if number >= unit and number % unit == 0:
            return f"{number // unit} {name}"
    return str(number) if number else "-"


def targets():
    """Reads the goals: a list of (key, figure)."""
    rows = []
    for line in (HERE / "targets").read_text().splitlines():
        if line and not line.startswith("#"):
            *key, value = line.split("\t")
            rows.append((key, float(value) if "." in value else int(value)))
    return rows


def goal(key, rows):
    """The goal of a figure, or None."""
    words = [str(word) for word in key]
    for pattern, value in rows:
        if all(p in ("*", w) for p, w in zip(pattern, words)):
            return value
    return None


def missed(row):
    """Whether our figure misses its goal, which is a minimum where several CPUs are compared."""
    if row["goal"] is None or row["ours"] is None:
        return False
    if row["ours"] == "refused":
        return True
    return row["ours"] < row["goal"] if row["operation"] == "cpus" else row["ours"] > row["goal"]


def figures(lines, guest):
    """Makes (operation, pool, state, bytes) -> figure from the lines of a guest."""
    found, samples = {}, {}
    for operation, pool, state, length, value in lines:
        # the time stamp counter of such a guest counts time, not instructions
        if (guest.cpus > 1) != (operation == "cpus"):
            continue
        key = (operation, int(pool), state, int(length))
        if operation == "cpus":
            samples.setdefault(key, []).append(int(value))
        else:
            found[key] = value if value == "refused" else int(value)
    for key, times in samples.items():
        ones = samples[(*key[:3], 1)]
        ratios = [one / many for one, many in zip(ones, times)]
        found[key] = round(statistics.median(ratios), 2)
    return found


def measure(build, wanted):
    """Boots the guests on both kernels."""
    results = {}
    for guest in wanted:
        for kernel in KERNELS:
            directory = build / "bench" / kernel
            lines, console = guests.boot(guest, directory)
            if lines is None and guest.cpus > 1 and "bench" not in console.read_text(errors="replace"):
                # The emulator fails so in a few of a hundred boots, before any module is loaded.
                print(f"bench: {kernel} {guest.name} did not boot, once more", flush=True)
                lines, console = guests.boot(guest, directory)
            if lines is None:
                print(f"bench: {kernel} {guest.name} failed, see {console}", flush=True)
                results.setdefault("failed", []).append(f"{kernel} {guest.name}")
                continue
            for key, value in figures(lines, guest).items():
                results.setdefault(key, {})[kernel] = value
    return results


def rows(results):
    """Makes the rows of the table."""
    wanted = targets()
    order = {}
    for key in results:
        order.setdefault(key[0], len(order))
    table = []
    for key in sorted(results, key=lambda k: (order[k[0]], k[1])):
        upstream, ours = (results[key].get(kernel) for kernel in KERNELS)
        ratio = None
        if all(isinstance(v, (int, float)) and v for v in (upstream, ours)):
            ratio = ours / upstream
        table.append({"operation": key[0], "pool": key[1], "state": key[2], COUNTED.get(key[0], "bytes"): key[3],
                      "upstream": upstream, "ours": ours, "ratio": ratio, "goal": goal(key, wanted)})
    return table


def text(table):
    """Prints the table."""
    line = "{:42}{:>8} {:16}{:>9}{:>13}{:>12}{:>9}{:>8}"
    print(line.format("operation", "pool", "state", "bytes", "upstream", "ours ", "ratio", "goal"))
    for row in table:
        count = [row[name] for name in ("bytes", *COUNTED.values()) if name in row][0]
        cells = ["-" if row[n] is None else str(row[n]) for n in ("upstream", "ours", "goal")]
        print(line.format(row["operation"], amount(row["pool"]), row["state"],
                          amount(count) if "bytes" in row else str(count), cells[0],
                          cells[1] + ("!" if missed(row) else " "),
                          "-" if row["ratio"] is None else f"{row['ratio']:.3f}", cells[2]))


def grows(table):
    """Prints which of our figures are more than a tenth higher in a larger pool."""
    least = {}
    for row in table:
        if "bytes" not in row or row["operation"] in ("add_resource", "insmod") or not isinstance(row["ours"], int):
            continue
        key = (row["operation"], row["state"], row["bytes"])
        before = least.setdefault(key, row)
        if row["ours"] > before["ours"] * 1.1:
            print(f"grows: {key[0]} {key[1]} {amount(key[2])}: {before['ours']} in {amount(before['pool'])}, "
                  f"{row['ours']} in {amount(row['pool'])}")


def number(value):
    """A figure for gnuplot, which skips NaN."""
    return value if isinstance(value, int) else "NaN"


def plot(table, out):
    """Draws cost over fill and over the size of the pool."""
    def pick(operation, length, **want):
        return [r for r in table if r["operation"] == operation and r.get("bytes") == length
                and all(r[k] == v for k, v in want.items())]
    largest = max((r["pool"] for r in table if r["operation"] == "alloc+free"), default=0)
    sizes = sorted({r["pool"] for r in table if r["operation"] == "alloc+free"})
    if len(sizes) < 2:
        print("bench: no plot: it needs pools of two sizes")
        return
    # the fill of the middle size shows both allocators at their usual work
    middle = sizes[-2]
    with open(out / "fill.data", "w", encoding="ascii") as data:
        for state in ("0", "50", "90", "99"):
            values = []
            for length in (4096, 131072):
                for row in pick("alloc+free", length, pool=middle, state=state)[:1]:
                    values += [number(row["upstream"]), number(row["ours"])]
            print(state, *values, file=data)
    with open(out / "pool.data", "w", encoding="ascii") as data:
        for size in sizes:
            values = []
            for operation, length, state in (("alloc+free", 4096, "90"), ("alloc+free", 65536, "churned"),
                                             ("list", 131072, "odd")):
                for row in pick(operation, length, pool=size, state=state)[:1]:
                    values += [number(row["upstream"]), number(row["ours"])]
            print(size / guests.MIB, *values, file=data)
    subprocess.run([TOP / "tools/testing/p2pmem/rig/deps.sh", "gnuplot-nox"], check=True)
    subprocess.run(["gnuplot", "-e", f"dir='{out}'; pool='{amount(middle)}'", HERE / "compare.gp"], check=True)
    print(f"bench: {out}/compare.svg (pools up to {amount(largest)})")


def main():
    """Builds, measures, prints."""
    parser = argparse.ArgumentParser(description="executed instructions, upstream's and ours")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("guest", nargs="*")
    args = parser.parse_args()
    build = Path(os.environ.get("BUILD") or TOP / "build").resolve()
    wanted = [g for g in guests.GUESTS if not (args.quick and g.pool > 4 * guests.GIB)
              and any(fnmatch.fnmatch(g.name, p) for p in args.guest or ["*"])]
    if not wanted:
        sys.exit(f"bench: no guest is called so, there are {' '.join(g.name for g in guests.GUESTS)}")
    subprocess.run([HERE / "kernels.sh", build], check=True)
    results = measure(build, wanted)
    failed = results.pop("failed", [])
    table = rows(results)
    text(table)
    grows(table)
    out = build / "bench"
    document = {"version": 1, "unit": "executed instructions; cpus: multiple of one CPU", "figures": table}
    (out / "compare.json").write_text(json.dumps(document, indent=1) + "\n")
    print(f"bench: {out}/compare.json")
    plot(table, out)
    over = sum(map(missed, table))
    print(f"{len(table)} figures, {over} miss their goal, {len(failed)} guests failed")
    sys.exit(1 if failed or not table else 0)


if __name__ == "__main__":
    main()
