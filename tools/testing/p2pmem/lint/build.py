# SPDX-License-Identifier: GPL-2.0-only
"""
Checks by compiling every C file of a module with W=1 and sparse, separately from "make modules".

The tree (BUILD/lint/tree) is a copy of the tree that "make modules" assembles: the distribution's
sources with our hooks, and our current files. Only objects of our files are built, and nothing is
linked. A file with findings leaves no object, so the next run compiles and reports it again.
"""

import os
import re
import shutil
import subprocess

from project import BUILD, FAULTS, HERE, MEASURE, TOP, WORK, Broken, Finding, digest, kernel, kernel_c_files, run, tracked

TREE = WORK / "tree"
OPTIONS = ["CONFIG_PCI_P2PMEM=m", "CONFIG_PCI_P2PMEM_BAR=m", "CONFIG_PCI_P2PMEM_SAMPLES=m",
           "CONFIG_PCI_P2PMEM_RDMA=y", "CONFIG_PCI_P2PMEM_NVME=y",
           "CONFIG_PCI_P2PMEM_NVMET=y", "CONFIG_PCI_P2PMEM_KUNIT_TEST=y"]
# also compile the suites, although a stock kernel has no KUnit to run them
FLAGS = "-Werror -DCONFIG_KUNIT=1 -DCONFIG_PCI_P2PMEM_KUNIT_TEST=1"
# headers of other directories that kernels.sh copies to the module that measures
BORROWED = ("tools/testing/p2pmem/tool/symbol.h", "tools/testing/p2pmem/bench/plugin/marker.h")
HEADERS = ("include/linux/pci-p2pdma.h", "include/linux/pci-p2pmem.h")


def stock():
    """The directory where "make modules" builds."""
    out = BUILD / "stock" / kernel()["KVER"]
    if not (out / "stage.hash").exists():
        raise Broken(f"{out}/stage is missing: run \"make modules\" first")
    return out


def sources():
    """The C files that are compiled."""
    return [f for f in kernel_c_files() + [f for f in tracked() if f.startswith(MEASURE)] if f.endswith(".c")]


def faults():
    """Files with faults that the build must report."""
    return [f for f in tracked() if f.startswith(FAULTS + "build-") and f.endswith(".c")]


def fault_headers():
    return [f for f in tracked() if f.startswith(FAULTS + "build-") and f.endswith(".h")]


def assemble():
    """Create the tree from the stage and from our files. Unchanged files keep their time stamps."""
    out = stock()
    env = kernel()
    own = [f for f in tracked() if f.startswith(("drivers/", "include/", "tools/testing/p2pmem/rnic/",
                                                 "tools/testing/p2pmem/tool/", MEASURE))] + faults() + fault_headers()
    # inputs of every object
    same = digest(env, OPTIONS, FLAGS, HERE / "sparse.sh", TOP / "Kbuild", out / "compat.h")
    mark = WORK / "tree.hash"
    if not mark.exists() or mark.read_text() != same:
        shutil.rmtree(TREE, ignore_errors=True)
        TREE.mkdir(parents=True)
        mark.write_text(same)
    for old in (TREE / "drivers/pci/p2pdma").rglob("*.[ch]"):
        if str(old.relative_to(TREE)) not in own:
            old.unlink()
    listed = WORK / "tree.list"
    listed.write_text("".join(f + "\n" for f in own))
    for command in (["rsync", "-rlp", "--checksum", f"{out}/stage/drivers/infiniband", f"{out}/stage/drivers/nvme",
                     f"{TREE}/drivers/"],
                    ["rsync", "-rlp", "--checksum", f"{out}/compat.h", f"{TREE}/"],
                    ["rsync", "-rlp", "--checksum", f"{out}/stage/compat", f"{TREE}/"],
                    ["rsync", "-lp", "--checksum", f"--files-from={listed}", f"{TOP}/", f"{TREE}/"],
                    ["rsync", "-lp", "--checksum", *(f"{TOP}/{f}" for f in BORROWED), f"{TREE}/{MEASURE}"]):
        (TREE / "drivers").mkdir(exist_ok=True)
        status, said = run(*command)
        if status:
            raise Broken(f"the copy of the sources failed: {said.strip()[:300]}")
    write(TREE / "Kbuild", (TOP / "Kbuild").read_text() + f"obj-m += {FAULTS} {MEASURE}\n")
    (TREE / FAULTS).mkdir(parents=True, exist_ok=True)
    write(TREE / FAULTS / "Kbuild", "".join(f"obj-m += {os.path.basename(f)[:-2]}.o\n" for f in faults()))
    return env


def write(path, text):
    if not path.exists() or path.read_text() != text:
        path.write_text(text)


