#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""
compare.py: what peer memory costs, with the kernel's own P2PDMA and with ours, in one run

  compare.py [--quick] [--record] [GUEST...]
  compare.py --print [--record]

Builds both kernels (kernels.sh), boots the guests of guests.py on each, and prints a table of
executed instructions: operation, pool, its state, bytes, upstream, ours, ours/upstream, goal.
"-" is what an interface does not have or was not measured, "refused" what it did not do, and a
"!" behind ours a figure that misses its goal. "grows:" lines below it are our figures that are more
than a tenth higher in a larger pool, and "missed:" figures that miss their goal. Writes compare.json
and compare.svg to BUILD/bench.

--quick omits the pool of 64 GiB, whose pages take minutes to set up. GUEST (a shell pattern,
"pool-*") boots these guests only, and keeps the last figures of the others. --print boots none, and
prints the last compare.json. --record writes what is printed to the file "compared" beside this
script, too.

Figures "cpus" are elapsed time, not instructions: pairs per second of all CPUs, as a multiple of
those of one CPU in the same boot, the median of nine samples. Lines "spread:" say how far samples
are apart. Figures "e2e" are instructions of the whole guest per I/O, and lines "more:" the functions
that execute more or fewer of them with peer memory than with system memory.
"""

import argparse
import contextlib
import fnmatch
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

sys.dont_write_bytecode = True

# pylint: disable=wrong-import-position
import counted
import guests

HERE = Path(__file__).resolve().parent
TOP = HERE.parents[3]
KERNELS = ("upstream", "ours")
SIZES = [(guests.GIB, "GiB"), (guests.MIB, "MiB"), (guests.KIB, "KiB")]
# operations whose column of bytes has another meaning
COUNTED = {"find provider": "providers", "cpus": "CPUs", "cpus, charged list": "CPUs", "cpus, nothing shared": "CPUs",
           "locked accesses to shared lines": "CPUs", "shared lines that are written": "CPUs"}


def amount(number):
    """A number of bytes for people."""
    for unit, name in SIZES:
        if number >= unit and number % unit == 0:
            return f"{number // unit} {name}"
    return str(number) if number else "-"


def targets():
    """Reads the goals: a list of (key, figure or None, factor or None)."""
    found = []
    for line in (HERE / "targets").read_text().splitlines():
        if not line or line.startswith("#"):
            continue
        *key, values = line.split("\t")
        figure = factor = None
        for value in values.split():
            if value.startswith("x"):
                factor = float(value[1:])
            else:
                figure = float(value) if "." in value else int(value)
        found.append((key, figure, factor))
    return found


def goal(key, wanted):
    """The goal of a figure, and the factor by which upstream's is to be more; None where there is none."""
    words = [str(word) for word in key]
    for pattern, figure, factor in wanted:
        if all(p in ("*", w) for p, w in zip(pattern, words)):
            return figure, factor
    return None, None


def missed(row):
    """Whether our figure misses its goal, which is a minimum where several CPUs are compared."""
    ours, upstream = row["ours"], row["upstream"]
    if ours is None or (row["goal"], row["factor"]) == (None, None):
        return False
    if ours == "refused":
        return True
    if row["factor"] and isinstance(upstream, int) and upstream < ours * row["factor"]:
        return True
    if row["goal"] is None:
        return False
    return ours < row["goal"] if row["operation"].startswith("cpus") else ours > row["goal"]


def figures(lines, guest):
    """Makes (operation, pool, state, bytes) -> figure, and -> [least, most], from the lines of a guest."""
    found, samples, spread = {}, {}, {}
    for operation, pool, state, length, value in (line[1:] for line in lines if line[0] == "bench"):
        # without -icount, the time stamp counter counts time, not instructions
        if (guest.cpus > 1) != operation.startswith("cpus"):
            continue
        key = (operation, int(pool), state, int(length))
        if guest.cpus > 1:
            samples.setdefault(key, []).append(int(value))
        else:
            found[key] = value if value == "refused" else int(value)
    for key, times in samples.items():
        ones = samples[(*key[:3], 1)]
        ratios = [one / many for one, many in zip(ones, times)]
        found[key] = round(statistics.median(ratios), 2)
        spread[key] = [round(min(ratios), 2), round(max(ratios), 2)]
    return found, spread


