# SPDX-License-Identifier: GPL-2.0-only
"""
Floors: a file calls files of lower floors only, and includes headers of its own or a lower floor only.

The comment at the head of a C file has a line " * Floor N." with the number of its floor; 0 is the lowest.
A symbol that is undefined in the object of one file and defined in the object of another file of the
same directory is a reference. The other file must have a lower floor, which also excludes cycles. Calls
to a higher floor use a table of function pointers, which has no symbol. The objects are those of build.py.

A header of the core has such a line, too. Its inline code belongs to the objects that include it, so
its text is searched: it may use symbols of its own or a lower floor only.
"""

import re

from build import TREE, compile_all
from project import FAULTS, MEASURE, TOP, Broken, Finding, run, tracked

# all files of these directories need a floor; in other directories it is optional
STRICT = ("drivers/pci/p2pdma/", "drivers/nvme/target/", "tools/testing/p2pmem/tool/", "tools/testing/p2pmem/rnic/", MEASURE)
OTHERS = ("drivers/infiniband/core/", "drivers/nvme/host/")
# all headers of this directory need a floor
CORE = "drivers/pci/p2pdma/"
# headers without a floor, which must have no code and include no header of their directory
EXEMPT = {
    CORE + "floors.h": "declares the functions of all floors; symbols show which of them a file uses",
}
# the files with faults that have no floor
NONE = (FAULTS + "build-floor-none.c", FAULTS + "build-floor-none.h")


def folder(file):
    return file.rpartition("/")[0] + "/"


def floor(text):
    """Return the floor in the comment at the head of a file, or None."""
    # the comment with the license of a header is not it
    head = re.sub(r"\A/\* SPDX[^\n]*\n", "", text).partition("*/")[0]
    found = re.findall(r"^ \* Floor (\d+)\.$", head, re.M)
    if len(found) > 1 or (found and "/*" not in head):
        return None
    return int(found[0]) if found else None


def wanted(file, text):
    """Return True if a file needs a floor. One that only creates trace points does not: they are no calls."""
    if file.startswith(FAULTS + "build-floor-"):
        return True
    if file.endswith(".h"):
        return folder(file) == CORE and file not in EXEMPT
    return folder(file) in STRICT and "#define CREATE_TRACE_POINTS" not in text


def symbols(objects):
    """Return {source file: (defined, undefined)}, the symbols of each object as nm lists them."""
    status, out = run("nm", "--print-file-name", "--format=posix", *objects.values())
    if status:
        raise Broken(f"nm failed: {' '.join(out.split())[:300]}")
    sources = {str(obj): file for file, obj in objects.items()}
    result = {file: (set(), set()) for file in objects}
    for line in out.splitlines():
        m = re.match(r"(\S+): (\S+) (\S)", line)
        if m and (m[3] in "Uvw" or m[3].isupper()):
            result[sources[m[1]]][m[3] in "Uvw"].add(m[2])
    for file, (defined, undefined) in result.items():
        if not defined and not undefined:
            raise Broken(f"nm lists no symbol of {file}")
    return result


def code_of(text):
    """Return the text without comments, each line where it was."""
    return re.sub(r"/\*.*?\*/|//[^\n]*", lambda m: re.sub(r"[^\n]", " ", m[0]), text, flags=re.S)


def line_of(text, symbol):
    """Return the line of the first use of a symbol, without comments and includes; 0 if a macro uses it."""
    code = code_of(text)
    at = re.search(rf"\b{re.escape(symbol)}\b", code)
    return code.count("\n", 0, at.start()) + 1 if at else 0


def included(file, text):
    """Return the headers of its own directory that a file includes: {header: line}."""
    return {folder(file) + m[1]: text.count("\n", 0, m.start()) + 1
            for m in re.finditer(r'^#include "([^"/]+\.h)"', text, re.M)}


