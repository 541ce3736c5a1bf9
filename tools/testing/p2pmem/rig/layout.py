#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""
layout.py VMLINUX MODULE HEADER STRUCTURE: the layout of structures that a rebuilt module shares with a distributed one.

HEADER is a private header of the rebuilt module's source. For each structure that it defines and MODULE's BTF
knows, prints assertions in C: its size, and where each member lies. What compiles them with HEADER
compares the two. MODULE may be compressed with xz; its BTF continues that of VMLINUX, which has the types that other
modules or the kernel use, too. STRUCTURE must be one of those that are compared.
"""

import lzma
import re
import struct
import sys
from pathlib import Path

STRUCT, UNION = 4, 5
# words after the three that every type has, by kind: a number, or for each of its elements
EXTRA = {1: 1, 3: 3, 14: 1, 17: 1}
EACH = {STRUCT: 3, UNION: 3, 6: 2, 13: 2, 15: 3, 19: 3}


def section(data, wanted):
    """The contents of a section of a 64-bit little-endian ELF file, or None."""
    if data[:6] != b"\x7fELF\x02\x01":
        sys.exit("layout: this is no 64-bit little-endian ELF file")
    offset, = struct.unpack_from("<Q", data, 40)
    size, count, names = struct.unpack_from("<HHH", data, 58)
    heads = [struct.unpack_from("<IIQQQQ", data, offset + i * size) for i in range(count)]
    for name, _, _, _, start, length in heads:
        at = heads[names][4] + name
        if data[at:data.index(b"\0", at)] == wanted:
            return data[start:start + length]
    return None


class Btf:
    """Structures by name; a module's types and strings continue those of its base."""

    def __init__(self, path, base=None):
        data = Path(path).read_bytes()
        if path.endswith(".xz"):
            data = lzma.decompress(data)
        btf = section(data, b".BTF")
        if btf is None:
            sys.exit(f"layout: {path} has no BTF, and without CRCs nothing else has the layout of "
                     "structures: build on a kernel with one of the two")
        magic, _, _, header, types, types_len, strings, strings_len = struct.unpack_from("<HBBIIIII", btf)
        if magic != 0xeb9f:
            sys.exit(f"layout: {path}: its BTF is not little-endian BTF")
        self.base = base
        self.strings = btf[header + strings:header + strings + strings_len]
        self.first_string = base.end_string if base else 0
        self.end_string = self.first_string + strings_len
        self.structures = {}
        at, end = header + types, header + types + types_len
        while at < end:
            name, info, size = struct.unpack_from("<III", btf, at)
            kind, count = info >> 24 & 31, info & 0xffff
            at += 12
            if kind == STRUCT and name and count:
                members = [struct.unpack_from("<III", btf, at + 12 * i) for i in range(count)]
                self.structures[self.string(name)] = (size, info >> 31, members)
            at += 4 * (EXTRA.get(kind, 0) + EACH.get(kind, 0) * count)

    def string(self, offset):
        if offset < self.first_string:
            return self.base.string(offset)
        offset -= self.first_string
        return self.strings[offset:self.strings.index(b"\0", offset)].decode()


def main():
    vmlinux, module, header, anchor = sys.argv[1:]
    btf = Btf(module, Btf(vmlinux))
    names = sorted(set(re.findall(r"^struct (\w+) \{", Path(header).read_text(), re.M)))
    structures = members = 0
    if not names or anchor not in names or not (btf.structures.get(anchor) or btf.base.structures.get(anchor)):
        sys.exit(f"layout: {module} or {header} has no struct {anchor}: it cannot be compared")
    for name in names:
        known = btf if name in btf.structures else btf.base
        if name not in known.structures:
            continue
        size, has_bits, fields = known.structures[name]
        structures += 1
        print(f'_Static_assert(sizeof(struct {name}) == {size}, "struct {name} has another size");')
        for field, _, offset in fields:
            # a bit field has no offsetof(); the size covers it
            if not field or (has_bits and offset >> 24) or (offset & 0xffffff if has_bits else offset) % 8:
                continue
            where = (offset & 0xffffff if has_bits else offset) // 8
            text = known.string(field)
            members += 1
            print(f'_Static_assert(offsetof(struct {name}, {text}) == {where}, "{text} of struct {name} lies elsewhere");')
    print(f"/* {members} members of {structures} structures */")


if __name__ == "__main__":
    main()