class Results:
    """What the guests of both kernels measured."""

    def __init__(self):
        self.figures, self.spread, self.details, self.failed = {}, {}, {}, []

    def add(self, kernel, guest, lines, build):
        """Adds the figures of a guest."""
        directory = build / "bench" / kernel
        work = directory / "run" / guest.name
        found, spread, details = *figures(lines, guest), {}
        if guest.what == "e2e":
            found, details, spread = counted.end_to_end(lines, directory, work)
        elif guest.what == "lines":
            found, details = counted.shared_lines(lines, directory, work)
        for key, value in found.items():
            self.figures.setdefault(key, {})[kernel] = value
        for key, value in spread.items():
            self.spread.setdefault(key, {})[kernel] = value
        for name, value in details.items():
            self.details.setdefault(name, {})[kernel] = value

    def measure(self, build, wanted):
        """Boots the guests on both kernels."""
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
                    self.failed.append(f"{kernel} {guest.name}")
                else:
                    self.add(kernel, guest, lines, build)


def rows(results):
    """Makes the rows of the table."""
    wanted = targets()
    order = {}
    for key in results.figures:
        order.setdefault(key[0], len(order))
    table = []
    for key in sorted(results.figures, key=lambda k: (order[k[0]], k[1])):
        upstream, ours = (results.figures[key].get(kernel) for kernel in KERNELS)
        ratio = None
        if all(isinstance(v, (int, float)) and v for v in (upstream, ours)) and "%" not in key[0]:
            ratio = round(ours / upstream, 4)
        limit, factor = goal(key, wanted)
        row = {"operation": key[0], "pool": key[1], "state": key[2], COUNTED.get(key[0], "bytes"): key[3],
               "upstream": upstream, "ours": ours, "ratio": ratio, "goal": limit, "factor": factor}
        if key in results.spread:
            row["spread"] = results.spread[key]
        row["missed"] = missed(row)
        table.append(row)
    return table


def text(table):
    """Prints the table."""
    line = "{:46}{:>8} {:16}{:>8}{:>11}{:>11}{:>8}{:>10}"
    print(line.format("operation", "pool", "state", "bytes", "upstream", "ours ", "ratio", "goal"))
    for row in table:
        count = [row[name] for name in ("bytes", *COUNTED.values()) if name in row][0]
        cells = ["-" if row[n] is None else str(row[n]) for n in ("upstream", "ours")]
        goals = [str(row["goal"])] if row["goal"] is not None else []
        goals += [f"x{row['factor']}"] if row["factor"] else []
        print(line.format(row["operation"], amount(row["pool"]), row["state"],
                          amount(count) if "bytes" in row else str(count), cells[0],
                          cells[1] + ("!" if row["missed"] else " "),
                          "-" if row["ratio"] is None else f"{row['ratio']:.3f}", " ".join(goals) or "-"))


def title(row):
    """A row's operation in a line of its own."""
    words = [row["operation"], row["state"] if row["state"] != "0" else ""]
    words += [f"{row[name]} {name}" for name in set(COUNTED.values()) if name in row]
    return ", ".join(word for word in words + ([amount(row["bytes"])] if "bytes" in row else []) if word)


def spreads(table):
    """Prints how far samples are apart, where a figure is the median of several."""
    for row in table:
        for kernel in KERNELS:
            if kernel in row.get("spread", {}) and row.get("CPUs") != 1:
                least, most = row["spread"][kernel]
                print(f"spread: {title(row)}, {kernel}: {row[kernel]}, from {least} to {most}")


