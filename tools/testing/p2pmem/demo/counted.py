# SPDX-License-Identifier: GPL-2.0-only
"""
counted.py: what the demo's runs left, as numbers: QEMU's trace of each, and the guest's counters.

Bytes come from QEMU's traces alone; the counters of the guest (nvmet's p2pmem_stats, the
adapter's stats) are only there to be compared with them.

What the traces have, each line with its address and length:
  pci_nvme_map_addr   data that the drive moves for any command, admin commands included; not
                      the queues, nor lists of SGL or PRP entries
  lsi_memcpy          all that the adapter moves, destination and source
  port92_write        the guest's marks, see guest/serve.sh
"""

import json
import subprocess
from pathlib import Path

TRACE_COUNT = Path(__file__).resolve().parent.parent / "rig" / "trace-count"
# phases, parted by the guest's marks
START, OPEN, CONNECTED, DISCONNECTED = range(4)
# A command capsule is 64 bytes, a completion 16, and with no inline data there is nothing else
# in a SEND. Blocks and what Connect, Identify and the like transfer are larger.
CAPSULE = 64


class Trace:
    """Bytes of each phase, drive[peer][phase] and adapter[peer][phase]; capsules, all in system RAM, apart."""

    def __init__(self, path, start, size):
        self.drive = {True: [], False: []}
        self.adapter = {True: [], False: []}
        self.capsules = 0
        for phase in range(4):
            command = [TRACE_COUNT, path, "--json", "--small", str(CAPSULE), "--range", f"peer={start}+{size}"]
            command += ["--from", str(phase)] if phase > START else []
            command += ["--to", str(phase + 1)] if phase < DISCONNECTED else []
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


class Run:
    """All that is known of one run."""

    def __init__(self, build, name):
        self.name = name
        first = build / "vm" / f"demo-{name}"
        second = build / "vm" / f"demo-{name}-second-boot"
        self.data = json.loads((first / "report.json").read_text())["data"]
        self.counters = {}
        for line in (first / "files" / "counters").read_text().split("\n"):
            key, *values = line.split() or [""]
            if values:
                self.counters[key] = [int(v) for v in values]
        self.tree = [line.split() for line in (first / "files" / "tree").read_text().strip().split("\n")]
        bar = self.data["provider_bar_start"], self.data["provider_bar_size"]
        self.trace = Trace(first / "trace.log", *bar)
        wanted = self.sums(build / "demo" / "payload.sha256")
        self.files = len(wanted)
        self.bytes = json.loads((build / "demo" / "payload.json").read_text())["bytes"]
        self.wrong = sorted(n for path in (first / "files/back.sha256", second / "files/drive.sha256")
                            for n in self.differ(wanted, self.sums(path)))

    @staticmethod
    def sums(path):
        if not path.exists():
            return {}
        lines = (line.split(None, 1) for line in path.read_text().split("\n") if line)
        return {name: value for value, name in lines}

    @staticmethod
    def differ(wanted, got):
        return {n for n in wanted.keys() | got.keys() if wanted.get(n) != got.get(n)}

    def nvmet(self, what, when="end"):
        return self.counters[f"{when}.nvmet.{what}"][0]

    def pair(self, who):
        """What the core mapped of the provider: bytes, mappings made and undone, bytes in use."""
        return self.counters.get(f"end.pair.{who}", [0, 0, 0, 0])

    def adapter_bytes(self, kind):
        """By opcode, as the adapter's driver counted: all that begin with kind."""
        return sum(v[1] for k, v in self.counters.items() if k.startswith(f"end.adapter.{kind}"))

    @property
    def fabric_bytes(self):
        """RDMA to and from system RAM that is no payload: what Connect, Identify and the like transfer."""
        return self.trace.adapter[False][OPEN] - self.nvmet("system_bytes", "connected")

    @property
    def adapter_system(self):
        return sum(self.trace.adapter[False]) - self.fabric_bytes

    def json(self):
        return {"name": self.name, "provider": self.data["provider"],
                "provider_bar": {"start": self.data["provider_bar_start"], "size": self.data["provider_bar_size"]},
                "files": self.files, "bytes": self.bytes, "files_wrong": len(set(self.wrong)),
                "drive": {"peer_bytes": sum(self.trace.drive[True]), "system_bytes": sum(self.trace.drive[False])},
                "adapter": {"peer_bytes": sum(self.trace.adapter[True]), "system_bytes": self.adapter_system},
                "fallbacks": self.nvmet("fallbacks")}
