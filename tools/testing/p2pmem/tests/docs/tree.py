#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""
tree.py CHECK [ARGUMENT...]: what every file of the project must be.

  maintainers    F: lines of MAINTAINERS and files match each other
  root           what may stand in the topmost directory
  spdx           a license line in the first three lines
  length         at most 500 lines
  readme         README.md: make targets, links and paths, the table of reasons
  abi            every attribute and parameter has its entry in Documentation/ABI
  filter KIND    takes "FILE: MESSAGE" lines from standard input, passes what is no exception

Prints what is wrong; exit status 0 when nothing is. The exceptions stand in the file of that
name, beside this script.
"""

import fnmatch
import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
TOP = HERE.parents[4]
LIMIT = 500
ROOT = {".gitignore", ".ci", "COPYING", "Documentation", "Kbuild", "Kconfig", "MAINTAINERS", "Makefile",
        "README.md", "drivers", "include", "tools"}


def tracked():
    out = subprocess.run(["git", "-C", str(TOP), "ls-files", "-z"], check=True, capture_output=True).stdout
    return [f for f in out.decode().split("\0") if f and (TOP / f).is_file()]


class Exceptions:
    """The rows of one kind; which of them were needed."""

    def __init__(self, kind):
        self.rows, self.used = [], set()
        for line in (HERE / "exceptions").read_text().splitlines():
            if not line.strip() or line.startswith("#"):
                continue
            # an expression may have bars of its own: the ends are what is fixed
            row = [part.strip() for part in line.split(" |")]
            if len(row) < 4 or not row[-1]:
                sys.exit(f"exceptions: not check | file | expression | why: {line}")
            if row[0] == kind:
                self.rows.append((row[1], re.compile(" |".join(row[2:-1]))))

    def allow(self, name, message=""):
        for i, (file, expression) in enumerate(self.rows):
            if file == name and expression.fullmatch(message):
                self.used.add(i)
                return True
        return False

    def stale(self):
        return [f"{file}: exception \"{expression.pattern}\" is not needed any more: remove it"
                for i, (file, expression) in enumerate(self.rows) if i not in self.used]


def maintainers():
    """Titles in order, only known letters; both directions of F:."""
    files = tracked()
    matched, title, last = set(), None, ""
    for number, line in enumerate((TOP / "MAINTAINERS").read_text().splitlines(), 1):
        where = f"MAINTAINERS:{number}"
        if re.match(r"[A-Z]:", line) and not re.match(r"[MRLSWQBCPTFXNK]:\t\S", line):
            yield f"{where}: not a letter, a colon, a tab and a value"
        if re.fullmatch(r"[A-Z][A-Z0-9 ,()]+", line):
            if line < last:
                yield f"{where}: \"{line}\" stands after \"{last}\": titles are in order"
            title = last = line
        if not line.startswith("F:\t"):
            continue
        pattern = line[3:]
        if title is None:
            yield f"{where}: F: before the first title"
        if pattern.strip("*/") == "":
            yield f"{where}: {pattern} matches everything and so proves nothing"
        if pattern.endswith("/"):
            hits = {f for f in files if f.startswith(pattern)}
        else:
            hits = {f for f in files if fnmatch.fnmatch(f, pattern) and f.count("/") == pattern.count("/")}
        if not hits:
            yield f"{where}: {pattern} matches no file"
        matched |= hits
    yield from (f"{f}: no F: line of MAINTAINERS matches it" for f in files if f not in matched)


def root():
    found = {f.split("/")[0] for f in tracked()}
    yield from (f"{f}: not one of the few that stand at the top: {' '.join(sorted(ROOT))}" for f in sorted(found - ROOT))
    yield from (f"{f} is missing" for f in sorted(ROOT - found))


def spdx():
    allowed = Exceptions("spdx")
    for f in tracked():
        head = (TOP / f).read_bytes().split(b"\n")[:3]
        if not any(b"SPDX-License-Identifier: GPL-2.0-only" in line for line in head) and not allowed.allow(f):
            yield f"{f}: no SPDX-License-Identifier in the first three lines"
    yield from allowed.stale()


def length():
    allowed = Exceptions("length")
    for f in tracked():
        if f == "COPYING":
            continue
        lines = (TOP / f).read_bytes().count(b"\n")
        if lines > LIMIT and not allowed.allow(f):
            yield f"{f}: {lines} lines: divide it, or say in {HERE.name}/exceptions why not"
    yield from allowed.stale()


def reasons():
    text = (TOP / "include/linux/pci-p2pmem-reason.h").read_text().replace("\\\n", "")
    return re.findall(r'X\((\w+),\s*"([^"]+)",\s*(\w+),\s*"([^"]*)",\s*"([^"]*)"\)', text)


def readme():
    text = (TOP / "README.md").read_text()
    makefile = (TOP / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z][\w-]*):", makefile, re.M))
    # commands only: in backquotes, as headings, and in indented blocks
    named = set(re.findall(r"(?:`|^#+ |^    (?:sudo )?)make ([a-z][\w-]*)", text, re.M))
    if not {"demo", "check", "modules"} <= named:
        yield "README.md: does not name make demo, make check and make modules"
    yield from (f"README.md: make {t}: the Makefile has no such target" for t in sorted(named - targets))
    helped = set(re.findall(r"^#help   ([a-z][\w-]*) ", makefile, re.M))
    yield from (f"Makefile: help does not name the target {t}" for t in sorted(targets - helped - {"help"}))

    anchors = {re.sub(r"[^\w -]", "", h).strip().lower().replace(" ", "-") for h in re.findall(r"^#+ (.*)", text, re.M)}
    for link in re.findall(r"\]\(([^)]+)\)", text):
        if link.startswith("#"):
            if link[1:] not in anchors:
                yield f"README.md: there is no heading {link}"
        elif not link.startswith("http") and not (TOP / link).exists():
            yield f"README.md: {link} does not exist"
    for path in set(re.findall(r"(?<![\w/])(?:tools|Documentation|drivers|include)/[\w./-]*\w", text)):
        if not (TOP / path).exists():
            yield f"README.md: {path} does not exist"

    rows = re.findall(r"^\| `([\w-]+)` \| (.*) \| (.*) \|$", text, re.M)
    want = [(token, what, remedy) for sym, token, _, what, remedy in reasons() if sym != "OK"]
    if not want:
        yield "include/linux/pci-p2pmem-reason.h: no reasons found"
    yield from (f"README.md: the table of reasons lacks, or differs in: {' | '.join(r)}" for r in want if r not in rows)
    yield from (f"README.md: the table of reasons has: {' | '.join(r)}" for r in rows if r not in want)


def abi():
    folder = TOP / "Documentation/ABI/testing"
    what = {line.split()[1] for f in folder.iterdir() for line in f.read_text().splitlines() if line.startswith("What:")}

    def need(names, prefix, source):
        if not names:
            yield f"{source}: no attributes found: has their definition changed?"
        for name in sorted(names):
            if prefix + name not in what:
                yield f"{source}: {prefix}{name} has no entry in Documentation/ABI/testing"
        for entry in sorted(w for w in what if w.startswith(prefix) and w != prefix):
            if entry[len(prefix):] not in names:
                yield f"Documentation/ABI/testing: {entry}: {source} does not make it"

    source = "drivers/pci/p2pdma/sysfs.c"
    names = set(re.findall(r"DEVICE_ATTR_R[OW]\((\w+)\)", (TOP / source).read_text()))
    yield from need(names, "/sys/bus/pci/devices/.../p2pmem/", source)
    source = "drivers/pci/p2pdma/bar.c"
    names = set(re.findall(r"^module_param(?:_cb)?\((\w+),", (TOP / source).read_text(), re.M))
    yield from need(names, "/sys/module/p2pmem_bar/parameters/", source)
    source = "drivers/nvme/target/p2pmem-ns.c"
    names = set(re.findall(r"^NVMET_P2PMEM_BYTES\((\w+)\);", (TOP / source).read_text(), re.M))
    names |= {r[1] for r in reasons() if r[0] != "OK"} | {"fallbacks"}
    yield from need(names, "/sys/kernel/config/nvmet/subsystems/$nqn/namespaces/$nsid/p2pmem_stats/", source)


def filtered(kind):
    allowed = Exceptions(kind)
    for line in sys.stdin.read().splitlines():
        name, _, message = line.partition(": ")
        if not allowed.allow(name, message):
            yield line
    yield from allowed.stale()


CHECKS = {f.__name__: f for f in (maintainers, root, spdx, length, readme, abi)}
CHECKS["filter"] = filtered

if __name__ == "__main__":
    if len(sys.argv) < 2 or sys.argv[1] not in CHECKS:
        sys.exit(__doc__)
    wrong = list(CHECKS[sys.argv[1]](*sys.argv[2:]))
    print("\n".join(wrong) + "\n" if wrong else "", end="")
    sys.exit(1 if wrong else 0)
