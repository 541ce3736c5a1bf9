# SPDX-License-Identifier: GPL-2.0-only
"""
counted.py: results of the demo's runs: numbers from QEMU's traces and the counters of the guests.

Numbers of bytes come from QEMU's traces only; the counters of the guest (nvmet's p2pmem_stats, the
adapter's stats) are compared to them.
"""

import json
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent.parent / "rig"))
from traced import Trace, counters      # pylint: disable=wrong-import-position

# phases, separated by the guest's marks (guest/serve.sh)
START, OPEN, CONNECTED, DISCONNECTED = range(4)


class Run:
    """The results of one run."""

    def __init__(self, build, name):
        self.name = name
        first = build / "vm" / f"demo-{name}"
        second = build / "vm" / f"demo-{name}-second-boot"
        self.data = json.loads((first / "report.json").read_text())["data"]
        self.counters = counters(first / "files" / "counters")
        self.tree = [line.split() for line in (first / "files" / "tree").read_text().strip().split("\n")]
        bar = self.data["provider_bar_start"], self.data["provider_bar_size"]
        self.trace = Trace(first / "trace.log", *bar, phases=4)
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
        """Return the core's counters: bytes mapped, mappings made and undone, bytes in use."""
        return self.counters.get(f"end.pair.{who}", [0, 0, 0, 0])

    def adapter_bytes(self, kind):
        """Return the bytes that the adapter's driver counted for opcodes that begin with kind."""
        return sum(v[1] for k, v in self.counters.items() if k.startswith(f"end.adapter.{kind}"))

    @property
    def fabric_bytes(self):
        """Return the bytes of RDMA to and from system RAM without payload, as for Connect and Identify."""
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
