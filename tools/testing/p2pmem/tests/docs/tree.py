#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""
tree.py CHECK: compare README.md, tables and ABI entries to the sources.

  readme    README.md: make targets, links and paths
  shell     README.md: its commands parse; tools/packaging/README.rst installs the programs that units start
  guide     the table of reasons in the administrator's guide
  bridges   the table of host bridges there
  abi       every attribute and parameter has an entry in Documentation/ABI

Prints all errors; the exit status is 0 if there are none.
"""

import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
TOP = HERE.parents[4]


def reasons():
    text = (TOP / "include/linux/pci-p2pmem-reason.h").read_text().replace("\\\n", "")
    return re.findall(r'X\((\w+),\s*"([^"]+)",\s*(\w+),\s*"([^"]*)",\s*"([^"]*)"\)', text)


def readme():
    text = (TOP / "README.md").read_text()
    makefile = (TOP / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z][\w-]*):", makefile, re.M))
    # commands in backquotes, in headings, and in indented blocks
    named = set(re.findall(r"(?:`|^#+ |^    (?:sudo )?)make ([a-z][\w-]*)", text, re.M))
    if not {"demo", "check", "modules"} <= named:
        yield "README.md: make demo, make check or make modules is missing"
    yield from (f"README.md: make {t}: the Makefile has no such target" for t in sorted(named - targets))
    helped = set(re.findall(r"^#help   ([a-z][\w-]*) ", makefile, re.M))
    # a target that is a step of others needs no help text
    steps = set(re.findall(r"\$\(MAKE\) --no-print-directory ([\w-]+)", makefile))
    yield from (f"Makefile: help has no line for the target {t}" for t in sorted(targets - helped - steps - {"help"}))

    anchors = {re.sub(r"[^\w -]", "", h).strip().lower().replace(" ", "-") for h in re.findall(r"^#+ (.*)", text, re.M)}
    for link in re.findall(r"\]\(([^)]+)\)", text):
        if link.startswith("#"):
            if link[1:] not in anchors:
                yield f"README.md: no heading {link}"
        elif not link.startswith("http") and not (TOP / link).exists():
            yield f"README.md: {link} does not exist"
    for path in set(re.findall(r"(?<![\w/])(?:tools|Documentation|drivers|include)/[\w./-]*\w", text)):
        if not (TOP / path).exists():
            yield f"README.md: {path} does not exist"


def shell():
    """A shell can parse the commands of README.md; those of packaging install programs where units start them."""
    blocks = re.findall(r"^((?:    .*\n|\n(?=    ))+)", (TOP / "README.md").read_text(), re.M)
    if len(blocks) < 5:
        yield f"README.md: only {len(blocks)} blocks of commands found, expected more"
    for block in blocks:
        code = re.sub(r"^    ", "", block, flags=re.M)
        done = subprocess.run(["sh", "-n"], input=code, capture_output=True, text=True, check=False)
        # some shells only warn about an unterminated here-document
        if done.returncode or done.stderr or code.count("<<'END'") != len(re.findall(r"^END$", code, re.M)):
            yield f"README.md: the shell cannot parse this block: {done.stderr.strip() or code.splitlines()[0]}"
    page = "tools/packaging/README.rst"
    text = re.sub(r"^   ", "", (TOP / page).read_text(), flags=re.M)
    units = re.findall(r"cp (tools/packaging/\S+\.service) /etc/systemd/system/", text)
    if not units:
        yield f"{page}: no unit is copied"
    for unit in units:
        program = re.search(r"^ExecStart=(\S+)/(\S+)", (TOP / unit).read_text(), re.M)
        # install.sh brings the command that "make command" has built
        if (program[1], program[2]) == ("/usr/local/bin", "p2pmem") and \
                re.search(r"^make command\b(.|\n)*install\.sh install", text, re.M):
            continue
        if f"install tools/packaging/{program[2]} {program[1]}/" not in text:
            yield f"{page}: {unit} starts {program[1]}/{program[2]}, which no command installs"


def guide():
    page = "Documentation/admin-guide/p2pmem.rst"
    text = (TOP / page).read_text()
    rows = text.partition("\nReasons\n=======\n")[2].partition("\nBefore you trust")[0]
    named = re.findall(r"^([a-z-]+)  +\S", rows, re.M)
    want = [token for sym, token, *_ in reasons() if sym != "OK"]
    if not want:
        yield "include/linux/pci-p2pmem-reason.h: no reasons found"
    if named != want:
        yield f"{page}: the table of reasons differs from the header: {' '.join(set(named) ^ set(want)) or 'the order'}"


def bridges():
    """The built-in list of host bridges, and who forwards across them, in the guide."""
    page, source = "Documentation/admin-guide/p2pmem.rst", "drivers/pci/p2pdma/facts.c"
    rows = (TOP / page).read_text().partition("confirmed to Linux that they forward:\n")[2].partition("\nIf the vendor")[0]
    named, across = set(), False
    for row in rows.splitlines():
        # a row without text continues the one above
        across = across if row.startswith(" ") else "across host bridges" in row
        named |= {(i, across) for i in re.findall(r"[0-9a-f]{4}:(?:[0-9a-f]{4}|\*)", row)}
    vendors = {"PCI_VENDOR_ID_INTEL": "8086", "PCI_VENDOR_ID_NVIDIA": "10de"}
    want = set()
    for vendor, device, bits in re.findall(r"^\t\{ (\w+), (\w+), (\w+) \},", (TOP / source).read_text(), re.M):
        device = "*" if device == "P2PMEM_FACT_ANY" else device.removeprefix("0x")
        want.add((f"{vendors.get(vendor) or vendor.removeprefix('0x')}:{device}", bits == "P2PMEM_BOTH"))
    if len(want) < 10:
        yield f"{source}: its list is not found"
    for entry, _ in sorted(named ^ want):
        yield f"{page}: {entry} is not listed as in {source}"


def abi():
    folder = TOP / "Documentation/ABI/testing"
    what = {line.split()[1] for f in folder.iterdir() for line in f.read_text().splitlines() if line.startswith("What:")}

    def need(names, prefix, source):
        if not names:
            yield f"{source}: no attributes found: their definition may have changed"
        for name in sorted(names):
            if prefix + name not in what:
                yield f"{source}: {prefix}{name} has no entry in Documentation/ABI/testing"
        for entry in sorted(w for w in what if w.startswith(prefix) and w != prefix):
            if entry[len(prefix):] not in names:
                yield f"Documentation/ABI/testing: {entry}: {source} does not define it"

    source = "drivers/pci/p2pdma/sysfs.c"
    names = set(re.findall(r"DEVICE_ATTR_(?:R[OW]|WO)\((\w+)\)", (TOP / source).read_text()))
    yield from need(names, "/sys/bus/pci/devices/.../p2pmem/", source)
    source = "drivers/pci/p2pdma/bar.c"
    names = set(re.findall(r"^module_param(?:_cb)?\((\w+),", (TOP / source).read_text(), re.M))
    yield from need(names, "/sys/module/p2pmem_bar/parameters/", source)
    source = "drivers/nvme/target/p2pmem-ns.c"
    names = set(re.findall(r"^NVMET_P2PMEM_BYTES\((\w+)\);", (TOP / source).read_text(), re.M))
    names |= {r[1] for r in reasons() if r[0] != "OK"} | {"fallbacks"}
    names |= set(re.findall(r"\.ca_name = \"(\w+)\"", (TOP / source).read_text()))
    yield from need(names, "/sys/kernel/config/nvmet/subsystems/$nqn/namespaces/$nsid/p2pmem_stats/", source)


CHECKS = {f.__name__: f for f in (readme, shell, guide, bridges, abi)}

if __name__ == "__main__":
    if len(sys.argv) < 2 or sys.argv[1] not in CHECKS:
        sys.exit(__doc__)
    wrong = list(CHECKS[sys.argv[1]]())
    print("\n".join(wrong) + "\n" if wrong else "", end="")
    sys.exit(1 if wrong else 0)
