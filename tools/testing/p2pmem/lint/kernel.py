# SPDX-License-Identifier: GPL-2.0-only
"""Checks by scripts of the kernel source that read source files."""

import re

from project import TOP, WORK, Broken, Finding, c_files, digest, each, run, script, tracked


def checkpatch():
    """checkpatch.pl --strict"""
    tool = script("checkpatch.pl")
    files = c_files() + [f for f in tracked() if re.search(r"^drivers/.*/(Kconfig|Makefile)$", f)]

    def one(f):
        # no output for a file without findings
        status, out = run("perl", tool, "--no-tree", "--strict", "--terse", "--show-types", "-f", f)
        said = [[int(m[1]), m[2]] for m in
                re.finditer(rf"^{re.escape(f)}:(\d+): [A-Z]+:([A-Z_]+: .*)$", out, re.M)]
        return said if bool(said) == bool(status) else [[0, f"checkpatch failed: {out.strip()[:200]}"]]

    return each("checkpatch", files, digest(tool, script("spelling.txt"), script("const_structs.checkpatch")), one)


def kernel_doc():
    """kernel-doc -Wall -Werror"""
    tool = script("kernel-doc")

    def one(f):
        status, out = run("perl", tool, "-Wall", "-Werror", "-none", f)
        said = [[int(m[1]), m[2]] for m in re.finditer(r"^[^:\n]+:(\d+): ([a-z]+: .*)$", out, re.M)]
        return said if bool(said) == bool(status) else [[0, f"kernel-doc failed: {out.strip()[:200]}"]]

    return each("kernel-doc", c_files(), digest(tool), one)


def abi():
    """get_abi.pl validate"""
    tool = script("get_abi.pl")
    folder = TOP / "Documentation/ABI"
    # its exit status does not show errors
    out = run("perl", tool, "validate", "--dir", folder)[1]
    for path, line, text in re.findall(r"^Warning: file (\S+)#(\d+):\n((?:\t.*\n?)+)", out, re.M):
        yield Finding(path.removeprefix(f"{TOP}/"), int(line), "abi", " ".join(text.split()))
    rest = re.sub(r"^Warning: file \S+#\d+:\n(?:\t.*\n?)+", "", out, flags=re.M).strip()
    if rest:
        yield Finding("Documentation/ABI", 0, "abi", " ".join(rest.split()))
    # errors that it accepts as text of the entry above: a name without a colon, an incomplete entry
    for path in sorted(folder.glob("*/*")):
        have = ["What:"]
        for number, line in enumerate([*path.read_text().splitlines(), "What:"], 1):
            word = re.match(r"(What|Date|KernelVersion|Contact|Description|Users)\b(:?)", line)
            if not word:
                continue
            if not word[2]:
                yield Finding(str(path.relative_to(TOP)), number, "abi", f"{word[1]} without a colon")
            elif word[1] == "What" and have[-1] != "What:":
                for key in sorted({"Date:", "Contact:", "Description:"} - set(have)):
                    yield Finding(str(path.relative_to(TOP)), number, "abi", f"the entry above has no {key}")
                have = []
            have.append(word[0])
    # check that it reads the files: it must find the last What:
    names = re.findall(r"^What:\s+(\S+)$", "\n".join(p.read_text() for p in sorted(folder.glob("*/*"))), re.M)
    if not names:
        raise Broken("Documentation/ABI has no entries")
    last = names[-1].rsplit("/", 1)[-1]
    if last not in run("perl", tool, "search", "--dir", folder, re.escape(last))[1]:
        yield Finding("Documentation/ABI", 0, "abi", f"get_abi.pl does not find {last}: it reads no entries")


def tools():
    """the scripts report a file with faults"""
    bad = WORK / "bad.c"
    bad.write_text("/**\n * fn() - x\n * @b: is not there\n */\nint fn(int a)\n{\n  return(a) ;\n}\n")
    for name, command in (("checkpatch", ["perl", script("checkpatch.pl"), "--no-tree", "--strict", "-f", bad]),
                          ("kernel-doc", ["perl", script("kernel-doc"), "-Wall", "-Werror", "-none", bad]),
                          ("shellcheck", ["shellcheck", "-s", "sh", bad])):
        if not run(*command)[0]:
            yield Finding("tools/testing/p2pmem/lint/kernel.py", 0, "tools", f"{name} does not report the fault")


CHECKS = [checkpatch, kernel_doc, abi, tools]
