#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""
report.py BUILD [RUN...]: check and print the results of the demo's runs (p2p control).

Reads BUILD/vm/demo-*, writes BUILD/demo/report.json and report.txt. The exit status is 0 only if
every check passes.
"""

import json
import os
import sys
from pathlib import Path

from counted import CONNECTED, OPEN, START, Run
from payload import LEAST
from traced import CAPSULE, TRACE_COUNT         # counted.py sets its path

PORT_TYPES = {4: "root port", 5: "switch, upstream port", 6: "switch, downstream port"}


def check(run, peer):
    """Yield (passed, description, detail) for each check of one run."""
    trace, data = run.trace, run.data
    json_run = run.json()
    drive, adapter = json_run["drive"], json_run["adapter"]
    yield not run.wrong, "every file has its checksum, read with cold caches and in the second boot", \
        f"{len(set(run.wrong))} of {run.files} wrong, first: {' '.join(run.wrong[:1])}"
    yield run.files > 0 and run.bytes >= LEAST, f"at least {LEAST >> 20} MiB of real files", f"{run.bytes} bytes"
    yield json_run["fallbacks"] == 0, "no fallback", f"{json_run['fallbacks']}"
    yield run.nvmet("inline_bytes") == 0, "no inline data", f"{run.nvmet('inline_bytes')} bytes"
    # compare the traces to the guest's own counters, to the byte
    for what, mine, theirs in (
            ("drive, peer: nvmet's peer_bytes", drive["peer_bytes"], run.nvmet("peer_bytes")),
            ("drive, system since the port opened: nvmet's system_bytes",
             sum(trace.drive[False][OPEN:]), run.nvmet("system_bytes")),
            ("adapter, peer: nvmet's peer_bytes", adapter["peer_bytes"], run.nvmet("peer_bytes")),
            ("drive, peer: what the core mapped for it", drive["peer_bytes"], run.pair("drive")[0]),
            ("adapter, peer: what the core mapped for it", adapter["peer_bytes"], run.pair("adapter")[0]),
            ("adapter, system: nvmet's system_bytes", adapter["system_bytes"], run.nvmet("system_bytes")),
            ("adapter, RDMA reads and writes: the adapter's own",
             sum(trace.adapter[True]) + sum(trace.adapter[False]), run.adapter_bytes("rdma_")),
            ("adapter, capsules: bytes of SEND", trace.capsules, run.adapter_bytes("send"))):
        yield mine == theirs, f"traced = counted, {what}", f"{mine:,} traced, {theirs:,} counted"
    moved = drive["peer_bytes" if peer else "system_bytes"], adapter["peer_bytes" if peer else "system_bytes"]
    yield min(moved) >= 2 * run.bytes, "drive and adapter moved each file in and out", f"{moved}"
    for who in ("drive", "adapter"):
        _, maps, unmaps, used = run.pair(who)
        yield maps == unmaps and not used, f"all mappings for the {who} are undone, and no bytes are in use", \
            f"{maps} made, {unmaps} undone, {used:,} bytes in use"
    if not peer:
        yield drive["peer_bytes"] == 0, "the drive does not access peer memory", f"{drive['peer_bytes']:,} bytes"
        yield adapter["peer_bytes"] == 0, "the adapter does not access peer memory", f"{adapter['peer_bytes']:,} bytes"
        yield data["provider_samples_below"] == 0, "no memory of the provider is allocated", \
            f"not all of it was free in {data['provider_samples_below']} samples"
        return
    grown = sum(trace.drive[False][OPEN:])
    yield grown == 0, "the drive does not access system RAM after the port opened", f"{grown:,} bytes"
    yield trace.drive[True][START] == 0, "the drive does not access peer memory before", f"{trace.drive[True][START]:,} bytes"
    late = sum(trace.adapter[False][CONNECTED:])
    yield adapter["system_bytes"] == late == 0, "no payload of the adapter is in the target's RAM", \
        f"{adapter['system_bytes']:,} bytes in total, {late:,} since the connection"
    yield data["provider_available_before"] == data["provider_available_after"], \
        "all memory of the provider was freed", \
        f"{data['provider_available_before']:,} before, {data['provider_available_after']:,} after"
    yield data["provider_available_during"] < data["provider_available_before"], \
        "the provider's memory was in use", f"at least {data['provider_available_during']:,} bytes were always free"


def tree(run):
    """Return the branches of the guest's PCI tree that have functions used by the demo."""
    nodes = {n[0]: n for n in run.tree}
    children, data = {}, run.data
    for node in run.tree:
        if node[6] == "-":
            continue
        while node and node[0] not in children.get(node[1], []):
            children.setdefault(node[1], []).append(node[0])
            node = nodes.get(node[1])
    roles = {
        "drive": "NVMe drive: exported namespace (client)",
        "provider": f"memory card: the provider, BAR at {data['provider_bar_start']:#x}, "
                    f"{data['provider_bar_size'] >> 20} MiB",
        "adapter": "RDMA adapter: used by target and initiator (client)",
        "source": "virtio disk: the real files, not traced",
    }

    def show(name, indent):
        kids = sorted(children.get(name, []))
        for kid in kids:
            last = kid == kids[-1]
            node = nodes[kid]
            kind = roles.get(node[6]) or PORT_TYPES.get(int(node[4], 16) >> 4 & 15, "bridge")
            driver = f" [{node[5]}]" if node[6] != "-" and node[5] != "-" else ""
            yield f"{indent}{'`-' if last else '+-'} {kid} {kind}{driver}"
            yield from show(kid, indent + ("   " if last else "|  "))

    for root in sorted(name for name in children if name not in nodes):
        yield f"  {root} host bridge, system RAM"
        yield from show(root, "  ")


