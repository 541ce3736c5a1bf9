# SPDX-License-Identifier: GPL-2.0-only
"""
counted.py: reads what the plugin count.so and QEMU's trace recorded in a guest of "make bench".

Figures of a guest are (operation, pool, state, bytes) -> figure, as compare.py prints them.
"""

import bisect
import re
import statistics
import subprocess

TRACE = re.compile(r"pci_nvme_map_addr addr (0x[0-9a-f]+) len (\d+)|port92_write port92: write (0x[0-9a-f]+)")
# differences of functions below this share of an I/O are not printed
LEAST = 0.002


class Symbols:
    """Functions of the kernel and of its modules by address."""

    def __init__(self, directory, modules, lines):
        """@lines: of the console, with the addresses of sections of modules."""
        table = []
        for line in (directory / "kernel/System.map").read_text().splitlines():
            addr, kind, name = line.split()
            if kind in "tTwW":
                table.append((int(addr, 16), name, "kernel"))
        for line in lines:
            if line[0] == "bench-text":
                table += self.of_module(directory / modules / line[1], line[2], int(line[3], 16))
        table.sort()
        self.starts = [entry[0] for entry in table]
        self.names = [entry[1:] for entry in table]

    @staticmethod
    def of_module(path, section, base):
        """Functions in a section of a module."""
        out = subprocess.run(["nm", "--format=sysv", path], check=True, capture_output=True, text=True).stdout
        found = []
        for line in out.splitlines():
            cells = [cell.strip() for cell in line.split("|")]
            if len(cells) == 7 and cells[6] == section and cells[2] in "tTwW":
                found.append((base + int(cells[1], 16), cells[0], path.stem.split("-", 1)[1]))
        return found

    def find(self, addr):
        """The name of a function and its module."""
        if addr < 1 << 63:
            return "(program)", "program"
        at = bisect.bisect_right(self.starts, addr) - 1
        return self.names[at] if at >= 0 else (hex(addr), "kernel")


def records(path):
    """Reads the plugin's output: a list of (lines, number behind "end")."""
    found, lines = [], []
    for text in path.read_text().splitlines():
        words = text.split()
        if words[0] == "begin":
            lines = []
        elif words[0] == "end":
            found.append((lines, int(words[1])))
        else:
            lines.append(words[1:])
    return found


def by_function(blocks, symbols):
    """Sums instructions of blocks by function."""
    sums = {}
    for addr, count in blocks:
        where = symbols.find(int(addr, 16))
        sums[where] = sums.get(where, 0) + int(count)
    return sums


def card(console):
    """Start and end of the card's BAR: the module printed it."""
    for line in console:
        if line[0] == "bench-bar":
            return int(line[1], 16), int(line[2], 16) + 1
    return 0, 0


def phases(trace):
    """Bytes by address that drives access between two marks: mark -> [(address, length)]."""
    found, current = {}, None
    with open(trace, encoding="utf-8", errors="replace") as lines:
        for line in lines:
            match = TRACE.search(line)
            if not match:
                continue
            if match[3]:
                current = found.setdefault(int(match[3], 16) >> 2, [])
            elif current is not None:
                current.append((int(match[1], 16), int(match[2])))
    return found


def end_to_end(lines, directory, work):
    """
    Figures of a guest "e2e": instructions of the whole guest per I/O, in system memory and in the
    card's, their difference in percent, and the share of bytes of data that the drive accessed in
    system memory. Also returns the differences by function.
    """
    symbols = Symbols(directory, "modules-e2e", lines)
    samples, functions, system = {}, {}, {}
    start, end = card(lines)
    trace = phases(work / "trace.log")
    done = [line[1:] for line in lines if line[0] == "bench-io"]
    counts = records(work / "count")
    if len(done) != len(counts):
        raise ValueError(f"{len(done)} samples, but {len(counts)} counts")
    for (name, memory, length, cpus, ios, mark), (blocks, total) in zip(done, counts):
        key = (name, memory, int(length), int(cpus))
        samples.setdefault(key, []).append(total / int(ios))
        sums = functions.setdefault(key, {})
        for where, count in by_function(blocks, symbols).items():
            sums.setdefault(where, []).append(count / int(ios))
        if int(mark):
            system[key] = sum(size for addr, size in trace.get(int(mark), []) if not start <= addr < end) / int(ios)
    for key, size in system.items():
        # a trace without the drive's addresses would show nothing in system memory as well
        if key[1] == "system" and size != key[2]:
            raise ValueError(f"{key}: the trace has {size} of {key[2]} bytes")
    found, shares, spread = {}, {}, {}
    for (name, memory, length, cpus), values in samples.items():
        state = f"{cpus} CPU" + ("s" if cpus > 1 else "")
        key = (f"{name}, {memory} memory", 0, state, length)
        found[key] = round(statistics.median(values))
        spread[key] = [round(min(values)), round(max(values))]
        if memory != "peer":
            continue
        before = samples[name, "system", length, cpus]
        changes = [100 * (peer / other - 1) for peer, other in zip(values, before)]
        key = (f"{name}, peer to system, %", 0, state, length)
        found[key] = round(statistics.median(changes), 2)
        spread[key] = [round(min(changes), 2), round(max(changes), 2)]
        found[f"{name}, bytes in system memory", 0, state, length] = round(system[name, "peer", length, cpus])
        shares[f"{name}, {length} bytes, {state}"] = difference(
            functions[name, "peer", length, cpus], functions[name, "system", length, cpus],
            statistics.median(before), len(values))
    return found, shares, spread


def difference(peer, system, whole, samples):
    """Functions that execute more or fewer instructions per I/O with peer memory than without."""
    rows = []
    for where in peer.keys() | system.keys():
        one, other = (sum(side.get(where, [0])) / samples for side in (peer, system))
        if abs(one - other) >= LEAST * whole or (where[1] == "p2pdma" and one >= 1):
            rows.append({"function": where[0], "module": where[1], "peer": round(one), "system": round(other),
                         "more": round(one - other)})
    return sorted(rows, key=lambda row: -row["more"])


def shared_lines(lines, directory, work):
    """
    Figures of a guest "lines": for one pair of allocation and release, accesses with a lock to lines that
    both CPUs use, and lines that both use and one of them writes. Also returns who locks them.
    """
    symbols = Symbols(directory, "modules", lines)
    names = [line[1] for line in lines if line[0] == "bench-lines"]
    found, who = {}, {}
    for name, (rows, rounds) in zip(names, records(work / "count")):
        locked, shared, functions = 0, 0, {}
        for _, readers, writers, lockers, code, count in rows:
            users = int(readers, 16) | int(writers, 16)
            if not users & users - 1:
                continue
            shared += int(writers, 16) != 0
            locked += int(count)
            if int(lockers, 16):
                where = symbols.find(int(code, 16))[0]
                functions[where] = functions.get(where, 0) + int(count) / rounds
        if not rounds:
            raise ValueError("no accesses were recorded")
        found["locked accesses to shared lines", 0, name, 2] = round(locked / rounds, 2)
        found["shared lines that are written", 0, name, 2] = shared
        who[name] = {where: round(count, 2) for where, count in functions.items()}
    return found, who