def make(env, files):
    """Build the objects of files and return the output as lines."""
    command = ["make", "-k", "-C", env["KDIR"], f"M={TREE}", f"-j{os.cpu_count()}", "C=1", "W=1",
               f"CHECK={HERE}/sparse.sh", f"KCFLAGS={FLAGS}",
               # the check "kernel-doc" covers comments; symbol versions are left to the stock lane
               "cmd_checkdoc=", "CONFIG_MODVERSIONS=", "CONFIG_DEBUG_INFO=", "CONFIG_DEBUG_INFO_BTF_MODULES=",
               *OPTIONS, *(f[:-2] + ".o" for f in files)]
    clean = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")}
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, errors="replace",
                          env={**clean, "LINT_TREE": str(TREE), "LC_ALL": "C"})
    (WORK / "build.log").write_text(done.stdout)
    return done.stdout.splitlines()


def found(lines):
    """Return the findings of the compiler and of sparse."""
    seen = set()
    for line in lines:
        m = re.match(r"(sparse: )?(\S+?):(\d+):(?:\d+:)? (?:fatal )?(?:warning|error): (.*)", line)
        if not m:
            # a message without a line is about the command line
            if line not in seen and re.search(r"\b(error|warning|failed)\b", line) and \
                    not re.match(r"make|cc1: (all|some) warn|sparse: ", line):
                seen.add(line)
                yield Finding("Kbuild", 0, "W=1", line)
            continue
        file = m[2].removeprefix(f"{TREE}/")
        rule = "sparse" if m[1] else "W=1"
        text = re.sub(r"\[-Werror=(.*)\]", r"[-W\1]", m[4])
        if (file, m[3], rule, text) not in seen:
            seen.add((file, m[3], rule, text))
            yield Finding(file, int(m[3]), rule, text)


def deps(obj):
    """Return the sources and headers of an object, from the command file that kbuild saves."""
    try:
        text = (obj.parent / f".{obj.name}.cmd").read_text()
    except OSError:
        return []
    return re.findall(r"^  (?:\$\(wildcard )?(\S+?)\)? \\$", text, re.M)


def sees_both(obj):
    names = deps(obj)
    return all(any(n.endswith("/" + h) or n == h for n in names) for h in HEADERS)


def expected(file):
    """Return the findings that a file with faults must cause: its lines with a comment "lint: RULE"."""
    return [Finding(file, number, m[1], "") for number, line in enumerate((TOP / file).read_text().splitlines(), 1)
            for m in re.finditer(r"/\* lint: (\S+) \*/", line)]


def compare(file, findings):
    """Compare the findings in a file with faults to those that its comments announce."""
    want = {(f.line, f.rule) for f in expected(file)}
    have = {(f.line, f.rule) for f in findings if f.file == file}
    for line, rule in sorted(want - have):
        yield Finding(file, line, "faults", f"{rule} does not report this fault")
    for line, rule in sorted(have - want):
        yield Finding(file, line, "faults", f"{rule} reports this line, which has no fault")
    if not want:
        yield Finding(file, 0, "faults", "no line has a comment \"lint: RULE\"")


def compile_all():
    """Build missing objects of the C files of modules and return the output as lines."""
    env = assemble()
    return make(env, sources() + faults())


def building():
    """W=1 and sparse, every C file of a module"""
    lines = compile_all()
    files = sources()
    bad = faults()
    findings = list(found(lines))
    yield from (f for f in findings if f.file not in bad)
    if not any(f.file in files or f.file.endswith(".h") for f in findings):
        for f in files:
            if not (TREE / f).with_suffix(".o").exists():
                said = [line for line in lines if "***" in line or "rror" in line][:3]
                raise Broken(f"{f} was not compiled for an unknown reason: {' '.join(said)} (log: {WORK}/build.log)")
    for f in bad:
        # files in which other checks find something, but not the compiler
        if not re.search(r"/build-(both-headers|floor-\w+)\.c$", f):
            yield from compare(f, findings)


def headers():
    """no file sees both <linux/pci-p2pdma.h> and <linux/pci-p2pmem.h>: dependencies of all objects"""
    bad = FAULTS + "build-both-headers"
    count = 0
    for base in (stock() / "tree", TREE):
        for obj in sorted(base.rglob("*.o")):
            source = str(obj.relative_to(base))[:-2]
            count += bool(deps(obj))
            if source != bad and sees_both(obj):
                yield Finding(source + ".c", 0, "headers", f"includes both <{HEADERS[0][8:]}> and <{HEADERS[1][8:]}>")
    if not count:
        raise Broken("no object has a list of its headers")
    if not sees_both(TREE / f"{bad}.o"):
        yield Finding(bad + ".c", 0, "faults", "headers does not report this fault")


CHECKS = [building, headers]
