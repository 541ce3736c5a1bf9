# SPDX-License-Identifier: GPL-2.0-only
"""
traced.py: for programs that compare QEMU's trace of a run with the counters of the guest.

Events of the trace, each with address and length:
  pci_nvme_map_addr   data that the drives move for any command, including admin commands,
                      without queues and lists of SGL or PRP entries
  lsi_memcpy          all data that the adapter moves, destination and source
  port92_write        the guest's marks: trace_mark 1 begins phase 1, and so on; pci_cfg_write of
                      one register on a machine without that port
"""

import json
import subprocess
from pathlib import Path

TRACE_COUNT = Path(__file__).resolve().parent / "trace-count"
# A command capsule is 64 bytes, a completion 16; without inline data a SEND has nothing else.
# Blocks and the data of Connect, Identify etc. are larger.
CAPSULE = 64


class Trace:
    """Bytes per phase: drive[peer][phase], adapter[peer][phase]; and of capsules, all in system RAM."""

    def __init__(self, path, start, size, phases):
        self.drive = {True: [], False: []}
        self.adapter = {True: [], False: []}
        self.capsules = 0
        for phase in range(phases):
            command = [TRACE_COUNT, path, "--json", "--small", str(CAPSULE), "--range", f"peer={start}+{size}"]
            command += ["--from", str(phase)] if phase > 0 else []
            command += ["--to", str(phase + 1)] if phase < phases - 1 else []
            counted = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
            if counted.returncode:
                raise ValueError(f"{path} cannot be counted (see above)")
            self.add(json.loads(counted.stdout))

    def add(self, counts):
        reads, writes = counts["adapter_reads"], counts["adapter_writes"]
        peer = reads["peer"] + writes["peer"]
        self.drive[True].append(counts["drive"]["peer"])
        self.drive[False].append(counts["drive"]["system"])
        self.adapter[True].append(peer)
        self.adapter[False].append(sum(reads.values()) - peer)	# a move has one end at the target
        self.capsules += counts["adapter_small"]["bytes"]


def counters(path):
    """Parse the output of the guest's e2e_counters: lists of numbers by key."""
    lines = (line.split() for line in path.read_text().split("\n"))
    return {key: [int(v) for v in values] for key, *values in filter(None, lines) if values}
