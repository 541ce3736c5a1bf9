#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""
seeds.py DIRECTORY: what fuzzing starts with: the machines, and what no machine has.

Capabilities that lead back to themselves, bridges that are above each other, bytes behind the end.
"""

import struct
import sys
from pathlib import Path

import machine

HERE = Path(__file__).resolve().parent


def config(bridge, secondary=0, circle=True, acs=False):
    c = bytearray(0x120)
    struct.pack_into("<HHHH", c, 0, 0x8086, 0x1234, 6, 0x10)
    struct.pack_into("<I", c, 8, (0x060400 if bridge else 0x010802) << 8)
    c[0x0e], c[0x19], c[0x34] = int(bridge), secondary, 0x40
    struct.pack_into("<BBH", c, 0x40, 0x10, 0x40 if circle else 0, 2 | (4 if bridge else 0) << 4)
    struct.pack_into("<I", c, 0x100, (0x000d if acs else 0x0003) | 1 << 16 | (0x100 << 20 if circle else 0))
    struct.pack_into("<HH", c, 0x104, 0x107f, 0x2c)
    return bytes(c)


def hexadecimal(c):
    rows = [f" {at:02x}: {c[at:at + 16].hex(' ')}\n" for at in range(0, len(c), 16) if any(c[at:at + 16])]
    return f" {len(c)}\n" + "".join(rows)


def main(directory):
    directory.mkdir(exist_ok=True)
    for path in sorted((HERE / "machines").iterdir()):
        with open(directory / path.name, "w", encoding="utf-8") as f:
            machine.load(path).write(f)
    three = [config(True), config(False), config(False, acs=True)]
    (directory / "config").write_bytes(b"".join(bytes([len(c) // 16]) + c for c in three))
    # no links: bus numbers say who is above whom
    text = "p2pmem snapshot 1\n"
    for address, secondary in (("0000:01:00.0", 2), ("0000:02:00.0", 1)):
        text += f"X sys/bus/pci/devices/{address}/config\n" + hexadecimal(config(True, secondary, False))
    text += "X sys/bus/pci/devices/0000:02:01.0/config\n" + hexadecimal(config(False, 0, False))
    (directory / "circle").write_text(text)
    (directory / "behind").write_text("p2pmem snapshot 1\nX sys/bus/pci/devices/0000:00:00.0/config\n 65536\n fffe: 01 02 03 04 05 06\n")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]))
