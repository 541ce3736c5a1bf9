# SPDX-License-Identifier: GPL-2.0-only
"""
guests.py: the guests of "make bench", and how one is booted.

                 RC -+- 04.0 RP -- USP -+- DSP -- provider    ivshmem, BAR 2 is the pool
                     |                  +- DSP -- client      finds and maps
                     |                  `- DSP -- client
                     `- 05.0 RP -- client                     behind the host bridge

A guest of "find" has up to 64 providers, eight functions below a port. The module adds PCI functions
that have nothing to do with it. A guest of "e2e" has a drive and the test adapter for RDMA below the
same switch. The drive has no medium: it ends commands at once, and so the same way in every run.

Guests of "lines" and "e2e" run with the plugin count.so.
"""

import re
import subprocess
import sys
import time
from dataclasses import dataclass

KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30


@dataclass(frozen=True)
class Guest:
    """One guest: what the module measures, sizes of pools, and functions of PCI."""
    what: str
    pool: int = 128 * MIB
    providers: int = 1
    functions: int = 0
    cpus: int = 1

    @property
    def name(self):
        """A name for files and messages."""
        if self.what == "find":
            return f"find-{self.functions}"
        if self.what == "e2e":
            return f"e2e-{self.cpus}cpu"
        return f"{self.what}-{self.pool // MIB}M"

    @property
    def parameter(self):
        """The parameter of the module or the program in the guest, which prints it at its end."""
        return self.name if self.what == "find" else self.what

    @property
    def counted(self):
        """Whether it runs with the plugin."""
        return self.what in ("lines", "e2e")


GUESTS = [
    Guest("map"),
    Guest("pool", 128 * MIB),
    Guest("pool", 4 * GIB),
    Guest("lend", 64 * MIB),
    Guest("lend", 1 * GIB),
    Guest("find", 2 * MIB, providers=1, functions=16),
    Guest("find", 2 * MIB, providers=64, functions=256),
    Guest("find", 2 * MIB, providers=64, functions=1024),
    Guest("cpus", 128 * MIB, cpus=4),
    Guest("lines", 128 * MIB, cpus=2),
    Guest("e2e", 64 * MIB, cpus=1),
    Guest("e2e", 64 * MIB, cpus=2),
    Guest("pool", 64 * GIB),
]


def port(number, bus):
    """QEMU's arguments of a port of the switch."""
    return ["-device", f"xio3130-downstream,id=dsp{number},bus={bus},addr={number:x}.0,"
            f"chassis=2,slot={number + 10}"]


def provider(number, bus, where, size):
    """QEMU's arguments of a provider. Its memory is never touched, so it takes none of the host."""
    return ["-object", f"memory-backend-ram,id=mem{number},size={size},share=on,reserve=off",
            "-device", f"ivshmem-plain,bus={bus},memdev=mem{number},{where}"]


def devices(guest):
    """QEMU's arguments of the topology."""
    args = ["-device", "pcie-root-port,id=rp,bus=pcie.0,addr=4.0,chassis=1,slot=1",
            "-device", "pcie-root-port,id=far,bus=pcie.0,addr=5.0,chassis=1,slot=2",
            "-device", "x3130-upstream,id=usp,bus=rp"]
    if guest.what == "e2e":
        # the adapter reaches 32 bits; the firmware places so small a BAR below 4 GiB
        args += port(0, "usp") + port(1, "usp") + port(2, "usp") + port(3, "usp")
        args += ["-drive", "driver=null-co,size=256M,read-zeroes=on,if=none,id=medium",
                 "-device", "nvme,bus=dsp0,drive=medium,serial=plain0", *provider(0, "dsp1", "addr=0.0", guest.pool),
                 "-device", "lsi53c895a,bus=dsp2", "-device", "pci-ohci,bus=dsp3"]
        return args
    groups = (guest.providers + 7) // 8
    for i in range(groups + 2):
        args += port(i, "usp")
    for i in range(guest.providers):
        args += provider(i, f"dsp{i // 8}", f"addr=0.{i % 8},multifunction=on", guest.pool)
    args += ["-device", f"pci-ohci,bus=dsp{groups}", "-device", f"pci-ohci,bus=dsp{groups + 1}",
             "-device", "pci-ohci,bus=far"]
    return args