def provider(run):
    data = run.data
    yield f"  {data['provider']}   size      {data['provider_size']:>22,}"
    yield f"  {'':<12}   available before  {data['provider_available_before']:>14,}"
    yield f"  {'':<12}             during  {data['provider_available_during']:>14,}   the minimum; less than before in " \
          f"{data['provider_samples_below']} of {data['provider_samples']} samples"
    yield f"  {'':<12}             after   {data['provider_available_after']:>14,}"


def table(runs):
    heads = [f"{'provider BAR':>15} {'system RAM':>15}"] * len(runs)
    yield f"  {'':<47}" + "".join(f"   {r.name:<31}" for r in runs).rstrip()
    yield f"  {'':<47}" + "".join(f"   {h}" for h in heads)

    def row(label, cells):
        return f"  {label:<47}" + "".join(f"   {a:>15,} {b:>15,}" for a, b in cells)

    yield row("drive, until the port opens: no payload yet",
              [(r.trace.drive[True][START], r.trace.drive[False][START]) for r in runs])
    yield row("drive, after that: payload",
              [(sum(r.trace.drive[True][OPEN:]), sum(r.trace.drive[False][OPEN:])) for r in runs])
    yield row("adapter: payload", [(sum(r.trace.adapter[True]), r.adapter_system) for r in runs])
    yield row("adapter: data of Connect, Identify and the like", [(0, r.fabric_bytes) for r in runs])
    yield row("adapter: commands and completions", [(0, r.trace.capsules) for r in runs])


NOTES = """\
  From QEMU's trace: pci_nvme_map_addr for the drive, lsi_memcpy for the adapter, by the address
  of the target's side; the adapter's other side is the initiator's memory. Until the port opens,
  the drive is used by firmware, by admin commands of its driver and by the partition scan.
  Commands and completions are the copies of up to 64 bytes; their sum is the adapter's count of
  SEND bytes. The sum of all other copies between RAM and RAM is its count of RDMA bytes, of
  which nvmet counts the payload. All numbers are compared to the byte."""


def report(runs, out):
    yield "topology"
    yield from tree(runs[0])
    yield ""
    yield "provider, in bytes, during the run p2p"
    yield from provider(runs[0])
    yield ""
    yield "bytes by the location of the target-side addresses"
    yield from table(runs)
    yield NOTES
    data = runs[0].data
    yield f"  To count them yourself: {os.path.relpath(TRACE_COUNT)} {os.path.relpath(out / 'p2p.trace')} \\"
    yield f"    --small {CAPSULE} --range provider={data['provider_bar_start']:#x}+{data['provider_bar_size']:#x}"
    yield ""


def main():
    build = Path(sys.argv[1])
    out = build / "demo"
    runs, lines, failed = [], [], 0
    names = sys.argv[2:] or ["p2p", "control"]
    for name in names:
        try:
            runs.append(Run(build, name))
        except (OSError, ValueError, KeyError) as error:
            print(f"demo: FAILED: {name}: results of its first boot are missing: {error!r}")
    if len(runs) != len(names):
        sys.exit(1)
    lines += report(runs, out)
    results = []
    for run in runs:
        results += [(run.name, *c) for c in check(run, run.name == "p2p")]
    fabric = [r.fabric_bytes for r in runs]
    results.append(("both", len(set(fabric)) == 1, "connecting transfers the same bytes without payload in both runs",
                    " and ".join(f"{f:,}" for f in fabric) + " bytes"))
    for run, holds, what, detail in results:
        if not holds:
            failed += 1
            lines.append(f"FAILED: {run}: {what}: {detail}")
    for run in runs:
        mine = [r for r in results if r[0] == run.name]
        lines.append(f"{run.name:<8} {run.files:,} files, {run.bytes:,} bytes, {len(set(run.wrong))} wrong, "
                     f"{run.nvmet('fallbacks')} fallbacks; {sum(r[1] for r in mine)} of {len(mine)} checks passed")
    text = "\n".join(lines) + "\n"
    print("\n" + text, end="")
    (out / "report.txt").write_text(text)
    (out / "report.json").write_text(json.dumps({"version": 1, "runs": [r.json() for r in runs]}, indent=1) + "\n")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
