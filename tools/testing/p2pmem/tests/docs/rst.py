#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""
rst.py CHECK [ARGUMENT...]: the documentation against the sources.

  directives KERNEL-DOC   every kernel-doc directive finds what it names, and every function that
                          the core exports is in the documentation
  references              pages and files that are named exist; index.rst names every page
  syntax                  docutils reads every page without a complaint
  examples DIRECTORY      writes each C example there, example1.c and so on, with a Kbuild

Prints what is wrong; exit status 0 when nothing is.
"""

import re
import subprocess
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parents[5]
PAGES = sorted((TOP / "Documentation").glob("**/*.rst"))
CORE = TOP / "drivers/pci/p2pdma"


def directives_of(page):
    """(file, option, value) of each kernel-doc directive."""
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
        return None, f"option {option} is not known here"
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
        yield "no directives or no exports: nothing was checked"
    # what inline functions of the header stand for: not to be called
    hidden = {"pci_p2pmem_lending", "__is_pci_p2pmem_page", "__pci_p2pmem_sg_kind"}
    for name in sorted(exports - hidden):
        if not re.search(rf"c:function:: .*\b{name}\b", shown):
            yield f"{name}() is exported and in no page of Documentation"


def references():
    for page in PAGES:
        where, text = page.relative_to(TOP), page.read_text()
        for name in set(re.findall(r"(?<![\w/])(?:Documentation|drivers|include|tools)/[\w./-]*\w", text)):
            # "drivers/nvme/target/p2pmem*.c" is named as "drivers/nvme/target/p2pmem"
            if not (TOP / name).exists() and not any((TOP / name).parent.glob(Path(name).name + "*")):
                yield f"{where}: {name} does not exist"
        for name in set(re.findall(r"\b(pci_p2pmem_\w+)\(\)", text)):
            if name not in (TOP / "include/linux/pci-p2pmem.h").read_text():
                yield f"{where}: {name}() is not declared in the header"
    index = TOP / "Documentation/PCI/p2pmem/index.rst"
    listed = set(re.findall(r"^   ([\w-]+)$", index.read_text(), re.M))
    there = {p.stem for p in index.parent.glob("*.rst")} - {"index"}
    yield from (f"{index.relative_to(TOP)}: toctree and pages differ: {n}" for n in sorted(listed ^ there))


def syntax():
    from docutils import core, io
    from docutils.parsers.rst import Directive, directives as known

    class Stub(Directive):
        has_content, optional_arguments, final_argument_whitespace = True, 9, True
        option_spec = dict.fromkeys(("doc", "export", "identifiers", "functions", "maxdepth"), known.unchanged)

        def run(self):
            return []

    known.register_directive("kernel-doc", Stub)
    known.register_directive("toctree", Stub)
    for page in PAGES:
        log = io.StringOutput(encoding="unicode")
        log.write = lambda text: complaints.append(text.strip())
        complaints = []
        core.publish_doctree(page.read_text(), source_path=str(page.relative_to(TOP)),
                             settings_overrides={"report_level": 1, "halt_level": 5, "warning_stream": log})
        yield from complaints


def examples(folder):
    number = 0
    for page in PAGES:
        for block in re.findall(r"^\.\. code-block:: c\n\n((?:(?:[ \t].*)?\n)+)", page.read_text(), re.M):
            number += 1
            code = re.sub(r"^   ", "", block, flags=re.M).rstrip()
            Path(folder, f"example{number}.c").write_text(f"// from {page.relative_to(TOP)}\n{code}\n")
    Path(folder, "Kbuild").write_text("".join(f"obj-m += example{i + 1}.o\n" for i in range(number)))
    if number < 3:
        yield f"{number} examples found: there are more"


CHECKS = {f.__name__: f for f in (directives, references, syntax, examples)}

if __name__ == "__main__":
    if len(sys.argv) < 2 or sys.argv[1] not in CHECKS:
        sys.exit(__doc__)
    wrong = list(CHECKS[sys.argv[1]](*sys.argv[2:]))
    print("\n".join(wrong) + "\n" if wrong else "", end="")
    sys.exit(1 if wrong else 0)
