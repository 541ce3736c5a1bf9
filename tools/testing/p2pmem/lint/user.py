# SPDX-License-Identifier: GPL-2.0-only
"""
Checks of the command p2pmem (tools/pci/p2pmem), which is no module: the compiler with more warnings than its
Makefile has, sparse, and cppcheck. Files of drivers/pci/p2pdma that are compiled into it are checked as modules.
"""

import re
import subprocess

from build import compare
from project import FAULTS, TOP, WORK, Broken, digest, each, run, tracked

SOURCE = "tools/pci/p2pmem/"
OUT = WORK / "user"
WARNINGS = ["-Wall", "-Wextra", "-Wshadow", "-Wstrict-prototypes", "-Wmissing-prototypes", "-Wmissing-declarations",
            "-Wold-style-definition", "-Wunused-macros", "-Wpointer-arith", "-Wvla", "-Wundef", "-Wformat=2", "-Wno-format-truncation",
            "-Wduplicated-cond", "-Wduplicated-branches", "-Wlogical-op", "-Wnull-dereference", "-Wcast-align"]
COMMON = ["-std=gnu11", "-D_GNU_SOURCE", '-DP2PMEM_VERSION="1.0"']
# these two see the kernel's headers, as the Makefile has it: what is unused there is used in the module
BOTH_SIDES = ("evaluate.c", "kernel.c")
KERNEL = ["-I", str(OUT / "shims"), "-I", str(TOP / "include"), "-isystem", str(TOP / "drivers/pci/p2pdma"),
          "-include", str(TOP / SOURCE / "kernel.h"), "-Wno-unused-parameter", "-Wno-missing-prototypes",
          "-Wno-missing-declarations", "-Wno-unused-macros"]
# glibc's headers use attributes that sparse does not know, and sparse has no max_align_t
SPARSE = ["-Wno-unknown-attribute", "-Wno-transparent-union", "-Dmax_align_t=long double"]
CPPCHECK = ["--quiet", "--std=c11", "--enable=warning,performance,portability", "--inline-suppr",
            "--template={file}:{line}: warning: {message} [{id}]"]
LINE = re.compile(r"(\S+?):(\d+):(?:\d+:)? (?:fatal )?(?:warning|error): (.*)")


def sources():
    return [f for f in tracked() if f.startswith(SOURCE) and f.endswith(".c")]


def faults():
    return [f for f in tracked() if f.startswith(FAULTS + "user-") and f.endswith(".c")]


def flags(file):
    kernel = file.startswith(SOURCE) and file.rsplit("/", 1)[1] in BOTH_SIDES
    return COMMON + (KERNEL if kernel else ["-I", str(OUT / "include")])


def said(file, *command):
    """The findings of a tool in this file as [line, text]; a tool that fails and says nothing is broken."""
    status, out = run(*command)
    lines = []
    for text in out.splitlines():
        m = LINE.match(text)
        if m and m[1].removeprefix(f"{TOP}/") == file:
            lines.append([int(m[2]), m[3]])
        elif m and not m[1].startswith("/usr/"):
            # a header is reported with each file that includes it
            lines.append([0, f"{m[1].removeprefix(f'{TOP}/')}:{m[2]}: {m[3]}"])
    if status and not lines:
        raise Broken(f"{command[0]} of {file} failed: {out.strip()[:300]}")
    return lines


def compiled(file):
    return said(file, "gcc", *flags(file), *WARNINGS, "-O2", "-c", "-o", "/dev/null", file)


def sparse(file):
    more = [f for f in flags(file) if not f.startswith("-W")]
    return said(file, "sparse", *more, *SPARSE, file)


def cppcheck(file):
    return said(file, "cppcheck", *CPPCHECK, *(f for f in COMMON if f.startswith("-D")), "-I", SOURCE, file)


def user_space():
    """gcc with more warnings, sparse and cppcheck: every C file of the command p2pmem"""
    done = subprocess.run(["make", "-s", "-C", str(TOP / SOURCE), f"O={OUT}", f"{OUT}/shims/stamp"], check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        raise Broken(f"the headers for {SOURCE} cannot be made: {done.stdout.strip()[:300]}")
    headers = [TOP / f for f in tracked() if f.endswith(".h") and
               f.startswith((SOURCE, "include/linux/pci-p2pmem", "drivers/pci/p2pdma/"))]
    files, bad = sources(), faults()
    if not files or not bad:
        raise Broken("no source of the command was found, or no fault")
    found = []
    for name, tool in (("user-warnings", compiled), ("user-sparse", sparse), ("cppcheck", cppcheck)):
        key = digest(name, COMMON, KERNEL, WARNINGS, SPARSE, CPPCHECK, *headers)
        found += each(name, files + bad, key, tool)
    yield from (f for f in found if f.file not in bad)
    for f in bad:
        yield from compare(f, found)


CHECKS = [user_space]
