#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""
compare.py VMDIR FILE: compare QEMU's trace of a run of guest/bytes.sh with the guest's counters.

Writes "TRACED COUNTED NAME" lines. Bytes are those to and from the provider's BAR.
"""

import json
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2] / "rig"))
from traced import Trace, counters      # pylint: disable=wrong-import-position

BEFORE, MOVING, AFTER = range(3)        # phases


def numbers(vm):
    data = json.loads((vm / "report.json").read_text())["data"]
    seen = counters(vm / "files" / "counters")
    trace = Trace(vm / "trace.log", data["bar_start"], data["bar_size"], phases=3)
    for who, moved in (("drive", trace.drive[True]), ("adapter", trace.adapter[True])):
        tested, peer = data[f"tested_{who}"], seen["end.nvmet.peer_bytes"][0]
        yield moved[MOVING], data["moved"], f"{who}: what the host read and wrote"
        yield moved[BEFORE], tested + seen["begin.nvmet.peer_bytes"][0], f"{who}: the self-test and what came before"
        yield moved[AFTER], 0, f"{who}: nothing afterwards"
        yield sum(moved) - tested, peer, f"{who}: nvmet's peer_bytes"
        yield sum(moved), seen[f"end.pair.{who}"][0], f"{who}: the core's counter of the pair"
        yield 0, seen[f"end.pair.{who}"][3], f"{who}: bytes in use at the end"
    yield sum(trace.adapter[True]), seen["end.adapter.peer_bytes"][0], "adapter: its own count of peer bytes"


def main():
    lines = [f"{traced} {counted} {name}\n" for traced, counted, name in numbers(Path(sys.argv[1]))]
    Path(sys.argv[2]).write_text("".join(lines))


if __name__ == "__main__":
    main()
