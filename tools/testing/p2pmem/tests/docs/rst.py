#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""
rst.py CHECK [ARGUMENT...]: compare the documentation to the sources.

  directives KERNEL-DOC   the names in kernel-doc directives exist, and the documentation has every
                          function that the core exports
  references              referenced pages and files exist; index.rst lists every page
  examples                C code in pages is included from files that are built and run by a test
  complete KERNEL-DOC     exports, enumerations and trace events have kernel-doc comments
  quotes                  log lines in pages match formats in the sources

Prints all errors; the exit status is 0 if there are none.
"""

import re
import subprocess
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parents[5]
PAGES = sorted((TOP / "Documentation").glob("**/*.rst")) + sorted((TOP / "tools/testing/p2pmem").glob("*.rst"))
CORE = TOP / "drivers/pci/p2pdma"
GUEST = TOP / "tools/testing/p2pmem/tests/guest"
# exports that only inline functions of the header use
HIDDEN = {"pci_p2pmem_lending", "__is_pci_p2pmem_page", "__pci_p2pmem_sg_check"}


def directives_of(page):
    """Yield (file, option, value) for each kernel-doc directive."""
    file = None
    for line in page.read_text().splitlines():
        found = re.match(r"\.\. kernel-doc:: (\S+)", line)
        option = re.match(r"   :(\w+):\s*(.*)", line)
        if found:
            file = found[1]
        elif option and file:
            yield file, option[1], option[2]
        elif line and not line.startswith(" "):
            file = None


def kernel_doc(script, file, option, value):
    call = ["perl", script, "-rst", "-sphinx-version", "3.4.3"]
    if option == "export":
        call += ["-export"]
    elif option == "doc":
        call += ["-function", value]
    elif option in ("identifiers", "functions"):
        for name in value.split():
            call += ["-function", name]
    else:
        return None, f"unknown option {option}"
    run = subprocess.run([*call, str(TOP / file)], capture_output=True, text=True, check=False)
    return run.stdout, run.stderr.strip()


def directives(script):
    shown, seen = "", 0
    for page in PAGES:
        where = page.relative_to(TOP)
        for file, option, value in directives_of(page):
            seen += 1
            if not (TOP / file).exists():
                yield f"{where}: {file} does not exist"
                continue
            text, complaint = kernel_doc(script, file, option, value)
            if complaint:
                yield f"{where}: {file}: {complaint}"
            if not text or not text.strip():
                yield f"{where}: {file} has nothing for :{option}: {value}"
            for name in value.split() if option == "identifiers" else []:
                if text and not re.search(rf"\b{name}\b", text):
                    yield f"{where}: {file} does not describe {name}"
            shown += text or ""
    exports = {name for f in CORE.glob("*.c") for name in re.findall(r"^EXPORT_SYMBOL_GPL\((\w+)\)", f.read_text(), re.M)}
    if not seen or not exports:
        yield "no directives or no exports found"
    for name in sorted(exports - HIDDEN):
        if not re.search(rf"c:function:: .*\b{name}\b", shown):
            yield f"{name}() is exported, but no page of Documentation has it"


def references():
    for page in PAGES:
        where, text = page.relative_to(TOP), page.read_text()
        for name in set(re.findall(r"(?<![\w/])(?:Documentation|drivers|include|tools)/[\w./-]*\w", text)):
            # "drivers/nvme/target/p2pmem*.c" is found as "drivers/nvme/target/p2pmem"
            if not (TOP / name).exists() and not any((TOP / name).parent.glob(Path(name).name + "*")):
                yield f"{where}: {name} does not exist"
        for name in set(re.findall(r"\b(pci_p2pmem_\w+)\(\)", text)):
            if name not in (TOP / "include/linux/pci-p2pmem.h").read_text():
                yield f"{where}: {name}() is not declared in the header"
    index = TOP / "Documentation/PCI/p2pmem/index.rst"
    listed = set(re.findall(r"^   ([\w-]+)$", index.read_text(), re.M))
    there = {p.stem for p in index.parent.glob("*.rst")} - {"index"}
    yield from (f"{index.relative_to(TOP)}: toctree and pages differ: {n}" for n in sorted(listed ^ there))


def examples():
    """Pages contain no C code; they include source files that "make modules" builds."""
    seen = 0
    makefile = (CORE / "Makefile").read_text()
    for page in PAGES:
        where, text = page.relative_to(TOP), page.read_text()
        if re.search(r"^\.\. code-block:: c$", text, re.M):
            yield f"{where}: C code in a page: include it from a file that is built"
        for name in re.findall(r"^\.\. literalinclude:: (\S+)", text, re.M):
            file = (page.parent / name).resolve()
            seen += 1
            if not file.exists():
                yield f"{where}: {name} does not exist"
            elif file.suffix == ".c" and f"{file.parent.name}/{file.stem}.o" not in makefile:
                yield f"{where}: {name} is not built by {CORE.name}/Makefile"
            elif file.suffix == ".c" and not any(file.stem in f.read_text() for f in GUEST.glob("*.sh")):
                yield f"{where}: no test of {GUEST.relative_to(TOP)} loads {name}"
    if seen < 3:
        yield f"only {seen} included examples found, expected more"


def documented(text, kind):
    """Return the names of structures, enumerations or functions with a kernel-doc comment."""
    return set(re.findall(rf"^/\*\*\n \* {kind}(\w+)(?:\(\))? - ", text, re.M))


def complete(script):
    """Every export, enumeration and trace event has a kernel-doc comment without warnings."""
    headers = sorted((TOP / "include").rglob("*p2pmem*.h"))
    sources = [f for d in ("drivers/pci/p2pdma", "drivers/nvme", "drivers/infiniband") for f in (TOP / d).rglob("*.c")
               if not f.stem.endswith("kunit") and f.parent.name != "tests"]
    counts = {"exports": 0, "enumerations": 0, "events": 0}
    for f in sources:
        text = f.read_text()
        for name in re.findall(r"^EXPORT_SYMBOL(?:_GPL)?\((\w+)\)", text, re.M):
            counts["exports"] += 1
            # the slow path of an inline function, or a key that it tests: documented in the header
            if name not in documented(text, "") and name not in HIDDEN:
                yield f"{f.relative_to(TOP)}: {name}() is exported and has no kernel-doc comment"
    for f in headers:
        text = f.read_text()
        for name in re.findall(r"^enum (\w+) \{", text, re.M):
            counts["enumerations"] += 1
            if name not in documented(text, "enum "):
                yield f"{f.relative_to(TOP)}: enum {name} has no kernel-doc comment"
        for name in re.findall(r"^(?:TRACE|DEFINE)_EVENT\((?:\w+, )?(\w+)", text, re.M):
            counts["events"] += 1
            if name not in documented(text, "") and f"trace_{name}" not in documented(text, ""):
                yield f"{f.relative_to(TOP)}: trace event {name} has no kernel-doc comment"
            if not re.search(rf"^{name} ", (TOP / "Documentation/admin-guide/p2pmem.rst").read_text(), re.M):
                yield f"trace event {name} is not in Documentation/admin-guide/p2pmem.rst"
    yield from (f"no {what} found" for what, n in counts.items() if not n)
    for f in headers:
        done = subprocess.run(["perl", script, "-none", str(f)], capture_output=True, text=True, check=False)
        yield from (line for line in done.stderr.splitlines()
                    # kernel-doc does not expand the macro that defines the values
                    if "warning:" in line and "pci-p2pmem-reason.h" not in line)


def quotes():
    """The constant words of each log line in a page must be in a format string of the sources."""
    texts = [re.sub(r'"\s*\n?\s*"', "", f.read_text()) for d in ("drivers", "include") for f in (TOP / d).rglob("*.[ch]")]
    seen = 0
    for page in [*PAGES, TOP / "README.md"]:
        for line in re.findall(r"^ +((?:nvmet|p2pmem-bar|p2pdma|nvme\d*)(?: [\w:.]+)?: .*)$", page.read_text(), re.M):
            seen += 1
            words = re.sub(r"^[\w-]+(?: [\w:.]+)?: ", "", line)
            # split at numbers and addresses, which replace conversions of the format
            parts = [p.strip(" ,;") for p in re.split(r"\w{4}:\w\w:\w\w\.\w|0x\w+|\b\d+\b|\.\.\.", words)]
            for part in parts:
                if len(part) > 3 and not any(part in text for text in texts):
                    yield f"{page.relative_to(TOP)}: no source has \"{part}\" of the line: {line}"
    if not seen:
        yield "no log lines found: their format may have changed"


CHECKS = {f.__name__: f for f in (directives, references, examples, complete, quotes)}

if __name__ == "__main__":
    if len(sys.argv) < 2 or sys.argv[1] not in CHECKS:
        sys.exit(__doc__)
    wrong = list(CHECKS[sys.argv[1]](*sys.argv[2:]))
    print("\n".join(wrong) + "\n" if wrong else "", end="")
    sys.exit(1 if wrong else 0)
