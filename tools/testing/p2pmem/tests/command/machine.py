#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""
machine.py FILE: a machine that a file of machines/ describes, as a snapshot on standard output.

A description, a line each; "#" begins a comment:

  kernel RELEASE p2pmem|p2pdma|neither|unknown
  cpu VENDOR FAMILY MODEL [guest]
  cmdline WORDS        host_bridges ENTRIES       iommu TYPE (of all groups: DMA-FQ, identity)
  user                 what root alone can read is not there
  host DDDD:BB [node=N] [group=no]
    DEV.FN KIND VVVV:DDDD [WORD...]          below it, indented: what is on its bus
  pair PROVIDER CLIENT REASON MAPPING DISTANCE AT PROOF BY_ADMIN [BYTES [PEAK [FAILURES]]]
  ns NQN NSID DEVICE P2PMEM VERIFY ENABLED PEER SYSTEM [REASON=COUNT...]
  use NQN NSID LINE    a line of p2pmem_stats/provider
  file PATH TEXT       drop REGEX       replace PATH TEXT
  run ARGUMENTS        the test calls the command with these, too

KIND is one of KINDS below. WORDs: x16, gen4 (link); acs=LETTERS (srcudt; "-" is a capability with
nothing on), egress=BITS:VECTOR; bar=N:SIZE[p][-] (p: 64 bits, prefetchable; -: no address); mask=BITS; driver=D; name=N (nvme0, mlx5_0, eth0); net=N;
pf=DEV.FN (virtual function); mps=, mps_can=, mrrs=; tags10, takes10; lends=SIZE, free=SIZE, unpublished;
cmb=LOC,SZ (hexadecimal); group=N; removable; node=N; dead (reads all ones). In other lines a device is its name or its address.
"""

import re
import struct
import sys

KINDS = {        # class code, type of the PCI Express capability
    "host": (0x060000, None), "root": (0x060400, 4), "up": (0x060400, 5), "down": (0x060400, 6),
    "pci": (0x060400, 7), "nvme": (0x010802, 0), "net": (0x020000, 0), "ib": (0x020700, 0), "gpu": (0x030200, 0),
    "vga": (0x030000, 0), "accel": (0x120000, 0), "card": (0x050000, 0), "storage": (0x010700, 0),
    "usb": (0x0c0330, 0), "conventional": (0x020000, None), "rciep": (0x088000, 9),
}
BRIDGES = ("root", "up", "down", "pci")
ACS = {"s": 1, "t": 2, "r": 4, "c": 8, "u": 16, "e": 32, "d": 64}
UNITS = {"K": 10, "M": 20, "G": 30}


def size(text):
    return int(text[:-1]) << UNITS[text[-1]] if text[-1] in UNITS else int(text)


class Function:
    """One line below a host bridge."""

    def __init__(self, machine, parent, host, line):
        slot, self.kind, ids, *words = line.split()
        self.machine, self.parent, self.host = machine, parent, host
        self.dev, self.fn = int(slot.split(".")[0], 16), int(slot.split(".")[1], 16)
        self.vendor, self.device = (int(x, 16) for x in ids.split(":"))
        self.flags = {w for w in words if "=" not in w}
        self.values = dict(w.split("=", 1) for w in words if "=" in w)
        self.bars = [b for b in words if b.startswith("bar=")]
        self.children, self.secondary, self.last = [], 0, 0
        self.bus = parent.secondary if parent else host["bus"]
        if self.kind in BRIDGES:
            host["next"] += 1
            self.secondary = host["next"]
        self.name = self.values.get("name")
        self.ranges, self.unset = {}, {}

    @property
    def address(self):
        return f"{self.host['domain']:04x}:{self.bus:02x}:{self.dev:02x}.{self.fn:x}"

    @property
    def path(self):
        return (self.parent.path if self.parent else f"sys/devices/{self.host['path']}") + "/" + self.address

    def of(self, prefix, default=0):
        for flag in self.flags:
            if re.fullmatch(prefix + r"\d+", flag):
                return int(flag[len(prefix):])
        return default

    def place_bars(self):
        for word in self.bars:
            number, text = word[4:].split(":")
            high = "p" in text
            if text.endswith("-"):
                self.unset[int(number)] = size(text.rstrip("p-")), high
            else:
                self.ranges[int(number)] = (*self.machine.allocate(size(text.rstrip("p")), high), high)

    def config(self):
        code, pcie = KINDS[self.kind]
        if "pf" in self.values and pcie is not None:
            pcie = 0
        c = bytearray(4096 if pcie is not None else 256)
        bridge = self.kind in BRIDGES
        # a virtual function has no ids of its own in its registers
        ids = (0xffff, 0xffff) if "pf" in self.values else (self.vendor, self.device)
        struct.pack_into("<HHHH", c, 0, *ids, 0x0406, 0x0010 if pcie is not None else 0)
        struct.pack_into("<I", c, 8, code << 8)
        c[0x0e] = (1 if bridge else 0) | (0x80 if "multi" in self.flags else 0)
        if bridge:
            c[0x18], c[0x19], c[0x1a] = self.bus, self.secondary, self.last
        for number, (start, _, high) in {} if "pf" in self.values else self.ranges.items():
            struct.pack_into("<I", c, 0x10 + 4 * number, start & 0xffffffff | (0xc if high else 0))
            if high:
                struct.pack_into("<I", c, 0x14 + 4 * number, start >> 32)
        if pcie is None:
            return bytes(c)
        c[0x34] = 0x40
        link = self.of("gen") | self.of("x") << 4
        struct.pack_into("<BBH", c, 0x40, 0x10, 0, 2 | pcie << 4)
        mps, can = (int(self.values.get(k, d)) for k, d in (("mps", 256), ("mps_can", 512)))
        mrrs = int(self.values.get("mrrs", 512))
        vf = "pf" in self.values
        struct.pack_into("<IH", c, 0x44, (can // 128).bit_length() - 1,
                         0 if vf else ((mps // 128).bit_length() - 1) << 5 | ((mrrs // 128).bit_length() - 1) << 12)
        most = self.of("maxgen", self.of("gen")) | self.of("maxx", self.of("x")) << 4
        struct.pack_into("<I", c, 0x4c, most | (self.dev << 24 if bridge else 0))
        struct.pack_into("<H", c, 0x52, link)
        struct.pack_into("<I", c, 0x64, 1 << 16 if "takes10" in self.flags else 0)
        struct.pack_into("<H", c, 0x68, 1 << 12 if "tags10" in self.flags else 0)
        at = 0x100
        if "acs" in self.values:
            word = sum(ACS[letter] for letter in self.values["acs"].strip("-"))
            bits, vector = (int(n, 16) for n in self.values.get("egress", "0:0").split(":"))
            struct.pack_into("<IHHI", c, at, 0x000d | 1 << 16 | 0x150 << 20, (0x7f if bits else 0x5f) | bits << 8, word, vector)
            at = 0x150
        # a serial number, which a snapshot must not have: here it is removed already
        struct.pack_into("<III", c, at, 0x0003 | 1 << 16, 0, 0)
        return bytes(c)


class Machine:
    def __init__(self, text):
        self.low, self.high = 0x90000000, 0x380000000000
        self.functions, self.names, self.files, self.links, self.errors = [], {}, {}, {}, {}
        self.directories, self.lines, self.runs, self.user, self.iommu = set(), [], [], False, None
        self.kind, self.group = "unknown", 0
        stack, host = [], None
        for line in text.splitlines():
            line = line.split("#", 1)[0].rstrip()
            if not line:
                continue
            depth = (len(line) - len(line.lstrip())) // 2
            if depth:
                stack = stack[:depth - 1]
                f = Function(self, stack[-1] if stack else None, host, line)
                (stack[-1].children if stack else host["functions"]).append(f)
                self.functions.append(f)
                stack.append(f)
                for up in stack:
                    up.last = host["next"]
            elif line.startswith("host "):
                host, stack = self.host(line), []
            elif line.startswith("run "):
                self.runs.append(line[4:])
            else:
                self.lines.append(line)
        self.build()

    def host(self, line):
        _, where, *words = line.split()
        values = dict(w.split("=", 1) for w in words)
        domain, bus = (int(x, 16) for x in where.split(":"))
        below = self.names.get(values.get("below"), None)
        name = f"pci{domain:04x}:{bus:02x}"
        if "below" in values:
            below = next(f for f in self.functions if f.name == values["below"])
            name = below.path.removeprefix("sys/devices/") + "/" + name
        return {"domain": domain, "bus": bus, "next": bus, "node": int(values.get("node", -1)), "functions": [],
                "path": name, "group": values.get("group")}

    def allocate(self, length, high):
        if high:
            self.high = -(-self.high // length) * length
            start, self.high = self.high, self.high + length
        else:
            self.low = -(-self.low // length) * length
            start, self.low = self.low, self.low + length
        return start, length

    def put(self, path, text):
        self.files[path] = text if isinstance(text, bytes) else text + "\n"

    def at(self, word):
        return self.names[word].address if word in self.names else word

    def build(self):
        for f in self.functions:
            f.place_bars()
            if f.name:
                self.names[f.name] = f
        for line in self.lines:
            getattr(self, "do_" + line.split()[0])(*line.split()[1:])
        for f in self.functions:
            self.function(f)
        self.tables()
        for line in self.lines:
            if line.split()[0] in ("drop", "replace", "late"):
                getattr(self, "late_" + line.split()[0])(*line.split()[1:])

    def function(self, f):
        path, node = f.path, int(f.values.get("node", f.host["node"]))
        self.links[f"sys/bus/pci/devices/{f.address}"] = "../../../" + path.removeprefix("sys/")
        code = KINDS[f.kind][0]
        for name, text in (("vendor", f"0x{f.vendor:04x}"), ("device", f"0x{f.device:04x}"), ("class", f"0x{code:06x}"),
                           ("numa_node", str(node)), ("dma_mask_bits", f.values.get("mask", "64" if "driver" in f.values else "32"))):
            self.put(f"{path}/{name}", text)
        self.put(f"{path}/removable", "removable" if "removable" in f.flags else "fixed")
        config = f.config() if "dead" not in f.flags else b"\xff" * len(f.config())
        self.put(f"{path}/config", config[:64] if self.user else config)
        lines = []
        for number in range(13):
            start, length, high = f.ranges.get(number, (0, 0, False))
            flags = (0x14220c if high else 0x40200) if length else 0
            if number in f.unset:
                # IORESOURCE_UNSET, as the kernel shows what it could not place
                length, high = f.unset[number]
                flags = 0x20000000 | (0x14220c if high else 0x40200)
            lines.append(f"0x{start:016x} 0x{start + length - 1 if length else 0:016x} 0x{flags:016x}")
        self.put(f"{path}/resource", "\n".join(lines))
        if "driver" in f.values:
            self.links[f"{path}/driver"] = f"../../../bus/pci/drivers/{f.values['driver']}"
        if "pf" in f.values:
            self.links[f"{path}/physfn"] = f"../{f.host['domain']:04x}:{f.bus:02x}:{f.values['pf']}"
        if self.iommu and f.host["group"] != "no":
            self.group += 1
            group = f.values.get("group", str(self.group))
            self.links[f"{path}/iommu_group"] = f"../../../kernel/iommu_groups/{group}"
            kind = "unmanaged" if f.values.get("driver") == "vfio-pci" else self.iommu
            self.put(f"sys/kernel/iommu_groups/{group}/type", kind)
        self.classes(f)
        if "lends" in f.values:
            lent = size(f.values["lends"])
            self.put(f"{path}/p2pmem/size", str(lent))
            self.put(f"{path}/p2pmem/available", str(size(f.values.get("free", f.values["lends"]))))
            self.put(f"{path}/p2pmem/published", "0" if "unpublished" in f.flags else "1")
            if self.kind == "p2pmem":
                self.put(f"{path}/p2pmem/quota", f.values.get("quota", "0"))

    def classes(self, f):
        below = f.path.removeprefix("sys/")
        if f.kind == "nvme" and f.name:
            self.links[f"sys/class/nvme/{f.name}"] = f"../../{below}/nvme/{f.name}"
            self.links[f"sys/class/block/{f.name}n1"] = f"../../{below}/nvme/{f.name}/{f.name}n1"
            if "cmb" in f.values:
                loc, sz = f.values["cmb"].split(",")
                self.put(f"{f.path}/nvme/{f.name}/cmb", f"cmbloc : 0x{loc:>08}\ncmbsz  : 0x{sz:>08}")
        elif f.kind in ("net", "ib", "conventional") and f.name:
            which = "infiniband" if re.match(r"mlx|irdma|bnxt_re", f.name) else "net"
            self.links[f"sys/class/{which}/{f.name}"] = f"../../{below}/{which}/{f.name}"
        if "net" in f.values:
            self.links[f"sys/class/net/{f.values['net']}"] = f"../../{below}/net/{f.values['net']}"

    # lines of the description
    def do_kernel(self, release, kind):
        self.kind = kind
        self.put("proc/sys/kernel/osrelease", release)
        if kind == "p2pmem":
            self.files.setdefault("sys/module/p2pdma/parameters/host_bridges", "\n")
            for module in ("p2pdma", "p2pmem_bar", "nvme", "nvmet", "nvmet_rdma", "ib_core"):
                self.put(f"sys/module/{module}/initstate", "live")
            for module in ("ib_core", "nvme", "nvmet", "p2pmem_bar"):
                self.links[f"sys/module/p2pdma/holders/{module}"] = f"../../{module}"
            self.links[f"lib/modules/{release}/updates/p2pmem/p2pdma.ko"] = "p2pdma.ko"
        elif kind in ("p2pdma", "neither"):
            self.put(f"boot/config-{release}", "CONFIG_PCI_P2PDMA=y" if kind == "p2pdma" else "")
            if kind == "neither":
                self.files[f"boot/config-{release}"] = ""

    def do_cpu(self, vendor, family, model, *guest):
        flags = "fpu sse2" + (" hypervisor" if "guest" in guest else "")
        self.put("proc/cpuinfo", f"processor\t: 0\nvendor_id\t: {vendor}\ncpu family\t: {family}\nmodel\t\t: {model}\n"
                 f"model name\t: a processor\nflags\t\t: {flags}")

    def do_cmdline(self, *words):
        self.put("proc/cmdline", " ".join(words))

    def do_host_bridges(self, entries):
        self.put("sys/module/p2pdma/parameters/host_bridges", entries)

    def do_iommu(self, kind):
        self.iommu = kind

    def do_user(self):
        self.user = True

    def do_file(self, path, *words):
        self.put(path, " ".join(words))

    def do_pair(self, *_):
        pass

    do_ns = do_use = do_drop = do_replace = do_pair

    def tables(self):
        """debugfs of p2pmem, and configfs"""
        pairs = [line.split()[1:] for line in self.lines if line.startswith("pair ")]
        if self.kind == "p2pmem" and self.user:
            self.errors["sys/kernel/debug"] = 13
        elif self.kind == "p2pmem":
            base = "sys/kernel/debug/p2pmem"
            lent = [f for f in self.functions if "lends" in f.values]
            self.put(f"{base}/providers", "\n".join(
                ["provider published state size available own pins quota"] +
                [f"{f.address} {int('unpublished' not in f.flags)} {f.values.get('state', 'live')} {size(f.values['lends'])} "
                 f"{size(f.values.get('free', f.values['lends']))} 0 0 0" for f in lent]))
            rows = ["provider bar offset size kind bus_address"]
            for f in lent:
                bar = int(f.values.get("lent_bar", max(f.ranges, key=lambda n: f.ranges[n][1])))
                rows.append(f"{f.address} {bar} 0x0 {size(f.values['lends'])} pool {f.ranges[bar][0]:#x}")
            self.put(f"{base}/regions", "\n".join(rows))
            rows = ["provider client reason mapping distance at proof by_admin age current grants"]
            counters = ["provider client maps unmaps bytes in_use peak failures"]
            for provider, client, reason, mapping, distance, at, proof, admin, *more in pairs:
                rows.append(f"{self.at(provider)} {self.at(client)} {reason} {mapping} {distance} {self.at(at)} {proof} {admin} 7 1 1")
                moved, peak, failures = (*more, "0", "0", "-")[:3] if len(more) < 3 else more
                counters.append(f"{self.at(provider)} {self.at(client)} {int(moved) // 4096} {int(moved) // 4096} "
                                f"{moved} 0 {peak if peak != '-' else 0} {failures}")
            self.put(f"{base}/paths", "\n".join(rows))
            self.put(f"{base}/counters", "\n".join(counters))
        for line in self.lines:
            word, *rest = line.split()
            if word == "ns":
                self.namespace(*rest)
            elif word == "use":
                nqn, nsid, controller, provider, *more = rest
                path = f"sys/kernel/config/nvmet/subsystems/{nqn}/namespaces/{nsid}/p2pmem_stats/provider"
                self.files[path] = self.files.get(path, "").lstrip("\n") + " ".join([controller, self.at(provider), *more]) + "\n"

    def namespace(self, nqn, nsid, device, p2pmem, verify, enabled, peer, system, *reasons):
        base = f"sys/kernel/config/nvmet/subsystems/{nqn}/namespaces/{nsid}"
        self.put(f"{base}/device_path", device)
        self.put(f"{base}/enable", enabled)
        self.put(f"{base}/p2pmem", self.at(p2pmem))
        if self.kind != "p2pmem":
            return
        self.put(f"{base}/p2pmem_verify", verify)
        self.put(f"{base}/p2pmem_prefer", "nearest")
        counts = dict(r.split("=") for r in reasons)
        for name, value in {"peer_bytes": peer, "system_bytes": system, "inline_bytes": "0",
                            "fallbacks": str(sum(map(int, counts.values()))), "not-verified": "0", "pool-full": "0",
                            **counts}.items():
            self.put(f"{base}/p2pmem_stats/{name}", value)
        self.files[f"{base}/p2pmem_stats/provider"] = ""

    def late_drop(self, pattern):
        for store in (self.files, self.links):
            for path in [p for p in store if re.search(pattern, p)]:
                del store[path]

    def late_replace(self, path, *words):
        path = re.sub(r"\{(\w+)\}", lambda m: self.names[m[1]].path, path)
        store = self.links if path in self.links else self.files
        store[path] = " ".join(words) + ("" if store is self.links else "\n")

    def write(self, out):
        out.write("p2pmem snapshot 1\n")
        for path, error in self.errors.items():
            out.write(f"E {path}\n {error}\n")
        for path in sorted(self.files | self.links):
            if path in self.links:
                out.write(f"L {path}\n {self.links[path]}\n")
            elif isinstance(self.files[path], bytes):
                data = self.files[path]
                out.write(f"X {path}\n {len(data)}\n")
                for at in range(0, len(data), 16):
                    row = data[at:at + 16].rstrip(b"\0")
                    if row:
                        out.write(f" {at:02x}: {row.hex(' ')}\n")
            else:
                out.write(f"F {path}\n" + "".join(f" {line}\n" for line in self.files[path].splitlines()))


def load(path):
    with open(path, encoding="utf-8") as f:
        return Machine(f.read())


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    load(sys.argv[1]).write(sys.stdout)