def misses(table):
    """Prints our figures that miss their goal."""
    for row in table:
        if row["missed"]:
            goals = [] if row["goal"] is None else [f"the goal is {row['goal']}"]
            goals += [f"upstream's {row['upstream']} is to be {row['factor']} times it"] if row["factor"] else []
            print(f"missed: {title(row)}, pool {amount(row['pool'])}: {row['ours']}, {', '.join(goals)}")


def functions(details, most):
    """Prints what locks shared lines, and for each kind of I/O the @most functions with the largest difference."""
    for name, kernels in details.items():
        for kernel, what in kernels.items():
            if isinstance(what, dict):
                names = ", ".join(f"{where} {count}" for where, count in sorted(what.items()))
                print(f"locks: {name}, {kernel}: {names or 'none'}")
                continue
            for row in sorted(what, key=lambda r: -abs(r["more"]))[:most]:
                print(f"more: {name}, {kernel}: {row['module']} {row['function']} {row['more']:+} "
                      f"({row['system']} to {row['peer']})")


def grows(table):
    """Prints which of our figures are more than a tenth higher in a larger pool."""
    least = {}
    for row in table:
        if not row["pool"] or "bytes" not in row or row["operation"] == "add_resource" or \
           not isinstance(row["ours"], int):
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


def report(document, most=100):
    """Prints all that was measured."""
    table = document["figures"]
    text(table)
    grows(table)
    misses(table)
    spreads(table)
    functions(document["functions"], most)
    print(f"host: {document['host']['cpus']} CPUs, load {document['host']['load']:.1f} at the end")


def merge(document, before):
    """Puts the figures of some guests in the place of their earlier ones; those of the others stay."""
    def key(row):
        return tuple(row.get(k) for k in ("operation", "pool", "state", "bytes", "CPUs", "providers"))
    new = {key(row): row for row in document["figures"]}
    kept = [new.pop(key(row), row) for row in before["figures"]]
    document["figures"] = kept + list(new.values())
    document["functions"] = before["functions"] | document["functions"]


def main():
    """Builds, measures, prints."""
    parser = argparse.ArgumentParser(description="executed instructions, upstream's and ours")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--print", action="store_true")
    parser.add_argument("--record", action="store_true")
    parser.add_argument("guest", nargs="*")
    args = parser.parse_args()
    build = Path(os.environ.get("BUILD") or TOP / "build").resolve()
    out = build / "bench"
    results = Results()
    if args.print:
        document = json.loads((out / "compare.json").read_text())
    else:
        wanted = [g for g in guests.GUESTS if not (args.quick and g.pool > 4 * guests.GIB)
                  and any(fnmatch.fnmatch(g.name, p) for p in args.guest or ["*"])]
        if not wanted:
            sys.exit(f"bench: no guest is called so, there are {' '.join(g.name for g in guests.GUESTS)}")
        subprocess.run([HERE / "kernels.sh", build], check=True)
        results.measure(build, wanted)
        document = {"version": 2, "unit": "executed instructions; cpus: multiple of one CPU; %: more than in system memory",
                    "host": {"cpus": os.cpu_count(), "load": os.getloadavg()[1]},
                    "figures": rows(results), "functions": results.details}
        if args.guest and (out / "compare.json").exists():
            merge(document, json.loads((out / "compare.json").read_text()))
        (out / "compare.json").write_text(json.dumps(document, indent=1) + "\n")
    report(document)
    if args.record:
        release = (build / "bench/ours/kernel/include/config/kernel.release").read_text().split("-")[0]
        with open(HERE / "compared", "w", encoding="utf-8") as file, contextlib.redirect_stdout(file):
            print(f"# SPDX-License-Identifier: GPL-2.0-only\n# compare.py --record, Linux {release}\n")
            report(document, 5)
    print(f"bench: {out}/compare.json")
    table = document["figures"]
    plot(table, out)
    over = sum(row["missed"] for row in table)
    print(f"{len(table)} figures, {over} miss their goal, {len(results.failed)} guests failed")
    sys.exit(1 if results.failed or not table else 0)


if __name__ == "__main__":
    main()