def initramfs(guest, directory, work):
    """Writes the guest's initramfs: its program and the modules that this loads."""
    e2e = guest.what == "e2e"
    items = [f"dir /{name} 755 0 0" for name in ("dev", "modules", "proc", "sys")]
    items += ["nod /dev/console 600 0 0 c 5 1", f"file /init {directory}/{'init-e2e' if e2e else 'init'} 755 0 0"]
    modules = directory / ("modules-e2e" if e2e else "modules")
    items += [f"file /modules/{m.name} {m} 644 0 0" for m in sorted(modules.iterdir())]
    (work / "initramfs.list").write_text("\n".join(items) + "\n")
    with open(work / "initramfs", "wb") as out:
        subprocess.run([directory / "kernel/usr/gen_init_cpio", work / "initramfs.list"], stdout=out, check=True)


def accelerator(guest, directory, work):
    """QEMU's arguments of how instructions are executed and counted."""
    if guest.what == "cpus":
        return ["-accel", "tcg,thread=multi"]
    args = ["-accel", "tcg,thread=single"]
    if guest.what != "lines":
        args += ["-icount", "shift=0,sleep=off"]
    if guest.counted:
        lines = ",lines=on" if guest.what == "lines" else ""
        args += ["-plugin", f"{directory.parent}/count.so,out={work}/count{lines}"]
    if guest.what == "e2e":
        args += ["-D", work / "trace.log"]
        for event in ("lsi_memcpy", "pci_nvme_map_addr", "port92_write"):
            args += ["-trace", event]
    return args


def boot(guest, directory):
    """
    Boots a guest with the kernel of a directory. Returns the fields of the lines that it printed, or
    None if it failed, and the file with its console.
    """
    work = directory / "run" / guest.name
    work.mkdir(parents=True, exist_ok=True)
    console = work / "console.log"
    initramfs(guest, directory, work)
    # p2pmem refuses a BAR whose struct pages need more than half of what is available
    memory = 512 * MIB + (guest.pool * guest.providers >> 6) * 9 // 4
    args = ["qemu-system-x86_64", "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
            "-M", "q35", "-cpu", "EPYC", "-m", str(memory // MIB), "-smp", str(guest.cpus),
            "-kernel", directory / "bzImage", "-initrd", work / "initramfs",
            # memory is cleared when it is allocated, as by default in Debian's kernels
            "-append", "console=ttyS0 loglevel=4 panic=-1 oops=panic nokaslr mitigations=off no_timer_check "
            f"init_on_alloc=1 rcupdate.rcu_cpu_stall_timeout=300 hugepages={guest.cpus if guest.what == 'e2e' else 0} bench={guest.parameter}",
            "-serial", f"file:{console}", *devices(guest), *accelerator(guest, directory, work)]
    console.unlink(missing_ok=True)
    begin = time.monotonic()
    with open(work / "qemu.log", "w", encoding="ascii") as log:
        try:
            done = subprocess.run(args, stdin=subprocess.DEVNULL, stdout=log, stderr=log, timeout=1800,
                                  check=False)
        except subprocess.TimeoutExpired:
            sys.exit(f"bench: {guest.name} on {directory.name} did not end in 30 minutes, see {console}")
    text = console.read_text(errors="replace") if console.exists() else ""
    lines = [line[line.find("bench"):].strip().split("|") for line in text.splitlines()
             if re.search(r"bench(-[a-z]+)?\|", line)]
    ends = [line[1:] for line in lines if line[0] == "bench-end"]
    if done.returncode or [guest.parameter, "0"] not in ends or any(end[-1] != "0" for end in ends):
        return None, console
    print(f"bench: {directory.name} {guest.name}: {time.monotonic() - begin:.0f} s", flush=True)
    return lines, console
