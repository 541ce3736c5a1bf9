#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""
compare.py VMDIR FILE: compare QEMU's trace of a run of guest/e2e-iommu.sh with the guest's report.

Writes "GOT WANTED NAME" lines. QEMU's trace has the addresses that drive and adapter used and how
its IOMMU translated each page of them; the guest reports bytes, requests and entries of the tables.
"""

import json
import re
import sys
from pathlib import Path

PAGE = 12
LINE = re.compile(
    r"lsi_memcpy memcpy dest (0x[0-9a-f]+) src (0x[0-9a-f]+) count (\d+)"
    r"|pci_nvme_map_addr addr (0x[0-9a-f]+) len (\d+)"
    r"|port92: write (0x[0-9a-f]+)"
    r"|vtd_dmar_translate dev (\S+) iova (0x[0-9a-f]+) -> gpa (0x[0-9a-f]+) mask (0x[0-9a-f]+)")
# the phases of the guest with nothing but peer transfers of known size
PHASES = {1: "adjacent", 2: "separate"}


class Trace:
    """
    What devices did: accesses at addresses of the BAR itself, translations to the BAR by device,
    and for each of PHASES the bytes that the drive moved and the pages of the BAR that were used.
    """

    def __init__(self, path, start, size):
        self.start, self.size = start, size
        self.direct = phase = 0
        self.moved = dict.fromkeys(PHASES, 0)
        self.translated = {}
        self.pages = {n: set() for n in PHASES}
        with open(path, encoding="ascii", errors="replace") as lines:
            for line in lines:
                match = LINE.search(line)
                if not match:
                    continue
                if match[6]:
                    phase = int(match[6], 16) >> 2 or phase
                elif match[7]:
                    if phase in PHASES and self.inside(match[9]):
                        self.translated[match[7]] = self.translated.get(match[7], 0) + 1
                        self.pages[phase].add(int(match[9], 16) >> PAGE)
                else:
                    self.direct += any(self.inside(a) for a in (match[1], match[2], match[4]) if a)
                    if phase in PHASES:
                        self.moved[phase] += int(match[5] or 0)

    def inside(self, address):
        return self.start <= int(address, 16) < self.start + self.size

    def neighbours(self, phase):
        """Pages that were used beside another one that was."""
        return sum(page + 1 in self.pages[phase] for page in self.pages[phase])


def numbers(vm):
    data = json.loads((vm / "report.json").read_text())["data"]
    bar = data["bar_start"], data["bar_size"]
    trace = Trace(vm / "trace.log", *bar)
    yield trace.direct, 0, "no device used an address of the card itself"
    for n, name in PHASES.items():
        yield (trace.moved[n], data[f"{name}_bytes"],
               f"{name} pages: the drive moved what the host read and wrote")
    moved = sum(data[f"{name}_bytes"] for name in PHASES.values())
    for who in ("drive", "adapter"):
        # QEMU names a function bb:dd.0f
        bus, slot, func = re.split("[:.]", data[who])[1:]
        pages = trace.translated.get(f"{bus}:{slot}.{int(func):02x}", 0)
        yield pages << PAGE, moved, f"{who}: the IOMMU translated all of it to the card"
    yield int(trace.neighbours(1) > 0), 1, "adjacent pages: devices used neighbours"
    yield trace.neighbours(2), 0, "separate pages: devices used none"
    yield (data["adjacent_entries"], data["adjacent_lists"],
           "adjacent pages: one entry for each list")
    # each request is mapped for two devices
    yield (int(data["separate_entries"] > 2 * data["separate_requests"]), 1,
           "separate pages: more entries than requests")


def main():
    lines = [f"{got} {wanted} {name}\n" for got, wanted, name in numbers(Path(sys.argv[1]))]
    Path(sys.argv[2]).write_text("".join(lines))


if __name__ == "__main__":
    main()
