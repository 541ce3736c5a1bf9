# SPDX-License-Identifier: GPL-2.0-only
"""
Semantic patches for the files of modules: those of the kernel (scripts/coccinelle), and our invariants.

One spatch process applies a rule to all files that have changed; its output is cached. The name of an
invariant is the name of its file in this directory; faults/NAME.c violates it in the marked lines only.
"""

import re
import tempfile
from pathlib import Path

from build import compare
from project import FAULTS, HERE, TOP, WORK, Broken, Cache, Finding, both, digest, kernel_c_files, run, script

MACROS = HERE / "macros.h"
SPATCH = ["spatch", "-D", "report", "--very-quiet", "--no-show-diff", "--timeout", "120", "--macro-file", MACROS]
OURS = ["--no-includes", "--include-headers"]


def own():
    return sorted(HERE.glob("*.cocci"))


def rules():
    return [p.stem for p in own()] + ["faults"]


def options(rule):
    """Return the options that a semantic patch of the kernel needs."""
    m = re.search(r"^// *Options: *(.*)$", rule.read_text(), re.M)
    return m[1].split() if m else []


def spatch(rule, files, more):
    """Return the findings of one semantic patch, [file, line, text]... Any other output is an error."""
    # check each file separately, not all as one program
    with tempfile.NamedTemporaryFile("w", dir=WORK, prefix="groups.") as groups:
        groups.write("\n\n".join(files) + "\n")
        groups.flush()
        status, out = run(*SPATCH, *more, "-I", TOP / "include", "--cocci-file", rule, "--file-groups", groups.name)
    said = []
    for line in out.splitlines():
        m = re.match(r"([^:\s]+):(\d+):(?:\d+-\d+:)? (.*)", line)
        if m and m[1] in files:
            said.append([m[1], int(m[2]), m[3]])
        elif line.strip() and not re.match(r"warning: line \d+: should \w+ be a metavariable|Warning: ", line):
            status = status or 1
    if status:
        raise Broken(f"{rule.name}: spatch failed: {' '.join(out.split())[:300]}")
    return said


def sweep(name, patches, files, more):
    """Apply patches to all files, with the options more(patch). Return {patch: [[file, line, text]...]}."""
    cache = Cache(name)
    contents = {f: digest(f, TOP / f) for f in files}
    tool = digest(run("spatch", "--version")[1], MACROS)
    result = {}

    def one(patch):
        key = {f: digest(tool, patch, contents[f], " ".join(more(patch))) for f in files}
        missing = [f for f in files if cache.get(key[f]) is None]
        said = {f: [] for f in missing}
        if missing:
            for f, line, text in spatch(patch, missing, more(patch)):
                if [line, text] not in said[f]:
                    said[f].append([line, text])
        for f, lines in said.items():
            cache.put(key[f], lines)
        result[patch] = [[f, line, text] for f in files for line, text in sorted(cache.get(key[f]))]

    both(one, patches)
    cache.save()
    return result


def coccicheck():
    """the kernel's own semantic patches, mode report"""
    folder = script("coccinelle")
    # skip two that are written in OCaml and need its compiler
    patches = [p for p in sorted(Path(folder).rglob("*.cocci")) if "script:ocaml" not in p.read_text()]
    if not patches:
        raise Broken(f"{folder} has no semantic patches")
    for patch, said in sweep("coccicheck", patches, kernel_c_files(), options).items():
        for f, line, text in said:
            yield Finding(f, line, "coccicheck", f"{patch.relative_to(folder)}: {text}")


def invariants():
    """our own semantic patches, and whether each can fail"""
    wrong = [f"{FAULTS}{p.stem}.c" for p in own()]
    for f in wrong:
        if not (TOP / f).exists():
            raise Broken(f"{f} is missing: the rule is not proved to fail")
    files = kernel_c_files() + wrong
    seen = []
    for patch, said in sweep("invariants", own(), files, lambda patch: OURS).items():
        for f, line, text in said:
            if f in wrong:
                seen.append(Finding(f, line, patch.stem, text))
            else:
                yield Finding(f, line, patch.stem, text)
    for f in wrong:
        # findings of other rules in the same file are correct too
        yield from compare(f, [s for s in seen if s.rule == Path(f).stem])


def parse():
    """spatch can parse every function; no rule applies to one that it cannot parse"""
    files = kernel_c_files()
    cache = Cache("parse")
    tool = digest(run("spatch", "--version")[1], MACROS)
    keys = {f: digest(tool, f, TOP / f) for f in files}
    missing = [f for f in files if cache.get(keys[f]) is None]
    for f, said in zip(missing, both(bad_lines, missing)):
        cache.put(keys[f], said)
    cache.save()
    return [Finding(f, line, "parse", text) for f in files for line, text in cache.get(keys[f])]


def bad_lines(f):
    out = run("spatch", "--macro-file", MACROS, *OURS, "--parse-c", f)[1]
    if "NB total files = 1" not in out:
        raise Broken(f"spatch --parse-c {f} failed: {' '.join(out.split())[:200]}")
    text = (TOP / f).read_text().splitlines()
    # the body of a macro need not be valid C; spatch skips only the macro then
    return [[int(n), f"spatch cannot parse: {text[int(n) - 1].strip()}"] for macro, n in
            re.findall(r"^(.*)\nparse error *\n = File \"[^\"]*\", line (\d+),", out, re.M)
            if "found sync end of #define" not in macro]


CHECKS = [parse, coccicheck, invariants]