def bodies(text):
    """Return the bodies of the functions in a header, each line where it was."""
    code = re.sub(r"[^\n]", " ", text)
    for m in re.finditer(r"^[^\s#][^;{}]*\)\n\{\n(.*?)^\}", code_of(text), re.M | re.S):
        code = code[:m.start(1)] + m[1] + code[m.end(1):]
    return code


def read_floors(files):
    """Return {file: text} and {file: floor}, and the findings of files without the floor that they need."""
    texts = {f: (TOP / f).read_text() for f in files}
    numbers, findings = {}, []
    for f, text in texts.items():
        number = floor(text)
        if number is not None:
            numbers[f] = number
        elif wanted(f, text):
            findings.append(Finding(f, 0, "floors", "the comment at the head has no line \" * Floor N.\", or several"))
    return texts, numbers, findings


def above(texts, numbers):
    """Report includes of headers of a higher floor, and exempt headers that are more than declarations."""
    for f, text in texts.items():
        if f in EXEMPT:
            if bodies(text).strip():
                yield Finding(f, 0, "floors", "has code, but no floor")
            for header, line in included(f, text).items():
                yield Finding(f, line, "floors", f"includes {header}, but has no floor")
        for header, line in included(f, text).items() if f in numbers else ():
            if numbers.get(header, 0) > numbers[f]:
                yield Finding(f, line, "floors", f"is on floor {numbers[f]}, but includes a header of floor {numbers[header]}")


def reach(texts, numbers, homes):
    """Report symbols of a higher floor in the code of headers."""
    for f in sorted(f for f in numbers if f.endswith(".h")):
        code = bodies(texts[f])
        for s in sorted(set(re.findall(r"\w+", code))):
            home = homes.get((folder(f), s))
            if home and numbers[home] > numbers[f]:
                yield Finding(f, line_of(code, s), "floors",
                              f"{s} is used on floor {numbers[f]}, but {home.rpartition('/')[2]} is on floor {numbers[home]}")


def up(files):
    """Report references and includes to files that are not on a lower floor, and files without their floor."""
    texts, numbers, findings = read_floors(files)
    yield from findings
    yield from above(texts, numbers)
    objects = {f: (TREE / f).with_suffix(".o") for f in numbers if f.endswith(".c")}
    for f, obj in objects.items():
        if not obj.exists():
            raise Broken(f"{f} was not compiled: see the findings of \"building\"")
    if not objects:
        return
    table = symbols(objects)
    homes = {(folder(f), s): f for f, (defined, _) in table.items() for s in defined}
    yield from reach(texts, numbers, homes)
    for f, (_, undefined) in table.items():
        for s in sorted(undefined):
            home = homes.get((folder(f), s))
            if home and numbers[home] >= numbers[f]:
                yield Finding(f, line_of(texts[f], s), "floors",
                              f"{s}() is used on floor {numbers[f]}, but {home.rpartition('/')[2]} is on floor {numbers[home]}")


def floors():
    """a file calls lower floors only: symbols of all objects, and includes"""
    files = [f for f in tracked() if f.endswith((".c", ".h")) and folder(f) in STRICT + OTHERS and
             not f.endswith(("-kunit.c", "_kunit.c"))]
    bad = [f for f in tracked() if f.startswith(FAULTS + "build-floor-") and f.endswith((".c", ".h"))]
    compile_all()
    yield from up(files)
    yield from blind(bad, list(up(bad)))


def blind(bad, findings):
    """Compare the findings in files with faults to those that their comments announce."""
    want = {(f, number) for f in bad for number, line in enumerate((TOP / f).read_text().splitlines(), 1)
            if "/* lint: floors */" in line} | {(f, 0) for f in NONE}
    have = {(f.file, f.line) for f in findings}
    for file, line in sorted(want - have):
        yield Finding(file, line, "faults", "floors does not report this fault")
    for file, line in sorted(have - want):
        yield Finding(file, line, "faults", "floors reports this line, which has no fault")


CHECKS = [floors]
